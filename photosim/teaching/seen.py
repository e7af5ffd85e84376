"""Which answers and photos a trunk is tuned by: those that have a thumbnail, and not too many. No torch."""

from __future__ import annotations

from collections.abc import Generator, Sequence, Set
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from photosim.catalog import Catalog
from photosim.catalog.records import Photo
from photosim.errors import TeachingError
from photosim.teaching.gathering import LEAST_TRAINING, Gathered

_CHUNK = 500

Triplets = npt.NDArray[np.int64]


def seen_alone(gathered: Gathered, having: Set[bytes]) -> tuple[Gathered, int]:
    """What was gathered without the answers about photos whose thumbnail is not among `having`, by content
    hash; and how many answers that are.

    Raises TeachingError, with the way on, where too few are left to learn from or none to judge by.
    """
    lesson, kept_back = gathered.lesson, gathered.kept_back
    sides = (lesson.triplets, gathered.hashes), (kept_back.triplets, kept_back.hashes)
    learned, kept = (_seen(triplets, hashes, having) for triplets, hashes in sides)
    unseen = int((~learned).sum() + (~kept).sum())
    if not unseen:
        return gathered, 0
    seen = narrowed(gathered, lesson.triplets[learned], kept_back.triplets[kept])
    anchors = np.unique(seen.lesson.triplets[:, 0])
    if len(seen.lesson.triplets) < LEAST_TRAINING or len(anchors) < 2 or (kept.size and not kept.any()):
        raise TeachingError(
            f"{unseen} of the {len(learned) + len(kept)} answers are about photos whose thumbnails are "
            "missing, and the others are too few: connect the drives of these photos, or train without the "
            "last blocks"
        )
    return seen, unseen


def narrowed(gathered: Gathered, learned: Triplets, kept_back: Triplets) -> Gathered:
    """What was gathered, with these triplets [T, 3] of its lesson and of its kept-back answers alone, and
    the photos that they are about; the triplets stay in their order."""
    features, triplets, hashes = _alone(gathered.lesson.features, learned, gathered.hashes)
    kept = _alone(gathered.kept_back.features, kept_back, gathered.kept_back.hashes)
    return replace(
        gathered,
        lesson=replace(gathered.lesson, features=features, triplets=triplets),
        hashes=hashes,
        kept_back=replace(gathered.kept_back, features=kept[0], triplets=kept[1], hashes=kept[2]),
    )


def sampled(triplets: Triplets, most: int, rng: np.random.Generator) -> Triplets:
    """At most so many of the triplets [T, 3], by chance, in their order."""
    if len(triplets) <= most:
        return triplets
    return triplets[np.sort(rng.choice(len(triplets), most, replace=False))]


def sample_hashes(
    catalog: Catalog, gathered: Gathered, having: Set[bytes], count: int, seed: int
) -> list[bytes]:
    """Photos of the library that no answer is about and that have a thumbnail, at most `count` by chance,
    the same for the same seed."""
    about = {*gathered.hashes, *gathered.kept_back.hashes}
    found: dict[int, bytes] = {}
    for photo in by_chance(catalog, seed):
        if len(found) == count:
            break
        if photo.content_hash in having and photo.content_hash not in about:
            found[photo.id] = photo.content_hash
    return [found[photo_id] for photo_id in sorted(found)]


def by_chance(catalog: Catalog, seed: int) -> Generator[Photo, None, None]:
    """All photos that are shown, in an order by chance, the same for the same seed."""
    order = np.random.default_rng(seed).permutation(catalog.shown_ids())
    for start in range(0, len(order), _CHUNK):
        chunk = order[start : start + _CHUNK].tolist()
        photos = catalog.photos(chunk)
        yield from (photos[photo_id] for photo_id in chunk if photo_id in photos)


def _seen(triplets: Triplets, hashes: Sequence[bytes], having: Set[bytes]) -> npt.NDArray[np.bool_]:
    seen = np.array([item in having for item in hashes], np.bool_)
    return np.asarray(seen[triplets].all(axis=1), np.bool_)


def _alone(
    features: npt.NDArray[np.float16], triplets: Triplets, hashes: Sequence[bytes]
) -> tuple[npt.NDArray[np.float16], Triplets, tuple[bytes, ...]]:
    used, numbers = np.unique(triplets, return_inverse=True)
    rows = np.asarray(numbers, np.int64).reshape(triplets.shape)
    return features[used], rows, tuple(hashes[row] for row in used.tolist())
