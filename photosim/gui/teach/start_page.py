"""The first page: what will happen, which photos the questions are about, and the answers so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSizePolicy,
    QStyledItemDelegate,
    QVBoxLayout,
    QWidget,
)

from photosim.catalog.answers import AnswerCounts
from photosim.gui.facts_text import path_text
from photosim.gui.grid_header import NoticeBar
from photosim.gui.plain_text import plain_tip
from photosim.gui.style import set_role
from photosim.gui.teach.folder_choices import FolderChoice
from photosim.gui.teach.meter import answers_text, can_train, meter_tip
from photosim.gui.teach.page import TeachPage

WIDTH = 660
LEAST_PHOTOS = 3
FEW_PHOTOS = 50
"""From fewer photos than this only few questions can be made."""
WHOLE, FOLDER, RESULTS = 0, 1, 2


@dataclass(frozen=True)
class Scope:
    """What to teach from: WHOLE, FOLDER (the library's folder `folder_id`, or what is `below`) or RESULTS."""

    kind: int
    folder_id: int | None = None
    below: str = ""


class StartPage(TeachPage):
    """Collects where the questions are to come from; what is asked for is the controller's to do."""

    begin_requested = Signal(object)
    """Scope."""
    train_requested = Signal()
    later_requested = Signal()
    import_requested = Signal()
    export_requested = Signal()
    forget_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._photos = 0
        self._folders: list[FolderChoice] = []
        self._wanted: tuple[int, str] | None = None  # the folder chosen, though it may not be listed yet
        self._results = 0
        self._counts = AnswerCounts(0, 0, 0, 0, 0)
        self._scopes = QButtonGroup(self)
        self.whole = self._scope(WHOLE)
        self.one_folder = self._scope(FOLDER)
        self.results = self._scope(RESULTS)
        self.one_folder.setText(self.tr("One folder"))
        self.folder_list = QComboBox()
        self.folder_list.setAccessibleName(self.tr("Folder to teach from"))
        self.folder_list.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.folder_list.setMinimumContentsLength(12)
        self.folder_list.setItemDelegate(QStyledItemDelegate(self.folder_list))  # it heeds the stylesheet
        self.folder_list.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.folder_list.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.folder_list.currentIndexChanged.connect(lambda _: self._folder_chosen())
        self.note = _words("muted")
        self.answers_line = _words("title")
        self.answers_detail = _words("muted")
        self.import_button = self._link(self.tr("Import…"), self.tr("Read answers from a CSV file"))
        self.import_button.clicked.connect(self.import_requested)
        self.export_button = self._link(self.tr("Export…"), self.tr("Write all answers to a CSV file"))
        self.export_button.clicked.connect(self.export_requested)
        self.forget_button = self._link(self.tr("Forget all…"), self.tr("Remove all answers"))
        self.forget_button.clicked.connect(self._ask_to_forget)
        self.question = NoticeBar()
        self.question.installEventFilter(self)
        self.said = _words("")
        self.said_list = QPlainTextEdit()
        self.said_list.setReadOnly(True)
        self.said_list.setTabChangesFocus(True)
        self.said_list.setMaximumHeight(110)
        self.said_list.setAccessibleName(self.tr("Lines of the file that were not used"))
        self._make_column()
        self._make_footer()
        self.whole.setChecked(True)
        self._scopes.idToggled.connect(lambda *_: self._see_scope())
        self.say("")
        self._say_answers()
        self._see_scope()

    # What it is told

    def set_library(self, photos: int, folders: Sequence[FolderChoice]) -> None:
        """How many photos the library has, and folders in it; the chosen one stays chosen."""
        self._photos = photos
        self.set_folders(folders)
        self.whole.setText(
            self.tr("The whole library, {count} photos").format(count=self.locale().toString(photos))
        )
        self._see_scope()

    def set_folders(self, folders: Sequence[FolderChoice]) -> None:
        """The folders to choose from; the chosen one stays chosen."""
        self._folders = list(folders)
        with QSignalBlocker(self.folder_list):
            self.folder_list.clear()
            for at, folder in enumerate(folders):
                count = self.locale().toString(folder.photos)
                self.folder_list.addItem(
                    self.tr("{name}, {count} photos").format(name=path_text(folder.name), count=count)
                    if folder.photos != 1
                    else self.tr("{name}, 1 photo").format(name=path_text(folder.name))
                )
                tip = plain_tip(path_text(folder.path))
                self.folder_list.setItemData(at, tip, Qt.ItemDataRole.ToolTipRole)
            places = [(folder.folder_id, folder.below) for folder in folders]
            at = places.index(self._wanted) if self._wanted in places else 0
            self.folder_list.setCurrentIndex(at if folders else -1)
        self._see_scope()

    @property
    def _chosen_folder(self) -> FolderChoice | None:
        at = self.folder_list.currentIndex()
        return self._folders[at] if 0 <= at < len(self._folders) else None

    def set_results(self, used: int, found: int, choose: bool = False) -> None:
        """That `used` of `found` results are there to teach from, 0 for none; `choose` them."""
        self._results = used
        number = self.locale().toString
        if used < found:
            text = self.tr("The results just shown, the first {count}").format(count=number(used))
        else:
            text = self.tr("The results just shown, {count} photos").format(count=number(used))
        self.results.setText(text)
        self.results.setVisible(used > 0)
        if choose and used > 0:
            self.results.setChecked(True)
        elif not used and self.results.isChecked():
            self.whole.setChecked(True)
        self._see_scope()

    def show_counts(self, counts: AnswerCounts) -> None:
        self._counts = counts
        self._say_answers()

    def say(self, text: str, lines: Sequence[str] = ()) -> None:
        """What came of an import or an export; `lines` are what is to be looked at, one by one."""
        self.said.setText(text)
        self.said.setVisible(bool(text))
        self.said_list.setPlainText("\n".join(lines))
        self.said_list.setVisible(bool(lines))

    @property
    def scope(self) -> Scope:
        kind, folder = self._scopes.checkedId(), self._chosen_folder
        if kind == FOLDER and folder is not None:
            return Scope(kind, folder.folder_id, folder.below)
        return Scope(kind)

    def first_focus(self) -> QWidget:
        return self.begin_button if self.begin_button.isEnabled() else self

    # Its widgets

    def _scope(self, number: int) -> QRadioButton:
        button = QRadioButton()
        self._scopes.addButton(button, number)
        return button

    def _link(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        set_role(button, "link")
        button.setStyleSheet("QPushButton { margin-left: -5px; }")  # its words, not its frame, on the line
        return button

    def _make_column(self) -> None:
        title = _words("headline", self.tr("Which photos are alike, to you?"))
        text = _words(
            "",
            self.tr(
                "photosim shows you a photo and two others, you say which of the two is more like it, and "
                "from a few dozen such answers it learns what you mean by similar. It shows what would "
                "change before anything does: keep the result or drop it, your photos stay as they are."
            ),
        )
        folder = QHBoxLayout()
        folder.setSpacing(10)
        folder.addWidget(self.one_folder)
        folder.addWidget(self.folder_list, 1)
        card = QFrame()
        set_role(card, "card")
        links = QHBoxLayout()
        links.setSpacing(14)
        for button in (self.import_button, self.export_button, self.forget_button):
            links.addWidget(button)
        links.addStretch(1)
        inside = QVBoxLayout(card)
        inside.setContentsMargins(16, 12, 16, 12)
        inside.setSpacing(4)
        inside.addWidget(self.answers_line)
        inside.addWidget(self.answers_detail)
        inside.addLayout(links)
        inside.addWidget(self.said)
        inside.addWidget(self.said_list)
        inner = QWidget()
        inner.setMaximumWidth(WIDTH)
        column = QVBoxLayout(inner)
        column.setContentsMargins(2, 0, 2, 0)
        column.setSpacing(10)
        column.addStretch(1)
        column.addWidget(title)
        column.addWidget(text)
        column.addSpacing(14)
        column.addWidget(_words("title", self.tr("Ask about photos from")))
        column.addWidget(self.whole)
        column.addLayout(folder)
        column.addWidget(self.results)
        column.addWidget(self.note)
        column.addSpacing(14)
        column.addWidget(card)
        column.addWidget(self.question)
        column.addStretch(2)
        middle = QWidget()
        across = QHBoxLayout(middle)
        across.setContentsMargins(0, 0, 0, 0)
        across.addStretch(1)
        across.addWidget(inner, 1000)
        across.addStretch(1)
        self._area = area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(middle)
        area.viewport().setAutoFillBackground(False)
        middle.setAutoFillBackground(False)
        self.content.addWidget(area)

    def _make_footer(self) -> None:
        self.later_button = QPushButton(self.tr("Later"))
        self.later_button.setToolTip(self.tr("Back to the photos"))
        self.later_button.clicked.connect(self.later_requested)
        self.train_button = QPushButton(self.tr("Train now"))
        self.train_button.setToolTip(self.tr("Learn from the answers so far, and see what that changes"))
        self.train_button.clicked.connect(self.train_requested)
        self.begin_button = QPushButton()
        set_role(self.begin_button, "primary")
        self.begin_button.setDefault(True)
        self.begin_button.clicked.connect(lambda: self.begin_requested.emit(self.scope))
        self.footer.addStretch(1)
        for button in (self.later_button, self.train_button, self.begin_button):
            self.footer.addWidget(button)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # A question about what is for good is seen, wherever the layout puts it.
        if watched is self.question and event.type() in (QEvent.Type.Move, QEvent.Type.Resize):
            QTimer.singleShot(0, self, self._show_question)  # once the page has its new height
        return super().eventFilter(watched, event)

    # Words

    def _folder_chosen(self) -> None:
        folder = self._chosen_folder
        self._wanted = None if folder is None else (folder.folder_id, folder.below)
        self.one_folder.setChecked(True)
        self._see_scope()

    def _photos_in_scope(self) -> int:
        kind = self._scopes.checkedId()
        if kind == FOLDER:
            folder = self._chosen_folder
            return 0 if folder is None else folder.photos
        return self._results if kind == RESULTS else self._photos

    def _see_scope(self) -> None:
        count = self._photos_in_scope()
        self.one_folder.setEnabled(bool(self._folders))
        self.folder_list.setEnabled(bool(self._folders))
        self.folder_list.setToolTip(self.folder_list.currentData(Qt.ItemDataRole.ToolTipRole) or "")
        self.begin_button.setEnabled(count >= LEAST_PHOTOS)
        if not self._photos:
            note = self.tr("The library is empty: add a folder of photos first, then come back.")
        elif count < LEAST_PHOTOS:
            note = self.tr("A question takes three photos: choose from more of them.")
        elif count < FEW_PHOTOS:
            note = self.tr(
                "With so few photos the questions soon run out, and there is little to learn from."
            )
        else:
            note = ""
        self.note.setText(note)
        self.note.setVisible(bool(note))

    def _say_answers(self) -> None:
        counts = self._counts
        total = counts.usable + counts.neither + counts.gone
        answers = answers_text(counts.usable)
        self.answers_line.setText(
            self.tr("{answers} so far").format(answers=answers[0].upper() + answers[1:])
            if total
            else self.tr("No answers so far")
        )
        detail = meter_tip(counts) if total else self.tr("Every answer is kept at once, also when you stop.")
        self.answers_detail.setText(detail)
        self.answers_detail.setVisible(bool(detail))
        self.export_button.setEnabled(counts.usable + counts.gone > 0)
        self.forget_button.setEnabled(total > 0)
        self.train_button.setVisible(can_train(counts))
        self.begin_button.setText(self.tr("Go on answering") if total else self.tr("Begin"))

    def _show_question(self) -> None:
        if self.question.isVisible():
            self._area.ensureWidgetVisible(self.question, 0, 16)

    def _ask_to_forget(self) -> None:
        total = self._counts.usable + self._counts.neither + self._counts.gone
        self.question.ask(
            self.tr("Forget {answers} for good? Models that learned from them stay as they are.").format(
                answers=self.tr("the one answer")
                if total == 1
                else self.tr("all {count} answers").format(count=total)
            ),
            self.tr("Forget"),
            self.tr("Keep"),
            self.forget_requested.emit,
            destructive=True,
        )


def _words(role: str, text: str = "") -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    if role:
        set_role(label, role)
    return label
