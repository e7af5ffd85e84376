"""The page of the comparison: honest words for every outcome, rankings side by side, and the model's name."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QLocale, QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from photosim.gui import style
from photosim.gui.teach.compare_page import ComparePage
from photosim.gui.teach.ranking_card import LEAST_WIDTH, arrange
from photosim.teaching.comparison import SHOWN, Comparison, RankingPair
from photosim.teaching.judging import judgement_of

PAIR = RankingPair(
    1, before=(2, 3, 4, 5, 6, 7, 8), after=(3, 9, 2, 4, 5, 6, 7), places=(2, 31, 1, 3, 4, 5, 6)
)


def comparison(before: str, after: str, unchanged: float | None = 0.98) -> Comparison:
    """Of kept-back answers ranked right (+) and wrong (-)."""
    judgement = judgement_of(*(np.array([sign == "+" for sign in signs], bool) for signs in (before, after)))
    return Comparison(judgement, (PAIR, PAIR, PAIR), unchanged)


BETTER = comparison("-" * 10 + "+" * 14, "+" * 19 + "-" * 2 + "+" * 3)


def fetch(photo: int) -> bytes | None:
    """Photo n is of one colour, (10 n, 0, 0)."""
    file = io.BytesIO()
    Image.new("RGB", (384, 288), (10 * photo, 0, 0)).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def page(qtbot: QtBot) -> Iterator[ComparePage]:
    page = ComparePage()
    page.setLocale(QLocale("en_GB"))
    qtbot.addWidget(page)
    page.use(fetch)
    page.resize(1360, 800)
    page.show()
    qtbot.waitExposed(page)
    yield page
    page.close_pictures()


def settle(page: ComparePage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not page.busy, timeout=10_000)
    qtbot.wait(50)


def test_the_figure_its_range_and_what_stays(page: ComparePage, qtbot: QtBot) -> None:
    page.show_comparison(BETTER, "My similar")
    assert page.words.splitlines() == [
        "22 of 24",
        "of the answers kept back for checking are now ranked your way; 14 of 24 before.",
        "With this many answers the true share most likely lies between 74 % and 98 %.",
        "The rest of your library stays as it was: of the ten photos nearest to another one, all stay.",
        "Framed in green are photos that came nearer to the top.",
    ]
    assert page.first_focus() is page.keep_button
    assert style.theme().good in page._figure.text()
    settle(page, qtbot)


@pytest.mark.parametrize(
    ("before", "after", "warning"),
    [
        ("+-+-+-", "++++--", "more than before, but that could still be chance"),
        ("+-+-+-", "-+-+-+", "nothing was gained. Answer more"),
        ("++++--", "+++---", "better not keep it. Answer more"),
        ("-+", "++", "So few answers say little"),
        ("++", "-+", "better not keep it"),
    ],
)
def test_an_outcome_that_is_not_clearly_good_is_said_plainly(
    page: ComparePage, qtbot: QtBot, before: str, after: str, warning: str
) -> None:
    page.show_comparison(comparison(before, after), "My similar")
    assert warning in page.words
    assert style.theme().good not in page._figure.text()  # green is for what is more than chance
    improved = after.count("+") > before.count("+")
    assert page.first_focus() is (page.keep_button if improved else page.more_button)
    assert page.more_button.property("role") == ("" if improved else "primary")
    settle(page, qtbot)


def test_without_kept_back_answers_there_is_no_figure(page: ComparePage, qtbot: QtBot) -> None:
    page.show_comparison(comparison("", "", None), "My similar")
    assert page.words.startswith("No answer was kept back for checking")
    for word in ("0 of 0", "lies between", "ten nearest"):
        assert word not in page.words
    settle(page, qtbot)


def test_other_photos_that_are_ranked_anew_are_owned_up_to(page: ComparePage, qtbot: QtBot) -> None:
    page.show_comparison(comparison("-+", "++", 0.54), "My similar")
    assert (
        "The rest of your library changes too: of the ten photos nearest to another one, about 5"
        in page.words
    )
    settle(page, qtbot)


@pytest.mark.parametrize("width", [400, 560, 660, 860, 1010, 1600])
def test_as_many_photos_as_can_be_told_apart_stand_side_by_side(width: int) -> None:
    places = arrange(width, 40, 15)
    before, after = places.rows
    assert len(before) == len(after) <= SHOWN
    assert len(before) == SHOWN or width < 1000
    assert before[-1].right() < width - 8
    assert before[0].width() >= LEAST_WIDTH or len(before) == 4
    assert not any(one.intersects(other) for one in before for other in after)
    assert not places.query.intersects(places.labels[0]) and not places.labels[0].intersects(before[0])
    assert places.query.height() == after[0].bottom() - before[0].top() + 1


def test_the_photos_are_in_their_places_and_the_risen_ones_are_framed(
    page: ComparePage, qtbot: QtBot
) -> None:
    page.show_comparison(BETTER, "My similar")
    settle(page, qtbot)
    card = page.cards[1]
    image = card.grab().toImage()
    places = card.places
    assert card.shown() == (PAIR.before, PAIR.after)

    def photo_at(point: QPoint) -> int:
        return round(image.pixelColor(point).red() / 10)

    assert photo_at(places.query.center()) == PAIR.query
    for row, photos in zip(places.rows, card.shown(), strict=True):
        assert tuple(photo_at(rect.center()) for rect in row) == photos
    good = style.theme().color("good").rgb()
    framed = [image.pixel(rect.left() + rect.width() // 2, rect.top() - 1) == good for rect in places.rows[1]]
    assert framed == [photo in {3, 9} for photo in PAIR.after]


def test_pointing_at_a_photo_tells_where_it_stood(page: ComparePage, qtbot: QtBot) -> None:
    page.show_comparison(BETTER, "My similar")
    settle(page, qtbot)
    card = page.cards[0]
    tips = [card.tip(rect.center()) for rect in card.places.rows[1][:3]]
    assert tips == ["number 1 now, 2 before", "number 2 now, 31 before", "number 3 now, 1 before"]
    assert card.tip(card.places.query.center()) == ""
    assert "2 of the 7 photos" in card.accessibleDescription()


def test_a_narrow_page_shows_fewer_photos_and_all_of_them_load(page: ComparePage, qtbot: QtBot) -> None:
    page.show_comparison(BETTER, "My similar")
    page.resize(900, 640)
    settle(page, qtbot)
    card = page.cards[0]
    assert 4 <= len(card.shown()[0]) < SHOWN
    assert all(card._pictures.photos.pixmap(photo) is not None for row in card.shown() for photo in row)


def test_a_photo_without_a_thumbnail_leaves_a_quiet_place(page: ComparePage, qtbot: QtBot) -> None:
    page.close_pictures()
    page.use(lambda photo: None)
    page.show_comparison(BETTER, "My similar")
    settle(page, qtbot)
    image = page.cards[0].grab().toImage()
    center = page.cards[0].places.rows[0][0].center()
    assert image.pixelColor(center) == style.theme().color("placeholder")


def test_a_name_that_cannot_be_is_refused_beside_the_field(page: ComparePage, qtbot: QtBot) -> None:
    page.show_comparison(BETTER, "My similar 2", ["My similar", "Bundled"])
    assert (page.name.text(), page.problem) == ("My similar 2", "")
    asked: list[str] = []
    page.keep_requested.connect(asked.append)
    for text, problem in (
        ("", "Give it a name"),
        ("   ", "Give it a name"),
        ("my SIMILAR ", "a model of this name already"),
        ("x" * 81, "80"),
    ):
        page.name.selectAll()
        QTest.keyClick(page.name, Qt.Key.Key_Delete)
        if text:
            QTest.keyClicks(page.name, text)
        assert problem in page.problem and problem in page.name.accessibleDescription()
        assert not page.keep_button.isEnabled()
        QTest.keyClick(page.name, Qt.Key.Key_Return)
    assert asked == []
    page.name.selectAll()
    QTest.keyClicks(page.name, " My garden ")
    assert page.problem == "" and page.keep_button.isEnabled()
    QTest.keyClick(page.name, Qt.Key.Key_Return)
    assert asked == ["My garden"]
    settle(page, qtbot)


def test_while_it_is_kept_nothing_else_can_be_asked_for_and_a_failure_leaves_it_to_be_tried_again(
    page: ComparePage, qtbot: QtBot
) -> None:
    page.show_comparison(BETTER, "My similar")
    page.show_keeping()
    buttons = (page.more_button, page.drop_button, page.keep_button)
    assert not any(button.isEnabled() for button in buttons) and "Keeping it" in page.problem
    page.show_failure("the disk is full: free some space and try again; nothing was kept")
    assert all(button.isEnabled() for button in buttons) and "the disk is full" in page.problem
    with qtbot.waitSignal(page.keep_requested):
        page.keep_button.click()
    settle(page, qtbot)


def test_the_keyboard_reaches_every_ranking_and_scrolls_to_it(page: ComparePage, qtbot: QtBot) -> None:
    page.resize(1000, 420)
    page.show_comparison(BETTER, "My similar")
    settle(page, qtbot)
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    last = page.cards[-1]
    assert last.visibleRegion().isEmpty() or last.visibleRegion().boundingRect().height() < last.height()
    last.setFocus()
    qtbot.waitUntil(lambda: last.visibleRegion().boundingRect().height() == last.height())


def test_another_comparison_takes_the_place_of_the_first(page: ComparePage, qtbot: QtBot) -> None:
    page.show_comparison(BETTER, "My similar")
    settle(page, qtbot)
    page.show_comparison(comparison("-+", "++"), "My similar")
    settle(page, qtbot)
    assert len(page.cards) == 3 and page.words.startswith("2 of 2")
    page.clear()
    assert page.cards == []


def test_a_figure_that_is_one_of_several_tries_is_a_little_too_good(page: ComparePage, qtbot: QtBot) -> None:
    for looks, said in ((0, False), (1, False), (2, True), (12, True)):
        page.show_comparison(BETTER, "My similar", looks=looks)
        assert ("a little too good" in page.words) is said
        assert (f"have judged {looks} earlier trainings" in page.words) is said
    page.show_comparison(comparison("", "", None), "My similar", looks=5)
    assert "too good" not in page.words
    settle(page, qtbot)


def test_answers_that_could_not_be_seen_are_counted(page: ComparePage, qtbot: QtBot) -> None:
    page.show_comparison(BETTER, "My similar")
    assert "left out" not in page.words
    page.show_comparison(BETTER, "My similar", unseen=1)
    assert "One answer was left out" in page.words
    page.show_comparison(BETTER, "My similar", unseen=1200)
    assert "1,200 answers were left out when it learned how photos are seen" in page.words
    settle(page, qtbot)
