"""The page of a training: it says what goes on, how long it takes, and what to do where it fails."""

from __future__ import annotations

import math

import pytest
from PySide6.QtCore import QLocale
from pytestqt.qtbot import QtBot

from photosim.gui.teach.train_page import TrainPage, figure, time_left
from photosim.teaching.lesson import TuningProgress


@pytest.fixture
def page(qtbot: QtBot) -> TrainPage:
    page = TrainPage()
    page.setLocale(QLocale("en_GB"))
    qtbot.addWidget(page)
    page.resize(1000, 600)
    page.show()
    return page


def progress(
    phase: str, step: int, seconds: float, left: float | None = 9.0, **more: float
) -> TuningProgress:
    about = {"loss": 0.1, "accuracy": None, "steps": 100} | more
    return TuningProgress(phase=phase, step=step, seconds=seconds, seconds_left=left, **about)  # type: ignore[arg-type]


def test_it_says_what_goes_on(page: TrainPage) -> None:
    page.begin(1048, trunk=False)
    assert page.words[0] == "Getting your answers ready…"
    page.show_progress(progress("choosing", 1, 0.1))
    assert page.words[0] == "Finding how strongly to learn…"
    page.show_progress(progress("training", 1, 3.0))
    assert page.words[0] == "Learning from 1,048 answers…"
    assert "longer" not in page.words[1]
    page.show_comparing()
    assert page.words == (
        "Trying what was learned…",
        "The answers kept back, which it has not learned from, are looked at now.",
        "",
    )


def test_training_how_photos_are_seen_is_said_to_take_longer(page: TrainPage) -> None:
    page.begin(48, trunk=True)
    page.show_progress(progress("training", 1, 3.0))
    assert "takes longer" in page.words[1]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.5, "almost done"),
        (7.2, "about 8 s left"),
        (41, "about 45 s left"),
        (80, "about 1 min left"),
        (1500, "about 25 min left"),
        (9000, "about 2.5 h left"),
    ],
)
def test_the_time_left_is_no_more_exact_than_an_estimate_is(
    page: TrainPage, seconds: float, words: str
) -> None:
    assert time_left(seconds, page) == words
    page.show_progress(progress("training", 1, 1.0, seconds))
    assert page.words[2] == words


def test_the_bar_never_goes_back(page: TrainPage) -> None:
    page.begin(48, trunk=False)
    seen = []
    for seconds, left in ((1.0, 9.0), (5.0, 5.0), (6.0, 14.0), (15.0, 5.0)):
        page.show_progress(progress("choosing", 1, seconds, left))
        seen.append(page._bar.value())
    assert seen == [100, 500, 500, 750]


def test_without_an_estimate_the_steps_are_shown(page: TrainPage) -> None:
    page.show_progress(progress("training", 30, 1.0, None))
    assert (page._bar.value(), page._bar.maximum(), page.words[2]) == (30, 100, "")


def test_tries_are_dots_and_what_is_learned_is_a_line_of_its_own(page: TrainPage) -> None:
    page.begin(48, trunk=False)
    for step in (1, 2, 3):
        page.show_progress(progress("choosing", step, 1.0 * step, loss=0.4, accuracy=0.6 + step / 20))
    assert [ys for _, ys in page.accuracy.curve.pieces()] == [[0.65], [0.7], [0.75]]
    assert [ys for _, ys in page.loss.curve.pieces()] == [[0.4], [0.4], [0.4]]
    for step in (1, 2):
        page.show_progress(progress("training", step, 5.0, None, loss=0.5 / step, accuracy=0.75))
    assert [ys for _, ys in page.loss.curve.pieces()] == [[0.5, 0.25]]
    assert [len(ys) for _, ys in page.accuracy.curve.pieces()] == [1, 1, 1, 2]
    assert (page.accuracy.value_text, page.loss.value_text) == ("75 %", "0.25")


def test_with_the_trunk_every_stage_has_a_curve_of_its_own(page: TrainPage) -> None:
    """The embedding learns first, the photos are looked at, the trunk learns, with an estimate."""
    page.begin(48, trunk=True)
    for seconds, step in ((1.0, 10), (1.1, 150), (2.0, 10), (2.1, 150)):
        page.show_progress(progress("training", step, seconds, None, steps=150, loss=float(step)))
    assert page.loss.curve.ys == [10, 150] and page._bar.value() == page._bar.maximum() == 150
    page.show_progress(progress("reading", 295, 12.0, None, steps=295, loss=math.nan))
    for step in (1, 10):
        page.show_progress(progress("training", step, 20.0 + step, 180.0 - step, loss=2.0, accuracy=0.6))
    assert page.loss.curve.ys == [2.0, 2.0]
    assert (page._bar.value(), page._bar.maximum(), page.words[2]) == (150, 1000, "about 3 min left")


