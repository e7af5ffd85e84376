"""Runs scans in a thread of their own and tells the window, about ten times a second, how far they are."""

from __future__ import annotations

import logging
import sys
import threading

from PySide6.QtCore import QObject, QTimer, Signal

from photosim.errors import PhotosimError, ScanRunning
from photosim.library import Library
from photosim.scan.control import ScanControl
from photosim.scan.scanner import ScanProgress, ScanSummary, scan

POLL_MS = 100
OTHER_SCAN_MS = 5_000
"""How long to wait before trying again while another program scans the library."""

_log = logging.getLogger(__name__)


class _Run:
    """One scan and what its thread tells. The thread touches nothing else of the window's."""

    def __init__(self, library: Library, retry_failed: bool) -> None:
        self.control = ScanControl()
        self._library = library
        self.retry_failed = retry_failed
        self._lock = threading.Lock()
        self._last: ScanProgress | None = None
        self._new_ids: list[int] = []
        self.summary: ScanSummary | None = None
        self.error: Exception | None = None
        # Not a daemon: what a scan has begun to write is written before the program ends.
        self.thread = threading.Thread(target=self._scan, name="photosim-scan")

    def _scan(self) -> None:
        try:
            for progress in scan(self._library, self.control, self.retry_failed):
                with self._lock:
                    self._last = progress
                    self._new_ids += progress.new_ids
                    self.summary = progress.summary
        except Exception as error:  # noqa: BLE001  it belongs to the GUI thread, as a task's does
            self.error = error

    def take(self) -> tuple[ScanProgress | None, list[int]]:
        """The newest progress since the last call, if any, and all photos that came since then."""
        with self._lock:
            last, ids = self._last, self._new_ids
            self._last, self._new_ids = None, []
        return last, ids


class ScanController(QObject):
    """One scan at a time. To be used on the GUI thread; signals come there."""

    progressed = Signal(object)
    """ScanProgress, the newest one."""
    photos_found = Signal(object)
    """list[int]: photos that came to the library."""
    finished = Signal(object)
    """ScanSummary; None for a scan that could not run or failed."""
    failed = Signal(str)
    """Why a scan could not go on, in one line for the user."""
    other_scan = Signal(str)
    """Another program scans this library; photosim tries again by itself."""
    running_changed = Signal(bool)

    def __init__(self, library: Library, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._run: _Run | None = None
        self._again = False
        self._retry_failed = False  # the next scan shall
        self._closed = False
        self._poll = QTimer(self)
        self._poll.setInterval(POLL_MS)
        self._poll.timeout.connect(self._look)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(OTHER_SCAN_MS)
        self._later.timeout.connect(self.start)

    @property
    def running(self) -> bool:
        return self._run is not None

    @property
    def paused(self) -> bool:
        return self._run is not None and self._run.control.paused

    def start(self) -> None:
        """Scan all folders; while a scan is running, once more after it.

        A folder added meanwhile is taken up by the scan that runs: no need to call this for it, and no harm.
        """
        self._start(retry_failed=False)

    def retry_failed(self) -> None:
        """Scan, and read again what could not be read."""
        self._start(retry_failed=True)

    def pause(self) -> None:
        if self._run is not None:
            self._run.control.pause()

    def resume(self) -> None:
        if self._run is not None:
            self._run.control.resume()

    def cancel(self) -> None:
        """Stop the scan; what has been read is kept."""
        self._again = self._retry_failed = False
        self._later.stop()
        if self._run is not None:
            self._run.control.cancel()

    def close(self) -> None:
        """Cancel, and wait until the scan's thread has ended."""
        self._closed = True
        self.cancel()
        self._poll.stop()
        if self._run is not None:
            self._run.thread.join()
            self._run = None

    def _start(self, retry_failed: bool) -> None:
        if self._closed:
            return
        self._later.stop()
        self._retry_failed = self._retry_failed or retry_failed
        if self._run is not None:
            self._again = True
            return
        self._run = _Run(self._library, self._retry_failed)
        self._again = self._retry_failed = False
        self._run.thread.start()
        self._poll.start()
        self.running_changed.emit(True)

    def _look(self) -> None:
        run = self._run
        if run is None:
            return
        ended = not run.thread.is_alive()
        progress, new_ids = run.take()
        if new_ids:
            self.photos_found.emit(new_ids)
        if progress is not None:
            self.progressed.emit(progress)
        if ended:
            self._end(run)

    def _end(self, run: _Run) -> None:
        self._poll.stop()
        run.thread.join()
        self._run = None
        self.running_changed.emit(False)
        self.finished.emit(run.summary)
        error = run.error
        if isinstance(error, ScanRunning):
            self.other_scan.emit(str(error))
            self._wait_for_other(run)
        elif isinstance(error, PhotosimError):
            self.failed.emit(str(error))
        elif error is not None:
            _log.error("the scan failed", exc_info=error)
            sys.excepthook(type(error), error, error.__traceback__)
        if self._again and not isinstance(error, ScanRunning):
            self.start()

    def _wait_for_other(self, run: _Run) -> None:
        """Do later what a scan could not begin with while another program scans."""
        if run.control.cancelled and not self._again:
            return
        self._retry_failed = self._retry_failed or (run.retry_failed and not run.control.cancelled)
        self._later.start()
