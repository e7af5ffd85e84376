"""Two photos side by side: what is marked on them, and how an area of one is taken by mouse and keyboard."""

from __future__ import annotations

import time

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from photosim.gui.pair_canvas import MAP_SIDE, QUERY, RESULT, PairCanvas, Points, heat_image
from photosim.gui.pair_frame import returned
from photosim.gui.style import apply_style, theme

CORNER = np.zeros((8, 8), np.float32)
CORNER[0:3, 5:8] = 1.0


def filled(color: str, width: int = 600, height: int = 400) -> QImage:
    image = QImage(QSize(width, height), QImage.Format.Format_RGB32)
    image.fill(QColor(color))
    return image


@pytest.fixture
def canvas(qtbot: QtBot) -> PairCanvas:
    canvas = PairCanvas()
    qtbot.addWidget(canvas)
    canvas.resize(1000, 400)
    canvas.set_photo(QUERY, filled("white"))
    canvas.set_photo(RESULT, filled("white", 400, 600))
    canvas.show()
    canvas.activateWindow()
    qtbot.waitExposed(canvas)
    return canvas


def at(canvas: PairCanvas, side: int, x: float, y: float) -> QPoint:
    rect = canvas.photo_rect(side)
    return QPointF(rect.x() + x * rect.width(), rect.y() + y * rect.height()).toPoint()


def color(canvas: PairCanvas, side: int, x: float, y: float) -> QColor:
    return canvas.grab().toImage().pixelColor(at(canvas, side, x, y))


def test_both_photos_are_seen_whole_and_apart(canvas: PairCanvas) -> None:
    query, result = canvas.photo_rect(QUERY), canvas.photo_rect(RESULT)
    assert query.width() / query.height() == pytest.approx(1.5)
    assert result.height() / result.width() == pytest.approx(1.5)
    assert query.right() < 500 < result.left()
    assert canvas.rect().toRectF().contains(query) and canvas.rect().toRectF().contains(result)


def test_warm_places_take_the_accent_and_cold_ones_are_veiled(canvas: PairCanvas, qapp: QApplication) -> None:
    for scheme in (Qt.ColorScheme.Light, Qt.ColorScheme.Dark):
        apply_style(qapp, scheme)
        canvas.set_photo(QUERY, filled("#808080"))
        canvas.set_heat(QUERY, CORNER)
        warm, cold = color(canvas, QUERY, 0.85, 0.15), color(canvas, QUERY, 0.1, 0.9)
        accent, window = theme().color("accent"), theme().color("window")
        assert warm.blue() - warm.red() > 20
        assert abs(warm.hue() - accent.hue()) < 12
        assert abs(cold.lightness() - window.lightness()) < 45
    qapp.setStyleSheet("")


def test_a_heat_map_is_smooth() -> None:
    image = heat_image(CORNER, (0.25, 0.0, 0.5, 1.0), QColor("white"), QColor("blue"))
    alphas = [image.pixelColor(x, MAP_SIDE // 6).alpha() for x in range(MAP_SIDE)]
    assert max(abs(after - before) for before, after in zip(alphas, alphas[1:], strict=False)) < 20


def test_a_click_takes_the_warm_area_as_a_region_of_that_photo(canvas: PairCanvas, qtbot: QtBot) -> None:
    canvas.set_heat(RESULT, CORNER)
    canvas.set_choosable(RESULT, True)
    with qtbot.waitSignal(canvas.region_chosen) as caught:
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at(canvas, RESULT, 0.9, 0.1))
    side, region = caught.args
    assert side == RESULT
    assert region == pytest.approx((5 / 8, 0, 3 / 8, 3 / 8))


def test_a_map_of_a_part_of_the_photo_gives_regions_of_the_photo(canvas: PairCanvas, qtbot: QtBot) -> None:
    """What a network saw of a trimmed photo, or the region that was the query."""
    canvas.set_heat(QUERY, CORNER, (0.2, 0.0, 0.6, 1.0))
    canvas.set_choosable(QUERY, True)
    with qtbot.waitSignal(canvas.region_chosen) as caught:
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at(canvas, QUERY, 0.7, 0.1))
    assert caught.args[1] == pytest.approx((0.2 + 0.6 * 5 / 8, 0, 0.6 * 3 / 8, 3 / 8))


