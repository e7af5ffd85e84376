"""The figure by which a training of the thing part is stopped: hard views that find their photos.

On photos of categories the training never sees; what the frozen early blocks give of them is kept, so that
a measurement runs the late blocks alone.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from photosim.imaging.network_input import NetworkInput
from photosim.training.early import Early, Pixels
from photosim.training.photos import PhotoSet
from photosim.training.start import whole_pixels
from photosim.training.views import hard_view

_BATCH = 32


class HardViewRecall:
    """Recall@1: the share of hard views, `queries` evenly over the photos, whose nearest photo is theirs."""

    def __init__(
        self, photos: PhotoSet, early: Early, shape: NetworkInput, queries: int, seed: int, threads: int
    ) -> None:
        rng = np.random.default_rng(seed)
        chosen = np.linspace(0, len(photos) - 1, min(queries, len(photos))).astype(np.int64)
        backgrounds = rng.integers(0, len(photos), len(chosen))
        views = [
            hard_view(photos.read(number), photos.read(background), rng, shape.size)
            for number, background in zip(chosen.tolist(), backgrounds.tolist(), strict=True)
        ]
        self._wanted = torch.from_numpy(chosen)
        self._queries = _kept(early, np.stack(views))
        gallery = []
        for start in range(0, len(photos), _BATCH):
            numbers = range(start, min(start + _BATCH, len(photos)))
            gallery += _kept(early, whole_pixels(photos, numbers, shape, threads))
        self._gallery = gallery

    def __call__(self, module: nn.Module) -> float:
        queries, gallery = (_embedded(module, batches) for batches in (self._queries, self._gallery))
        nearest = (queries @ gallery.T).argmax(dim=1).cpu()
        return float((nearest == self._wanted).float().mean())


def _kept(early: Early, pixels: Pixels) -> list[tuple[Tensor, Tensor]]:
    """Early maps in half precision and pixels, in batches, where they were made."""
    pieces = [pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH)]
    return [(early(piece).half(), torch.from_numpy(piece)) for piece in pieces]


def _embedded(module: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> Tensor:
    rows = [
        module(early.float().contiguous(memory_format=torch.channels_last), pixels.to(early.device))
        for early, pixels in batches
    ]
    return torch.cat(rows)
