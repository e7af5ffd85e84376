"""Small widgets that keep their words readable in little room: shortened in the middle, or arranged anew."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QFocusEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QSizePolicy, QWidget

from photosim.gui.plain_text import plain_tip
from photosim.gui.style import set_role


class ElidedLabel(QLabel):
    """One line as wide as its words where there is room, cut at its end, whole in its tip, where not."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._full = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)

    def set_full_text(self, text: str, tip: str = "") -> None:
        self._full = text
        self.setToolTip(plain_tip(tip or text))
        self.setAccessibleName(text)
        self.updateGeometry()
        self._show()

    @property
    def full_text(self) -> str:
        return self._full

    def sizeHint(self) -> QSize:
        width = self.fontMetrics().horizontalAdvance(self._full) + 2
        return QSize(width, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(min(40, self.sizeHint().width()), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show()

    def _show(self) -> None:
        self.setText(self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideRight, self.width()))


class ElidedField(QLineEdit):
    """A text that can be selected and copied, shortened in its middle while it has not the focus."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._full = ""
        self.setReadOnly(True)
        self.setFrame(False)
        self.setObjectName("elidedField")
        # As plain as a label until it has the focus.
        self.setStyleSheet(
            "QLineEdit { background: transparent; border: 1px solid transparent; border-radius: 4px;"
            " padding: 1px 0px; margin-left: -3px; }"
            "QLineEdit:focus { border: 1px solid palette(highlight); padding: 1px 0px; }"
        )
        self.setMinimumWidth(40)

    def set_full_text(self, text: str) -> None:
        self._full = text
        self.setToolTip(plain_tip(text))
        self.setAccessibleDescription(text)
        self._show()

    @property
    def full_text(self) -> str:
        return self._full

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.setText(self._full)
        # After the click that gave the focus, which would set the cursor and lose the selection.
        QTimer.singleShot(0, self, self.selectAll)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:  # its own context menu
            self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if not self.hasFocus():
            self._show()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and not self.hasFocus():
            self._show()

    def _show(self) -> None:
        room = max(self.width() - 8, 0)
        self.setText(self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideMiddle, room))
        self.setCursorPosition(0)


class ElidedLink(QPushButton):
    """A link whose text is shortened in its middle to the room there is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._full = ""
        set_role(self, "link")
        self.setStyleSheet("QPushButton { margin-left: -5px; }")  # its words, not its frame, on the line
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_full_text(self, text: str) -> None:
        self._full = text
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show()

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(self.fontMetrics().horizontalAdvance(self._full) + 12, hint.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(40, super().minimumSizeHint().height())

    def _show(self) -> None:
        room = max(self.width() - 12, 0)
        shown = self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideMiddle, room)
        self.setText(shown.replace("&", "&&"))


class FactTable(QWidget):
    """Labels and values side by side, one above the other where the labels would take half of the width."""

    GAP = 16
    SPACING = 5

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[QLabel, QWidget]] = []
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, label: QLabel, value: QWidget) -> None:
        label.setParent(self)
        value.setParent(self)
        label.setBuddy(value)
        self._rows.append((label, value))

    def _indent(self, width: int) -> int:
        """Where the values begin, 0 where they stand below their labels."""
        widest = max((label.sizeHint().width() for label, _ in self._rows), default=0) + self.GAP
        return widest if widest * 5 <= width * 2 else 0

    def _place(self, width: int, move: bool) -> int:
        """The height at `width`; `move` puts the rows there."""
        indent = self._indent(width)
        y = 0
        for label, value in self._rows:
            room = width - indent
            height = value.heightForWidth(room) if value.hasHeightForWidth() else value.sizeHint().height()
            label_height = label.sizeHint().height()
            # A value with a frame of its own is taller than its one line of text: centre the label on it.
            down = (height - label_height) // 2 if indent and not value.hasHeightForWidth() else 0
            top = y if indent else y + label_height
            if move:
                label.setGeometry(0, y + max(down, 0), indent - self.GAP if indent else width, label_height)
                value.setGeometry(indent, top, room, height)
            y = max(top + height, y + label_height) + self.SPACING
        return max(y - self.SPACING, 0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(width, move=False)

    def sizeHint(self) -> QSize:
        return QSize(250, self.heightForWidth(250))

    def minimumSizeHint(self) -> QSize:
        return QSize(100, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place(self.width(), move=True)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:  # a font has changed
            self.updateGeometry()
            self._place(self.width(), move=True)
        return super().event(event)


class ButtonGrid(QWidget):
    """Buttons of one width in two columns, in one where two do not fit."""

    SPACING = 7

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._buttons: list[QPushButton] = []
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, text: str, tip: str, on_click: Callable[[], None]) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tip)
        button.setProperty("tip", tip)
        button.setAccessibleName(text)
        button.setAccessibleDescription(tip)
        button.clicked.connect(on_click)
        self._buttons.append(button)
        return button

    def _columns(self, width: int) -> int:
        return 2 if 2 * self._widest() + self.SPACING <= width else 1

    def _widest(self) -> int:
        return max((button.sizeHint().width() for button in self._buttons), default=0)

    def _row_height(self) -> int:
        return max((button.sizeHint().height() for button in self._buttons), default=0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        columns = self._columns(width)
        rows = -(-len(self._buttons) // columns)
        return rows * (self._row_height() + self.SPACING) - self.SPACING

    def sizeHint(self) -> QSize:
        width = 2 * self._widest() + self.SPACING
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(self._widest(), 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:  # a button's text or font has changed
            self.updateGeometry()
            self._arrange()
        return super().event(event)

    def _arrange(self) -> None:
        columns = self._columns(self.width())
        height = self._row_height()
        width = (self.width() - self.SPACING * (columns - 1)) // columns
        for number, button in enumerate(self._buttons):
            row, column = divmod(number, columns)
            button.setGeometry(
                QRect(column * (width + self.SPACING), row * (height + self.SPACING), width, height)
            )
