"""Training the part that knows kinds: its linear embedding alone, held near what the trunk knows.

A network tuned on the classes of one collection forgets those of all others, and even a projection trained
on class labels alone ranks new collections worse. So the late blocks of this part stay as ImageNet taught
them, and triplets move the embedding a little way from principal components of their features.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from photosim.training.losses import triplet_hinge
from photosim.training.sampling import TripletSampler

Floats = npt.NDArray[np.float32]
Triplets = npt.NDArray[np.int64]

MARGIN = 0.1
# How much the squared distance from the start weighs, against the hinge.
HOLD = 1.0


class KindPart(nn.Module):
    """A linear embedding of unit features, held near its start."""

    def __init__(self, weight: Floats, bias: Floats) -> None:
        """`weight` [d, F] and `bias` [d]; both are scaled alike, so that embeddings have norms near 1."""
        super().__init__()
        self.embedding = nn.Linear(weight.shape[1], weight.shape[0])
        self.register_buffer("start", torch.from_numpy(weight).clone(), persistent=False)
        self.start: Tensor
        with torch.no_grad():
            self.embedding.weight.copy_(self.start)
            self.embedding.bias.copy_(torch.from_numpy(bias))

    def forward(self, features: Tensor) -> Tensor:
        """Unit features [N, F] to unit embeddings [N, d]."""
        return functional.normalize(self.embedding(features))

    def distance_from_start(self) -> Tensor:
        """The squared norm of the change, relative to that of the start."""
        moved: Tensor = (self.embedding.weight - self.start).square().sum() / self.start.square().sum()
        return moved


def drawn_triplets(sampler: TripletSampler[int], count: int, rng: np.random.Generator) -> Triplets:
    """int64 [n, 3] of anchors, positives and negatives: what `count` draws give, less those dropped."""
    triplets = [sampler.draw(rng) for _ in range(count)]
    rows = [
        (triplet.anchor, triplet.positive, triplet.negative) for triplet in triplets if triplet is not None
    ]
    return np.array(rows, np.int64).reshape(-1, 3)


def kind_batches(
    triplets: Triplets, size: int, seed: int
) -> Callable[[int], Generator[Triplets, None, None]]:
    """Batches of triplets [size, 3] from a step on, the same for the same seed."""

    def batches(step: int) -> Generator[Triplets, None, None]:
        for number in itertools.count(step):
            yield triplets[np.random.default_rng([seed, number]).integers(len(triplets), size=size)]

    return batches


def kind_loss(features: Floats) -> Callable[[nn.Module, Triplets], Tensor]:
    """The hinge over triplets of rows of unit `features` [N, F], and the hold."""
    rows = torch.from_numpy(features)

    def loss(module: nn.Module, triplets: Triplets) -> Tensor:
        assert isinstance(module, KindPart)
        anchor, positive, negative = (module(rows[torch.from_numpy(column)]) for column in triplets.T)
        return triplet_hinge(anchor, positive, negative, MARGIN) + HOLD * module.distance_from_start()

    return loss
