"""Leads through the teaching view: opens it over the window, and goes from page to page."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from photosim.gui.grid import PhotoGrid
from photosim.gui.navigator import Navigator
from photosim.gui.tasks import TaskRunner
from photosim.gui.teach.view import TeachView
from photosim.library import Library


class Teach(QObject):
    """Made with the window; the view itself is made when it is first opened."""

    said = Signal(str)
    """A line for the window's status bar."""
    kept = Signal(str)
    """The version of a model that was kept and ranks from now on."""

    def __init__(
        self,
        library: Library,
        tasks: TaskRunner,
        navigator: Navigator,
        grid: PhotoGrid,
        over: QWidget,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._library, self._tasks, self._navigator, self._grid = library, tasks, navigator, grid
        self._over = over
        self._view: TeachView | None = None

    @property
    def view(self) -> TeachView:
        if self._view is None:
            self._view = TeachView(self._over)
        return self._view
