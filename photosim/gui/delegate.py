"""How one photo looks in the grid: thumbnail, badges, and the rings of selection, focus and query."""

from __future__ import annotations

from collections import OrderedDict

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontInfo, QFontMetricsF, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from photosim.gui.grid_model import Role
from photosim.gui.style import Theme, theme
from photosim.gui.thumbnail_loader import ThumbnailLoader

RING = 4
"""Pixels around the photo that belong to its cell: the selection ring is drawn there."""
RADIUS = 6
NARROW = 130
"""Photos narrower than this many pixels get badges with as few words as will do."""
PREPARED_BADGES = 512

_SHADE = QColor(0, 0, 0, 160)
_WHITE = QColor(255, 255, 255)


class PhotoDelegate(QStyledItemDelegate):
    """Paints a photo into option.rect, RING pixels inside it. Everything slow is prepared and kept."""

    def __init__(self, loader: ThumbnailLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._loader = loader
        self._badges: OrderedDict[tuple[str, int, float, str], QPixmap] = OrderedDict()

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return option.rect.size()

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        colors = theme()
        photo = option.rect.adjusted(RING, RING, -RING, -RING)
        self._paint_thumbnail(painter, photo, index.data(Role.PHOTO_ID), colors)
        state = option.state
        selected = bool(state & QStyle.StateFlag.State_Selected)
        is_query = bool(index.data(Role.IS_QUERY))
        if state & QStyle.StateFlag.State_MouseOver:
            _fill(painter, photo, QColor(255, 255, 255, 34))
        if selected:
            _fill(painter, photo, colors.color("accent", 0.14))
        if is_query:
            _ring(painter, photo, 1.5, colors.color("accent"), 3)
        if selected:
            _ring(painter, photo, -2.5, colors.color("accent"), 3)
        if state & QStyle.StateFlag.State_HasFocus:
            # Inside the ring of the selection, in a colour of its own: where the keyboard is can be seen
            # among many selected photos, and where nothing is selected.
            _ring(painter, photo, 0 if selected else -2, colors.color("text"), 2)
        self._paint_badges(painter, photo, option.font, index, is_query, colors)

    def _paint_thumbnail(self, painter: QPainter, photo: QRect, photo_id: int, colors: Theme) -> None:
        pixmap = self._loader.pixmap(photo_id)
        if pixmap is None:
            _fill(painter, photo, colors.color("placeholder"))
            if self._loader.is_missing(photo_id):
                _paint_glyph(painter, photo, colors.color("muted", 0.7))
            return
        ratio = painter.device().devicePixelRatioF()
        exact = pixmap.size() == device_size(photo.size(), ratio)
        # Smoothing is slow: only where the pixels do not fall on the screen's.
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not exact)
        painter.drawPixmap(photo, pixmap)

    def _paint_badges(
        self,
        painter: QPainter,
        photo: QRect,
        font: QFont,
        index: QModelIndex | QPersistentModelIndex,
        is_query: bool,
        colors: Theme,
    ) -> None:
        ratio = painter.device().devicePixelRatioF()
        narrow = photo.width() < NARROW
        inset = 5 if narrow else 7
        left, top = photo.left() + inset, photo.top() + inset

        def badge(text: str, ground: QColor, ink: QColor) -> tuple[QPixmap, int, int]:
            pixmap = self._badge(text, ground, ink, font, ratio)
            return pixmap, round(pixmap.width() / ratio), round(pixmap.height() / ratio)

        if is_query:
            pixmap, width, _ = badge(self.tr("query"), colors.color("accent"), colors.color("on_accent"))
            painter.drawPixmap(left, top, pixmap)
            left += width + 4
        if index.data(Role.OFFLINE):
            pixmap, width, _ = badge(self.tr("offline"), _SHADE, _WHITE)
            if left + width <= photo.right() + 1:  # beside "query" a small photo has no room for it
                painter.drawPixmap(left, top, pixmap)
        similarity = index.data(Role.SIMILARITY)
        if similarity is not None:
            pixmap, _, height = badge(f"{similarity:.2f}", _SHADE, _WHITE)
            painter.drawPixmap(photo.left() + inset, photo.bottom() + 1 - inset - height, pixmap)
        copies = index.data(Role.COPIES)
        if copies is not None and copies > 1:
            text = f"×{copies}" if narrow else self.tr("{0} copies").format(copies)
            pixmap, width, height = badge(text, _SHADE, _WHITE)
            painter.drawPixmap(photo.right() + 1 - inset - width, photo.bottom() + 1 - inset - height, pixmap)

    def _badge(self, text: str, ground: QColor, ink: QColor, font: QFont, ratio: float) -> QPixmap:
        """A rounded label, drawn once: text is slow to lay out, and the same few come again and again."""
        key = (text, ground.rgba(), ratio, font.key())
        pixmap = self._badges.get(key)
        if pixmap is None:
            pixmap = _draw_badge(text, ground, ink, font, ratio)
            self._badges[key] = pixmap
            if len(self._badges) > PREPARED_BADGES:
                self._badges.popitem(last=False)
        return pixmap


def device_size(size: QSize, ratio: float) -> QSize:
    """The pixels of the screen that `size` logical pixels take."""
    return QSize(round(size.width() * ratio), round(size.height() * ratio))


def _draw_badge(text: str, ground: QColor, ink: QColor, font: QFont, ratio: float) -> QPixmap:
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
    return pixmap


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
