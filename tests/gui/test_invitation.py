"""The first start shows one invitation, by mouse, keyboard, or drop."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QFont
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from photosim.gui.invitation import Invitation


@pytest.fixture
def invitation(qtbot: QtBot) -> Invitation:
    widget = Invitation()
    qtbot.addWidget(widget)
    widget.resize(1000, 700)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def buttons(invitation: Invitation) -> list[QPushButton]:
    return invitation.findChildren(QPushButton)


def test_it_says_what_to_do_and_that_nothing_leaves_the_computer(invitation: Invitation) -> None:
    text = " ".join(label.text() for label in invitation.findChildren(QLabel))
    assert "Drop a photo here" in text
    assert "Nothing leaves this computer" in text


def test_both_ways_to_a_library_work_by_mouse_and_by_keyboard(invitation: Invitation, qtbot: QtBot) -> None:
    choose, pictures = buttons(invitation)
    with qtbot.waitSignal(invitation.choose_folder):
        qtbot.mouseClick(choose, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(invitation.use_pictures_folder):
        qtbot.mouseClick(pictures, Qt.MouseButton.LeftButton)
    invitation.setFocus()
    assert QApplication.focusWidget() is choose
    with qtbot.waitSignal(invitation.choose_folder):
        qtbot.keyClick(choose, Qt.Key.Key_Space)
    qtbot.keyClick(choose, Qt.Key.Key_Tab)
    with qtbot.waitSignal(invitation.use_pictures_folder):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Space)


def test_a_drop_on_any_part_of_it_reaches_the_window(qtbot: QtBot) -> None:
    class Window(QWidget):
        drops = 0

        def dragEnterEvent(self, event: QDragEnterEvent) -> None:
            event.acceptProposedAction()

        def dropEvent(self, event: QDropEvent) -> None:
            self.drops += 1

    window = Window()
    qtbot.addWidget(window)
    window.setAcceptDrops(True)
    invitation = Invitation()
    QVBoxLayout(window).addWidget(invitation)
    window.resize(900, 700)
    window.show()
    qtbot.waitExposed(window)
    mime = QMimeData()
    mime.setText("anything")
    copy, left, plain = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier

    for part in invitation.findChildren(QWidget):
        assert not part.acceptDrops()
        where = part.mapTo(window, part.rect().center())
        handle = window.windowHandle()
        QApplication.sendEvent(handle, QDragEnterEvent(where, copy, mime, left, plain))
        QApplication.sendEvent(handle, QDropEvent(QPointF(where), copy, mime, left, plain))
    assert window.drops == len(invitation.findChildren(QWidget))


def test_it_shows_that_it_would_take_what_hovers(invitation: Invitation) -> None:
    card = next(w for w in invitation.findChildren(QWidget) if w.property("role") == "drop")
    invitation.set_highlighted(True)
    assert card.property("active") is True
    invitation.set_highlighted(False)
    assert card.property("active") is False


def test_its_pictures_are_drawn(invitation: Invitation) -> None:
    image = invitation.grab().toImage()
    colors = {image.pixelColor(x, y).name() for x in range(320, 680, 3) for y in range(180, 360, 3)}
    assert QColor("#a3392c").name() in colors  # the boat's hull
    assert len(colors) > 100


@pytest.mark.parametrize("scale", [1, 2])
def test_it_fits_a_small_window_and_large_letters(qtbot: QtBot, scale: int) -> None:
    invitation = Invitation()
    qtbot.addWidget(invitation)
    font = QFont(QApplication.font())
    font.setPointSizeF(font.pointSizeF() * scale)
    invitation.setFont(font)
    invitation.resize(480, 620)
    invitation.show()
    qtbot.waitExposed(invitation)
    boxes = [w.rect().translated(w.mapTo(invitation, w.rect().topLeft())) for w in buttons(invitation)]
    for button, box in zip(buttons(invitation), boxes, strict=True):
        assert invitation.rect().contains(box)
        assert box.width() >= button.minimumSizeHint().width()
    assert not boxes[0].intersects(boxes[1])
