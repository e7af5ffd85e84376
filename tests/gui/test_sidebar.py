"""The column at the left: places of the library, with their figures."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from photosim.catalog.records import Counts, Folder
from photosim.gui.sidebar import Sidebar, distinct_names
from photosim.gui.views import ALL, FAILURES, FOLDER, OFFLINE, Browse, QueryItem, Similar

PICTURES = Folder(1, "/home/anna/Pictures", online=True, scanned=True, photos=8112)
BACKUP = Folder(2, "/media/Backup-2", online=False, scanned=True, photos=1930)


@pytest.fixture
def sidebar(qtbot: QtBot) -> Sidebar:
    sidebar = Sidebar()
    qtbot.addWidget(sidebar)
    sidebar.resize(210, 600)
    sidebar.set_library([PICTURES, BACKUP], Counts(photos=10042, files=10100, failed=7, offline=1930))
    sidebar.show()
    return sidebar


def test_every_place_shows_its_figure(sidebar: Sidebar) -> None:
    assert sidebar.all_row.note.replace(",", "") == "10042"
    assert sidebar.offline_row.note.replace(",", "") == "1930"
    assert sidebar.failures_row.note == "7"
    row = sidebar.folder_row(PICTURES.path)
    assert row.name == "Pictures" and row.note.replace(",", "") == "8112"


def test_a_folder_that_is_not_connected_says_so(sidebar: Sidebar) -> None:
    row = sidebar.folder_row(BACKUP.path)
    assert row.note == "unplugged" and row.faint
    assert "unplugged" in row.accessibleName()
    assert BACKUP.path in row.toolTip()


def test_a_click_on_a_place_asks_for_it(sidebar: Sidebar, qtbot: QtBot) -> None:
    for row, view in (
        (sidebar.all_row, Browse(ALL)),
        (sidebar.offline_row, Browse(OFFLINE)),
        (sidebar.failures_row, Browse(FAILURES)),
        (sidebar.folder_row(PICTURES.path), Browse(FOLDER, PICTURES.path)),
    ):
        with qtbot.waitSignal(sidebar.chosen) as told:
            qtbot.mouseClick(row, Qt.MouseButton.LeftButton)
        assert told.args == [view]


def test_the_place_shown_is_lit_and_no_other(sidebar: Sidebar) -> None:
    places = [row for row in sidebar.rows() if row is not sidebar.model_row]
    sidebar.show_place(Browse(FOLDER, BACKUP.path))
    assert [row for row in places if row.isChecked()] == [sidebar.folder_row(BACKUP.path)]
    sidebar.show_place(Similar((QueryItem(photo_id=1),)))
    assert not [row for row in places if row.isChecked()]


def test_a_click_lights_nothing_by_itself(sidebar: Sidebar, qtbot: QtBot) -> None:
    sidebar.show_place(Browse(ALL))
    qtbot.mouseClick(sidebar.offline_row, Qt.MouseButton.LeftButton)
    assert sidebar.all_row.isChecked() and not sidebar.offline_row.isChecked()


def test_arrows_move_from_row_to_row(sidebar: Sidebar, qtbot: QtBot) -> None:
    sidebar.activateWindow()
    sidebar.all_row.setFocus()
    qtbot.waitUntil(sidebar.all_row.hasFocus)
    qtbot.keyClick(sidebar.all_row, Qt.Key.Key_Down)
    assert sidebar.offline_row.hasFocus()
    qtbot.keyClick(sidebar.offline_row, Qt.Key.Key_Up)
    qtbot.keyClick(sidebar.all_row, Qt.Key.Key_Up)
    assert sidebar.all_row.hasFocus()
    with qtbot.waitSignal(sidebar.chosen):
        qtbot.keyClick(sidebar.all_row, Qt.Key.Key_Space)


def test_folders_come_and_go(sidebar: Sidebar) -> None:
    camera = Folder(3, "/home/anna/Camera", online=True, scanned=False, photos=0)
    sidebar.set_library([camera, PICTURES], Counts(8112, 8112, 0, 0))
    assert sidebar.folder_row(BACKUP.path) is None
    names = [row.name for row in sidebar.rows()]
    assert names.index("Camera") < names.index("Pictures")


def test_folders_of_one_name_are_told_apart() -> None:
    names = distinct_names(["/a/2023/Trip", "/b/2023/Trip", "/c/Home"])
    assert names == ["a/2023/Trip", "b/2023/Trip", "Home"]
    assert distinct_names(["/"]) == ["/"]
