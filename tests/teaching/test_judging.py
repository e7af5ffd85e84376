"""The figure of the comparison: how many kept-back answers are ranked right, and what that is worth."""

from __future__ import annotations

import numpy as np
import pytest

from photosim.model.embedding import Embedding
from photosim.search.query import weigh
from photosim.teaching.judging import (
    Judgement,
    Verdict,
    effective_count,
    judge,
    judgement_of,
    ranked_right,
    sign_test,
    wilson,
)


def embedding(features: int = 16, parts: tuple[int, int] = (6, 5), seed: int = 0) -> Embedding:
    random = np.random.default_rng(seed)
    kind, thing = (random.normal(size=(size, features)).astype(np.float32) for size in parts)
    return Embedding((kind, thing), (np.zeros(parts[0], np.float32), np.zeros(parts[1], np.float32)))


def photos(count: int, features: int = 16, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, features)).astype(np.float16)


def judged(before: str, after: str) -> Judgement:
    """Of answers ranked right (+) and wrong (-)."""
    return judgement_of(*(np.array([sign == "+" for sign in signs]) for signs in (before, after)))


@pytest.mark.parametrize("focus", [0.0, 0.35, 1.0])
def test_an_answer_is_right_where_the_ranking_of_the_anchor_has_its_photos_in_that_order(
    focus: float,
) -> None:
    model, features = embedding(), photos(40)
    triplets = np.random.default_rng(1).permuted(np.tile(np.arange(40), (200, 1)), axis=1)[:, :3]
    rows = model(features)
    similarity = weigh(rows, model.parts, focus) @ rows.T
    expected = [similarity[a, p] > similarity[a, n] for a, p, n in triplets]
    assert ranked_right(model, focus, features, triplets).tolist() == expected
    assert 20 < sum(expected) < 180


def test_two_copies_are_never_ranked_right_whichever_comes_first() -> None:
    model, features = embedding(), photos(12)
    features[1:] = features[1]
    triplets = np.array([(0, 3, 11), (0, 11, 3), (0, 1, 2)])
    assert not ranked_right(model, 0.5, features, triplets).any()


def test_the_model_that_orders_the_answers_is_seen_to_be_better() -> None:
    """The first feature decides what the user means; only the second model looks at it."""
    features = np.zeros((60, 3), np.float16)
    features[:, 0] = np.repeat([1, -1], 30)
    features[:, 1:] = np.random.default_rng(2).normal(size=(60, 2))
    none = np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
    blind, seeing = (
        Embedding((np.array(weight, np.float32), none[0]), (np.zeros(2, np.float32), none[1]))
        for weight in ([[0, 1, 0], [0, 0, 1]], [[9, 1, 0], [0, 0, 1]])
    )
    triplets = np.stack([np.arange(0, 24), np.arange(1, 25), np.arange(31, 55)], axis=1)
    judgement = judge(blind, 0.5, seeing, 0.5, features, triplets)
    assert judgement.kept_back == judgement.right_after == 24
    assert judgement.right_before < 24 and judgement.lost == 0
    assert judgement.gained == 24 - judgement.right_before
    assert judgement.improved and judgement.verdict is Verdict.BETTER
    back = judge(seeing, 0.5, blind, 0.5, features, triplets)
    assert back.verdict is Verdict.WORSE and not back.improved


def test_the_range_is_wilsons() -> None:
    assert wilson(19, 24) == pytest.approx((0.5953, 0.9076), abs=5e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=5e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=5e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_answers_about_one_photo_count_as_one_observation() -> None:
    before, after = np.zeros(12, np.bool_), np.ones(12, np.bool_)
    apart = judgement_of(before, after)
    together = judgement_of(before, after, np.repeat([4, 9], 6))
    assert apart.verdict is Verdict.BETTER and together.verdict is Verdict.PERHAPS
    assert (together.gained, together.lost, together.right_after) == (2, 0, 12)
    assert together.low == pytest.approx(wilson(2, 2)[0]) and together.low < apart.low
    assert effective_count(np.array([1, 1, 1])) == 3.0
    assert effective_count(np.array([8, 1, 1])) == pytest.approx(100 / 66)


def test_the_range_holds_the_true_share_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    seen = random.binomial(24, 0.75, size=4000)
    held = [low <= 0.75 <= high for low, high in (wilson(int(right), 24) for right in seen)]
    assert 0.92 < np.mean(held) < 0.98


def test_the_sign_test_is_exact() -> None:
    assert sign_test(0, 0) == 1.0
    assert sign_test(5, 0) == pytest.approx(2 / 32)
    assert sign_test(6, 0) == pytest.approx(2 / 64)
    assert sign_test(8, 1) == sign_test(1, 8) == pytest.approx(2 * (1 + 9) / 512)
    assert sign_test(4, 4) == 1.0


def test_the_verdict_tells_luck_from_a_difference() -> None:
    assert judged("------++++", "++++++++++").verdict is Verdict.BETTER
    assert judged("--++++++++", "++++++++++").verdict is Verdict.PERHAPS
    assert judged("-+++", "+-++").verdict is Verdict.SAME
    assert judged("++++", "+++-").verdict is Verdict.WORSE
    moved = judged("---+++", "++++--")
    assert (moved.gained, moved.lost, moved.improved) == (3, 2, True)
    assert moved.chance == 1.0 and moved.verdict is Verdict.PERHAPS


def test_few_or_no_answers_judge_nothing() -> None:
    nothing = judge(embedding(), 0.5, embedding(seed=1), 0.5, photos(3), np.zeros((0, 3), np.int64))
    assert nothing == Judgement(0, 0, 0, 0.0, 1.0, 0, 0)
    assert nothing.few and not nothing.improved and nothing.verdict is Verdict.SAME
    assert judged("----", "++++").few and not judged("-----", "+++++").few
