"""What the pages of the teaching view have in common: room for their contents, and a footer of their own."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from photosim.gui.style import set_role

MARGIN = 22
FOOTER_MARGIN = 14


class TeachPage(QWidget):
    """A page: `content` is the column that fills it, `footer` the row of figures and buttons below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content = QVBoxLayout()
        self.content.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        self.bar = bar = QWidget()
        set_role(bar, "statusbar")
        self.footer = QHBoxLayout(bar)
        self.footer.setContentsMargins(FOOTER_MARGIN, 8, FOOTER_MARGIN, 8)
        self.footer.setSpacing(10)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self.content, 1)
        column.addWidget(bar)

    def first_focus(self) -> QWidget:
        """Who gets the keyboard when the page is shown."""
        return self

    def stops(self) -> list[QWidget]:
        """The widgets in the order in which Tab comes by: what is shown, then the footer."""
        return sorted(self.findChildren(QWidget), key=self.bar.isAncestorOf)

    def may_leave(self) -> bool:
        """Whether the view may be closed now, as the user wants; a page that says no asks first."""
        return True
