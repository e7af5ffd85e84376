"""What the window knows of the catalog: folders, counts and the table of photos, read in a thread."""

from __future__ import annotations

import time
from dataclasses import dataclass

from PySide6.QtCore import QLocale, QObject, QTimer, Signal

from photosim.catalog import Catalog, Counts, Folder
from photosim.gui.photo_list import PhotoList
from photosim.gui.tasks import TaskRunner

LEAST_PAUSE = 1.0
SHARE = 10
"""A table is read again after at least this many times what reading it took."""


@dataclass(frozen=True)
class Snapshot:
    """The catalog as it was at one moment, of that `version`. Reading it `took` so many seconds."""

    folders: tuple[Folder, ...]
    counts: Counts
    photos: PhotoList
    version: int
    took: float

    def folder(self, path: str) -> Folder | None:
        return next((folder for folder in self.folders if folder.path == path), None)


class CatalogFeed(QObject):
    """Reads the catalog when asked to, and while a scan writes not more often than pays."""

    changed = Signal(object)
    """Snapshot."""

    def __init__(self, catalog: Catalog, tasks: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._catalog = catalog
        self._tasks = tasks
        self._reading = False
        self._wanted = False
        self._sort = ""
        self.snapshot: Snapshot | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.read)

    def prepare_for(self, sort: str) -> None:
        """Which order the photos will be wanted in: it is made in the thread that reads them."""
        self._sort = sort

    def read(self) -> None:
        """Read now; while that is going on, once more after it."""
        self._timer.stop()
        if self._reading:
            self._wanted = True
            return
        self._reading = True
        locale = QLocale()
        months = [locale.standaloneMonthName(month) for month in range(1, 13)]
        sort = self._sort
        self._tasks.run(
            lambda: read_snapshot(self._catalog, months, sort), self._deliver, self._fail, pool="catalog"
        )

    def read_soon(self) -> None:
        """Read after a while that grows with the library; called as often as you like."""
        if not self._timer.isActive() and not self._reading:
            took = self.snapshot.took if self.snapshot is not None else 0.0
            self._timer.start(round(1000 * max(LEAST_PAUSE, SHARE * took)))

    def close(self) -> None:
        self._timer.stop()

    def _deliver(self, snapshot: Snapshot) -> None:
        self._reading = False
        self.snapshot = snapshot
        self.changed.emit(snapshot)
        if self._wanted:
            self._wanted = False
            self.read()

    def _fail(self, error: Exception) -> None:
        self._reading = False
        raise error


def read_snapshot(catalog: Catalog, months: list[str], sort: str) -> Snapshot:
    begun = time.monotonic()
    version = catalog.version()  # first: what changes meanwhile is to be noticed later
    folders = tuple(catalog.folders())
    counts = catalog.counts()
    photos = PhotoList(catalog.table(), {folder.id: folder.path for folder in folders}, months)
    if sort:
        photos.prepare(sort)
    return Snapshot(folders, counts, photos, version, time.monotonic() - begun)
