"""Runs the window's queries off the GUI thread: photos in, a ranking out, the newest query alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, Signal

from photosim.engine.messages import Region
from photosim.errors import PhotosimError, QueryError
from photosim.gui.tasks import Task, TaskRunner
from photosim.gui.views import QueryItem
from photosim.library import Example, Library
from photosim.search.searcher import EXACT_UP_TO, Ranking, Searcher


@dataclass(frozen=True)
class Answer:
    """A ranking and the query it answers: `items` are those that could be read, with their examples.

    `problems` says in a line each what could not be. `ranking` is None where nothing could be searched.
    `matched` is the ranking with exact matches first, as far as they are known: `inliers` has by photo id how
    many points agree with the query, and `verified` tells that all candidates were compared.
    """

    items: tuple[QueryItem, ...]
    ranking: Ranking | None
    problems: tuple[str, ...] = ()
    matched: Ranking | None = None
    inliers: Mapping[int, int] = field(default_factory=dict)
    verified: bool = False

    @property
    def more(self) -> tuple[QueryItem, ...]:
        return tuple(item for item in self.items if not item.less)

    @property
    def query_ids(self) -> frozenset[int]:
        """Photos of the library that are the query themselves."""
        return frozenset(
            item.example.photo_id
            for item in self.items
            if item.example is not None and item.example.photo_id is not None and not item.less
        )


class QueryRunner(QObject):
    """Asks one question at a time; a newer one makes the answer to an older one unheard."""

    answered = Signal(object)
    """Answer to the newest question."""
    verified = Signal(object)
    """Answer that was given to `verify`, or, with a problem, what came of it."""
    busy_changed = Signal(bool)

    def __init__(self, library: Library, tasks: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._tasks = tasks
        self._task: Task | None = None
        self._verifying: Task | None = None
        self._stop = threading.Event()
        # What was found of the photos looked for last: neither the dial nor new photos change it.
        self._matches: tuple[tuple[QueryItem, ...], Mapping[int, int]] = ((), {})
        self._changes = 1  # of the library that were told
        self._seen = 0  # of these, those that the searcher has surely seen

    @property
    def busy(self) -> bool:
        return self._task is not None

    def library_changed(self) -> None:
        """The next question looks for new photos first."""
        self._changes += 1

    def ask(self, items: tuple[QueryItem, ...], focus: float) -> None:
        self.cancel()
        changes = self._changes
        refresh = changes != self._seen
        more, inliers = self._matches
        known = inliers if more == tuple(item for item in items if not item.less) else {}
        self._task = self._tasks.run(
            lambda: _with_matches(answer(self._library, items, focus, refresh), known),
            lambda found: self._deliver(found, changes),
            self._fail,
            pool="query",
        )
        self.busy_changed.emit(True)

    def verify(self, found: Answer) -> None:
        """Compare an answer's best photos with the query point by point; `verified` follows."""
        self.stop_verifying()
        stop = self._stop = threading.Event()
        self._verifying = self._tasks.run(
            lambda: verify(self._library, found, stop.is_set),
            self._deliver_verified,
            lambda error: self._fail_verified(found, error),
            pool="verify",
        )

    @property
    def verifying(self) -> bool:
        return self._verifying is not None

    def stop_verifying(self) -> None:
        self._stop.set()
        if self._verifying is not None:
            self._verifying.cancel()
            self._verifying = None

    def cancel(self) -> None:
        self.stop_verifying()
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self.busy_changed.emit(False)

    def _deliver(self, found: Answer, changes: int) -> None:
        self._task = None
        self._seen = changes
        self.busy_changed.emit(False)
        self.answered.emit(found)

    def _fail(self, error: Exception) -> None:
        self._task = None
        self.busy_changed.emit(False)
        if not isinstance(error, PhotosimError):
            raise error
        self.answered.emit(Answer((), None, (str(error),)))

    def _deliver_verified(self, found: Answer) -> None:
        self._verifying = None
        self._matches = (found.more, found.inliers)
        self.verified.emit(found)

    def _fail_verified(self, found: Answer, error: Exception) -> None:
        self._verifying = None
        if not isinstance(error, PhotosimError):
            raise error
        self.verified.emit(replace(found, problems=(str(error),)))


