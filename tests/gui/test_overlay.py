"""Views over the window give the keyboard back when they close, if there is still somebody to give it to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import delete

from photosim.gui.full_view import FullView
from photosim.gui.overlay import Overlay


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    """Has a line with the keyboard, and another that could have it."""
    window = QWidget()
    window.resize(400, 300)
    qtbot.addWidget(window)
    column = QVBoxLayout(window)
    for name in ("other", "line"):
        line = QLineEdit()
        line.setObjectName(name)
        column.addWidget(line)
    window.show()
    window.activateWindow()
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    return window


@pytest.fixture
def line(window: QWidget) -> QLineEdit:
    found = window.findChild(QLineEdit, "line")
    assert isinstance(found, QLineEdit)
    return found


def open_overlay(window: QWidget) -> Callable[[], None]:
    view = Overlay(window)
    view.open_over(view)
    return view.close_view


def open_full_view(window: QWidget) -> Callable[[], None]:
    view = FullView(window)
    view.show_photo(1)
    return view.close_view


opened = pytest.mark.parametrize("open_view", [open_overlay, open_full_view])


@opened
def test_the_keyboard_goes_back(
    window: QWidget, line: QLineEdit, open_view: Callable[[QWidget], Callable[[], None]]
) -> None:
    close = open_view(window)
    assert not line.hasFocus()
    close()
    assert line.hasFocus()


@opened
@pytest.mark.parametrize("go", [delete, QLineEdit.hide])
def test_who_had_the_keyboard_may_be_gone_when_a_view_closes(
    window: QWidget,
    line: QLineEdit,
    open_view: Callable[[QWidget], Callable[[], None]],
    go: Callable[[QLineEdit], None],
) -> None:
    """As a photo of the query is, once another one has been looked for."""
    close = open_view(window)
    go(line)
    close()
    focused = QApplication.focusWidget()
    assert focused is not None and focused.isVisible() and focused is not line
