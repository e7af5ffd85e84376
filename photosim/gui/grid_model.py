"""The photos of the grid as a Qt list model: arrays of ids and similarities, no object per photo."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from photosim.catalog.records import PhotoTable
from photosim.gui.plain_text import plain_tip

Ids = npt.NDArray[np.int64]
Similarities = npt.NDArray[np.float32]


class Role(IntEnum):
    """What the delegate asks the model for, beside Qt's own roles."""

    PHOTO_ID = Qt.ItemDataRole.UserRole + 1
    SIMILARITY = Qt.ItemDataRole.UserRole + 2  # float, or None where the photo is not ranked
    OFFLINE = Qt.ItemDataRole.UserRole + 3
    COPIES = Qt.ItemDataRole.UserRole + 4
    IS_QUERY = Qt.ItemDataRole.UserRole + 5


class Cell(NamedTuple):
    """What is painted of one photo."""

    photo_id: int
    similarity: float | None
    is_query: bool
    offline: bool
    copies: int


class PhotoModel(QAbstractListModel):
    """Photo ids in the order they are shown. Names, copies and places come from a PhotoTable."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ids: Ids = np.empty(0, dtype=np.int64)
        self._similarity: Similarities | None = None
        self._query_ids: frozenset[int] = frozenset()
        self._table: PhotoTable | None = None
        self._order: Ids | None = None  # rows by ascending id, made when first asked for

    @property
    def ids(self) -> Ids:
        """int64 [N], in the order shown. Not to be written to."""
        return self._ids

    @property
    def query_ids(self) -> frozenset[int]:
        return self._query_ids

    def set_table(self, table: PhotoTable) -> None:
        self._table = table
        self._everything_changed()

    def replace(self, ids: Ids, similarity: Similarities | None, query_ids: frozenset[int]) -> bool:
        """Show these photos instead; returns whether the model was reset.

        Where one list begins with the whole other one (a cut-off moved, a scan went on), rows are
        inserted or removed at the end and nothing else moves. Any other order is a reset.
        """
        ids = np.ascontiguousarray(ids, dtype=np.int64)
        if similarity is not None:
            similarity = np.ascontiguousarray(similarity, dtype=np.float32)
            if similarity.shape != ids.shape:
                raise ValueError(f"{len(similarity)} similarities for {len(ids)} photos")
        old, new = len(self._ids), len(ids)
        common = min(old, new)
        if common == 0 or not np.array_equal(self._ids[:common], ids[:common]):
            self.beginResetModel()
            self._set(ids, similarity, query_ids)
            self.endResetModel()
            return True
        if new > old:
            self.beginInsertRows(QModelIndex(), old, new - 1)
            self._set(ids, similarity, query_ids)
            self.endInsertRows()
        elif new < old:
            self.beginRemoveRows(QModelIndex(), new, old - 1)
            self._set(ids, similarity, query_ids)
            self.endRemoveRows()
        else:
            self._set(ids, similarity, query_ids)
        self._everything_changed()
        return False

    def append(self, ids: Iterable[int]) -> None:
        """Add photos at the end; those already shown stay where they are."""
        new = np.fromiter(dict.fromkeys(int(photo_id) for photo_id in ids), dtype=np.int64)
        new = new[~np.isin(new, self._ids)]
        if not len(new):
            return
        similarity = self._similarity
        if similarity is not None:
            similarity = np.concatenate([similarity, np.full(len(new), np.nan, dtype=np.float32)])
        self.beginInsertRows(QModelIndex(), len(self._ids), len(self._ids) + len(new) - 1)
        self._set(np.concatenate([self._ids, new]), similarity, self._query_ids)
        self.endInsertRows()

    def row_of(self, photo_id: int) -> int | None:
        """The row a photo is shown in, or None."""
        if self._order is None:
            self._order = np.argsort(self._ids, kind="stable")
        at = int(np.searchsorted(self._ids, photo_id, sorter=self._order))
        if at == len(self._ids):
            return None
        row = int(self._order[at])
        return row if self._ids[row] == photo_id else None

    def similarity(self, row: int) -> float | None:
        if self._similarity is None:
            return None
        value = float(self._similarity[row])
        return None if np.isnan(value) else value

    def name(self, row: int) -> str:
        """The file name, or "" for a photo that the table does not know yet."""
        at = self._table_row(row)
        return "" if at < 0 or self._table is None else self._table.name(at)

    def offline(self, row: int) -> bool:
        at = self._table_row(row)
        return at >= 0 and self._table is not None and bool(self._table.offline[at])

    def copies(self, row: int) -> int:
        at = self._table_row(row)
        return 1 if at < 0 or self._table is None else int(self._table.copies[at])

    def cell(self, row: int) -> Cell:
        """All that is painted of a row, in one go: five questions through Qt take four times as long."""
        photo_id = int(self._ids[row])
        at = self._table_row(row)
        table = self._table
        if table is None or at < 0:
            offline, copies = False, 1
        else:
            offline, copies = bool(table.offline[at]), int(table.copies[at])
        return Cell(photo_id, self.similarity(row), photo_id in self._query_ids, offline, copies)

    # Qt's side

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._ids)

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        return _FLAGS if index.isValid() else Qt.ItemFlag.NoItemFlags

    def data(
        self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        row = index.row()
        if not 0 <= row < len(self._ids):
            return None
        match role:
            case Role.PHOTO_ID:
                return int(self._ids[row])
            case Role.SIMILARITY:
                return self.similarity(row)
            case Role.OFFLINE:
                return self.offline(row)
            case Role.COPIES:
                return self.copies(row)
            case Role.IS_QUERY:
                return int(self._ids[row]) in self._query_ids
            case Qt.ItemDataRole.DisplayRole:
                return self.name(row)
            case Qt.ItemDataRole.ToolTipRole:
                return plain_tip("\n".join(self._words(row)))
            case Qt.ItemDataRole.AccessibleTextRole:
                return ", ".join(self._words(row))
        return None

    def _words(self, row: int) -> list[str]:
        words = [self.name(row) or self.tr("photo")]
        if int(self._ids[row]) in self._query_ids:
            words.append(self.tr("the query"))
        similarity = self.similarity(row)
        if similarity is not None:
            words.append(self.tr("similarity {0}").format(f"{similarity:z.2f}"))
        if self.offline(row):
            words.append(self.tr("offline"))
        copies = self.copies(row)
        if copies > 1:
            words.append(self.tr("{0} copies").format(copies))
        return words

    def _set(self, ids: Ids, similarity: Similarities | None, query_ids: frozenset[int]) -> None:
        self._ids, self._similarity, self._query_ids = ids, similarity, query_ids
        self._order = None

    def _table_row(self, row: int) -> int:
        """Where a row's photo is in the table, -1 where the table lacks it.

        Searched for at every question, 2 µs: all rows at once would be up to 40 ms in a paint.
        """
        if self._table is None:
            return -1
        try:
            return self._table.row(int(self._ids[row]))
        except KeyError:
            return -1

    def _everything_changed(self) -> None:
        if len(self._ids):
            self.dataChanged.emit(self.index(0), self.index(len(self._ids) - 1))


_FLAGS = (
    Qt.ItemFlag.ItemIsEnabled
    | Qt.ItemFlag.ItemIsSelectable
    | Qt.ItemFlag.ItemIsDragEnabled
    | Qt.ItemFlag.ItemNeverHasChildren
)
