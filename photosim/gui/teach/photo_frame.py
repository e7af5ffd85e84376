"""One large photo of a question: all of it, with rounded corners, as large as there is room."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QBrush,
    QEnterEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QTransform,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from photosim.gui.plain_text import plain_tip
from photosim.gui.style import theme

RADIUS = 9.0
LARGEST_ZOOM = 4.0
"""A photo of few pixels is not enlarged further: it would be a blur as large as the others are sharp."""
LEAST_SIDE = 96


class PhotoFrame(QWidget):
    """`set_photo` shows a photo by its thumbnail, `set_detail` a sharper picture of the same photo.

    `choosable` makes it a button of the mouse; the keyboard has buttons of its own. `marked` gives it the
    accent's frame.
    """

    clicked = Signal()

    def __init__(self, choosable: bool, marked: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choosable, self._marked = choosable, marked
        self._pixmap: QPixmap | None = None
        self._size = QSize()
        self._badge = ""
        self._pressed = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(LEAST_SIDE, LEAST_SIDE)

    @property
    def image(self) -> QImage:
        """The picture shown; null while there is none."""
        return QImage() if self._pixmap is None else self._pixmap.toImage()

    def set_photo(self, image: QImage, size: QSize, name: str, badge: str = "") -> None:
        """Show a photo of `size` pixels by any picture of it; `badge` is a word on its lower edge."""
        self._pixmap = QPixmap.fromImage(image)
        self._size = size if size.isValid() and not size.isEmpty() else image.size()
        self._badge = badge
        self._pressed = False
        self.setToolTip(plain_tip(name))
        self.setAccessibleName(name)
        self._see_cursor()
        self.update()

    def set_detail(self, image: QImage) -> None:
        """A sharper picture of the photo shown."""
        self._pixmap = QPixmap.fromImage(image)
        self.update()

    def clear(self) -> None:
        self._pixmap = None
        self.setToolTip("")
        self._see_cursor()
        self.update()

    def photo_rect(self) -> QRectF:
        """Where the photo lies: in the middle."""
        room = QSizeF(self.size()) - QSizeF(4, 4)
        ratio = self.devicePixelRatioF()
        largest = QSizeF(self._size) * LARGEST_ZOOM / ratio
        fitted = QSizeF(self._size).scaled(room.boundedTo(largest), Qt.AspectRatioMode.KeepAspectRatio)
        rect = QRectF(0, 0, max(1.0, fitted.width()), max(1.0, fitted.height()))
        rect.moveCenter(QRectF(self.rect()).center())
        return rect

    def sizeHint(self) -> QSize:
        return QSize(380, 285)

    # Events

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme()
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        if self._pixmap is None or self._pixmap.isNull():
            painter.end()
            return
        rect = self.photo_rect()
        brush = QBrush(self._pixmap)
        fit = QTransform.fromTranslate(rect.x(), rect.y())
        fit.scale(rect.width() / self._pixmap.width(), rect.height() / self._pixmap.height())
        brush.setTransform(fit)
        painter.setBrush(brush)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawRoundedRect(rect, RADIUS, RADIUS)
        if self._marked:
            painter.setPen(QPen(colors.color("accent"), 3))
        elif self._choosable and self.underMouse() and self.isEnabled():
            painter.setPen(QPen(colors.color("muted"), 2))  # no accent: it is not chosen yet
        else:
            painter.setPen(QPen(colors.color("line"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect, RADIUS, RADIUS)
        if self._badge:
            self._paint_badge(painter, rect)
        painter.end()

    def _paint_badge(self, painter: QPainter, photo: QRectF) -> None:
        metrics = self.fontMetrics()
        text = metrics.elidedText(self._badge, Qt.TextElideMode.ElideRight, round(photo.width()) - 28)
        rect = QRectF(0, 0, metrics.horizontalAdvance(text) + 12, metrics.height() + 4)
        rect.moveBottomLeft(photo.bottomLeft())
        rect.translate(8, -8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(Qt.GlobalColor.black)
        painter.setOpacity(0.62)
        painter.drawRoundedRect(rect, 4, 4)
        painter.setOpacity(1)
        painter.setPen(Qt.GlobalColor.white)
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        # A double click's second press is of the next question, which nobody has seen: it is none of ours.
        self._pressed = self._chosen(event)
        event.setAccepted(self._choosable)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        event.setAccepted(self._choosable)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, self._pressed = self._pressed, False
        if pressed and self._chosen(event):
            self.clicked.emit()

    def _chosen(self, event: QMouseEvent) -> bool:
        return (
            self._choosable
            and self._pixmap is not None
            and event.button() == Qt.MouseButton.LeftButton
            and self.photo_rect().contains(event.position())
        )

    def _see_cursor(self) -> None:
        hand = self._choosable and self._pixmap is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if hand else Qt.CursorShape.ArrowCursor)
