"""The view that says why a result matches: its words are sums that come out right, and its keys work."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from PySide6.QtCore import QLocale, QSize, Qt
from PySide6.QtGui import QColor, QImage, QShortcut
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from photosim.gui.pair_canvas import QUERY, RESULT, WHOLE, Points
from photosim.gui.why_view import Shown, WhyView, rounded_terms
from photosim.search.explanation import Explanation, Split

HOT = np.full((4, 4), 0.01, np.float32)
HOT[1, 1] = 0.25
KIND = Split(HOT * 2, 0.0, 0.1)
THING = Split(HOT * 0.5, 0.3, -0.2)
EXPLAINED = Explanation(Split(HOT, 0.15, -0.05), (KIND, THING))


@dataclass
class Told:
    closed: int = 0
    steps: list[int] = field(default_factory=list)
    queries: list[int] = field(default_factory=list)
    regions: list[tuple[int, tuple[float, ...]]] = field(default_factory=list)
    points: int = 0

    def close(self) -> None:
        self.closed += 1

    def want_points(self) -> None:
        self.points += 1


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    window = QWidget()
    window.resize(1100, 700)
    qtbot.addWidget(window)
    line = QLineEdit(window)
    line.setObjectName("line")
    window.show()
    window.activateWindow()
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    return window


@pytest.fixture
def view(window: QWidget) -> WhyView:
    view = WhyView(window)
    view.setLocale(QLocale("en_GB"))
    return view


@pytest.fixture
def told(view: WhyView) -> Told:
    told = Told()
    view.closed.connect(told.close)
    view.step.connect(told.steps.append)
    view.query_step.connect(told.queries.append)
    view.region_chosen.connect(lambda side, region: told.regions.append((side, region)))
    view.points_wanted.connect(told.want_points)
    return told


def shown(name: str, **about: object) -> Shown:
    image = QImage(QSize(300, 200), QImage.Format.Format_RGB32)
    image.fill(QColor("teal"))
    return Shown(name, image, QSize(3000, 2000), **about)


def open_pair(view: WhyView, both: bool = True, number: int = 0, count: int = 1, **about: object) -> None:
    weights = (0.25, 0.75) if both else (1.0, 0.0)
    view.show_pair(shown("query.jpg"), shown("result.jpg", **about), 0.5, weights, both, number, count)


def words(view: WhyView) -> str:
    return "\n".join(label.text() for label in view.findChildren(QLabel) if label.isVisible())


def button(view: WhyView, text: str) -> QPushButton:
    return next(found for found in view.findChildren(QPushButton) if found.text() == text)


def test_it_fills_the_window_and_says_at_once_what_is_known(view: WhyView, window: QWidget) -> None:
    assert not view.is_open
    open_pair(view)
    assert view.geometry() == window.rect()
    for text in ("query.jpg", "result.jpg", "Similarity 0.50", "Looking at the photo…"):
        assert text in words(view)


def test_the_similarity_is_told_as_a_sum_in_the_terms_of_each_photo(view: WhyView) -> None:
    open_pair(view)
    view.set_explanation(RESULT, EXPLAINED, WHOLE)
    text = words(view)
    told = "0.50 = 0.40 from its places + 0.15 from its colours and layout − 0.05 from no place in particular"
    assert told in text
    assert text.count("Looking at the photo…") == 1
    view.set_explanation(QUERY, Explanation(Split(HOT, 0.1, 0.0), (None, None)), WHOLE)
    assert "0.50 = 0.40 from its places + 0.10 from its colours and layout\n" in words(view) + "\n"
    assert "Looking" not in words(view)


def test_the_terms_on_the_screen_add_up_to_the_total_on_the_screen() -> None:
    assert rounded_terms(0.158, (0.133, 0.025, 0.0)) == [0.13, 0.03, 0.0]
    figures = np.random.default_rng(5).uniform(-0.6, 0.6, (500, 3))
    for terms in figures.tolist():
        rounded = rounded_terms(sum(terms), terms)
        assert round(100 * sum(rounded)) == round(100 * sum(terms))
        assert max(abs(after - before) for after, before in zip(rounded, terms, strict=True)) < 0.0101


def test_the_focus_is_told_and_each_part_can_be_looked_at_by_itself(view: WhyView) -> None:
    open_pair(view)
    for side in (QUERY, RESULT):
        view.set_explanation(side, EXPLAINED, WHOLE)
    assert "Kind 0.90 counts 25 %, thing 0.30 counts 75 %." in words(view)
    as_ranked = view.canvas.heat(RESULT)
    button(view, "Kind").click()
    assert "Similarity in kind 0.90" in words(view)
    assert "0.90 = 0.80 from its places + 0.10 from no place in particular" in words(view)
    assert not np.array_equal(as_ranked, view.canvas.heat(RESULT))
    button(view, "Thing").click()
    assert "Similarity as a thing 0.30" in words(view)
    button(view, "As ranked").click()
    np.testing.assert_array_equal(as_ranked, view.canvas.heat(RESULT))


def test_a_model_of_one_part_offers_no_parts(view: WhyView) -> None:
    open_pair(view)
    button(view, "Thing").click()
    open_pair(view, both=False)
    view.set_explanation(RESULT, Explanation(EXPLAINED.total, (EXPLAINED.total, None)), WHOLE)
    assert not button(view, "Kind").isVisible()
    assert "Similarity 0.50" in words(view)
    assert view.canvas.heat(RESULT) is not None
    assert "counts" not in words(view)


def test_a_place_under_the_mark_tells_what_it_adds(view: WhyView, told: Told) -> None:
    open_pair(view)
    view.set_explanation(RESULT, EXPLAINED, WHOLE)
    assert view.canvas.hasFocus()
    QTest.keyClick(view.canvas, Qt.Key.Key_Down)
    assert "This place adds 0.25 to the similarity. Click, or press Enter" in words(view)
    assert "This place adds 0.25" in view.canvas.accessibleDescription()
    QTest.keyClick(view.canvas, Qt.Key.Key_Return)
    assert told.regions == [(RESULT, pytest.approx((0.25, 0.25, 0.25, 0.25)))]


def test_a_part_of_a_photo_out_of_reach_cannot_be_asked_for_and_it_says_so(view: WhyView, told: Told) -> None:
    open_pair(view, choosable=False)
    view.set_explanation(RESULT, EXPLAINED, WHOLE)
    QTest.keyClick(view.canvas, Qt.Key.Key_Down)
    QTest.keyClick(view.canvas, Qt.Key.Key_Return)
    assert told.regions == []
    assert "its file cannot be reached" in words(view)


def test_what_is_wrong_stands_below_the_photo_it_is_wrong_with(view: WhyView) -> None:
    open_pair(view)
    view.set_unexplained(QUERY, "It cannot be read: no longer there.")
    view.set_explanation(RESULT, EXPLAINED, WHOLE)
    view.set_note(RESULT, "heat", "Read from its thumbnail.")
    assert "It cannot be read: no longer there." in words(view)
    assert "0.50 = 0.40 from its places" in words(view)
    assert "Read from its thumbnail." in words(view)
    assert "Looking" not in words(view)
    assert view.canvas.heat(QUERY) is None
    open_pair(view)
    assert "no longer there" not in words(view)


def test_points_are_asked_for_once_and_when_they_are_wanted(view: WhyView, told: Told) -> None:
    open_pair(view)
    assert told.points == 0
    button(view, "Matching points").click()
    assert told.points == 1
    assert "Looking for points that both photos show…" in words(view)
    spots = np.full((12, 2), 0.5, np.float32)
    view.set_points(Points(spots, spots, np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)))
    assert "12 points of the query were found again in the result" in words(view)
    button(view, "Regions").click()
    assert "12 points" not in words(view)
    button(view, "Matching points").click()
    assert told.points == 1
    open_pair(view)  # another pair, the same wish
    assert told.points == 2
    view.set_no_points("No points of the query were found again in the result.")
    assert "No points of the query were found again in the result." in words(view)


def test_the_words_tell_of_the_frame_that_is_drawn_and_of_no_other(view: WhyView) -> None:
    open_pair(view)
    button(view, "Matching points").click()
    spots = np.full((12, 2), 0.5, np.float32)
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    view.set_points(Points(spots, spots, unit))
    assert "the frame shows where it lies there" in words(view)
    view.set_points(Points(spots, spots, unit * 4 - 1))
    assert "the frame shows which part of the query it is" in words(view)
    view.set_points(Points(spots, spots, unit + 9))
    assert "12 points of the query were found again in the result" in words(view)
    assert "frame" not in words(view)


def test_escape_closes_wherever_the_keyboard_is_and_gives_it_back(
    view: WhyView, window: QWidget, told: Told
) -> None:
    line = window.findChild(QLineEdit, "line")
    assert line is not None
    shortcut = QShortcut(Qt.Key.Key_Escape, window)
    others: list[int] = []
    shortcut.activated.connect(lambda: others.append(1))
    for widget in (view.canvas, button(view, "Kind")):
        open_pair(view)
        widget.setFocus()
        QTest.keyClick(widget, Qt.Key.Key_Escape)
        assert not view.is_open
        assert line.hasFocus()
    assert told.closed == 2
    assert others == []


def test_page_keys_ask_for_other_results(view: WhyView, told: Told) -> None:
    open_pair(view)
    QTest.keyClick(view.canvas, Qt.Key.Key_PageDown)
    QTest.keyClick(view.canvas, Qt.Key.Key_PageUp)
    assert told.steps == [1, -1]
    assert view.is_open


def test_a_query_of_several_photos_can_be_gone_through(view: WhyView, told: Told) -> None:
    open_pair(view)
    assert not button(view, "›").isVisible()
    open_pair(view, number=1, count=3)
    assert "2 of 3" in words(view)
    button(view, "›").click()
    button(view, "‹").click()
    assert told.queries == [1, -1]
    assert button(view, "›").accessibleName() == "The next photo of the query"


def test_tab_stays_within_the_view(view: WhyView, window: QWidget) -> None:
    open_pair(view)
    line = window.findChild(QLineEdit, "line")
    passed = set()
    for _ in range(12):
        QTest.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
        passed.add(window.focusWidget())
    assert line not in passed
    assert {view.canvas, button(view, "Close"), button(view, "Regions")} <= passed


def test_it_follows_the_window(view: WhyView, window: QWidget, qtbot: QtBot) -> None:
    open_pair(view)
    window.resize(900, 600)
    qtbot.waitUntil(lambda: view.geometry() == window.rect())
