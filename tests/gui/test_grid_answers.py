"""Answers from the grid, as a user gives them: photos of a ranking marked, moved up, and taken back."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDrag, QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from photosim.catalog import Answer
from photosim.gui.grid_answers import keep
from photosim.gui.grid_drag import PHOTOS_MIME
from photosim.gui.photo_list import BEST, NAME
from photosim.gui.ranking_answers import marked_more
from photosim.gui.views import Browse
from photosim.gui.window import MainWindow
from photosim.imaging.phash import NEAR_COPY_BITS
from tests.gui.windows import WAIT, find, id_of, names, settle

pytestmark = pytest.mark.timeout(120)

COPY, LEFT, PLAIN = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def ranked(window: MainWindow, photos: Path, qtbot: QtBot) -> MainWindow:
    find(window, qtbot, photos / "things" / "coffee.png")
    settle(window, qtbot)
    return window


def by_name(window: MainWindow) -> list[tuple[str, str, str, str]]:
    """All answers: anchor, positive and negative by name, and the source."""
    table = window.feed.snapshot.photos.table
    name = dict(zip(table.hashes, table.names, strict=True))
    return [
        (name[answer.anchor], name[answer.positive], name[answer.negative], answer.source)
        for answer in answers(window)
    ]


def answers(window: MainWindow) -> list[Answer]:
    return window._library.catalog.answers.all()


def choose(window: MainWindow, name: str) -> None:
    window.grid.select_id(id_of(window, name))


def trigger(window: MainWindow, qtbot: QtBot, action: str) -> None:
    window.menus.actions[action].trigger()
    settle(window, qtbot)


def middle(window: MainWindow, name: str) -> QPoint:
    grid = window.grid
    return grid.visualRect(grid.model().index(grid.position_of(id_of(window, name)), 0)).center()


def left_of(window: MainWindow, name: str) -> QPoint:
    grid = window.grid
    rect = grid.visualRect(grid.model().index(grid.position_of(id_of(window, name)), 0))
    return QPoint(rect.left() + 8, rect.center().y())


class Hand:
    """Drags the selected photos by Qt's own events, in the place of the system's loop."""

    def __init__(self, window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
        self.window = window
        self.path: list[QPoint] = []
        self.dropped = True
        self.accepted = False
        self.mime = QMimeData()
        self.offered = Qt.DropAction.IgnoreAction
        self.marks: list[bool] = []
        hand = self

        def exec_(drag: QDrag, offered: Qt.DropAction) -> Qt.DropAction:
            hand._play(drag.mimeData(), offered)
            return COPY

        monkeypatch.setattr(QDrag, "exec", exec_)

    def drag(self, name: str, to: QPoint, drop: bool = True) -> None:
        choose(self.window, name)
        self.path, self.dropped = [to], drop
        self.window.grid.startDrag(COPY)

    def _play(self, mime: QMimeData, offered: Qt.DropAction) -> None:
        viewport = self.window.grid.viewport()
        self.offered = offered
        self.mime = QMimeData()
        for format_ in mime.formats():
            self.mime.setData(format_, mime.data(format_))
        entered = QDragEnterEvent(self.path[0], COPY, self.mime, LEFT, PLAIN)
        QApplication.sendEvent(viewport, entered)
        for point in self.path:
            moved = QDragMoveEvent(point, COPY, self.mime, LEFT, PLAIN)
            QApplication.sendEvent(viewport, moved)
            self.accepted = moved.isAccepted()
            self.marks.append(self.window.grid._mark is not None)
        if self.dropped and self.accepted:
            QApplication.sendEvent(viewport, QDropEvent(QPointF(self.path[-1]), COPY, self.mime, LEFT, PLAIN))
        else:
            QApplication.sendEvent(viewport, QDragLeaveEvent())


@pytest.fixture
def hand(ranked: MainWindow, monkeypatch: pytest.MonkeyPatch) -> Hand:
    return Hand(ranked, monkeypatch)


# Marking


def test_more_like_this_is_an_answer_too_and_says_so(ranked: MainWindow, qtbot: QtBot) -> None:
    above, chosen = names(ranked)[3:5]
    choose(ranked, chosen)
    trigger(ranked, qtbot, "more")
    assert by_name(ranked) == [("coffee.png", chosen, above, "grid")]
    assert ranked.scan_bar.message == "Kept as an answer too (1 so far)"
    assert [item.name for item in ranked.bar.strip.items] == ["coffee.png", chosen]  # as ever


def test_less_like_this_is_an_answer_from_the_inspector_and_the_menu(
    ranked: MainWindow, qtbot: QtBot
) -> None:
    _, _, chosen, below = names(ranked)[:4]
    ranked.inspector.less_like.emit(id_of(ranked, chosen))
    settle(ranked, qtbot)
    assert by_name(ranked) == [("coffee.png", below, chosen, "grid")]
    assert [(item.name, item.less) for item in ranked.bar.strip.items] == [
        ("coffee.png", False),
        (chosen, True),
    ]


def test_one_marked_more_and_one_marked_less_make_an_answer_of_their_own(
    ranked: MainWindow, qtbot: QtBot
) -> None:
    more = names(ranked)[4]
    choose(ranked, more)
    trigger(ranked, qtbot, "more")
    less = names(ranked)[5]
    choose(ranked, less)
    trigger(ranked, qtbot, "less")
    assert ("coffee.png", more, less, "grid") in by_name(ranked)
    assert ranked.scan_bar.message == "Kept as 2 answers too (3 so far)"


def test_beginning_a_query_while_browsing_answers_nothing(window: MainWindow, qtbot: QtBot) -> None:
    choose(window, "coffee.png")
    trigger(window, qtbot, "more")
    assert window.navigator.query is not None and answers(window) == []
    assert window.scan_bar.message == ""


def test_a_query_from_outside_the_library_has_no_anchor(
    window: MainWindow, sample_photos: list[Path], tmp_path: Path, qtbot: QtBot
) -> None:
    from PIL import Image

    outside = tmp_path / "outside.jpg"
    Image.open(next(path for path in sample_photos if path.name == "coffee.png")).convert("RGB").save(outside)
    find(window, qtbot, outside)
    settle(window, qtbot)
    choose(window, names(window)[4])
    trigger(window, qtbot, "more")
    assert answers(window) == [] and not window.menus.actions["move_up"].isEnabled()


def test_a_part_of_a_photo_is_no_anchor(ranked: MainWindow, qtbot: QtBot) -> None:
    with qtbot.waitSignal(ranked.results_shown, timeout=WAIT):
        ranked.photo_actions.find_region(id_of(ranked, "coffee.png"), (0.1, 0.1, 0.5, 0.5))
    settle(ranked, qtbot)
    choose(ranked, names(ranked)[4])
    trigger(ranked, qtbot, "more")
    assert answers(ranked) == []


def test_a_ranking_in_another_order_answers_nothing(ranked: MainWindow, qtbot: QtBot) -> None:
    ranked.header.sort_changed.emit(NAME)
    settle(ranked, qtbot)
    assert not ranked.menus.actions["move_up"].isEnabled() and not ranked.grid.movable
    choose(ranked, names(ranked)[4])
    trigger(ranked, qtbot, "more")
    assert answers(ranked) == []
    ranked.header.sort_changed.emit(BEST)
    settle(ranked, qtbot)
    assert ranked.grid.movable


def test_the_same_answer_is_kept_once(ranked: MainWindow, photos: Path, qtbot: QtBot) -> None:
    chosen = names(ranked)[4]
    choose(ranked, chosen)
    trigger(ranked, qtbot, "more")
    find(ranked, qtbot, photos / "things" / "coffee.png")
    settle(ranked, qtbot)
    choose(ranked, chosen)
    trigger(ranked, qtbot, "more")
    assert len(answers(ranked)) == 1
    assert ranked.scan_bar.message == "That answer is kept already (1 so far)"
    trigger(ranked, qtbot, "undo_answer")  # the first time's, not the second's
    assert answers(ranked) == [] and not ranked.menus.actions["undo_answer"].isEnabled()


# Taking back


def test_an_answer_is_taken_back_by_key_and_by_the_line_itself(ranked: MainWindow, qtbot: QtBot) -> None:
    undo = ranked.menus.actions["undo_answer"]
    assert not undo.isEnabled() and not ranked.scan_bar.undo_button.isVisible()
    for take_back in (
        lambda: qtbot.keyClick(ranked, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier),
        lambda: qtbot.mouseClick(ranked.scan_bar.undo_button, LEFT),
    ):
        choose(ranked, names(ranked)[4])
        trigger(ranked, qtbot, "more")
        assert len(answers(ranked)) == 1 and undo.isEnabled()
        assert ranked.scan_bar.undo_button.isVisible()
        take_back()
        settle(ranked, qtbot)
        assert answers(ranked) == [] and not undo.isEnabled()
        assert len(ranked.bar.strip.items) > 1
        assert ranked.scan_bar.message == (
            "Answer taken back (0 left); the query stays as it is, Back undoes that"
        )
        assert not ranked.scan_bar.undo_button.isVisible()


def test_an_answer_that_cannot_be_saved_says_so_and_nothing_stays_moved(
    ranked: MainWindow, qtbot: QtBot
) -> None:
    before = names(ranked)
    for connection in ranked._library.catalog._database._idle:
        connection.execute("PRAGMA query_only = ON")  # as a catalog that cannot be written
    choose(ranked, before[4])
    trigger(ranked, qtbot, "move_up")
    assert "make the file and its folder writable" in ranked.scan_bar.message
    assert names(ranked) == before and not ranked.menus.actions["undo_answer"].isEnabled()


def test_of_what_is_said_at_once_all_is_saved_or_nothing(ranked: MainWindow) -> None:
    catalog, shown = ranked._library.catalog, ranked.navigator.ranked
    assert shown is not None
    said = marked_more(shown, [id_of(ranked, names(ranked)[place]) for place in (3, 5, 7)])
    with catalog._database.writing() as connection:
        connection.execute(
            "CREATE TRIGGER stop BEFORE INSERT ON answers WHEN (SELECT count(*) FROM answers) = 2"
            " BEGIN SELECT RAISE(FAIL, 'the third'); END"
        )
    with pytest.raises(sqlite3.IntegrityError, match="the third"):
        keep(catalog, shown.anchor, said, "grid")
    assert catalog.answers.all() == [] and catalog.answers.sides() == {}
    with catalog._database.writing() as connection:
        connection.execute("DROP TRIGGER stop")
    kept = keep(catalog, shown.anchor, said, "grid")
    assert kept.ids == tuple(answer.id for answer in catalog.answers.all()) and len(kept.ids) == 3
    again = keep(catalog, shown.anchor, said, "grid")
    assert (again.ids, again.known, again.total) == ((), 3, 3)


def test_an_answer_given_just_before_the_window_closes_is_kept(ranked: MainWindow) -> None:
    for name in names(ranked)[3:6]:
        ranked.photo_actions.more([id_of(ranked, name)])
    ranked.close()
    assert len(answers(ranked)) >= 2


# Moving up


def test_a_photo_dropped_before_one_above_is_an_answer_and_stands_there(
    ranked: MainWindow, hand: Hand, qtbot: QtBot
) -> None:
    before = names(ranked)
    hand.drag(before[5], left_of(ranked, before[2]))
    settle(ranked, qtbot)
    assert hand.marks == [True] and ranked.grid._mark is None
    assert names(ranked) == [*before[:2], before[5], *before[2:5], *before[6:]]
    assert by_name(ranked) == [("coffee.png", before[5], before[2], "drag")]
    assert ranked.scan_bar.message == "Moved up for now, and kept as an answer (1 so far)"
    assert ranked.grid.selected_ids() == [id_of(ranked, before[5])]
    trigger(ranked, qtbot, "undo_answer")
    assert names(ranked) == before and answers(ranked) == []


def test_the_query_stays_first(ranked: MainWindow, hand: Hand, qtbot: QtBot) -> None:
    before = names(ranked)
    hand.drag(before[2], QPoint(2, 2))
    settle(ranked, qtbot)
    assert names(ranked)[:3] == ["coffee.png", before[2], before[1]]
    assert by_name(ranked) == [("coffee.png", before[2], before[1], "drag")]


def test_copies_of_one_photo_can_be_moved_but_are_no_answer(ranked: MainWindow, qtbot: QtBot) -> None:
    left, right = "motorcycle_left.png", "motorcycle_right.png"
    ids = [id_of(ranked, name) for name in (left, right)]
    hashes = list(ranked._library.catalog.phashes(ids).values())
    assert (hashes[0] ^ hashes[1]).bit_count() <= NEAR_COPY_BITS
    lower = max((left, right), key=names(ranked).index)
    choose(ranked, lower)
    while min(names(ranked).index(left), names(ranked).index(right)) < names(ranked).index(lower):
        trigger(ranked, qtbot, "move_up")
    assert ranked.scan_bar.message == "Moved up for now; copies of one photo are no answer"
    assert not any({left, right} <= set(answer) for answer in by_name(ranked))
    kept = answers(ranked)
    assert ranked.scan_bar.undo_button.isVisible()
    trigger(ranked, qtbot, "undo_answer")  # the move alone
    assert ranked.scan_bar.message == "Moved back" and answers(ranked) == kept
    assert names(ranked).index(lower) > min(names(ranked).index(left), names(ranked).index(right))


def test_nothing_is_moved_down_or_onto_itself(ranked: MainWindow, hand: Hand, qtbot: QtBot) -> None:
    before = names(ranked)
    for place in (middle(ranked, before[6]), left_of(ranked, before[4]), middle(ranked, before[3])):
        hand.drag(before[3], place)
        assert not hand.accepted
    settle(ranked, qtbot)
    assert hand.marks == [False] * 3
    assert names(ranked) == before and answers(ranked) == []


def test_a_drag_that_leaves_the_grid_leaves_no_mark(ranked: MainWindow, hand: Hand, qtbot: QtBot) -> None:
    before = names(ranked)
    hand.drag(before[5], left_of(ranked, before[2]), drop=False)
    settle(ranked, qtbot)
    assert hand.marks == [True] and ranked.grid._mark is None and ranked.grid.carried == []
    assert names(ranked) == before and answers(ranked) == []


def test_what_is_dragged_carries_files_to_copy_and_never_to_move(ranked: MainWindow, hand: Hand) -> None:
    hand.drag("moon.png", QPoint(2, 2), drop=False)
    assert hand.offered == COPY
    assert [Path(url.toLocalFile()).name for url in hand.mime.urls()] == ["moon.png"]
    assert hand.mime.hasFormat(PHOTOS_MIME)


def test_photos_are_not_moved_where_nothing_is_ranked(window: MainWindow, hand: Hand, qtbot: QtBot) -> None:
    window.navigator.go(Browse())
    settle(window, qtbot)
    before = names(window)
    hand.drag(before[5], left_of(window, before[2]))
    assert names(window) == before and not window.grid.viewport().acceptDrops()
    assert hand.marks == [False] and answers(window) == []
    assert [url.toLocalFile() for url in hand.mime.urls()] and not hand.mime.hasFormat(PHOTOS_MIME)


def test_files_from_elsewhere_dropped_onto_a_ranking_still_become_the_query(
    ranked: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    from tests.gui.windows import mime

    data = mime(photos / "space" / "moon.png")
    entered = QDragEnterEvent(QPoint(40, 40), COPY, data, LEFT, PLAIN)
    QApplication.sendEvent(ranked.grid.viewport(), entered)  # goes on to the window, as Qt delivers it
    assert entered.isAccepted()
    with qtbot.waitSignal(ranked.results_shown, timeout=WAIT):
        QApplication.sendEvent(ranked, QDropEvent(QPointF(600, 400), COPY, data, LEFT, PLAIN))
    assert names(ranked)[0] == "moon.png" and answers(ranked) == []


def test_the_keyboard_moves_a_photo_up_one_place_at_a_time(
    window: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    settle(window, qtbot)
    before = names(window)
    assert before[1] == "motorcycle_right.png"  # as good as the query itself
    choose(window, before[4])
    for _ in range(5):  # the last two find nothing above but the query
        qtbot.keyClick(window, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
        settle(window, qtbot)
    assert names(window)[:5] == [before[0], before[4], *before[1:4]]
    assert by_name(window) == [
        ("motorcycle_left.png", before[4], before[3], "drag"),
        ("motorcycle_left.png", before[4], before[2], "drag"),
    ]
    for _ in range(3):
        trigger(window, qtbot, "undo_answer")
    assert names(window) == before and answers(window) == []


def test_a_moved_photo_goes_back_when_the_library_is_ranked_in_another_way(
    ranked: MainWindow, qtbot: QtBot
) -> None:
    choose(ranked, names(ranked)[3])
    trigger(ranked, qtbot, "move_up")
    ranked.bar.focus_changed.emit(0.0)
    settle(ranked, qtbot)
    shown = ranked.grid.shown_ids()
    figures = [ranked.grid.similarity_of(int(photo_id)) for photo_id in shown]
    assert figures == sorted(figures, reverse=True)
    before = names(ranked)
    trigger(ranked, qtbot, "undo_answer")
    assert names(ranked) == before and answers(ranked) == []


def test_a_moved_photo_stays_when_something_else_changes_in_the_library(
    ranked: MainWindow, qtbot: QtBot
) -> None:
    """The answer itself is such a change, seen when the window looks around."""
    choose(ranked, names(ranked)[3])
    trigger(ranked, qtbot, "move_up")
    moved = names(ranked)
    ranked.keeper.look_around()
    settle(ranked, qtbot)
    assert names(ranked) == moved


def test_the_cut_keeps_what_was_moved(ranked: MainWindow, qtbot: QtBot) -> None:
    before = names(ranked)
    choose(ranked, before[3])
    trigger(ranked, qtbot, "move_up")
    least = ranked.grid.similarity_of(id_of(ranked, before[5]))
    ranked.navigator.set_cut(round(least, 2))
    assert set(names(ranked)) <= set(before) and names(ranked)[2:4] == [before[3], before[2]]