def answer(library: Library, items: tuple[QueryItem, ...], focus: float, refresh: bool) -> Answer:
    """Read the photos of a query and rank the library by them; one that cannot be read is left out."""
    if refresh:
        library.follow()  # another program's scan may have let another model take over
    while True:
        searcher = library.searcher
        try:
            found = _answer_with(library, searcher, items, focus, refresh)
        except CancelledError:  # the worker went, with its model or because the window is closing
            if library.searcher is searcher:
                raise
            continue
        # Another model may have taken over meanwhile: what was read for the one is no question to the other.
        if library.searcher is searcher:
            return found


def _answer_with(
    library: Library, searcher: Searcher, items: tuple[QueryItem, ...], focus: float, refresh: bool
) -> Answer:
    if refresh:
        searcher.refresh()
    read: list[QueryItem] = []
    problems: list[str] = []
    for item in items:
        try:
            if item.example is None or item.example.trunk != searcher.card.trunk:
                read.append(_found_anew(library, _examined(library, item)))
            else:
                read.append(_found_anew(library, item) if refresh else item)
        except PhotosimError as error:
            problems.append(str(error))
    found = tuple(read)
    more = [item.example.features for item in found if item.example is not None and not item.less]
    less = [item.example.features for item in found if item.example is not None and item.less]
    if not more:
        if not problems:
            problems.append(
                QCoreApplication.translate(
                    "QueryRunner", "Less like this needs a photo to look for as well: choose one to look for"
                )
            )
        return Answer(found, None, tuple(problems))
    try:
        ranking = searcher.rank(more, less, focus, exact=len(searcher) <= EXACT_UP_TO)
    except PhotosimError as error:
        return Answer(found, None, (*problems, str(error)))
    return Answer(found, ranking, tuple(problems))


def verify(library: Library, found: Answer, stopped: Callable[[], bool]) -> Answer:
    """The answer with its best photos compared with the query point by point, as far as it came.

    Not for the GUI's thread: takes up to seconds where photos are compared for the first time.
    """
    if found.ranking is None:
        return found
    more = [item.example for item in found.more if item.example is not None]
    inliers = found.inliers
    steps = library.verifier.verify(found.ranking, more, inliers)
    try:
        for step in steps:
            inliers = step.inliers
            if stopped():
                return found
    finally:
        steps.close()
    return replace(_with_matches(replace(found, problems=()), inliers), verified=True)


def _with_matches(found: Answer, inliers: Mapping[int, int]) -> Answer:
    if found.ranking is None or not inliers:
        return found
    from photosim.search.verification import in_order  # loads OpenCV, as finding the matches has done

    matched, _ = in_order(found.ranking, inliers)
    return replace(found, matched=matched, inliers=inliers)


def _examined(library: Library, item: QueryItem) -> QueryItem:
    try:
        example = _examine(library, item)
    except PhotosimError:
        if item.thumbnail is None or item.example is None:
            raise
        # All of what is left of a region is still a region: it is not trimmed.
        region = None if item.region is None else (0.0, 0.0, 1.0, 1.0)
        example = _from_thumbnail(library, item.example, item.thumbnail, region)
    return item.examined(example, example.thumbnail or library.thumbnails.get(example.content_hash))


def _from_thumbnail(library: Library, before: Example, thumbnail: bytes, region: Region | None) -> Example:
    """What another model sees of a picture that cannot be read again: dropped from a browser, or gone."""
    seen = library.example(thumbnail, region)
    return replace(before, features=seen.features, trunk=seen.trunk)


def _found_anew(library: Library, item: QueryItem) -> QueryItem:
    """The item with the id that its photo has now: a folder removed and added again brings new ones."""
    example = item.example
    if example is None:
        return item
    photo = library.catalog.photo_by_hash(example.content_hash)
    if item.region is None:
        example = replace(example, photo_id=None if photo is None else photo.id)
    photo_id = item.photo_id if item.photo_id is None or photo is None else photo.id
    return replace(item, example=example, photo_id=photo_id)


def _examine(library: Library, item: QueryItem) -> Example:
    if item.image is not None:
        return library.example(item.image, item.region)
    if item.photo_id is not None:
        photo = library.catalog.photo(item.photo_id)
        searcher = library.searcher
        features = searcher.features_of(item.photo_id)
        if item.region is None and photo is not None and features is not None:
            return Example(features, photo.id, photo.content_hash, searcher.card.trunk)
        return library.example(Path(item.path if photo is None else photo.path), item.region)
    if not item.path:
        raise QueryError("the picture is no longer there: drop it again")
    return library.example(Path(item.path), item.region)
