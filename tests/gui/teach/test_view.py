"""The view itself: steps, a line for the user, and leaving it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from photosim.gui.style import apply_style, theme
from photosim.gui.teach.page import TeachPage
from photosim.gui.teach.view import ANSWER, COMPARE, START, TRAIN, TeachView


class Page(TeachPage):
    """A page with one button, which wants the keyboard."""

    def __init__(self) -> None:
        super().__init__()
        self.button = QPushButton("Something")
        self.footer.addWidget(self.button)

    def first_focus(self) -> QWidget:
        return self.button


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    window = QWidget()
    window.resize(900, 600)
    qtbot.addWidget(window)
    line = QLineEdit(window)
    line.setObjectName("line")
    window.show()
    window.activateWindow()
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    return window


@pytest.fixture
def view(window: QWidget) -> TeachView:
    view = TeachView(window)
    for name in (START, ANSWER, TRAIN, COMPARE):
        view.add_page(name, Page())
    return view


def test_each_page_lights_its_step_and_gets_the_keyboard(view: TeachView) -> None:
    for number, name in enumerate((START, ANSWER, TRAIN, COMPARE), 1):
        view.show_page(name)
        assert view.is_open and view.page == name
        assert view.steps.step == number
        assert view.steps.accessibleName().startswith(f"Step {number} of 5")
        assert QApplication.focusWidget() is view._pages[name].first_focus()


def test_the_step_is_lit_in_the_colours_in_force(view: TeachView, qapp: QApplication) -> None:
    view.show_page(TRAIN)
    for scheme in (Qt.ColorScheme.Dark, Qt.ColorScheme.Light):
        apply_style(qapp, scheme)
        QApplication.processEvents()
        assert f'{theme().accent}">3 Train' in view.steps.text()
    apply_style(qapp)


def test_escape_gives_the_keyboard_back(view: TeachView, window: QWidget, qtbot: QtBot) -> None:
    view.show_page(START)
    with qtbot.waitSignal(view.closed):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert not view.is_open
    assert QApplication.focusWidget() is window.findChild(QLineEdit, "line")


def test_a_line_is_gone_with_its_page(view: TeachView) -> None:
    view.show_page(ANSWER)
    view.say("Not saved.")
    assert view.message.isVisible() and view.message.accessibleName() == "Not saved."
    view.close_button.click()
    assert not view.is_open
    view.show_page(START)
    assert not view.message.isVisible()


def test_tab_goes_round_within_the_view(view: TeachView) -> None:
    view.show_page(ANSWER)
    seen = []
    for _ in range(5):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        seen.append(QApplication.focusWidget())
    assert {button.text() for button in seen} == {"Something", "Close"}


def test_a_page_may_ask_before_it_is_left(view: TeachView, monkeypatch: pytest.MonkeyPatch) -> None:
    view.show_page(TRAIN)
    monkeypatch.setattr(view._pages[TRAIN], "may_leave", lambda: False)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    view.close_button.click()
    assert view.is_open
    view.close_view()  # the window itself does not ask
    assert not view.is_open
