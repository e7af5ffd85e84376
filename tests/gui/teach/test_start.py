"""The first page: what to teach from, the answers so far, and what is said where there is nothing to ask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from photosim.catalog.records import Folder, PhotoTable
from photosim.gui.teach.asking import SAVING
from photosim.gui.teach.folder_choices import folder_choices
from photosim.gui.teach.start_page import FOLDER, RESULTS, WHOLE
from photosim.gui.teach.view import ANSWER, START
from photosim.gui.window import MainWindow
from tests.gui.libraries import PHOTOS, folders_in
from tests.gui.teach.wizard import hashes, next_question, open_wizard, press, view_of, words
from tests.gui.windows import WAIT, OpenWindow, find, id_of, settle

pytestmark = pytest.mark.timeout(120)


def give_answers(window: MainWindow, names: list[tuple[str, str, str]]) -> None:
    catalog = window._library.catalog
    by_name = {name: catalog.photo(id_of(window, name)).content_hash for each in names for name in each}
    catalog.answers.add_many([tuple(by_name[name] for name in each) for each in names], "file")


CATS = [
    ("chelsea.png", "astronaut.png", "moon.png"),
    ("chelsea.png", "camera.png", "rocket.jpg"),
    ("coffee.png", "coins.png", "moon.png"),
]


def test_an_empty_library_says_so_and_has_nothing_to_begin(
    open_window: OpenWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    window = open_window(folders_in(tmp_path / "empty"))
    settle(window, qtbot)
    view = open_wizard(window, qtbot)
    page = window.teach.start_page
    assert "The library is empty" in words(view)
    assert not page.begin_button.isEnabled()
    assert not page.folder_list.isEnabled() and not page.results.isVisible()
    press(window, Qt.Key.Key_Return)
    assert view.page == START
    press(window, Qt.Key.Key_Escape)
    assert not view.is_open


def test_a_small_library_is_warned_of(window: MainWindow, qtbot: QtBot) -> None:
    view = open_wizard(window, qtbot)
    assert f"The whole library, {PHOTOS} photos" in window.teach.start_page.whole.text()
    assert "With so few photos the questions soon run out" in words(view)
    assert window.teach.start_page.scope.kind == WHOLE
    assert not window.teach.start_page.results.isVisible()


def test_the_link_beside_results_teaches_from_them(window: MainWindow, photos: Path, qtbot: QtBot) -> None:
    window.resize(1500, 900)
    assert not window.header.teach_link.isVisible()
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    settle(window, qtbot)
    window.bar.cut.setValue(round(100 * window.grid.similarity_of(int(window.grid.shown_ids()[5]))))
    settle(window, qtbot)
    shown = {int(photo_id) for photo_id in window.grid.shown_ids()}
    assert len(shown) < PHOTOS
    assert window.header.teach_link.isVisible()
    window.header.teach_link.click()
    settle(window, qtbot)
    page = window.teach.start_page
    assert page.scope.kind == RESULTS
    assert page.results.text() == f"The results just shown, {len(shown)} photos"
    press(window, Qt.Key.Key_Return)
    for _ in range(4):
        asked = next_question(window, qtbot)
        assert {side.photo_id for side in asked.sides()} <= shown
        press(window, Qt.Key.Key_Left)


def test_the_link_goes_before_it_keeps_the_window_wide(
    window: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    settle(window, qtbot)
    window.resize(900, 640)
    window.header.teach_link.hide()
    QApplication.processEvents()
    least = window.minimumSizeHint().width()
    window.resize(1500, 640)
    QApplication.processEvents()
    assert window.header.teach_link.isVisible()
    window.resize(900, 640)
    QApplication.processEvents()
    assert window.width() == max(900, least)
    assert not window.header.teach_link.isVisible()


def test_the_link_is_whole_or_short_or_not_there(window: MainWindow, photos: Path, qtbot: QtBot) -> None:
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    settle(window, qtbot)
    window.grid.select_id(id_of(window, "coffee.png"))
    window.menus.actions["more"].trigger()
    settle(window, qtbot)
    link, seen = window.header.teach_link, []
    for width in range(900, 1900, 50):
        window.resize(width, 640)
        QApplication.processEvents()
        if link.isVisible():
            assert link.width() >= link.sizeHint().width(), width
        seen.append(link.text() if link.isVisible() else "")
    order = list(dict.fromkeys(seen))
    assert order == ["", "Teach…", "Not what you mean?"]


def test_the_sidebar_leads_there_in_any_window(window: MainWindow, qtbot: QtBot) -> None:
    window.resize(900, 640)
    settle(window, qtbot)
    button = window.sidebar.teach_button
    assert button.visibleRegion().boundingRect() == button.rect() and "Ctrl+T" in button.toolTip()
    button.click()
    settle(window, qtbot)
    assert view_of(window).is_open and view_of(window).page == START


def test_one_folder_can_be_chosen(window: MainWindow, photos: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.keeper.said, timeout=WAIT):
        window.keeper._remove_folder(str(photos))
    window.add_folders([photos / "things", photos / "space"])
    qtbot.waitUntil(lambda: window.feed.snapshot.counts.photos == 7, timeout=WAIT)
    settle(window, qtbot)
    open_wizard(window, qtbot)
    page = window.teach.start_page
    listed = [page.folder_list.itemText(row) for row in range(page.folder_list.count())]
    assert sorted(listed) == ["space, 3 photos", "things, 4 photos"]
    page.folder_list.setCurrentIndex(listed.index("things, 4 photos"))
    assert page.scope.kind == FOLDER and page.one_folder.isChecked()
    page.begin_button.click()
    asked = next_question(window, qtbot)
    assert {Path(side.path).parent.name for side in asked.sides()} == {"things"}


def test_a_folder_in_a_folder_can_be_chosen(window: MainWindow, photos: Path, qtbot: QtBot) -> None:
    open_wizard(window, qtbot)
    page = window.teach.start_page
    listed = [page.folder_list.itemText(row) for row in range(page.folder_list.count())]
    inside = f"{photos.name}/things, 4 photos"
    assert listed[0] == f"{photos.name}, {PHOTOS} photos" and inside in listed
    page.folder_list.setCurrentIndex(listed.index(inside))
    press(window, Qt.Key.Key_Escape)
    open_wizard(window, qtbot)
    assert page.scope.below == "things" and page.folder_list.currentText() == inside
    page.begin_button.click()
    for _ in range(2):
        asked = next_question(window, qtbot)
        assert {Path(side.path).parent.name for side in asked.sides()} == {"things"}
        press(window, Qt.Key.Key_Left)


def test_the_largest_of_many_folders_are_listed_by_their_paths() -> None:
    paths = ["a.jpg", "b/1.jpg", "b/c/2.jpg", "b/c/3.jpg", "b c/4.jpg", "d/e/5.jpg", "d/e/6.jpg", "d/e/7.jpg"]
    zeros = np.zeros(len(paths))
    table = PhotoTable(
        np.arange(len(paths)), zeros.astype(np.int32), zeros, zeros.astype(np.int32), zeros > 0, paths, []
    )
    folders = [Folder(0, "/home/anna/Pictures", True, True, 8), Folder(1, "/mnt/more", True, True, 0)]

    def found(at_most: int) -> list[tuple[str, int]]:
        return [(choice.name, choice.photos) for choice in folder_choices(folders, table, at_most)]

    below = [("b", 3), ("b/c", 2), ("b c", 1), ("d", 3), ("d/e", 3)]
    all_of_it = [("Pictures", 8), *((f"Pictures/{name}", count) for name, count in below), ("more", 0)]
    assert found(500) == all_of_it
    assert found(3) == [each for each in all_of_it if each[0] not in ("Pictures/b c", "Pictures/b/c")]
    assert folder_choices(folders, table)[2].path == "/home/anna/Pictures/b/c"


def test_all_answers_are_forgotten_after_a_question(window: MainWindow, qtbot: QtBot) -> None:
    give_answers(window, CATS)
    view = open_wizard(window, qtbot)
    page = window.teach.start_page
    assert "3 answers so far" in words(view)
    page.forget_button.click()
    assert "Forget all 3 answers for good?" in page.question.text
    page.question.reject_button.click()
    assert window._library.catalog.answers.counts().usable == 3
    page.forget_button.click()
    page.question.accept_button.click()
    settle(window, qtbot)
    assert window._library.catalog.answers.counts().usable == 0
    assert "No answers so far" in words(view)
    assert not page.forget_button.isEnabled() and not page.export_button.isEnabled()


def test_forgetting_is_asked_in_sight_and_enter_keeps_the_answers(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    give_answers(window, CATS)
    window.resize(900, 640)
    view = open_wizard(window, qtbot)
    page = window.teach.start_page
    table = window.feed.snapshot.photos.table
    paths = [str(window._library.catalog.photo(int(photo_id)).path) for photo_id in table.ids[:2]]
    file = tmp_path / "answers.csv"
    missing = [f"/nowhere/{number}.jpg,{paths[0]},{paths[1]}" for number in range(30)]
    file.write_text("\n".join(["anchor,positive,negative", *missing]))
    window.teach.exchange.read(file)
    settle(window, qtbot)
    assert page.said_list.isVisible()
    page.forget_button.click()

    def in_sight() -> bool:
        return all(
            not widget.visibleRegion().isEmpty() and widget.visibleRegion().boundingRect() == widget.rect()
            for widget in (page.question.accept_button, page.question.reject_button)
        )

    qtbot.waitUntil(in_sight, timeout=WAIT)
    assert page.question.reject_button.hasFocus()
    assert page.question.accept_button.property("role") != "primary"
    press(window, Qt.Key.Key_Return)
    settle(window, qtbot)
    assert window._library.catalog.answers.counts().usable == 3
    assert not page.question.isVisible()
    page.forget_button.click()
    page.question.accept_button.click()
    settle(window, qtbot)
    assert not page.said_list.isVisible() and not page.said.isVisible()
    assert view.page == START


def test_answers_go_to_a_file_and_come_back(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    give_answers(window, CATS)
    view = open_wizard(window, qtbot)
    page = window.teach.start_page
    file = tmp_path / "my answers.csv"
    page.export_button.click()
    (dialog,) = view.findChildren(QFileDialog)
    assert dialog.acceptMode() == QFileDialog.AcceptMode.AcceptSave
    dialog.filesSelected.emit([str(file)])
    dialog.close()
    settle(window, qtbot)
    assert f"3 answers were written to {file}." in page.said.text()
    window._library.catalog.answers.clear()
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines, lines[1], "/nowhere/a.jpg,/nowhere/b.jpg," + lines[1].split(",")[2]]))
    window.teach.exchange.read(file)
    settle(window, qtbot)
    assert "3 answers of my answers.csv were added." in page.said.text()
    assert "line 6: there is no such file: /nowhere/a.jpg" in page.said_list.toPlainText()
    assert page.said_list.isVisible()
    assert "3 answers so far" in words(view)
    window.teach.exchange.read(file)
    settle(window, qtbot)
    assert "0 answers of my answers.csv were added. 3 were there already." in page.said.text()


def test_a_long_file_of_unknown_photos_keeps_nobody_waiting(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    view = open_wizard(window, qtbot)
    page, catalog = window.teach.start_page, window._library.catalog
    a, b, c, *_ = window.feed.snapshot.photos.table.hashes
    file = tmp_path / "long.csv"
    rows = "".join(f"x{number}.jpg,y{number}.jpg,z{number}.jpg\n" for number in range(30_000))
    file.write_text("anchor,positive,negative\n" + rows)
    window.teach.exchange.read(file)
    saved: list[str] = []
    window.tasks.run(
        lambda: catalog.answers.add(a, b, c, source="question"),
        lambda _: saved.append(page.said.text()),
        pool=SAVING,
    )
    qtbot.waitUntil(lambda: bool(saved), timeout=WAIT)
    assert saved == ["Reading long.csv…"]
    settle(window, qtbot)
    assert "0 answers of long.csv were added. What was left out" in page.said.text()
    lines = page.said_list.toPlainText().splitlines()
    assert lines[0] == "line 2: there is no such file: x0.jpg"
    assert len(lines) == 201
    assert lines[-1] == f"and {view.locale().toString(90_000 - 200)} more"


def test_a_file_that_is_none_is_refused_in_words(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    open_wizard(window, qtbot)
    file = tmp_path / "other.csv"
    file.write_text("a;b;c\n1;2;3\n")
    window.teach.exchange.read(file)
    settle(window, qtbot)
    assert "semicolons" in window.teach.start_page.said.text()


def test_enough_answers_can_be_trained_on_from_the_first_page(window: MainWindow, qtbot: QtBot) -> None:
    view = open_wizard(window, qtbot)
    page = window.teach.start_page
    assert not page.train_button.isVisible()
    table = window.feed.snapshot.photos.table
    first, *others = table.hashes
    window._library.catalog.answers.add_many(
        [(first, one, other) for one in others for other in others if one < other][:20], "file"
    )
    press(window, Qt.Key.Key_Escape)
    open_wizard(window, qtbot)
    assert view is view_of(window)
    assert page.train_button.isVisible() and page.train_button.isEnabled()


@pytest.mark.parametrize("size", [(900, 640), (1920, 1200)])
def test_nothing_is_cut_off_in_small_and_large_windows(
    window: MainWindow, qtbot: QtBot, size: tuple[int, int]
) -> None:
    give_answers(window, [*CATS, ("chelsea.png", "moon.png", "astronaut.png")])
    window.resize(*size)
    view = open_wizard(window, qtbot)
    assert view.size() == window._parts.size()
    for _ in range(2):
        for label in view.findChildren(QLabel):
            if label.isVisible() and label.wordWrap():
                assert label.height() >= label.heightForWidth(label.width()), label.text()
        for button in view.findChildren(type(view.close_button)):
            if button.isVisible():
                assert button.width() >= button.minimumSizeHint().width(), button.text()
                assert view.rect().contains(button.mapTo(view, button.rect().center())), button.text()
        if view.page == START:
            window.teach.start_page.begin_button.click()
            asked = next_question(window, qtbot)
            assert len(set(hashes(asked))) == 3
    assert view.page == ANSWER
    assert "2 contradict each other" in window.teach.answer_page.meter.text
