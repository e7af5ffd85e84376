"""Tuning the linear embeddings and the focus of a model to its user's answers.

Minimised is the triplet hinge loss of Wang et al. 2014, max(0, margin + D(a, p) - D(a, n)), over the answers,
with D = (1 - f) D_kind + f D_thing and the focus f = sigmoid(t). Few answers must not wreck the model, so
what they can move is small, and held near the base:

1. *Weights*: how much each way of being similar counts: kind against thing (the focus), and within the thing
   part the base's embedding against aspects that it has forgotten (see `aspects`). A handful of numbers,
   which thirty answers determine. Their logits are held near the base's by a quadratic penalty.
2. *Residual*: z + V(Uz) of low rank, added to both parts, as far as answers left out of training say that it
   helps; while it is trained, the kind part rehearses the order it had (see `rehearsal`).

The strength of the penalty and the residual's steps are chosen by cross-validation over anchors; below fifty
answers they are fixed, and there is no residual. Where a model has but one part, that part learns.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from photosim.errors import TeachingError
from photosim.model.embedding import Embedding, unit
from photosim.teaching.lesson import Aspect, Lesson, Tuned, TuningProgress
from photosim.teaching.rehearsal import rehearsal_triplets
from photosim.training.losses import triplet_hinge

Floats = npt.NDArray[np.float32]
Triplets = npt.NDArray[np.int64]
Right = npt.NDArray[np.bool_]

_TOLD_EVERY = 10
_RESIDUAL_TOLD = 20  # steps that take about as long as one fit of the weights
_FLOOR = 0.05  # of the mean variance, added before whitening: the smallest directions are noise


@dataclass(frozen=True)
class TuningSettings:
    """`aspect_share` of the thing part is each aspect's at the start; `penalty` holds the weights near that.

    `penalties` and `residual_steps` are what cross-validation chooses from, with at least
    `least_for_choice` answers. Margins are squared distances.
    """

    margin: float = 0.3
    steps: int = 150
    learning_rate: float = 0.05
    aspect_share: float = 0.05
    penalty: float = 0.003
    penalties: tuple[float, ...] = (0.03, 0.01, 0.003, 0.001)
    folds: int = 5
    least_for_choice: int = 50
    rank: int = 8
    residual_margin: float = 0.1
    residual_rate: float = 0.003
    residual_steps: tuple[int, ...] = (0, 10, 20, 40, 80)
    residual_penalty: float = 0.01
    rehearsal: int = 600
    rehearsal_weight: float = 1.0


@dataclass(frozen=True)
class _Map:
    """A linear map of unit features, weight [F, d] and bias [d]."""

    weight: Floats
    bias: Floats

    def __call__(self, rows: Floats) -> Floats:
        return np.asarray(rows @ self.weight + self.bias)

    def scaled(self, factor: float) -> _Map:
        return _Map(self.weight * np.float32(factor), self.bias * np.float32(factor))


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
        self,
        base: Embedding,
        focus: float,
        lesson: Lesson,
        seed: int,
        settings: TuningSettings,
    ) -> None:
        self._settings = settings
        self._seed = seed
        self._began = time.monotonic()
        self._told: list[tuple[int, float, float | None]] = []
        self._parts = base.parts
        self._focus = focus
        kind = base.parts[0]
        maps = (
            _Map(base.weight[:, :kind], base.bias[:kind]),
            _Map(base.weight[:, kind:], base.bias[kind:]),
        )
        # The last part there is learns the user's idea; the other one keeps what it knows.
        self._learning = 1 if base.parts[1] else 0
        rehearsal = unit(lesson.rehearsal.astype(np.float32))
        if len(rehearsal) < 2:
            rehearsal = unit(lesson.features.astype(np.float32))
        self._rehearsal = rehearsal
        self._rows = unit(lesson.features.astype(np.float32))
        self._triplets = lesson.triplets
        own = maps[self._learning]
        self._maps = [own.scaled(1 / _size(own(rehearsal)))]
        self._maps += [
            found for aspect in lesson.aspects if (found := _aspect_map(aspect, rehearsal)) is not None
        ]
        self._other = maps[1 - self._learning] if min(base.parts) else None

    def run(self) -> Generator[TuningProgress, None, Tuned]:
        settings = self._settings
        penalty, steps, accuracy = settings.penalty, 0, None
        folds = self._folds()
        if folds is not None:
            penalty, steps, accuracy = yield from self._choose(folds)
        everything = np.arange(len(self._triplets))
        weights = self._fit_weights(everything, penalty)
        yield from self._tell_weights(weights, everything, accuracy)
        learner = _Learner(self, weights)
        if steps:
            for step, loss in learner.fit(everything, steps, self._rehearsal_triplets()):
                if step % _TOLD_EVERY == 0 or step == steps:
                    yield self._progress(
                        "training", settings.steps + step, settings.steps + steps, loss, accuracy
                    )
        chosen = {
            "penalty": penalty,
            "residual_steps": steps,
            "by": "cross-validation" if folds is not None else "fixed, for want of answers",
            "shares": [round(float(share), 4) for share in weights.shares],
        }
        return self._tuned(learner, accuracy, chosen)

    # Choosing

    def _folds(self) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]] | None:
        """Which triplets to train on and which to leave out, by anchor; None where they are too few."""
        settings = self._settings
        anchors = np.unique(self._triplets[:, 0])
        if len(self._triplets) < settings.least_for_choice or len(anchors) < 2 * settings.folds:
            return None
        order = np.random.default_rng(self._seed).permutation(anchors)
        fold_of = dict(zip(order.tolist(), (np.arange(len(order)) % settings.folds).tolist(), strict=True))
        folds = np.array([fold_of[anchor] for anchor in self._triplets[:, 0].tolist()])
        return [
            (np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(settings.folds)
        ]

    def _choose(
        self, folds: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]
    ) -> Generator[TuningProgress, None, tuple[float, int, float]]:
        """The penalty and the residual's steps that rank most of the left-out answers right.

        Of settings that are as good, the one nearer to the base; the residual must be better by a standard
        error, for it has the most to overfit with.
        """
        settings = self._settings
        most = max(settings.residual_steps)
        fits = len(settings.penalties) * len(folds)
        work = fits + len(folds) * (most // _RESIDUAL_TOLD)
        done = 0
        right: dict[float, Right] = {}
        for penalty in settings.penalties:
            found = right[penalty] = np.zeros(len(self._triplets), bool)
            seen: list[npt.NDArray[np.intp]] = []
            for training, left_out in folds:
                weights = self._fit_weights(training, penalty)
                found[left_out] = self._ranked_right(_Learner(self, weights), left_out)
                seen.append(left_out)
                done += 1
                accuracy = float(found[np.concatenate(seen)].mean())
                yield self._progress("choosing", done, work, weights.loss, accuracy)
        best = max(settings.penalties, key=lambda penalty: (right[penalty].mean(), penalty))
        if most == 0:
            return best, 0, float(right[best].mean())
        rehearsed = self._rehearsal_triplets()
        by_steps = {steps: np.zeros(len(self._triplets), bool) for steps in settings.residual_steps}
        for training, left_out in folds:
            learner = _Learner(self, self._fit_weights(training, best))
            by_steps[0][left_out] = self._ranked_right(learner, left_out)
            for step, loss in learner.fit(training, most, rehearsed):
                if step in by_steps:
                    by_steps[step][left_out] = self._ranked_right(learner, left_out)
                if step % _RESIDUAL_TOLD == 0:
                    done += 1
                    yield self._progress("choosing", done, work, loss, float(right[best].mean()))
        steps = max(settings.residual_steps, key=lambda count: (by_steps[count].mean(), -count))
        changed = by_steps[steps] != by_steps[0]
        gained = by_steps[steps].sum() - by_steps[0].sum()
        if gained <= np.sqrt(changed.sum()):
            steps = 0
        return best, steps, float(by_steps[steps].mean())

    def _ranked_right(self, learner: _Learner, numbers: npt.NDArray[np.intp]) -> Right:
        with torch.no_grad():
            positive, negative = learner.similarities(self._triplets[numbers])
        return np.asarray((positive > negative).numpy())

    # Weights

    def _fit_weights(self, numbers: npt.NDArray[np.intp], penalty: float) -> _Weights:
        """The shares of the aspects and the focus, fitted to these triplets."""
        settings = self._settings
        weights = _Weights(self, len(self._maps), self._focus, settings.aspect_share)
        products = self._products(self._triplets[numbers])
        optimizer = torch.optim.Adam(weights.parameters, lr=settings.learning_rate)
        for _ in range(settings.steps):
            positive, negative = weights.similarities(products)
            hinge = (settings.margin - 2 * (positive - negative)).clamp(min=0).mean()
            loss = hinge + penalty * weights.distance()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            weights.loss = _finite(hinge)
            weights.history.append(weights.loss)
        return weights

    def _products(self, triplets: Triplets) -> _Products:
        anchor, positive, negative = (self._rows[triplets[:, column]] for column in range(3))

        def inner(a: Floats, b: Floats) -> Tensor:
            columns = [np.einsum("td,td->t", one(a), one(b)) for one in self._maps]
            return torch.from_numpy(np.stack(columns, axis=1))

        other = [torch.zeros(len(triplets))] * 2
        if self._other is not None:
            a, p, n = (unit(self._other(rows)) for rows in (anchor, positive, negative))
            other = [torch.from_numpy(np.einsum("td,td->t", a, rows)) for rows in (p, n)]
        return _Products(
            (inner(anchor, positive), inner(anchor, negative)),
            (inner(anchor, anchor), inner(positive, positive), inner(negative, negative)),
            (other[0], other[1]),
        )

    def _tell_weights(
        self, weights: _Weights, numbers: npt.NDArray[np.intp], accuracy: float | None
    ) -> Generator[TuningProgress, None, None]:
        steps = self._settings.steps
        for step in range(_TOLD_EVERY, steps + 1, _TOLD_EVERY):
            yield self._progress("training", step, steps, weights.history[step - 1], accuracy)

    # What comes of it

    def _tuned(self, learner: _Learner, accuracy: float | None, chosen: dict[str, Any]) -> Tuned:
        maps = learner.maps()
        learnt = _compressed(maps[0], self._rehearsal, self._parts[self._learning])
        nothing = _Map(np.zeros((self._rows.shape[1], 0), np.float32), np.zeros(0, np.float32))
        both = [nothing, nothing]
        both[self._learning] = learnt
        if self._other is not None:
            both[1 - self._learning] = maps[1]
        weights = [np.ascontiguousarray(one.weight.T, dtype=np.float32) for one in both]
        biases = [one.bias.astype(np.float32) for one in both]
        if not all(np.isfinite(array).all() for array in (*weights, *biases)):
            raise TeachingError(
                "the training diverged and was dropped: answer more questions, then try again"
            )
        focus = learner.weights.focus if min(self._parts) else self._focus
        return Tuned(
            (weights[0], weights[1]),
            (biases[0], biases[1]),
            focus,
            accuracy,
            {**_plain(asdict(self._settings)), "chosen": chosen},
        )

    def _rehearsal_triplets(self) -> Triplets:
        if self._other is None:
            return np.empty((0, 3), np.int64)
        return rehearsal_triplets(unit(self._other(self._rehearsal)), self._settings.rehearsal, self._seed)

    def _progress(
        self, phase: str, step: int, steps: int, loss: float, accuracy: float | None
    ) -> TuningProgress:
        seconds = time.monotonic() - self._began
        left = seconds * (steps - step) / step if phase == "choosing" else None
        return TuningProgress(phase, step, steps, loss, accuracy, seconds, left)


@dataclass(frozen=True)
class _Products:
    """Inner products over triplets, per map [T, maps]: of anchor with positive and with negative, and of each
    of the three with itself; `other` are the other part's similarities [T], which weights do not change.
    """

    pairs: tuple[Tensor, Tensor]
    norms: tuple[Tensor, Tensor, Tensor]
    other: tuple[Tensor, Tensor]


class _Weights:
    """The shares of the maps within the learning part, by softmax, and the focus, by sigmoid."""

    def __init__(self, tuning: _Tuning, maps: int, focus: float, share: float) -> None:
        start = np.full(maps, share, np.float32)
        start[0] = 1 - share * (maps - 1)
        self._start = torch.from_numpy(np.log(start))
        # A focus of 0 or 1 could not be moved from.
        self._start_focus = torch.logit(torch.tensor(float(np.clip(focus, 0.02, 0.98))))
        self.logits = self._start.clone().requires_grad_()
        self.t = self._start_focus.clone().requires_grad_()
        self._both = tuning._other is not None
        self._learning = tuning._learning
        self.parameters = [self.logits, self.t] if self._both else [self.logits]
        self.loss = 0.0
        self.history: list[float] = []

    @property
    def shares(self) -> Floats:
        return np.asarray(torch.softmax(self.logits.detach(), 0).numpy())

    @property
    def focus(self) -> float:
        return float(torch.sigmoid(self.t.detach()))

    def parts(self) -> tuple[Tensor | float, Tensor | float]:
        """How much the learning part and the other one count."""
        if not self._both:
            return 1.0, 0.0
        focus = torch.sigmoid(self.t)
        return (focus, 1 - focus) if self._learning == 1 else (1 - focus, focus)

    def similarities(self, products: _Products) -> tuple[Tensor, Tensor]:
        """Of anchor and positive [T], and of anchor and negative [T]."""
        shares = torch.softmax(self.logits, 0)
        own, other = self.parts()
        anchor, positive, negative = ((norm @ shares).clamp(min=1e-12).sqrt() for norm in products.norms)
        near = (products.pairs[0] @ shares) / (anchor * positive)
        far = (products.pairs[1] @ shares) / (anchor * negative)
        return own * near + other * products.other[0], own * far + other * products.other[1]

    def distance(self) -> Tensor:
        """How far it is from the base."""
        distance = (self.logits - self._start).square().sum()
        return distance + (self.t - self._start_focus).square() if self._both else distance


class _Learner:
    """The model with its weights, and a residual of low rank that begins as nothing."""

    def __init__(self, tuning: _Tuning, weights: _Weights) -> None:
        self._tuning = tuning
        self.weights = weights
        shares = weights.shares
        joined = [one.scaled(float(np.sqrt(share))) for one, share in zip(tuning._maps, shares, strict=True)]
        own = _Map(
            np.concatenate([one.weight for one in joined], axis=1),
            np.concatenate([one.bias for one in joined]),
        )
        self._maps = [own] if tuning._other is None else [own, tuning._other]
        self._values = [torch.from_numpy(one(tuning._rows)) for one in self._maps]
        self._known = torch.zeros(0)
        if tuning._other is not None:
            self._known = torch.from_numpy(tuning._other(tuning._rehearsal))
        generator = torch.Generator().manual_seed(tuning._seed)
        rank = tuning._settings.rank
        self._out = [torch.zeros(rank, len(one.bias), requires_grad=True) for one in self._maps]
        self._in = [
            (torch.randn(len(one.bias), rank, generator=generator) / np.sqrt(len(one.bias))).requires_grad_()
            for one in self._maps
        ]

    def similarities(self, triplets: Triplets) -> tuple[Tensor, Tensor]:
        """Of anchor and positive [T], and of anchor and negative [T]."""
        near: Tensor | float = 0.0
        far: Tensor | float = 0.0
        with torch.no_grad():
            counts = self.weights.parts()
        for part, counted in enumerate(counts[: len(self._maps)]):
            anchor, positive, negative = (
                self._row(part, self._values[part][triplets[:, column]]) for column in range(3)
            )
            near = near + counted * (anchor * positive).sum(dim=1)
            far = far + counted * (anchor * negative).sum(dim=1)
        assert isinstance(near, Tensor) and isinstance(far, Tensor)
        return near, far

    def _row(self, part: int, values: Tensor) -> Tensor:
        return functional.normalize(values + values @ self._in[part] @ self._out[part])

    def fit(
        self, numbers: npt.NDArray[np.intp], steps: int, rehearsed: Triplets
    ) -> Generator[tuple[int, float], None, None]:
        """Train the residual; yields step and loss after each: the loss that the weights were fitted to, so
        that the two can be compared.
        """
        settings = self._tuning._settings
        triplets = self._tuning._triplets[numbers]
        optimizer = torch.optim.Adam([*self._out, *self._in], lr=settings.residual_rate)
        for step in range(1, steps + 1):
            near, far = self.similarities(triplets)
            hinge = (settings.residual_margin - 2 * (near - far)).clamp(min=0).mean()
            loss = hinge
            for out, into in zip(self._out, self._in, strict=True):
                loss = loss + settings.residual_penalty * (into @ out).square().sum()
            if len(rehearsed):
                rows = [self._row(1, self._known[rehearsed[:, column]]) for column in range(3)]
                known = triplet_hinge(rows[0], rows[1], rows[2], settings.residual_margin)
                loss = loss + settings.rehearsal_weight * known
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            with torch.no_grad():
                told = (settings.margin - 2 * (near - far)).clamp(min=0).mean()
            yield step, _finite(told)

    def maps(self) -> list[_Map]:
        """The parts as linear maps of unit features: the learning one, then the other."""
        made = []
        for one, into, out in zip(self._maps, self._in, self._out, strict=True):
            residual = (into @ out).detach().numpy()
            made.append(_Map(one.weight + one.weight @ residual, one.bias + one.bias @ residual))
        return made


def _aspect_map(aspect: Aspect, rehearsal: Floats) -> _Map | None:
    """The aspect centred, turned to its principal directions and whitened on unit rows [M, F]; None where the
    photos do not differ in it.
    """
    values = rehearsal @ aspect.weight.T
    mean = values.mean(axis=0)
    covariance = np.cov(values, rowvar=False).astype(np.float64)
    variances, vectors = np.linalg.eigh(np.atleast_2d(covariance))
    variances, vectors = variances[::-1][: aspect.dimensions], vectors[:, ::-1][:, : aspect.dimensions]
    variances = np.maximum(variances, 0)
    if variances.sum() < 1e-12:
        return None
    scale = (variances + _FLOOR * variances.mean()) ** -aspect.whitening
    turned = (vectors * scale).astype(np.float32)
    found = _Map(aspect.weight.T @ turned, -(mean @ turned).astype(np.float32))
    return found.scaled(1 / _size(found(rehearsal)))


def _compressed(found: _Map, rehearsal: Floats, dimensions: int) -> _Map:
    """The map turned to the directions that hold most of its unit rows over the rehearsal, `dimensions` of
    them: inner products change least.
    """
    if len(found.bias) <= dimensions:
        return found
    rows = unit(found(rehearsal)).astype(np.float64)
    vectors = np.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :dimensions].astype(np.float32)
    return _Map(found.weight @ vectors, found.bias @ vectors)


def _size(values: Floats) -> float:
    """The root of the mean squared norm of rows."""
    return float(np.sqrt(np.square(values).sum(axis=1).mean())) or 1.0


def _finite(loss: Tensor) -> float:
    value = float(loss.detach())
    if not np.isfinite(value):
        raise TeachingError("the training diverged and was dropped: answer more questions, then try again")
    return value


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
