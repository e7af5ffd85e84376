"""The window without a user: a query is shown, and one waits until everything of it is painted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtGui import QPixmap

from photosim.errors import QueryError
from photosim.gui.window import MainWindow
from photosim.gui.window_layout import SIZE

LOOK_MS = 50
QUIET_LOOKS = 4
"""How many looks in a row must find nothing under way."""


def picture_of_results(window: MainWindow, photos: Sequence[Path], seconds: float) -> QPixmap:
    """Show the window with the results of a query of `photos` and return what it looks like.

    Raises QueryError with the window's own words where the query fails, and where the results are not
    painted after `seconds`.
    """
    results: list[bool] = []
    problems: list[str] = []
    window.results_shown.connect(lambda: results.append(True))
    window.navigator.problem.connect(problems.append)
    window.resize(*SIZE)  # the screen that is not there is a small one
    window.show()
    window.show_query(photos)
    in_time = _wait_until(lambda: bool(results or problems), seconds)
    if problems:
        raise QueryError(problems[0])
    # The best result in the inspector, as after a click.
    window.grid.setCurrentIndex(window.grid.model().index(0, 0))
    if not in_time or not _wait_until(_Quiet(window), seconds):
        raise QueryError(f"the window showed no results within {seconds:g} seconds")
    return window.grab()


class _Quiet:
    """Whether the window has had nothing under way for some looks in a row: scan, tasks, thumbnails."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._looks = 0

    def __call__(self) -> bool:
        window = self._window
        busy = window.scans.running or window.tasks.busy or window.loader.busy
        self._looks = 0 if busy else self._looks + 1
        return self._looks >= QUIET_LOOKS


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Run Qt's events until the condition holds; False if it does not within `seconds`."""
    loop = QEventLoop()
    looking = QTimer()
    looking.setInterval(LOOK_MS)
    looking.timeout.connect(lambda: loop.exit(1) if condition() else None)
    looking.start()
    deadline = QTimer()
    deadline.setSingleShot(True)
    deadline.timeout.connect(lambda: loop.exit(0))
    deadline.start(int(seconds * 1000))
    return loop.exec() == 1
