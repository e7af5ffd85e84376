"""The line above the grid: what it shows, a filter, and the order; and a bar for a calm question."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QToolButton,
    QWidget,
)
from shiboken6 import isValid

from photosim.gui.photo_list import BEST, FOLDER, NAME, NEWEST, OLDEST
from photosim.gui.style import set_role, theme
from photosim.gui.widgets import ElidedLabel

FILTER_DELAY_MS = 120
_GAP = 12
MAX_FIELD = 200
ROOM_FOR_FIELD = 620


class GridHeader(QWidget):
    """Says what the grid shows. The filter and the order are told as they change."""

    filter_changed = Signal(str)
    sort_changed = Signal(str)
    """One of photo_list's orders."""
    exact_first_changed = Signal(bool)
    teach_requested = Signal()
    """These results are not what the user means by similar."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = ElidedLabel()
        set_role(self._title, "title")
        self._detail = ElidedLabel()
        set_role(self._detail, "muted")
        self.filter = _Filter()
        self.filter.setPlaceholderText(self.tr("Filter by name, folder or date"))
        self.filter.setAccessibleName(self.tr("Filter by name, folder or date"))
        self.filter.setToolTip(
            self.tr("Shows photos with all these words in their path or date, as 2023 or beach (Ctrl+F)")
        )
        self.filter.setClearButtonEnabled(True)
        self.filter.setMinimumWidth(110)
        self.filter.setMaximumWidth(240)
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(FILTER_DELAY_MS)
        self._typed.timeout.connect(lambda: self.filter_changed.emit(self.filter.text()))
        self.filter.textEdited.connect(lambda _: self._typed.start())
        self.filter.textChanged.connect(self._cleared)
        self.filter.left.connect(self._leave_filter)
        self._names = {
            BEST: self.tr("best first"),
            NEWEST: self.tr("newest first"),
            OLDEST: self.tr("oldest first"),
            NAME: self.tr("by name"),
            FOLDER: self.tr("by folder"),
        }
        self.sort_button = QToolButton()
        set_role(self.sort_button, "link")
        self.sort_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.sort_button.setToolTip(self.tr("Order of the photos"))
        self._sort_menu = QMenu(self)
        self._sort_group = QActionGroup(self)
        self._sort_actions: dict[str, QAction] = {}
        for sort, name in self._names.items():
            action = self._sort_menu.addAction(name)
            action.setCheckable(True)
            action.triggered.connect(lambda _=False, sort=sort: self.sort_changed.emit(sort))
            self._sort_group.addAction(action)
            self._sort_actions[sort] = action
        self.sort_button.setMenu(self._sort_menu)
        self.exact_first = QCheckBox(self.tr("Exact matches first"))
        self.exact_first.setToolTip(
            self.tr(
                "Compares the 100 most similar photos with the query point by point:\n"
                "those that show the very same thing come first"
            )
        )
        self.exact_first.toggled.connect(self.exact_first_changed)
        self.teach_link = QPushButton()
        self._link_words = (self.tr("Not what you mean?"), self.tr("Teach…"))
        self.teach_link.setText(self._link_words[0])
        self.teach_link.setAccessibleName(self.tr("Not what you mean? Teach photosim"))
        set_role(self.teach_link, "link")
        self.teach_link.setToolTip(self.tr("Teach photosim what similar means to you (Ctrl+T)"))
        self.teach_link.clicked.connect(self.teach_requested)
        self.teach_link.setMinimumWidth(1)  # it goes before it would keep the window from getting narrower
        self._ranked = False
        self._across = across = QHBoxLayout(self)
        across.setContentsMargins(14, 8, 14, 6)
        across.setSpacing(0)
        across.addWidget(self._title)
        across.addWidget(self._detail)
        across.addSpacing(_GAP)
        across.addWidget(self.teach_link)
        across.addStretch(1)
        across.addWidget(self.filter, 4)
        across.addSpacing(_GAP)
        # At the right, where it stays under the mouse while the words at the left change.
        across.addWidget(self.exact_first)
        across.addSpacing(_GAP)
        across.addWidget(self.sort_button)
        self._beside_link = (self._title, self._detail, self.filter, self.exact_first, self.sort_button)
        self.set_sort(NEWEST, ranked=False)

    def say(self, title: str, detail: str = "", tip: str = "") -> None:
        """`title` in bold and, beside it, `detail`; a tip explains more to whoever wonders."""
        self._title.set_full_text(title, tip)
        self._detail.set_full_text(detail, tip)
        self.setAccessibleName(title + detail)
        self._see_room()

    def show_filter(self, words: str) -> None:
        """Put words into the filter without telling of it."""
        self._typed.stop()
        with QSignalBlocker(self.filter):
            self.filter.setText(words)

    @property
    def text(self) -> str:
        return self._title.full_text + self._detail.full_text

    def set_sort(self, sort: str, ranked: bool) -> None:
        """Show the order in force; a ranking offers "best first", and exact matches before these."""
        self._ranked = ranked
        self.exact_first.setVisible(ranked)
        self.exact_first.setEnabled(sort == BEST)
        self._sort_actions[BEST].setVisible(ranked)
        self._sort_actions[sort].setChecked(True)
        self.sort_button.setText(f"{self._names[sort]} ▾")
        self.sort_button.setAccessibleName(self.tr("Order: {order}").format(order=self._names[sort]))
        self._see_room()

    def set_exact_first(self, on: bool) -> None:
        """Show the switch so without telling of it."""
        with QSignalBlocker(self.exact_first):
            self.exact_first.setChecked(on)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._see_room()

    def _see_room(self) -> None:
        """The link is in the sidebar as well: it is short where room is scarce, and goes before it is cut."""
        room = self.width() - self._needed_beside_link()
        for words in self._link_words if self._ranked else ():
            self.teach_link.setText(words)
            if self.teach_link.sizeHint().width() <= room:
                self.teach_link.show()
                return
        self.teach_link.hide()

    def _needed_beside_link(self) -> int:
        margins = self._across.contentsMargins()
        shown = [one for one in self._beside_link if not one.isHidden()]
        needed = sum(one.sizeHint().width() for one in shown)
        return margins.left() + margins.right() + 3 * _GAP + needed

    def _cleared(self, text: str) -> None:
        if not text and not self._typed.isActive():
            self._typed.start()

    def _leave_filter(self) -> None:
        if self.filter.text():
            self.filter.clear()
        else:
            self.filter.clearFocus()


class _Filter(QLineEdit):
    left = Signal()
    """Escape was pressed."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)


