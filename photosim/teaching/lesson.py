"""What a tuning learns from, and what it tells while it runs and at its end. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from photosim.model.embedding import Embedding

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Aspect:
    """A way in which photos may be similar, as a linear map of their features: `weight` float32 [d, F].

    Of its values the first `dimensions` principal directions count, each divided by its variance to the power
    `whitening` (0.5: all count the same).
    """

    name: str
    weight: Floats
    dimensions: int
    whitening: float


@dataclass(frozen=True)
class Lesson:
    """Answers as arrays: `features` float16 [N, F] of the photos they are about, `triplets` int64 [T, 3] the
    rows of anchor, positive and negative; `rehearsal` float16 [M, F] is a sample of the library, whose
    ranking is to stay as it is; `aspects` are what may count beside the model's own embedding.
    """

    features: npt.NDArray[np.float16]
    triplets: npt.NDArray[np.int64]
    rehearsal: npt.NDArray[np.float16]
    aspects: tuple[Aspect, ...] = ()


@dataclass(frozen=True)
class TuningProgress:
    """After some steps: the loss, and the share of answers left out of training that is ranked right.

    They are left out by cross-validation, and never the kept-back ones. `phase` is "choosing" (how strongly,
    how long) or "training".
    """

    phase: str
    step: int
    steps: int
    loss: float
    accuracy: float | None
    seconds: float
    seconds_left: float | None


@dataclass(frozen=True)
class Tuned:
    """A tuned embedding: weights [d, F] and biases [d] of kind and thing, and the model's own focus.

    `settings` are what was used and chosen; `accuracy` is the best one of cross-validation, None without.
    """

    weights: tuple[Floats, Floats]
    biases: tuple[Floats, Floats]
    focus: float
    accuracy: float | None
    settings: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def embedding(self) -> Embedding:
        return Embedding(self.weights, self.biases)
