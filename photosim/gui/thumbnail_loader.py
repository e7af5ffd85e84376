"""Thumbnails for what is on the screen: fetched and decoded in threads, kept as pixmaps within a bound."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from PySide6.QtCore import (
    QBuffer,
    QByteArray,
    QIODevice,
    QObject,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import QBrush, QImage, QImageReader, QPainter, QPixmap

from photosim.gui.tasks import TaskRunner

THREADS = max(1, min(2, (os.cpu_count() or 1) - 1))
"""One core is left to the window: with two threads on two cores its longest frame doubles."""
CACHE_BYTES = 192 * 2**20
FRAME_MS = 16
PIXMAP_SECONDS_PER_FRAME = 0.006
"""How long one frame may spend on making pixmaps; the rest follows in the next one."""


@dataclass(frozen=True)
class Look:
    """How a thumbnail is prepared: cropped to fill `width` x `height` device pixels, its corners rounded."""

    width: int
    height: int
    radius: float

    @property
    def bytes(self) -> int:
        return self.width * self.height * 4


@dataclass(frozen=True)
class _Kept:
    pixmap: QPixmap
    look: Look
    bytes: int


class ThumbnailLoader(QObject):
    """Loads thumbnails by photo id, the latest wanted first, and forgets what is no longer wanted.

    `fetch` gives a thumbnail's JPEG bytes, or None where there is none; it is called in a thread of the
    loader's own. A PhotosimError it raises is emitted as `failed`, anything else goes to sys.excepthook.
    """

    loaded = Signal(int)
    """A photo's pixmap is there, or newly in another look. Emitted together, once a frame."""
    missing = Signal(int)
    """There is no thumbnail of this photo, or none that can be read. Emitted once until `retry`."""
    failed = Signal(str)

    _arrived = Signal()

    def __init__(
        self,
        fetch: Callable[[int], bytes | None],
        parent: QObject | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        super().__init__(parent)
        self._fetch = fetch
        self._cache_bytes = cache_bytes
        self._cache: OrderedDict[int, _Kept] = OrderedDict()
        self._cached_bytes = 0
        self._missing: set[int] = set()
        self._look = Look(0, 0, 0.0)
        self._wanted: dict[int, None] = {}  # in order, the most urgent first
        self._runner = TaskRunner(self, threads={"thumbnails": THREADS})
        self._runner.failed.connect(self.failed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._flush)
        self._arrived.connect(self._schedule_flush, Qt.ConnectionType.QueuedConnection)
        # Shared with the threads, under the lock:
        self._lock = threading.Lock()
        self._queue: deque[int] = deque()
        self._in_flight: set[int] = set()  # taken from the queue, not yet seen by the GUI thread
        self._results: deque[tuple[int, Look, QImage | None]] = deque()
        self._jobs = 0
        self._closed = False

    def request(self, ids: Iterable[int], look: Look) -> None:
        """Want these photos in this look, most urgent first, instead of all that was wanted before.

        No more are loaded than the cache can hold at once.
        """
        room = max(1, self._cache_bytes // max(1, look.bytes))
        self._look = look
        self._wanted = dict.fromkeys(islice(ids, room))
        for photo_id in reversed(self._wanted):
            if photo_id in self._cache:
                self._cache.move_to_end(photo_id)
        needed = [photo_id for photo_id in self._wanted if self._is_needed(photo_id)]
        with self._lock:
            if self._closed:
                return
            self._queue = deque(photo_id for photo_id in needed if photo_id not in self._in_flight)
            start = min(THREADS, len(self._queue)) - self._jobs
            self._jobs += max(0, start)
        for _ in range(start):
            self._runner.run(self._work, lambda _: None, pool="thumbnails")

    def pixmap(self, photo_id: int) -> QPixmap | None:
        """The photo's thumbnail, in the look last asked for or, until that is there, an earlier one."""
        kept = self._cache.get(photo_id)
        return None if kept is None else kept.pixmap

    def is_missing(self, photo_id: int) -> bool:
        return photo_id in self._missing

    def retry(self, photo_id: int) -> None:
        """Look again for a thumbnail that was missing, now if it is still wanted, or when next wanted."""
        self._missing.discard(photo_id)
        if photo_id in self._wanted:
            self.request([photo_id, *(other for other in self._wanted if other != photo_id)], self._look)

    def forget(self, photo_id: int) -> None:
        """Drop what is cached of a photo, for instance because its thumbnail was made anew."""
        kept = self._cache.pop(photo_id, None)
        if kept is not None:
            self._cached_bytes -= kept.bytes
        self._missing.discard(photo_id)

    @property
    def cached_bytes(self) -> int:
        return self._cached_bytes

    @property
    def busy(self) -> bool:
        """Whether anything wanted is still on its way."""
        with self._lock:
            return bool(self._queue or self._in_flight)

    def close(self) -> None:
        """Stop the threads, wait for them, and let go of all pixmaps."""
        with self._lock:
            self._closed = True
            self._queue.clear()
        self._runner.close()
        self._timer.stop()
        with self._lock:
            self._results.clear()
        self._cache.clear()
        self._cached_bytes = 0

    # In the threads

    def _work(self) -> None:
        """Load until the queue is empty."""
        try:
            while (task := self._next()) is not None:
                photo_id, look = task
                try:
                    data = self._fetch(photo_id)
                except BaseException:
                    with self._lock:
                        self._in_flight.discard(photo_id)
                    raise
                image = None if data is None else decode(data, look)
                with self._lock:
                    first = not self._results
                    self._results.append((photo_id, look, image))
                if first:
                    self._arrived.emit()
        except BaseException:
            with self._lock:
                self._jobs -= 1
            raise

    def _next(self) -> tuple[int, Look] | None:
        with self._lock:
            if not self._queue:
                # Counted out under the very lock that found the queue empty: a request that comes
                # now starts a job of its own.
                self._jobs -= 1
                return None
            photo_id = self._queue.popleft()
            self._in_flight.add(photo_id)
            return photo_id, self._look

    # On the GUI thread

    def _is_needed(self, photo_id: int) -> bool:
        if photo_id in self._missing:
            return False
        kept = self._cache.get(photo_id)
        return kept is None or kept.look != self._look

    @Slot()
    def _schedule_flush(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    @Slot()
    def _flush(self) -> None:
        deadline = time.perf_counter() + PIXMAP_SECONDS_PER_FRAME
        loaded: list[int] = []
        missing: list[int] = []
        outdated = False
        while (result := self._take_result()) is not None:
            photo_id, look, image = result
            outdated |= look != self._look and photo_id in self._wanted
            if image is None:
                self._missing.add(photo_id)
                missing.append(photo_id)
            elif self._keep(photo_id, look, image):
                loaded.append(photo_id)
            if time.perf_counter() > deadline:
                self._timer.start()
                break
        if outdated:  # the look changed while they were on their way
            self.request(tuple(self._wanted), self._look)
        for photo_id in loaded:
            self.loaded.emit(photo_id)
        for photo_id in missing:
            self.missing.emit(photo_id)

    def _take_result(self) -> tuple[int, Look, QImage | None] | None:
        with self._lock:
            if not self._results:
                return None
            result = self._results.popleft()
            self._in_flight.discard(result[0])
            return result

    def _keep(self, photo_id: int, look: Look, image: QImage) -> bool:
        """Cache one image as a pixmap; False where a better one is there already."""
        before = self._cache.get(photo_id)
        if before is not None and before.look == self._look and look != self._look:
            return False
        if before is not None:
            self._cached_bytes -= before.bytes
        kept = _Kept(QPixmap.fromImage(image), look, image.sizeInBytes())
        self._cache[photo_id] = kept
        self._cache.move_to_end(photo_id)
        self._cached_bytes += kept.bytes
        while self._cached_bytes > self._cache_bytes and len(self._cache) > 1:
            _, oldest = self._cache.popitem(last=False)
            self._cached_bytes -= oldest.bytes
        return True


def decode(data: bytes, look: Look) -> QImage | None:
    """JPEG bytes as a premultiplied image in the given look; None where they cannot be read.

    An image too small for the look is not enlarged: it is cropped to the same shape, smaller.
    """
    buffer = QBuffer()
    buffer.setData(QByteArray(data))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, b"jpeg")
    full = reader.size()
    if full.isEmpty() or look.width < 1 or look.height < 1:
        return None
    cover = max(look.width / full.width(), look.height / full.height())
    shrink = 1.0 if cover <= 1 else 1 / cover
    target = QSize(max(1, round(look.width * shrink)), max(1, round(look.height * shrink)))
    scaled = QSize(
        max(target.width(), round(full.width() * min(cover, 1.0))),
        max(target.height(), round(full.height() * min(cover, 1.0))),
    )
    if scaled != full:
        reader.setScaledSize(scaled)
    reader.setScaledClipRect(
        QRect(
            (scaled.width() - target.width()) // 2,
            (scaled.height() - target.height()) // 2,
            target.width(),
            target.height(),
        )
    )
    image = reader.read()
    if image.isNull():
        return None
    return rounded(image, look.radius * shrink)


def rounded(image: QImage, radius: float) -> QImage:
    """A copy with transparent, smooth corners of `radius` pixels."""
    result = QImage(image.size(), QImage.Format.Format_ARGB32_Premultiplied)
    result.fill(Qt.GlobalColor.transparent)
    painter = QPainter(result)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(image))
    painter.drawRoundedRect(QRectF(result.rect()), radius, radius)
    painter.end()
    return result
