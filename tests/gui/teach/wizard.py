"""Working the teaching view in tests, as a user with a keyboard does."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from photosim.gui.teach.asking import Asked
from photosim.gui.teach.view import ANSWER, TeachView
from photosim.gui.window import MainWindow
from tests.gui.windows import WAIT, settle


def press(window: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier | None = None) -> None:
    """A key, to whichever widget has the focus."""
    target = QApplication.focusWidget() or window
    QTest.keyClick(target, key, modifier or Qt.KeyboardModifier.NoModifier)


def view_of(window: MainWindow) -> TeachView:
    assert window.teach.view is not None
    return window.teach.view


def open_wizard(window: MainWindow, qtbot: QtBot) -> TeachView:
    """Ctrl+T, and what the first page says of the answers is up to date."""
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=WAIT)
    press(window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    settle(window, qtbot)
    return view_of(window)


def begin(window: MainWindow, qtbot: QtBot) -> Asked:
    """From the window to the first question, by the keyboard alone."""
    view = open_wizard(window, qtbot)
    press(window, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: view.page == ANSWER, timeout=WAIT)
    return next_question(window, qtbot)


def next_question(window: MainWindow, qtbot: QtBot) -> Asked:
    """The question that is shown once everything is quiet, with others in stock behind it."""
    asking = window.teach.asking
    qtbot.waitUntil(lambda: asking.current is not None and asking.ready > 0, timeout=WAIT)
    settle(window, qtbot)
    assert asking.current is not None
    return asking.current


def hashes(asked: Asked) -> tuple[bytes, bytes, bytes]:
    anchor, left, right = (side.content_hash for side in asked.sides())
    return anchor, left, right


def words(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())
