"""Space shows a photo as large as the window: at once, then sharp. Arrows go on, Escape closes."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from PySide6.QtCore import QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPixmap, QShortcut, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from photosim.gui.full_view import FullView


@dataclass
class Told:
    steps: list[int] = field(default_factory=list)
    closed: int = 0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    window = QWidget()
    window.resize(800, 600)
    qtbot.addWidget(window)
    line = QLineEdit(window)
    line.setObjectName("line")
    window.show()
    window.activateWindow()
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    return window


@pytest.fixture
def view(window: QWidget) -> FullView:
    return FullView(window)


@pytest.fixture
def told(view: FullView) -> Told:
    told = Told()
    view.step.connect(told.steps.append)
    view.closed.connect(told.close)
    return told


def filled(color: str, width: int = 300, height: int = 200) -> QImage:
    image = QImage(QSize(width, height), QImage.Format.Format_RGB32)
    image.fill(QColor(color))
    return image


def middle(view: FullView) -> QColor:
    return view.grab().toImage().pixelColor(view.rect().center())


def test_it_stays_out_of_the_way_until_asked(view: FullView, window: QWidget) -> None:
    assert not view.isVisible()
    assert view.photo_id is None


def test_the_thumbnail_is_there_at_once_and_the_sharp_picture_takes_its_place(
    view: FullView, window: QWidget
) -> None:
    view.show_photo(7, QPixmap.fromImage(filled("red")), "IMG_7.jpg", 2, 48)
    assert view.geometry() == window.rect()
    assert middle(view) == QColor("red")
    assert not view.sharp
    view.set_image(7, filled("blue", 3000, 2000))
    assert view.sharp
    assert middle(view) == QColor("blue")
    assert "IMG_7.jpg" in view.accessibleName()
    assert "3 of 48" in view.accessibleName()


def test_all_of_the_photo_is_seen(view: FullView) -> None:
    view.show_photo(1)
    view.set_image(1, filled("blue", 1000, 100))
    shown = view.grab().toImage()
    assert shown.pixelColor(1, 300) == QColor("blue")
    assert shown.pixelColor(798, 300) == QColor("blue")
    assert shown.pixelColor(400, 200) != QColor("blue")


def test_a_picture_that_comes_too_late_is_passed_over(view: FullView) -> None:
    view.show_photo(1, QPixmap.fromImage(filled("red")))
    view.show_photo(2, QPixmap.fromImage(filled("green")))
    view.set_image(1, filled("blue"))
    assert middle(view) == QColor("green")
    view.close_view()
    view.set_image(2, filled("blue"))
    assert view.photo_id is None


@pytest.mark.parametrize(
    ("key", "by"),
    [(Qt.Key.Key_Right, 1), (Qt.Key.Key_Left, -1), (Qt.Key.Key_Down, 1), (Qt.Key.Key_PageUp, -1)],
)
def test_arrows_ask_for_the_next_photo(view: FullView, told: Told, key: Qt.Key, by: int) -> None:
    view.show_photo(1)
    QTest.keyClick(view, key)
    assert told.steps == [by]
    assert view.isVisible()


@pytest.mark.parametrize("key", [Qt.Key.Key_Escape, Qt.Key.Key_Space])
def test_closing_gives_the_keyboard_back(view: FullView, window: QWidget, told: Told, key: Qt.Key) -> None:
    view.show_photo(1)
    assert view.hasFocus()
    QTest.keyClick(view, key)
    assert not view.isVisible()
    assert told.closed == 1
    line = window.findChild(QLineEdit, "line")
    assert line is not None
    assert line.hasFocus()


def test_a_click_closes_and_the_wheel_goes_on(view: FullView, told: Told) -> None:
    view.show_photo(1)
    event = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(),
        QPoint(0, -240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view, event)
    assert told.steps == [1, 1]
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(50, 50))
    assert told.closed == 1


def test_its_keys_come_before_the_windows_shortcuts(view: FullView, window: QWidget, told: Told) -> None:
    fired: list[bool] = []
    shortcut = QShortcut(Qt.Key.Key_Escape, window)
    shortcut.activated.connect(lambda: fired.append(True))
    view.show_photo(1)
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert told.closed == 1
    assert fired == []


def test_it_grows_with_the_window(view: FullView, window: QWidget) -> None:
    view.show_photo(1)
    window.resize(1000, 700)
    assert view.size() == QSize(1000, 700)
    assert view.wanted_side() == 1000
