"""The photos that could not be read can be found, understood, and tried again."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QLocale, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QTableView
from pytestqt.qtbot import QtBot

from photosim.catalog.records import Failure
from photosim.gui.failures_view import FailuresView

FAILURES = [
    Failure("/home/ada/Pictures/b.jpg", "the file is empty", "2026-11-21T09:00:00+00:00"),
    Failure("/home/ada/Pictures/A.png", "not a picture", "2026-11-02T09:00:00+00:00"),
    Failure("/media/backup/c.jpg", "permission denied", "2026-02-11T09:00:00+00:00"),
    Failure("/media/backup/caf\udce9.jpg", "not a picture", "2025-02-11T09:00:00+00:00"),
]


@pytest.fixture
def view(qtbot: QtBot) -> FailuresView:
    widget = FailuresView()
    qtbot.addWidget(widget)
    widget.setLocale(QLocale("en_GB"))
    widget.resize(900, 400)
    widget.show_failures(FAILURES)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def table(view: FailuresView) -> QTableView:
    return view.findChild(QTableView)


def cells(view: FailuresView, column: int) -> list[str]:
    model = table(view).model()
    return [model.index(row, column).data() for row in range(model.rowCount())]


def select(view: FailuresView, qtbot: QtBot, row: int) -> None:
    where = table(view).visualRect(table(view).model().index(row, 2)).center()
    qtbot.mouseClick(table(view).viewport(), Qt.MouseButton.LeftButton, pos=where)


def button(view: FailuresView, text: str) -> QPushButton:
    return next(found for found in view.findChildren(QPushButton) if found.text() == text)


def test_each_failure_says_which_file_where_and_why(view: FailuresView) -> None:
    assert set(cells(view, 0)) == {"b.jpg", "A.png", "c.jpg", "caf\N{REPLACEMENT CHARACTER}.jpg"}
    assert set(cells(view, 1)) == {"/home/ada/Pictures", "/media/backup"}
    assert "permission denied" in cells(view, 2)
    assert any("4 photos" in label.text() for label in view.findChildren(QLabel))


def test_the_table_is_sorted_by_the_column_clicked(view: FailuresView, qtbot: QtBot) -> None:
    header = table(view).horizontalHeader()

    def click(section: int) -> None:
        place = header.rect().center()
        place.setX(header.sectionViewportPosition(section) + 30)
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)

    click(0)
    assert cells(view, 0)[:3] == ["A.png", "b.jpg", "c.jpg"]
    click(3)
    oldest_first = [FAILURES[3].reason, FAILURES[2].reason, FAILURES[1].reason, FAILURES[0].reason]
    assert cells(view, 2) in (oldest_first, oldest_first[::-1])
    click(3)
    assert cells(view, 2) in (oldest_first, oldest_first[::-1])


def test_the_filter_looks_at_every_column(view: FailuresView, qtbot: QtBot) -> None:
    field = view.findChild(QLineEdit)
    qtbot.keyClicks(field, "NOT A")
    assert {failure.path for failure in view.shown()} == {FAILURES[1].path, FAILURES[3].path}
    field.clear()
    qtbot.keyClicks(field, "backup")
    assert {failure.path for failure in view.shown()} == {FAILURES[2].path, FAILURES[3].path}
    field.clear()
    qtbot.keyClicks(field, "[")
    assert view.shown() == []
    assert not button(view, "Copy list").isEnabled()


def test_trying_again_and_showing_in_the_folder_are_asked_of_the_window(
    view: FailuresView, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(view.retry_requested):
        qtbot.mouseClick(button(view, "Try again"), Qt.MouseButton.LeftButton)
    assert not button(view, "Show in folder").isEnabled()
    select(view, qtbot, 1)
    path = view.selected()[0].path
    with qtbot.waitSignal(view.show_in_folder) as asked:
        qtbot.mouseClick(button(view, "Show in folder"), Qt.MouseButton.LeftButton)
    assert asked.args == [path]
    with qtbot.waitSignal(view.show_in_folder) as asked:
        QTest.keyClick(table(view), Qt.Key.Key_Return)
    assert asked.args == [path]


def test_the_list_can_be_copied_whole_or_in_part(view: FailuresView, qtbot: QtBot) -> None:
    clipboard = QApplication.clipboard()
    try:
        qtbot.mouseClick(button(view, "Copy list"), Qt.MouseButton.LeftButton)
        lines = clipboard.text().splitlines()
        assert len(lines) == 4
        assert "/home/ada/Pictures/b.jpg\tthe file is empty\t2026-11-21T09:00:00+00:00" in lines
        select(view, qtbot, 0)
        table(view).setFocus()
        QTest.keyClick(table(view), Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
        assert len(clipboard.text().splitlines()) == 1
        assert clipboard.text().startswith(view.selected()[0].path)
    finally:
        clipboard.clear()


def test_new_failures_leave_selection_and_order_as_they_were(view: FailuresView, qtbot: QtBot) -> None:
    select(view, qtbot, 2)
    chosen = view.selected()
    more = Failure("/home/ada/Pictures/0.jpg", "not a picture", "2026-11-22T09:00:00+00:00")
    view.show_failures([more, *FAILURES])
    assert view.selected() == chosen
    assert len(view.shown()) == 5
    view.show_failures([failure for failure in FAILURES if failure not in chosen])
    assert view.selected() == []


def test_without_failures_it_says_so(view: FailuresView) -> None:
    view.show_failures([])
    shown = [label.text() for label in view.findChildren(QLabel) if label.isVisible()]
    assert shown == ["Every photo could be read."]
    assert not table(view).isVisible()
    assert not button(view, "Try again").isVisible()
    view.show_failures(FAILURES[:1])
    shown = [label.text() for label in view.findChildren(QLabel) if label.isVisible()]
    assert shown == ["1 photo could not be read"]


def test_ten_thousand_failures_are_shown_at_once(view: FailuresView, qtbot: QtBot) -> None:
    many = [
        Failure(f"/photos/{n:05}.jpg", "not a picture", "2026-11-21T09:00:00+00:00") for n in range(10_000)
    ]
    view.show_failures(many)
    assert len(view.shown()) == 10_000
    select(view, qtbot, 3)
    assert view.selected() == [many[3]]


def test_every_control_has_a_name(view: FailuresView) -> None:
    for control in [*view.findChildren(QPushButton), view.findChild(QLineEdit), table(view)]:
        assert control.accessibleName()