def test_a_click_beside_the_map_or_on_a_photo_out_of_reach_takes_nothing(
    canvas: PairCanvas, qtbot: QtBot
) -> None:
    canvas.set_heat(QUERY, CORNER, (0.2, 0.0, 0.6, 1.0))
    canvas.set_choosable(QUERY, True)
    canvas.set_heat(RESULT, CORNER)
    canvas.set_choosable(RESULT, False)
    with qtbot.assertNotEmitted(canvas.region_chosen):
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at(canvas, QUERY, 0.1, 0.1))
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at(canvas, RESULT, 0.9, 0.1))


def test_the_mouse_tells_which_place_is_looked_at(canvas: PairCanvas, qtbot: QtBot) -> None:
    canvas.set_heat(QUERY, CORNER)
    with qtbot.waitSignal(canvas.pointed) as caught:
        QTest.mouseMove(canvas, at(canvas, QUERY, 0.55, 0.3))
    assert caught.args == [QUERY, 2, 4]
    with qtbot.waitSignal(canvas.pointed) as caught:
        QTest.mouseMove(canvas, QPoint(500, 5))
    assert caught.args == [-1, -1, -1]


def test_arrows_begin_at_the_hottest_place_and_walk_over_to_the_other_photo(
    canvas: PairCanvas, qtbot: QtBot
) -> None:
    for side in (QUERY, RESULT):
        canvas.set_heat(side, CORNER)
        canvas.set_choosable(side, True)
    told: list[tuple[int, int, int]] = []
    canvas.pointed.connect(lambda *place: told.append(place))
    canvas.setFocus()
    QTest.keyClick(canvas, Qt.Key.Key_Left)
    assert told[-1] == (RESULT, 0, 5)
    QTest.keyClick(canvas, Qt.Key.Key_Down)
    assert told[-1] == (RESULT, 1, 5)
    for _ in range(6):
        QTest.keyClick(canvas, Qt.Key.Key_Left)
    assert told[-1] == (QUERY, 1, 7)
    with qtbot.waitSignal(canvas.region_chosen) as caught:
        QTest.keyClick(canvas, Qt.Key.Key_Return)
    assert caught.args[0] == QUERY
    assert caught.args[1] == pytest.approx((5 / 8, 0, 3 / 8, 3 / 8))
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    assert told[-1] == (RESULT, 1, 0)


def test_arrows_stay_on_a_photo_whose_neighbour_has_no_map(canvas: PairCanvas) -> None:
    canvas.set_heat(QUERY, CORNER)
    told: list[tuple[int, int, int]] = []
    canvas.pointed.connect(lambda *place: told.append(place))
    canvas.setFocus()
    for _ in range(12):
        QTest.keyClick(canvas, Qt.Key.Key_Right)
    assert told[-1] == (QUERY, 0, 7)


def test_matching_points_are_drawn_with_lines_and_the_outline_of_the_query(canvas: PairCanvas) -> None:
    spots = np.array([[0.25, 0.25], [0.75, 0.25], [0.5, 0.75]], np.float32)
    corners = np.array([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]], np.float32)
    canvas.set_heat(QUERY, CORNER)
    canvas.set_points(Points(spots, spots, corners))
    plain = color(canvas, QUERY, 0.25, 0.25)
    canvas.show_points(True)
    accent = theme().color("accent")
    assert color(canvas, QUERY, 0.25, 0.25).name() == accent.name() != plain.name()
    assert color(canvas, RESULT, 0.75, 0.25).name() == accent.name()
    assert color(canvas, RESULT, 0.5, 0.1) != QColor("white")
    assert color(canvas, QUERY, 0.1, 0.9) == QColor("white")  # no heat now
    between = (
        canvas.grab().toImage().pixelColor((at(canvas, QUERY, 0.5, 0.75) + at(canvas, RESULT, 0.5, 0.75)) / 2)
    )
    assert between != canvas.grab().toImage().pixelColor(500, 395)


UNIT = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
SPOTS = np.full((4, 2), 0.5, np.float32)


