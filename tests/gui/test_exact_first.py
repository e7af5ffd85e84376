"""Exact matches first: the results show at once, and are put in order when they have been compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from photosim.gui import query_runner
from photosim.gui.photo_list import BEST, NAME
from photosim.gui.views import Browse, QueryItem
from photosim.gui.window import MainWindow
from photosim.library import Library
from photosim.paths import Folders
from tests.gui.libraries import PHOTOS
from tests.gui.windows import WAIT, OpenWindow, find, id_of, names, settle
from tests.prints import CORNERS, opened, print_on, written

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def print_photo(photos: Path, tmp_path: Path) -> Path:
    """A small print of the astronaut on the coins: on the whole more like the coins."""
    corners = 0.5 + 0.7 * (CORNERS - 0.5)
    ground, photo = photos / "things" / "coins.png", photos / "people" / "astronaut.png"
    path = tmp_path / "print.jpg"
    path.write_bytes(written(print_on(opened(ground), opened(photo), corners)))
    return path


def switch(window: MainWindow, qtbot: QtBot) -> None:
    """As a user does it, by the keyboard."""
    window.header.exact_first.setFocus()
    qtbot.keyClick(window.header.exact_first, Qt.Key.Key_Space)


def turn_rankings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a ranking begin with the least similar, so that a match has somewhere to come from."""
    rank = query_runner.answer

    def turned(
        library: Library, items: tuple[QueryItem, ...], focus: float, refresh: bool
    ) -> query_runner.Answer:
        found = rank(library, items, focus, refresh)
        assert found.ranking is not None
        return replace(found, ranking=replace(found.ranking, ids=found.ranking.ids[::-1].copy()))

    monkeypatch.setattr(query_runner, "answer", turned)


def test_results_show_at_once_and_exact_matches_move_to_the_front(
    window: MainWindow, print_photo: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_rankings(monkeypatch)
    assert window.header.exact_first.isHidden()  # nothing is ranked
    find(window, qtbot, print_photo)
    settle(window, qtbot)
    plain = names(window)
    assert not window.header.exact_first.isHidden()
    switch(window, qtbot)
    assert names(window) == plain
    assert window.header.text.endswith("looking for exact matches…")
    settle(window, qtbot)
    first = names(window)[0]
    assert first in ("astronaut.png", "coins.png")
    points = window.navigator.matching_points(id_of(window, first))
    assert points >= 10
    assert "exact match" in window.header.text and "looking" not in window.header.text
    found = [name for name in names(window) if window.navigator.matching_points(id_of(window, name))]
    assert names(window) == found + [name for name in plain if name not in found]

    window.grid.select_id(id_of(window, first))
    settle(window, qtbot)
    assert f"{points} matching points" in window.inspector._similarity.text().replace("\xa0", " ")
    switch(window, qtbot)
    settle(window, qtbot)
    assert names(window) == plain
    assert "matching points" not in window.inspector._similarity.text()


def test_the_switch_is_remembered_and_the_next_query_obeys_it(
    open_window: OpenWindow, library_folders: Folders, photos: Path, qtbot: QtBot
) -> None:
    window = open_window(library_folders)
    settle(window, qtbot)
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    switch(window, qtbot)
    settle(window, qtbot)
    window.close()
    again = open_window(library_folders)
    settle(again, qtbot)
    assert again.header.exact_first.isChecked()
    find(again, qtbot, photos / "things" / "coffee.png")
    settle(again, qtbot)
    assert names(again)[0] == "coffee.png"
    assert again.navigator.matching_points(id_of(again, "coffee.png")) > 100
    # The query itself is no find.
    assert again.header.text.endswith(" · no exact match")


def test_the_dial_and_the_cut_keep_exact_matches_first(
    window: MainWindow, print_photo: Path, qtbot: QtBot
) -> None:
    find(window, qtbot, print_photo)
    switch(window, qtbot)
    settle(window, qtbot)
    first = names(window)[0]
    seen: list[str] = []
    window.navigator.shown.connect(lambda _: seen.append(names(window)[0]))
    window.navigator.set_focus(0.0)
    settle(window, qtbot)
    assert seen and set(seen) == {first}  # what is known of the same query is not found out again
    # The slider cuts by similarity, whatever the order.
    every = sorted(float(window.grid.similarity_of(int(one))) for one in window.grid.shown_ids())
    window.bar.cut.setValue(round(100 * every[PHOTOS // 2]))
    left = [float(window.grid.similarity_of(int(one))) for one in window.grid.shown_ids()]
    assert 0 < len(left) < PHOTOS
    assert min(left) >= window.bar.cut_value - 0.005
    assert window.bar.remaining() == len(left) == sum(one >= window.bar.cut_value - 0.005 for one in every)


def test_another_order_has_no_exact_matches_first(window: MainWindow, photos: Path, qtbot: QtBot) -> None:
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    switch(window, qtbot)
    settle(window, qtbot)
    window.navigator.set_sort(NAME)
    settle(window, qtbot)
    assert names(window) == sorted(names(window))
    assert not window.header.exact_first.isEnabled()
    window.navigator.set_sort(BEST)
    settle(window, qtbot)
    assert names(window)[:2] == ["motorcycle_left.png", "motorcycle_right.png"]
    assert window.header.exact_first.isEnabled()


def test_going_elsewhere_ends_the_comparison(window: MainWindow, photos: Path, qtbot: QtBot) -> None:
    find(window, qtbot, photos / "things" / "coffee.png")
    switch(window, qtbot)
    assert window.runner.verifying
    window.navigator.go(Browse())
    assert not window.runner.verifying
    settle(window, qtbot)
    assert len(names(window)) == PHOTOS
    assert "exact" not in window.header.text
    assert window.header.exact_first.isHidden()


def test_a_window_closed_in_the_middle_closes(
    open_window: OpenWindow, library_folders: Folders, photos: Path, qtbot: QtBot
) -> None:
    window = open_window(library_folders)
    settle(window, qtbot)
    find(window, qtbot, photos / "things" / "coffee.png")
    switch(window, qtbot)
    with qtbot.waitSignal(window.closed, timeout=WAIT):
        window.close()
    assert not window.runner.verifying
