"""Questions are answered by the keyboard or the mouse, saved at once, taken back, and never lost."""

from __future__ import annotations

import sqlite3
import statistics
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from photosim.catalog import Catalog
from photosim.gui.teach.asking import STOCK
from photosim.gui.teach.view import ANSWER, START, TRAIN
from photosim.gui.window import MainWindow
from photosim.paths import Folders
from tests.gui.teach.wizard import begin, hashes, next_question, open_wizard, press, view_of, words
from tests.gui.windows import WAIT, OpenWindow, id_of, settle

pytestmark = pytest.mark.timeout(120)

LEFT, RIGHT, DOWN, UP = Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Up


def test_arrows_answer_and_every_answer_is_saved_at_once(window: MainWindow, qtbot: QtBot) -> None:
    asked = [begin(window, qtbot)]
    for key in (LEFT, RIGHT, DOWN):
        press(window, key)
        asked.append(next_question(window, qtbot))
    first, second, third = window._library.catalog.answers.all()
    anchor, left, right = hashes(asked[0])
    assert first.triplet == (anchor, left, right) and not first.neither
    anchor, left, right = hashes(asked[1])
    assert second.triplet == (anchor, right, left) and not second.neither
    assert (
        third.neither and set(third.triplet) == set(hashes(asked[2])) and third.anchor == hashes(asked[2])[0]
    )
    assert all(answer.source == "question" for answer in (first, second, third))
    assert window.teach.answer_page.meter.text == "2 answers · 18 more and training can begin"


def test_a_question_shows_three_different_photos_and_comes_once(window: MainWindow, qtbot: QtBot) -> None:
    seen = set()
    asked = begin(window, qtbot)
    for _ in range(12):
        anchor, *pair = hashes(asked)
        assert len({anchor, *pair}) == 3
        assert (anchor, frozenset(pair)) not in seen
        seen.add((anchor, frozenset(pair)))
        page = window.teach.answer_page
        assert not any(frame.image.isNull() for frame in (page.anchor, page.left, page.right))
        press(window, RIGHT)
        asked = next_question(window, qtbot)


def test_no_focus_swallows_the_arrows(window: MainWindow, qtbot: QtBot) -> None:
    asked = begin(window, qtbot)
    visited = set()
    for number in range(1, 9):
        press(window, Qt.Key.Key_Tab)
        visited.add(QApplication.focusWidget())
        press(window, LEFT if number % 2 else RIGHT)
        settle(window, qtbot)
        assert window._library.catalog.answers.counts().usable == number
        asked = next_question(window, qtbot)
    assert asked is not None
    assert {button.text() for button in visited if isinstance(button, QPushButton)} >= {
        "Close",
        "This one ←",
        "This one →",
        "Neither ↓",
        "Undo ↑",
        "Later",
    }


def test_the_space_bar_presses_what_has_the_focus(window: MainWindow, qtbot: QtBot) -> None:
    asked = begin(window, qtbot)
    window.teach.answer_page.right_button.setFocus()
    press(window, Qt.Key.Key_Space)
    settle(window, qtbot)
    anchor, left, right = hashes(asked)
    assert window._library.catalog.answers.all()[0].triplet == (anchor, right, left)


def test_a_click_on_a_photo_answers_once_even_if_it_is_a_double_click(
    window: MainWindow, qtbot: QtBot
) -> None:
    asked = begin(window, qtbot)
    page = window.teach.answer_page
    left = Qt.MouseButton.LeftButton
    for target in (page.right, page.left_button):
        QTest.mouseClick(target, left)
        QTest.mouseDClick(target, left)
        settle(window, qtbot)
    first, second = window._library.catalog.answers.all()
    anchor, one, other = hashes(asked)
    assert first.triplet == (anchor, other, one)
    assert second.triplet != first.triplet
    QTest.mouseClick(page.anchor, left)
    QTest.mouseClick(page.left, left, pos=QPoint(1, 1))  # beside the photo
    settle(window, qtbot)
    assert len(window._library.catalog.answers.all()) == 2


def test_undo_takes_the_answer_back_and_asks_again(window: MainWindow, qtbot: QtBot) -> None:
    first = begin(window, qtbot)
    press(window, LEFT)
    second = next_question(window, qtbot)
    press(window, RIGHT)
    third = next_question(window, qtbot)
    press(window, UP)
    assert next_question(window, qtbot) is second
    assert [answer.anchor for answer in window._library.catalog.answers.all()] == [hashes(first)[0]]
    press(window, UP)
    assert next_question(window, qtbot) is first
    assert window._library.catalog.answers.all() == []
    press(window, LEFT)
    assert next_question(window, qtbot) is second
    press(window, DOWN)
    assert next_question(window, qtbot) is third
    assert len(window._library.catalog.answers.all()) == 2


