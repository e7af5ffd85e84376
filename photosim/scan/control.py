"""How a scan is paused and cancelled from another thread."""

from __future__ import annotations

import threading


class ScanControl:
    """Thread-safe switches of one scan, looked at several times a second."""

    def __init__(self) -> None:
        self._going_on = threading.Event()
        self._going_on.set()
        self._cancelled = threading.Event()

    def pause(self) -> None:
        self._going_on.clear()

    def resume(self) -> None:
        self._going_on.set()

    def cancel(self) -> None:
        self._cancelled.set()
        self._going_on.set()

    @property
    def paused(self) -> bool:
        return not self._going_on.is_set()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def wait_while_paused(self, seconds: float) -> bool:
        """Wait up to `seconds` for the end of a pause; returns whether there is none."""
        return self._going_on.wait(seconds)
