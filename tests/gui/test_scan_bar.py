"""The bar at the bottom says how far the scan is, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QLocale, Qt
from pytestqt.qtbot import QtBot

from photosim.gui.scan_bar import ScanBar
from photosim.scan.scanner import ScanProgress, ScanSummary

READING = ScanProgress(
    "reading",
    done=4731,
    total=12408,
    failed=7,
    photos_per_second=46.2,
    seconds_left=166,
    expected_bytes=297_000_000,
    device="CPU, 2 threads",
)


@pytest.fixture
def bar(qtbot: QtBot) -> ScanBar:
    bar = ScanBar()
    qtbot.addWidget(bar)
    bar.setLocale(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))
    bar.resize(1300, 34)
    bar.show()
    return bar


def test_a_scan_says_how_far_how_fast_and_how_long(bar: ScanBar) -> None:
    bar.show_progress(READING, wanted=False)
    assert bar.scan_text() == (
        "4,731 of 12,408 · 46 photos/s · 3 min left · the library will take about 297 MB"
    )
    assert (bar.progress.value(), bar.progress.maximum()) == (4731, 12408)
    assert bar.device_button.text() == "CPU, 2 threads"


def test_a_scan_that_goes_on_begins_where_the_last_one_ended(bar: ScanBar) -> None:
    bar.show_progress(replace(READING, done=60, total=7492, known=448), wanted=True)
    assert bar.scan_text().startswith("508 of 7,940")
    assert (bar.progress.value(), bar.progress.maximum()) == (508, 7940)


def test_a_move_to_a_better_model_says_what_is_read_and_why(bar: ScanBar) -> None:
    moving = replace(READING, phase="moving", done=34, total=3800, known=1200, to="deepranking-v2")
    bar.show_progress(moving, wanted=False)
    assert bar.scan_text() == ("Reading photos for the new model: 1,234 of 5,000 · 46 photos/s · 3 min left")
    assert bar.pause_button.isVisible() and bar.cancel_button.isVisible()
    bar.show_progress(replace(moving, to=None), wanted=False)  # their drive is back
    assert bar.scan_text().startswith("Reading photos again: 1,234 of 5,000")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(20, "less than a minute left"), (61, "2 min left"), (7200, "2.0 h left")],
)
def test_the_time_left_reads_as_people_say_it(bar: ScanBar, seconds: float, words: str) -> None:
    bar.show_progress(replace(READING, seconds_left=seconds), wanted=True)
    assert words in bar.scan_text()


def test_a_check_that_finds_nothing_new_stays_quiet(bar: ScanBar) -> None:
    bar.show_progress(ScanProgress("walking"), wanted=False)
    bar.show_progress(ScanProgress("indexing"), wanted=False)
    assert bar.scan_text() == "" and not bar.progress.isVisible()


def test_a_scan_that_was_asked_for_shows_from_its_start(bar: ScanBar) -> None:
    bar.show_progress(ScanProgress("walking", total=1203), wanted=True)
    assert "1,203 new" in bar.scan_text()
    assert bar.cancel_button.isVisible() and not bar.pause_button.isVisible()


def test_pause_turns_into_resume_at_once(bar: ScanBar, qtbot: QtBot) -> None:
    bar.show_progress(READING, wanted=True)
    with qtbot.waitSignal(bar.pause_requested):
        qtbot.mouseClick(bar.pause_button, Qt.MouseButton.LeftButton)
    assert bar.pause_button.text() == "Resume"
    bar.show_progress(replace(READING, paused=True), wanted=True)
    assert "paused" in bar.scan_text() and "photos/s" not in bar.scan_text()
    with qtbot.waitSignal(bar.resume_requested):
        qtbot.mouseClick(bar.pause_button, Qt.MouseButton.LeftButton)
    assert bar.pause_button.text() == "Pause"


def test_the_end_of_a_scan_says_what_it_did(bar: ScanBar) -> None:
    bar.show_progress(READING, wanted=True)
    bar.scan_ended(ScanSummary(added=1200, moved=3, removed=1))
    assert bar.message == "1,200 photos new, 3 moved, 1 gone"
    assert bar.scan_text() == "" and not bar.cancel_button.isVisible()


def test_a_scan_without_news_says_nothing(bar: ScanBar) -> None:
    bar.scan_ended(ScanSummary(unchanged=5000))
    assert bar.message == ""


def test_a_cancelled_scan_says_that_nothing_is_lost(bar: ScanBar) -> None:
    bar.scan_ended(ScanSummary(added=40, finished=False))
    assert bar.message == "scan stopped, what was read is kept, 40 photos new"


def test_failures_are_counted_and_lead_to_their_list(bar: ScanBar, qtbot: QtBot) -> None:
    bar.set_failures(0)
    assert not bar.failures_button.isVisible()
    bar.set_failures(7)
    assert bar.failures_button.text() == "7 not readable"
    with qtbot.waitSignal(bar.failures_requested):
        qtbot.mouseClick(bar.failures_button, Qt.MouseButton.LeftButton)


def test_the_device_can_be_chosen_and_its_note_read(bar: ScanBar, qtbot: QtBot) -> None:
    bar.set_device("CPU", "the GPU ran out of memory")
    assert "the GPU ran out of memory" in bar.device_button.toolTip()
    bar.set_device_choice("cpu", gpu=False)
    assert bar.device_actions["cpu"].isChecked() and not bar.device_actions["gpu"].isEnabled()
    with qtbot.waitSignal(bar.device_chosen) as told:
        bar.device_actions["auto"].trigger()
    assert told.args == ["auto"]


def test_an_error_stays_longer_and_can_be_clicked_away(bar: ScanBar, qtbot: QtBot) -> None:
    bar.say("Copied a.jpg")
    short = bar._message_timer.interval()
    bar.say("/photos/a.jpg: not an image: choose another photo", error=True)
    assert bar._message_timer.interval() > 3 * short
    assert bar._message.toolTip() == bar.message
    qtbot.mouseClick(bar._message, Qt.MouseButton.LeftButton)
    assert bar.message == ""


def test_a_message_goes_by_itself(bar: ScanBar, qtbot: QtBot) -> None:
    bar.say("Copied a.jpg")
    bar._message_timer.start(30)
    qtbot.waitUntil(lambda: bar.message == "")


def test_a_line_can_be_taken_back_while_it_is_there(bar: ScanBar, qtbot: QtBot) -> None:
    taken_back: list[bool] = []
    bar.say("Kept as an answer too (1 so far)", on_undo=lambda: taken_back.append(True))
    assert bar.undo_button.isVisible()
    gap = bar.undo_button.x() - bar._message.geometry().right()
    assert 0 <= gap < 10  # right behind the line
    qtbot.mouseClick(bar.undo_button, Qt.MouseButton.LeftButton)
    assert taken_back == [True] and bar.message == "" and not bar.undo_button.isVisible()
    bar.say("Kept as an answer too (2 so far)", on_undo=lambda: taken_back.append(True))
    bar.say("Copied a.jpg")
    assert not bar.undo_button.isVisible()


def test_a_scan_asks_for_no_wider_window(bar: ScanBar) -> None:
    quiet = bar.minimumSizeHint().width()
    bar.show_progress(replace(READING, phase="moving", to="deepranking-v2"), wanted=True)
    bar.say("a line as long as the names of files can make it " * 10)
    assert quiet < bar.minimumSizeHint().width() < 640  # less than the columns above it need
    bar.resize(bar.minimumSizeHint().width(), 34)
    words = (bar._counted, bar._rate, bar._left, bar._space)
    assert all(label.toolTip().startswith(label.full_text) for label in words if label.isVisible())


def test_a_line_is_whole_where_there_is_room(bar: ScanBar, qtbot: QtBot) -> None:
    for line in (
        "photosim now ranks with Beach & sky",
        "Kept",
        "Exported Beach & sky to /home/ada/sky.photosim",
    ):
        bar.say(line)
        qtbot.waitUntil(lambda line=line: bar._message.text() == line.replace("&", "&&"))
