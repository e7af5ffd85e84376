"""What a user says of a ranking by marking or moving its photos, as answers like those of a question. No Qt.

Whoever marks a photo has seen those ranked above it and chose it all the same: that it is more like the query
than one of these is what may be concluded, no more (Joachims 2002, "Optimizing Search Engines using
Clickthrough Data", section 2: a link that was clicked is preferred to those above that were not). Of these,
only the nearest is taken, which was surely looked at. "Less like this" is the same from the other side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]

AT_ONCE = 20
"""Photos marked at once of which answers are made: whoever marks a hundred has not compared each."""
WITHIN = 10
"""So many photos above, or below, are looked at for one to compare with."""
PAIRED = 5
"""So many of the photos marked the other way, the last ones, are each compared with the one marked now."""


@dataclass(frozen=True)
class Ranked:
    """A ranking as it is shown, best first: `ids` int64 [N], for a query whose first photo is `anchor`.

    `more` and `less` are the photos of the query, in the order they came, the anchor among the first;
    `matches` show the very same thing as the query.
    """

    anchor: int
    ids: Ids
    more: tuple[int, ...]
    less: tuple[int, ...] = ()
    matches: frozenset[int] = frozenset()

    @property
    def fixed(self) -> frozenset[int]:
        """Photos whose place in the ranking says nothing: they are the query, or as good as it."""
        return self.matches | frozenset(self.more)


@dataclass(frozen=True)
class Comparison:
    """A photo, whether it was called the more similar one, and what it was compared with: the first of
    `others` that will do."""

    photo: int
    better: bool
    others: tuple[int, ...]


@dataclass(frozen=True)
class Content:
    """What tells photos apart: `content_hash`, and the perceptual hash of 64 bits."""

    content_hash: bytes
    phash: int


def marked_more(ranked: Ranked, photos: Sequence[int]) -> list[Comparison]:
    """Photos of a ranking were called more like what is looked for.

    Each is better than the nearest photo above it that was not, and than those called less like it.
    """
    marked = [photo for photo in photos if photo not in ranked.fixed][:AT_ONCE]
    passed = ranked.fixed.union(photos)
    found = []
    for photo, row in _rows(ranked, marked):
        found.append(Comparison(photo, True, _nearest(ranked.ids[:row][::-1], passed)))
    less = [photo for photo in ranked.less if photo not in photos][-PAIRED:]
    return _usable(found) + [Comparison(photo, True, (other,)) for photo in marked for other in less]


def marked_less(ranked: Ranked, photos: Sequence[int]) -> list[Comparison]:
    """Photos of a ranking were called less like what is looked for, the other way round."""
    barred = ranked.matches | {ranked.anchor}
    marked = [photo for photo in photos if photo not in barred][:AT_ONCE]
    passed = ranked.fixed.union(photos, ranked.less)
    found = []
    for photo, row in _rows(ranked, marked):
        if photo not in ranked.fixed:  # else its place is that of a photo of the query
            found.append(Comparison(photo, False, _nearest(ranked.ids[row + 1 :], passed)))
    more = [photo for photo in ranked.more if photo not in photos and photo != ranked.anchor][-PAIRED:]
    return _usable(found) + [Comparison(photo, False, (other,)) for photo in marked for other in more]


def moved_up(ranked: Ranked, photos: Sequence[int], before: int) -> list[Comparison]:
    """Photos were moved up in a ranking: each is better than the first of those that it passed."""
    (top,) = np.flatnonzero(ranked.ids == before)[:1].tolist() or [len(ranked.ids)]
    passed = ranked.fixed.union(photos)
    return _usable(
        Comparison(photo, True, _nearest(ranked.ids[top:row], passed))
        for photo, row in _rows(ranked, [photo for photo in photos if photo not in ranked.fixed][:AT_ONCE])
    )


def triplets(
    anchor: int, comparisons: Sequence[Comparison], contents: Mapping[int, Content], near_bits: int
) -> list[tuple[bytes, bytes, bytes]]:
    """The comparisons as (anchor, positive, negative) by content hash, without those that say nothing.

    Photos that are not in `contents` are passed over, and copies: two photos whose perceptual hashes differ
    in at most `near_bits` bits are taken for one.
    """
    start = contents.get(anchor)
    if start is None:
        return []
    found = []
    for comparison in comparisons:
        photo = contents.get(comparison.photo)
        if photo is None or _alike(photo, start, near_bits):
            continue
        for other_id in comparison.others:
            other = contents.get(other_id)
            if other is None or _alike(other, start, near_bits) or _alike(other, photo, near_bits):
                continue
            pair = (photo, other) if comparison.better else (other, photo)
            found.append((start.content_hash, pair[0].content_hash, pair[1].content_hash))
            break
    return list(dict.fromkeys(found))


def photos_of(anchor: int, comparisons: Sequence[Comparison]) -> list[int]:
    """All photos that comparisons with an anchor are about."""
    about = [photo for comparison in comparisons for photo in (comparison.photo, *comparison.others)]
    return list(dict.fromkeys([anchor, *about]))


def _rows(ranked: Ranked, photos: Sequence[int]) -> list[tuple[int, int]]:
    """Photos that are shown, each with its place."""
    rows = np.flatnonzero(np.isin(ranked.ids, np.array(photos, dtype=np.int64))).tolist()
    return [(int(ranked.ids[row]), row) for row in rows]


def _nearest(ids: Ids, passed: frozenset[int]) -> tuple[int, ...]:
    return tuple(photo for photo in ids[: WITHIN + len(passed)].tolist() if photo not in passed)[:WITHIN]


def _usable(comparisons: Iterable[Comparison]) -> list[Comparison]:
    return [comparison for comparison in comparisons if comparison.others]


def _alike(one: Content, other: Content, near_bits: int) -> bool:
    return one.content_hash == other.content_hash or (one.phash ^ other.phash).bit_count() <= near_bits
