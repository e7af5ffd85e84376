"""Answers to arrays: the features of the photos they are about, those kept back apart, and a rehearsal."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photosim.catalog import Answer, Catalog
from photosim.catalog.answers import nearest_fifth
from photosim.errors import TeachingError
from photosim.teaching.lesson import Lesson

LEAST_ANSWERS = 20
REHEARSAL = 4000
LEAST_TRAINING = 10
"""With fewer left to learn from, since one photo's answers are all kept back, the rest says nothing."""


Triplet = tuple[bytes, bytes, bytes]


@dataclass(frozen=True)
class KeptBack:
    """The answers a tuning never sees: `features` float16 [N, F] of the photos with these content hashes, and
    `triplets` int64 [T, 3], the rows of anchor, positive and negative in them.
    """

    features: npt.NDArray[np.float16]
    triplets: npt.NDArray[np.int64]
    hashes: tuple[bytes, ...]


@dataclass(frozen=True)
class Tally:
    """Of the answers, `training` + `kept_back` are used, both of those that contradict each other
    (`contradicting` answers); `neither` say nothing, and `gone` are about photos without features.
    """

    training: int
    kept_back: int
    neither: int
    contradicting: int
    gone: int

    @property
    def usable(self) -> int:
        return self.training + self.kept_back


@dataclass(frozen=True)
class Gathered:
    """What a tuning learns from, and what judges it. `hashes` are those of the lesson's photos, by row."""

    lesson: Lesson
    hashes: tuple[bytes, ...]
    kept_back: KeptBack
    tally: Tally


def gather(
    catalog: Catalog, trunk: str, answers: Sequence[Answer], rehearsal: int = REHEARSAL, seed: int = 0
) -> Gathered:
    """Read the features of this trunk that the answers need, and those of a sample of the library.

    No other features are read, so that a large library costs no more than a small one. The sample is of at
    most `rehearsal` photos that no answer is about, and the same for the same seed and library.
    """
    decided = [answer for answer in answers if not answer.neither]
    ids = catalog.ids_by_hash({digest for answer in decided for digest in answer.triplet})
    rows = _rows(catalog, trunk, ids)
    usable = [answer for answer in decided if all(digest in rows for digest in answer.triplet)]
    training = [answer.triplet for answer in usable if not answer.kept_back]
    kept_back = [answer.triplet for answer in usable if answer.kept_back]
    features, triplets, hashes = _arrays(training, rows)
    sample = _sample(catalog, trunk, set(ids.values()), rehearsal, seed)
    return Gathered(
        Lesson(features, triplets, sample if len(sample) else features[:0]),
        hashes,
        KeptBack(*_arrays(kept_back, rows)),
        Tally(
            training=len(training),
            kept_back=len(kept_back),
            neither=len(answers) - len(decided),
            contradicting=_contradicting([*training, *kept_back]),
            gone=len(decided) - len(usable),
        ),
    )


def check(gathered: Gathered) -> None:
    """Raise TeachingError, with the way on, where there is nothing to learn from or to be judged by."""
    usable, training = gathered.tally.usable, gathered.tally.training
    if usable < LEAST_ANSWERS:
        so_far = "1 answer" if usable == 1 else f"{usable} answers" if usable else "no answers"
        raise TeachingError(f"{so_far} so far: training begins at {LEAST_ANSWERS}")
    anchors = len(set(gathered.lesson.triplets[:, 0])) + len(set(gathered.kept_back.triplets[:, 0]))
    if anchors == 1:
        raise TeachingError(f"all {usable} answers are about one photo: answer questions about others too")
    if training < LEAST_TRAINING or training == usable:
        raise TeachingError(
            f"the {usable} answers are about {anchors} photos alone, too few to learn from some and be tried "
            "with the others: answer questions about more photos"
        )
    _check_differences(gathered.lesson)


def divide(triplets: Iterable[Triplet], sides: Mapping[bytes, bool]) -> list[Answer]:
    """The triplets of a file as answers, about a fifth of them kept back, by anchor.

    An anchor that has a side (see Answers.sides) keeps it. The others are gone through in the order of a hash
    (see nearest_fifth): in another file, or in the same one with more answers, most anchors are on the same
    side. An anchor with many answers is rather learnt from, so that enough are left for that.
    """
    triplets = list(dict.fromkeys(triplets))
    sizes = Counter(triplet[0] for triplet in triplets)
    kept = {anchor for anchor in sizes if sides.get(anchor)}
    free = sorted((anchor for anchor in sizes if anchor not in sides), key=_order)
    settled = sum(sizes[anchor] for anchor in kept)
    kept |= nearest_fifth({anchor: sizes[anchor] for anchor in free}, settled, len(triplets))
    return [
        Answer(number, *triplet, False, "file", triplet[0] in kept, "")
        for number, triplet in enumerate(triplets, 1)
    ]


def _order(anchor: bytes) -> bytes:
    """What is this anchor's for ever, and tells nothing of it."""
    return hashlib.blake2b(anchor, digest_size=16, person=b"kept back").digest()


def _rows(catalog: Catalog, trunk: str, ids: Mapping[bytes, int]) -> dict[bytes, npt.NDArray[np.float16]]:
    found, features = catalog.features_by_id(list(ids.values()), trunk)
    by_id = dict(zip(found.tolist(), features, strict=True))
    return {digest: by_id[photo_id] for digest, photo_id in ids.items() if photo_id in by_id}


def _arrays(
    triplets: Sequence[Triplet], rows: Mapping[bytes, npt.NDArray[np.float16]]
) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.int64], tuple[bytes, ...]]:
    hashes = tuple(dict.fromkeys(digest for triplet in triplets for digest in triplet))
    numbers = {digest: number for number, digest in enumerate(hashes)}
    features = np.array([rows[digest] for digest in hashes], dtype=np.float16)
    indices = np.array([[numbers[digest] for digest in triplet] for triplet in triplets], dtype=np.int64)
    return features.reshape(len(hashes), -1 if hashes else 0), indices.reshape(-1, 3), hashes


def _sample(
    catalog: Catalog, trunk: str, without: set[int], count: int, seed: int
) -> npt.NDArray[np.float16]:
    ids = np.intersect1d(catalog.shown_ids(), catalog.ids_with_features(trunk), assume_unique=True)
    ids = np.setdiff1d(ids, np.array(sorted(without), np.int64), assume_unique=True)
    chosen = np.random.default_rng(seed).choice(ids, min(count, len(ids)), replace=False)
    found, features = catalog.features_by_id(np.sort(chosen).tolist(), trunk)
    return features[np.argsort(found)]


def _contradicting(triplets: Sequence[Triplet]) -> int:
    given = set(triplets)
    return sum((anchor, negative, positive) in given for anchor, positive, negative in given)


def _check_differences(lesson: Lesson) -> None:
    positives, negatives = (lesson.features[lesson.triplets[:, column]] for column in (1, 2))
    if not (positives != negatives).any():
        raise TeachingError(
            "in every answer the two photos look the same to the model: answer questions about other photos"
        )
