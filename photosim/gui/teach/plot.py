"""A small live plot of one figure as it changes, with its present value written large beside its name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from photosim.gui.style import theme

MOST_POINTS = 20_000
"""Beyond this every second point is let go: a plot has some hundred columns."""

_GAP = 8
_DOT = 3.5


@dataclass
class Curve:
    """Points (place, value) in the order they came; a new piece begins where `break_line` was called."""

    xs: list[float] = field(default_factory=list)
    ys: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    _broken: bool = True

    def __len__(self) -> int:
        return len(self.xs)

    def add(self, x: float, y: float) -> None:
        """Add a point; one that is no number, or lies before the last one, is no point."""
        if not (math.isfinite(x) and math.isfinite(y)) or (self.xs and x < self.xs[-1]):
            return
        if self._broken:
            self.starts.append(len(self.xs))
            self._broken = False
        self.xs.append(x)
        self.ys.append(y)
        if len(self.xs) > MOST_POINTS:
            self._halve()

    def break_line(self) -> None:
        """What comes next is not joined to what came before."""
        self._broken = True

    def pieces(self) -> list[tuple[list[float], list[float]]]:
        """The points of every piece."""
        bounds = pairwise([*self.starts, len(self.xs)])
        return [(self.xs[start:end], self.ys[start:end]) for start, end in bounds]

    def _halve(self) -> None:
        xs: list[float] = []
        ys: list[float] = []
        starts: list[int] = []
        for piece_xs, piece_ys in self.pieces():
            starts.append(len(xs))
            xs += piece_xs[::2]
            ys += piece_ys[::2]
        self.xs, self.ys, self.starts = xs, ys, starts


def thinned(xs: Sequence[float], ys: Sequence[float], column: float) -> list[tuple[float, float]]:
    """At most four points to every `column` of x: its first, lowest, highest and last, in their order.

    A line through them looks like one through all, however many there are.
    """
    points: list[tuple[float, float]] = []
    start = 0
    while start < len(xs):
        number = math.floor(xs[start] / column)
        end = start + 1
        while end < len(xs) and math.floor(xs[end] / column) == number:
            end += 1
        rows = range(start, end)
        kept = {start, end - 1, min(rows, key=ys.__getitem__), max(rows, key=ys.__getitem__)}
        points += [(xs[row], ys[row]) for row in sorted(kept)]
        start = end
    return points


def nice_above(value: float) -> float:
    """The least of 1, 2, 2.5, 5 and 10 times a power of ten that is not below `value`; 1 for nothing."""
    if value <= 0 or not math.isfinite(value):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if value <= step * power * (1 + 1e-9))


class LivePlot(QWidget):
    """One curve between two axes, painted from `theme()`. `add` as often as you like: it paints once a frame.

    `written` puts a value of the curve into words. With `share` the values are shares: their axis ends at 1,
    and begins at a half, which is chance, or lower where the curve is. Without, it begins at 0.
    """

    def __init__(
        self,
        title: str,
        written: Callable[[float], str],
        share: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._title, self._written, self._share = title, written, share
        self.curve = Curve()
        self._dividers: list[float] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(title)
        self._say()

    # What it shows

    def add(self, place: float, value: float) -> None:
        """Add a point; `place` never falls."""
        self.curve.add(place, value)
        self._say()
        self.update()

    def break_line(self) -> None:
        """What comes next is another try: not joined to what came before."""
        self.curve.break_line()

    def divide(self, place: float) -> None:
        """What comes next is another phase: a line across, besides."""
        self.curve.break_line()
        self._dividers.append(place)
        self.update()

    def clear(self) -> None:
        self.curve = Curve()
        self._dividers = []
        self._say()
        self.update()

    @property
    def value_text(self) -> str:
        """The present value in words, a dash before there is one."""
        return self._written(self.curve.ys[-1]) if len(self.curve) else "–"

    def ends(self) -> tuple[float, float]:
        """The ends of the axis of values."""
        ys = self.curve.ys
        if self._share:
            return (min(0.5, math.floor(min(ys, default=0.5) * 10) / 10), 1.0)
        return 0.0, nice_above(max(ys, default=0.0))

    def sizeHint(self) -> QSize:
        return QSize(440, 250)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 130)

    def _say(self) -> None:
        ys = self.curve.ys
        text = self.tr("nothing yet")
        if ys:
            text = self.tr("{value} now, {first} at first").format(
                value=self._written(ys[-1]), first=self._written(ys[0])
            )
        if text != self.accessibleDescription():
            self.setAccessibleDescription(text)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = self._paint_heading(painter)
        metrics = self.fontMetrics()
        low, high = self.ends()
        middle = (low + high) / 2
        labels = [self._written(value) for value in (low, middle, high)]
        left = max(metrics.horizontalAdvance(label) for label in labels) + _GAP
        area = QRectF(left, top, self.width() - left - _DOT - 1, 0)
        area.setBottom(self.height() - metrics.height() - _GAP)
        if area.height() > 20 and area.width() > 20:
            self._paint_axes(painter, area, labels)
            self._paint_curve(painter, area, low, high)
        painter.end()

    def _paint_heading(self, painter: QPainter) -> float:
        """The name and the present value; returns where the plot may begin."""
        colors = theme()
        large = QFont(self.font())
        large.setPointSizeF(large.pointSizeF() * 1.5)
        large.setBold(True)
        painter.setPen(colors.color("text"))
        painter.setFont(large)
        height = painter.fontMetrics().height()
        value = self.value_text
        width = painter.fontMetrics().horizontalAdvance(value) + 12
        painter.drawText(QRectF(0, 0, width, height), Qt.AlignmentFlag.AlignVCenter, value)
        painter.setFont(self.font())
        painter.setPen(colors.color("muted"))
        room = QRectF(width, 0, self.width() - width, height)
        title = self.fontMetrics().elidedText(self._title, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, title)
        return height + 2 * _GAP

    def _paint_axes(self, painter: QPainter, area: QRectF, labels: list[str]) -> None:
        colors = theme()
        metrics = self.fontMetrics()
        for share, label in zip((0.0, 0.5, 1.0), labels, strict=True):
            y = area.bottom() - share * area.height()
            painter.setPen(QPen(colors.color("line"), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(colors.color("muted"))
            beside = QRectF(0, y - metrics.height() / 2, area.left() - _GAP, metrics.height())
            painter.drawText(beside, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, label)
        below = QRectF(area.left(), area.bottom() + _GAP, area.width(), metrics.height())
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, self.tr("start"))
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, self.tr("now"))

    def _paint_curve(self, painter: QPainter, area: QRectF, low: float, high: float) -> None:
        colors = theme()
        xs = self.curve.xs or [0.0]
        # A single point lies at the right end, which is now.
        first = xs[0] if xs[-1] > xs[0] else xs[0] - 1
        across = area.width() / (xs[-1] - first)
        up = area.height() / (high - low)

        def place(x: float, y: float) -> QPointF:
            return QPointF(area.left() + (x - first) * across, area.bottom() - (y - low) * up)

        painter.setPen(QPen(colors.color("line_strong"), 1, Qt.PenStyle.DotLine))
        for x in (x for x in self._dividers if first <= x <= xs[-1]):
            painter.drawLine(place(x, low), place(x, high))
        pen = QPen(colors.color("accent"), 2)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        last: QPointF | None = None
        dots: list[QPointF] = []
        for piece_xs, piece_ys in self.curve.pieces():
            points = [place(x, y) for x, y in thinned(piece_xs, piece_ys, 1 / across)]
            # Line by line: a path that goes up and down in every column takes Qt twelve times as long.
            painter.drawLines([QLineF(*ends) for ends in pairwise(points)])
            last = points[-1]
            if len(points) == 1:
                dots.append(last)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.color("accent"))
        for dot in dots:
            painter.drawEllipse(dot, _DOT - 1, _DOT - 1)
        if last is not None:
            painter.drawEllipse(last, _DOT, _DOT)
