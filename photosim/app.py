"""The composition root: opens the library, makes the window, and starts Qt."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType, TracebackType

from PySide6.QtCore import QLocale, QObject, QSocketNotifier, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QLabel

from photosim import __version__
from photosim.errors import LibraryError, PhotosimError
from photosim.gui.screen import require_screen
from photosim.gui.style import apply_style
from photosim.gui.tasks import TaskRunner
from photosim.gui.window import MainWindow
from photosim.library import Library
from photosim.paths import Folders

LOG_BYTES = 1 << 20
SWITCH_SECONDS = 0.001
"""How long a thread may keep the window waiting for Python's lock. The default, five times as much, adds up
to frames dropped: every NumPy call of the window's gives the lock away."""
OPENING_MS = 400
"""A library that opens within this time needs no word about it."""

_log = logging.getLogger(__name__)


def start(folders: Folders, photos: Sequence[Path], device: str | None = None) -> int:
    """Open the window on a library and run until it is closed; `photos` become the query.

    Without a `device` the one chosen last is used.

    Returns the exit status: 0, 1 where the library could not be opened, 130 after Ctrl-C.
    Raises PhotosimError where there is no screen.
    """
    require_screen()
    folders.create()
    sys.setswitchinterval(SWITCH_SECONDS)
    _log_to(folders.logs / "photosim.log")
    application = make_application()
    _log.info("photosim %s starts on %s", __version__, folders.data)
    run = _Run(folders, photos, device)
    with _hooks(run.unexpected.emit), _signals(run.interrupt):
        application.exec()
        return run.end()


def make_application() -> QApplication:
    """The one QApplication, dressed."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    application = QApplication(["photosim"])
    application.setApplicationName("photosim")
    application.setApplicationDisplayName("photosim")
    application.setDesktopFileName("photosim")
    if QLocale().language() == QLocale.Language.C:
        # A system without a locale writes numbers as no person does.
        QLocale.setDefault(QLocale(QLocale.Language.English))
    apply_style(application)
    return application


def make_window(library: Library) -> MainWindow:
    """The window over an open library; the caller shows it, closes it, then closes the library."""
    make_application()
    return MainWindow(library)


class _Run(QObject):
    """One run of the program: the library is opened in a thread, then the window is shown."""

    unexpected = Signal(str)
    """An error that is a bug: one line for the user."""

    def __init__(self, folders: Folders, photos: Sequence[Path], device: str | None) -> None:
        super().__init__()
        self._photos = photos
        self._library: Library | None = None
        self._window: MainWindow | None = None
        self._status = 0
        self._tasks = TaskRunner(self)
        self._opening = QLabel(self.tr("Opening the library…"))
        self._opening.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._opening.resize(640, 400)
        self._word = QTimer(self)
        self._word.setSingleShot(True)
        self._word.timeout.connect(self._opening.show)
        self._word.start(OPENING_MS)
        self.unexpected.connect(self._say_unexpected)
        self._tasks.run(lambda: Library(folders, device), self._opened, self._failed)

    def _opened(self, library: Library) -> None:
        self._library = library
        window = make_window(library)
        self._window = window
        window.closed.connect(QApplication.quit)
        if self._photos:
            window.show_query(self._photos)
        self._end_opening()
        window.show()

    def _failed(self, error: Exception) -> None:
        self._status = 1
        self._end_opening()
        if not isinstance(error, PhotosimError):
            QApplication.quit()
            raise error
        _log.error("%s", error)
        print(f"photosim: {error}", file=sys.stderr)
        # Started from a desktop there is nobody to read standard error.
        if sys.stderr is None or not sys.stderr.isatty():
            self._show_refusal(str(error))
        else:
            QApplication.quit()

    def _show_refusal(self, line: str) -> None:
        from PySide6.QtWidgets import QMessageBox

        # Kept here: a box that nobody holds goes before it is seen.
        self._refusal = box = QMessageBox(QMessageBox.Icon.Warning, "photosim", line)
        box.setTextFormat(Qt.TextFormat.PlainText)  # it may name files
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.finished.connect(lambda _: QApplication.quit())
        box.open()

    def _end_opening(self) -> None:
        self._word.stop()
        self._opening.deleteLater()

    def _say_unexpected(self, line: str) -> None:
        if self._window is not None:
            self._window.say(line, error=True)

    def interrupt(self, number: int) -> None:
        """Ctrl-C or a request to end: close the window as the user would."""
        self._status = 130 if number == signal.SIGINT else 0
        if self._window is not None:
            self._window.close()
        else:
            QApplication.quit()

    def end(self) -> int:
        """Close what is still open; returns the exit status."""
        if self._window is not None:
            self._window.close()
        self._tasks.close()
        if self._library is not None:
            self._library.close()
        return self._status


def _log_to(path: Path) -> None:
    """Warnings and errors go to a file that stays small; without it the program runs all the same."""
    try:
        handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=2, encoding="utf-8", delay=True)
    except OSError as error:
        raise LibraryError(f"{path} cannot be written ({error.strerror}): check the folder") from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("photosim")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


@contextmanager
def _hooks(tell: Callable[[str], object]) -> Iterator[None]:
    """Errors that nobody expected are logged, whichever thread they come from, and said in one line."""

    def report(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None or issubclass(kind, KeyboardInterrupt):
            return
        _log.critical("unexpected error", exc_info=(kind, error, trace))
        sys.__excepthook__(kind, error, trace)
        tell(f"Something went wrong that should not have ({kind.__name__}): the log file has the details")

    def report_in_thread(arguments: threading.ExceptHookArgs) -> None:
        report(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

    before, before_in_thread = sys.excepthook, threading.excepthook
    sys.excepthook, threading.excepthook = report, report_in_thread
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook = before, before_in_thread


@contextmanager
def _signals(interrupt: Callable[[int], object]) -> Iterator[None]:
    """SIGINT and SIGTERM reach Python at once, though Qt's event loop is running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)

    def handle(number: int, frame: FrameType | None) -> None:
        QTimer.singleShot(0, lambda: interrupt(number))

    # A signal writes a byte here, which wakes the event loop; Python then runs its handler.
    notifier = QSocketNotifier(reader.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(lambda *_: reader.recv(64))
    wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    wanted = [signal.SIGINT, signal.SIGTERM]
    before = [(number, signal.signal(number, handle)) for number in wanted]
    try:
        yield
    finally:
        for number, old in before:
            signal.signal(number, old)
        signal.set_wakeup_fd(wakeup)
        notifier.setEnabled(False)
        reader.close()
        writer.close()
