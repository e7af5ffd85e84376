"""The live plots: every figure is in them, however many there are, and they can be heard as well as seen."""

from __future__ import annotations

import math
import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from photosim.gui import style
from photosim.gui.style import apply_style
from photosim.gui.teach.plot import MOST_POINTS, Curve, LivePlot, nice_above, thinned


@pytest.fixture
def plot(qtbot: QtBot) -> LivePlot:
    plot = LivePlot("loss", lambda value: f"{value:.2g}")
    qtbot.addWidget(plot)
    plot.resize(440, 240)
    return plot


def painted(plot: LivePlot, color: str) -> list[tuple[int, int]]:
    """Where the plot has pixels of just this colour of the theme."""
    image = plot.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    wanted = style.theme().color(color).rgb()
    return [
        (x, y) for x in range(image.width()) for y in range(image.height()) if image.pixel(x, y) == wanted
    ]


def test_thinning_keeps_the_ends_and_every_peak() -> None:
    xs = [number / 1000 for number in range(50_000)]
    ys = [math.sin(x) for x in xs]
    ys[31_234] = 7.0
    ys[31_236] = -7.0
    points = thinned(xs, ys, 0.1)
    assert len(points) <= 4 * 501
    assert points[0] == (xs[0], ys[0]) and points[-1] == (xs[-1], ys[-1])
    assert max(y for _, y in points) == 7.0 and min(y for _, y in points) == -7.0
    assert points == sorted(points)
    assert thinned([0, 5, 9], [1, 2, 3], 1.0) == [(0, 1), (5, 2), (9, 3)]


def test_a_curve_is_bounded_and_keeps_its_pieces() -> None:
    curve = Curve()
    for number in range(MOST_POINTS):
        if number % 5000 == 0:
            curve.break_line()
        curve.add(number, 2.0 * number)
    curve.add(MOST_POINTS, 0.0)
    assert len(curve) <= MOST_POINTS / 2 + 5
    pieces = curve.pieces()
    assert [xs[0] for xs, _ in pieces] == [0, 5000, 10_000, 15_000]
    assert all(ys == [2.0 * x for x in xs] for xs, ys in pieces[:-1])


def test_what_is_no_point_is_left_out() -> None:
    curve = Curve()
    for x, y in [(0, 1), (1, math.nan), (2, math.inf), (3, 2), (2.5, 9)]:
        curve.add(x, y)
    assert list(zip(curve.xs, curve.ys, strict=True)) == [(0, 1), (3, 2)]


@pytest.mark.parametrize(
    ("value", "above"), [(0.017, 0.02), (0.2, 0.2), (0.21, 0.25), (3, 5), (70, 100), (0, 1), (math.nan, 1)]
)
def test_the_axis_ends_at_a_round_figure(value: float, above: float) -> None:
    assert nice_above(value) == pytest.approx(above)


def test_shares_are_seen_against_chance(qtbot: QtBot) -> None:
    plot = LivePlot("right", lambda share: f"{share:.0%}", share=True)
    qtbot.addWidget(plot)
    assert plot.ends() == (0.5, 1.0)
    plot.add(0, 0.7)
    assert plot.ends() == (0.5, 1.0)
    plot.add(1, 0.42)
    assert plot.ends() == (pytest.approx(0.4), 1.0)


def test_it_says_its_figure_to_those_who_do_not_see_it(plot: LivePlot) -> None:
    assert (plot.accessibleName(), plot.accessibleDescription()) == ("loss", "nothing yet")
    assert plot.value_text == "–"
    plot.add(0.0, 0.5)
    plot.add(12.4, 0.125)
    assert plot.value_text == "0.12"
    assert plot.accessibleDescription() == "0.12 now, 0.5 at first"
    plot.clear()
    assert plot.accessibleDescription() == "nothing yet" and not len(plot.curve)


def test_the_curve_falls_across_the_plot_and_stays_within_it(plot: LivePlot) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    try:
        for scheme in (Qt.ColorScheme.Light, Qt.ColorScheme.Dark):
            apply_style(app, scheme)
            plot.clear()
            assert not painted(plot, "accent")
            for number in range(200):
                plot.add(number / 10, math.exp(-number / 50))
            dots = painted(plot, "accent")
            first, last = min(dots), max(dots)
            assert last[0] - first[0] > 300 and last[1] - first[1] > 80
            assert last[0] < plot.width() and max(y for _, y in dots) < plot.height() - 10
    finally:
        apply_style(app)


def test_pieces_are_not_joined(plot: LivePlot) -> None:
    for x, y in [(0, 1.0), (4, 1.0)]:
        plot.add(x, y)
    plot.divide(5.0)
    for x, y in [(6, 1.0), (10, 1.0)]:
        plot.add(x, y)
    across = {x for x, _ in painted(plot, "accent")}
    gap = [x for x in range(min(across), max(across)) if x not in across]
    assert len(gap) > 20


def test_painting_thousands_of_points_keeps_within_a_frame(plot: LivePlot) -> None:
    for number in range(MOST_POINTS):
        plot.add(number / 100, 1 + math.sin(number))
    plot.grab()
    begun = time.perf_counter()
    plot.grab()
    assert time.perf_counter() - begun < 0.2  # some 25 ms where nobody else computes
