"""The grid as a person uses it: with the mouse, with the keyboard, and while everything around it changes."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QColor, QContextMenuEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from photosim.catalog.records import PhotoTable
from photosim.gui import style
from photosim.gui.clipboard import GNOME_COPIED_FILES
from photosim.gui.grid import GAP, Layout, PhotoGrid
from photosim.gui.style import LIGHT, apply_style
from photosim.gui.thumbnail_loader import ThumbnailLoader

MANY = 100_000
COLUMNS = 5  # in a grid 842 pixels wide
NONE = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
CONTROL = Qt.KeyboardModifier.ControlModifier
LEFT = Qt.MouseButton.LeftButton


@dataclass
class Told:
    """What the grid told its window."""

    queries: list[list[int]] = field(default_factory=list)
    current: list[int | None] = field(default_factory=list)
    full: list[int] = field(default_factory=list)
    menus: list[QPoint] = field(default_factory=list)
    selections: list[bool] = field(default_factory=list)


@pytest.fixture
def thumbnails() -> dict[int, bytes]:
    buffer = io.BytesIO()
    Image.new("RGB", (384, 256), "red").save(buffer, "JPEG", quality=95)
    return dict.fromkeys(range(1, 51), buffer.getvalue())


@pytest.fixture
def loader(qtbot: QtBot, thumbnails: dict[int, bytes]) -> Iterator[ThumbnailLoader]:
    loader = ThumbnailLoader(thumbnails.get)
    yield loader
    loader.close()


@pytest.fixture
def grid(qtbot: QtBot, loader: ThumbnailLoader) -> PhotoGrid:
    grid = PhotoGrid(loader)
    qtbot.addWidget(grid)
    grid.resize(842, 640)
    show(grid, list(range(1, 51)))
    grid.show()
    grid.activateWindow()
    grid.setFocus()
    qtbot.waitUntil(grid.hasFocus)
    return grid


@pytest.fixture
def told(grid: PhotoGrid) -> Told:
    told = Told()
    grid.query_requested.connect(told.queries.append)
    grid.current_changed.connect(told.current.append)
    grid.full_view_requested.connect(told.full.append)
    grid.context_menu_requested.connect(told.menus.append)
    grid.selection_changed.connect(lambda: told.selections.append(True))
    return told


def show(
    grid: PhotoGrid,
    ids: list[int],
    similarity: list[float] | None = None,
    query_ids: frozenset[int] = frozenset(),
) -> None:
    ranked = None if similarity is None else np.array(similarity, dtype=np.float32)
    grid.show_photos(np.array(ids, dtype=np.int64), ranked, query_ids)


def at(grid: PhotoGrid, photo_id: int) -> QPoint:
    row = grid.position_of(photo_id)
    assert row is not None
    return grid.visualRect(grid.model().index(row, 0)).center()


def click(grid: PhotoGrid, photo_id: int, modifiers: Qt.KeyboardModifier = NONE) -> None:
    QTest.mouseClick(grid.viewport(), LEFT, modifiers, at(grid, photo_id))


def press(grid: PhotoGrid, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> int | None:
    QTest.keyClick(grid, key, modifiers)
    return grid.current_id()


# The arithmetic


@pytest.mark.parametrize("width", [300, 842, 1360, 3840])
@pytest.mark.parametrize("photo_size", [80, 150, 400])
def test_columns_fill_the_width_and_a_photo_is_found_where_it_is(width: int, photo_size: int) -> None:
    layout = Layout.of(100, width, photo_size)
    widths = {right - left for left, right in zip(layout.lefts, layout.rights, strict=True)}
    assert max(widths) - min(widths) <= 1
    assert layout.rights[-1] == width - layout.lefts[0]
    assert layout.columns == 1 or min(widths) >= photo_size
    for row in range(100):
        photo = layout.photo(row)
        for corner in (photo.topLeft(), photo.bottomRight(), photo.center()):
            assert layout.row_at(corner.x(), corner.y()) == row
        assert layout.row_at(photo.left(), photo.bottom() + 1) is None
        assert row in layout.rows_between(photo.bottom(), photo.bottom())
        assert row in layout.rows_between(photo.top(), photo.top())


def test_below_the_last_photo_there_is_none() -> None:
    layout = Layout.of(7, 842, 150)
    assert layout.columns == COLUMNS
    assert layout.row_at(layout.lefts[2], layout.photo(6).top()) is None
    assert list(Layout.of(0, 842, 150).rows_between(0, 1000)) == []


# The mouse


def test_a_click_selects_and_a_double_click_makes_it_the_query(grid: PhotoGrid, told: Told) -> None:
    click(grid, 8)
    assert grid.selected_ids() == [8]
    assert told.current == [8]
    assert told.queries == []
    QTest.mouseDClick(grid.viewport(), LEFT, NONE, at(grid, 9))
    assert told.queries == [[9]]


def test_a_double_click_with_many_selected_asks_for_that_one_alone(grid: PhotoGrid, told: Told) -> None:
    grid.selectAll()
    click(grid, 3)
    QTest.mouseDClick(grid.viewport(), LEFT, NONE, at(grid, 3))
    assert told.queries == [[3]]


def test_control_adds_and_takes_away(grid: PhotoGrid) -> None:
    click(grid, 2)
    click(grid, 9, CONTROL)
    click(grid, 4, CONTROL)
    assert grid.selected_ids() == [2, 4, 9]
    click(grid, 9, CONTROL)
    assert grid.selected_ids() == [2, 4]


@pytest.mark.parametrize(("start", "end"), [(4, 12), (12, 4), (2, 15), (15, 2), (5, 6), (6, 5)])
def test_shift_selects_all_in_order_between_two(grid: PhotoGrid, start: int, end: int) -> None:
    click(grid, start)
    click(grid, end, SHIFT)
    assert grid.selected_ids() == list(range(min(start, end), max(start, end) + 1))


def test_shift_reaches_over_what_has_been_scrolled_away(grid: PhotoGrid) -> None:
    click(grid, 2)
    grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum())
    click(grid, 50, SHIFT)
    assert grid.selected_ids() == list(range(2, 51))


def test_a_rubber_band_selects_what_it_touches(grid: PhotoGrid) -> None:
    viewport = grid.viewport()
    show(grid, list(range(1, 13)))
    start = at(grid, 12) + QPoint(200, 20)  # right of the last photo: no photo there
    assert not grid.indexAt(start).isValid()
    QTest.mousePress(viewport, LEFT, NONE, start)
    for target in (at(grid, 12), at(grid, 7)):
        QTest.mouseMove(viewport, target)
    QApplication.processEvents()
    assert grid.selected_ids() == [7, 8, 12]
    QTest.mouseRelease(viewport, LEFT, NONE, at(grid, 7))
    assert grid.selected_ids() == [7, 8, 12]
    click(grid, 1)
    assert grid.selected_ids() == [1]


def test_a_click_beside_the_photos_clears_the_selection(grid: PhotoGrid) -> None:
    click(grid, 3)
    QTest.mouseClick(grid.viewport(), LEFT, NONE, QPoint(2, 2))
    assert grid.selected_ids() == []


def test_the_context_menu_is_about_the_photo_under_the_mouse(grid: PhotoGrid, told: Told) -> None:
    QTest.mousePress(grid.viewport(), Qt.MouseButton.RightButton, NONE, at(grid, 7))
    reason = QContextMenuEvent.Reason.Mouse
    spot = grid.viewport().mapToGlobal(at(grid, 7))
    QApplication.sendEvent(grid.viewport(), QContextMenuEvent(reason, at(grid, 7), spot))
    assert told.menus == [spot]
    assert grid.selected_ids() == [7]
    QApplication.sendEvent(grid.viewport(), QContextMenuEvent(reason, QPoint(1, 1), spot))
    assert told.menus == [spot]


def test_dragging_out_gives_files_and_nothing_for_photos_without_one(grid: PhotoGrid, tmp_path: Path) -> None:
    assert grid.drag_data([1]) is None
    there = tmp_path / "a photo ä.jpg"
    grid.drag_paths = lambda ids: [str(there)] if 1 in ids else []
    data = grid.drag_data([1, 2])
    assert data is not None
    assert [url.toLocalFile() for url in data.urls()] == [str(there)]
    assert data.text() == str(there) and data.hasFormat(GNOME_COPIED_FILES)  # as a copy has them
    assert grid.drag_data([2]) is None


# The keyboard


def test_arrows_walk_through_the_rows(grid: PhotoGrid) -> None:
    click(grid, 1)
    assert press(grid, Qt.Key.Key_Right) == 2
    assert press(grid, Qt.Key.Key_Down) == 2 + COLUMNS
    assert press(grid, Qt.Key.Key_Left) == 1 + COLUMNS
    assert press(grid, Qt.Key.Key_Left) == COLUMNS
    assert press(grid, Qt.Key.Key_Up) == COLUMNS
    assert press(grid, Qt.Key.Key_End) == 50
    assert press(grid, Qt.Key.Key_Down) == 50
    assert press(grid, Qt.Key.Key_Home) == 1
    assert grid.selected_ids() == [1]


def test_pages_keep_their_column_and_stop_at_the_ends(grid: PhotoGrid) -> None:
    click(grid, 3)
    below = press(grid, Qt.Key.Key_PageDown)
    assert below is not None
    assert below > 3 + COLUMNS
    assert (below - 3) % COLUMNS == 0
    for _ in range(9):
        press(grid, Qt.Key.Key_PageDown)
    assert grid.current_id() == 48
    for _ in range(9):
        press(grid, Qt.Key.Key_PageUp)
    assert grid.current_id() == 3


def test_down_into_a_short_last_row_goes_to_its_end(grid: PhotoGrid) -> None:
    show(grid, list(range(1, 8)))
    click(grid, 5)
    assert press(grid, Qt.Key.Key_Down) == 7


def test_shift_and_arrows_select_in_order(grid: PhotoGrid) -> None:
    click(grid, 4)
    press(grid, Qt.Key.Key_Down, SHIFT)
    assert grid.selected_ids() == [4, 5, 6, 7, 8, 9]
    press(grid, Qt.Key.Key_Left, SHIFT)
    press(grid, Qt.Key.Key_Up, SHIFT)
    assert grid.selected_ids() == [3, 4]
    press(grid, Qt.Key.Key_End, SHIFT)
    assert grid.selected_ids() == list(range(4, 51))


def test_control_a_selects_all_and_enter_asks_for_them_as_one_query(grid: PhotoGrid, told: Told) -> None:
    show(grid, [5, 3, 4])
    press(grid, Qt.Key.Key_A, CONTROL)
    press(grid, Qt.Key.Key_Return)
    click(grid, 3)
    press(grid, Qt.Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier)
    assert told.queries == [[5, 3, 4], [3]]


def test_space_asks_for_the_full_view(grid: PhotoGrid, told: Told) -> None:
    click(grid, 6)
    press(grid, Qt.Key.Key_Space)
    assert told.full == [6]
    assert grid.selected_ids() == [6]


def test_the_keyboard_stays_in_view(grid: PhotoGrid) -> None:
    click(grid, 1)
    for _ in range(30):
        press(grid, Qt.Key.Key_Down)
        cell = grid.visualRect(grid.currentIndex())
        assert grid.viewport().rect().contains(cell.adjusted(0, 0, 0, -1))


def test_step_goes_on_from_photo_to_photo_and_ends_at_the_end(grid: PhotoGrid) -> None:
    show(grid, [5, 3, 4])
    grid.select_id(3)
    assert grid.step(1) == 4
    assert grid.step(1) is None
    assert grid.current_id() == 4
    assert grid.step(-1) == 3


# What changes around it


def test_a_new_order_keeps_what_was_selected_and_current(grid: PhotoGrid, told: Told) -> None:
    click(grid, 4)
    click(grid, 9, CONTROL)
    told.current.clear()
    told.selections.clear()
    show(grid, list(range(50, 0, -1)))
    assert grid.selected_ids() == [9, 4]
    assert grid.current_id() == 9
    assert told.current == []
    show(grid, [1, 2, 9])
    assert grid.selected_ids() == [9]
    show(grid, [1, 2])
    assert grid.selected_ids() == []
    assert told.current == [grid.current_id()]


def test_a_new_query_starts_at_its_top_and_a_new_order_of_the_same_stays(grid: PhotoGrid) -> None:
    bar = grid.verticalScrollBar()
    show(grid, list(range(1, 51)), query_ids=frozenset({1}))
    bar.setValue(300)
    show(grid, list(range(50, 0, -1)), query_ids=frozenset({1}))
    assert bar.value() == 300
    show(grid, list(range(1, 51)), query_ids=frozenset({2}))
    assert bar.value() == 0


def test_photos_of_a_running_scan_move_nothing(grid: PhotoGrid, qtbot: QtBot) -> None:
    bar = grid.verticalScrollBar()
    bar.setValue(200)
    click(grid, 12)
    before, longest = grid.visualRect(grid.currentIndex()), bar.maximum()
    grid.append_photos(range(51, 200))
    qtbot.waitUntil(lambda: bar.maximum() > longest)
    assert bar.value() == 200
    assert grid.visualRect(grid.currentIndex()) == before
    assert grid.selected_ids() == [12]


def test_the_photo_size_goes_to_and_fro_without_losing_the_place(grid: PhotoGrid) -> None:
    show(grid, list(range(1, 2001)))
    grid.verticalScrollBar().setValue(20_000)
    top = grid.indexAt(QPoint(20, 60))
    seen = top.row()
    for pixels in (*range(150, 400, 10), *range(400, 80, -10)):
        grid.set_photo_size(pixels)
        rows = grid._layout.rows_between(grid.verticalOffset(), grid.verticalOffset() + grid.height())
        assert rows.start - COLUMNS <= seen <= rows.stop + COLUMNS
    grid.set_photo_size(150)
    assert abs(grid.indexAt(QPoint(20, 60)).row() - seen) <= COLUMNS


def test_the_photo_size_has_its_limits(grid: PhotoGrid) -> None:
    grid.set_photo_size(7)
    assert grid.photo_size == 80
    grid.set_photo_size(7000)
    assert grid.photo_size == 400


def test_an_empty_grid_bears_every_key(grid: PhotoGrid, told: Told) -> None:
    show(grid, [])
    for key in (Qt.Key.Key_Down, Qt.Key.Key_End, Qt.Key.Key_PageDown, Qt.Key.Key_Return, Qt.Key.Key_Space):
        press(grid, key)
    press(grid, Qt.Key.Key_A, CONTROL)
    assert grid.current_id() is None
    assert grid.selected_ids() == []
    assert (told.queries, told.full) == ([], [])


# What is seen


def test_visible_photos_get_their_thumbnails_and_a_missing_one_is_asked_for_once(
    grid: PhotoGrid, loader: ThumbnailLoader, qtbot: QtBot, thumbnails: dict[int, bytes]
) -> None:
    missing: list[int] = []
    loader.missing.connect(missing.append)
    red = thumbnails.pop(2)
    show(grid, list(range(1, 51)))
    qtbot.waitUntil(lambda: loader.pixmap(1) is not None and missing == [2])
    grid.viewport().grab()
    shown = grid.viewport().grab().toImage()
    assert shown.pixelColor(at(grid, 1)).red() > 200
    assert shown.pixelColor(at(grid, 2)).red() < 250 > shown.pixelColor(at(grid, 2)).green()
    thumbnails[2] = red
    loader.retry(2)
    qtbot.waitUntil(lambda: loader.pixmap(2) is not None)
    assert grid.viewport().grab().toImage().pixelColor(at(grid, 2)).red() > 200


def test_scrolling_loads_what_comes_into_view(
    grid: PhotoGrid, loader: ThumbnailLoader, qtbot: QtBot, thumbnails: dict[int, bytes]
) -> None:
    thumbnails.update(dict.fromkeys(range(51, 3000), thumbnails[1]))
    show(grid, list(range(1, 3000)))
    grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum())
    qtbot.waitUntil(lambda: loader.pixmap(2999) is not None)
    assert loader.pixmap(1500) is None


def test_selected_current_and_query_can_be_told_apart(
    qapp: QApplication,
    grid: PhotoGrid,
    loader: ThumbnailLoader,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(style, "_forced", None)
    apply_style(qapp, Qt.ColorScheme.Light)
    show(grid, list(range(1, 51)), query_ids=frozenset({1}))
    qtbot.waitUntil(lambda: loader.pixmap(10) is not None)
    click(grid, 3)
    click(grid, 4, CONTROL)
    shown = grid.viewport().grab().toImage()

    def edge(photo_id: int, inwards: int) -> QColor:
        row = grid.position_of(photo_id)
        assert row is not None
        photo = grid._layout.photo(row)
        return shown.pixelColor(photo.left() + inwards, photo.center().y())

    accent = QColor(LIGHT.accent)
    assert edge(1, 1) == accent
    assert edge(1, -3) == QColor(LIGHT.window)
    assert edge(3, -3) == accent
    assert edge(4, -3) == accent
    assert edge(4, 0) == QColor(LIGHT.text)  # the keyboard is here
    assert edge(3, 0) != QColor(LIGHT.text)
    assert edge(8, -3) == QColor(LIGHT.window)
    qapp.setStyleSheet("")


def test_a_screen_reader_finds_the_photos(grid: PhotoGrid) -> None:
    grid.set_table(
        PhotoTable(
            ids=np.arange(1, 51, dtype=np.int64),
            folder_ids=np.ones(50, dtype=np.int32),
            taken=np.zeros(50),
            copies=np.ones(50, dtype=np.int32),
            offline=np.zeros(50, dtype=np.bool_),
            paths=[f"IMG_{number}.jpg" for number in range(1, 51)],
            hashes=[b""] * 50,
        )
    )
    show(grid, list(range(1, 51)), [0.5] * 50)
    interface = QAccessible.queryAccessibleInterface(grid)
    assert interface is not None
    assert interface.childCount() == 50
    assert interface.text(QAccessible.Text.Name) == "Photos"
    photo = interface.child(6)
    assert photo is not None
    assert photo.text(QAccessible.Text.Name) == "IMG_7.jpg, similarity 0.50"


# With very many


def seconds(action: object) -> float:
    start = time.perf_counter()
    action()  # type: ignore[operator]
    return time.perf_counter() - start


def test_a_hundred_thousand_photos_do_not_hold_up_the_window(grid: PhotoGrid, qtbot: QtBot) -> None:
    """A generous bound, so that a busy machine passes: laying out every row takes three times as long."""
    ids = np.arange(1, MANY + 1, dtype=np.int64)
    similarity = np.linspace(1, 0, MANY, dtype=np.float32)
    shuffled = [np.random.default_rng(seed).permutation(ids) for seed in range(3)]
    grid.show_photos(ids)

    def best(*actions: object) -> float:
        return min(seconds(action) for action in actions)

    assert best(*(lambda order=order: grid.show_photos(order, similarity) for order in shuffled)) < 0.05
    assert best(*(lambda width=width: grid.resize(width, 640) for width in (500, 900, 1200))) < 0.05
    assert best(*(lambda pixels=pixels: grid.set_photo_size(pixels) for pixels in (80, 200, 300))) < 0.05
    assert best(grid.selectAll, grid.selectAll) < 0.05
    assert len(grid.selected_ids()) == MANY
    assert best(lambda: grid.select_id(5), lambda: grid.select_id(MANY - 7)) < 0.05


def test_a_notch_of_the_wheel_is_about_a_row(grid: PhotoGrid) -> None:
    centre = QPointF(grid.viewport().rect().center())
    event = QWheelEvent(
        centre,
        grid.viewport().mapToGlobal(centre),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        NONE,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(grid.viewport(), event)
    row = grid._layout.height + GAP
    assert 0.8 * row < grid.verticalOffset() < 1.2 * row
