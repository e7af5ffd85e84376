"""What models are measured on: photos of classes kept back, their transformed copies, and triplets of them.

Everything is decided by the photos and a seed, so that every model, now and later, meets the same tasks.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from photosim.errors import PhotosimError, UnreadablePhoto
from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import Reading, content_hash, preview, read_bytes, read_photo
from photosim.model.card import ModelCard
from photosim.model.device import available_cores
from photosim.model.runtime import Runtime
from photosim.training.baselines import colour_histogram, hash_vectors
from photosim.training.changes import Pixels
from photosim.training.copies import TRANSFORMATIONS, transformed_copy
from photosim.training.photos import PhotoSet, find_photos
from photosim.training.relevance import kind_relevance, total_relevance
from photosim.training.sampling import SamplingSettings, Triplet, TripletSampler
from photosim.training.split import split_classes
from photosim.training.views import hard_view

# Hard views of each photo that has copies, and their side: no model's input has more pixels.
HARD_VIEW = "hard view"
VIEWS = 2
_VIEW_SIDE = 320
# What is made of each photo that has copies, in order.
_COPIES = (*TRANSFORMATIONS, *(HARD_VIEW for _ in range(VIEWS)))
# How often a draw may fail for each triplet that is asked for.
_DRAWS = 10
# Copies are made of a photo of at most this long side.
_LONG_SIDE = 640
# The histogram counts the pixels of a photo of this size.
_HISTOGRAM = NetworkInput(64)
# Photos read, and held in memory, at a time.
_TOGETHER = 32

Floats = npt.NDArray[np.float32]
Features = npt.NDArray[np.float16]
Numbers = npt.NDArray[np.intp]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ValidationSettings:
    """`share` of the classes is kept back, chosen by `seed`; `gallery` photos are searched for the copies,
    all of those kept back and as many others as that takes; at most `copied` photos have copies (None: all).
    """

    share: float = 0.2
    seed: int = 0
    gallery: int = 5000
    copied: int | None = None


@dataclass(frozen=True)
class Chosen:
    """Which photos play which part. No two files of `gallery` are the same; the first `held_out` of it are
    those of `classes`, kept back from all training. `backgrounds` are not in it, where that can be.
    """

    classes: tuple[str, ...]
    gallery: PhotoSet
    held_out: int
    backgrounds: tuple[Path, ...]
    seed: int


@dataclass(frozen=True)
class Validation:
    """What was read. Rows are the gallery's photos [G], those kept back first, then copies [Q] of them.

    `features` are those of each model, by its version, float16 [G + Q, F]; `histograms` and `hashes` are
    vectors float32 [G + Q, 64] (see `baselines`). `labels` [held_out] are class numbers, `originals` [Q]
    the gallery's number of each copy's photo, `transformations` [Q] the names of what was done to it:
    one of TRANSFORMATIONS, or HARD_VIEW where several things were done at once (`views.hard_view`).
    """

    chosen: Chosen
    labels: Numbers
    originals: Numbers
    transformations: tuple[str, ...]
    features: dict[str, Features]
    histograms: Floats
    hashes: Floats
    failures: tuple[tuple[Path, str], ...]

    @property
    def gallery(self) -> int:
        return len(self.chosen.gallery)

    @property
    def held_out(self) -> int:
        return self.chosen.held_out


def choose_photos(root: Path, settings: ValidationSettings) -> Chosen:
    """Divide the photos below a folder. Raises PhotosimError where there are not two classes."""
    photos = find_photos(root)
    _, validation = split_classes(photos.categories, settings.share, settings.seed)
    kept_back = frozenset(validation)
    held_out = [number for number, name in enumerate(photos.categories) if name in kept_back]
    others = [number for number, name in enumerate(photos.categories) if name not in kept_back]
    random.Random(settings.seed).shuffle(others)
    # Those kept back first, for of equal files the first one stays.
    seen: set[bytes] = set()
    held_out = [number for number in held_out if _is_new(photos.paths[number], seen)]
    others = [number for number in others if _is_new(photos.paths[number], seen)]
    filling = max(0, settings.gallery - len(held_out))
    spare = others[filling:] or others or held_out
    return Chosen(
        classes=validation,
        gallery=_some(photos, [*held_out, *others[:filling]]),
        held_out=len(held_out),
        backgrounds=tuple(photos.paths[number] for number in spare),
        seed=settings.seed,
    )


def read_validation(
    chosen: Chosen,
    models: Sequence[tuple[ModelCard, Runtime]],
    copied: int | None = None,
    progress: Progress = lambda *_: None,
) -> Validation:
    """Read the gallery and make and read the copies, by the way that photos of a library take.

    `progress` hears how many photos, copies too, are done of how many. Photos that cannot be read are left
    out and named in `failures`. Raises PhotosimError where no photo kept back can be read.
    """
    reader = _Reader(models)
    count = chosen.held_out if copied is None else min(copied, chosen.held_out)
    total = len(chosen.gallery) + count * len(_COPIES)
    failures: list[tuple[Path, str]] = []
    kept: list[int] = []
    with ThreadPoolExecutor(available_cores()) as pool:
        for numbers in _groups(range(len(chosen.gallery))):
            results = pool.map(reader.photo, [chosen.gallery.paths[number] for number in numbers])
            for number, result in zip(numbers, results, strict=True):
                if isinstance(result, str):
                    failures.append((chosen.gallery.paths[number], result))
                else:
                    kept.append(number)
                    reader.keep(result)
            reader.embed()
            progress(numbers[-1] + 1, total)
        gallery = _some(chosen.gallery, kept)
        held_out = sum(number < chosen.held_out for number in kept)
        if held_out == 0:
            raise PhotosimError(f"none of the photos kept back can be read: {failures[0][1]}")
        # Evenly over the classes, which lie one after the other.
        originals = np.linspace(0, held_out - 1, min(count, held_out)).round().astype(np.intp)
        for numbers in _groups(originals.tolist()):
            paths = [gallery.paths[number] for number in numbers]
            for copies in pool.map(lambda path: reader.copies(path, chosen.backgrounds), paths):
                for copy in copies:
                    reader.keep(copy)
            reader.embed()
            progress(len(failures) + len(reader.hashes), total)
    return Validation(
        chosen=Chosen(chosen.classes, gallery, held_out, chosen.backgrounds, chosen.seed),
        labels=np.unique(gallery.categories[:held_out], return_inverse=True)[1],
        originals=originals.repeat(len(_COPIES)),
        transformations=_COPIES * len(originals),
        features=reader.features(),
        histograms=np.stack(reader.histograms),
        hashes=hash_vectors(reader.hashes),
        failures=tuple(failures),
    )


def kind_triplets(validation: Validation, trunk: Features, count: int) -> Numbers:
    """Triplets [T, 3] of rows of a validation: two photos of a class, the more likely the more alike they
    are, and one of another class. T is `count`, or less where few photos are alike.

    `trunk` are the pretrained trunk's features [G + Q, F], which say what is alike. Negatives of the
    anchor's own class are left out: there the pretrained trunk would be the judge, and itself always right.
    """
    rng = np.random.default_rng([validation.chosen.seed, 1])
    sampler = _sampler(validation, trunk, SamplingSettings(out_of_class=1.0), rng, views=False)
    rows = []
    for triplet in _drawn(sampler, count, rng):
        rows.append((triplet.anchor, triplet.positive, triplet.negative))
        if len(rows) == count:
            break
    return np.array(rows, np.intp).reshape(-1, 3)


def thing_triplets(validation: Validation, trunk: Features, count: int) -> Numbers:
    """Triplets [T, 3] of rows of a validation, all three hard views: two of one photo and one of another,
    every second time of the same class and then the more likely the more alike. T as for `kind_triplets`.
    """
    rng = np.random.default_rng([validation.chosen.seed, 2])
    sampler = _sampler(validation, trunk, SamplingSettings(), rng, views=True)
    views: dict[int, list[int]] = {}
    for number, original in enumerate(validation.originals.tolist()):
        if validation.transformations[number] == HARD_VIEW:
            views.setdefault(original, []).append(validation.gallery + number)
    rows = []
    for triplet in _drawn(sampler, count, rng):
        if triplet.anchor in views and triplet.negative in views:
            anchor, positive = rng.permutation(views[triplet.anchor])[:2].tolist()
            rows.append((anchor, positive, int(rng.choice(views[triplet.negative]))))
        if len(rows) == count:
            break
    return np.array(rows, np.intp).reshape(-1, 3)


def _drawn(sampler: TripletSampler[int], count: int, rng: np.random.Generator) -> Iterator[Triplet[int]]:
    """Triplets, in the end no more, where so few draws succeed that `count` will not be reached."""
    for _ in range(_DRAWS * count):
        triplet = sampler.draw(rng)
        if triplet is not None:
            yield triplet


def _sampler(
    validation: Validation,
    trunk: Features,
    settings: SamplingSettings,
    rng: np.random.Generator,
    views: bool,
) -> TripletSampler[int]:
    """Has been offered all photos kept back."""
    features = trunk[: validation.held_out].astype(np.float32)
    categories = validation.chosen.gallery.categories[: validation.held_out]
    sampler = TripletSampler(kind_relevance(features), settings, rng, views=views)
    totals = total_relevance(features, categories).tolist()
    for number, (category, total) in enumerate(zip(categories, totals, strict=True)):
        sampler.offer(number, category, total)
    return sampler


class _Reader:
    """Reads photos and makes copies, in any thread; keeps in order what is measured of them."""

    def __init__(self, models: Sequence[tuple[ModelCard, Runtime]]) -> None:
        self._models = models
        self._inputs = [*(NetworkInput(card.input_size, card.geometry) for card, _ in models), _HISTOGRAM]
        self._waiting: list[Reading] = []
        self._features: dict[str, list[Features]] = {card.version: [] for card, _ in models}
        self.histograms: list[Floats] = []
        self.hashes: list[int] = []

    def photo(self, path: Path) -> Reading | str:
        """The photo, or why it cannot be read."""
        try:
            return read_photo(read_bytes(path), *self._inputs)
        except UnreadablePhoto as error:
            return error.reason

    def copies(self, path: Path, backgrounds: Sequence[Path]) -> list[Reading]:
        """A photo's copies, in the order of _COPIES, each read from a file as any photo is."""
        data = read_bytes(path)
        photo, _ = preview(data, _LONG_SIDE)
        # The photo's own: its copies are the same in any company.
        seed = int.from_bytes(content_hash(data)[:8], "big")
        background = _background(backgrounds, seed)
        copies = [transformed_copy(photo, name, background, seed) for name in TRANSFORMATIONS]
        rng = np.random.default_rng(seed)
        copies += [hard_view(photo, background, rng, _VIEW_SIDE) for _ in range(VIEWS)]
        return [read_photo(_lossless(copy), *self._inputs) for copy in copies]

    def keep(self, reading: Reading) -> None:
        self._waiting.append(reading)
        self.histograms.append(colour_histogram(reading.inputs[-1]))
        self.hashes.append(reading.phash)

    def embed(self) -> None:
        """Run the models over what was kept since the last time."""
        if not self._waiting:
            return
        for place, (card, runtime) in enumerate(self._models):
            pixels = np.stack([reading.inputs[place] for reading in self._waiting])
            self._features[card.version].append(runtime.features(pixels))
        self._waiting.clear()

    def features(self) -> dict[str, Features]:
        return {version: np.concatenate(blocks) for version, blocks in self._features.items()}


def _is_new(path: Path, seen: set[bytes]) -> bool:
    """Whether no file of the same content has been seen; one that cannot be opened is found out later."""
    try:
        digest = content_hash(read_bytes(path))
    except UnreadablePhoto:
        return True
    new = digest not in seen
    seen.add(digest)
    return new


def _some(photos: PhotoSet, numbers: Sequence[int]) -> PhotoSet:
    return PhotoSet(
        tuple(photos.paths[number] for number in numbers),
        tuple(photos.categories[number] for number in numbers),
    )


def _groups(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), _TOGETHER):
        yield numbers[start : start + _TOGETHER]


def _background(paths: Sequence[Path], seed: int) -> Pixels:
    """One of the photos, by the seed; where it cannot be read, the next that can."""
    for offset in range(len(paths)):
        try:
            return preview(read_bytes(paths[(seed + offset) % len(paths)]), _LONG_SIDE)[0]
        except UnreadablePhoto:
            continue
    raise PhotosimError("no photo can be read that a print could lie on: add photos of other classes")


def _lossless(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()
