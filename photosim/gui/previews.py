"""Sharp pictures of photos from the worker, and thumbnails that the cache has lost."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import CancelledError, Future
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QImage

from photosim.engine.messages import Preview
from photosim.errors import PhotosimError, UnreadablePhoto
from photosim.gui.tasks import TaskRunner
from photosim.library import Library

MENDED_AT_MOST = 300
"""Photos without a thumbnail that are remembered: more than a window shows, less than a scroll passes."""


class Previews(QObject):
    """Pictures of one photo at a time for one widget: asking for another photo drops the last request."""

    ready = Signal(int, QImage)
    failed = Signal(int, str)

    _arrived = Signal(int, int, object, object)

    def __init__(self, library: Library, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._future: Future[Preview] | None = None
        self._number = 0
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def ask(self, photo_id: int, path: str, side: int) -> None:
        """The photo at `path`, its long side at most `side` pixels; answered by `ready` or `failed`."""
        self.cancel()
        number = self._number
        future = self._library.worker.preview(Path(path), side)
        self._future = future

        def done(answered: Future[Preview]) -> None:
            # In the worker's thread: an image may be made here, a pixmap may not.
            try:
                pixels = answered.result().pixels
            except CancelledError:
                return
            except PhotosimError as error:
                self._arrived.emit(number, photo_id, None, error)
                return
            self._arrived.emit(number, photo_id, to_image(pixels), None)

        future.add_done_callback(done)

    def cancel(self) -> None:
        self._number += 1
        if self._future is not None:
            self._future.cancel()
            self._future = None

    @Slot(int, int, object, object)
    def _deliver(self, number: int, photo_id: int, image: QImage | None, error: Exception | None) -> None:
        if number != self._number:
            return
        self._future = None
        if image is not None:
            self.ready.emit(photo_id, image)
        else:
            reason = error.reason if isinstance(error, UnreadablePhoto) else str(error)
            self.failed.emit(photo_id, reason)


class ThumbnailMender(QObject):
    """Makes thumbnails anew where the cache folder was emptied: one at a time, the latest wanted first."""

    mended = Signal(int)

    def __init__(self, library: Library, tasks: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._tasks = tasks
        self._wanted: OrderedDict[int, None] = OrderedDict()
        self._busy = False

    def mend(self, photo_id: int) -> None:
        self._wanted[photo_id] = None
        self._wanted.move_to_end(photo_id)
        while len(self._wanted) > MENDED_AT_MOST:
            self._wanted.popitem(last=False)
        self._next()

    def _next(self) -> None:
        if self._busy or not self._wanted:
            return
        self._busy = True
        photo_id, _ = self._wanted.popitem()
        self._tasks.run(
            lambda: self._library.renew_thumbnail(photo_id),
            lambda made: self._done(photo_id, made),
            self._failed,
            pool="mend",
        )

    def _done(self, photo_id: int, made: bool) -> None:
        self._busy = False
        if made:
            self.mended.emit(photo_id)
        self._next()

    def _failed(self, error: Exception) -> None:
        self._busy = False
        if not isinstance(error, PhotosimError):
            raise error
        self._next()  # the next scan says what is wrong with the photo


def to_image(pixels: np.ndarray) -> QImage:
    """RGB pixels, uint8 [H, W, 3], as an image that owns its memory."""
    pixels = np.ascontiguousarray(pixels, dtype=np.uint8)
    height, width, _ = pixels.shape
    return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
