"""The photos that could not be read: which, where, why, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from photosim.gui import facts_text
from photosim.gui.plain_text import plain_tip
from photosim.gui.style import set_role

if TYPE_CHECKING:
    from photosim.catalog.records import Failure

_Index = QModelIndex | QPersistentModelIndex
FILE, FOLDER, REASON, WHEN = range(4)
SortRole = Qt.ItemDataRole.UserRole


class FailuresView(QWidget):
    """A table of failures with a filter. Files are opened by nobody here: the window answers the signals."""

    retry_requested = Signal()
    show_in_folder = Signal(str)  # the full path

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = _FailuresModel(self)
        self._shown = QSortFilterProxyModel(self)
        self._shown.setSourceModel(self._model)
        self._shown.setFilterKeyColumn(-1)
        self._shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._shown.setSortCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._shown.setSortRole(SortRole)
        self._shown.setSortLocaleAware(True)

        self._title = QLabel()
        set_role(self._title, "title")
        self._filter = QLineEdit()
        self._filter.setPlaceholderText(self.tr("Filter by name, folder or reason"))
        self._filter.setAccessibleName(self.tr("Filter the photos that could not be read"))
        self._filter.setClearButtonEnabled(True)
        self._filter.textChanged.connect(self._shown.setFilterFixedString)
        self._retry = self._button(self.tr("Try again"), self.tr("Read all of them once more"))
        set_role(self._retry, "primary")
        self._retry.clicked.connect(self.retry_requested)
        self._show = self._button(
            self.tr("Show in folder"), self.tr("Open the file manager with this file selected (Enter)")
        )
        self._show.clicked.connect(self._show_current)
        self._copy = self._button(
            self.tr("Copy list"),
            self.tr("Copy the selected lines, or all where none is, with path and reason ({key})").format(
                key=QKeySequence(QKeySequence.StandardKey.Copy).toString(
                    QKeySequence.SequenceFormat.NativeText
                )
            ),
        )
        self._copy.clicked.connect(self.copy_list)
        self._empty = QLabel(self.tr("Every photo could be read."))
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        set_role(self._empty, "muted")
        self._table = self._make_table()

        top = QHBoxLayout()
        top.addWidget(self._title)
        top.addStretch(1)
        top.addWidget(self._filter, 2)
        bottom = QHBoxLayout()
        for button in (self._retry, self._show, self._copy):
            bottom.addWidget(button)
        bottom.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(10)
        column.addLayout(top)
        column.addWidget(self._table, 1)
        column.addWidget(self._empty, 1)
        column.addLayout(bottom)

        self._table.selectionModel().selectionChanged.connect(self._update)
        for signal in (self._shown.modelReset, self._shown.rowsInserted, self._shown.rowsRemoved):
            signal.connect(self._update)
        self._update()

    def show_failures(self, failures: Sequence[Failure]) -> None:
        """Show `failures`; sorting, filter, and what of the selection is still there, stay."""
        if self._model.failures == list(failures):
            return
        selected = {failure.path for failure in self.selected()}
        current = self._failure_at(self._table.currentIndex())
        self._model.set_failures(failures)
        selection = self._table.selectionModel()
        rows = QItemSelectionModel.SelectionFlag.Rows
        for row in range(self._shown.rowCount()):
            index = self._shown.index(row, FILE)
            failure = self._failure_at(index)
            if failure is None:
                continue
            if current is not None and failure.path == current.path:
                selection.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
            if failure.path in selected:
                selection.select(index, QItemSelectionModel.SelectionFlag.Select | rows)
        self._update()

    def shown(self) -> list[Failure]:
        """The failures that the filter leaves, in the order of the table."""
        rows = range(self._shown.rowCount())
        return [f for row in rows if (f := self._failure_at(self._shown.index(row, FILE))) is not None]

    def selected(self) -> list[Failure]:
        rows = sorted(self._table.selectionModel().selectedRows(), key=lambda index: index.row())
        return [failure for row in rows if (failure := self._failure_at(row)) is not None]

    def copy_list(self) -> None:
        """Put the selected lines, or all that are shown, on the clipboard: path, reason and time, by tabs."""
        lines = [
            f"{facts_text.path_text(failure.path)}\t{failure.reason}\t{failure.when}"
            for failure in self.selected() or self.shown()
        ]
        QGuiApplication.clipboard().setText("\n".join(lines))

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setAccessibleName(self.tr("Photos that could not be read"))
        table.setModel(self._shown)
        table.setSortingEnabled(True)
        table.sortByColumn(FOLDER, Qt.SortOrder.AscendingOrder)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 14)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for section, mode in (
            (FILE, QHeaderView.ResizeMode.Interactive),
            (FOLDER, QHeaderView.ResizeMode.Interactive),
            (REASON, QHeaderView.ResizeMode.Stretch),
            (WHEN, QHeaderView.ResizeMode.ResizeToContents),
        ):
            header.setSectionResizeMode(section, mode)
        header.setMinimumSectionSize(8 * table.fontMetrics().averageCharWidth())
        header.setResizeContentsPrecision(50)  # looking at every row would be slow with thousands of them
        table.setStyleSheet("QTableView::item { padding: 0 5px; border: none; }")  # as the header's
        copy = QAction(self.tr("Copy list"), table)
        copy.setShortcut(QKeySequence.StandardKey.Copy)
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self.copy_list)
        show = QAction(self.tr("Show in folder"), table)
        show.triggered.connect(self._show_current)
        table.addActions([show, copy])
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        table.activated.connect(self._show_current)
        return table

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._table.setColumnWidth(FILE, self.width() * 22 // 100)
            self._table.setColumnWidth(FOLDER, self.width() * 28 // 100)

    def _button(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setAccessibleName(text)
        button.setAccessibleDescription(tip)
        return button

    def _show_current(self) -> None:
        failure = self._failure_at(self._table.currentIndex())
        if failure is not None:
            self.show_in_folder.emit(failure.path)

    def _failure_at(self, index: QModelIndex) -> Failure | None:
        row = self._shown.mapToSource(index).row()
        return self._model.failures[row] if 0 <= row < len(self._model.failures) else None

    def _update(self) -> None:
        count = len(self._model.failures)
        number = self.locale().toString(count)
        if count == 1:
            self._title.setText(self.tr("1 photo could not be read"))
        else:
            self._title.setText(self.tr("{count} photos could not be read").format(count=number))
        for widget in (self._title, self._filter, self._table, self._retry, self._show, self._copy):
            widget.setVisible(count > 0)
        self._empty.setVisible(count == 0)
        self._show.setEnabled(len(self.selected()) == 1)
        self._copy.setEnabled(self._shown.rowCount() > 0)


class _FailuresModel(QAbstractTableModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.failures: list[Failure] = []
        self._locale = parent.locale()

    def set_failures(self, failures: Sequence[Failure]) -> None:
        self.beginResetModel()
        self.failures = list(failures)
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.failures)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 4

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return [self.tr("File"), self.tr("Folder"), self.tr("Reason"), self.tr("When")][section]

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        failure = self.failures[index.row()]
        column = index.column()
        if role == SortRole and column == WHEN:
            return failure.when
        if role in (Qt.ItemDataRole.DisplayRole, SortRole):
            return self._text(failure, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(failure.reason if column == REASON else facts_text.path_text(failure.path))
        return None

    def _text(self, failure: Failure, column: int) -> str:
        if column == FILE:
            return facts_text.path_text(os.path.basename(failure.path))
        if column == FOLDER:
            return facts_text.path_text(os.path.dirname(failure.path))
        if column == REASON:
            return failure.reason
        return facts_text.moment_text(failure.when, self._locale)
