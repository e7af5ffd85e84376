"""What an empty library shows: drop a photo, or choose a folder."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPainterPath, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from photosim.gui.style import set_role
from photosim.gui.widgets import ButtonGrid

TILE = 84
GAP = 8
CARD_WIDTH = 620
CARD_HEIGHT = 380


class Invitation(QWidget):
    """One big invitation. Drops pass through to the window, which calls `set_highlighted` meanwhile."""

    choose_folder = Signal()
    use_pictures_folder = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Invitation"))
        self._card = QWidget()
        set_role(self._card, "drop")
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self._card.setSizePolicy(policy)
        self._card.setMinimumHeight(CARD_HEIGHT)
        self._card.setMaximumWidth(CARD_WIDTH)
        headline = _line(self.tr("Drop a photo here"), "headline")
        text = _line(
            self.tr("and see what looks like it in your library. Nothing leaves this computer."), "muted"
        )
        buttons = ButtonGrid()
        choose = buttons.add(
            self.tr("Choose a folder of photos…"),
            self.tr("Its photos become your library. They are only ever read."),
            self.choose_folder.emit,
        )
        set_role(choose, "primary")
        self._pictures = buttons.add(
            self.tr("Use my Pictures folder"),
            self.tr("The photos in your Pictures folder become your library. They are only ever read."),
            self.use_pictures_folder.emit,
        )

        inside = QVBoxLayout(self._card)
        inside.setContentsMargins(32, 32, 32, 32)
        inside.addStretch(1)
        inside.addWidget(_Pictures(), 0, Qt.AlignmentFlag.AlignHCenter)
        inside.addSpacing(10)
        inside.addWidget(headline)
        inside.addSpacing(8)
        inside.addWidget(text)
        inside.addSpacing(22)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(buttons)
        row.addStretch(1)
        inside.addLayout(row)
        inside.addStretch(1)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(self._card, 100)
        across.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.addStretch(1)
        column.addLayout(across)
        column.addStretch(1)
        self.setFocusProxy(choose)

    def offer_pictures(self, there: bool) -> None:
        """Whether there is a Pictures folder to use."""
        self._pictures.setVisible(there)

    def set_highlighted(self, highlighted: bool) -> None:
        """While something that can be dropped hovers over the window."""
        set_role(self._card, "drop", active=highlighted)


def _line(text: str, role: str) -> QLabel:
    label = QLabel(text)
    set_role(label, role)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setWordWrap(True)
    return label


class _Pictures(QWidget):
    """Four small pictures, drawn: a flower, a sailing boat, mountains, a house."""

    def __init__(self) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def sizeHint(self) -> QSize:
        return QSize(4 * TILE + 3 * GAP, TILE)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for place, paint in enumerate((_flower, _boat, _mountains, _house)):
            painter.save()
            painter.translate(place * (TILE + GAP), 0)
            frame = QPainterPath()
            frame.addRoundedRect(QRectF(0, 0, TILE, TILE), 10, 10)
            painter.setClipPath(frame)
            # Each picture is drawn in a square of 100 by 100.
            painter.scale(TILE / 100, TILE / 100)
            paint(painter)
            painter.restore()


def _fill(painter: QPainter, color: str, *corners: tuple[float, float]) -> None:
    painter.setBrush(QColor(color))
    painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))


def _disc(painter: QPainter, color: str, x: float, y: float, radius: float) -> None:
    painter.setBrush(QColor(color))
    painter.drawEllipse(QPointF(x, y), radius, radius)


def _sky(painter: QPainter, top: str, bottom: str) -> None:
    sky = QLinearGradient(0, 0, 0, 100)
    sky.setColorAt(0, QColor(top))
    sky.setColorAt(1, QColor(bottom))
    painter.fillRect(QRectF(0, 0, 100, 100), sky)


def _flower(painter: QPainter) -> None:
    _sky(painter, "#20301f", "#3d5a33")
    for ring, (color, reach, width) in enumerate((("#e8a20c", 30.0, 8.0), ("#fbc62f", 26.0, 7.0))):
        for petal in range(14):
            painter.save()
            painter.translate(50, 50)
            painter.rotate(petal * 360 / 14 + ring * 13)
            painter.setBrush(QColor(color))
            painter.drawEllipse(QPointF(reach, 0), 16, width)
            painter.restore()
    _disc(painter, "#4a2b16", 50, 50, 19)
    _disc(painter, "#6b4222", 50, 50, 13)


def _boat(painter: QPainter) -> None:
    _sky(painter, "#6fb3e8", "#d5ecfb")
    painter.fillRect(QRectF(0, 74, 100, 26), QColor("#2b6ca8"))
    painter.fillRect(QRectF(0, 74, 100, 4), QColor("#4387c2"))
    painter.fillRect(QRectF(49, 14, 2, 58), QColor("#6b4a2f"))
    _fill(painter, "#ffffff", (52, 12), (52, 66), (84, 66))
    _fill(painter, "#e9eef4", (47, 20), (47, 66), (20, 66))
    _fill(painter, "#a3392c", (18, 70), (86, 70), (76, 83), (28, 83))


def _mountains(painter: QPainter) -> None:
    _sky(painter, "#f6b26b", "#fde8cf")
    _disc(painter, "#fff3d6", 70, 32, 11)
    _fill(painter, "#8a86a8", (-10, 84), (30, 30), (66, 84))
    _fill(painter, "#ffffff", (30, 30), (19, 45), (27, 43), (31, 49), (36, 43), (40, 45))
    _fill(painter, "#5d5b82", (30, 90), (70, 44), (112, 90))
    _fill(painter, "#3c5a49", (-4, 100), (-4, 82), (40, 76), (104, 86), (104, 100))


def _house(painter: QPainter) -> None:
    _sky(painter, "#a9d3ee", "#eaf5fb")
    painter.fillRect(QRectF(0, 78, 100, 22), QColor("#7fae63"))
    painter.fillRect(QRectF(66, 24, 8, 20), QColor("#8d4b3c"))
    painter.fillRect(QRectF(25, 48, 50, 36), QColor("#f5ead7"))
    _fill(painter, "#b4503c", (16, 51), (50, 20), (84, 51))
    painter.fillRect(QRectF(44, 62, 12, 22), QColor("#7a4a2d"))
    for left in (30.0, 60.0):
        painter.fillRect(QRectF(left, 57, 10, 10), QColor("#5b93b8"))
    _disc(painter, "#4f8a4c", 88, 66, 13)
    painter.fillRect(QRectF(86.5, 74, 3, 12), QColor("#6b4a2f"))
