"""The grid of photos: smooth with a hundred thousand of them, for mouse and keyboard alike."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from PySide6.QtCore import (
    QByteArray,
    QElapsedTimer,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDrag,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QHoverEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QRegion,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from photosim.catalog.records import PhotoTable
from photosim.gui.clipboard import photos_mime
from photosim.gui.delegate import RADIUS, RING, Mark, Paper, PhotoDelegate, device_size
from photosim.gui.grid_drag import MARK_WIDTH, PHOTOS_MIME, Lift, lift, paint_mark
from photosim.gui.grid_model import Ids, PhotoModel, Similarities
from photosim.gui.style import theme
from photosim.gui.thumbnail_loader import Look, ThumbnailLoader

PHOTO_SIZES = range(80, 401)
DEFAULT_PHOTO_SIZE = 150
GAP = 10
MARGIN = 14
SHAPE = 3 / 4
"""Height of a cell's photo by its width."""

REQUEST_DELAY_MS = 20
RUSH_DELAY_MS = 60
LONGEST_RUSH_MS = 250
"""While photos rush by, faster than they can be loaded, thumbnails are asked for only now and then: they
would come too late, and loading them takes from the scrolling."""
SELECTION_KEPT = 5000
"""Beyond this many selected photos, a new order of the grid clears the selection: finding all of them
again would hold up the window."""


