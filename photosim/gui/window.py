"""The window: its parts, where they stand, and how they talk to each other."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QMargins, QObject, QPoint, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
)
from PySide6.QtWidgets import QAbstractButton, QMainWindow, QWidget

from photosim.gui import views
from photosim.gui.catalog_feed import CatalogFeed, Snapshot
from photosim.gui.clipboard import read_clipboard
from photosim.gui.drop import Drop, read_drop
from photosim.gui.file_choice import choose_folder, choose_photos, pictures_folder
from photosim.gui.grid import DEFAULT_PHOTO_SIZE, PHOTO_SIZES, PhotoGrid
from photosim.gui.grid_answers import GridAnswers
from photosim.gui.library_keeper import LibraryKeeper
from photosim.gui.models import Models
from photosim.gui.navigator import Navigator
from photosim.gui.photo_actions import PhotoActions
from photosim.gui.photo_list import NEWEST, SORTS
from photosim.gui.previews import ThumbnailMender
from photosim.gui.query_runner import QueryRunner
from photosim.gui.scan_controller import ScanController
from photosim.gui.tasks import TaskRunner
from photosim.gui.teach.teach import Teach
from photosim.gui.thumbnail_loader import ThumbnailLoader
from photosim.gui.viewing import Viewing
from photosim.gui.views import FAILURES, Browse, QueryItem, Similar, View
from photosim.gui.why import Why
from photosim.gui.window_actions import ShortcutsPage, WindowActions, show_about
from photosim.gui.window_layout import SIZE, WindowLayout
from photosim.library import Library

SIZE_STEP = 25
FRAME = QMargins(4, 32, 4, 4)
"""Room for the frame that the window manager puts around the window, unknown before it is shown."""


class MainWindow(QMainWindow):
    """The window over an open library, which stays the caller's to close after the window."""

    results_shown = Signal()
    """The results of a query are in the grid."""
    closed = Signal()

    def __init__(self, library: Library, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._settings = library.settings
        self._first_snapshot = True
        self._start_items: tuple[QueryItem, ...] = ()
        self._shut = False
        self.setWindowTitle("photosim")
        self.setAcceptDrops(True)

        self.tasks = TaskRunner(self, threads={"query": 2})
        self.loader = ThumbnailLoader(self._thumbnail, self)
        self.mender = ThumbnailMender(library, self.tasks, self)
        self.feed = CatalogFeed(library.catalog, self.tasks, self)
        self.runner = QueryRunner(library, self.tasks, self)
        self.scans = ScanController(library, self)
        self._parts = parts = WindowLayout(PhotoGrid(self.loader))
        self.setCentralWidget(parts)
        self.bar, self.sidebar, self.header, self.grid = parts.bar, parts.sidebar, parts.header, parts.grid
        self.notice, self.failures, self.inspector = parts.notice, parts.failures, parts.inspector
        self.scan_bar, self.full_view, self.invitation = parts.scan_bar, parts.full_view, parts.invitation
        self.splitter = parts.splitter
        self.navigator = Navigator(
            library, self.tasks, self.feed, self.runner, self.grid, self.header, self.bar, self
        )
        self.photo_actions = PhotoActions(library, self.tasks, self.feed, self.navigator, self)
        self.grid_answers = GridAnswers(
            library.catalog, self.tasks, self.navigator, self.grid, self.photo_actions, self
        )
        self.viewing = Viewing(
            library, self.tasks, self.navigator, self.grid, self.inspector, self.full_view, self
        )
        self.why = Why(library, self.tasks, self.navigator, self.grid, parts.why_view, self)
        self.teach = Teach(library, self.tasks, self.feed, self.navigator, self.grid, parts, self)
        self.keeper = LibraryKeeper(
            library,
            self.tasks,
            self.feed,
            self.scans,
            self.navigator,
            self.photo_actions,
            self.scan_bar,
            self.notice,
            self,
        )
        self._make_actions()
        self._connect()
        self._restore()
        self.feed.read()

    # What others ask for

    def show_query(self, paths: Sequence[Path]) -> None:
        """Make these photos, in the library or not, the query; `results_shown` follows."""
        items = views.from_files(list(paths))
        if self.feed.snapshot is None:
            self._start_items = items
        else:
            self._find(items)

    def add_folders(self, paths: Sequence[Path]) -> None:
        """Add folders to the library and scan them."""
        self.keeper.add_folders(paths)

    def say(self, text: str, error: bool = False) -> None:
        self.models.let_go()
        self.scan_bar.say(text, error)
        self.scan_bar.show()

    def _say_answer_kept(self, text: str) -> None:
        self.scan_bar.say(text, on_undo=self.grid_answers.undo)
        self.scan_bar.show()

    # Parts

    def _make_actions(self) -> None:
        made = WindowActions(self, self.bar.menu_button)
        self.menus = made
        file = made.menu(self.tr("&File"))
        made.add(file, "open", self.tr("&Open photo…"), ["Ctrl+O"], self._choose_photos)
        made.add(file, "add_folder", self.tr("&Add folder…"), ["Ctrl+Shift+O"], self._choose_folder)
        made.add(file, "scan", self.tr("&Scan again"), ["F5"], self.keeper.scan_again)
        file.addSeparator()
        made.add(file, "quit", self.tr("&Quit"), ["Ctrl+Q"], self.close)
        edit = made.menu(self.tr("&Edit"))
        made.add(edit, "copy", self.tr("&Copy"), ["Ctrl+C"], self._copy)
        made.add(edit, "copy_path", self.tr("Copy &path"), ["Ctrl+Shift+C"], self._copy_paths)
        made.add(edit, "paste", self.tr("&Paste as query"), ["Ctrl+V"], self._paste)
        made.add(edit, "select_all", self.tr("Select &all"), ["Ctrl+A"], self.grid.selectAll)
        made.add(edit, "filter", self.tr("&Filter"), ["Ctrl+F"], self._focus_filter)
        edit.addSeparator()
        made.add(edit, "undo_answer", self.tr("&Undo answer"), ["Ctrl+Z"], self.grid_answers.undo)
        query = made.menu(self.tr("&Photo"))
        made.add(query, "find", self.tr("&Find similar"), ["Ctrl+Return"], self._find_selected)
        made.add(query, "more", self.tr("&More like this"), ["Ctrl+M"], self._more_selected)
        made.add(query, "less", self.tr("&Less like this"), ["Ctrl+L"], self._less_selected)
        made.add(query, "move_up", self.tr("Move &up in the ranking"), ["Alt+Up"], self.grid.move_up)
        made.add(query, "region", self.tr("Similar to &part of it…"), ["Ctrl+R"], self._start_region)
        made.add(query, "why", self.tr("Wh&y it matches…"), ["Ctrl+Y"], self._explain)
        made.add(query, "full_view", self.tr("F&ull view"), ["F11"], self._full_view)
        made.add(query, "reveal", self.tr("&Show in folder"), ["Ctrl+E"], self._show_selected)
        view = made.menu(self.tr("&View"))
        made.add(view, "back", self.tr("&Back"), ["Alt+Left", "Back"], self.navigator.go_back)
        made.add(view, "forward", self.tr("&Forward"), ["Alt+Right", "Forward"], self.navigator.go_forward)
        made.add(view, "all", self.tr("&All photos"), ["Alt+Home"], lambda: self.navigator.go(Browse()))
        made.add(view, "failures", self.tr("&Not readable"), ["Ctrl+Shift+F"], self._show_failures)
        view.addSeparator()
        made.add(view, "larger", self.tr("&Larger photos"), ["Ctrl++", "Ctrl+="], lambda: self._resize(1))
        made.add(view, "smaller", self.tr("&Smaller photos"), ["Ctrl+-"], lambda: self._resize(-1))
        made.add(view, "inspector", self.tr("&Inspector"), ["Ctrl+I"], self._toggle_inspector, checkable=True)
        view.addSeparator()
        made.add(view, "teach", self.tr("&Teach what similar means…"), ["Ctrl+T"], self.teach.open)
        models = made.menu(self.tr("&Models"))
        self.models = Models(self._library, self.tasks, self.scans, self.notice, models, self)
        help_menu = made.menu(self.tr("&Help"))
        made.add(help_menu, "shortcuts", self.tr("&Keyboard shortcuts"), ["F1"], self._show_shortcuts)
        made.add(help_menu, "about", self.tr("&About photosim"), [], self._show_about)
        for name in ("back", "forward", "undo_answer", "move_up"):
            made.actions[name].setEnabled(False)

    def _connect(self) -> None:
        navigator, bar = self.navigator, self.bar
        self.tasks.failed.connect(self._fail)
        self.loader.failed.connect(self._fail)
        self.loader.missing.connect(self.mender.mend)
        self.mender.mended.connect(self.loader.retry)
        self.feed.changed.connect(self._library_read)
        navigator.left.connect(self.scan_bar.clear_error)
        navigator.left.connect(self.models.let_go)
        navigator.opened.connect(self._opened)
        navigator.shown.connect(self._shown)
        navigator.problem.connect(self._fail)
        navigator.history_changed.connect(self._history_changed)
        bar.back.clicked.connect(navigator.go_back)
        bar.forward.clicked.connect(navigator.go_forward)
        bar.strip.removed.connect(navigator.remove)
        bar.strip.toggled.connect(navigator.toggle)
        bar.strip.add_requested.connect(self._choose_more_photos)
        bar.focus_changed.connect(navigator.set_focus)
        bar.cut_changed.connect(navigator.set_cut)
        bar.photo_size_changed.connect(self.grid.set_photo_size)
        self.header.sort_changed.connect(navigator.set_sort)
        self.header.exact_first_changed.connect(navigator.set_exact_first)
        self.header.filter_changed.connect(navigator.set_filter)
        navigator.nothing_shown.connect(self._parts.show_nothing)
        navigator.all_counted.connect(self.sidebar.set_all_count)
        self._parts.nothing_note.clear_filter.connect(self.header.filter.clear)
        self.grid.drag_paths = self.photo_actions.files
        self.grid.query_requested.connect(self.photo_actions.find)
        self.grid.context_menu_requested.connect(self._photo_menu)
        self.grid.viewport().installEventFilter(self)
        self.sidebar.chosen.connect(navigator.go)
        self.sidebar.add_folder_requested.connect(self._choose_folder)
        self.sidebar.folder_menu_requested.connect(self.keeper.folder_menu)
        self.sidebar.teach_requested.connect(lambda: self.teach.open())
        self.photo_actions.follow(self.inspector)
        self.photo_actions.said.connect(self.say)
        self.inspector.why_requested.connect(lambda photo_id: self.why.open(photo_id))
        self.why.said.connect(self.say)
        self.teach.said.connect(self.say)
        self.teach.kept.connect(self.models.used_elsewhere)
        self.header.teach_requested.connect(lambda: self.teach.open(from_results=True))
        self.photo_actions.failed.connect(self._fail)
        answers, actions = self.grid_answers, self.menus.actions
        answers.said.connect(self.say)
        answers.failed.connect(self._fail)
        answers.kept.connect(self._say_answer_kept)
        answers.undoable.connect(actions["undo_answer"].setEnabled)
        answers.movable.connect(actions["move_up"].setEnabled)
        self.grid.dragging.connect(self.bar.strip.add_button.set_highlighted)
        self.failures.retry_requested.connect(self.keeper.retry_failed)
        self.failures.show_in_folder.connect(self.photo_actions.show_path)
        self.invitation.choose_folder.connect(self._choose_folder)
        self.invitation.offer_pictures(pictures_folder().is_dir())
        self.invitation.use_pictures_folder.connect(lambda: self.add_folders([pictures_folder()]))
        self._parts.choose_folder.connect(self._choose_folder)
        self.scan_bar.failures_requested.connect(self._show_failures)
        self.scans.failed.connect(self._fail)
        self.keeper.said.connect(self.say)
        self.keeper.model_changed.connect(self._show_model)
        self.keeper.model_changed.connect(self.models.read)
        self.keeper.model_changed.connect(self.models.let_go)
        self.models.said.connect(self.say)
        self.models.failed.connect(self._fail)
        self.models.used.connect(self.keeper.model_used)
        self.sidebar.model_menu_requested.connect(self.models.popup)

    # Kept over restarts

    def _restore(self) -> None:
        settings = self._settings
        splitter = settings.get("splitter", "")
        if splitter:
            self.splitter.restoreState(QByteArray.fromBase64(splitter.encode("ascii", "ignore")))
        size = settings.get("photo_size", DEFAULT_PHOTO_SIZE)
        self.bar.set_photo_size(size)
        self.grid.set_photo_size(size)
        shown = settings.get("inspector_shown", True)
        self.inspector.setVisible(shown)
        self.menus.actions["inspector"].setChecked(shown)
        # After what decides how narrow the window can be.
        self.resize(*SIZE)
        geometry = settings.get("geometry", "")
        if geometry:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode("ascii", "ignore")))
        self._fit_on_screen()
        sort = settings.get("sort", NEWEST)
        self.navigator.sort = sort if sort in SORTS else NEWEST
        self.feed.prepare_for(self.navigator.sort)
        self.navigator.exact_first = settings.get("exact_first", False)
        self.header.set_exact_first(self.navigator.exact_first)
        focus = settings.get("focus", self._library.card.focus)
        self.navigator.focus = min(max(focus, 0.0), 1.0)
        self._show_model()
        # A library that had something to show last time has its places at once, photos follow.
        if settings.get("view", {}):
            self._parts.show_main()

    def _show_model(self) -> None:
        """What depends on the model that answers: the dial, and its name beside the library."""
        card = self._library.card
        why_not = ""
        if not all(card.parts):
            why_not = self.tr("This model does not tell the same kind from the same thing: the dial is off")
        self.bar.set_focus_dial(self.navigator.focus, why_not)
        self.sidebar.set_model(
            self.tr("photosim’s own") if card.bundled else card.name,
            card.version
            if card.name == card.version
            else self.tr("{name}, version {version}").format(name=card.name, version=card.version),
        )

    def _fit_on_screen(self) -> None:
        """No larger than the screen, which may not be the one of last time; Qt sees to the place."""
        room = self.screen().availableGeometry().marginsRemoved(FRAME)
        self.resize(self.size().boundedTo(room.size()))

    def _save(self) -> None:
        settings = self._settings
        settings.set("geometry", _text_of(self.saveGeometry()))
        settings.set("splitter", _text_of(self.splitter.saveState()))
        settings.set("photo_size", self.grid.photo_size)
        settings.set("sort", self.navigator.sort)
        settings.set("focus", self.navigator.focus)
        settings.set("exact_first", self.navigator.exact_first)
        settings.set("inspector_shown", not self.inspector.isHidden())
        snapshot = self.feed.snapshot
        if snapshot is not None:
            view = self.navigator.view
            settings.set("view", views.to_json(view) if snapshot.folders and view is not None else {})

    # The library

    def _library_read(self, snapshot: Snapshot) -> None:
        self.sidebar.set_library(snapshot.folders, snapshot.counts)
        if self.scans.running:
            self.navigator.tell_all_count()  # the grid is ahead of the catalog's figures
        self.scan_bar.set_failures(snapshot.counts.failed)
        view = self.navigator.view
        if isinstance(view, Browse) and view.place == FAILURES:
            self._read_failures()
        if not self._first_snapshot:
            self._choose_page()
            return
        self._first_snapshot = False
        items, self._start_items = self._start_items, ()
        if items:
            self._find(items)
        elif snapshot.folders:
            last = views.from_json(self._settings.get("view", {}))
            self.navigator.go(views.still_there(last, snapshot.photos.table.has))
        self._choose_page()
        # With the first photos on their way, the rest of the start follows.
        self.models.read()
        self.keeper.start(has_folders=bool(snapshot.folders))

    def _choose_page(self) -> None:
        """The invitation while there is nothing else to show."""
        snapshot = self.feed.snapshot
        if snapshot is None:
            return
        view = self.navigator.view
        if not snapshot.folders and self.navigator.query is None:
            self._parts.show_invitation()
            self.scan_bar.setVisible(bool(self.scan_bar.message))
            return
        self._parts.show_main()
        if isinstance(view, Browse) and view.place == FAILURES:
            self._parts.show_failures()
        elif not snapshot.folders:
            self._parts.show_empty()
        else:
            self._parts.show_grid()
            if view is None:
                self.navigator.go(Browse())

    def _choose_folder(self) -> None:
        choose_folder(self, self._settings, self.add_folders)

    # Queries

    def _find(self, items: tuple[QueryItem, ...]) -> None:
        self.navigator.find(items)
        self._choose_page()

    def _take(self, drop: Drop, add: bool) -> None:
        """A drop or a paste: photos become the query, folders are offered to the library."""
        if drop.folders and self._parts.inviting:
            self.add_folders(drop.folders)  # it was asked for
        elif drop.folders:
            self.keeper.ask_to_add(drop.folders)
        items = views.from_files(list(drop.files))
        if drop.image is not None:
            items = (*items, QueryItem(image=drop.image))
        if items and add:
            self.navigator.add(items)
            self._choose_page()
        elif items:
            self._find(items)
        if drop.refused:  # after what a new query takes away
            self._fail(drop.refused)

    def _paste(self) -> None:
        self._take(read_clipboard(), add=False)

    def _choose_photos(self) -> None:
        choose_photos(self, self._settings, self.tr("Open photos"), self.show_query)

    def _choose_more_photos(self) -> None:
        choose_photos(
            self,
            self._settings,
            self.tr("Add photos to the query"),
            lambda paths: self._take(Drop(files=tuple(paths)), add=True),
        )

    def _selected(self) -> list[int]:
        current = self.grid.current_id()
        return self.grid.selected_ids() or ([] if current is None else [current])

    def _find_selected(self) -> None:
        self.photo_actions.find(self._selected())

    def _more_selected(self) -> None:
        self.photo_actions.more(self._selected())

    def _less_selected(self) -> None:
        self.photo_actions.less(self._selected())

    def _copy(self) -> None:
        if self.failures.isVisible():
            self.failures.copy_list()
        else:
            self.photo_actions.copy(self._selected())

    def _copy_paths(self) -> None:
        self.photo_actions.copy_paths(self._selected())

    def _show_selected(self) -> None:
        for photo_id in self._selected()[:1]:
            self.photo_actions.show_in_folder(photo_id)

    def _start_region(self) -> None:
        self._set_inspector_shown(True)
        self.inspector.start_region_mode()

    def _photo_menu(self, at: QPoint) -> None:
        move_up = self.grid.move_up if self.grid.movable else None
        self.photo_actions.menu(self, self._selected(), at, self.viewing.open_full_view, move_up)

    # Views

    def _opened(self, view: View) -> None:
        self.sidebar.show_place(view)
        self._choose_page()
        if isinstance(view, Browse) and view.place == FAILURES:
            self._read_failures()

    def _shown(self, view: View) -> None:
        if isinstance(view, Similar):
            ready = self._library.worker.ready
            if ready is not None and not self.scans.running:
                self.scan_bar.set_device(ready.device, ready.note)
            self.results_shown.emit()

    def _show_failures(self) -> None:
        self.navigator.go(Browse(FAILURES))

    def _read_failures(self) -> None:
        self.tasks.run(self._library.catalog.failures, self.failures.show_failures, pool="facts")

    def _history_changed(self) -> None:
        for name, button, possible in (
            ("back", self.bar.back, self.navigator.history.can_go_back),
            ("forward", self.bar.forward, self.navigator.history.can_go_forward),
        ):
            self.menus.actions[name].setEnabled(possible)
            button.setEnabled(possible)

    def _resize(self, steps: int) -> None:
        size = self.grid.photo_size + steps * SIZE_STEP
        self.bar.set_photo_size(min(max(size, PHOTO_SIZES.start), PHOTO_SIZES.stop - 1))

    def _focus_filter(self) -> None:
        self.header.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.header.filter.selectAll()

    def _full_view(self) -> None:
        for photo_id in self._selected()[:1]:
            self.viewing.open_full_view(photo_id)

    def _explain(self) -> None:
        # Nothing selected: the best result is meant. Without any the view says what to do first.
        chosen = self._selected() or self.grid.shown_ids()[:1].tolist()
        for photo_id in chosen[:1]:
            self.why.open(photo_id)

    def _toggle_inspector(self) -> None:
        self._set_inspector_shown(self.inspector.isHidden())

    def _set_inspector_shown(self, shown: bool) -> None:
        self.inspector.setVisible(shown)
        self.menus.actions["inspector"].setChecked(shown)

    def _show_shortcuts(self) -> None:
        ShortcutsPage(self.menus.shortcuts(), self).open()

    def _show_about(self) -> None:
        show_about(self, f"{self._library.card.name} {self._library.card.version}")

    def _fail(self, line: str) -> None:
        self.say(line, error=True)

    # Thumbnails, in the loader's threads

    def _thumbnail(self, photo_id: int) -> bytes | None:
        snapshot = self.feed.snapshot
        content_hash = None
        if snapshot is not None:
            table = snapshot.photos.table
            try:
                content_hash = table.hashes[table.row(photo_id)]
            except KeyError:
                content_hash = None
        if content_hash is None:
            photo = self._library.catalog.photo(photo_id)
            if photo is None:
                return None
            content_hash = photo.content_hash
        return self._library.thumbnails.get(content_hash)

    # Drops, mouse, closing

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        own = event.source() is not None
        self.invitation.set_highlighted(True)
        self.bar.strip.add_button.set_highlighted(True)
        if not own or self._over_strip(event.position().toPoint()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        # A photo of the grid dropped onto the grid means nothing; onto the query it does.
        if event.source() is not None and not self._over_strip(event.position().toPoint()):
            event.ignore()
            return
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._end_drag()

    def dropEvent(self, event: QDropEvent) -> None:
        self._end_drag()
        over_strip = self._over_strip(event.position().toPoint())
        if event.source() is not None and not over_strip:
            event.ignore()
            return
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        if self.grid.carried:
            self.photo_actions.add(self.grid.carried)  # also those whose files are out of reach
        else:
            self._take(read_drop(event.mimeData()), add=over_strip)

    def _end_drag(self) -> None:
        self.invitation.set_highlighted(False)
        self.bar.strip.add_button.set_highlighted(False)

    def _over_strip(self, point: QPoint) -> bool:
        if not self.bar.strip.isVisible():
            return False
        return self.bar.strip.rect().contains(self.bar.strip.mapFrom(self, point))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseButtonPress:
            return self._walk_by_mouse(event)
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Let Return press the button that has the focus, as Space does; Qt does so in dialogs alone."""
        button = self.focusWidget()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(button, QAbstractButton):
            button.animateClick()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self._walk_by_mouse(event):
            super().mousePressEvent(event)

    def _walk_by_mouse(self, event: QMouseEvent) -> bool:
        if event.button() == Qt.MouseButton.BackButton:
            self.navigator.go_back()
        elif event.button() == Qt.MouseButton.ForwardButton:
            self.navigator.go_forward()
        else:
            return False
        return True

    def closeEvent(self, event: QCloseEvent) -> None:
        """Keep what is to be kept, then end all work; the scan goes on at the next start."""
        event.accept()
        if self._shut:
            return
        self._shut = True
        self._save()
        self.hide()
        self.keeper.close()
        self.feed.close()
        self.viewing.close()
        self.why.close()
        self.grid_answers.close()
        self.teach.close()
        self._library.stop_indexing()  # neither a scan nor a task is waited for because of a graph
        self.scans.close()
        self.runner.cancel()
        self._library.stop_worker()
        self.loader.close()
        self.tasks.close()
        self.closed.emit()


def _text_of(data: QByteArray) -> str:
    return base64.b64encode(bytes(data.data())).decode("ascii")
