"""A mistake in an event handler is told of, and the window lives on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from photosim.gui import overrides
from tests.programs import CHECKOUT

SCRIPT = """
import photosim.gui
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QWidget

class Wrong(QWidget):
    def event(self, event):
        if event.type() == QEvent.Type.User:
            int("x")  # fails in C
        return super().event(event)

class MoreWrong(Wrong):
    def event(self, event):
        if event.type() == QEvent.Type.MaxUser:
            isinstance(event, None)
        return super().event(event)

application = QApplication([])
widget = MoreWrong()
for kind in (QEvent.Type.User, QEvent.Type.MaxUser):
    try:
        QApplication.sendEvent(widget, QEvent(kind))
    except Exception as error:
        print(type(error).__name__)
"""


def test_an_error_from_c_in_an_event_handler_does_not_end_the_program() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=CHECKOUT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "ValueError\nTypeError"


@pytest.mark.skipif(not overrides.NEEDED, reason="this Python makes errors whole by itself")
def test_only_what_qt_calls_is_wrapped(qtbot: QtBot) -> None:
    class Label(QWidget):
        def sizeHint(self) -> QSize:
            """How large."""
            return super().sizeHint()

        def words(self) -> str:
            return "ours"

    label = Label()
    qtbot.addWidget(label)
    assert hasattr(Label.sizeHint, "__wrapped__") and Label.sizeHint.__doc__ == "How large."
    assert not hasattr(Label.words, "__wrapped__")
    assert label.sizeHint() == QWidget.sizeHint(label)
