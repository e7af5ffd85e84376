"""How much each way of being similar counts: a handful of numbers, fitted by the triplet hinge loss.

Several fits, of other answers or under other penalties, are made side by side: each is too small to keep a
processor busy.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from photosim.errors import TeachingError
from photosim.model.embedding import unit
from photosim.teaching.maps import LinearMap

Floats = npt.NDArray[np.float32]

DIVERGED = "the training diverged and was dropped: answer more questions, then try again"


@dataclass(frozen=True)
class Products:
    """Inner products over T triplets, per map [T, maps]: of anchor with positive and with negative, and of
    each of the three with itself; `other` are the other part's similarities [T, 1], which weights leave.
    """

    pairs: tuple[Tensor, Tensor]
    norms: tuple[Tensor, Tensor, Tensor]
    other: tuple[Tensor, Tensor]

    @classmethod
    def of(
        cls, maps: list[LinearMap], other: LinearMap | None, rows: Floats, triplets: npt.NDArray[np.int64]
    ) -> Products:
        """rows: unit features [N, F]; triplets int64 [T, 3] number them."""
        anchor, positive, negative = (rows[triplets[:, column]] for column in range(3))

        def inner(a: Floats, b: Floats) -> Tensor:
            columns = [np.einsum("td,td->t", one(a), one(b)) for one in maps]
            return torch.from_numpy(np.stack(columns, axis=1))

        both = [np.zeros(len(triplets), np.float32)] * 2
        if other is not None:
            a, p, n = (unit(other(rows)) for rows in (anchor, positive, negative))
            both = [np.einsum("td,td->t", a, rows) for rows in (p, n)]
        return cls(
            (inner(anchor, positive), inner(anchor, negative)),
            (inner(anchor, anchor), inner(positive, positive), inner(negative, negative)),
            (torch.from_numpy(both[0])[:, None], torch.from_numpy(both[1])[:, None]),
        )


@dataclass(frozen=True)
class Weights:
    """One fit's result: the share of each map within the learning part, float32 [maps], sum 1, and how much
    the learning part counts against the other, from 0 to 1.
    """

    shares: Floats
    own: float


class WeightFits:
    """J fits side by side. The shares are a softmax, the part's own weight a sigmoid, so that each begins at
    the base's and is held near it by a quadratic penalty on its logits.
    """

    def __init__(self, products: Products, fits: int, share: float, own: float | None) -> None:
        """`share`: of each map but the first at the start; `own`: the learning part's weight at the start,
        None where there is no other part.
        """
        maps = products.pairs[0].shape[1]
        start = np.full(maps, share, np.float32)
        start[0] = 1 - share * (maps - 1)
        self._products = products
        self._start = torch.from_numpy(np.log(start))
        self._alone = own is None
        # One of 0 or 1 could not be moved from.
        self._start_own = torch.logit(torch.tensor(float(np.clip(1.0 if own is None else own, 0.02, 0.98))))
        self._logits = self._start.repeat(fits, 1).requires_grad_()
        self._own = self._start_own.repeat(fits).requires_grad_()

    def fit(
        self, counted: Tensor, penalties: Tensor, margin: float, steps: int, rate: float
    ) -> Generator[tuple[int, Tensor], None, None]:
        """Fit to the triplets that `counted`, float32 [T, J] of 0 and 1, gives to each; `penalties` [J].

        Yields the step and the triplet hinge loss of each fit [J] after every step. Raises TeachingError
        where one is no number any more.
        """
        optimizer = torch.optim.Adam([self._logits, self._own], lr=rate)
        numbers = counted.sum(dim=0).clamp(min=1)
        for step in range(1, steps + 1):
            hinges = ((margin - 2 * self.gaps()).clamp(min=0) * counted).sum(dim=0) / numbers
            loss = (hinges + penalties * self._distances()).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if not bool(torch.isfinite(hinges).all()):
                raise TeachingError(DIVERGED)
            yield step, hinges.detach()

    def gaps(self) -> Tensor:
        """How much more similar the positive is than the negative, [T, J]."""
        shares = torch.softmax(self._logits, dim=1).T
        products = self._products
        anchor, positive, negative = ((norm @ shares).clamp(min=1e-12).sqrt() for norm in products.norms)
        near = (products.pairs[0] @ shares) / (anchor * positive)
        far = (products.pairs[1] @ shares) / (anchor * negative)
        if self._alone:
            return near - far
        own = torch.sigmoid(self._own)
        return own * (near - far) + (1 - own) * (products.other[0] - products.other[1])

    def weights(self, fit: int = 0) -> Weights:
        shares = torch.softmax(self._logits[fit].detach(), 0).numpy()
        return Weights(shares, 1.0 if self._alone else float(torch.sigmoid(self._own[fit].detach())))

    def _distances(self) -> Tensor:
        """How far each fit is from the base, [J]."""
        return (self._logits - self._start).square().sum(dim=1) + (self._own - self._start_own).square()
