"""What can be done with photos of the library: use them as a query, copy, open, find them on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QLocale, QObject, QPoint, Signal
from PySide6.QtWidgets import QMenu, QWidget

from photosim.catalog.records import Photo
from photosim.engine.messages import Region
from photosim.errors import PhotosimError
from photosim.gui.catalog_feed import CatalogFeed
from photosim.gui.clipboard import copy_paths, copy_photos
from photosim.gui.desktop import open_photo, show_in_folder
from photosim.gui.inspector import Inspector
from photosim.gui.navigator import Navigator
from photosim.gui.tasks import TaskRunner
from photosim.gui.views import QueryItem
from photosim.library import Library

MANY = 2_000
"""More photos than this are not handed to other programs at once."""


class PhotoActions(QObject):
    """Actions by photo id. `said` carries a line for the status bar, `failed` one about what went wrong."""

    said = Signal(str)
    failed = Signal(str)
    marking = Signal(list, bool)
    """Photos are about to become part of the query: list[int], and whether as less like what is wanted."""

    def __init__(
        self,
        library: Library,
        tasks: TaskRunner,
        feed: CatalogFeed,
        navigator: Navigator,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._library, self._tasks, self._feed, self._navigator = library, tasks, feed, navigator

    def follow(self, inspector: Inspector) -> None:
        """Do what the inspector's buttons ask for."""
        inspector.find_similar.connect(lambda photo_id: self.find([photo_id]))
        inspector.more_like.connect(lambda photo_id: self.more([photo_id]))
        inspector.less_like.connect(lambda photo_id: self.less([photo_id]))
        inspector.region_query.connect(self.find_region)
        inspector.show_in_folder.connect(self.show_in_folder)
        inspector.open_photo.connect(self.open)
        inspector.copy_photo.connect(lambda photo_id: self.copy([photo_id]))
        inspector.copy_path.connect(lambda photo_id: self.copy_paths([photo_id]))
        inspector.find_similar_to_all.connect(self.find)
        inspector.more_like_all.connect(self.more)
        inspector.less_like_all.connect(self.less)
        inspector.copy_photos.connect(self.copy)
        inspector.copy_paths.connect(self.copy_paths)

    # As a query

    def find(self, ids: Sequence[int]) -> None:
        self._navigator.find(self._items(ids))

    def more(self, ids: Sequence[int]) -> None:
        self._mark(ids, less=False)

    def less(self, ids: Sequence[int]) -> None:
        self._mark(ids, less=True)

    def _mark(self, ids: Sequence[int], less: bool) -> None:
        items = self._items(ids, less=less)
        if items:
            self.marking.emit(list(ids), less)
            self._navigator.add(items)

    def add(self, ids: Sequence[int]) -> None:
        """Add photos to the query, as dropping their files onto it does."""
        self._navigator.add(self._items(ids))

    def find_region(self, photo_id: int, region: Region) -> None:
        items = self._items([photo_id], region=region)
        self._navigator.find(items)

    def _items(
        self, ids: Sequence[int], less: bool = False, region: Region | None = None
    ) -> tuple[QueryItem, ...]:
        if len(ids) > MANY:
            number = QLocale().toString
            self.failed.emit(
                self.tr("A query of {count} photos is too large: take at most {most}").format(
                    count=number(len(ids)), most=number(MANY)
                )
            )
            return ()
        return tuple(
            QueryItem(photo_id=photo_id, path=self.known_path(photo_id), less=less, region=region)
            for photo_id in ids
        )

    # On disk

    def known_path(self, photo_id: int) -> str:
        """The absolute path of a photo's first place; empty for one that came a moment ago."""
        snapshot = self._feed.snapshot
        if snapshot is None:
            return ""
        table = snapshot.photos.table
        try:
            row = table.row(photo_id)
        except KeyError:
            return ""
        folders = {folder.id: folder.path for folder in snapshot.folders}
        folder = folders.get(int(table.folder_ids[row]))
        return os.path.join(folder, table.paths[row]) if folder is not None else ""

    def files(self, ids: Sequence[int]) -> list[str]:
        """The paths of photos that can be reached now, for dragging them out."""
        return [path for path in map(self.known_path, ids[:MANY]) if path and os.path.exists(path)]

    def copy(self, ids: Sequence[int]) -> None:
        self._with_photos(ids, self._copy)

    def copy_paths(self, ids: Sequence[int]) -> None:
        self._with_photos(ids, self._copy_paths)

    def show_in_folder(self, photo_id: int) -> None:
        self._with_photos([photo_id], lambda photos: show_in_folder(Path(photos[0].path)))

    def open(self, photo_id: int) -> None:
        self._with_photos([photo_id], lambda photos: open_photo(Path(photos[0].path)))

    def show_path(self, path: str) -> None:
        """Show a file that is no photo of the library, or a folder, in the file manager."""
        self._try(lambda: show_in_folder(Path(path)))

    def menu(
        self,
        parent: QWidget,
        ids: Sequence[int],
        at: QPoint,
        full_view: Callable[[int], object],
        move_up: Callable[[], object] | None = None,
    ) -> None:
        """The menu of photos of the grid, at a place of the screen; `move_up` where they can be moved."""
        chosen = list(ids)
        if not chosen:
            return
        one = chosen[0]
        menu = QMenu(parent)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.addAction(self.tr("Find similar\tEnter"), lambda: self.find(chosen))
        menu.addAction(self.tr("More like this"), lambda: self.more(chosen))
        menu.addAction(self.tr("Less like this"), lambda: self.less(chosen))
        if move_up is not None:
            menu.addAction(self.tr("Move up in the ranking\tAlt+Up"), move_up)
        menu.addSeparator()
        if len(chosen) == 1:
            menu.addAction(self.tr("Full view\tSpace"), lambda: full_view(one))
            menu.addAction(self.tr("Show in folder"), lambda: self.show_in_folder(one))
            menu.addAction(self.tr("Open"), lambda: self.open(one))
            menu.addSeparator()
        menu.addAction(self.tr("Copy\tCtrl+C"), lambda: self.copy(chosen))
        menu.addAction(self.tr("Copy path\tCtrl+Shift+C"), lambda: self.copy_paths(chosen))
        menu.popup(at)

    def _copy(self, photos: list[Photo]) -> None:
        paths = [photo.path for photo in photos if not photo.offline]
        if not paths:
            raise PhotosimError(self.tr("Offline photos cannot be copied: connect their drive"))
        copy_photos(paths)
        self.said.emit(
            self.tr("Copied {name}").format(name=photos[0].name)
            if len(paths) == 1
            else self.tr("Copied {count} photos").format(count=len(paths))
        )

    def _copy_paths(self, photos: list[Photo]) -> None:
        copy_paths([photo.path for photo in photos])
        self.said.emit(
            self.tr("Copied the path of {name}").format(name=photos[0].name)
            if len(photos) == 1
            else self.tr("Copied the paths of {count} photos").format(count=len(photos))
        )

    def _with_photos(self, ids: Sequence[int], do: Callable[[list[Photo]], object]) -> None:
        """Read photos from the catalog, in the order given, and do something with those that are there."""
        wanted = list(ids)

        def got(photos: dict[int, Photo]) -> None:
            found = [photos[photo_id] for photo_id in wanted if photo_id in photos]
            if found:
                self._try(lambda: do(found))

        self._tasks.run(lambda: self._library.catalog.photos(wanted), got, pool="facts")

    def _try(self, do: Callable[[], object]) -> None:
        try:
            do()
        except PhotosimError as error:
            self.failed.emit(str(error))
