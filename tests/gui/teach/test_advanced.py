"""The advanced switch says honestly what it takes, before anybody waits for it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFrame
from pytestqt.qtbot import QtBot

from photosim.gui.teach.advanced import duration_text, estimate_text
from photosim.gui.window import MainWindow
from photosim.teaching.tuned_trunk import TrunkEstimate
from tests.gui.teach.wizard import begin
from tests.gui.windows import WAIT, settle

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3, "5 seconds"),
        (41, "45 seconds"),
        (58, "1 minute"),
        (200, "3 minutes"),
        (5300, "88 minutes"),
        (9000, "2.5 hours"),
    ],
)
def test_times_are_rounded_as_people_do(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_the_note_says_how_long_and_what_follows() -> None:
    text = estimate_text(TrunkEstimate(250, 700, "CPU, 2 threads"))
    assert "about 4 minutes here (CPU, 2 threads)" in text
    assert "all photos are read again in the background, about 12 minutes" in text


def test_the_switch_is_off_until_it_is_asked_for_and_tells_the_time(window: MainWindow, qtbot: QtBot) -> None:
    begin(window, qtbot)
    advanced = window.teach.answer_page.advanced
    assert not advanced.trunk
    QTest.mouseClick(advanced, Qt.MouseButton.LeftButton)
    page = advanced.findChild(QFrame)
    assert page.isVisible()
    qtbot.waitUntil(lambda: "here (" in advanced.note, timeout=WAIT)
    assert page.height() >= page.layout().totalHeightForWidth(page.width())
    qtbot.waitUntil(advanced.switch.hasFocus, timeout=WAIT)
    QTest.keyClick(advanced.switch, Qt.Key.Key_Space)
    assert advanced.trunk
    assert "last blocks too" in advanced.text()
    QTest.keyClick(advanced.switch, Qt.Key.Key_Escape)
    assert not page.isVisible()
    assert window.teach.view.isVisible()
    settle(window, qtbot)
