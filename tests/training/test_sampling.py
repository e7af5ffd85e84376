"""Triplets come as often as the formulae say, from memory that does not grow with the stream."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from photosim.training.sampling import SamplingSettings, Triplet, TripletSampler, WeightedReservoir


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def counted(sampler: TripletSampler[int], draws: int) -> list[Triplet[int]]:
    source = rng(1)
    return [triplet for triplet in (sampler.draw(source) for _ in range(draws)) if triplet is not None]


def test_a_reservoir_of_one_keeps_items_by_their_weight() -> None:
    weights = [1.0, 2.0, 3.0, 4.0]
    kept: Counter[int] = Counter()
    source = rng()
    for _ in range(20_000):
        reservoir: WeightedReservoir[int] = WeightedReservoir(1, source)
        for item, weight in enumerate(weights):
            reservoir.offer(item, weight)
        kept.update(reservoir)
    shares = [kept[item] / 20_000 for item in range(4)]
    assert shares == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.015)


def test_a_reservoir_of_two_keeps_what_drawing_without_replacement_keeps() -> None:
    weights = np.array([1.0, 2.0, 5.0])
    kept: Counter[int] = Counter()
    source = rng()
    for _ in range(20_000):
        reservoir: WeightedReservoir[int] = WeightedReservoir(2, source)
        for item, weight in enumerate(weights):
            reservoir.offer(item, float(weight))
        kept.update(reservoir)
    shares = weights / weights.sum()
    expected = [
        shares[i] + sum(shares[j] * shares[i] / (1 - shares[j]) for j in range(3) if j != i) for i in range(3)
    ]
    assert [kept[item] / 20_000 for item in range(3)] == pytest.approx(expected, abs=0.015)


def test_a_reservoir_holds_no_more_than_its_capacity_of_a_long_stream() -> None:
    reservoir: WeightedReservoir[int] = WeightedReservoir(7, rng())
    for item in range(10_000):
        reservoir.offer(item, 1.0)
    assert len(reservoir) == len(set(reservoir)) == 7


def test_what_weighs_nothing_is_not_kept_and_tiny_weights_are() -> None:
    reservoir: WeightedReservoir[str] = WeightedReservoir(3, rng())
    reservoir.offer("nothing", 0.0)
    reservoir.offer("tiny", 1e-300)
    assert list(reservoir) == ["tiny"]
    with pytest.raises(ValueError, match="at least one"):
        WeightedReservoir(0, rng())


def relevance(i: int, j: int) -> float:
    """Of numbers below ten in a row: the nearer, the more."""
    return 1 / (1 + abs(i - j))


def sampler_of(settings: SamplingSettings, views: bool = False) -> TripletSampler[int]:
    """Category "a" holds 0 to 9, "b" 10 to 19, "c" 20 to 39."""
    sampler: TripletSampler[int] = TripletSampler(relevance, settings, rng(), views=views)
    for name, members in {"a": range(10), "b": range(10, 20), "c": range(20, 40)}.items():
        for item in members:
            sampler.offer(item, name, sum(relevance(item, other) for other in members if other != item))
    return sampler


def category(item: int) -> str:
    return "a" if item < 10 else "b" if item < 20 else "c"


def test_positives_come_in_proportion_to_their_relevance() -> None:
    triplets = counted(sampler_of(SamplingSettings(out_of_class=1.0)), 60_000)
    of_zero = Counter(triplet.positive for triplet in triplets if triplet.anchor == 0)
    total = sum(of_zero.values())
    expected = {item: relevance(0, item) for item in range(1, 10)}
    scale = sum(expected.values())
    for item, chance in expected.items():
        assert of_zero[item] / total == pytest.approx(chance / scale, abs=0.03)


def test_anchors_and_their_positives_share_a_category() -> None:
    for triplet in counted(sampler_of(SamplingSettings(out_of_class=0.5)), 2000):
        assert category(triplet.anchor) == category(triplet.positive)
        assert triplet.anchor != triplet.positive != triplet.negative


def test_anchors_come_from_every_buffer_and_evenly_within_it() -> None:
    triplets = counted(sampler_of(SamplingSettings(out_of_class=1.0)), 30_000)
    anchors = Counter(triplet.anchor for triplet in triplets)
    names = Counter(category(triplet.anchor) for triplet in triplets)
    for name in "abc":
        assert names[name] / len(triplets) == pytest.approx(1 / 3, abs=0.02)
    for item in range(10):
        assert anchors[item] / names["a"] == pytest.approx(0.1, abs=0.02)


def test_negatives_out_of_class_come_evenly_from_all_other_buffers() -> None:
    triplets = counted(sampler_of(SamplingSettings(out_of_class=1.0)), 30_000)
    others = Counter(triplet.negative for triplet in triplets if category(triplet.anchor) == "a")
    assert set(others) == set(range(10, 40))
    for item in range(10, 40):
        assert others[item] / sum(others.values()) == pytest.approx(1 / 30, abs=0.01)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0])
def test_the_ratio_says_how_many_negatives_are_out_of_class(ratio: float) -> None:
    # Views always have a positive, so that no draw is lost on the way.
    settings = SamplingSettings(out_of_class=ratio, relevance_margin=0.1)
    triplets = counted(sampler_of(settings, views=True), 5000)
    foreign = [category(triplet.anchor) != category(triplet.negative) for triplet in triplets]
    assert np.mean(foreign) == pytest.approx(ratio, abs=0.03)


def test_negatives_in_class_are_less_relevant_by_the_margin() -> None:
    settings = SamplingSettings(out_of_class=0.0, relevance_margin=0.2)
    triplets = counted(sampler_of(settings), 3000)
    assert triplets
    for triplet in triplets:
        assert category(triplet.negative) == category(triplet.anchor)
        closer = relevance(triplet.anchor, triplet.positive)
        assert relevance(triplet.anchor, triplet.negative) <= closer - 0.2 + 1e-12


def test_relevance_counts_no_more_than_its_cap() -> None:
    """Capped at a quarter, the three nearest are as likely as each other."""
    settings = SamplingSettings(out_of_class=1.0, relevance_cap=0.25)
    triplets = counted(sampler_of(settings), 60_000)
    of_zero = Counter(triplet.positive for triplet in triplets if triplet.anchor == 0)
    total = sum(of_zero.values())
    expected = {item: min(0.25, relevance(0, item)) for item in range(1, 10)}
    for item, chance in expected.items():
        assert of_zero[item] / total == pytest.approx(chance / sum(expected.values()), abs=0.03)


def test_a_view_is_the_anchors_own_positive() -> None:
    for triplet in counted(sampler_of(SamplingSettings(out_of_class=0.5), views=True), 2000):
        assert triplet.anchor == triplet.positive != triplet.negative


def test_a_draw_that_cannot_be_accepted_is_dropped() -> None:
    sampler: TripletSampler[int] = TripletSampler(lambda i, j: 0.0, SamplingSettings(tries=20), rng())
    assert sampler.draw(rng()) is None
    sampler.offer(1, "a", 1.0)
    sampler.offer(2, "a", 1.0)
    assert sampler.draw(rng()) is None  # no relevant positive
    alone: TripletSampler[int] = TripletSampler(relevance, SamplingSettings(out_of_class=1.0), rng())
    alone.offer(1, "a", 1.0)
    alone.offer(2, "a", 1.0)
    assert all(alone.draw(rng()) is None for _ in range(20))  # no other buffer


def test_memory_is_bounded_by_the_buffers() -> None:
    sampler: TripletSampler[int] = TripletSampler(relevance, SamplingSettings(capacity=5), rng())
    for item in range(5000):
        sampler.offer(item, "ab"[item % 2], 1.0)
    assert len(sampler) == 10