def test_undo_reaches_the_answers_of_an_earlier_day(
    open_window: OpenWindow, library_folders: Folders, qtbot: QtBot
) -> None:
    window = open_window(library_folders)
    settle(window, qtbot)
    asked = begin(window, qtbot)
    press(window, RIGHT)
    settle(window, qtbot)
    window.close()
    again = open_window(library_folders)
    settle(again, qtbot)
    now = begin(again, qtbot)
    assert hashes(now) != hashes(asked)
    press(again, UP)
    qtbot.waitUntil(lambda: again.teach.asking.current is not now, timeout=WAIT)
    back = next_question(again, qtbot)
    assert hashes(back)[0] == hashes(asked)[0] and set(hashes(back)) == set(hashes(asked))
    assert again._library.catalog.answers.all() == []
    press(again, UP)
    settle(again, qtbot)
    assert again.teach.asking.current is back  # there is no further one


def test_undo_is_offered_only_where_there_is_an_answer_to_a_question(
    window: MainWindow, qtbot: QtBot
) -> None:
    first, second, third = window.feed.snapshot.photos.table.hashes[:3]
    window._library.catalog.answers.add_many([(first, second, third)], "file")
    begin(window, qtbot)
    page = window.teach.answer_page
    assert page.meter.text.startswith("1 answer") and not page.undo_button.isEnabled()
    press(window, UP)
    settle(window, qtbot)
    assert view_of(window).message.text() == ""
    press(window, LEFT)
    assert page.undo_button.isEnabled()
    settle(window, qtbot)
    press(window, UP)
    settle(window, qtbot)
    assert not page.undo_button.isEnabled()
    assert window._library.catalog.answers.counts().usable == 1


def test_the_keyboard_goes_from_the_answers_to_the_footer_and_close(window: MainWindow, qtbot: QtBot) -> None:
    begin(window, qtbot)
    press(window, LEFT)
    settle(window, qtbot)
    page, view = window.teach.answer_page, view_of(window)
    page.train_button.setEnabled(True)
    order = [page.left_button, page.right_button, page.neither_button, page.undo_button]
    order += [page.later_button, page.train_button, page.advanced, view.close_button, page.left_button]
    for button in order:
        press(window, Qt.Key.Key_Tab)
        assert QApplication.focusWidget() is button


def test_a_training_that_is_cancelled_leads_back_here_and_says_so(window: MainWindow, qtbot: QtBot) -> None:
    begin(window, qtbot)
    view = view_of(window)
    view.show_page(TRAIN)
    window.teach.train_page.cancel_button.click()
    settle(window, qtbot)
    assert view.page == ANSWER
    assert view.message.text() == "The training was stopped; your answers are kept."
    press(window, LEFT)
    assert view.message.text() == ""


def test_a_window_closed_in_the_middle_of_answering_has_lost_nothing(
    open_window: OpenWindow, library_folders: Folders, qtbot: QtBot
) -> None:
    window = open_window(library_folders)
    settle(window, qtbot)
    begin(window, qtbot)
    given = 1 + STOCK
    for _ in range(given):
        press(window, LEFT)
    window.close()  # before anything has come back from the threads
    catalog = Catalog(library_folders.catalog)
    try:
        assert catalog.answers.counts().usable == given
    finally:
        catalog.close()


def test_answers_given_faster_than_questions_come_are_all_to_what_was_shown(
    window: MainWindow, qtbot: QtBot
) -> None:
    begin(window, qtbot)
    for _ in range(20):
        press(window, LEFT)
    settle(window, qtbot)
    # Keys pressed while nothing was shown answer nothing.
    assert len(window._library.catalog.answers.all()) == 1 + STOCK
    next_question(window, qtbot)


def test_an_answer_that_cannot_be_saved_is_said_and_asked_again(window: MainWindow, qtbot: QtBot) -> None:
    asked = begin(window, qtbot)
    database = window._library.catalog._database
    with database.writing() as connection:  # an answer that takes more room than there is
        connection.execute("CREATE TABLE heavy (load BLOB)")
        connection.execute(
            "CREATE TRIGGER load BEFORE INSERT ON answers BEGIN"
            " INSERT INTO heavy VALUES (zeroblob(1000000)); END"
        )
    with ExitStack() as lent:  # more connections than will be needed at a time: all of them meet the limit
        for _ in range(8):
            lent.enter_context(database.reading())
    (pages,) = database._idle[0].execute("PRAGMA page_count").fetchone()
    for connection in database._idle:  # SQLite's own way to a full disk
        connection.execute(f"PRAGMA max_page_count = {pages + 5}")
    press(window, LEFT)
    settle(window, qtbot)
    assert next_question(window, qtbot) is asked
    assert "could not be saved" in view_of(window).message.text()
    assert "disk is full" in view_of(window).message.text()
    for connection in database._idle:
        connection.execute("PRAGMA max_page_count = 1000000")
    press(window, LEFT)
    settle(window, qtbot)
    assert view_of(window).message.text() == ""
    assert window._library.catalog.answers.all()[0].triplet == hashes(asked)