def test_the_short_end_that_no_estimate_tells_of_does_not_set_the_bar_back(page: TrainPage) -> None:
    page.begin(48, trunk=False)
    page.show_progress(progress("choosing", 9, 19.0, 1.0))
    page.show_progress(progress("training", 10, 19.5, None))
    assert (page._bar.value(), page.words[2]) == (950, "almost done")


def test_a_plot_without_a_figure_makes_room(page: TrainPage) -> None:
    page.begin(25, trunk=False)
    page.show_progress(progress("training", 1, 1.0))
    assert not page.accuracy.isVisible() and page.loss.isVisible()
    page.begin(80, trunk=False)
    assert not page.loss.isVisible() and not len(page.loss.curve)
    page.show_progress(progress("choosing", 1, 1.0))
    assert page.accuracy.isVisible() and page.loss.isVisible()


def test_reading_the_photos_for_a_trunk_has_no_figure_yet(page: TrainPage) -> None:
    page.begin(48, trunk=True)
    page.show_progress(progress("reading", 20, 1.0, None, loss=math.nan))
    assert "Looking closely" in page.words[0] and "takes longer" in page.words[1]
    assert not page.loss.isVisible() and (page._bar.value(), page._bar.maximum()) == (20, 100)


def test_a_failure_is_one_line_with_the_way_on(page: TrainPage, qtbot: QtBot) -> None:
    page.begin(48, trunk=False)
    assert page.first_focus() is page.cancel_button
    page.show_failure("12 answers so far: training begins at 20")
    assert page.failed
    assert page.words[:2] == ("No model came of it", "12 answers so far: training begins at 20.")
    page.show_failure("the answers that it left out are ranked no better by it")
    assert page.words[1] == "The answers that it left out are ranked no better by it."
    assert not page.loss.isVisible() and not page.cancel_button.isVisible()
    assert page.first_focus() is page.back_button
    with qtbot.waitSignal(page.back_requested):
        page.back_button.click()
    page.begin(48, trunk=False)
    assert not page.failed and page.cancel_button.isVisible() and not page.back_button.isVisible()


def test_a_loss_is_written_as_people_write_numbers() -> None:
    written = [figure(value) for value in (0, 0.000077, 0.004, 0.017, 0.223, 1.5)]
    assert written == ["0", "0.000", "0.004", "0.017", "0.22", "1.5"]


def test_cancel_can_be_pressed_once(page: TrainPage, qtbot: QtBot) -> None:
    page.begin(48, trunk=False)
    with qtbot.waitSignal(page.cancel_requested):
        page.cancel_button.click()
    assert not page.cancel_button.isEnabled()
    page.begin(48, trunk=False)
    assert page.cancel_button.isEnabled()


def test_a_training_of_the_trunk_is_not_left_unasked(page: TrainPage, qtbot: QtBot) -> None:
    page.begin(48, trunk=True)
    assert not page.may_leave()
    assert page.question.isVisible() and "still running" in page.question.text
    assert page.focusWidget() is page.question.reject_button
    assert not page.may_leave()  # Escape again is no yes
    assert not page.question.isVisible() and page.cancel_button.hasFocus()
    page.may_leave()
    page.question.reject_button.click()
    assert not page.question.isVisible() and page.cancel_button.hasFocus()
    page.may_leave()
    with qtbot.waitSignal(page.stop_requested):
        page.question.accept_button.click()


def test_what_takes_a_minute_or_has_ended_is_left_at_once(page: TrainPage) -> None:
    page.begin(48, trunk=False)
    assert page.may_leave()
    page.begin(48, trunk=True)
    page.may_leave()
    page.show_failure("the training diverged")
    assert page.may_leave() and not page.question.isVisible()


def test_thumbnails_that_are_made_anew_are_counted(page: TrainPage) -> None:
    page.begin(0, trunk=True)
    page.show_preparing(30, 1200)
    assert "made anew: 30 of 1,200" in page.words[1]
    assert (page._bar.value(), page._bar.maximum()) == (30, 1200)
