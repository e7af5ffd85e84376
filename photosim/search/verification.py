"""Exact matches first: the best candidates of a ranking are compared with the query point by point.

Importing it loads OpenCV: it is for those who are asked to verify.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from photosim.catalog import Catalog, ThumbnailStore
from photosim.errors import LibraryError, PhotosimError, UnreadablePhoto
from photosim.imaging.keypoints import VERSION, Keypoints, Match, describe, match
from photosim.model.device import available_cores
from photosim.search.searcher import Ranking

CANDIDATES = 100
NOT_CHECKED = -1
_QUERIES_KEPT = 16

_log = logging.getLogger(__name__)


class QueryPhoto(Protocol):
    """A photo of a query: `thumbnail` is JPEG where it is none of the library's, or a region of one."""

    @property
    def content_hash(self) -> bytes: ...

    @property
    def thumbnail(self) -> bytes | None: ...


@dataclass(frozen=True)
class Checked:
    """How far a verification has come: `done` of `total` candidates.

    `inliers`: by photo id, how many points agree with the query, 0 where it was not found.
    """

    done: int
    total: int
    inliers: dict[int, int]


@dataclass(frozen=True)
class Found:
    """The query photo, `example` counted from 0, that a result matches best, and how."""

    example: int
    match: Match


class Verifier:
    """Compares photos of one library with a query by their keypoints, from any thread.

    Keypoints are those of thumbnails, found when first wanted and kept beside these. `renew` makes a photo's
    lost thumbnail anew, by its id; it returns whether it could.
    """

    def __init__(
        self,
        catalog: Catalog,
        thumbnails: ThumbnailStore,
        renew: Callable[[int], bool],
    ) -> None:
        self._catalog = catalog
        self._thumbnails = thumbnails
        self._renew = renew
        self._queries: OrderedDict[bytes, Keypoints] = OrderedDict()
        self._lock = threading.Lock()

    def verify(
        self, ranking: Ranking, more: Sequence[QueryPhoto], known: Mapping[int, int] | None = None
    ) -> Generator[Checked, None, None]:
        """Check the best CANDIDATES of a ranking; closing the generator early ends the work.

        A photo counts by the query photo of `more` that it matches best. One whose file and thumbnail are
        both gone has 0 inliers. `known`: inliers of photos checked with the same query before, which are
        taken over.
        """
        inliers = dict(known or {})
        ids = [photo_id for photo_id in ranking.ids[:CANDIDATES].tolist() if photo_id not in inliers]
        yield Checked(0, len(ids), inliers)
        if not ids:
            return
        stop = threading.Event()
        new: dict[bytes, Keypoints] = {}
        hashes = {photo.id: photo.content_hash for photo in self._catalog.photos(ids).values()}
        queries = [self._of_query(photo, new) for photo in more]

        def check(photo_id: int) -> int:
            if stop.is_set() or photo_id not in hashes:
                return 0
            found = _best(queries, self._of_photo(photo_id, hashes[photo_id], new))
            return 0 if found is None else found.match.inliers

        threads = ThreadPoolExecutor(available_cores(), thread_name_prefix="photosim-verify")
        try:
            for done, (photo_id, count) in enumerate(zip(ids, threads.map(check, ids), strict=True), 1):
                inliers[photo_id] = count
                yield Checked(done, len(ids), inliers)
        finally:
            stop.set()
            threads.shutdown(cancel_futures=True)
            self._keep(new)

    def compare(self, more: Sequence[QueryPhoto], photo_id: int) -> Found | None:
        """Where a photo of the library matches one of the query's photos best; None where none is found.

        Points and outline are fractions of the upright photos; of the region, where the query is one.
        """
        photo = self._catalog.photo(photo_id)
        if photo is None:
            return None
        new: dict[bytes, Keypoints] = {}
        result = self._of_photo(photo.id, photo.content_hash, new)
        found = _best([self._of_query(one, new) for one in more], result)
        self._keep(new)
        return found

    # Keypoints; those found for the first time are put into `new`

    def _of_query(self, photo: QueryPhoto, new: dict[bytes, Keypoints]) -> Keypoints | None:
        if photo.thumbnail is None:
            known = self._catalog.photo_by_hash(photo.content_hash)
            return self._of_photo(None if known is None else known.id, photo.content_hash, new)
        with self._lock:
            kept = self._queries.get(photo.thumbnail)
        if kept is not None:
            return kept
        found = _describe(photo.thumbnail)
        if found is not None:
            with self._lock:
                self._queries[photo.thumbnail] = found
                while len(self._queries) > _QUERIES_KEPT:
                    self._queries.popitem(last=False)
        return found

    def _of_photo(
        self, photo_id: int | None, content_hash: bytes, new: dict[bytes, Keypoints]
    ) -> Keypoints | None:
        if content_hash in new:
            return new[content_hash]
        kept = self._thumbnails.keypoints(content_hash, VERSION)
        if kept is not None:
            try:
                return Keypoints.from_bytes(kept)
            except ValueError as error:
                _log.warning("keypoints are made anew: %s", error)
        found = self._of_thumbnail(content_hash)
        if found is None and photo_id is not None and self._renewed(photo_id):
            found = self._of_thumbnail(content_hash)
        if found is not None:
            new[content_hash] = found
        return found

    def _of_thumbnail(self, content_hash: bytes) -> Keypoints | None:
        jpeg = self._thumbnails.get(content_hash)
        return None if jpeg is None else _describe(jpeg)

    def _renewed(self, photo_id: int) -> bool:
        try:
            return self._renew(photo_id)
        except PhotosimError as error:  # the next scan says what is wrong with the photo
            _log.warning("a photo could not be compared: %s", error)
            return False

    def _keep(self, new: dict[bytes, Keypoints]) -> None:
        if not new:
            return
        try:
            self._thumbnails.put_keypoints(
                [(content_hash, found.to_bytes()) for content_hash, found in new.items()], VERSION
            )
        except LibraryError as error:  # a full disk: they are found again the next time
            _log.warning("keypoints were not kept: %s", error)


def in_order(ranking: Ranking, inliers: Mapping[int, int]) -> tuple[Ranking, npt.NDArray[np.int32]]:
    """The ranking with its matches first, most inliers before fewer, else by similarity as before.

    Beside it the inliers, int32 [N], NOT_CHECKED where a photo was not checked.
    """
    candidates = ranking.ids[:CANDIDATES].tolist()
    counts = np.array([inliers.get(photo_id, NOT_CHECKED) for photo_id in candidates], np.int32)
    order = np.arange(len(ranking))
    order[: len(counts)] = np.argsort(-np.maximum(counts, 0), kind="stable")
    every = np.full(len(ranking), NOT_CHECKED, np.int32)
    every[: len(counts)] = counts
    return replace(ranking, ids=ranking.ids[order], similarity=ranking.similarity[order]), every[order]


def _best(queries: Sequence[Keypoints | None], result: Keypoints | None) -> Found | None:
    best: Found | None = None
    if result is None:
        return None
    for example, query in enumerate(queries):
        found = None if query is None else match(query, result)
        if found is not None and (best is None or found.inliers > best.match.inliers):
            best = Found(example, found)
    return best


def _describe(jpeg: bytes) -> Keypoints | None:
    try:
        return describe(jpeg)
    except UnreadablePhoto as error:
        _log.warning("a thumbnail has no keypoints: %s", error)
        return None
