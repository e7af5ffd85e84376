"""Sharp pictures of the photos of a question and of the next ones, from the worker, in that order."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QImage

from photosim.engine.messages import Preview
from photosim.errors import PhotosimError
from photosim.gui.previews import to_image
from photosim.library import Library


class Pictures(QObject):
    """Keeps the pictures of what is wanted, no others. One is asked for at a time, the most urgent first."""

    ready = Signal(int)
    """A photo's picture is there, or a larger one: `image` gives it."""

    _arrived = Signal(int, object)

    def __init__(self, library: Library, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._wanted: dict[int, str] = {}  # in order, the most urgent first
        self._side = 0
        self._kept: dict[int, tuple[int, QImage]] = {}  # with the side that was asked for
        self._failed: set[int] = set()
        self._future: Future[Preview] | None = None
        self._number = 0
        self._asking: tuple[int, int] | None = None
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def want(self, photos: Sequence[tuple[int, str]], side: int) -> None:
        """Want these photos (id, path), the most urgent first, neither side above `side` pixels.

        Others are forgotten. A photo that could not be read once is not asked for again.
        """
        self._wanted, self._side = dict(photos), side
        self._kept = {photo_id: kept for photo_id, kept in self._kept.items() if photo_id in self._wanted}
        self._failed &= set(self._wanted)
        self._next()

    def image(self, photo_id: int) -> QImage | None:
        """The picture of a photo, as far as it is there."""
        kept = self._kept.get(photo_id)
        return None if kept is None else kept[1]

    @property
    def busy(self) -> bool:
        """Whether a wanted picture is still on its way."""
        return self._asking is not None

    def close(self) -> None:
        """Want nothing any more."""
        self._wanted, self._kept = {}, {}
        self._number += 1
        if self._future is not None:
            self._future.cancel()
        self._future, self._asking = None, None

    def _next(self) -> None:
        if self._asking is not None:
            return
        for photo_id, path in self._wanted.items():
            kept = self._kept.get(photo_id)
            if photo_id in self._failed or (kept is not None and kept[0] >= self._side):
                continue
            self._ask(photo_id, path)
            return

    def _ask(self, photo_id: int, path: str) -> None:
        self._asking = photo_id, self._side
        self._number += 1
        number = self._number
        self._future = self._library.worker.preview(Path(path), self._side)

        def done(answered: Future[Preview]) -> None:
            # In the worker's thread: an image may be made here, a pixmap may not.
            image: QImage | None = None
            with suppress(CancelledError, PhotosimError):  # the thumbnail stays
                image = to_image(answered.result().pixels)
            self._arrived.emit(number, image)

        self._future.add_done_callback(done)

    @Slot(int, object)
    def _deliver(self, number: int, image: QImage | None) -> None:
        if number != self._number or self._asking is None:
            return
        (photo_id, side), self._asking, self._future = self._asking, None, None
        if photo_id in self._wanted:
            if image is None:
                self._failed.add(photo_id)
            else:
                self._kept[photo_id] = (side, image)
                self.ready.emit(photo_id)
        self._next()
