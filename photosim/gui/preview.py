"""A photo that can be looked at closely, and of which a region can be taken.

Three kinds of coordinates meet here: widget pixels (logical, as events give them), photo pixels (of the
upright original, however small the image that shows it), and fractions of the photo, 0 to 1.
"""

from __future__ import annotations

from enum import Enum

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from photosim.gui.style import theme

Region = tuple[float, float, float, float]

MIN_REGION = 8  # photo pixels on a side
MAX_ZOOM = 8.0  # screen pixels for one of the photo
FIT_AT_MOST = 2.0  # a small picture is not blown up further than this to fill the widget
ZOOM_STEP = 1.25
PAN_STEP = 0.1  # of the widget
REGION_STEP = 0.02  # of the photo
DETAIL_DELAY_MS = 150
MAX_HALVED_PIXELS = 6_000_000
MAX_DETAIL = 6400  # pixels on the long side: about 110 MB
MIDDLE_HALF = QRectF(0.25, 0.25, 0.5, 0.5)
SHADE = QColor(0, 0, 0, 120)
RADIUS = 6


class _Gesture(Enum):
    NONE = 0
    PAN = 1
    REGION = 2


class PhotoPreview(QWidget):
    """Shows one photo, fitted at first. Wheel, +, -, 0 and 1 zoom, dragging and arrows move.

    `region_chosen(x, y, w, h)` comes in fractions of the upright photo. `detail_wanted(side)` asks for an
    image with the given long side in pixels, once a zoom shows more than the present one holds; answer it
    with `set_detail`.
    """

    region_chosen = Signal(float, float, float, float)
    region_mode_changed = Signal(bool)
    detail_wanted = Signal(int)
    zoom_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._photo = QSizeF()
        self._levels: dict[int, QPixmap] = {}  # the same photo by its width in pixels
        self._image = QImage()
        self._pixmap = QPixmap()
        self._scale: float | None = None  # widget pixels a photo pixel; None: fitted
        self._centre = QPointF(0.5, 0.5)  # the fraction of the photo in the widget's middle
        self._gesture = _Gesture.NONE
        self._gesture_from = QPointF()
        self._region_mode = False
        self._region: QRectF | None = None  # the part that is the query
        self._drawn = MIDDLE_HALF  # while a region is drawn
        self._drawn_before = MIDDLE_HALF
        self._asked_side = 0

        self._detail_timer = QTimer(self, singleShot=True, interval=DETAIL_DELAY_MS)
        self._detail_timer.timeout.connect(self._ask_for_detail)
        self._hint = QLabel(self)
        self._hint.setObjectName("previewHint")
        self._hint.setTextFormat(Qt.TextFormat.PlainText)
        self._hint.setWordWrap(True)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._hint.setStyleSheet(
            "background: rgba(20, 22, 26, 215); color: white; border-radius: 6px; padding: 4px 8px;"
        )
        self._hint.hide()

        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(self.tr("Preview"))
        self.setToolTip(
            self.tr(
                "Wheel or + and − zoom, dragging or arrows move, double click or 1 shows every pixel, 0 fits"
            )
        )

    # What is shown

    def set_image(self, image: QImage | None, photo_size: QSize | None = None) -> None:
        """Show another photo, fitted, or none. `photo_size` is the upright original's where `image` is a
        smaller copy of it. Ends the drawing of a region."""
        self.cancel_region_mode()
        self._region = None
        self._scale = None
        self._centre = QPointF(0.5, 0.5)
        self._gesture = _Gesture.NONE
        self._asked_side = 0
        self._image = image if image is not None else QImage()
        self._photo = QSizeF(photo_size if photo_size is not None else self._image.size())
        self._levels = {}
        self._add_level(self._image)
        self._view_changed()

    def set_detail(self, image: QImage) -> None:
        """The same photo with more pixels: zoom, place and region stay. A smaller image is passed over.

        Large images should come as Format_RGB32: the others are converted here, on the GUI thread.
        """
        if image.width() > self._image.width():
            self._image = image
            self._add_level(image)
            self._view_changed()

    @property
    def has_image(self) -> bool:
        return not self._image.isNull()

    def show_region(self, region: Region | None) -> None:
        """Outline `region` (x, y, w, h in fractions), the part that is now the query; None: no outline."""
        self._region = QRectF(*region) if region is not None else None
        self.update()

    # Zoom

    @property
    def fitted(self) -> bool:
        return self._scale is None

    @property
    def zoom(self) -> float:
        """Screen pixels for one of the photo: 1.0 shows every pixel."""
        return self._current_scale() * self.devicePixelRatioF()

    def zoom_by(self, factor: float, about: QPointF | None = None) -> None:
        """Zoom so that the point of the photo under `about` (widget pixels; the middle) stays there."""
        self._zoom_to(self._current_scale() * factor, about)

    def zoom_to_fit(self) -> None:
        self._scale = None
        self._centre = QPointF(0.5, 0.5)
        self._view_changed()

    def zoom_to_pixels(self, about: QPointF | None = None) -> None:
        """One pixel of the photo for one of the screen."""
        self._zoom_to(1 / self.devicePixelRatioF(), about)

    def _zoom_to(self, scale: float, about: QPointF | None) -> None:
        if not self.has_image:
            return
        about = about if about is not None else QRectF(self.rect()).center()
        fit = self._fit_scale()
        held = self._to_fraction(about)
        every_pixel = 1 / self.devicePixelRatioF()
        scale = min(max(scale, min(fit, every_pixel)), max(fit, MAX_ZOOM * every_pixel))
        if abs(scale / fit - 1) < 0.001:
            self.zoom_to_fit()
            return
        self._scale = scale
        off_middle = about - QRectF(self.rect()).center()
        self._centre = QPointF(
            held.x() - off_middle.x() / (self._photo.width() * scale),
            held.y() - off_middle.y() / (self._photo.height() * scale),
        )
        self._view_changed()

    def _fit_scale(self) -> float:
        if self._photo.isEmpty():
            return 1.0
        fill = min(self.width() / self._photo.width(), self.height() / self._photo.height())
        return max(min(fill, FIT_AT_MOST), 1e-6)

    def _current_scale(self) -> float:
        return self._scale if self._scale is not None else self._fit_scale()

    def _photo_rect(self) -> QRectF:
        """Where the whole photo lies, in widget pixels."""
        size = self._photo * self._current_scale()
        middle = QRectF(self.rect()).center()
        corner = QPointF(
            middle.x() - self._centre.x() * size.width(), middle.y() - self._centre.y() * size.height()
        )
        return QRectF(corner, size)

    def _to_fraction(self, point: QPointF) -> QPointF:
        rect = self._photo_rect()
        if rect.isEmpty():
            return QPointF(0.5, 0.5)
        return QPointF((point.x() - rect.x()) / rect.width(), (point.y() - rect.y()) / rect.height())

    def _from_fractions(self, region: QRectF) -> QRectF:
        rect = self._photo_rect()
        return QRectF(
            rect.x() + region.x() * rect.width(),
            rect.y() + region.y() * rect.height(),
            region.width() * rect.width(),
            region.height() * rect.height(),
        )

    def _pan_by(self, dx: float, dy: float) -> None:
        """Move the photo by widget pixels."""
        rect = self._photo_rect()
        self._centre -= QPointF(dx / rect.width(), dy / rect.height())
        self._view_changed()

    @property
    def _can_pan(self) -> bool:
        rect = self._photo_rect()
        return self.has_image and (rect.width() > self.width() + 0.5 or rect.height() > self.height() + 0.5)

    def _view_changed(self) -> None:
        """Keep the photo in the widget, choose the pixels to draw, ask for more where they are too few."""
        size = self._photo * self._current_scale()
        self._centre = QPointF(
            _kept_inside(self._centre.x(), self.width(), size.width()),
            _kept_inside(self._centre.y(), self.height(), size.height()),
        )
        self._choose_level()
        if self._wanted_side() > self._asked_side:
            self._detail_timer.start()
        else:
            self._detail_timer.stop()
        self._show_cursor()
        self.zoom_changed.emit(self.zoom)
        self.update()

    def _add_level(self, image: QImage) -> None:
        if not image.isNull():
            self._levels[image.width()] = QPixmap.fromImage(image)

    def _choose_level(self) -> None:
        """Take the smallest level that has the pixels to be shown, and halve it while it has twice as many:
        what is drawn is then shrunk by at most a half, which linear interpolation does cleanly. Very large
        images are drawn as they are, since halving them would hold the window."""
        if not self._levels:
            self._pixmap = QPixmap()
            return
        shown = self._current_scale() * self._photo.width() * self.devicePixelRatioF()
        width = min((w for w in self._levels if w >= shown), default=max(self._levels))
        level = self._levels[width]
        while width // 2 >= max(shown, 1) and level.width() * level.height() <= MAX_HALVED_PIXELS:
            level = level.scaled(
                width // 2,
                max(1, level.height() // 2),
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            width = level.width()
            self._levels[width] = level
        self._pixmap = level

    def _wanted_side(self) -> int:
        """The long side in pixels that would fill the screen's, 0 where the image is fine enough."""
        whole = max(self._photo.width(), self._photo.height())
        have = max(self._image.width(), self._image.height())
        if not self.has_image or min(whole * self.zoom, whole, MAX_DETAIL) <= have * 1.05:
            return 0
        return round(min(whole, whole * self.zoom * 1.5, MAX_DETAIL))

    def _ask_for_detail(self) -> None:
        side = self._wanted_side()
        if side > self._asked_side:
            self._asked_side = side
            self.detail_wanted.emit(side)

    # Regions

    @property
    def region_mode(self) -> bool:
        return self._region_mode

    @property
    def hint(self) -> str:
        """What the preview says to the user now; "" for nothing."""
        return "" if self._hint.isHidden() else self._hint.text()

    def start_region_mode(self) -> None:
        """Let the user draw a rectangle; the keyboard starts from the photo's middle half."""
        if not self.has_image or self._region_mode:
            return
        self._region_mode = True
        self._gesture = _Gesture.NONE
        self._drawn = self._region if self._region is not None else MIDDLE_HALF
        self._say(self.tr("Draw a rectangle\nEnter takes it, Esc cancels"))
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self._show_cursor()
        self.region_mode_changed.emit(True)
        self.update()

    def cancel_region_mode(self) -> None:
        """Back to looking, with the outline there was before."""
        if self._region_mode:
            self._end_region_mode()

    def _end_region_mode(self) -> None:
        self._region_mode = False
        self._gesture = _Gesture.NONE
        self._hint.hide()
        self._show_cursor()
        self.region_mode_changed.emit(False)
        self.update()

    def _take_region(self) -> bool:
        """End the drawing with what is drawn; False, and a hint, where that is too small."""
        region = self._drawn
        width, height = region.width() * self._photo.width(), region.height() * self._photo.height()
        if min(width, height) < MIN_REGION:
            self._say(self.tr("That is too small to search for: draw a larger rectangle."))
            return False
        self._region = region
        self._end_region_mode()
        self.region_chosen.emit(region.x(), region.y(), region.width(), region.height())
        return True

    def _draw_region_to(self, end: QPointF) -> None:
        start = self._gesture_from
        left, right = sorted((_clamp(start.x()), _clamp(end.x())))
        top, bottom = sorted((_clamp(start.y()), _clamp(end.y())))
        self._drawn = QRectF(QPointF(left, top), QPointF(right, bottom))
        self.update()

    def _move_region(self, dx: float, dy: float) -> None:
        region = self._drawn
        x = min(max(region.x() + dx * REGION_STEP, 0.0), 1 - region.width())
        y = min(max(region.y() + dy * REGION_STEP, 0.0), 1 - region.height())
        self._drawn = QRectF(x, y, region.width(), region.height())
        self.update()

    def _size_region(self, dx: float, dy: float) -> None:
        region = self._drawn
        width = min(max(region.width() + dx * REGION_STEP, REGION_STEP), 1 - region.x())
        height = min(max(region.height() + dy * REGION_STEP, REGION_STEP), 1 - region.y())
        self._drawn = QRectF(region.x(), region.y(), width, height)
        self.update()

    def _say(self, text: str) -> None:
        self._hint.setText(text)
        self._hint.setAccessibleName(text)
        self._place_hint()
        self._hint.show()
        self._hint.raise_()

    def _place_hint(self) -> None:
        width = max(40, self.width() - 16)
        height = self._hint.heightForWidth(width)
        self._hint.setGeometry(QRect(8, self.height() - height - 8, width, height))

    # Events

    def mousePressEvent(self, event: QMouseEvent) -> None:
        left = event.button() == Qt.MouseButton.LeftButton
        if self._region_mode and left:
            self._gesture = _Gesture.REGION
            self._gesture_from = self._to_fraction(event.position())
            self._drawn_before = self._drawn
            self._hint.hide()
        elif self._can_pan and (left or event.button() == Qt.MouseButton.MiddleButton):
            self._gesture = _Gesture.PAN
            self._gesture_from = event.position()
            self._show_cursor()
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._gesture is _Gesture.REGION:
            self._draw_region_to(self._to_fraction(event.position()))
        elif self._gesture is _Gesture.PAN:
            moved = event.position() - self._gesture_from
            self._gesture_from = event.position()
            self._pan_by(moved.x(), moved.y())
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        gesture, self._gesture = self._gesture, _Gesture.NONE
        if gesture is _Gesture.REGION:
            self._draw_region_to(self._to_fraction(event.position()))
            if not self._take_region():
                self._drawn = self._drawn_before
        elif gesture is _Gesture.NONE:
            super().mouseReleaseEvent(event)
        self._show_cursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._region_mode:
            super().mouseDoubleClickEvent(event)
        elif self.fitted:
            self.zoom_to_pixels(event.position())
        else:
            self.zoom_to_fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        turns = event.angleDelta().y() / 120
        # Fitted and turned back: nothing to do here, so that the page around it scrolls.
        if turns == 0 or not self.has_image or (turns < 0 and self.fitted):
            event.ignore()
            return
        self.zoom_by(ZOOM_STEP**turns, event.position())
        event.accept()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent):
            if event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
                self.zoom_by(1 + event.value(), event.position())
                return True
        elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            # While the preview has the focus its keys are not the window's shortcuts.
            key = Qt.Key(event.key())
            if key in _ZOOM_KEYS or (self._region_mode and key in _REGION_KEYS):
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if self._region_mode and key in _REGION_KEYS:
            self._region_key(key, bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_by(ZOOM_STEP)
        elif key == Qt.Key.Key_Minus:
            self.zoom_by(1 / ZOOM_STEP)
        elif key == Qt.Key.Key_0:
            self.zoom_to_fit()
        elif key == Qt.Key.Key_1:
            self.zoom_to_pixels()
        elif key in _ARROWS and self._can_pan:
            dx, dy = _ARROWS[key]
            self._pan_by(-dx * PAN_STEP * self.width(), -dy * PAN_STEP * self.height())
        else:
            super().keyPressEvent(event)

    def _region_key(self, key: Qt.Key, shift: bool) -> None:
        if key == Qt.Key.Key_Escape:
            self.cancel_region_mode()
        elif key in _ARROWS:
            dx, dy = _ARROWS[key]
            self._hint.hide()
            if shift:
                self._size_region(dx, dy)
            else:
                self._move_region(dx, dy)
        else:
            self._take_region()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._view_changed()
        self._place_hint()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._view_changed()
        elif event.type() == QEvent.Type.FontChange:
            self._place_hint()

    def _show_cursor(self) -> None:
        if self._region_mode:
            self.setCursor(Qt.CursorShape.CrossCursor)
        elif self._gesture is _Gesture.PAN:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self._can_pan:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            self.unsetCursor()

    def sizeHint(self) -> QSize:
        return QSize(260, self.heightForWidth(260))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 120)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return round(width * 1.08)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(self.rect()), RADIUS, RADIUS)
        painter.setClipPath(outline)
        painter.fillRect(self.rect(), theme().color("placeholder"))
        if not self._pixmap.isNull():
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.zoom < 4)
            rect = self._photo_rect()
            painter.drawPixmap(rect, self._pixmap, QRectF(self._pixmap.rect()))
            region = self._drawn if self._region_mode else self._region
            if region is not None:
                self._paint_region(painter, rect, self._from_fractions(region))
        painter.setClipping(False)
        if self.hasFocus():
            painter.setPen(QPen(theme().color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS, RADIUS)

    @staticmethod
    def _paint_region(painter: QPainter, photo: QRectF, region: QRectF) -> None:
        around = QPainterPath()
        around.addRect(photo)
        inside = QPainterPath()
        inside.addRect(region)
        painter.fillPath(around - inside, SHADE)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(Qt.GlobalColor.white, 3))
        painter.drawRect(region)
        painter.setPen(QPen(theme().color("accent"), 1.5))
        painter.drawRect(region)


_ARROWS: dict[Qt.Key, tuple[int, int]] = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_REGION_KEYS = frozenset({Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter, *_ARROWS})
_ZOOM_KEYS = frozenset({Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus, Qt.Key.Key_0, Qt.Key.Key_1})


def _clamp(fraction: float) -> float:
    return min(max(fraction, 0.0), 1.0)


def _kept_inside(centre: float, widget: float, photo: float) -> float:
    """The fraction in the middle such that no gap opens at an edge; 0.5 where the photo is the smaller."""
    if photo <= widget:
        return 0.5
    half = widget / photo / 2
    return min(max(centre, half), 1 - half)
