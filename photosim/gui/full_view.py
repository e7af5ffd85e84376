"""One photo as large as the window: the thumbnail at once, the sharp picture when it comes."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from photosim.gui.overlay import focus_again

GROUND = QColor(12, 13, 15)
INK = QColor(255, 255, 255, 225)
SHADE = QColor(0, 0, 0, 130)
MARGIN = 24
WHEEL_NOTCH = 120

_STEPS = {
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_PageDown: 1,
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_PageUp: -1,
}
_CLOSING = (Qt.Key.Key_Escape, Qt.Key.Key_Space)


class FullView(QWidget):
    """Lies over its parent and is as large. Arrows ask for another photo, Escape, Space and a click close.

    `show_photo` opens it; who opens it delivers the sharp picture with `set_image`.
    """

    step = Signal(int)
    """Another photo is asked for: 1 the next, -1 the one before. Answer with `show_photo`."""
    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._photo_id: int | None = None
        self._pixmap: QPixmap | None = None
        self._sharp = False
        self._name = ""
        self._position = ""
        self._note = ""
        self._focus_before: QWidget | None = None
        self._wheel = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Photo"))
        self.hide()
        self._over = parent
        parent.installEventFilter(self)

    @property
    def photo_id(self) -> int | None:
        """The photo shown, or None while closed."""
        return self._photo_id

    @property
    def sharp(self) -> bool:
        """Whether the picture itself is shown, no longer its thumbnail."""
        return self._sharp

    def show_photo(
        self,
        photo_id: int,
        thumbnail: QPixmap | None = None,
        name: str = "",
        position: int | None = None,
        count: int | None = None,
    ) -> None:
        """Show a photo, opening the view where it is closed. `position` counts from 0 within `count`."""
        self._photo_id = photo_id
        self._pixmap, self._sharp = thumbnail, False
        self._name, self._note = name, ""
        self._position = ""
        if position is not None and count is not None:
            self._position = self.tr("{0} of {1}").format(position + 1, count)
        self.setAccessibleName(", ".join(part for part in (name, self._position) if part) or self.tr("Photo"))
        if not self.isVisible():
            self._focus_before = self.window().focusWidget()
            self.setGeometry(self._over.rect())
            self.raise_()
            self.show()
        self.setFocus()
        self.update()
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.NameChanged))

    def set_image(self, photo_id: int, image: QImage) -> None:
        """The sharp picture of a photo; one that is no longer shown is passed over."""
        if photo_id == self._photo_id and not image.isNull():
            self._pixmap, self._sharp = QPixmap.fromImage(image), True
            self.update()

    def set_note(self, photo_id: int, note: str) -> None:
        """Say below the photo why its sharp picture does not come, for instance that it is offline."""
        if photo_id == self._photo_id:
            self._note = note
            self.update()

    def wanted_side(self) -> int:
        """The long side, in pixels of the screen, beyond which a sharper picture would not be seen."""
        return round(max(self.width(), self.height()) * self.devicePixelRatioF())

    def close_view(self) -> None:
        """Give the window back, and the keyboard to whoever had it."""
        if self._photo_id is None:
            return
        self._photo_id, self._pixmap, self._sharp = None, None, False
        before, self._focus_before = self._focus_before, None
        self.hide()
        focus_again(before)
        self.closed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._over and event.type() == QEvent.Type.Resize and self.isVisible():
            self.setGeometry(self._over.rect())
        return super().eventFilter(watched, event)

    def event(self, event: QEvent) -> bool:
        # Before the window's own shortcuts: while the photo fills the window, these keys are its.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_ours(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not _is_ours(event):
            super().keyPressEvent(event)
        elif event.key() in _CLOSING:
            self.close_view()
        else:
            self.step.emit(_STEPS[Qt.Key(event.key())])

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.close_view()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._wheel += event.angleDelta().y()
        while abs(self._wheel) >= WHEEL_NOTCH:
            by = -1 if self._wheel > 0 else 1
            self._wheel += by * WHEEL_NOTCH
            self.step.emit(by)
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), GROUND)
        if self._pixmap is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(self._photo_rect(self._pixmap), self._pixmap)
        line = "   ·   ".join(part for part in (self._name, self._position, self._note) if part)
        if line:
            self._paint_line(painter, line)
        painter.end()

    def _photo_rect(self, pixmap: QPixmap) -> QRect:
        """Where the photo lies: all of it, centred. The thumbnail fills the very place of the photo."""
        size = pixmap.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        rect = QRect(0, 0, max(1, size.width()), max(1, size.height()))
        rect.moveCenter(self.rect().center())
        return rect

    def _paint_line(self, painter: QPainter, line: str) -> None:
        metrics = self.fontMetrics()
        text = metrics.elidedText(line, Qt.TextElideMode.ElideMiddle, self.width() - 4 * MARGIN)
        width, height = metrics.horizontalAdvance(text) + 24, metrics.height() + 12
        rect = QRectF((self.width() - width) / 2, self.height() - MARGIN - height, width, height)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(SHADE)
        painter.drawRoundedRect(rect, rect.height() / 2, rect.height() / 2)
        painter.setPen(INK)
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)


def _is_ours(event: QKeyEvent) -> bool:
    plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
    return plain and (event.key() in _STEPS or event.key() in _CLOSING)
