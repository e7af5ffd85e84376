"""Two photos side by side, with what makes them similar drawn on them: warm places, or matching points.

Regions and points are fractions, 0 to 1, of the upright photo they lie in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from photosim.gui.pair_frame import SEEN_AT_LEAST, returned, seen_share
from photosim.gui.style import theme
from photosim.search.explanation import area_around

Region = tuple[float, float, float, float]
Floats = npt.NDArray[np.float32]

WHOLE: Region = (0.0, 0.0, 1.0, 1.0)
QUERY, RESULT = 0, 1
GAP = 28
MARGIN = 4
FIT_AT_MOST = 3.0
"""A thumbnail stands in for its photo at the photo's size, but a small photo is not blown up further."""
MAP_SIDE = 96
"""Pixels of a heat map: as smooth as it needs to be, for it is stretched over the photo."""
VEIL = 0.74
TINT = 0.48
POINTS_AT_MOST = 160
LINES_AT_MOST = 36
"""More would hide the photos below them."""
DOT = 2.5
_BLUR = 0.55
"""Of a place."""
_BESIDE = 12


@dataclass(frozen=True)
class Points:
    """The same places in both photos, float32 [N, 2] each, and where the query's corners lie in the result,
    [4, 2], clockwise: those of its `region`, where the query is one."""

    query: Floats
    result: Floats
    outline: Floats
    region: Region = WHOLE

    def frame(self) -> tuple[int, Floats] | None:
        """The frame that tells how the photos lie to each other: (RESULT, where the query lies in it), or
        (QUERY, where the result lies in it) where the query shows more, as [4, 2] fractions of that photo.
        None where neither could be seen."""
        back = returned(self.outline)
        in_result, in_query = seen_share(self.outline), seen_share(back)
        if max(in_result, in_query) < SEEN_AT_LEAST:
            return None
        if back is None or in_result >= in_query:
            return RESULT, self.outline
        x, y, width, height = self.region
        return QUERY, (back * (width, height) + (x, y)).astype(np.float32)


@dataclass
class _Photo:
    """What is known of one of the two."""

    image: QImage = field(default_factory=QImage)
    size: QSizeF = field(default_factory=QSizeF)
    region: Region | None = None
    warmth: Floats | None = None
    seen: Region = WHOLE
    choosable: bool = False
    scaled: QPixmap = field(default_factory=QPixmap)
    overlay: QImage = field(default_factory=QImage)
    overlay_dark: bool = False


