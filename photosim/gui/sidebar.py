"""The column at the left: the library, its folders, and the model that says what similar means."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QVBoxLayout,
    QWidget,
)

from photosim.catalog.records import Counts, Folder
from photosim.gui.plain_text import plain_tip
from photosim.gui.style import set_role, theme
from photosim.gui.views import ALL, FAILURES, FOLDER, OFFLINE, Browse, View

INSET = 10
NOTE_GAP = 8
_STEPS = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}


class SidebarRow(QPushButton):
    """A name and, at the right, a small figure or word; a name too long is shortened in its middle."""

    menu_requested = Signal(QPoint)
    step = Signal(int)
    """The row below (1) or above (-1) is asked for."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._note = ""
        self.faint = False
        set_role(self, "sidebar")
        self.setCheckable(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(lambda at: self.menu_requested.emit(self.mapToGlobal(at)))

    def describe(self, name: str, note: str, faint: bool = False, spoken: str = "") -> None:
        """Show a name and a note; `faint` for what cannot be reached, `spoken` for a screen reader."""
        self._name, self._note, self.faint = name, note, faint
        self.setAccessibleName(spoken or (f"{name}, {note}" if note else name))
        self.update()

    @property
    def name(self) -> str:
        return self._name

    @property
    def note(self) -> str:
        return self._note

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _STEPS:
            self.step.emit(_STEPS[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)

    def nextCheckState(self) -> None:
        """Nothing: which row is lit is the window's to say."""

    def sizeHint(self) -> QSize:
        return QSize(160, self.fontMetrics().height() + 14)

    def paintEvent(self, event: QPaintEvent) -> None:
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        painter = QPainter(self)
        self.style().drawControl(QStyle.ControlElement.CE_PushButton, option, painter, self)
        colors = theme()
        inside = self.rect().adjusted(INSET, 0, -INSET, 0)
        small = QFont(self.font())
        small.setPointSizeF(small.pointSizeF() * 0.87)
        small.setBold(False)
        note_width = QFontMetrics(small).horizontalAdvance(self._note) if self._note else 0
        painter.setFont(small)
        painter.setPen(QColor(colors.muted))
        painter.drawText(inside, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self._note)
        font = QFont(self.font())
        font.setBold(self.isChecked())
        painter.setFont(font)
        painter.setPen(
            QColor(colors.accent if self.isChecked() else colors.muted if self.faint else colors.text)
        )
        room = inside.width() - (note_width + NOTE_GAP if note_width else 0)
        text = QFontMetrics(font).elidedText(self._name, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(
            QRect(inside.left(), 0, room, self.height()),
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
            text,
        )
        painter.end()


class Sidebar(QWidget):
    """Tells which place was chosen; `show_place` lights the row of what the window shows."""

    chosen = Signal(object)
    """Browse."""
    add_folder_requested = Signal()
    folder_menu_requested = Signal(str, QPoint)
    """A folder's path, and where on the screen its menu belongs."""
    model_menu_requested = Signal(QPoint)
    """Where on the screen the menu of models belongs."""
    teach_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "sidebar")
        self.setAccessibleName(self.tr("Library"))
        self.setMinimumWidth(150)
        self._view: View = Browse()
        self._folder_rows: dict[str, SidebarRow] = {}
        self._inside = QWidget()
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(8, 16, 8, 12)
        self._column.setSpacing(2)
        self._heading(self.tr("LIBRARY"))
        self.all_row = self._row(self.tr("All photos"), lambda: self.chosen.emit(Browse(ALL)))
        self.offline_row = self._row(self.tr("Offline"), lambda: self.chosen.emit(Browse(OFFLINE)))
        self.failures_row = self._row(self.tr("Not readable"), lambda: self.chosen.emit(Browse(FAILURES)))
        self._column.addSpacing(14)
        self._heading(self.tr("FOLDERS"))
        self._folders = QVBoxLayout()
        self._folders.setSpacing(2)
        self._column.addLayout(self._folders)
        self.add_button = self._link(
            self.tr("Add folder…"), self.tr("Its photos become part of the library. They are only ever read.")
        )
        self.add_button.clicked.connect(self.add_folder_requested)
        self._column.addSpacing(14)
        self._heading(self.tr("SIMILARITY"))
        self.model_row = self._row(self.tr("Model"), self._ask_for_models)
        self.model_row.menu_requested.connect(self.model_menu_requested)
        self.teach_button = self._link(
            self.tr("Teach photosim…"), self.tr("Teach photosim what similar means to you (Ctrl+T)")
        )
        self.teach_button.clicked.connect(self.teach_requested)
        self._column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self._inside)
        area.viewport().setAutoFillBackground(False)
        self._inside.setAutoFillBackground(False)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)

    def set_library(self, folders: Sequence[Folder], counts: Counts) -> None:
        """Show the library's folders with their figures."""
        number = self.locale().toString
        self.set_all_count(counts.photos)
        self.offline_row.describe(self.tr("Offline"), number(counts.offline))
        self.offline_row.setToolTip(self.tr("Photos on drives that are not connected now"))
        self.failures_row.describe(self.tr("Not readable"), number(counts.failed))
        self.failures_row.setToolTip(self.tr("Photos that could not be read, and why"))
        self._set_folders(folders)
        self._light()

    def set_all_count(self, count: int) -> None:
        """How many photos the library has, where that is known before the rest."""
        self.all_row.describe(self.tr("All photos"), self.locale().toString(count))

    def set_model(self, name: str, tip: str) -> None:
        self.model_row.describe(name, "▾", spoken=self.tr("Model: {name}").format(name=name))
        text = self.tr("{tip}\nClick to choose another model").format(tip=tip)
        self.model_row.setToolTip(plain_tip(text))
        self.model_row.setAccessibleDescription(text)
        self.model_row.setChecked(True)

    def show_place(self, view: View) -> None:
        """Light the row of a view; a query lights none, for it searches everywhere."""
        self._view = view
        self._light()

    def rows(self) -> list[SidebarRow]:
        return [
            self.all_row,
            self.offline_row,
            self.failures_row,
            *self._folder_rows.values(),
            self.model_row,
        ]

    def folder_row(self, path: str) -> SidebarRow | None:
        return self._folder_rows.get(path)

    def _ask_for_models(self) -> None:
        self.model_menu_requested.emit(self.model_row.mapToGlobal(self.model_row.rect().bottomLeft()))

    def _step(self, row: SidebarRow, by: int) -> None:
        rows = self.rows()
        rows[max(0, min(len(rows) - 1, rows.index(row) + by))].setFocus(Qt.FocusReason.TabFocusReason)

    def _set_folders(self, folders: Sequence[Folder]) -> None:
        wanted = [folder.path for folder in folders]
        for path in [path for path in self._folder_rows if path not in wanted]:
            row = self._folder_rows.pop(path)
            self._folders.removeWidget(row)
            row.hide()
            row.deleteLater()
        names = distinct_names(wanted)
        for place, folder in enumerate(folders):
            if folder.path not in self._folder_rows:
                self._folder_rows[folder.path] = self._folder_row(folder.path)
                self._folders.insertWidget(place, self._folder_rows[folder.path])
            row = self._folder_rows[folder.path]
            count = self.locale().toString(folder.photos)
            note = count if folder.online else self.tr("unplugged")
            row.describe(names[place], note, faint=not folder.online)
            tip = self.tr("{path}\nnot connected now: {count} photos are remembered")
            row.setToolTip(
                plain_tip(folder.path if folder.online else tip.format(path=folder.path, count=count))
            )
        self._folder_rows = {path: self._folder_rows[path] for path in wanted}

    def _folder_row(self, path: str) -> SidebarRow:
        row = SidebarRow(path, self._inside)
        row.clicked.connect(lambda: self.chosen.emit(Browse(FOLDER, path)))
        row.step.connect(lambda by: self._step(row, by))
        row.menu_requested.connect(lambda at: self.folder_menu_requested.emit(path, at))
        return row

    def _light(self) -> None:
        place = self._view.place if isinstance(self._view, Browse) else ""
        self.all_row.setChecked(place == ALL)
        self.offline_row.setChecked(place == OFFLINE)
        self.failures_row.setChecked(place == FAILURES)
        for path, row in self._folder_rows.items():
            row.setChecked(isinstance(self._view, Browse) and place == FOLDER and self._view.folder == path)

    def _heading(self, text: str) -> None:
        label = QLabel(text)
        set_role(label, "heading")
        self._column.addWidget(label)

    def _link(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        set_role(button, "link")
        button.setStyleSheet("QPushButton { margin-left: 5px; margin-top: 4px; }")
        button.setToolTip(tip)
        self._column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        return button

    def _row(self, name: str, on_click: Callable[[], object]) -> SidebarRow:
        row = SidebarRow(name)
        row.describe(name, "")
        row.clicked.connect(on_click)
        row.step.connect(lambda by: self._step(row, by))
        self._column.addWidget(row)
        return row


def distinct_names(paths: Sequence[str]) -> list[str]:
    """The last part of each path, with the parts before it where two would read the same."""
    names = []
    for path in paths:
        parts = path.rstrip(os.sep).split(os.sep)
        depth = 1
        while depth < len(parts) and any(
            other != path and other.rstrip(os.sep).split(os.sep)[-depth:] == parts[-depth:] for other in paths
        ):
            depth += 1
        names.append(os.sep.join(parts[-depth:]) or path)
    return names
