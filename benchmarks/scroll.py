"""Scroll a grid of 100,000 photos: frame times, layout times and memory against the design's targets.

    python benchmarks/scroll.py [--photos 100000] [--seconds 5]

Fills a real catalog and thumbnail store in a temporary folder with synthetic rows and thumbnails (about
1.2 GB on disk for 100,000, removed at the end), opens the grid on them and scrolls it by wheel, by page
and by the scroll bar. A frame's time is how long the event loop was held up: the longest stretch in which
a timer due every 2 ms was not served. Without a screen it runs on Qt's offscreen platform.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import psutil
from PIL import Image
from PySide6.QtCore import QEventLoop, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QPaintEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from photosim.catalog.catalog import Catalog
from photosim.catalog.records import FileFound, NewPhoto, TrunkFeatures
from photosim.catalog.thumbnails import ThumbnailStore
from photosim.gui.grid import PhotoGrid
from photosim.gui.style import apply_style
from photosim.gui.thumbnail_loader import ThumbnailLoader
from photosim.imaging.facts import Facts

FRAME_TARGET_MS = 32.0
BLOCK_TARGET_MS = 50.0
MEMORY_TARGET_MB = 700.0
HEARTBEAT_MS = 2
TICK_MS = 16
BATCH = 2000
MOTIFS = 300


class MeasuredGrid(PhotoGrid):
    """Remembers how long each paint took, in milliseconds."""

    def __init__(self, loader: ThumbnailLoader) -> None:
        self.paints: list[float] = []
        super().__init__(loader)

    def paintEvent(self, event: QPaintEvent) -> None:
        start = time.perf_counter()
        super().paintEvent(event)
        self.paints.append((time.perf_counter() - start) * 1e3)


class Heartbeat:
    """The longest the event loop went without serving a timer, beyond its interval."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._last = 0.0
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(HEARTBEAT_MS)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        self.gaps.clear()
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> None:
        self._beat()
        self._timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.gaps.append((now - self._last) * 1e3 - HEARTBEAT_MS)
        self._last = now


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each way of scrolling")
    arguments = parser.parse_args()

    app = QApplication(sys.argv[:1])
    apply_style(app)
    with tempfile.TemporaryDirectory(prefix="photosim-scroll-") as folder:
        start = time.perf_counter()
        catalog, thumbnails = fill(Path(folder), arguments.photos)
        print(f"filled a catalog with {arguments.photos:,} photos in {time.perf_counter() - start:.0f} s")
        try:
            return measure(catalog, thumbnails, arguments.seconds)
        finally:
            thumbnails.close()
            catalog.close()


def fill(folder: Path, count: int) -> tuple[Catalog, ThumbnailStore]:
    """A catalog and a thumbnail store as a scan leaves them, with `count` photos nobody took."""
    catalog, thumbnails = Catalog(folder / "catalog.sqlite3"), ThumbnailStore(folder / "thumbnails.sqlite3")
    photos = folder / "photos"
    photos.mkdir()
    folder_id = catalog.add_folder(photos).id
    motifs = synthetic_thumbnails(MOTIFS)
    features = (TrunkFeatures("synthetic", "fp32", np.zeros(64, dtype=np.float16)),)
    facts = Facts(width=6000, height=4000, format="JPEG")
    for first in range(0, count, BATCH):
        found, jpegs = [], []
        for number in range(first, min(first + BATCH, count)):
            content_hash = hashlib.blake2b(str(number).encode(), digest_size=16).digest()
            new = NewPhoto(content_hash, facts, number, features)
            path = f"{number // 1000:03d}/IMG_{number:06d}.jpg"
            found.append(FileFound(folder_id, path, 4_000_000, number, content_hash, new))
            jpegs.append((content_hash, motifs[number % MOTIFS]))
        catalog.record(found, [])
        thumbnails.put_many(jpegs)
    return catalog, thumbnails


