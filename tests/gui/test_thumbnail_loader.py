"""Thumbnails come for what is on the screen, decoded elsewhere, kept within a bound, and never stale."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from PIL import Image
from PySide6.QtCore import QCoreApplication, QSize, QThread
from PySide6.QtGui import QColor, QPixmap
from pytestqt.qtbot import QtBot

from photosim.errors import LibraryError
from photosim.gui import thumbnail_loader
from photosim.gui.thumbnail_loader import Look, ThumbnailLoader, decode

LOOK = Look(120, 90, 6)
Start = Callable[..., ThumbnailLoader]


def jpeg(color: str = "red", size: tuple[int, int] = (384, 256)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


RED = jpeg()


@pytest.fixture
def start(qtbot: QtBot) -> Iterator[Start]:
    loaders: list[ThumbnailLoader] = []

    def make(fetch: Callable[[int], bytes | None], **options: int) -> ThumbnailLoader:
        loader = ThumbnailLoader(fetch, **options)
        loaders.append(loader)
        return loader

    yield make
    for loader in loaders:
        loader.close()


def is_color(pixmap: QPixmap, name: str) -> bool:
    got = pixmap.toImage().pixelColor(pixmap.width() // 2, pixmap.height() // 2)
    wanted = QColor(name)
    return all(
        abs(a - b) < 8
        for a, b in zip(got.getRgb()[:3], wanted.getRgb()[:3], strict=True)  # type: ignore[index]
    )


def test_a_thumbnail_comes_in_the_size_of_its_cell(start: Start, qtbot: QtBot) -> None:
    loader = start(lambda photo_id: RED)
    assert loader.pixmap(7) is None
    with qtbot.waitSignal(loader.loaded) as loaded:
        loader.request([7], LOOK)
    assert loaded.args == [7]
    pixmap = loader.pixmap(7)
    assert pixmap is not None
    assert pixmap.size() == QSize(120, 90)
    assert is_color(pixmap, "red")
    assert pixmap.toImage().pixelColor(0, 0).alpha() < 60  # the corner is round


def test_bytes_are_fetched_off_the_gui_thread_and_shown_on_it(start: Start, qtbot: QtBot) -> None:
    fetched_in: list[QThread] = []

    def fetch(photo_id: int) -> bytes:
        fetched_in.append(QThread.currentThread())
        return RED

    loader = start(fetch)
    told_in: list[QThread] = []
    loader.loaded.connect(lambda _: told_in.append(QThread.currentThread()))
    loader.request([1], LOOK)
    qtbot.waitUntil(lambda: bool(told_in))
    gui = QCoreApplication.instance().thread()
    assert fetched_in[0] is not gui
    assert told_in == [gui]


def test_a_photo_is_cropped_to_fill_never_squeezed() -> None:
    wide = Image.new("RGB", (400, 100), "blue")
    wide.paste("red", (150, 0, 250, 100))
    buffer = io.BytesIO()
    wide.save(buffer, "JPEG", quality=95)
    image = decode(buffer.getvalue(), Look(100, 100, 0))
    assert image is not None
    assert image.size() == QSize(100, 100)
    for x in (8, 50, 92):
        assert image.pixelColor(x, 50).red() > 200


def test_a_small_thumbnail_is_not_blown_up_in_memory() -> None:
    image = decode(jpeg(size=(200, 150)), Look(800, 800, 8))
    assert image is not None
    assert image.size() == QSize(150, 150)


@pytest.mark.qt_log_ignore("Not a JPEG file", extend=True)
def test_bytes_that_are_no_jpeg_give_nothing() -> None:
    assert decode(b"no picture at all", LOOK) is None


def test_a_missing_thumbnail_is_told_once_and_comes_after_a_retry(start: Start, qtbot: QtBot) -> None:
    store: dict[int, bytes] = {}
    asked: list[int] = []

    def fetch(photo_id: int) -> bytes | None:
        asked.append(photo_id)
        return store.get(photo_id)

    loader = start(fetch)
    missing: list[int] = []
    loader.missing.connect(missing.append)
    loader.request([3], LOOK)
    qtbot.waitUntil(lambda: missing == [3])
    assert loader.is_missing(3)
    loader.request([3], LOOK)
    qtbot.waitUntil(lambda: not loader.busy)
    assert (asked, missing) == ([3], [3])

    store[3] = RED
    with qtbot.waitSignal(loader.loaded):
        loader.retry(3)
    assert not loader.is_missing(3)
    assert loader.pixmap(3) is not None


def test_what_is_no_longer_wanted_is_not_loaded(
    start: Start, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnail_loader, "THREADS", 1)
    hold, holding = threading.Event(), threading.Event()
    asked: list[int] = []

    def fetch(photo_id: int) -> bytes:
        asked.append(photo_id)
        holding.set()
        hold.wait(5)
        return RED

    loader = start(fetch)
    loader.request(range(100), LOOK)
    assert holding.wait(5)
    loader.request([500, 501], LOOK)
    hold.set()
    qtbot.waitUntil(lambda: not loader.busy)
    assert asked == [0, 500, 501]


def test_a_new_size_shows_the_old_picture_until_the_new_one_is_there(start: Start, qtbot: QtBot) -> None:
    loader = start(lambda photo_id: RED)
    with qtbot.waitSignal(loader.loaded):
        loader.request([1], LOOK)
    bigger = Look(240, 180, 6)
    with qtbot.waitSignal(loader.loaded):
        loader.request([1], bigger)
        kept = loader.pixmap(1)
        assert kept is not None
        assert kept.width() == 120
    now = loader.pixmap(1)
    assert now is not None
    assert now.width() == 240


def test_a_size_that_changes_while_a_photo_is_on_its_way_is_honoured(start: Start, qtbot: QtBot) -> None:
    hold, holding = threading.Event(), threading.Event()

    def fetch(photo_id: int) -> bytes:
        holding.set()
        hold.wait(5)
        return RED

    loader = start(fetch)
    loader.request([1], LOOK)
    assert holding.wait(5)
    loader.request([1], Look(240, 180, 6))
    hold.set()
    qtbot.waitUntil(lambda: (pixmap := loader.pixmap(1)) is not None and pixmap.width() == 240)


def test_the_cache_keeps_its_bound_and_what_was_wanted_last(start: Start, qtbot: QtBot) -> None:
    loader = start(lambda photo_id: RED, cache_bytes=10 * LOOK.bytes)
    for first in range(0, 60, 10):
        loader.request(range(first, first + 10), LOOK)
        qtbot.waitUntil(lambda: not loader.busy)
        assert loader.cached_bytes <= 10 * LOOK.bytes
    assert all(loader.pixmap(photo_id) is not None for photo_id in range(50, 60))
    assert loader.pixmap(0) is None


def test_wanting_more_than_fits_does_not_load_for_ever(start: Start, qtbot: QtBot) -> None:
    asked: list[int] = []

    def fetch(photo_id: int) -> bytes:
        asked.append(photo_id)
        return RED

    loader = start(fetch, cache_bytes=5 * LOOK.bytes)
    for _ in range(3):
        loader.request(range(50), LOOK)
        qtbot.waitUntil(lambda: not loader.busy)
    assert sorted(asked) == [0, 1, 2, 3, 4]


def test_a_store_that_fails_is_told_in_one_line_and_loading_goes_on(start: Start, qtbot: QtBot) -> None:
    def fetch(photo_id: int) -> bytes:
        if photo_id == 1:
            raise LibraryError("the disk is full: free some space")
        return RED

    loader = start(fetch)
    with qtbot.waitSignal(loader.failed) as failed:
        loader.request([1], LOOK)
    assert failed.args == ["the disk is full: free some space"]
    with qtbot.waitSignal(loader.loaded):
        loader.request([2], LOOK)


def test_a_bug_in_the_store_surfaces(start: Start, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: raised.append(kind))

    def fetch(photo_id: int) -> bytes:
        raise ZeroDivisionError

    loader = start(fetch)
    loader.request([1], LOOK)
    qtbot.waitUntil(lambda: raised == [ZeroDivisionError])
    assert not loader.busy


def test_closing_waits_for_the_threads_and_says_nothing_more(qtbot: QtBot) -> None:
    hold, holding = threading.Event(), threading.Event()

    def fetch(photo_id: int) -> bytes:
        holding.set()
        hold.wait(5)
        return RED

    loader = ThumbnailLoader(fetch)
    told: list[int] = []
    loader.loaded.connect(told.append)
    loader.request(range(10), LOOK)
    assert holding.wait(5)
    threading.Timer(0.05, hold.set).start()
    loader.close()
    QCoreApplication.processEvents()
    loader.request([1], LOOK)
    assert told == []
    assert loader.cached_bytes == 0
