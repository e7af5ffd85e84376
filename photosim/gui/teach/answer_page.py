"""The page of questions: one photo above, two below, and which of the two is more like it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QFont,
    QImage,
    QKeySequence,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from photosim.catalog.answers import AnswerCounts
from photosim.gui.style import set_role
from photosim.gui.teach.advanced import Advanced
from photosim.gui.teach.meter import Meter, can_train
from photosim.gui.teach.page import MARGIN, TeachPage
from photosim.gui.teach.photo_frame import PhotoFrame

LEFT, RIGHT, NEITHER = "left", "right", "neither"
GAP = 56
WIDEST = 1.34
"""A place for a photo is at most so much wider than high: the two stay side by side on a wide screen."""
SIDE_STEP = 128
"""Sharper pictures are asked for in such steps, so that not every change of the window asks for more."""


class ShownPhoto(Protocol):
    """What the page needs to know of a photo. `path` is empty where its file cannot be reached."""

    @property
    def photo_id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def size(self) -> QSize: ...
    @property
    def thumbnail(self) -> QImage: ...


class AnswerPage(TeachPage):
    """`show_question`, then `set_picture` as its photos come. Arrows answer, whatever has the focus."""

    answered = Signal(str)
    """LEFT, RIGHT or NEITHER."""
    undo_requested = Signal()
    later_requested = Signal()
    train_requested = Signal()
    start_requested = Signal()
    """There is nothing left to ask: other photos are to be chosen."""
    resized = Signal()
    """The photos are shown in another size than before."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ids: tuple[int, int, int] | None = None
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.anchor = PhotoFrame(choosable=False, marked=True)
        self.left = PhotoFrame(choosable=True)
        self.right = PhotoFrame(choosable=True)
        self.left.clicked.connect(lambda: self._answer(LEFT))
        self.right.clicked.connect(lambda: self._answer(RIGHT))
        self.left_button = self._button(
            self.tr("This one ←"), self.tr("The left one is more like it"), lambda: self._answer(LEFT)
        )
        self.right_button = self._button(
            self.tr("This one →"), self.tr("The right one is more like it"), lambda: self._answer(RIGHT)
        )
        self.neither_button = self._button(
            self.tr("Neither ↓"),
            self.tr("Neither of the two is like it, or both are equally"),
            lambda: self._answer(NEITHER),
        )
        self.undo_button = self._button(
            self.tr("Undo ↑"), self.tr("Take back the last answer"), self.undo_requested.emit
        )
        self._places = QStackedWidget()
        self._places.addWidget(self._make_question())
        self._places.addWidget(self._make_note())
        self.content.setContentsMargins(MARGIN, MARGIN - 4, MARGIN, MARGIN - 6)
        self.content.addWidget(self._places, 1)
        below = QHBoxLayout()
        below.setSpacing(10)
        below.addStretch(1)
        below.addWidget(self.neither_button)
        below.addWidget(self.undo_button)
        below.addStretch(1)
        self.content.addSpacing(6)
        self.content.addLayout(below)
        self._make_footer()
        for key, act in (
            (Qt.Key.Key_Left, self.left_button.click),
            (Qt.Key.Key_Right, self.right_button.click),
            (Qt.Key.Key_Down, self.neither_button.click),
            (Qt.Key.Key_Up, self.undo_button.click),
        ):
            # Shortcuts, because a button with the focus would take the arrows to pass it on.
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(act)
        self.set_undoable(False)
        self.show_waiting()

    # What it is told

    def show_question(self, anchor: ShownPhoto, left: ShownPhoto, right: ShownPhoto) -> None:
        """Ask which of two photos is more like the anchor; they show by their thumbnails at first."""
        self._ids = (anchor.photo_id, left.photo_id, right.photo_id)
        for frame, photo in ((self.anchor, anchor), (self.left, left), (self.right, right)):
            badge = "" if photo.path else self.tr("offline")
            frame.set_photo(photo.thumbnail, photo.size, photo.name, badge)
        self.setAccessibleName(
            self.tr(
                "Which one is more like {anchor}, to you: at the left {left}, at the right {right}?"
            ).format(anchor=anchor.name, left=left.name, right=right.name)
        )
        self._places.setCurrentIndex(0)
        self._set_answering(True)
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.NameChanged))

    def set_picture(self, photo_id: int, image: QImage) -> None:
        """A sharper picture of a photo; one that is not shown is passed over."""
        for shown, frame in zip(self._ids or (), (self.anchor, self.left, self.right), strict=False):
            if shown == photo_id:
                frame.set_detail(image)

    def show_waiting(self) -> None:
        """The first question is being chosen."""
        self._show_note(self.tr("Choosing the questions that teach most…"), "", ended=False)

    def show_end(self, reason: str) -> None:
        """There is no further question, for a reason to be told."""
        text = self.tr("{reason}.").format(reason=reason[:1].upper() + reason[1:])
        self._show_note(self.tr("No further question"), text, ended=True)

    def show_counts(self, counts: AnswerCounts) -> None:
        self.meter.show_counts(counts)
        self.train_button.setEnabled(can_train(counts))

    def set_undoable(self, on: bool) -> None:
        """Whether there is an answer to a question that can be taken back."""
        if not on and self.undo_button.hasFocus():
            self.setFocus()
        self.undo_button.setEnabled(on)

    def wanted_side(self) -> int:
        """The long side, in pixels of the screen, beyond which a sharper picture would not be seen."""
        places = (self.anchor.size(), self.left.size())
        side = max(min(max(place.width(), place.height()), WIDEST * place.height()) for place in places)
        return -(-round(side * self.devicePixelRatioF()) // SIDE_STEP) * SIDE_STEP

    # Its widgets

    def _make_question(self) -> QWidget:
        question = QLabel(self.tr("Which one is more like it, <b>to you</b>?"))
        question.setTextFormat(Qt.TextFormat.RichText)
        question.setAlignment(Qt.AlignmentFlag.AlignCenter)
        font = QFont(question.font())
        font.setPointSizeF(font.pointSizeF() * 1.3)
        question.setFont(font)
        self._pair = QWidget()
        pair = QHBoxLayout(self._pair)
        pair.setContentsMargins(0, 0, 0, 0)
        pair.setSpacing(GAP)
        for frame, button in ((self.left, self.left_button), (self.right, self.right_button)):
            button.setMinimumWidth(150)
            column = QVBoxLayout()
            column.setSpacing(10)
            column.addWidget(frame, 1)
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
            pair.addLayout(column, 1)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(self._pair, 1000)
        across.addStretch(1)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(14)
        column.addWidget(self.anchor, 5)
        column.addWidget(question)
        column.addLayout(across, 6)
        return page

    def _make_note(self) -> QWidget:
        self._note_title, self._note_text = QLabel(), QLabel()
        set_role(self._note_title, "headline")
        set_role(self._note_text, "muted")
        page = QWidget()
        column = QVBoxLayout(page)
        column.addStretch(1)
        for label in (self._note_title, self._note_text):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label)
            column.addSpacing(8)
        self.start_button = QPushButton(self.tr("Choose other photos…"))
        self.start_button.clicked.connect(self.start_requested)
        column.addWidget(self.start_button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        return page

    def _make_footer(self) -> None:
        self.meter = Meter()
        self.later_button = QPushButton(self.tr("Later"))
        self.later_button.setToolTip(
            self.tr("Back to the photos; your answers are kept, go on whenever you like")
        )
        self.later_button.clicked.connect(self.later_requested)
        self.train_button = QPushButton(self.tr("Train now"))
        self.train_button.setToolTip(self.tr("Learn from the answers so far, and see what that changes"))
        set_role(self.train_button, "primary")
        self.train_button.setEnabled(False)
        self.train_button.clicked.connect(self.train_requested)
        self.advanced = Advanced()
        self.footer.addWidget(self.meter, 1)
        self.footer.addWidget(self.advanced)
        self.footer.addWidget(self.later_button)
        self.footer.addWidget(self.train_button)

    def stops(self) -> list[QWidget]:
        return sorted(super().stops(), key=lambda one: one is self.advanced)  # after the buttons

    def _button(self, text: str, tip: str, on_click: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.clicked.connect(on_click)
        button.installEventFilter(self)
        return button

    # Behaviour

    def _answer(self, choice: str) -> None:
        if self._ids is not None:
            self.answered.emit(choice)

    def _show_note(self, title: str, text: str, ended: bool) -> None:
        self._ids = None
        for frame in (self.anchor, self.left, self.right):
            frame.clear()
        self._note_title.setText(title)
        self._note_text.setText(text)
        self.start_button.setVisible(ended)
        self.setAccessibleName(f"{title} {text}".strip())
        self._places.setCurrentIndex(1)
        self._set_answering(False)

    def _set_answering(self, on: bool) -> None:
        if not on and self.neither_button.hasFocus():
            self.setFocus()
        self.neither_button.setEnabled(on)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # The second press of a double click is of the next question, which nobody has seen.
        return event.type() == QEvent.Type.MouseButtonDblClick

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        photo_height = max(self.height() * 0.42, self.left.minimumHeight())
        self._pair.setMaximumWidth(round(2 * WIDEST * photo_height) + GAP)
        self.resized.emit()
