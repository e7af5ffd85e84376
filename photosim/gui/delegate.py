"""How one photo looks in the grid: thumbnail, badges, and the rings of selection, focus and query."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import Flag, auto

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontInfo, QFontMetricsF, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from photosim.gui.grid_model import Cell, PhotoModel
from photosim.gui.style import theme
from photosim.gui.thumbnail_loader import ThumbnailLoader

RING = 4
"""Pixels around the photo that belong to its cell: the selection ring is drawn there."""
RADIUS = 6
NARROW = 130
"""Photos narrower than this many pixels get badges with as few words as will do."""
PREPARED_BADGES = 512

_SHADE = QColor(0, 0, 0, 160)
_WHITE = QColor(255, 255, 255)
_GLOW = QColor(255, 255, 255, 34)


Badge = tuple[QPixmap, int, int]
"""A drawn label, its width and its height in logical pixels."""


class Mark(Flag):
    """How a photo stands out for the moment."""

    NONE = 0
    HOVERED = auto()
    SELECTED = auto()
    CURRENT = auto()


@dataclass(frozen=True)
class Paper:
    """What all cells of one paint have in common, looked up once."""

    ratio: float  # pixels of the screen to a logical one
    font: QFont
    font_key: str
    dark: bool
    accent: QColor
    on_accent: QColor
    soft: QColor
    text: QColor
    muted: QColor
    placeholder: QColor

    @classmethod
    def of(cls, painter: QPainter, font: QFont) -> Paper:
        colors = theme()
        return cls(
            ratio=painter.device().devicePixelRatioF(),
            font=font,
            font_key=font.key(),
            dark=colors.dark,
            accent=colors.color("accent"),
            on_accent=colors.color("on_accent"),
            soft=colors.color("accent", 0.14),
            text=colors.color("text"),
            muted=colors.color("muted", 0.7),
            placeholder=colors.color("placeholder"),
        )


class PhotoDelegate(QStyledItemDelegate):
    """Paints a photo into its cell, RING pixels inside it. Everything slow is prepared and kept.

    The grid, which paints hundreds of cells at a time, calls `paint_cell`; `paint` is Qt's way to the
    same picture.
    """

    def __init__(self, loader: ThumbnailLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._loader = loader
        self._badges: OrderedDict[tuple[str, bool, bool, float, str], Badge] = OrderedDict()
        self._query = self.tr("query")
        self._offline = self.tr("offline")
        self._copies = self.tr("{0} copies")

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return option.rect.size()

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        model = index.model()
        if isinstance(model, PhotoModel):
            marks = Mark.NONE
            for flag, mark in _MARKS:
                if option.state & flag:
                    marks |= mark
            paper = Paper.of(painter, option.font)
            self.paint_cell(painter, option.rect, model.cell(index.row()), marks, paper)

    def paint_cell(self, painter: QPainter, rect: QRect, cell: Cell, marks: Mark, paper: Paper) -> None:
        photo = rect.adjusted(RING, RING, -RING, -RING)
        self._paint_thumbnail(painter, photo, cell.photo_id, paper)
        if cell.is_query:
            _ring(painter, photo, 1.5, paper.accent, 3)
        if marks is not Mark.NONE:
            selected = Mark.SELECTED in marks
            if Mark.HOVERED in marks:
                _fill(painter, photo, _GLOW)
            if selected:
                _fill(painter, photo, paper.soft)
                _ring(painter, photo, -2.5, paper.accent, 3)
            if Mark.CURRENT in marks:
                # Inside the ring of the selection, in a colour of its own: where the keyboard is can be
                # seen among many selected photos, and where nothing is selected.
                _ring(painter, photo, 0 if selected else -2, paper.text, 2)
        self._paint_badges(painter, photo, cell, paper)

    def _paint_thumbnail(self, painter: QPainter, photo: QRect, photo_id: int, paper: Paper) -> None:
        pixmap = self._loader.pixmap(photo_id)
        if pixmap is None:
            _fill(painter, photo, paper.placeholder)
            if self._loader.is_missing(photo_id):
                _paint_glyph(painter, photo, paper.muted)
        elif pixmap.size() == device_size(photo.size(), paper.ratio):
            painter.drawPixmap(photo, pixmap)
        else:
            # Smoothing is slow: only where the pixels do not fall on the screen's.
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(photo, pixmap)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)

    def _paint_badges(self, painter: QPainter, photo: QRect, cell: Cell, paper: Paper) -> None:
        narrow = photo.width() < NARROW
        inset = 5 if narrow else 7
        left, right = photo.left() + inset, photo.right() + 1 - inset
        top, bottom = photo.top() + inset, photo.bottom() + 1 - inset
        if cell.similarity is not None:
            pixmap, _, height = self._badge(f"{cell.similarity:z.2f}", False, paper)
            painter.drawPixmap(left, bottom - height, pixmap)
        if cell.copies > 1:
            text = f"×{cell.copies}" if narrow else self._copies.format(cell.copies)
            pixmap, width, height = self._badge(text, False, paper)
            painter.drawPixmap(right - width, bottom - height, pixmap)
        if cell.is_query:
            pixmap, width, _ = self._badge(self._query, True, paper)
            painter.drawPixmap(left, top, pixmap)
            left += width + 4
        if cell.offline:
            pixmap, width, _ = self._badge(self._offline, False, paper)
            if left + width <= right + inset:  # beside "query" a small photo has no room for it
                painter.drawPixmap(left, top, pixmap)

    def _badge(self, text: str, accented: bool, paper: Paper) -> Badge:
        """A rounded label, drawn once: text is slow to lay out, and the same few come again and again."""
        key = (text, accented, paper.dark, paper.ratio, paper.font_key)
        badge = self._badges.get(key)
        if badge is None:
            ground, ink = (paper.accent, paper.on_accent) if accented else (_SHADE, _WHITE)
            badge = _draw_badge(text, ground, ink, paper.font, paper.ratio)
            self._badges[key] = badge
            if len(self._badges) > PREPARED_BADGES:
                self._badges.popitem(last=False)
        return badge


def device_size(size: QSize, ratio: float) -> QSize:
    """The pixels of the screen that `size` logical pixels take."""
    return QSize(round(size.width() * ratio), round(size.height() * ratio))


def _draw_badge(text: str, ground: QColor, ink: QColor, font: QFont, ratio: float) -> Badge:
    small = QFont(font)
    small.setPointSizeF(QFontInfo(font).pointSizeF() * 0.87)
    metrics = QFontMetricsF(small)
    width = round(metrics.horizontalAdvance(text)) + 12
    height = round(metrics.height()) + 4
    pixmap = QPixmap(device_size(QSize(width, height), ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(QRectF(0, 0, width, height), 4, 4)
    painter.setPen(ink)
    painter.setFont(small)
    painter.drawText(QRectF(0, 0, width, height), Qt.AlignmentFlag.AlignCenter, text)
    painter.end()
    return pixmap, width, height


def _fill(painter: QPainter, rect: QRect, color: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawRoundedRect(QRectF(rect), RADIUS, RADIUS)


def _ring(painter: QPainter, photo: QRect, inwards: float, color: QColor, width: float) -> None:
    painter.setPen(QPen(color, width))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    ring = QRectF(photo).adjusted(inwards, inwards, -inwards, -inwards)
    painter.drawRoundedRect(ring, RADIUS - inwards, RADIUS - inwards)


def _paint_glyph(painter: QPainter, photo: QRect, color: QColor) -> None:
    """A quiet picture of a picture, for a photo that has no thumbnail."""
    side = min(photo.width(), photo.height(), 110) * 0.36
    box = QRectF(0, 0, side * 1.3, side)
    box.moveCenter(QRectF(photo).center())
    pen = QPen(color, 1.6)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(box, 4, 4)
    painter.drawEllipse(box.topLeft() + QPointF(box.width() * 0.3, side * 0.32), side * 0.1, side * 0.1)
    hills = QPainterPath(box.bottomLeft() + QPointF(side * 0.14, -side * 0.16))
    for x, y in ((0.42, 0.55), (0.58, 0.74), (0.72, 0.46), (0.9, 0.78)):
        hills.lineTo(box.left() + box.width() * x, box.top() + side * y)
    painter.drawPath(hills)


_MARKS = (
    (QStyle.StateFlag.State_MouseOver, Mark.HOVERED),
    (QStyle.StateFlag.State_Selected, Mark.SELECTED),
    (QStyle.StateFlag.State_HasFocus, Mark.CURRENT),
)
