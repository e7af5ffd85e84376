"""Where the window's parts stand: pages, columns and bars."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from photosim.gui.failures_view import FailuresView
from photosim.gui.full_view import FullView
from photosim.gui.grid import PhotoGrid
from photosim.gui.grid_header import GridHeader, NoticeBar
from photosim.gui.inspector import Inspector
from photosim.gui.invitation import Invitation
from photosim.gui.nothing_note import Nothing, NothingNote
from photosim.gui.query_bar import QueryBar
from photosim.gui.scan_bar import ScanBar
from photosim.gui.sidebar import Sidebar
from photosim.gui.style import set_role
from photosim.gui.why_view import WhyView

SIZE = (1360, 860)
SIDEBAR_WIDTH, INSPECTOR_WIDTH = 210, 305


class WindowLayout(QWidget):
    """All that is in the window. Which page is shown is the window's to say."""

    choose_folder = Signal()
    """The page of an empty library asks for a folder."""

    def __init__(self, grid: PhotoGrid) -> None:
        super().__init__()
        self.bar = QueryBar()
        self.sidebar = Sidebar()
        self.header = GridHeader()
        self.notice = NoticeBar()
        self.grid = grid
        self.nothing_note = NothingNote()
        self.failures = FailuresView()
        self.inspector = Inspector()
        self.scan_bar = ScanBar()
        self.invitation = Invitation()
        grid_page = QWidget()
        column = QVBoxLayout(grid_page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        self._photos = QStackedWidget()
        self._photos.addWidget(self.grid)
        self._photos.addWidget(self.nothing_note)
        column.addWidget(self._photos, 1)
        self._grid_page = grid_page
        self.empty_page = self._make_empty_page()
        self._places = QStackedWidget()
        for page in (grid_page, self.failures, self.empty_page):
            self._places.addWidget(page)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notice)
        column.addWidget(self._places, 1)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        for widget in (self.sidebar, middle, self.inspector):
            self.splitter.addWidget(widget)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([SIDEBAR_WIDTH, SIZE[0] - SIDEBAR_WIDTH - INSPECTOR_WIDTH, INSPECTOR_WIDTH])
        self._main_page = QWidget()
        column = QVBoxLayout(self._main_page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addWidget(self.splitter, 1)
        self._blank_page = QWidget()
        self._pages = QStackedWidget()
        for page in (self._blank_page, self.invitation, self._main_page):
            self._pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._pages, 1)
        column.addWidget(self.scan_bar)
        self.full_view = FullView(self)
        self.why_view = WhyView(self)
        self.scan_bar.hide()

    def _make_empty_page(self) -> QWidget:
        page = QWidget()
        title = QLabel(self.tr("The library is empty"))
        set_role(title, "headline")
        text = QLabel(self.tr("Choose a folder of photos, and those like yours appear here."))
        set_role(text, "muted")
        text.setWordWrap(True)
        button = QPushButton(self.tr("Choose a folder of photos…"))
        set_role(button, "primary")
        button.clicked.connect(self.choose_folder)
        column = QVBoxLayout(page)
        column.addStretch(1)
        for widget in (title, text, button):
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
            column.addSpacing(10)
        column.addStretch(1)
        return page

    # Pages

    @property
    def inviting(self) -> bool:
        """Whether the invitation fills the window."""
        return self._pages.currentWidget() is self.invitation

    def show_invitation(self) -> None:
        self._show(self.invitation, self.invitation)

    def show_main(self) -> None:
        """The library with its columns and bars."""
        self.scan_bar.show()
        self._show(self._main_page, self.grid)

    def show_grid(self) -> None:
        self._places.setCurrentWidget(self._grid_page)

    def show_nothing(self, nothing: Nothing | None) -> None:
        """Say why there are no photos, in their place; None: there are some."""
        if nothing is None:
            button_had_focus = self.nothing_note.clear_button.hasFocus()
            self._photos.setCurrentWidget(self.grid)
            if button_had_focus:
                self.grid.setFocus()
        else:
            self.nothing_note.say(nothing)
            self._photos.setCurrentWidget(self.nothing_note)

    def show_failures(self) -> None:
        self._places.setCurrentWidget(self.failures)

    def show_empty(self) -> None:
        """That there are no photos yet, in the grid's place."""
        self._places.setCurrentWidget(self.empty_page)

    def _show(self, page: QWidget, focused: QWidget) -> None:
        if self._pages.currentWidget() is not page:
            self._pages.setCurrentWidget(page)
            focused.setFocus()
