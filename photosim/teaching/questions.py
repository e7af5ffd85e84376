"""Which of two photos is more like a third? Questions whose answers teach the most.

Asked are photos that the model ranks close together, near the anchor: there it knows least what its user
would say (uncertainty sampling; for comparisons of three: Tamuz et al. 2011, "Adaptively Learning the Crowd
Kernel"). Anchors lie far from each other, so that the whole library is asked about.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photosim.errors import TeachingError
from photosim.imaging.phash import NEAR_COPY_BITS
from photosim.library import Library
from photosim.search.query import weigh
from photosim.search.searcher import Searcher

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

NEIGHBOURS = 60
"""Both photos of a question are among so many nearest of the anchor,"""
CLOSE_RANKS = 5
"""and at most this many ranks apart."""
LEAST_PHOTOS = 3
_SHARE = 0.5  # of a small library that is near enough to ask about
_COPY = 0.98  # of the greatest similarity: as good as the same photo, though its hash differs
_ANCHORS = 8  # drawn, of which the one farthest from those asked about is taken
_PAIRS = 8  # likewise, of which the two least alike are taken
_MOST_ANCHORS = 300


@dataclass(frozen=True)
class Question:
    """Photo ids: is `left` or `right` more like `anchor`?"""

    anchor: int
    left: int
    right: int


class Questions:
    """Asks about photos `among` these, ids int64 [N], or about the whole library; any thread may ask.

    `next` ranks the library and reads the catalog: not for the GUI's thread.
    """

    def __init__(self, library: Library, among: Ids | None = None, seed: int | None = None) -> None:
        self._library = library
        self._among = among
        self._random = np.random.default_rng(seed)
        self._lock = threading.Lock()
        self._given: set[tuple[int, frozenset[int]]] = set()
        self._chosen: tuple[Searcher, int, Ids, Floats] | None = None

    def next(self) -> Question:
        """A question that has neither an answer nor been asked by this object before.

        Raises TeachingError where the photos are too few, or nothing is left to ask.
        """
        with self._lock:
            searcher = self._library.searcher
            ids, matrix = self._vectors(searcher)
            if len(ids) < LEAST_PHOTOS:
                raise TeachingError(
                    f"a question takes {LEAST_PHOTOS} photos, and there are {len(ids)}: "
                    "add a folder, or choose more photos to teach from"
                )
            known = self._answered() | self._given
            anchors = {anchor for anchor, _ in known}
            for row in self._anchors(ids, matrix, anchors):
                pair = self._pair(searcher, ids, matrix, row, known)
                if pair is not None:
                    anchor = int(ids[row])
                    self._given.add((anchor, frozenset(pair)))
                    return Question(anchor, *pair)
        raise TeachingError(
            "every question about these photos has been asked: choose more photos to teach from"
        )

    def _vectors(self, searcher: Searcher) -> tuple[Ids, Floats]:
        """Ids and embeddings of the photos to ask about; those of a choice are copied once, not each time."""
        ids, matrix = searcher.shown_vectors()
        if self._among is None:
            return ids, matrix
        if self._chosen is None or self._chosen[0] is not searcher or self._chosen[1] != len(ids):
            rows = np.flatnonzero(np.isin(ids, self._among))
            self._chosen = (searcher, len(ids), ids[rows], matrix[rows])
        return self._chosen[2:]

    def _answered(self) -> set[tuple[int, frozenset[int]]]:
        asked = self._library.catalog.answers.asked()
        ids = self._library.catalog.ids_by_hash(
            {digest for anchor, pair in asked for digest in (anchor, *pair)}
        )
        return {
            (ids[anchor], frozenset(ids[digest] for digest in pair))
            for anchor, pair in asked
            if anchor in ids and all(digest in ids for digest in pair)
        }

    def _anchors(self, ids: Ids, matrix: Floats, asked: set[int]) -> Iterator[int]:
        """Rows to ask about: new ones first, far from those asked about; then those again."""
        was = np.isin(ids, list(asked))
        new = self._random.permutation(np.flatnonzero(~was))
        before = matrix[was]
        drawn = new[:_ANCHORS]
        if len(drawn) and len(before):
            nearest = (matrix[drawn] @ before.T).max(axis=1)
            drawn = drawn[np.argsort(nearest, kind="stable")]
        rows = np.concatenate((drawn, new[_ANCHORS:], self._random.permutation(np.flatnonzero(was))))
        yield from rows[:_MOST_ANCHORS].tolist()

    def _pair(
        self, searcher: Searcher, ids: Ids, matrix: Floats, row: int, known: set[tuple[int, frozenset[int]]]
    ) -> tuple[int, int] | None:
        """Two photos ranked close together near the anchor, in either order; None where all were asked."""
        query = weigh(matrix[row], searcher.embedding.parts, searcher.card.focus)
        similarity = matrix @ query
        similarity[row] = -np.inf
        count = min(NEIGHBOURS, max(2, round(_SHARE * (len(ids) - 1))))
        near = np.argsort(-similarity, kind="stable")[: 2 * count]
        near = self._without_copies(ids, similarity, near, row)[:count]
        anchor = int(ids[row])
        pairs = [
            (near[first], near[second])
            for first in range(len(near) - 1)
            for second in range(first + 1, min(first + 1 + CLOSE_RANKS, len(near)))
        ]
        pairs = [
            pair for pair in pairs if (anchor, frozenset((int(ids[pair[0]]), int(ids[pair[1]])))) not in known
        ]
        if not pairs:
            return None
        drawn = self._random.permutation(len(pairs))[:_PAIRS]
        # Two photos that differ from each other say more than two that are nearly one.
        alike = [float(matrix[pairs[number][0]] @ matrix[pairs[number][1]]) for number in drawn]
        left, right = self._random.permutation(pairs[drawn[int(np.argmin(alike))]])
        return int(ids[left]), int(ids[right])

    def _without_copies(
        self, ids: Ids, similarity: Floats, near: npt.NDArray[np.intp], row: int
    ) -> npt.NDArray[np.intp]:
        """The nearest without copies of the anchor, and of several copies of one photo the first."""
        hashes = self._library.catalog.phashes([int(ids[row]), *ids[near].tolist()])
        kept: list[int] = []
        seen = [hashes.get(int(ids[row]), 0)]
        for other in near.tolist():
            digest = hashes.get(int(ids[other]), 0)
            # An evenly coloured photo has the hash 0, which tells nothing.
            copy = digest != 0 and any((digest ^ one).bit_count() <= NEAR_COPY_BITS for one in seen)
            if copy or similarity[other] > _COPY:
                continue
            kept.append(other)
            seen.append(digest)
        return np.array(kept, dtype=np.intp)
