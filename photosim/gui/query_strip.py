"""The query as a strip of small pictures: each wanted more or less, each to be taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QEnterEvent,
    QFont,
    QKeyEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QMenu,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from photosim.gui.plain_text import plain_tip
from photosim.gui.style import set_role, theme

SIDE = 54
RADIUS = 7
GAP = 14
LESS_HEIGHT = 17
CROSS = 18
"""Side of the corner that takes the photo away."""


@dataclass(frozen=True)
class StripItem:
    """One photo of the query: `name` for people, `thumbnail` (JPEG) once it is known."""

    name: str
    less: bool = False
    thumbnail: bytes | None = None


class QueryPhoto(QAbstractButton):
    """One photo of the query. Clicked it changes between more and less; Delete takes it away."""

    removed = Signal()

    def __init__(self, item: StripItem, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.item = item
        self._pixmap = QPixmap()
        if item.thumbnail is not None:
            self._pixmap.loadFromData(item.thumbnail, "JPEG")
        self.setFixedSize(SIDE, SIDE)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        name = item.name or self.tr("a picture")
        if item.less:
            spoken = self.tr("Less like {name}")
            tip = self.tr("{name}\nless like this: click for more, Delete takes it away")
        else:
            spoken = self.tr("More like {name}")
            tip = self.tr("{name}\nmore like this: click for less, Delete takes it away")
        self.setAccessibleName(spoken.format(name=name))
        self.setToolTip(plain_tip(tip.format(name=name)))
        self._cross = QToolButton(self)
        set_role(self._cross, "overlay")
        self._cross.setText("✕")
        self._cross.setStyleSheet("padding: 0; font-size: 8pt;")
        self._cross.setFixedSize(CROSS, CROSS)
        self._cross.move(SIDE - CROSS - 1, 1)
        self._cross.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Delete does the same from the keyboard
        self._cross.setAccessibleName(self.tr("Take {name} out of the query").format(name=name))
        self._cross.setToolTip(self.tr("Take it out of the query (Delete)"))
        self._cross.clicked.connect(self.removed)

    def sizeHint(self) -> QSize:
        return QSize(SIDE, SIDE)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        toggle = self.tr("More like this") if self.item.less else self.tr("Less like this")
        menu.addAction(toggle, self.click)
        menu.addAction(self.tr("Take away"), self.removed.emit)
        menu.popup(event.globalPos())

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        frame = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        path = QPainterPath()
        path.addRoundedRect(frame, RADIUS, RADIUS)
        painter.save()
        painter.setClipPath(path)
        painter.fillRect(self.rect(), colors.color("placeholder"))
        if not self._pixmap.isNull():
            painter.drawPixmap(self.rect(), self._pixmap, _middle_square(self._pixmap.size()))
        if self.item.less:
            bar = QRect(0, SIDE - LESS_HEIGHT, SIDE, LESS_HEIGHT)
            painter.fillRect(bar, colors.color("less"))
            font = QFont(painter.font())
            font.setPointSizeF(max(6.0, font.pointSizeF() * 0.8))
            painter.setFont(font)
            painter.setPen(QColor(colors.on_accent))
            painter.drawText(bar, Qt.AlignmentFlag.AlignCenter, self.tr("less"))
        painter.restore()
        edge = colors.color("text" if self.hasFocus() else "less" if self.item.less else "accent")
        painter.setPen(QPen(edge, 3 if self.hasFocus() else 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
        painter.end()


class QueryStrip(QWidget):
    """The photos of the query, and a place to add more."""

    removed = Signal(int)
    toggled = Signal(int)
    """The photo at this place is to be wanted less instead of more, or the other way round."""
    add_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Query"))
        self._photos: list[QueryPhoto] = []
        self._items: list[StripItem] = []
        self._inside = QWidget()
        self._inside.setAutoFillBackground(False)
        self._row = QHBoxLayout(self._inside)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(GAP)
        self._area = _Area()
        self._area.setWidget(self._inside)
        self._area.setWidgetResizable(True)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.viewport().setAutoFillBackground(False)
        self._inside.setAutoFillBackground(False)
        self.add_button = AddButton()
        self.add_button.clicked.connect(self.add_requested)
        across = QHBoxLayout(self)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(GAP)
        across.addWidget(self._area, 0)
        across.addWidget(self.add_button)
        across.addStretch(1)
        self._area.hide()

    def set_items(self, items: Sequence[StripItem]) -> None:
        """Show these photos; nothing is done where they are shown already."""
        if list(items) == self._items:
            return
        focused = next((place for place, photo in enumerate(self._photos) if photo.hasFocus()), None)
        self._items = list(items)
        for old in self._photos:
            self._row.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._photos = []
        for place, item in enumerate(items):
            photo = QueryPhoto(item)
            photo.clicked.connect(lambda _=False, place=place: self.toggled.emit(place))
            photo.removed.connect(lambda place=place: self.removed.emit(place))
            self._row.addWidget(photo)
            self._photos.append(photo)
        self._area.photos = len(items)
        self._area.setVisible(bool(items))
        self._area.updateGeometry()
        if focused is not None:
            # Whoever removes or changes photos with the keyboard goes on from where they were.
            left = self._photos[min(focused, len(self._photos) - 1)] if self._photos else self.add_button
            left.setFocus()

    @property
    def items(self) -> list[StripItem]:
        return list(self._items)

    @property
    def photos(self) -> list[QueryPhoto]:
        return list(self._photos)


class AddButton(QAbstractButton):
    """The dashed place at the strip's end: click to choose a photo, or drop one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(SIDE, SIDE)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Add a photo to the query"))
        self.setToolTip(self.tr("Choose a photo to look for, or drop or paste one"))
        self.highlighted = False

    def set_highlighted(self, highlighted: bool) -> None:
        self.highlighted = highlighted
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        strong = self.hasFocus() or self.highlighted or self.underMouse()
        pen = QPen(colors.color("accent" if strong else "line_strong"), 2 if self.hasFocus() else 1)
        pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        if self.highlighted:
            painter.setBrush(colors.color("accent_soft"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS, RADIUS)
        painter.setPen(QPen(colors.color("accent" if strong else "muted"), 1.6))
        middle = self.rect().center()
        painter.drawLine(middle.x() - 6, middle.y(), middle.x() + 6, middle.y())
        painter.drawLine(middle.x(), middle.y() - 6, middle.x(), middle.y() + 6)
        painter.end()

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Enter, QEvent.Type.Leave):
            self.update()
        return super().event(event)


class _Area(QScrollArea):
    """As wide as its content while there is room; beyond that the wheel and the focus scroll it."""

    def __init__(self) -> None:
        super().__init__()
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(SIDE)
        self.photos = 1

    def sizeHint(self) -> QSize:
        return QSize(self.photos * (SIDE + GAP) - GAP, SIDE)

    def minimumSizeHint(self) -> QSize:
        return QSize(SIDE, SIDE)


def _middle_square(size: QSize) -> QRect:
    side = min(size.width(), size.height())
    return QRect((size.width() - side) // 2, (size.height() - side) // 2, side, side)
