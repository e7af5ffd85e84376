"""Batches of views, their loss, and the small training of the whole network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from photosim.model.network import SHALLOW_FEATURES, TRUNK_FEATURES, DeepRanking, fold
from photosim.training.early import Pixels, early_runner
from photosim.training.photos import PhotoSet, find_photos
from photosim.training.sampling import SamplingSettings, TripletSampler
from photosim.training.things import ThingBatch, ThingBatches, ThingLoss, ThingPairLoss, ThingPart
from tests.made_photos import make_photos

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> PhotoSet:
    root = tmp_path_factory.mktemp("photos")
    for name in ("red", "blue"):
        (root / name).mkdir()
        make_photos(root / name, 4)
    return find_photos(root)


@pytest.fixture
def batches(photos: PhotoSet) -> ThingBatches:
    return batches_of(photos)


def batches_of(photos: PhotoSet) -> ThingBatches:
    sampler: TripletSampler[int] = TripletSampler(
        lambda i, j: 0.5, SamplingSettings(), np.random.default_rng(0), views=True
    )
    for number, category in enumerate(photos.categories):
        sampler.offer(number, category, 1.5)
    return ThingBatches(photos, sampler, batch=4, size=64, seed=3, threads=2)


def first(batches: ThingBatches, step: int) -> ThingBatch:
    iterator = batches(step)
    try:
        return next(iterator)
    finally:
        iterator.close()


def test_a_batch_has_two_views_of_each_photo_and_no_photo_twice(batches: ThingBatches) -> None:
    batch = first(batches, 0)
    assert len(set(batch.photos.tolist())) == len(batch.photos) == 4
    assert batch.mild.shape == batch.hard.shape == (4, 64, 64, 3)
    assert batch.mild.dtype == batch.hard.dtype == np.uint8


def test_a_batch_depends_on_seed_and_step_alone(photos: PhotoSet) -> None:
    """A resumed training sees what the interrupted one would have seen."""
    straight = batches_of(photos)(0)
    third = [next(straight) for _ in range(3)][2]
    straight.close()
    resumed = first(batches_of(photos), 2)
    assert np.array_equal(third.photos, resumed.photos)
    assert np.array_equal(third.hard, resumed.hard)


class Colours(nn.Module):
    """Stands for a part: the mean colour as an embedding."""

    def forward(self, early: Tensor, pixels: Tensor) -> Tensor:
        return nn.functional.normalize(pixels.float().mean(dim=(1, 2)) - 100)


def plain(*colours: tuple[int, int, int]) -> Pixels:
    return np.stack([np.full((8, 8, 3), colour, np.uint8) for colour in colours])


def no_early(pixels: Pixels) -> Tensor:
    return torch.zeros(len(pixels), 1)


def test_views_that_find_their_photos_cost_nothing_and_confused_ones_do() -> None:
    red, blue = (250, 0, 0), (0, 0, 250)
    loss = ThingLoss(no_early, margin=0.3, softness=0.1, memory=0)
    right = ThingBatch(np.array([1, 2]), plain(red, blue), plain(red, blue))
    wrong = ThingBatch(np.array([1, 2]), plain(red, blue), plain(blue, red))
    assert float(loss(Colours(), right)) == 0
    assert float(loss(Colours(), wrong)) > 0.3


def test_earlier_batches_are_remembered_as_negatives_but_not_the_photo_itself() -> None:
    red, blue, also_red = (250, 0, 0), (0, 0, 250), (250, 10, 0)
    remembered = ThingBatch(np.array([1, 2]), plain(also_red, blue), plain(also_red, blue))
    asked = ThingBatch(np.array([3, 4]), plain(red, blue), plain(red, blue))
    fresh, used = (ThingLoss(no_early, 0.3, 0.05, memory) for memory in (8, 8))
    used(Colours(), remembered)
    assert float(used(Colours(), asked)) > float(fresh(Colours(), asked)) + 0.01
    same = ThingLoss(no_early, 0.3, 0.05, 8)
    same(Colours(), ThingBatch(np.array([3, 4]), plain(also_red, blue), plain(also_red, blue)))
    assert float(same(Colours(), asked)) == 0


def test_memory_is_bounded() -> None:
    loss = ThingLoss(no_early, 0.3, 0.05, memory=3)
    for start in range(0, 20, 2):
        loss(
            Colours(),
            ThingBatch(
                np.array([start, start + 1]), plain((250, 0, 0), (0, 0, 250)), plain((250, 0, 0), (0, 0, 250))
            ),
        )
    assert loss._memory is not None and len(loss._memory) == 3


def test_early_maps_are_the_same_by_either_runtime() -> None:
    torch.manual_seed(0)
    network = DeepRanking((8, 8, 8, 8))
    fold(network)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    by_graph = early_runner(network.early, 64, CPU, threads=1)(pixels)
    with torch.inference_mode():
        by_torch = network.early((torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127) / 128)
    torch.testing.assert_close(by_graph, by_torch, rtol=1e-3, atol=1e-3)


def test_a_part_gives_unit_embeddings_and_learns_on_every_path(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = DeepRanking((8, 8, 8, 8))
    fold(network)
    # Folding leaves parameters that ask for no gradient.
    part = ThingPart(network, 16).requires_grad_(True)
    weight = np.random.default_rng(0).normal(size=(16, TRUNK_FEATURES)).astype(np.float32)
    part.begin_with(weight, np.zeros(16, np.float32))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), np.uint8)
    rows = part(early_runner(network.early, 256, CPU, threads=1)(pixels).clone(), torch.from_numpy(pixels))
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(2))
    (rows * torch.randn(2, 16)).sum().backward()
    for name, parameter in part.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    assert part.embedding.in_features == TRUNK_FEATURES + 2 * SHALLOW_FEATURES


def test_pairs_can_be_compared_with_triplets() -> None:
    red, blue = (250, 0, 0), (0, 0, 250)
    loss = ThingPairLoss(no_early, margin=1.0)
    right = ThingBatch(np.array([1, 2]), plain(red, blue), plain(red, blue))
    wrong = ThingBatch(np.array([1, 2]), plain(red, blue), plain(blue, red))
    assert float(loss(Colours(), right)) == pytest.approx(0, abs=1e-5)
    assert float(loss(Colours(), wrong)) > 0.5