class _Field(QLineEdit):
    def keyPressEvent(self, event: QKeyEvent) -> None:
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()  # it has answered: it is not for whatever has the focus by now


class NoticeBar(QWidget):
    """One calm question or note above the grid, with its answers: not a dialog, nothing waits for it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "card")
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self.accept_button = QPushButton(self.tr("Yes"))
        set_role(self.accept_button, "primary")
        self.reject_button = QPushButton(self.tr("No"))
        self.field = _Field()
        self.field.setMaxLength(MAX_FIELD)
        self.field.setAccessibleName(self.tr("Answer"))  # until it is asked for something
        self.field.setMinimumWidth(160)
        self.field.returnPressed.connect(self._accept)
        self.field.textChanged.connect(self._field_changed)
        self._on_accept: Callable[[], object] | None = None
        self._had_focus: QWidget | None = None  # before it was asked
        self._question, self._number = "", 0
        for button in (self.accept_button, self.reject_button):
            button.setAutoDefault(True)  # Enter presses the one with the focus, on every system
        self.accept_button.clicked.connect(self._accept)
        self.reject_button.clicked.connect(self.dismiss)
        self._across = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._across.setContentsMargins(14, 8, 10, 8)
        self._across.addWidget(self._text, 1)
        answers = QHBoxLayout()
        answers.addWidget(self.field, 1)
        answers.addWidget(self.accept_button)
        answers.addWidget(self.reject_button)
        self._across.addLayout(answers)
        self.hide()

    def ask(
        self,
        text: str,
        accept: str,
        reject: str,
        on_accept: Callable[[], object],
        destructive: bool = False,
    ) -> int:
        """Ask; `on_accept` is called for the first answer. A newer question replaces an older one.

        Where `accept` takes something away for good (`destructive`), the keyboard is given to `reject`.
        Returns a number by which `answered` takes the question back.
        """
        self.field.hide()
        self._show(text, accept, reject, on_accept, destructive)
        (self.reject_button if destructive else self.accept_button).setFocus()
        return self._number

    def ask_text(
        self, text: str, words: str, accept: str, reject: str, on_accept: Callable[[str], object]
    ) -> int:
        """Ask for words, `words` at first; `on_accept` gets what was written, which is never empty.

        It stays, what was written with it, until `answered` or `refuse` is called with the number returned.
        """
        self.field.setReadOnly(False)
        self.field.setText(words)
        self.field.setAccessibleName(text)
        self.field.show()
        self._show(text, accept, reject, lambda: on_accept(self.field.text().strip()))
        self.field.setFocus()
        self.field.selectAll()
        return self._number

    def answered(self, number: int) -> None:
        """It needs no answer any more: the question goes, unless it has gone or another one is there."""
        if number == self._number:
            self.dismiss()

    def refuse(self, number: int, problem: str) -> bool:
        """Say beside the words what is wrong with them, until they change; False where they have gone."""
        if number != self._number or self.field.isHidden():
            return False
        self.field.setReadOnly(False)
        self._say(problem, wrong=True)
        self._see_field()
        self.field.selectAll()
        return True

    def _show(
        self,
        text: str,
        accept: str,
        reject: str,
        on_accept: Callable[[], object],
        destructive: bool = False,
    ) -> None:
        self._on_accept = on_accept
        self._question = text
        self._number += 1
        if not self._has_focus:
            self._had_focus = self.window().focusWidget()
        set_role(self.accept_button, "" if destructive else "primary")
        self._say(text)
        self.accept_button.setText(accept)
        self.reject_button.setText(reject)
        self._see_field()
        self._see_room()
        self.show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._see_room()

    def _see_room(self) -> None:
        """Where words beside the field would stand in a column, they stand above it."""
        above = not self.field.isHidden() and self.width() < ROOM_FOR_FIELD
        direction = QBoxLayout.Direction.TopToBottom if above else QBoxLayout.Direction.LeftToRight
        self._across.setDirection(direction)
        self._across.setStretch(1, int(not above and not self.field.isHidden()))

    def _say(self, text: str, wrong: bool = False) -> None:
        self._text.setText(text)
        self._text.setStyleSheet(f"QLabel {{ color: {theme().less}; }}" if wrong else "")
        self.setAccessibleName(text)

    def _field_changed(self) -> None:
        if self.text != self._question:
            self._say(self._question)
        self._see_field()

    def _see_field(self) -> None:
        waiting = self.field.isReadOnly()
        words = bool(self.field.text().strip()) and not waiting
        self.accept_button.setEnabled(self.field.isHidden() or words)

    @property
    def text(self) -> str:
        return self._text.text()

    def dismiss(self) -> None:
        """Take the question away; the keyboard is where it was before it was asked."""
        self._on_accept = None
        self._number += 1
        before, self._had_focus = self._had_focus, None
        # Before it hides: else Qt would choose whatever comes next, and a key would do something there.
        if self._has_focus and before is not None and isValid(before) and before.isVisible():
            before.setFocus()
        self.hide()

    @property
    def _has_focus(self) -> bool:
        focused = self.window().focusWidget()
        return self.isVisible() and focused is not None and self.isAncestorOf(focused)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        else:
            super().keyPressEvent(event)

    def _accept(self) -> None:
        if not self.accept_button.isEnabled():
            return
        on_accept = self._on_accept
        if self.field.isHidden():
            self.dismiss()
        else:
            self.field.setFocus()  # the button is off until then
            self.field.setReadOnly(True)  # it may take a moment to say whether the words are good
            self._see_field()
        if on_accept is not None:
            on_accept()
