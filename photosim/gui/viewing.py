"""Looking at one photo: the inspector and the full view, supplied with facts and pictures."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QImage, QPixmap

from photosim.catalog.records import Photo
from photosim.gui.full_view import FullView
from photosim.gui.grid import PhotoGrid
from photosim.gui.inspector import Inspector
from photosim.gui.navigator import Navigator
from photosim.gui.previews import Previews
from photosim.gui.tasks import Task, TaskRunner
from photosim.gui.views import Similar
from photosim.library import Library

Parts = tuple[float | None, float | None]


@dataclass(frozen=True)
class Looked:
    """What is known of a photo at once: catalog, thumbnail, its likeness to the query in each part."""

    photo: Photo | None
    thumbnail: QImage
    parts: Parts


class Viewing(QObject):
    """Follows the grid's current and selected photos, and opens the full view."""

    def __init__(
        self,
        library: Library,
        tasks: TaskRunner,
        navigator: Navigator,
        grid: PhotoGrid,
        inspector: Inspector,
        full_view: FullView,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._library, self._tasks, self._navigator = library, tasks, navigator
        self._grid, self._inspector, self._full_view = grid, inspector, full_view
        self._looking: Task | None = None
        self._opening: Task | None = None
        self._path = ""
        self._previews = Previews(library, self)
        self._previews.ready.connect(inspector.set_preview)
        self._full_previews = Previews(library, self)
        self._full_previews.ready.connect(full_view.set_image)
        self._full_previews.failed.connect(full_view.set_note)
        # Several signals tell of one click: look once, when they have all come.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._look)
        grid.current_changed.connect(lambda _: self._soon.start())
        grid.selection_changed.connect(self._soon.start)
        grid.full_view_requested.connect(self.open_full_view)
        navigator.shown.connect(lambda _: self._soon.start())
        inspector.preview_wanted.connect(self._ask_preview)
        full_view.step.connect(self._step)
        full_view.closed.connect(self._full_previews.cancel)

    def open_full_view(self, photo_id: int) -> None:
        if self._opening is not None:
            self._opening.cancel()
        self._opening = self._tasks.run(
            lambda: look_at(self._library, photo_id, None), self._open_looked, pool="facts"
        )

    def close(self) -> None:
        self._soon.stop()
        self._previews.cancel()
        self._full_previews.cancel()

    # The inspector

    def _look(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        selected = self._grid.selected_ids()
        if len(selected) > 1:
            self._previews.cancel()
            self._inspector.show_several(selected)
            return
        photo_id = selected[0] if selected else self._grid.current_id()
        if photo_id is None:
            self._previews.cancel()
            self._inspector.show_photo(None)
            return
        similarity = self._grid.similarity_of(photo_id)
        query = self._navigator.query if similarity is not None else None
        self._looking = self._tasks.run(
            lambda: look_at(self._library, photo_id, query),
            lambda looked: self._inspect(looked, similarity),
            pool="facts",
        )

    def _inspect(self, looked: Looked, similarity: float | None) -> None:
        self._looking = None
        photo = looked.photo
        if photo is None or self._inspector.photo_id != photo.id:
            self._previews.cancel()
        self._path = "" if photo is None or photo.offline else photo.path
        points = 0 if photo is None else self._navigator.matching_points(photo.id)
        self._inspector.show_photo(photo, similarity, looked.parts, points)
        if photo is None:
            return
        self._inspector.set_preview(photo.id, looked.thumbnail)
        query = self._navigator.query
        regions = [item.region for item in query.items if item.photo_id == photo.id] if query else []
        self._inspector.show_region(regions[0] if regions else None)

    def _ask_preview(self, photo_id: int, side: int) -> None:
        if self._path and photo_id == self._inspector.photo_id:
            self._previews.ask(photo_id, self._path, side)

    # The full view

    def _step(self, by: int) -> None:
        photo_id = self._grid.step(by)
        if photo_id is not None:
            self.open_full_view(photo_id)

    def _open_looked(self, looked: Looked) -> None:
        self._opening = None
        photo = looked.photo
        if photo is None:
            return
        thumbnail = None if looked.thumbnail.isNull() else QPixmap.fromImage(looked.thumbnail)
        self._full_view.show_photo(
            photo.id,
            thumbnail,
            photo.name,
            self._grid.position_of(photo.id),
            len(self._grid.shown_ids()),
        )
        if photo.offline:
            self._full_previews.cancel()
            self._full_view.set_note(photo.id, self.tr("offline: its drive is not connected"))
        else:
            self._full_previews.ask(photo.id, photo.path, self._full_view.wanted_side())


def look_at(library: Library, photo_id: int, query: Similar | None) -> Looked:
    """Read what is known of a photo; the file itself is not opened."""
    photo = library.catalog.photo(photo_id)
    if photo is None:
        return Looked(None, QImage(), (None, None))
    thumbnail = QImage()
    data = library.thumbnails.get(photo.content_hash)
    if data is not None:
        thumbnail.loadFromData(data, "JPEG")
    parts: Parts = (None, None)
    searcher = library.searcher
    if query is not None and all(searcher.card.parts):
        # Once another model has taken over, the query is asked again with what that one sees.
        more, less = (
            [
                item.example.features
                for item in items
                if item.example is not None and item.example.trunk == searcher.card.trunk
            ]
            for items in (query.more, query.less)
        )
        if len(more) == len(query.more) and len(less) == len(query.less):
            parts = searcher.part_similarities(photo_id, more, less)
    return Looked(photo, thumbnail, parts)
