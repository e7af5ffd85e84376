"""Explains a result to the user: opens the view over the window, and supplies it with what it shows."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QCoreApplication, QObject, QSize, Signal
from PySide6.QtGui import QImage

from photosim.catalog.records import Photo
from photosim.engine.messages import PlacesRead, Region
from photosim.errors import PhotosimError, UnreadablePhoto
from photosim.gui.facts_text import path_text
from photosim.gui.grid import PhotoGrid
from photosim.gui.navigator import Navigator
from photosim.gui.pair_canvas import QUERY, RESULT, Points
from photosim.gui.previews import Previews
from photosim.gui.tasks import Task, TaskRunner
from photosim.gui.views import QueryItem
from photosim.gui.why_view import Shown, WhyView
from photosim.library import Example, Library
from photosim.model.embedding import part_weights
from photosim.search.explanation import Explanation, explain
from photosim.search.query import weigh
from photosim.search.searcher import Searcher

T = TypeVar("T")
Floats = npt.NDArray[np.float32]
_WHOLE: Region = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Side:
    """One photo of the pair. `embedding` float32 [dim] is what the other photo is compared with.

    `path` is its file, empty where there is none to be reached; `kept` the thumbnail that is kept of it,
    JPEG, which `thumbnail` shows; `size` that of the upright photo, or of its thumbnail where no more is
    known; `region` the part that the similarity is about, where it is not the whole.
    """

    photo_id: int | None
    name: str
    path: str
    kept: bytes | None
    thumbnail: QImage
    size: QSize
    region: Region | None
    embedding: Floats

    def shown(self) -> Shown:
        return Shown(self.name, self.thumbnail, self.size, self.region, choosable=bool(self.path))


@dataclass(frozen=True)
class Pair:
    """A photo of the query, the `number`th of `count`, and a result."""

    query: Side
    result: Side
    example: Example
    similarity: float
    focus: float
    number: int
    count: int

    def sides(self) -> tuple[Side, Side]:
        return self.query, self.result


@dataclass(frozen=True)
class Explained:
    """One photo explained: `note` where that was done with less than the photo itself, or not at all."""

    explanation: Explanation | None
    seen: Region
    note: str


class Why(QObject):
    """Answers `open` with the view; what is on its way is dropped as soon as it is no longer looked at."""

    said = Signal(str)
    """A line for the status bar."""

    def __init__(
        self,
        library: Library,
        tasks: TaskRunner,
        navigator: Navigator,
        grid: PhotoGrid,
        view: WhyView,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._library, self._tasks, self._navigator = library, tasks, navigator
        self._grid, self._view = grid, view
        self._running: list[Task] = []
        self._futures: list[Future[PlacesRead]] = []
        self._pair: Pair | None = None
        self._previews = tuple(self._make_previews(side) for side in (QUERY, RESULT))
        view.closed.connect(self._closed)
        view.region_chosen.connect(self._find_region)
        view.points_wanted.connect(self._ask_points)
        view.step.connect(self._step)
        view.query_step.connect(self._step_query)
        # Gone back, or another query: what is explained, or is about to be, no longer lies below.
        navigator.opened.connect(lambda _: self._leave())

    def open(self, photo_id: int, number: int | None = None) -> None:
        """Explain why a photo matches the query shown. `number` is that of the query's photo, by default the
        one most like it."""
        query = self._navigator.query
        if query is None:
            self.said.emit(self.tr("Search for a photo first: what matches it can be explained then"))
            return
        items = tuple(item for item in query.more if item.example is not None)
        focus = self._navigator.focus
        self._stop()
        self._run(lambda: read_pair(self._library, items, photo_id, focus, number), self._show, pool="facts")

    def close(self) -> None:
        self._stop()

    # A pair

    def _show(self, pair: Pair | None) -> None:
        if pair is None:
            self._view.close_view()
            self.said.emit(self.tr("This photo cannot be compared with the query now: search again"))
            return
        self._pair = pair
        parts = self._library.card.parts
        self._view.show_pair(
            pair.query.shown(),
            pair.result.shown(),
            pair.similarity,
            part_weights(parts, pair.focus),
            all(parts),
            pair.number,
            pair.count,
        )
        for number, (side, other) in enumerate(
            ((pair.query, pair.result.embedding), (pair.result, pair.query.embedding))
        ):
            if side.path:
                # Which of the two it is stands in for the photo's id: both may be one photo.
                self._previews[number].ask(number, side.path, self._view.wanted_side())
            self._explain(number, side, other, pair.focus)

    def _explain(self, number: int, side: Side, other: Floats, focus: float) -> None:
        worker = self._library.worker
        if side.path:
            future = worker.places(Path(side.path), side.region)
        elif side.kept is not None:
            future = worker.places(side.kept, side.region)
        else:
            self._view.set_unexplained(number, self.tr("There is no picture of it to be read."))
            return
        self._futures.append(future)
        self._run(
            lambda: explained(self._library, side, future, other, focus),
            lambda found: self._explained(number, found),
        )

    def _explained(self, number: int, found: Explained) -> None:
        if found.explanation is None:
            self._view.set_unexplained(number, found.note)
            return
        self._view.set_explanation(number, found.explanation, found.seen)
        if found.note:
            self._view.set_note(number, "heat", found.note)

    def _make_previews(self, side: int) -> Previews:
        previews = Previews(self._library, self)
        previews.ready.connect(self._view.set_detail)
        return previews

    # What the user does

    def _find_region(self, side: int, region: Region) -> None:
        if self._pair is None:
            return
        photo = self._pair.sides()[side]
        self._view.close_view()
        self._navigator.find((QueryItem(photo_id=photo.photo_id, path=photo.path, region=region),))

    def _step(self, by: int) -> None:
        photo_id = self._grid.step(by)
        if photo_id is not None:
            self.open(photo_id, self._pair.number if self._pair is not None else None)

    def _step_query(self, by: int) -> None:
        pair = self._pair
        if pair is not None and pair.result.photo_id is not None:
            self.open(pair.result.photo_id, (pair.number + by) % pair.count)

    def _ask_points(self) -> None:
        pair = self._pair
        if pair is not None:
            self._run(
                lambda: found_points(self._library, pair),
                self._show_points,
                lambda error: self._view.set_no_points(str(error)),
                pool="points",
            )

    def _show_points(self, points: Points | None) -> None:
        if points is not None:
            self._view.set_points(points)
            return
        self._view.set_no_points(
            self.tr(
                "No matching points: the result does not show the very thing of the query, or not clearly."
            )
        )

    # What is on its way

    def _run(
        self,
        work: Callable[[], T],
        on_result: Callable[[T], object],
        say: Callable[[PhotosimError], object] | None = None,
        pool: str = "why",
    ) -> None:
        """Do `work` in a thread; an error is said below both photos, or by `say`."""

        def failed(error: Exception) -> None:
            if isinstance(error, CancelledError):
                return  # the worker was ended under it: for another device or model, or for good
            if not isinstance(error, PhotosimError):
                raise error
            if say is not None:
                say(error)
                return
            for side in (QUERY, RESULT):
                self._view.set_unexplained(side, str(error))

        self._running.append(self._tasks.run(work, on_result, failed, pool=pool))

    def _leave(self) -> None:
        self._stop()
        self._view.close_view()

    def _closed(self) -> None:
        self._stop()
        self._pair = None

    def _stop(self) -> None:
        for task in self._running:
            task.cancel()
        for future in self._futures:
            future.cancel()
        for previews in self._previews:
            previews.cancel()
        self._running, self._futures = [], []


# In the threads of the task runner


def read_pair(
    library: Library, items: tuple[QueryItem, ...], photo_id: int, focus: float, number: int | None
) -> Pair | None:
    """A result and the photo of its query that is most like it, or the `number`th; None where there is no
    such pair any more."""
    searcher = library.searcher
    photo = library.catalog.photo(photo_id)
    features = searcher.features_of(photo_id)
    known = [item for item in items if _fits(item, searcher)]
    examples = [item.example for item in known if item.example is not None]
    if photo is None or features is None or not known:
        return None
    embeddings = searcher.embedding(np.stack([*(example.features for example in examples), features]))
    queries, result = embeddings[:-1], embeddings[-1]
    similarities = [float(weigh(query, searcher.embedding.parts, focus) @ result) for query in queries]
    if number is None or number >= len(known):
        number = int(np.argmax(similarities))
    return Pair(
        _query_side(library, known[number], queries[number]),
        _side(library, photo, None, result),
        examples[number],
        similarities[number],
        focus,
        number,
        len(known),
    )


def explained(
    library: Library, side: Side, reading: Future[PlacesRead], other: Floats, focus: float
) -> Explained:
    """Wait for the reading of a photo, and split its similarity to `other` over its places.

    A file that cannot be read is replaced by what the library keeps of it.
    """
    note = ""
    if not side.path:
        note = _tr("Read from its thumbnail, so the figures differ a little: its file cannot be reached.")
    try:
        read = reading.result()
    except UnreadablePhoto as error:
        if not side.path or side.kept is None:
            return Explained(None, _WHOLE, _tr("It cannot be read: {reason}.").format(reason=error.reason))
        note = _tr("Read from its thumbnail, so the figures differ a little: its file is {reason}.")
        note = note.format(reason=error.reason)
        try:
            read = library.worker.places(side.kept, side.region).result()
        except UnreadablePhoto as again:
            return Explained(None, _WHOLE, _tr("It cannot be read: {reason}.").format(reason=again.reason))
    if read.trunk != library.searcher.card.trunk:
        return Explained(None, _WHOLE, _tr("The model has just changed: look again in a moment."))
    if not read.places:
        return Explained(
            None,
            _WHOLE,
            _tr("No heat map: the model {name} does not tell what the places of a photo add.").format(
                name=library.searcher.card.name
            ),
        )
    found = explain(library.searcher.embedding, read.features, read.places, other, focus)
    return Explained(found, read.seen, note)


def found_points(library: Library, pair: Pair) -> Points | None:
    """The points that both photos of a pair show; None where there are none."""
    if pair.result.photo_id is None:
        return None
    found = library.verifier.compare([pair.example], pair.result.photo_id)
    if found is None:
        return None
    points = found.match.query_points
    region = pair.query.region
    if region is not None:  # they lie in the region that was compared
        points = points * np.array(region[2:], np.float32) + np.array(region[:2], np.float32)
    return Points(points, found.match.result_points, found.match.outline, region or _WHOLE)


def _fits(item: QueryItem, searcher: Searcher) -> bool:
    """Whether a photo of the query was read by the model that searches now."""
    return item.example is not None and item.example.trunk == searcher.card.trunk


def _query_side(library: Library, item: QueryItem, embedding: Floats) -> Side:
    assert item.example is not None
    photo = library.catalog.photo_by_hash(item.example.content_hash)
    if photo is not None:
        return _side(library, photo, item.region, embedding)
    name = item.name or QCoreApplication.translate("Why", "a picture")
    # The thumbnail of a region is no thumbnail of its photo.
    kept = item.thumbnail if item.region is None else None
    path = item.path if item.path and os.path.exists(item.path) else ""
    thumbnail = _decoded(kept)
    return Side(None, name, path, kept, thumbnail, thumbnail.size(), item.region, embedding)


def _side(library: Library, photo: Photo, region: Region | None, embedding: Floats) -> Side:
    kept = library.thumbnails.get(photo.content_hash)
    return Side(
        photo.id,
        path_text(photo.name),
        "" if photo.offline else photo.path,
        kept,
        _decoded(kept),
        QSize(photo.facts.width, photo.facts.height),
        region,
        embedding,
    )


def _decoded(thumbnail: bytes | None) -> QImage:
    """A thumbnail, which photosim itself has written, as an image; a null one for None."""
    image = QImage()
    if thumbnail is not None:
        image.loadFromData(thumbnail, "JPEG")
    return image


def _tr(text: str) -> str:
    return QCoreApplication.translate("Why", text)
