"""The teaching view: a headline with the steps, a line for what went wrong, and a page for each step."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QFont, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from photosim.gui.overlay import Overlay
from photosim.gui.style import set_role, theme
from photosim.gui.teach.page import FOOTER_MARGIN, TeachPage
from photosim.gui.widgets import ElidedLabel

START, ANSWER, TRAIN, COMPARE = "start", "answer", "train", "compare"
STEPS = {START: 1, ANSWER: 2, TRAIN: 3, COMPARE: 4}
KEEP_STEP = 5


class TeachView(Overlay):
    """Lies over the window. `add_page` once for each of START, ANSWER, TRAIN and COMPARE, then `show_page`.

    Escape closes, unless the page asks first; `closed` is told then.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Teach photosim"))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAcceptDrops(True)
        self._pages: dict[str, TeachPage] = {}
        self._stack = QStackedWidget()
        self._title = ElidedLabel()
        self._title.set_full_text(self.tr("Teach photosim what you mean by similar"))
        set_role(self._title, "title")
        font = QFont(self._title.font())
        font.setPointSizeF(font.pointSizeF() * 1.15)
        self._title.setFont(font)
        self.steps = _Steps()
        self.close_button = QPushButton(self.tr("Close"))
        self.close_button.setToolTip(self.tr("Back to the photos; every answer is kept (Esc)"))
        self.close_button.clicked.connect(self._leave)
        header = QWidget()
        set_role(header, "topbar")
        across = QHBoxLayout(header)
        across.setContentsMargins(FOOTER_MARGIN, 10, FOOTER_MARGIN, 10)
        across.addWidget(self._title)
        across.addStretch(1)
        across.addWidget(self.steps)
        across.addSpacing(16)
        across.addWidget(self.close_button)
        self.message = QLabel()
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.setWordWrap(True)
        self._notice = QWidget()
        set_role(self._notice, "card")
        inside = QHBoxLayout(self._notice)
        inside.setContentsMargins(FOOTER_MARGIN, 8, FOOTER_MARGIN, 8)
        inside.addWidget(self.message)
        self._notice.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(header)
        column.addWidget(self._notice)
        column.addWidget(self._stack, 1)

    def add_page(self, name: str, page: TeachPage) -> None:
        self._pages[name] = page
        self._stack.addWidget(page)

    def stops(self) -> list[QWidget]:
        """What the page shows, its footer, what is said above it, and "Close" last."""
        return [*self._pages[self.page].stops(), *self._notice.findChildren(QWidget), self.close_button]

    @property
    def page(self) -> str:
        """Which page is shown."""
        return next(name for name, page in self._pages.items() if page is self._stack.currentWidget())

    def show_page(self, name: str) -> None:
        """Show a page, opening the view where it is closed, with the keyboard where that page wants it."""
        page = self._pages[name]
        self._stack.setCurrentWidget(page)
        self.steps.set_step(STEPS[name])
        self.say("")
        self.open_over(page.first_focus())
        page.first_focus().setFocus()

    def say(self, text: str) -> None:
        """One line below the headline, what could not be done for instance; "" takes it away."""
        self.message.setText(text)
        self.message.setAccessibleName(text)
        self._notice.setVisible(bool(text))

    def _leave(self) -> None:
        if self._pages[self.page].may_leave():
            self.close_view()

    # Events

    def event(self, event: QEvent) -> bool:
        # The window's own shortcuts act on what cannot be seen from here: but for leaving, they rest.
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.ShortcutOverride
            and _is_the_windows(event)
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and not event.modifiers():
            self._leave()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        # Taken, and turned away: what lies below must not get it.
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()


class _Steps(QLabel):
    """1 Start · 2 Answer · ..., the present one in the accent."""

    def __init__(self) -> None:
        super().__init__()
        self._names = [
            self.tr("Start"),
            self.tr("Answer"),
            self.tr("Train"),
            self.tr("Compare"),
            self.tr("Keep"),
        ]
        self._step = 1
        self.setTextFormat(Qt.TextFormat.RichText)
        set_role(self, "muted")

    def set_step(self, step: int) -> None:
        """The step one is at, from 1."""
        self._step = step
        self._say()

    @property
    def step(self) -> int:
        return self._step

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._say()

    def _say(self) -> None:
        words = [f"{number} {name}" for number, name in enumerate(self._names, 1)]
        self.setAccessibleName(
            self.tr("Step {number} of {count}: {name}").format(
                number=self._step, count=len(words), name=self._names[self._step - 1]
            )
        )
        words[self._step - 1] = f'<b style="color: {theme().accent}">{words[self._step - 1]}</b>'
        text = " · ".join(words)
        if text != self.text():
            self.setText(text)


def _is_the_windows(event: QKeyEvent) -> bool:
    """Whether a key could be one of the window's shortcuts that must not act now."""
    if event.key() == Qt.Key.Key_Q and event.modifiers() == Qt.KeyboardModifier.ControlModifier:
        return False
    chord = event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
    function = Qt.Key.Key_F1 <= event.key() <= Qt.Key.Key_F35
    return bool(chord) or function or event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Back, Qt.Key.Key_Forward)