def test_the_next_question_is_there_within_a_tenth_of_a_second(window: MainWindow, qtbot: QtBot) -> None:
    """From the key to the next photos painted, sharp, on a machine that may have other things to do."""
    window.resize(1600, 1000)
    asked = begin(window, qtbot)
    page = window.teach.answer_page
    took = []
    for _ in range(9):
        qtbot.waitUntil(lambda: window.teach.asking.ready == STOCK, timeout=WAIT)
        begun = time.perf_counter()
        press(window, LEFT)
        page.repaint()
        took.append(time.perf_counter() - begun)
        now = window.teach.asking.current
        assert now is not None and now is not asked
        for frame, side in zip((page.anchor, page.left, page.right), now.sides(), strict=True):
            assert frame.toolTip() == side.name
            assert max(frame.image.width(), frame.image.height()) >= min(longest(side.size), 400)
        asked = now
        settle(window, qtbot)
    assert statistics.median(took) < 0.1, took


def longest(size: QSize) -> int:
    return max(size.width(), size.height())


def test_photos_of_an_unplugged_drive_are_asked_about_by_their_thumbnails(
    window: MainWindow, library_folders: Folders, qtbot: QtBot
) -> None:
    outside = sqlite3.connect(library_folders.catalog)
    outside.execute("UPDATE folders SET online = 0")
    outside.commit()
    outside.close()
    asked = begin(window, qtbot)
    page = window.teach.answer_page
    assert [side.path for side in asked.sides()] == ["", "", ""]
    assert max(page.anchor.image.width(), page.anchor.image.height()) <= 384
    assert page.anchor._badge == "offline"


def test_a_file_that_has_gone_is_shown_by_its_thumbnail(
    window: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    hidden = photos.with_name("hidden away")
    photos.rename(hidden)
    try:
        begin(window, qtbot)
        page = window.teach.answer_page
        assert not page.anchor.image.isNull()
        assert max(page.anchor.image.width(), page.anchor.image.height()) <= 384
        press(window, LEFT)
        settle(window, qtbot)
        assert window._library.catalog.answers.counts().usable == 1
    finally:
        hidden.rename(photos)


def test_an_emptied_cache_is_filled_again_for_what_is_asked(
    window: MainWindow, library_folders: Folders, qtbot: QtBot
) -> None:
    outside = sqlite3.connect(library_folders.thumbnails)
    outside.execute("DELETE FROM thumbnails")
    outside.commit()
    outside.close()
    asked = begin(window, qtbot)
    assert all(not side.thumbnail.isNull() for side in asked.sides())


def test_escape_leaves_and_the_next_time_goes_on(window: MainWindow, qtbot: QtBot) -> None:
    begin(window, qtbot)
    press(window, LEFT)
    settle(window, qtbot)
    window.grid.setFocus()
    view_of(window).setFocus()
    press(window, Qt.Key.Key_Escape)
    assert not view_of(window).isVisible()
    view = open_wizard(window, qtbot)
    assert view.page == START
    assert "1 answer so far" in words(view).lower()
    assert window.teach.start_page.begin_button.text() == "Go on answering"
    press(window, Qt.Key.Key_Return)
    assert view.page == ANSWER
    next_question(window, qtbot)
    window.teach.answer_page.later_button.click()
    assert not view.isVisible()


def test_the_window_below_does_not_act_on_keys(window: MainWindow, qtbot: QtBot) -> None:
    begin(window, qtbot)
    shown = not window.inspector.isHidden()
    control = Qt.KeyboardModifier.ControlModifier
    window.grid.clearSelection()
    press(window, Qt.Key.Key_I, control)
    press(window, Qt.Key.Key_A, control)
    press(window, Qt.Key.Key_F5)
    assert (not window.inspector.isHidden()) == shown
    assert window.grid.selected_ids() == []
    assert not window.scans.running


def test_a_dropped_photo_is_turned_away(window: MainWindow, photos: Path, qtbot: QtBot) -> None:
    from tests.gui.windows import drop, mime

    begin(window, qtbot)
    drop(window, mime(photos / "things" / "coffee.png"), view_of(window))
    settle(window, qtbot)
    assert window.navigator.query is None or view_of(window).is_open


def test_an_untouched_window_has_no_teaching_view(window: MainWindow) -> None:
    """It is made when it is first opened: a start does not pay for it."""
    assert window.teach.view is None


def test_when_all_has_been_asked_it_says_so_and_offers_other_photos(window: MainWindow, qtbot: QtBot) -> None:
    things = [id_of(window, name) for name in ("coffee.png", "coins.png", "moon.png")]
    view = open_wizard(window, qtbot)
    view.show_page(ANSWER)
    window.teach.asking.begin(lambda: np.array(things, np.int64))
    page = window.teach.answer_page
    for _ in range(3):  # each of the three can be the anchor once
        qtbot.waitUntil(lambda: window.teach.asking.current is not None, timeout=WAIT)
        press(window, LEFT)
        settle(window, qtbot)
    qtbot.waitUntil(page.start_button.isVisible, timeout=WAIT)
    assert "Every question about these photos has been asked" in words(view)
    press(window, UP)
    qtbot.waitUntil(lambda: window.teach.asking.current is not None, timeout=WAIT)
    press(window, RIGHT)
    qtbot.waitUntil(page.start_button.isVisible, timeout=WAIT)
    settle(window, qtbot)
    assert window._library.catalog.answers.counts().usable == 3
    page.start_button.click()
    assert view.page == START
    settle(window, qtbot)
