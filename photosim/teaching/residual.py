"""A change of low rank on top of an embedding: what a handful of weights cannot say."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from photosim.errors import TeachingError
from photosim.teaching.maps import LinearMap
from photosim.teaching.weights import DIVERGED
from photosim.training.losses import triplet_hinge

Floats = npt.NDArray[np.float32]
Triplets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ResidualSettings:
    """`penalty` holds the change near nothing; margins are squared distances."""

    rank: int = 8
    margin: float = 0.1
    rate: float = 0.003
    penalty: float = 0.01
    rehearsal_weight: float = 1.0


class Residual:
    """Parts with a change each, z + (zV)U, that begins as nothing: the learning part, then the other, if any.

    counts: how much each part counts; rows: unit features [N, F] that triplets number; known: unit features
    [M, F] that the rehearsed triplets, of the last part, number.
    """

    def __init__(
        self,
        maps: list[LinearMap],
        counts: list[float],
        rows: Floats,
        known: Floats,
        settings: ResidualSettings,
        seed: int,
    ) -> None:
        self._maps, self._counts, self._settings = maps, counts, settings
        self._values = [torch.from_numpy(one(rows)) for one in maps]
        self._known = torch.from_numpy(maps[-1](known))
        generator = torch.Generator().manual_seed(seed)
        rank = settings.rank
        self._out = [torch.zeros(rank, len(one.bias), requires_grad=True) for one in maps]
        self._in = [
            (torch.randn(len(one.bias), rank, generator=generator) / np.sqrt(len(one.bias))).requires_grad_()
            for one in maps
        ]

    def gaps(self, triplets: Triplets) -> Tensor:
        """How much more similar the positive is than the negative, [T]."""
        gaps = torch.zeros(len(triplets))
        for part, counted in enumerate(self._counts):
            anchor, positive, negative = (
                self._row(part, self._values[part][triplets[:, column]]) for column in range(3)
            )
            gaps = gaps + counted * (anchor * (positive - negative)).sum(dim=1)
        return gaps

    def ranked_right(self, triplets: Triplets) -> npt.NDArray[np.bool_]:
        """bool [T]."""
        with torch.no_grad():
            return np.asarray((self.gaps(triplets) > 0).numpy())

    def fit(
        self, triplets: Triplets, steps: int, rehearsed: Triplets, told_margin: float
    ) -> Generator[tuple[int, float], None, None]:
        """Train on triplets, and on the `rehearsed` ones of the last part; yields the step and the triplet
        hinge loss with `told_margin` after each. Raises TeachingError where that is no number any more.
        """
        settings = self._settings
        optimizer = torch.optim.Adam([*self._out, *self._in], lr=settings.rate)
        for step in range(1, steps + 1):
            gaps = self.gaps(triplets)
            loss = (settings.margin - 2 * gaps).clamp(min=0).mean()
            for out, into in zip(self._out, self._in, strict=True):
                loss = loss + settings.penalty * (into @ out).square().sum()
            if len(rehearsed):
                rows = [self._row(-1, self._known[rehearsed[:, column]]) for column in range(3)]
                known = triplet_hinge(rows[0], rows[1], rows[2], settings.margin)
                loss = loss + settings.rehearsal_weight * known
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            told = float((told_margin - 2 * gaps.detach()).clamp(min=0).mean())
            if not np.isfinite(told):
                raise TeachingError(DIVERGED)
            yield step, told

    def maps(self) -> list[LinearMap]:
        """The parts with their changes, as linear maps of unit features."""
        made = []
        for one, into, out in zip(self._maps, self._in, self._out, strict=True):
            change = (into @ out).detach().numpy()
            made.append(LinearMap(one.weight + one.weight @ change, one.bias + one.bias @ change))
        return made

    def _row(self, part: int, values: Tensor) -> Tensor:
        return functional.normalize(values + values @ self._in[part] @ self._out[part])