@dataclass(frozen=True)
class Layout:
    """Where photos lie in the grid's content, in logical pixels: equal cells in rows, so all arithmetic.

    QListView finds the same places by asking for every row of the model: 90 ms for 100,000 photos in list
    mode with uniform items and a grid size, 180 ms in icon mode, at each resize, insertion and sort.
    """

    count: int
    lefts: tuple[int, ...]  # of the columns' photos
    rights: tuple[int, ...]
    height: int  # of a photo

    @classmethod
    def of(cls, count: int, width: int, photo_size: int) -> Layout:
        """Photos at least `photo_size` wide where there is room, stretched to fill `width` evenly."""
        room = max(width - 2 * MARGIN, 48)
        columns = max(1, (room + GAP) // (photo_size + GAP))
        pitch = (room + GAP) / columns
        lefts = tuple(MARGIN + round(column * pitch) for column in range(columns))
        rights = tuple(MARGIN + round((column + 1) * pitch) - GAP for column in range(columns))
        return cls(count, lefts, rights, max(1, round((pitch - GAP) * SHAPE)))

    @property
    def columns(self) -> int:
        return len(self.lefts)

    @property
    def row_height(self) -> int:
        return self.height + GAP

    @property
    def rows(self) -> int:
        return -(-self.count // self.columns)

    @property
    def content_height(self) -> int:
        return RING + self.rows * self.row_height - GAP + MARGIN if self.count else 0

    def photo(self, row: int) -> QRect:
        """The photo of a row of the model, in content coordinates."""
        line, column = divmod(row, self.columns)
        left = self.lefts[column]
        return QRect(left, RING + line * self.row_height, self.rights[column] - left, self.height)

    def row_at(self, x: int, y: int) -> int | None:
        """The row of the model whose photo is at a point of the content."""
        line, within = divmod(y - RING, self.row_height)
        if line < 0 or within >= self.height:
            return None
        column = bisect_left(self.rights, x + 1)
        if column == self.columns or x < self.lefts[column]:
            return None
        row = line * self.columns + column
        return row if row < self.count else None

    def gap_at(self, x: int, y: int) -> tuple[int, QRect]:
        """The gap between photos nearest to a point: the row behind it, and where a mark shows it."""
        line = min(max((y - RING) // self.row_height, 0), max(self.rows - 1, 0))
        middles = [(left + right) / 2 for left, right in zip(self.lefts, self.rights, strict=True)]
        in_line = min(self.columns, max(self.count - line * self.columns, 0))
        column = min(bisect_left(middles, x), in_line)
        middle = self.lefts[0] - GAP // 2 if column == 0 else self.rights[column - 1] + GAP // 2
        top = RING + line * self.row_height
        mark = QRect(middle - MARK_WIDTH // 2, top, MARK_WIDTH, self.height)
        return line * self.columns + column, mark

    def lines_between(self, top: int, bottom: int) -> range:
        """The lines of photos that a stretch of the content touches, rings included."""
        first = max(0, (top - RING - self.height - RING) // self.row_height + 1)
        last = min(self.rows - 1, bottom // self.row_height)
        return range(first, last + 1)

    def rows_between(self, top: int, bottom: int) -> range:
        """The rows of the model that a stretch of the content touches."""
        lines = self.lines_between(top, bottom)
        return range(lines.start * self.columns, min(self.count, lines.stop * self.columns))


class PhotoGrid(QListView):
    """A QListView of photo ids that lays itself out by arithmetic.

    QListView's own layout is never run; what it would answer (where is a row, which row is here, where
    does a key lead) is answered from a Layout in the methods that Qt provides for it.
    """

    query_requested = Signal(object)
    """list[int]: find photos like these. Double click gives that photo, Enter all selected ones."""
    current_changed = Signal(object)
    """int or None: the photo that the keyboard is on."""
    selection_changed = Signal()
    full_view_requested = Signal(int)
    context_menu_requested = Signal(QPoint)
    """Where on the screen. The photo it is about is selected already."""
    moved_up = Signal(object)
    """Lift: photos were dropped before one that stands above them. Moving them is the window's to do."""
    dragging = Signal(bool)
    """Photos are being dragged, or no longer are."""

    def __init__(self, loader: ThumbnailLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.drag_paths: Callable[[list[int]], list[str]] | None = None
        """Gives the absolute paths of photos, for dragging out; those without a file are left out."""
        self._loader = loader
        self._photo_size = DEFAULT_PHOTO_SIZE
        self._layout = Layout.of(0, 0, DEFAULT_PHOTO_SIZE)
        self._quiet = False  # while rows are exchanged, what is current and selected is not to be told
        self._hover: QPoint | None = None
        self._hover_row: int | None = None
        self._band: QRect | None = None  # the rubber band, in content coordinates
        self._movable = False
        self._carried: list[int] = []  # the photos being dragged
        self._mark: QRect | None = None  # where they would be put, in content coordinates
        self._told_current: int | None = None
        # The row at the top of the view since it was last scrolled. It survives any number of changes of
        # size, so that a slider drawn to and fro ends where it began.
        self._anchor = 0
        self._laying_out = False

        self._photos = PhotoModel(self)
        self.setModel(self._photos)
        self._delegate = PhotoDelegate(loader, self)
        self.setItemDelegate(self._delegate)
        self.setViewMode(QListView.ViewMode.ListMode)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setDragEnabled(True)
        self.setAutoScroll(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setAccessibleName(self.tr("Photos"))
        self.setMouseTracking(True)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setMinimumWidth(160)

        self._requests = QTimer(self)
        self._requests.setSingleShot(True)
        self._requests.timeout.connect(self._request_thumbnails)
        self._last_request = QElapsedTimer()
        self._last_request.start()
        self._requested_at = 0  # where the grid was scrolled to
        loader.loaded.connect(self._repaint_photo)
        loader.missing.connect(self._repaint_photo)

    # What the window asks for

    def show_photos(
        self,
        ids: Ids,
        similarity: Similarities | None = None,
        query_ids: frozenset[int] = frozenset(),
    ) -> None:
        """Show these photos, in this order: ids int64 [N], similarity float32 [N] or None where unranked.

        Photos that were current or selected stay so where they are still shown. A new query starts at
        its top; a new order of the same one leaves the grid where it is scrolled to.
        """
        new_query = query_ids != self._photos.query_ids
        at = self.verticalScrollBar().value()
        current, selected = self.current_id(), self._selected_rows()
        kept = [] if len(selected) > SELECTION_KEPT else self._photos.ids[selected].tolist()
        self._quiet = True
        try:
            reset = self._photos.replace(ids, similarity, query_ids)
            self._lay_out()
            if reset:
                self._restore(current, kept)
        finally:
            self._quiet = False
        self.verticalScrollBar().setValue(0 if new_query else at)
        self._tell_current()
        if reset or len(selected) != len(self._selected_rows()):
            self.selection_changed.emit()
        self._schedule_requests()

    def append_photos(self, ids: Iterable[int]) -> None:
        """Add photos at the end; nothing that is shown moves."""
        self._photos.append(ids)

    def set_table(self, table: PhotoTable) -> None:
        """Names, copies and offline marks of the photos, from now on."""
        self._photos.set_table(table)

    def set_photo_size(self, pixels: int) -> None:
        """The least width of a photo, 80 to 400 logical pixels; what is looked at stays in view."""
        self._photo_size = min(max(pixels, PHOTO_SIZES.start), PHOTO_SIZES.stop - 1)
        self._lay_out()

    @property
    def photo_size(self) -> int:
        return self._photo_size

    def shown_ids(self) -> Ids:
        """int64 [N], all photos of the grid in their order. Not to be written to."""
        return self._photos.ids

    def selected_ids(self) -> list[int]:
        """The selected photos, in the order they are shown."""
        return self._photos.ids[self._selected_rows()].tolist()

    def current_id(self) -> int | None:
        index = self.currentIndex()
        return int(self._photos.ids[index.row()]) if index.isValid() else None

    def similarity_of(self, photo_id: int) -> float | None:
        """The figure shown with a photo, or None where it is not ranked or not shown."""
        row = self._photos.row_of(photo_id)
        return None if row is None else self._photos.similarity(row)

    def position_of(self, photo_id: int) -> int | None:
        """Its place in the grid, from 0, or None where it is not shown."""
        return self._photos.row_of(photo_id)

    def select_id(self, photo_id: int) -> None:
        """Make this photo the current and only selected one and scroll to it; nothing where not shown."""
        row = self._photos.row_of(photo_id)
        if row is not None:
            index = self._photos.index(row)
            self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            self.scrollTo(index)

    def step(self, by: int) -> int | None:
        """Go `by` photos on from the current one and select that; returns it, or None at the end."""
        index = self.currentIndex()
        row = index.row() + by if index.isValid() else 0
        if not 0 <= row < self._layout.count:
            return None
        photo_id = int(self._photos.ids[row])
        self.select_id(photo_id)
        return photo_id

    def set_movable(self, movable: bool) -> None:
        """Whether photos can be dragged up among the others, as they can in a ranking: see `moved_up`."""
        self._movable = movable
        # Only then: whatever else is dropped here belongs to the window.
        self.setAcceptDrops(movable)

    @property
    def movable(self) -> bool:
        return self._movable

    @property
    def carried(self) -> list[int]:
        """The photos that are being dragged; none most of the time."""
        return list(self._carried)

    def move_up(self) -> bool:
        """Ask for the selected photos to be put one place up; False where they cannot be."""
        carried = self.selected_ids() or self._current_ids()
        first = min((self._photos.row_of(photo_id) or 0 for photo_id in carried), default=0)
        up = lift(self._photos.ids, carried, first - 1, self._fixed()) if self._movable and first else None
        if up is None:
            return False
        self.moved_up.emit(up)
        return True

    def drag_data(self, photo_ids: list[int]) -> QMimeData | None:
        """These photos as a drag carries them, with their files; None where nobody could take them."""
        paths = self.drag_paths(photo_ids) if self.drag_paths is not None else []
        if not paths and not self._movable:
            return None
        mime = photos_mime(paths) if paths else QMimeData()
        if self._movable:
            mime.setData(PHOTOS_MIME, QByteArray(b" ".join(b"%d" % photo_id for photo_id in photo_ids)))
        return mime

    # Layout: what Qt asks a view

    def doItemsLayout(self) -> None:
        self._lay_out()
        QAbstractItemView.doItemsLayout(self)

    def updateGeometries(self) -> None:
        bar = self.verticalScrollBar()
        visible = self.viewport().height()
        bar.setPageStep(max(1, visible - self._layout.row_height // 2))
        # Three steps are one notch of a wheel: about one row of photos.
        bar.setSingleStep(max(1, self._layout.row_height // 3))
        bar.setRange(0, max(0, self._layout.content_height - visible))
        QAbstractItemView.updateGeometries(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._lay_out()
        QAbstractItemView.resizeEvent(self, event)
        self._schedule_requests()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._schedule_requests()

    def visualRect(self, index: QModelIndex | QPersistentModelIndex) -> QRect:
        """The cell: the photo and the ring around it, in the viewport."""
        if not 0 <= index.row() < self._layout.count:
            return QRect()
        photo = self._layout.photo(index.row())
        return photo.adjusted(-RING, -RING, RING, RING).translated(0, -self.verticalOffset())

    def indexAt(self, point: QPoint) -> QModelIndex:
        row = self._layout.row_at(point.x(), point.y() + self.verticalOffset())
        return QModelIndex() if row is None else self._photos.index(row)

    def scrollTo(
        self,
        index: QModelIndex | QPersistentModelIndex,
        hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible,
    ) -> None:
        if not 0 <= index.row() < self._layout.count:
            return
        photo = self._layout.photo(index.row())
        top = photo.top() - RING
        bottom = photo.bottom() + 1 + GAP - RING
        bar, visible = self.verticalScrollBar(), self.viewport().height()
        hints = QAbstractItemView.ScrollHint
        if hint == hints.PositionAtCenter:
            bar.setValue((top + bottom - visible) // 2)
        elif hint == hints.PositionAtTop or top < bar.value():
            bar.setValue(top)
        elif hint == hints.PositionAtBottom or bottom > bar.value() + visible:
            bar.setValue(min(top, bottom - visible))

    def horizontalOffset(self) -> int:
        return 0

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def isIndexHidden(self, index: QModelIndex | QPersistentModelIndex) -> bool:
        return False

    def moveCursor(
        self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier
    ) -> QModelIndex:
        count, columns = self._layout.count, self._layout.columns
        if count == 0:
            return QModelIndex()
        current = self.currentIndex()
        if not current.isValid():
            return self._photos.index(0)
        row, last = current.row(), count - 1
        page = max(1, self.viewport().height() // self._layout.row_height) * columns
        actions = QAbstractItemView.CursorAction
        match action:
            case actions.MoveLeft | actions.MovePrevious:
                target = row - 1
            case actions.MoveRight | actions.MoveNext:
                target = row + 1
            case actions.MoveUp:
                target = row - columns if row >= columns else row
            case actions.MoveDown:
                below = row // columns < last // columns
                target = row + columns if below else row
            case actions.MovePageUp:
                target = row - min(page, row // columns * columns)
            case actions.MovePageDown:
                lines_left = (last // columns - row // columns) * columns
                target = row + min(page, lines_left)
            case actions.MoveHome:
                target = 0
            case _:
                target = last
        return self._photos.index(min(max(target, 0), last))

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        """A rubber band selects what it touches; anything else the photos in order between two."""
        if self._band is not None:
            selection = self._touched_by(self._band.normalized())
        else:
            start, end = self.indexAt(rect.topLeft()), self.indexAt(rect.bottomRight())
            selection = QItemSelection()
            if start.isValid() and end.isValid():
                first, last = sorted((start.row(), end.row()))
                selection.select(self._photos.index(first), self._photos.index(last))
        self.selectionModel().select(selection, command)

    def selectAll(self) -> None:
        """One range: Qt looks at every row for hidden ones, 80 ms for 100,000 photos."""
        if self._layout.count:
            everything = QItemSelection(self._photos.index(0), self._photos.index(self._layout.count - 1))
            self.selectionModel().select(everything, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        region = QRegion()
        top = self.verticalOffset()
        visible = self._layout.rows_between(top, top + self.viewport().height())
        for chosen in selection.toList():
            for row in range(max(chosen.top(), visible.start), min(chosen.bottom() + 1, visible.stop)):
                region += self.visualRect(self._photos.index(row))
        return region

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.scrollDirtyRegion(dx, dy)
        self.viewport().scroll(dx, dy)
        if not self._laying_out:
            self._anchor = self.verticalOffset() // self._layout.row_height * self._layout.columns
        self._set_hover(self._hover)
        self._schedule_requests()

    def rowsInserted(self, parent: QModelIndex | QPersistentModelIndex, start: int, end: int) -> None:
        super().rowsInserted(parent, start, end)
        self._schedule_requests()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        dirty = event.region()
        area = event.rect()
        colors = theme()
        painter.fillRect(area, colors.color("window"))
        paper = Paper.of(painter, self.font())
        selection = self.selectionModel()
        anything_selected = selection.hasSelection()
        current = self.currentIndex().row() if self.hasFocus() else -1
        top = self.verticalOffset()
        for row in self._layout.rows_between(top + area.top(), top + area.bottom()):
            cell = self._layout.photo(row).adjusted(-RING, -RING - top, RING, RING - top)
            if not dirty.intersects(cell):
                continue
            marks = Mark.NONE
            if row == self._hover_row:
                marks |= Mark.HOVERED
            if row == current:
                marks |= Mark.CURRENT
            if anything_selected and selection.isSelected(self._photos.index(row)):
                marks |= Mark.SELECTED
            self._delegate.paint_cell(painter, cell, self._photos.cell(row), marks, paper)
        if self._band is not None:
            painter.setPen(QPen(colors.color("accent"), 1))
            painter.setBrush(colors.color("accent", 0.12))
            painter.drawRect(self._band.normalized().translated(0, -top).adjusted(0, 0, -1, -1))
        if self._mark is not None:
            paint_mark(painter, self._mark.translated(0, -top), colors.color("accent"))
        painter.end()

    # Mouse and keyboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if plain and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            chosen = self.selected_ids() or self._current_ids()
            if chosen:
                self.query_requested.emit(chosen)
        elif plain and event.key() == Qt.Key.Key_Space:
            for photo_id in self._current_ids():
                self.full_view_requested.emit(photo_id)
        elif event.key() == Qt.Key.Key_Escape:
            event.ignore()  # it belongs to the window
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Nothing: Qt would ask a hundred thousand photos for their names while a key is held."""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        point = event.position().toPoint()
        if event.button() == Qt.MouseButton.LeftButton and not self.indexAt(point).isValid():
            self._band = QRect(point + QPoint(0, self.verticalOffset()), QSize(0, 0))
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._band is not None and event.buttons() & Qt.MouseButton.LeftButton:
            before = self._band.normalized()
            self._band.setBottomRight(event.position().toPoint() + QPoint(0, self.verticalOffset()))
            changed = before.united(self._band.normalized()).adjusted(-2, -2, 2, 2)
            self.viewport().update(changed.translated(0, -self.verticalOffset()))
        QAbstractItemView.mouseMoveEvent(self, event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        band, self._band = self._band, None
        QAbstractItemView.mouseReleaseEvent(self, event)
        if band is not None:
            self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        super().mouseDoubleClickEvent(event)
        if event.button() == Qt.MouseButton.LeftButton and index.isValid():
            self.query_requested.emit([int(self._photos.ids[index.row()])])

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            index = self.currentIndex()
            if index.isValid():
                self.scrollTo(index)
                self.context_menu_requested.emit(self.viewport().mapToGlobal(self.visualRect(index).center()))
        elif self.indexAt(event.pos()).isValid():
            self.context_menu_requested.emit(event.globalPos())
        event.accept()

    def viewportEvent(self, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.HoverLeave:
            self._set_hover(None)
        elif isinstance(event, QHoverEvent):
            self._set_hover(event.position().toPoint())
        return super().viewportEvent(event)

    def startDrag(self, supported: Qt.DropAction) -> None:
        carried = self.selected_ids()
        mime = self.drag_data(carried)
        if mime is None:
            return
        drag = QDrag(self)
        drag.setMimeData(mime)
        picture = self._drag_picture(len(mime.urls()))
        if picture is not None:
            drag.setPixmap(picture)
            drag.setHotSpot(QPoint(12, 12))
        self._carried = carried
        self.dragging.emit(True)
        try:
            # Copying alone, also among the grid's own photos: nobody may be told to move a file.
            drag.exec(Qt.DropAction.CopyAction)
        finally:
            self._carried = []
            self._show_mark(None)
            self.dragging.emit(False)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take what was picked up here; all else goes on to the window."""
        if self._carried and self._movable:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        QAbstractItemView.dragMoveEvent(self, event)  # it scrolls at the edges
        found = self._lift_at(event.position().toPoint())
        self._show_mark(None if found is None else found[1])
        event.setDropAction(Qt.DropAction.CopyAction)
        event.setAccepted(found is not None)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._show_mark(None)
        QAbstractItemView.dragLeaveEvent(self, event)

    def dropEvent(self, event: QDropEvent) -> None:
        found = self._lift_at(event.position().toPoint())
        self._show_mark(None)
        self.stopAutoScroll()
        event.setDropAction(Qt.DropAction.CopyAction)
        event.setAccepted(found is not None)
        if found is not None:
            # Once the drag is over: until then Qt is in the middle of the rows that are to change.
            QTimer.singleShot(0, self, lambda: self.moved_up.emit(found[0]))

    def _lift_at(self, point: QPoint) -> tuple[Lift, QRect] | None:
        """What a drop at a point of the viewport moves up, and the mark of where to."""
        place, mark = self._layout.gap_at(point.x(), point.y() + self.verticalOffset())
        fixed = self._fixed()
        up = lift(self._photos.ids, self._carried, place, fixed) if self._movable else None
        if up is None:
            return None
        if place < fixed:  # the query stays first
            first = self._layout.photo(fixed)
            mark = QRect(first.left() - GAP // 2 - MARK_WIDTH // 2, first.top(), MARK_WIDTH, first.height())
        return up, mark

    def _fixed(self) -> int:
        """How many photos at the top are the query itself."""
        query_ids = self._photos.query_ids
        return sum(1 for _ in takewhile(query_ids.__contains__, self._photos.ids[: len(query_ids)].tolist()))

    def _show_mark(self, mark: QRect | None) -> None:
        for changed in (self._mark, mark):
            if changed is not None:
                self.viewport().update(changed.translated(0, -self.verticalOffset()).adjusted(-1, -1, 1, 1))
        self._mark = mark

    # What changes

    def currentChanged(
        self, current: QModelIndex | QPersistentModelIndex, previous: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().currentChanged(current, previous)
        if not self._quiet:
            self._tell_current()

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        if not self._quiet:
            self.selection_changed.emit()

    def _tell_current(self) -> None:
        current = self.current_id()
        if current != self._told_current:
            self._told_current = current
            self.current_changed.emit(current)

    def _current_ids(self) -> list[int]:
        current = self.current_id()
        return [] if current is None else [current]

    def _selected_rows(self) -> np.ndarray:
        """int64 [n], ascending: made from ranges, since Qt's list of indexes takes an object per photo."""
        chosen = self.selectionModel().selection().toList()
        ranges = [np.arange(part.top(), part.bottom() + 1) for part in chosen]
        return np.sort(np.concatenate(ranges)) if ranges else np.empty(0, dtype=np.int64)

    def _restore(self, current: int | None, selected: list[int]) -> None:
        rows = sorted(row for photo_id in selected if (row := self._photos.row_of(photo_id)) is not None)
        self.selectionModel().select(self._ranges(rows), QItemSelectionModel.SelectionFlag.ClearAndSelect)
        row = None if current is None else self._photos.row_of(current)
        if row is not None:
            self.selectionModel().setCurrentIndex(
                self._photos.index(row), QItemSelectionModel.SelectionFlag.NoUpdate
            )

    def _ranges(self, rows: list[int]) -> QItemSelection:
        """Ascending rows as a selection of as few ranges as can be."""
        selection = QItemSelection()
        start = 0
        for at in range(1, len(rows) + 1):
            if at == len(rows) or rows[at] != rows[at - 1] + 1:
                selection.select(self._photos.index(rows[start]), self._photos.index(rows[at - 1]))
                start = at
        return selection

    def _touched_by(self, rect: QRect) -> QItemSelection:
        """The photos that a rectangle of the content touches: one range a line."""
        layout = self._layout
        columns = [
            column
            for column in range(layout.columns)
            if layout.lefts[column] <= rect.right() and layout.rights[column] > rect.left()
        ]
        selection = QItemSelection()
        for line in layout.lines_between(rect.top(), rect.bottom()) if columns else ():
            first = line * layout.columns + columns[0]
            last = min(line * layout.columns + columns[-1], layout.count - 1)
            if (
                first <= last
                and layout.photo(first).top() <= rect.bottom()
                and layout.photo(first).bottom() >= rect.top()
            ):
                selection.select(self._photos.index(first), self._photos.index(last))
        return selection

    def _lay_out(self) -> None:
        """Find the layout for this width; the photo at the top of the view stays there."""
        before = self._layout
        # Room for the scroll bar is kept also while there is none: otherwise its coming would narrow the
        # photos, which would make it go.
        width = self.maximumViewportSize().width() - self.verticalScrollBar().sizeHint().width()
        layout = Layout.of(self._photos.rowCount(), width, self._photo_size)
        if layout == before:
            return
        within = self.verticalOffset() % before.row_height / before.row_height
        self._layout = layout
        self._laying_out = True
        try:
            self.updateGeometries()
            if layout.columns != before.columns or layout.height != before.height:
                line = self._anchor // layout.columns + within
                self.verticalScrollBar().setValue(round(line * layout.row_height))
        finally:
            self._laying_out = False
        self.viewport().update()
        self._schedule_requests()

    def _set_hover(self, point: QPoint | None) -> None:
        self._hover = point
        row = None if point is None else self._layout.row_at(point.x(), point.y() + self.verticalOffset())
        if row != self._hover_row:
            for changed in (self._hover_row, row):
                if changed is not None:
                    self.viewport().update(self.visualRect(self._photos.index(changed)))
            self._hover_row = row

    # Thumbnails

    def _schedule_requests(self) -> None:
        away = abs(self.verticalOffset() - self._requested_at)
        rushing = away > self.viewport().height() and self._last_request.elapsed() < LONGEST_RUSH_MS
        if rushing:
            self._requests.start(RUSH_DELAY_MS)  # anew with every move
        elif not self._requests.isActive():
            self._requests.start(REQUEST_DELAY_MS)

    @Slot()
    def _request_thumbnails(self) -> None:
        """Want what is seen first, then a screen below, then one above."""
        if not self.isVisible() or not self._layout.count:
            return
        top, height = self.verticalOffset(), self.viewport().height()
        self._requested_at = top
        self._last_request.restart()
        seen = self._layout.rows_between(top, top + height)
        below = self._layout.rows_between(top + height, top + 2 * height)
        above = self._layout.rows_between(top - height, top)
        ids = self._photos.ids
        wanted = [
            *ids[seen.start : seen.stop].tolist(),
            *ids[below.start : below.stop].tolist(),
            *ids[above.start : above.stop].tolist()[::-1],
        ]
        ratio = self.devicePixelRatioF()
        size = device_size(self._layout.photo(0).size(), ratio)
        self._loader.request(wanted, Look(size.width(), size.height(), RADIUS * ratio))

    @Slot(int)
    def _repaint_photo(self, photo_id: int) -> None:
        row = self._photos.row_of(photo_id)
        if row is not None:
            self.viewport().update(self.visualRect(self._photos.index(row)))

    def _drag_picture(self, files: int) -> QPixmap | None:
        current = self.current_id()
        thumbnail = None if current is None else self._loader.pixmap(current)
        if thumbnail is None:
            return None
        ratio = self.devicePixelRatioF()
        picture = thumbnail.scaledToWidth(round(120 * ratio), Qt.TransformationMode.SmoothTransformation)
        picture.setDevicePixelRatio(ratio)
        if files > 1:
            painter = QPainter(picture)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("accent"))
            painter.drawRoundedRect(6, 6, 34, 22, 11, 11)
            painter.setPen(QColor(theme().on_accent))
            painter.drawText(QRect(6, 6, 34, 22), Qt.AlignmentFlag.AlignCenter, str(files))
            painter.end()
        return picture