def test_of_a_query_that_shows_more_the_result_is_framed_within_it(canvas: PairCanvas) -> None:
    """A photo of a wall with a print on it, and the print: the query's edges lie outside the result."""
    around = np.array([[-1, -1], [3, -1], [3, 3], [-1, 3]], np.float32)
    points = Points(SPOTS, SPOTS, around)
    frame = points.frame()
    assert frame is not None and frame[0] == QUERY
    np.testing.assert_allclose(frame[1], UNIT * 0.25 + 0.25, atol=1e-5)
    plain = color(canvas, QUERY, 0.25, 0.35)
    canvas.set_points(points)
    canvas.show_points(True)
    assert color(canvas, QUERY, 0.25, 0.35) != plain
    part = Points(SPOTS, SPOTS, around, (0.5, 0.0, 0.5, 1.0)).frame()
    assert part is not None
    np.testing.assert_allclose(part[1][0], (0.625, 0.25), atol=1e-5)


def test_a_frame_seen_askew_is_turned_back_by_its_perspective() -> None:
    askew = np.array([[-1.0, -0.8], [2.4, -1.6], [2.0, 2.9], [-0.7, 1.9]], np.float32)
    frame = Points(SPOTS, SPOTS, askew).frame()
    assert frame is not None and frame[0] == QUERY
    again = Points(SPOTS, SPOTS, frame[1]).frame()  # from the other side: the result as the query
    assert again is not None and again[0] == RESULT
    back = returned(frame[1])
    assert back is not None
    np.testing.assert_allclose(back, askew, atol=1e-3)


def test_the_frame_is_in_the_result_where_the_query_is_the_lesser_or_the_same() -> None:
    for outline in (UNIT, UNIT * 0.5 + 0.2, UNIT + 0.4):
        frame = Points(SPOTS, SPOTS, outline.astype(np.float32)).frame()
        assert frame is not None and frame[0] == RESULT


def test_what_is_no_frame_is_not_drawn_as_one(canvas: PairCanvas) -> None:
    crossed = np.array([[0, 0], [1, 1], [1, 0], [0, 1]], np.float32)
    for outline in (crossed, UNIT * 0, UNIT * 0.01 + 0.5, UNIT + 5, UNIT * np.nan):
        points = Points(SPOTS, SPOTS, outline.astype(np.float32))
        assert points.frame() is None
        canvas.set_points(points)
        canvas.show_points(True)
        canvas.grab()


def test_another_photo_comes_with_nothing_on_it(canvas: PairCanvas) -> None:
    canvas.set_heat(QUERY, CORNER)
    canvas.set_photo(QUERY, filled("green"))
    assert canvas.heat(QUERY) is None
    assert color(canvas, QUERY, 0.9, 0.1) == QColor("green")


def test_a_sharper_picture_takes_the_thumbnails_place(canvas: PairCanvas) -> None:
    canvas.set_photo(QUERY, filled("red", 30, 20), QSize(6000, 4000))
    small = canvas.photo_rect(QUERY)
    canvas.set_detail(QUERY, filled("blue", 3000, 2000))
    assert canvas.photo_rect(QUERY) == small
    assert color(canvas, QUERY, 0.5, 0.5) == QColor("blue")
    canvas.set_detail(QUERY, filled("red", 30, 20))
    assert color(canvas, QUERY, 0.5, 0.5) == QColor("blue")


def test_a_photo_without_a_thumbnail_has_its_place_when_its_picture_comes(canvas: PairCanvas) -> None:
    canvas.set_photo(QUERY, QImage())
    assert canvas.photo_rect(QUERY).isEmpty()
    canvas.set_detail(QUERY, filled("blue", 300, 200))
    assert color(canvas, QUERY, 0.5, 0.5) == QColor("blue")


def test_painting_a_large_photo_holds_the_window_for_a_moment_only(canvas: PairCanvas) -> None:
    """Scaling is done once for each size, not in every paint."""
    canvas.set_photo(QUERY, filled("blue", 1800, 1200))
    canvas.set_heat(QUERY, CORNER)
    canvas.grab()
    begun = time.thread_time()  # the machine may have other work
    for _ in range(10):
        canvas.grab()
    assert (time.thread_time() - begun) / 10 < 0.05
