"""Working the window in tests: waiting, asking what it shows, dropping onto it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from photosim.gui.window import MainWindow
from photosim.paths import Folders

WAIT = 30_000

OpenWindow = Callable[[Folders], MainWindow]


def settle(window: MainWindow, qtbot: QtBot) -> None:
    """Wait until nothing is on its way."""
    quiet = lambda: not (window.tasks.busy or window.scans.running or window.loader.busy)  # noqa: E731
    for _ in range(2):  # what ends may begin something
        qtbot.waitUntil(quiet, timeout=WAIT)
        QApplication.processEvents()
    qtbot.waitUntil(quiet, timeout=WAIT)


def id_of(window: MainWindow, name: str) -> int:
    table = window.feed.snapshot.photos.table
    return int(table.ids[table.names.index(name)])


def names(window: MainWindow) -> list[str]:
    table = window.feed.snapshot.photos.table
    return [table.name(table.row(int(photo_id))) for photo_id in window.grid.shown_ids()]


def find(window: MainWindow, qtbot: QtBot, *files: Path) -> None:
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        window.show_query(list(files))


def mime(*paths: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def drop(window: MainWindow, data: QMimeData, onto: QWidget | None = None) -> None:
    """Drop onto the middle of a widget, by real drag and drop events."""
    target = onto or window
    at = QPointF(target.mapTo(window, target.rect().center()))
    copy, left, plain = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(window, QDragEnterEvent(at.toPoint(), copy, data, left, plain))
    QApplication.sendEvent(window, QDropEvent(at, copy, data, left, plain))
