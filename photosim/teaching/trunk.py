"""Tuning the trunk's last blocks by a user's answers: the advanced way, for which a library is read anew.

Of each part's late path the last block and the head learn by the triplet hinge loss of the answers (Wang et
al. 2014), on the photos and on random views of them. All before these blocks is run once for each view, by
the fastest there is, and kept. A sample of the library is rehearsed: its features must stay near those of the
trunk it began with (Li and Hoiem 2016, "Learning without Forgetting"), so that few answers do not wreck it.

The embedding is tuned first and held fixed: tuned to features that have learned the same answers, it would
find them all ranked right, and learn nothing of what the other paths have to say. A fifth of the anchors is
left out, also of the embedding under which the trunk learns, and says when to stop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from photosim.catalog import Catalog, ThumbnailStore
from photosim.errors import TeachingError, UnreadablePhoto
from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import preview, read_photo
from photosim.model.card import ModelCard
from photosim.model.device import available_cores, choose
from photosim.model.embedding import load_embedding, part_weights
from photosim.model.network import DeepRanking, scaled
from photosim.model.onnx_runtime import OnnxRuntime, run_into
from photosim.model.torch_runtime import load_network, unusable
from photosim.model.trunk_changes import load_changes, save_changes
from photosim.teaching.gathering import Gathered
from photosim.teaching.lesson import Lesson, Tuned, TuningProgress
from photosim.teaching.seen import narrowed, sample_hashes, sampled, seen_alone
from photosim.teaching.tuned_trunk import (
    LEFT_OUT,
    MOST_KEPT_BACK,
    MOST_LEFT_OUT,
    MOST_TRIPLETS,
    REHEARSED,
    TrunkChanges,
    can_be_tuned,
    steps_for,
    steps_in_views,
    views_of_one,
)
from photosim.training.changes import one_thread_each
from photosim.training.memory import keep_freed_memory
from photosim.training.views import mild_view

Pixels = npt.NDArray[np.uint8]
Halves = npt.NDArray[np.float16]
Triplets = npt.NDArray[np.int64]
Front = Callable[[Pixels], tuple[Tensor, Tensor]]
"""Pixels [N, S, S, 3] to the base's features float32 [N, F] and what goes into the tuned blocks of kind and
thing, float16 [N, 2, C, h, w], on the CPU."""

LessonTuner = Callable[[Lesson], Generator[TuningProgress, None, Tuned]]
"""Like photosim.teaching.tuning.tune, of one model."""

PARTS = ("kind", "thing")
COMPARED = 16
NEAREST = 10
LEAST_COSINE = 0.999
LEAST_SAME = 0.98

_BATCH = 16
_PROBED = 64  # rows at a time where nothing is learned


@dataclass(frozen=True)
class TrunkSettings:
    """The last `blocks` of each part are tuned, and the head, in at most `steps` steps; 0 for as many as the
    answers are worth.

    A step takes `batch` triplets and `rehearsal` photos of the library. `margin` is that of the hinge;
    `hold` weighs the squared distance of rehearsed features from the base's. Every `check_every` steps the
    left-out answers are looked at; after `patience` looks without a better one training stops.
    """

    blocks: int = 1
    steps: int = 0
    batch: int = 16
    rehearsal: int = 24
    learning_rate: float = 1e-4
    weight_decay: float = 0.001
    margin: float = 0.1
    hold: float = 4.0
    check_every: int = 10
    patience: int = 5
    warm_up: int = 10
    gradient_norm: float = 1.0


def tune_trunk(
    card: ModelCard,
    catalog: Catalog,
    thumbnails: ThumbnailStore,
    gathered: Gathered,
    tuner: LessonTuner,
    device: str = "auto",
    threads: int | None = None,
    seed: int = 0,
    settings: TrunkSettings | None = None,
) -> Generator[TuningProgress, None, TrunkChanges]:
    """Tune the trunk of `card` by the answers in `gathered`; the kept-back ones are not learned from.

    `tuner` tunes the model's embedding to a lesson, here to the answers that are not left out. Photos are
    seen by their thumbnails, offline ones too; answers about photos without one are left out. Phases: the
    tuner's, "reading" the views, "training". Raises TeachingError where the model has no such trunk, too many
    thumbnails are missing, the training diverges or makes nothing better, or the CPU's runtime does not
    compute what torch does; ModelError for damaged files.
    """
    settings = settings or TrunkSettings()
    if not can_be_tuned(card):
        raise TeachingError(f"the trunk of {card.name} has one part alone and cannot be tuned: train without")
    keep_freed_memory()
    one_thread_each()
    threads = threads or available_cores()
    rng = np.random.default_rng(seed)
    having = thumbnails.hashes()
    gathered, unseen = seen_alone(gathered, having)
    learned, out = left_out(gathered.lesson.triplets, rng)
    draft = yield from tuner(replace(gathered.lesson, triplets=learned))
    torch.set_num_threads(threads)  # the tuner may have wanted fewer
    began = time.monotonic()
    network = load_network(card)
    if not isinstance(network, DeepRanking):
        raise TeachingError(f"the trunk of {card.name} has one part alone and cannot be tuned: train without")
    place = _device(device)
    rehearsed = sample_hashes(catalog, gathered, having, REHEARSED, seed)
    gathered, learned, out = limited(gathered, learned, out, seed)
    steps = settings.steps or steps_for(len(learned))
    work = _Photos(card, thumbnails, gathered, rehearsed, np.unique(learned), seed)
    front = front_of(card, network, settings.blocks, place, threads)
    try:
        yield from work.read(front, threads, began, steps_in_views(steps, place.type))
        tail = _Tail(network.to(place), settings.blocks)
        triplets = work.numbered(learned), work.numbered(out)
        tuning = _Tuning(tail, draft, work, triplets, replace(settings, steps=steps), place, rng)
        yield from tuning.run(began)
        features = tail.all_features(work.maps, work.features, place)
    except torch.OutOfMemoryError as error:
        raise TeachingError(
            "the GPU ran out of memory: train on the CPU, or close what else uses it"
        ) from error
    changes = load_changes(card) | tail.tensors()
    check_against_torch(card, changes, work.compared, features[work.rehearsal], threads)
    trunk, data = save_changes(changes, card.needed_trunk)
    return TrunkChanges(
        trunk,
        card.needed_trunk,
        data,
        work.gathered_with(features),
        tuning.right_before,
        tuning.right_after,
        asdict(settings) | {"steps": tuning.best_step, "views": work.views, "answers": len(learned)},
        unseen,
    )


def limited(
    gathered: Gathered, learned: Triplets, out: Triplets, seed: int
) -> tuple[Gathered, Triplets, Triplets]:
    """What was gathered with no more answers than can be read, by chance, and their photos alone; and of the
    triplets to learn from and those left out, which stay, as rows of it."""
    # Each with a chance of its own: of the kept-back ones nothing, not even their number, may matter.
    lesson, judged = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
    learned, out = sampled(learned, MOST_TRIPLETS, lesson), sampled(out, MOST_LEFT_OUT, lesson)
    kept = sampled(gathered.kept_back.triplets, MOST_KEPT_BACK, judged)
    fewer = narrowed(gathered, np.concatenate((learned, out)), kept)
    return fewer, fewer.lesson.triplets[: len(learned)], fewer.lesson.triplets[len(learned) :]


def check_against_torch(
    card: ModelCard,
    changes: dict[str, npt.NDArray[np.float32]],
    pixels: Pixels,
    gallery: Halves,
    threads: int,
) -> None:
    """Raise TeachingError unless the CPU's runtime, these tensors in its graph, computes what torch does.

    Of the photos `pixels` uint8 [N, S, S, 3] the features must be alike, and so their nearest in a gallery
    of features float16 [M, F], by the embedding of `card` at its focus.
    """
    ours = OnnxRuntime(card, threads, changes=changes).features(pixels)
    with torch.inference_mode():
        output: Tensor = load_network(card, changes)(torch.from_numpy(pixels))
        theirs: Halves = output.half().numpy()
    embedding = load_embedding(card)
    weights = np.repeat(part_weights(embedding.parts, card.focus), embedding.parts).astype(np.float32)
    rows = embedding(np.concatenate((ours, gallery)))
    nearest = [
        np.argsort(-(embedding(queries) * weights) @ rows.T, axis=1, kind="stable")[:, :NEAREST]
        for queries in (ours, theirs)
    ]
    same = np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(*nearest, strict=True)])
    floats = [rows.astype(np.float32) for rows in (ours, theirs)]
    norms = [np.linalg.norm(rows, axis=1) for rows in floats]
    cosines = np.einsum("ij,ij->i", *floats) / np.maximum(norms[0] * norms[1], 1e-12)
    if not (cosines.min() >= LEAST_COSINE and same >= LEAST_SAME):
        raise TeachingError(
            "the tuned trunk gives other features on the CPU than in training "
            f"(similarity {cosines.min():.4f}, {same:.0%} of the nearest the same): nothing was kept"
        )


class _Photos:
    """The photos of answers and rehearsal: which rows are theirs, and what goes into the tuned blocks.

    Rows are photos first, the whole of each: those of the answers, the kept-back ones, the rehearsed ones.
    Then come the views: `views` of each photo that is learned from. `maps` is float16 [R, 2, C, h, w],
    `features` float32 [R, F] the base's.
    """

    def __init__(
        self,
        card: ModelCard,
        thumbnails: ThumbnailStore,
        gathered: Gathered,
        rehearsed: Sequence[bytes],
        learned: npt.NDArray[np.int64],
        seed: int,
    ) -> None:
        """`learned` are rows of the lesson's photos: those of which there are views."""
        self._shape = NetworkInput(card.input_size, card.geometry)
        self._thumbnails = thumbnails
        self._gathered = gathered
        self._seed = seed
        answered = dict.fromkeys((*gathered.hashes, *gathered.kept_back.hashes))
        self._hashes = [*answered, *rehearsed]
        self._numbers = {item: number for number, item in enumerate(answered)}
        self.rehearsal = np.arange(len(answered), len(self._hashes))
        self._learned = np.unique(self.numbered(learned))
        self.views = views_of_one(len(self._learned))
        self.compared = np.zeros((0, self._shape.size, self._shape.size, 3), np.uint8)
        self.maps = torch.zeros(0)
        self.features = torch.zeros(0)

    def numbered(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Rows of the lesson's photos as rows here."""
        hashes = self._gathered.hashes
        return np.array([self._numbers[hashes[row]] for row in rows.flat], np.int64).reshape(rows.shape)

    def read(
        self, front: Front, threads: int, began: float, then: float
    ) -> Generator[TuningProgress, None, None]:
        """Read every row; the photos of the comparison are kept as pixels too. What comes `then` takes as
        long as so many rows."""
        jobs = [(number, 0) for number in range(len(self._hashes))]
        jobs += [(int(number), view) for number in self._learned for view in range(1, self.views + 1)]
        first: list[Pixels] = []
        with ThreadPoolExecutor(threads) as pool:
            batches = [jobs[start : start + _BATCH] for start in range(0, len(jobs), _BATCH)]
            waiting = pool.map(self._pixels, batches[0])
            for place, batch in enumerate(batches):
                pixels = np.stack(list(waiting))
                if place + 1 < len(batches):  # made while the network works
                    waiting = pool.map(self._pixels, batches[place + 1])
                if sum(map(len, first)) < COMPARED:
                    first.append(pixels[: min(COMPARED, len(self._hashes))])
                features, maps = front(pixels)
                if place == 0:  # all at once: pieces put together at the end would take twice the memory
                    self.features = torch.empty((len(jobs), *features.shape[1:]), dtype=features.dtype)
                    self.maps = torch.empty((len(jobs), *maps.shape[1:]), dtype=maps.dtype)
                rows = slice(place * _BATCH, place * _BATCH + len(batch))
                self.features[rows], self.maps[rows] = features, maps
                done = rows.stop
                seconds = time.monotonic() - began
                left = seconds / done * (len(jobs) - done + then)
                yield TuningProgress("reading", done, len(jobs), math.nan, None, seconds, left)
        self.compared = np.concatenate(first)[:COMPARED]

    def view_rows(self, photos: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """For each of these learned photos the row of the whole photo or of one of its views, by chance."""
        chosen = rng.integers(0, self.views + 1, len(photos))
        views = len(self._hashes) + np.searchsorted(self._learned, photos) * self.views + chosen - 1
        return np.where(chosen == 0, photos, views)

    def gathered_with(self, features: Halves) -> Gathered:
        """What was gathered, with these features [R, F] of whole photos."""
        gathered = self._gathered
        rows, kept = (
            features[[self._numbers[item] for item in hashes]].reshape(-1, features.shape[1])
            for hashes in (gathered.hashes, gathered.kept_back.hashes)
        )
        return replace(
            gathered,
            lesson=replace(gathered.lesson, features=rows, rehearsal=features[self.rehearsal]),
            kept_back=replace(gathered.kept_back, features=kept),
        )

    def _pixels(self, job: tuple[int, int]) -> Pixels:
        number, view = job
        key = self._hashes[number]
        jpeg = self._thumbnails.get(key)
        if jpeg is None:
            raise TeachingError("the cache folder was emptied during the training: train again")
        try:
            if view == 0:
                return read_photo(jpeg, self._shape).pixels
            photo = preview(jpeg, max(self._shape.size, 384))[0]
        except UnreadablePhoto as error:
            raise TeachingError(
                f"a thumbnail cannot be read ({error.reason}): empty the cache folder, then train again"
            ) from error
        rng = np.random.default_rng([self._seed, view, *key])
        return mild_view(photo, rng, self._shape.size, flip=True)


def front_of(card: ModelCard, network: DeepRanking, blocks: int, device: torch.device, threads: int) -> Front:
    """What runs all before the tuned blocks."""
    if device.type != "cpu":
        return front_by_torch(network.to(device, memory_format=torch.channels_last), blocks, device)  # type: ignore[call-overload]
    first = len(network.kind.blocks) - blocks
    run = run_into(card, [f"{part}.blocks.{first}.expand.conv.weight" for part in PARTS], threads)

    def front(pixels: Pixels) -> tuple[Tensor, Tensor]:
        features, *maps = (torch.from_numpy(output) for output in run(pixels))
        return features, torch.stack(maps, dim=1).half()

    return front


def front_by_torch(network: DeepRanking, blocks: int, device: torch.device) -> Front:
    """The same where torch is the fastest there is: the network lies on `device`."""

    def front(pixels: Pixels) -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            tensor = torch.from_numpy(pixels).to(device)
            early = network.early(scaled(tensor, torch.float32))
            maps = [part.blocks[:-blocks](early) for part in (network.kind, network.thing)]
            features = network(tensor).cpu()
            inner = torch.stack(maps, dim=1).half().cpu()
        # A tensor made in inference mode cannot be part of a graph with gradients.
        return features.clone(), inner.clone()

    return front


class _Tail:
    """The tuned blocks and heads of both parts, with the fixed reductions: maps to features."""

    def __init__(self, network: DeepRanking, blocks: int) -> None:
        self._network = network
        self._blocks = blocks
        first = len(network.kind.blocks) - blocks
        starts = tuple(
            start
            for part in PARTS
            for start in (*(f"{part}.blocks.{n}." for n in range(first, first + blocks)), f"{part}.head.")
        )
        self._names = [name for name, _ in network.named_parameters() if name.startswith(starts)]
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name in self._names)

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        return [item for name, item in self._network.named_parameters() if name in self._names]

    def tensors(self) -> dict[str, npt.NDArray[np.float32]]:
        """The tuned tensors by name."""
        weights = self._network.state_dict()
        return {name: weights[name].detach().cpu().numpy() for name in self._names}

    def state(self) -> list[Tensor]:
        return [item.detach().clone() for item in self.parameters]

    def load(self, state: Iterable[Tensor]) -> None:
        with torch.no_grad():
            for parameter, value in zip(self.parameters, state, strict=True):
                parameter.copy_(value)

    def paths(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Maps [N, 2, C, h, w] to the reduced features of kind and thing, each of unit norm."""
        rows = []
        for number, name in enumerate(PARTS):
            part = self._network.kind if name == "kind" else self._network.thing
            x = maps[:, number].float().contiguous(memory_format=torch.channels_last)
            x = functional.relu6(part.head(part.blocks[-self._blocks :](x)))
            rows.append(functional.normalize(self._network.reductions[name](x.mean(dim=(2, 3)))))
        return rows[0], rows[1]

    def features(self, maps: Tensor, base: Tensor) -> Tensor:
        """Features [N, F]: those of kind and thing anew, those of the shallow paths of the base's [N, F]."""
        kind, thing = self.paths(maps)
        return torch.cat((kind, thing, base[:, kind.shape[1] + thing.shape[1] :]), dim=1)

    def all_features(self, maps: Tensor, base: Tensor, device: torch.device) -> Halves:
        """Features float16 of all rows."""
        with torch.inference_mode():
            pieces = [
                self.features(
                    maps[start : start + _PROBED].to(device), base[start : start + _PROBED].to(device)
                )
                for start in range(0, len(maps), _PROBED)
            ]
            result: Halves = torch.cat(pieces).half().cpu().numpy()
        return result


class _Tuning:
    """The training itself, over rows that have been read."""

    def __init__(
        self,
        tail: _Tail,
        draft: Tuned,
        work: _Photos,
        triplets: tuple[Triplets, Triplets],
        settings: TrunkSettings,
        device: torch.device,
        rng: np.random.Generator,
    ) -> None:
        """`triplets` are those to learn from and those left out, of rows of `work`."""
        self._tail = tail
        self._work = work
        self._settings = settings
        self._device = device
        self._rng = rng
        embedding = draft.embedding
        self._weight = torch.from_numpy(embedding.weight).to(device)
        self._bias = torch.from_numpy(embedding.bias).to(device)
        self._kind = embedding.parts[0]
        self._say = part_weights(embedding.parts, draft.focus)
        self._learned, self._left_out = triplets
        self._steps = settings.steps
        self._optimizer = torch.optim.AdamW(
            tail.parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.best_step = 0
        self.right_before = self.right_after = 0.0

    def run(self, began: float) -> Generator[TuningProgress, None, None]:
        """Train to the last step or the early stop; the tail then has the best weights."""
        settings, started = self._settings, time.monotonic()
        best, self.right_before = self._look()
        right, state = self.right_before, self._tail.state()
        for step in range(1, self._steps + 1):
            loss = self._step(step)
            if step % settings.check_every == 0 or step == self._steps:
                hinge, right = self._look()
                if hinge < best and right >= self.right_before:
                    best, state = hinge, self._tail.state()
                    self.best_step, self.right_after = step, right
            now = time.monotonic()
            left = (now - started) / step * (self._steps - step)
            yield TuningProgress("training", step, self._steps, loss, right, now - began, left)
            if step - self.best_step >= settings.patience * settings.check_every:
                break
        if self.best_step == 0:
            raise TeachingError(
                "learning how photos are seen ranks no more of the answers right that were left out of it: "
                "train without that, or answer more questions first"
            )
        self._tail.load(state)

    def _step(self, step: int) -> float:
        settings = self._settings
        rise = min(1.0, step / settings.warm_up)
        for group in self._optimizer.param_groups:
            group["lr"] = settings.learning_rate * rise
        drawn = self._learned[self._rng.integers(len(self._learned), size=settings.batch)]
        rows = self._work.view_rows(drawn.T.reshape(-1), self._rng)
        rehearsed = self._work.rehearsal
        if len(rehearsed):
            rehearsed = self._rng.choice(rehearsed, min(settings.rehearsal, len(rehearsed)), replace=False)
        self._optimizer.zero_grad(set_to_none=True)
        features, base = self._features(np.concatenate((rows, rehearsed)))
        loss = self._hinge(features[: len(rows)])
        if len(rehearsed):
            moved = (features[len(rows) :] - base[len(rows) :]).square().sum(dim=1)
            loss = loss + settings.hold * moved.mean()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TeachingError("the training of the trunk diverged and was dropped: train without it")
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._tail.parameters, settings.gradient_norm)
        self._optimizer.step()
        return value

    def _features(self, rows: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """The features of rows, as they are now and as the base has them."""
        chosen = torch.from_numpy(rows)
        base = self._work.features[chosen].to(self._device)
        return self._tail.features(self._work.maps[chosen].to(self._device), base), base

    def _distances(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Of features [3 T, F], anchors, positives, negatives: the distances of each anchor to both."""
        rows = functional.normalize(features) @ self._weight + self._bias
        closer: list[Tensor] = []
        farther: list[Tensor] = []
        for part, say in zip((rows[:, : self._kind], rows[:, self._kind :]), self._say, strict=True):
            anchor, positive, negative = functional.normalize(part).chunk(3)
            closer.append(say * (anchor - positive).square().sum(dim=1))
            farther.append(say * (anchor - negative).square().sum(dim=1))
        return torch.stack(closer).sum(dim=0), torch.stack(farther).sum(dim=0)

    def _hinge(self, features: Tensor) -> Tensor:
        closer, farther = self._distances(features)
        return (self._settings.margin + closer - farther).clamp(min=0).mean()

    def _look(self) -> tuple[float, float]:
        """The hinge over left-out answers, on whole photos, and the share of them that is ranked right."""
        hinges, right = 0.0, 0
        with torch.inference_mode():
            for start in range(0, len(self._left_out), _PROBED):
                rows = self._left_out[start : start + _PROBED]
                closer, farther = self._distances(self._features(rows.T.reshape(-1))[0])
                hinges += float((self._settings.margin + closer - farther).clamp(min=0).sum())
                right += int((closer < farther).sum())
        return hinges / len(self._left_out), right / len(self._left_out)


def left_out(triplets: Triplets, rng: np.random.Generator) -> tuple[Triplets, Triplets]:
    """Triplets [T, 3] to learn from and those left out, some fifth, all of an anchor on one side.

    Raises TeachingError where all are about one anchor.
    """
    anchors, sizes = np.unique(triplets[:, 0], return_counts=True)
    if len(anchors) < 2:
        raise TeachingError(
            "all answers to learn from are about one photo: answer questions about others too"
        )
    order = rng.permutation(len(anchors))
    count = int(np.searchsorted(np.cumsum(sizes[order]), LEFT_OUT * len(triplets))) + 1
    out = np.isin(triplets[:, 0], anchors[order[: min(count, len(anchors) - 1)]])
    return triplets[~out], triplets[out]


def _device(requested: str) -> torch.device:
    kind = choose(requested).kind
    return torch.device(kind if kind == "cpu" or unusable(kind) is None else "cpu")
