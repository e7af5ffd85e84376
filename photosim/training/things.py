"""Training the part that knows things again: its late blocks, the shallow paths, its linear embedding.

The views of one photo are the most relevant to each other; whatever photo a triplet's negative is, its views
must be farther away. Look-alikes of the anchor's own category are drawn as negatives on purpose.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from photosim.errors import PhotosimError
from photosim.model.network import SHALLOW_FEATURES, TRUNK_FEATURES, DeepRanking, scaled
from photosim.training.early import Early, Pixels
from photosim.training.losses import contrastive, expected_triplet_hinge, squared_distances
from photosim.training.photos import PhotoSet
from photosim.training.sampling import TripletSampler
from photosim.training.views import hard_view, mild_view, random_part

PREFETCHED = 3
# Chance that a photo is cut before its two views are made: a part of a photo is a thing of its own.
CUT_FIRST = 0.4
# The standard deviation of the embedding's weights at the start.
START_SCALE = 0.04


class ThingPart(nn.Module):
    """What of the network is trained for things: early maps and pixels to unit embeddings [N, d]."""

    def __init__(self, network: DeepRanking, dimensions: int) -> None:
        """Shares its late blocks and shallow paths with `network`, folded."""
        super().__init__()
        self.late = network.thing
        self.fine = network.fine
        self.coarse = network.coarse
        self.embedding = nn.Linear(TRUNK_FEATURES + 2 * SHALLOW_FEATURES, dimensions)

    def begin_with(self, weight: npt.NDArray[np.float32], bias: npt.NDArray[np.float32]) -> None:
        """Begin with a linear embedding of the late blocks' unit features, weight [d, 1280] and bias [d];
        the shallow paths begin with little say.
        """
        scale = START_SCALE / float(np.std(weight))
        with torch.no_grad():
            self.embedding.weight.normal_(0, START_SCALE / 2)
            self.embedding.weight[:, :TRUNK_FEATURES] = scale * torch.as_tensor(weight)
            self.embedding.bias.copy_(scale * torch.as_tensor(bias))

    def paths(self, early: Tensor, pixels: Tensor) -> list[Tensor]:
        """Each path's pooled features [N, ...], not yet brought to unit norm."""
        x = scaled(pixels, torch.float32)
        return [self.late(early).mean(dim=(2, 3)), self.fine(x), self.coarse(x)]

    def forward(self, early: Tensor, pixels: Tensor) -> Tensor:
        """Early maps float [N, 112, S/16, S/16] and pixels uint8 [N, S, S, 3] to float [N, d]."""
        rows = torch.cat([functional.normalize(path) for path in self.paths(early, pixels)], dim=1)
        return functional.normalize(self.embedding(rows))


@dataclass(frozen=True)
class ThingBatch:
    """Of each photo a mild view and a hard one, uint8 [N, S, S, 3]; `photos` int64 [N] are their numbers."""

    photos: npt.NDArray[np.int64]
    mild: Pixels
    hard: Pixels


class ThingBatches:
    """Makes batches beside the training: decoding and views need no lock of Python's."""

    def __init__(
        self, photos: PhotoSet, sampler: TripletSampler[int], batch: int, size: int, seed: int, threads: int
    ) -> None:
        self._photos = photos
        self._sampler = sampler
        self._batch = batch
        self._size = size
        self._seed = seed
        self._threads = threads

    def __call__(self, step: int) -> Generator[ThingBatch, None, None]:
        """The batches from `step` on, the same for the same seed whatever was made before."""
        with ThreadPoolExecutor(self._threads) as pool:
            waiting: deque[Future[ThingBatch]] = deque()
            try:
                for number in itertools.count(step):
                    waiting.append(pool.submit(self._make, number))
                    if len(waiting) > PREFETCHED:
                        yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _make(self, step: int) -> ThingBatch:
        rng = np.random.default_rng([self._seed, step])
        numbers = self._draw(rng)
        photos = [self._photos.read(number) for number in numbers]
        mild, hard = [], []
        for place, photo in enumerate(photos):
            background = photos[(place + int(rng.integers(1, len(photos)))) % len(photos)]
            if rng.random() < CUT_FIRST:
                photo = random_part(photo, rng)
            mild.append(mild_view(photo, rng, self._size))
            hard.append(hard_view(photo, background, rng, self._size))
        return ThingBatch(np.array(numbers, np.int64), np.stack(mild), np.stack(hard))

    def _draw(self, rng: np.random.Generator) -> list[int]:
        """Anchors and negatives of triplets until the batch is full, none twice."""
        numbers: dict[int, None] = {}
        for _ in range(20 * self._batch):
            triplet = self._sampler.draw(rng)
            if triplet is not None:
                numbers[triplet.anchor] = None
                numbers[triplet.negative] = None
            if len(numbers) >= self._batch:
                break
        if len(numbers) < 2:
            raise PhotosimError("too few photos to train on: every category needs several, some alike")
        return list(numbers)[: self._batch]


class ThingLoss:
    """Triplets within a batch, and with a memory of earlier batches' mild views as further negatives
    (Wang et al. 2020, "Cross-Batch Memory for Embedding Learning"). The memory is no part of a checkpoint: a
    training that is gone on with fills it anew, which takes `memory / batch` steps.
    """

    def __init__(self, early: Early, margin: float, softness: float, memory: int) -> None:
        self._early = early
        self._margin = margin
        self._softness = softness
        self._size = memory
        self._memory: Tensor | None = None
        self._owners = torch.zeros(0, dtype=torch.int64)

    def __call__(self, module: nn.Module, batch: ThingBatch) -> Tensor:
        pixels = np.concatenate((batch.mild, batch.hard))
        early = self._early(pixels)
        rows = module(early, torch.from_numpy(pixels).to(early.device)).float()
        mild, hard = rows.chunk(2)
        owners = torch.from_numpy(batch.photos).to(early.device)
        others = owners[:, None] != owners[None, :]
        if self._memory is None:
            self._memory = mild.new_zeros((0, mild.shape[1]))
            self._owners = self._owners.to(early.device)
        negatives = torch.cat((mild, self._memory))
        allowed = torch.cat((others, owners[:, None] != self._owners[None, :]), dim=1)
        found = expected_triplet_hinge(hard, mild, negatives, allowed, self._margin, self._softness)
        finds = expected_triplet_hinge(mild, hard, hard, others, self._margin, self._softness)
        self._memory = torch.cat((mild.detach(), self._memory))[: self._size]
        self._owners = torch.cat((owners, self._owners))[: self._size]
        return (found + finds) / 2


class ThingPairLoss:
    """The contrastive loss over the same batches, to compare: each hard view with its photo's mild view, and
    with the nearest mild view of another photo in the batch.
    """

    def __init__(self, early: Early, margin: float) -> None:
        self._early = early
        self._margin = margin

    def __call__(self, module: nn.Module, batch: ThingBatch) -> Tensor:
        pixels = np.concatenate((batch.mild, batch.hard))
        early = self._early(pixels)
        mild, hard = module(early, torch.from_numpy(pixels).to(early.device)).float().chunk(2)
        own = torch.eye(len(mild), dtype=torch.bool, device=mild.device)
        nearest = squared_distances(hard.detach(), mild.detach()).masked_fill(own, torch.inf).argmin(dim=1)
        same = torch.cat((mild.new_ones(len(mild)), mild.new_zeros(len(mild))))
        return contrastive(hard.repeat(2, 1), torch.cat((mild, mild[nearest])), same, self._margin)
