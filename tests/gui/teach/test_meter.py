"""The meter says in plain words what so many answers are good for."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from photosim.catalog.answers import AnswerCounts
from photosim.gui.teach.meter import Meter, can_train, meter_text, meter_tip


def counts(usable: int, **others: int) -> AnswerCounts:
    return AnswerCounts(
        **{"usable": usable, "neither": 0, "kept_back": 0, "contradicting": 0, "gone": 0, **others}
    )


@pytest.mark.parametrize(
    ("usable", "text"),
    [
        (0, "No answers yet · training can begin at 20"),
        (1, "1 answer · 19 more and training can begin"),
        (12, "12 answers · 8 more and training can begin"),
        (20, "20 answers · enough to train, better from 60"),
        (34, "34 answers · enough to train, better from 60"),
        (60, "60 answers · a good number; more still help"),
    ],
)
def test_the_words_follow_the_number(usable: int, text: str) -> None:
    assert meter_text(counts(usable)) == text


def test_training_begins_at_twenty_usable_answers() -> None:
    assert not can_train(counts(19, neither=30, gone=5))
    assert can_train(counts(20))


def test_contradictions_are_said_and_explained() -> None:
    found = counts(34, contradicting=4, neither=3, kept_back=7, gone=2)
    assert meter_text(found).endswith("· 4 contradict each other")
    tip = meter_tip(found)
    assert "4 say the opposite of one another" in tip
    assert "3 “neither”" in tip
    assert "7 of them are kept back" in tip
    assert "2 about photos that are no longer in the library" in tip


@pytest.mark.parametrize("width", [380, 900])
def test_no_word_is_cut_off_in_little_room(width: int, qtbot: QtBot) -> None:
    meter = Meter()
    qtbot.addWidget(meter)
    meter.resize(width, 30)
    meter.show()
    for usable in (5, 45, 70, 1234):
        meter.show_counts(counts(usable, contradicting=2))
        qtbot.wait(1)
        assert meter._words.text() == meter._words.full_text
        assert "2 contradict" in meter._words.text()
        assert meter.text in (meter._words.full_text, meter._words.toolTip().split("\n")[0])
    assert (meter._words.full_text == meter.text) == (width == 900)


def test_the_bar_is_full_at_a_good_number(qtbot: QtBot) -> None:
    meter = Meter()
    qtbot.addWidget(meter)
    for usable, filled in ((0, 0.0), (30, 0.5), (60, 1.0), (500, 1.0)):
        meter.show_counts(counts(usable))
        assert meter.filled == pytest.approx(filled)
