"""What stands in the grid's place where there is no photo to show: why, and the way out."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from photosim.gui.style import set_role


@dataclass(frozen=True)
class Nothing:
    """Why there is no photo to show. `filtered`: the filter hides them all."""

    title: str
    text: str = ""
    filtered: bool = False


class NothingNote(QWidget):
    """A calm line or two, and a button where the filter can be cleared."""

    clear_filter = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title, self._text = QLabel(), QLabel()
        set_role(self._title, "title")
        set_role(self._text, "muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(8)
        column.addStretch(1)
        for label in (self._title, self._text):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            column.addWidget(label)
        self.clear_button = QPushButton(self.tr("Clear the filter"))
        self.clear_button.setToolTip(self.tr("Show all photos of this place again"))
        self.clear_button.clicked.connect(self.clear_filter)
        column.addSpacing(4)
        column.addWidget(self.clear_button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(2)

    def say(self, nothing: Nothing) -> None:
        self._title.setText(nothing.title)
        self._text.setText(nothing.text)
        self._text.setVisible(bool(nothing.text))
        self.clear_button.setVisible(nothing.filtered)
        self.setAccessibleName(self.text)

    @property
    def text(self) -> str:
        return " ".join(part for part in (self._title.text(), self._text.text()) if part)