class PairCanvas(QWidget):
    """The query left, the result right. A warm area is outlined under the mouse, or at the place that arrows
    move; a click or Enter asks for it.

    `region_chosen(side, (x, y, w, h))` asks for an area as a query; `pointed(side, row, column)` tells which
    place of the heat map is looked at, side -1 for none.
    """

    region_chosen = Signal(int, tuple)
    pointed = Signal(int, int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._photos = (_Photo(), _Photo())
        self._points: Points | None = None
        self._shows_points = False
        self._at: tuple[int, float, float] | None = None  # side, and a point of its heat map
        self._by_keyboard = False
        self._ring = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Query and result, side by side"))

    # What is shown

    def set_photo(self, side: int, image: QImage, size: QSize | None = None) -> None:
        """Another photo, with nothing on it. `size`: of the upright original, where `image` is smaller."""
        fresh = _Photo(image=image, size=QSizeF(size if size is not None else image.size()))
        self._photos = (fresh, self._photos[RESULT]) if side == QUERY else (self._photos[QUERY], fresh)
        self._points = None
        self._point_at(None)
        self.update()

    def set_detail(self, side: int, image: QImage) -> None:
        """The same photo with more pixels."""
        photo = self._photos[side]
        if photo.size.isEmpty():
            photo.size = QSizeF(image.size())
        if image.width() > photo.image.width():
            photo.image, photo.scaled = image, QPixmap()
            self.update()

    def set_region(self, side: int, region: Region | None) -> None:
        """Outline the part of the photo that the similarity is about."""
        self._photos[side].region = region
        self.update()

    def set_heat(self, side: int, warmth: Floats | None, seen: Region = WHOLE) -> None:
        """Heat float32 [H, W], 0 to 1, over the part `seen` of the photo; None for no map."""
        photo = self._photos[side]
        photo.warmth, photo.seen, photo.overlay = warmth, seen, QImage()
        if warmth is None and self._at is not None and self._at[0] == side:
            self._point_at(None)
        self.update()

    def set_choosable(self, side: int, choosable: bool) -> None:
        """Whether a part of the photo can become the query."""
        self._photos[side].choosable = choosable
        self._show_cursor()

    def is_choosable(self, side: int) -> bool:
        return self._photos[side].choosable

    def set_points(self, points: Points | None) -> None:
        self._points = points
        self.update()

    def show_points(self, on: bool) -> None:
        """Matching points instead of the heat map."""
        self._shows_points = on
        self._point_at(None)
        self.update()

    def heat(self, side: int) -> Floats | None:
        return self._photos[side].warmth

    @property
    def shows_points(self) -> bool:
        return self._shows_points

    def area(self) -> tuple[int, Region] | None:
        """The area under the mouse or the keyboard's mark: (side, fractions of the photo)."""
        if self._at is None:
            return None
        side, x, y = self._at
        photo = self._photos[side]
        if photo.warmth is None:
            return None
        box = area_around(photo.warmth, x, y)
        left, top, width, height = photo.seen
        return side, (left + box[0] * width, top + box[1] * height, box[2] * width, box[3] * height)

    def photo_rect(self, side: int) -> QRectF:
        """Where a photo lies, in widget pixels; empty without one."""
        photo = self._photos[side]
        half = self._half(side)
        if photo.size.isEmpty() or half.isEmpty():
            return QRectF()
        scale = min(half.width() / photo.size.width(), half.height() / photo.size.height(), FIT_AT_MOST)
        rect = QRectF(QPointF(), photo.size * scale)
        rect.moveCenter(half.center())
        return rect

    def _half(self, side: int) -> QRectF:
        width = max((self.width() - GAP) / 2 - MARGIN, 0)
        x = MARGIN if side == QUERY else self.width() - MARGIN - width
        return QRectF(x, MARGIN, width, max(self.height() - 2 * MARGIN, 0))

    # Pointing

    def _point_at(self, at: tuple[int, float, float] | None, by_keyboard: bool = False) -> None:
        if at == self._at and by_keyboard == self._by_keyboard:
            return
        before = self._cell()
        self._at, self._by_keyboard = at, by_keyboard
        if self._cell() != before:
            self.pointed.emit(*(self._cell() or (-1, -1, -1)))
        self._show_cursor()
        self.update()

    def _cell(self) -> tuple[int, int, int] | None:
        if self._at is None:
            return None
        side, x, y = self._at
        warmth = self._photos[side].warmth
        if warmth is None:
            return None
        rows, columns = warmth.shape
        return side, min(int(y * rows), rows - 1), min(int(x * columns), columns - 1)

    def _under(self, point: QPointF) -> tuple[int, float, float] | None:
        """The side and the point of its heat map that lies under a point of the widget."""
        if self._shows_points:
            return None
        for side, photo in enumerate(self._photos):
            rect = self._on_photo(side, photo.seen)
            if photo.warmth is not None and rect.contains(point):
                return (
                    side,
                    (point.x() - rect.x()) / rect.width(),
                    (point.y() - rect.y()) / rect.height(),
                )
        return None

    def _on_photo(self, side: int, region: Region) -> QRectF:
        rect = self.photo_rect(side)
        x, y, width, height = region
        return QRectF(
            rect.x() + x * rect.width(),
            rect.y() + y * rect.height(),
            width * rect.width(),
            height * rect.height(),
        )

    def _choose(self) -> None:
        area = self.area()
        if area is not None and self._photos[area[0]].choosable:
            self.region_chosen.emit(*area)

    def _show_cursor(self) -> None:
        if self._at is not None and self._photos[self._at[0]].choosable:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        else:
            self.unsetCursor()

    def say(self, description: str) -> None:
        """What a screen reader says of the place looked at."""
        if description != self.accessibleDescription():
            self.setAccessibleDescription(description)
            QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.DescriptionChanged))

    # Events

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point_at(self._under(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        if not self._by_keyboard:
            self._point_at(None)
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._point_at(self._under(event.position()))
            self._choose()

    def event(self, event: QEvent) -> bool:
        # While this has the focus, its keys are not the window's shortcuts.
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.ShortcutOverride
            and not event.modifiers()
            and event.key() in (*_ARROWS, *_TAKING)
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in _ARROWS and not self._shows_points:
            self._move_mark(*_ARROWS[key])
        elif key in _TAKING and not self._shows_points:
            self._choose()
        else:
            super().keyPressEvent(event)

    def _move_mark(self, right: int, down: int) -> None:
        """One place on; over the inner edges it goes to the other photo."""
        cell = self._cell()
        if cell is None:
            self._mark_hottest()
            return
        side, row, column = cell
        other = RESULT if side == QUERY else QUERY
        warmth, beside = self._photos[side].warmth, self._photos[other].warmth
        assert warmth is not None
        rows, columns = warmth.shape
        row, column = min(max(row + down, 0), rows - 1), column + right
        if beside is not None and (column < 0 if side == RESULT else column >= columns):
            side, column = other, (beside.shape[1] - 1 if side == RESULT else 0)
            row = min(row * beside.shape[0] // rows, beside.shape[0] - 1)
            rows, columns = beside.shape
        column = min(max(column, 0), columns - 1)
        self._point_at((side, (column + 0.5) / columns, (row + 0.5) / rows), by_keyboard=True)

    def _mark_hottest(self) -> None:
        for side in (RESULT, QUERY):
            warmth = self._photos[side].warmth
            if warmth is not None:
                rows, columns = warmth.shape
                row, column = divmod(int(warmth.argmax()), columns)
                self._point_at((side, (column + 0.5) / columns, (row + 0.5) / rows), by_keyboard=True)
                return

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._ring = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._ring = False
        if self._by_keyboard:
            self._point_at(None)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(900, 520)

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 160)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        for side, photo in enumerate(self._photos):
            rect = self.photo_rect(side)
            if rect.isEmpty():
                continue
            self._paint_photo(painter, photo, rect)
            if not self._shows_points and photo.warmth is not None:
                self._paint_heat(painter, side, photo)
            if photo.region is not None:
                _outline(painter, self._on_photo(side, photo.region), 1.5, Qt.PenStyle.DashLine)
        if self._shows_points and self._points is not None:
            self._paint_points(painter, self._points)
        area = self.area()
        if area is not None:
            _outline(painter, self._on_photo(*area), 2.0)
        if self._ring:
            painter.setPen(QPen(theme().color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)

    def _paint_photo(self, painter: QPainter, photo: _Photo, rect: QRectF) -> None:
        if photo.image.isNull():
            painter.fillRect(rect, theme().color("placeholder"))
            return
        wanted = (rect.size() * self.devicePixelRatioF()).toSize()
        if photo.image.width() <= wanted.width():
            # It is stretched anyway: no copy of it is kept.
            painter.drawImage(rect, photo.image)
            return
        if photo.scaled.size() != wanted:
            photo.scaled = QPixmap.fromImage(
                photo.image.scaled(
                    wanted, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
                )
            )
        painter.drawPixmap(rect, photo.scaled, QRectF(photo.scaled.rect()))

    def _paint_heat(self, painter: QPainter, side: int, photo: _Photo) -> None:
        assert photo.warmth is not None
        if photo.overlay.isNull() or photo.overlay_dark != theme().dark:
            photo.overlay = heat_image(
                photo.warmth, photo.seen, theme().color("window"), theme().color("accent")
            )
            photo.overlay_dark = theme().dark
        painter.drawImage(self.photo_rect(side), photo.overlay)

    def _paint_points(self, painter: QPainter, points: Points) -> None:
        places = [
            [
                QPointF(rect.x() + x * rect.width(), rect.y() + y * rect.height())
                for x, y in found[:POINTS_AT_MOST].tolist()
            ]
            for rect, found in (
                (self.photo_rect(QUERY), points.query),
                (self.photo_rect(RESULT), points.result),
            )
        ]
        frame = points.frame()
        if frame is not None:
            self._paint_frame(painter, *frame)
        accent = theme().color("accent")
        painter.setPen(QPen(theme().color("accent", 0.6), 1))
        every = -(-len(places[QUERY]) // LINES_AT_MOST)
        for begin, end in zip(places[QUERY][::every], places[RESULT][::every], strict=True):
            painter.drawLine(begin, end)
        painter.setPen(QPen(Qt.GlobalColor.white, 1))
        painter.setBrush(accent)
        for point in (*places[QUERY], *places[RESULT]):
            painter.drawEllipse(point, DOT, DOT)

    def _paint_frame(self, painter: QPainter, side: int, frame: Floats) -> None:
        rect = self.photo_rect(side)
        corners = QPolygonF(
            [QPointF(rect.x() + x * rect.width(), rect.y() + y * rect.height()) for x, y in frame.tolist()]
        )
        painter.save()
        painter.setClipRect(rect)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(Qt.GlobalColor.white, 4))
        painter.drawPolygon(corners)
        painter.setPen(QPen(theme().color("accent"), 2))
        painter.drawPolygon(corners)
        painter.restore()


def heat_image(warmth: Floats, seen: Region, veil: QColor, accent: QColor) -> QImage:
    """A heat map [H, W], 0 to 1, of the part `seen`, to lay over a whole photo: cold places are veiled, as is
    what was not seen, warm ones tinted."""
    rows = _spread(len(warmth), seen[1], seen[3])
    columns = _spread(warmth.shape[1], seen[0], seen[2])
    smooth = np.clip(rows @ warmth @ columns.T, 0, 1)
    tint = TINT * smooth
    cover = VEIL * (1 - smooth) ** 1.5
    pixels = np.empty((*smooth.shape, 4), np.float32)
    # Blue, green, red, alpha in memory is what Qt calls ARGB32 on every machine that photosim runs on.
    inks = [(color.blueF(), color.greenF(), color.redF(), 1.0) for color in (accent, veil)]
    for channel, (of_tint, of_veil) in enumerate(zip(*inks, strict=True)):
        pixels[..., channel] = of_tint * tint + of_veil * cover * (1 - tint)
    data = np.ascontiguousarray(np.round(pixels * 255).astype(np.uint8))
    height, width = smooth.shape
    return QImage(data.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied).copy()


def _spread(count: int, start: float, length: float) -> Floats:
    """Weights [MAP_SIDE, count] that spread values at `count` places of a stretch of 0..1 over pixels of all
    of it: Gaussians of half a place, which leave no corners as straight lines between the places would.
    Beyond the stretch everything is 0."""
    pixels = (np.arange(MAP_SIDE) + 0.5) / MAP_SIDE
    # Places of nothing stand beyond the ends, but not beyond those of the photo.
    before = _BESIDE if start > 0 else 0
    after = _BESIDE if start + length < 1 else 0
    places = start + (np.arange(-before, count + after) + 0.5) / count * length
    away = (pixels[:, None] - places[None, :]) / length * count
    weights = np.exp(-0.5 * np.clip(away / _BLUR, -12, 12) ** 2)
    shares = weights / weights.sum(axis=1, keepdims=True)
    result: Floats = shares[:, before : before + count].astype(np.float32)
    return result


def _outline(
    painter: QPainter, rect: QRectF, width: float, style: Qt.PenStyle = Qt.PenStyle.SolidLine
) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(Qt.GlobalColor.white, width + 2))
    painter.drawRect(rect)
    painter.setPen(QPen(theme().color("accent"), width, style))
    painter.drawRect(rect)


_ARROWS: dict[Qt.Key, tuple[int, int]] = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_TAKING = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