def synthetic_thumbnails(count: int) -> list[bytes]:
    """JPEGs of 384 x 256 with the detail of a photo: smooth shapes, and noise that decodes as slowly."""
    random = np.random.default_rng(0)
    made = []
    for _ in range(count):
        coarse = Image.fromarray(random.integers(0, 255, (8, 12, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((384, 256), Image.Resampling.BICUBIC), dtype=np.int16)
        noisy = np.clip(smooth + random.normal(0, 7, smooth.shape), 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noisy).save(buffer, "JPEG", quality=80)
        made.append(buffer.getvalue())
    return made


def measure(catalog: Catalog, thumbnails: ThumbnailStore, seconds: float) -> int:
    table = catalog.table()
    hashes = dict(zip(table.ids.tolist(), table.hashes, strict=True))
    loader = ThumbnailLoader(lambda photo_id: thumbnails.get(hashes[photo_id]))
    grid = MeasuredGrid(loader)
    heartbeat = Heartbeat()
    missed: list[str] = []

    def report(what: str, value: float, target: float, unit: str, more: str = "") -> None:
        verdict = "ok" if value <= target else "MISSED"
        if value > target:
            missed.append(what)
        print(f"{what:<46} {value:8.1f} {unit}   target {target:.0f} {unit}   {verdict}{more}")

    def block(what: str, action: Callable[[], object]) -> None:
        worst = max(_milliseconds(action) for _ in range(3))
        report(what, worst, BLOCK_TARGET_MS, "ms")

    def frames(what: str, step: Callable[[], object]) -> None:
        settle(loader)
        grid.paints.clear()
        tick(heartbeat, step, seconds)
        worst = max(heartbeat.gaps)
        paints = sorted(grid.paints)
        detail = f"{len(paints)} paints, median {statistics.median(paints):.1f}, longest {paints[-1]:.1f} ms"
        report(f"{what}, longest frame", worst, FRAME_TARGET_MS, "ms", f"   ({detail})")

    random = np.random.default_rng(1)
    similarity = np.sort(random.random(len(table.ids), dtype=np.float32))[::-1].copy()
    print(f"{QApplication.platformName()}, {os.cpu_count()} cores, window 1360 x 860")
    try:
        grid.resize(1360, 860)
        block("first show of all photos", lambda: (grid.set_table(table), grid.show_photos(table.ids)))
        grid.show()
        settle(loader)

        block(
            "re-rank all photos",
            lambda: (grid.show_photos(random.permutation(table.ids), similarity), grid.viewport().repaint()),
        )
        block("cut the ranked list in half", lambda: _cut(grid, similarity))
        grid.show_photos(random.permutation(table.ids), similarity)
        sizes = iter([1100, 1360, 900])
        block("resize the window", lambda: (grid.resize(next(sizes), 860), grid.viewport().repaint()))
        grid.resize(1360, 860)
        photo_sizes = iter([80, 220, 120])
        block(
            "change the photo size",
            lambda: (grid.set_photo_size(next(photo_sizes)), grid.viewport().repaint()),
        )
        grid.set_photo_size(150)
        block("select all photos", lambda: (grid.selectAll(), grid.viewport().repaint()))
        block("ask for all selected photos", grid.selected_ids)
        grid.clearSelection()
        block("a new table while a scan runs", lambda: (grid.set_table(table), grid.viewport().repaint()))

        bar = grid.verticalScrollBar()
        for photo_size in (150, 80):
            grid.set_photo_size(photo_size)
            bar.setValue(0)
            frames(f"wheel, photos of {photo_size} px", lambda: wheel(grid))
            bar.setValue(0)
            frames(f"page down, photos of {photo_size} px", lambda: QTest.keyClick(grid, Qt.Key.Key_PageDown))
            sweep = map(bar.setSliderPosition, _sweep(bar.maximum()))
            frames(f"scroll bar drawn, photos of {photo_size} px", partial(next, sweep))

        settle(loader)
        memory = psutil.Process().memory_info().rss / 2**20
        report("memory of the process", memory, MEMORY_TARGET_MB, "MB")
        print(f"thumbnails kept: {loader.cached_bytes / 2**20:.0f} MB")
    finally:
        grid.close()
        loader.close()
    print("all targets met" if not missed else f"missed: {', '.join(missed)}")
    return 0 if not missed else 1


def wheel(grid: PhotoGrid) -> None:
    centre = grid.viewport().rect().center()
    event = QWheelEvent(
        QPointF(centre),
        QPointF(grid.viewport().mapToGlobal(centre)),
        QPoint(0, 0),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(grid.viewport(), event)


def tick(heartbeat: Heartbeat, step: Callable[[], object], seconds: float) -> None:
    """Run the event loop for `seconds`, with `step` every 16 ms, as a person's input comes."""
    loop = QEventLoop()
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setInterval(TICK_MS)
    timer.timeout.connect(step)
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    heartbeat.start()
    timer.start()
    loop.exec()
    timer.stop()
    heartbeat.stop()


def settle(loader: ThumbnailLoader) -> None:
    """Run the event loop until nothing has been on its way for a tenth of a second."""
    quiet_since = time.perf_counter()
    while time.perf_counter() - quiet_since < 0.1:
        loop = QEventLoop()
        QTimer.singleShot(20, loop.quit)
        loop.exec()
        if loader.busy:
            quiet_since = time.perf_counter()


def _cut(grid: PhotoGrid, similarity: np.ndarray) -> None:
    ids = grid.shown_ids()
    half = len(ids) // 2
    grid.show_photos(ids[:half], similarity[:half])
    grid.show_photos(ids, similarity[: len(ids)])
    grid.viewport().repaint()


def _sweep(maximum: int) -> Iterator[int]:
    """Positions of a scroll bar's handle drawn down over the whole range and up again, for ever."""
    while True:
        for part in range(200):
            yield maximum * part // 200
        for part in range(200, 0, -1):
            yield maximum * part // 200


def _milliseconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1e3


if __name__ == "__main__":
    sys.exit(main())
