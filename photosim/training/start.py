"""Where a training starts: the trunk that ImageNet taught, in both parts, and what its features tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import read_bytes, read_photo
from photosim.model.card import ModelCard
from photosim.model.network import SHARED_BLOCKS, TRUNK_FEATURES, DeepRanking, LateBlocks, fold
from photosim.model.torch_runtime import load_network
from photosim.training.early import Early, Pixels
from photosim.training.photos import PhotoSet
from photosim.training.views import mild_view, random_part

Floats = npt.NDArray[np.float32]

_BATCH = 16


def network_of(card: ModelCard, feature_sizes: tuple[int, int, int, int], seed: int) -> DeepRanking:
    """The network of two parts, folded, each part's late blocks those of a model of one pooled trunk.

    Shallow paths and reductions are random. Raises ModelError where the model's weights are damaged.
    """
    torch.manual_seed(seed)
    network = DeepRanking(feature_sizes)
    fold(network)
    pretrained = load_network(card).state_dict()
    weights = network.state_dict()
    for name, tensor in pretrained.items():
        for ours in _names(name):
            weights[ours] = tensor
    network.load_state_dict(weights)
    return network


def _names(name: str) -> list[str]:
    """Where a tensor of a single trunk belongs in the network of two parts."""
    rest = name.removeprefix("trunk.")
    pieces = rest.split(".")
    if pieces[0] == "stem":
        return [f"early.{rest}"]
    if pieces[0] == "blocks":
        number = int(pieces[1])
        if number < SHARED_BLOCKS:
            return [f"early.{rest}"]
        rest = ".".join(("blocks", str(number - SHARED_BLOCKS), *pieces[2:]))
    return [f"{part}.{rest}" for part in ("kind", "thing")]


def whole_pixels(photos: PhotoSet, numbers: Sequence[int], shape: NetworkInput, threads: int) -> Pixels:
    """These photos as the application shows them to the network, uint8 [N, S, S, 3]."""

    def read(number: int) -> Pixels:
        return read_photo(read_bytes(photos.paths[number]), shape).pixels

    with ThreadPoolExecutor(threads) as pool:
        return np.stack(list(pool.map(read, numbers)))


def part_pixels(
    photos: PhotoSet, numbers: Sequence[int], shape: NetworkInput, threads: int, seed: int
) -> Pixels:
    """A random part of each of these photos, uint8 [N, S, S, 3], the same for the same seed."""

    def read(number: int) -> Pixels:
        rng = np.random.default_rng([seed, number])
        return mild_view(random_part(photos.read(number), rng), rng, shape.size)

    with ThreadPoolExecutor(threads) as pool:
        return np.stack(list(pool.map(read, numbers)))


def pooled_features(
    late: nn.Module,
    early: Early,
    count: int,
    pixels: Callable[[range], Pixels],
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Floats:
    """The pooled maps of late blocks, float32 [count, 1280], of what `pixels` reads of photos by number."""
    rows = np.empty((count, TRUNK_FEATURES), np.float32)
    for start in range(0, count, _BATCH):
        numbers = range(start, min(start + _BATCH, count))
        rows[numbers.start : numbers.stop] = pooled(late, early(pixels(numbers)))
        progress(numbers.stop, count)
    return rows


def pooled(late: nn.Module, maps: Tensor) -> Floats:
    """Early maps [N, 112, h, w] to pooled features float32 [N, 1280]."""
    assert isinstance(late, LateBlocks)
    with torch.inference_mode():
        result: Floats = late(maps).mean(dim=(2, 3)).float().cpu().numpy()
    return result
