"""Tuning the linear embeddings and the focus of a model to its user's answers.

Minimised is the triplet hinge loss of Wang et al. 2014, max(0, margin + D(a, p) - D(a, n)), over the answers,
with D = (1 - f) D_kind + f D_thing and the focus f = sigmoid(t). Few answers must not wreck the model, so
what they can move is small, and held near the base:

1. *Weights*: how much each way of being similar counts: kind against thing (the focus), and within the thing
   part the base's embedding against aspects that it has forgotten (see `aspects`). A handful of numbers,
   which thirty answers determine. Their logits are held near the base's by a quadratic penalty.
2. *Residual*: z + V(Uz) of low rank, added to both parts, as far as answers left out of training say that it
   helps; while it is trained, the part that keeps what it knows rehearses its order (see `rehearsal`).

The strength of the penalty and the residual's steps are chosen by cross-validation over anchors; below fifty
answers they are fixed, and there is no residual. Where a model has but one part, that part learns, and
rehearses as well.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from photosim.errors import TeachingError
from photosim.model.embedding import Embedding, unit
from photosim.teaching.lesson import Lesson, Tuned, TuningProgress
from photosim.teaching.maps import LinearMap, aspect_map, joined, of_unit_size, shortened
from photosim.teaching.rehearsal import rehearsal_triplets
from photosim.teaching.residual import Residual, ResidualSettings
from photosim.teaching.weights import DIVERGED, Products, WeightFits, Weights

Floats = npt.NDArray[np.float32]
Triplets = npt.NDArray[np.int64]
Rows = npt.NDArray[np.intp]

_TOLD_EVERY = 10


@dataclass(frozen=True)
class TuningSettings:
    """`aspect_share` of the learning part is each aspect's at the start; `penalty` holds the weights near it.

    `penalties` and `residual_steps` are what cross-validation chooses from, with at least
    `least_for_choice` answers. The margin is a squared distance.
    """

    margin: float = 0.3
    steps: int = 150
    learning_rate: float = 0.05
    aspect_share: float = 0.05
    penalty: float = 0.003
    penalties: tuple[float, ...] = (0.03, 0.01, 0.003, 0.001)
    folds: int = 5
    least_for_choice: int = 50
    residual_steps: tuple[int, ...] = (0, 10, 20, 40, 80)
    rehearsal: int = 600
    residual: ResidualSettings = field(default_factory=ResidualSettings)


def tune(
    base: Embedding,
    focus: float,
    lesson: Lesson,
    seed: int = 0,
    settings: TuningSettings | None = None,
) -> Generator[TuningProgress, None, Tuned]:
    """Tune `base`, whose default focus is `focus`, to a lesson; yields progress, returns the tuned embedding.

    The tuned parts have the dimensions they had. Raises TeachingError where the loss is no number any more.
    """
    tuning = _Tuning(base, focus, lesson, seed, settings or TuningSettings())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what is computed is small: threads would wait for each other
    try:
        return (yield from tuning.run())
    finally:
        torch.set_num_threads(threads)


class _Tuning:
    """One tuning, from maps to maps."""

    def __init__(
        self, base: Embedding, focus: float, lesson: Lesson, seed: int, settings: TuningSettings
    ) -> None:
        self._settings = settings
        self._seed = seed
        self._began = time.monotonic()
        self._parts = base.parts
        self._focus = focus
        kind = base.parts[0]
        parts = (
            LinearMap(base.weight[:, :kind], base.bias[:kind]),
            LinearMap(base.weight[:, kind:], base.bias[kind:]),
        )
        # The last part there is learns the user's idea; the other one keeps what it knows.
        self._learning = 1 if base.parts[1] else 0
        self._other = parts[1 - self._learning] if min(base.parts) else None
        self._rows = unit(lesson.features.astype(np.float32))
        self._triplets = lesson.triplets
        sample = lesson.rehearsal if len(lesson.rehearsal) > 1 else lesson.features
        self._sample = unit(sample.astype(np.float32))
        found = (aspect_map(aspect, self._sample) for aspect in lesson.aspects)
        own = of_unit_size(parts[self._learning], self._sample)
        self._maps = [own, *(one for one in found if one is not None)]
        self._products = Products.of(self._maps, self._other, self._rows, self._triplets)
        self._rehearsed = np.empty((0, 3), np.int64)

    def run(self) -> Generator[TuningProgress, None, Tuned]:
        settings = self._settings
        penalty, steps, accuracy = settings.penalty, 0, None
        folds = self._folds()
        if folds is not None:
            penalty, steps, accuracy = yield from self._choose(folds)
        fits = self._fits(1)
        everything = torch.ones(len(self._triplets), 1)
        total = settings.steps + steps
        for step, losses in fits.fit(
            everything, torch.tensor([penalty]), settings.margin, settings.steps, settings.learning_rate
        ):
            if step % _TOLD_EVERY == 0:
                yield self._progress("training", step, total, float(losses[0]), accuracy)
        weights = fits.weights()
        residual = self._residual(weights)
        for step, loss in residual.fit(self._triplets, steps, self._rehearsed, settings.margin):
            if step % _TOLD_EVERY == 0:
                yield self._progress("training", settings.steps + step, total, loss, accuracy)
        chosen = {
            "penalty": penalty,
            "residual_steps": steps,
            "by": "cross-validation" if folds is not None else "fixed, for want of answers",
            "shares": [round(float(share), 4) for share in weights.shares],
        }
        return self._tuned(residual, weights, accuracy, chosen)

    # Choosing

    def _folds(self) -> Rows | None:
        """The fold of each triplet, [T], the same for all of an anchor; None where they are too few."""
        settings = self._settings
        anchors, of_anchor = np.unique(self._triplets[:, 0], return_inverse=True)
        if len(self._triplets) < settings.least_for_choice or len(anchors) < 2 * settings.folds:
            return None
        order = np.random.default_rng(self._seed).permutation(len(anchors))
        return np.asarray((order % settings.folds)[of_anchor])

    def _choose(self, folds: Rows) -> Generator[TuningProgress, None, tuple[float, int, float]]:
        """The penalty, the residual's steps, and the share of left-out answers that they rank right.

        Of penalties that are as good, the one that holds nearer to the base; the residual must be better by a
        standard error, for it has the most to overfit with.
        """
        settings = self._settings
        count, most = settings.folds, max(settings.residual_steps)
        work = settings.steps + count * most
        fits = self._fits(len(settings.penalties) * count)
        left_out = torch.from_numpy(folds[:, None] == np.arange(count)).repeat(1, len(settings.penalties))
        penalties = torch.tensor(settings.penalties).repeat_interleave(count)
        best = 0
        for step, losses in fits.fit(
            (~left_out).float(), penalties, settings.margin, settings.steps, settings.learning_rate
        ):
            if step % _TOLD_EVERY == 0 or step == settings.steps:
                with torch.no_grad():
                    right = ((fits.gaps() > 0) & left_out).reshape(len(folds), -1, count).any(dim=2)
                best = int(right.float().mean(dim=0).argmax())  # the first of equals is the strongest
                loss = float(losses.reshape(-1, count)[best].mean())
                yield self._progress("choosing", step, work, loss, float(right[:, best].float().mean()))
        before = right[:, best].numpy()
        penalty, accuracy = settings.penalties[best], float(before.mean())
        if most == 0:
            return penalty, 0, accuracy
        self._rehearse()
        by_steps = {steps: before.copy() for steps in settings.residual_steps}
        for fold in range(count):
            without, within = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            residual = self._residual(fits.weights(best * count + fold))
            for step, loss in residual.fit(self._triplets[without], most, self._rehearsed, settings.margin):
                if step in by_steps:
                    by_steps[step][within] = residual.ranked_right(self._triplets[within])
                if step % _TOLD_EVERY == 0:
                    yield self._progress(
                        "choosing", settings.steps + fold * most + step, work, loss, accuracy
                    )
        steps = max(settings.residual_steps, key=lambda number: (by_steps[number].mean(), -number))
        gained = int(by_steps[steps].sum()) - int(before.sum())
        if gained <= np.sqrt((by_steps[steps] != before).sum()):
            steps = 0
        return penalty, steps, float(by_steps[steps].mean())

    # Parts of it

    def _fits(self, count: int) -> WeightFits:
        own = None if self._other is None else self._focus if self._learning else 1 - self._focus
        return WeightFits(self._products, count, self._settings.aspect_share, own)

    def _residual(self, weights: Weights) -> Residual:
        maps, counts = [joined(self._maps, weights.shares)], [weights.own]
        if self._other is not None:
            maps.append(self._other)
            counts.append(1 - weights.own)
        settings = self._settings.residual
        return Residual(maps, counts, self._rows, self._sample, settings, self._seed)

    def _rehearse(self) -> None:
        """Draw the triplets that the part which keeps what it knows, or the only one, goes over."""
        values = unit((self._other or self._maps[0])(self._sample))
        self._rehearsed = rehearsal_triplets(values, self._settings.rehearsal, self._seed)

    # What comes of it

    def _tuned(
        self, residual: Residual, weights: Weights, accuracy: float | None, chosen: dict[str, Any]
    ) -> Tuned:
        maps = residual.maps()
        nothing = LinearMap(np.zeros((self._rows.shape[1], 0), np.float32), np.zeros(0, np.float32))
        both = [nothing, nothing]
        both[self._learning] = shortened(maps[0], self._sample, self._parts[self._learning])
        focus = self._focus
        if self._other is not None:
            both[1 - self._learning] = maps[1]
            focus = weights.own if self._learning else 1 - weights.own
        kind, thing = (np.ascontiguousarray(one.weight.T, dtype=np.float32) for one in both)
        biases = (both[0].bias.astype(np.float32), both[1].bias.astype(np.float32))
        if not all(np.isfinite(array).all() for array in (kind, thing, *biases)):
            raise TeachingError(DIVERGED)
        settings = asdict(self._settings)
        settings = {name: list(one) if isinstance(one, tuple) else one for name, one in settings.items()}
        return Tuned((kind, thing), biases, focus, accuracy, {**settings, "chosen": chosen})

    def _progress(
        self, phase: str, step: int, steps: int, loss: float, accuracy: float | None
    ) -> TuningProgress:
        seconds = time.monotonic() - self._began
        left = seconds * (steps - step) / step if phase == "choosing" else None
        return TuningProgress(phase, step, steps, loss, accuracy, seconds, left)
