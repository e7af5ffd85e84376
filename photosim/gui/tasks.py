"""The one way to run work off the GUI thread: its result or its error always comes back on the GUI thread."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, QThreadPool, Signal, Slot

from photosim.errors import PhotosimError

T = TypeVar("T")

DEFAULT_POOL = "default"
DEFAULT_THREADS = 2


class Task:
    """One piece of work handed to a TaskRunner. To be used on the GUI thread."""

    def __init__(self, on_result: Callable[[Any], object], on_error: Callable[[Exception], object]) -> None:
        self._on_result = on_result
        self._on_error = on_error
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        """Call neither callback. Work that has not started is skipped, running work ends unheard."""
        self._cancelled = True


class TaskRunner(QObject):
    """Runs functions in named thread pools and hands their outcome to the GUI thread.

    The pool "default" has two threads; every other name is a pool of its own with one thread, where
    tasks therefore run in the order they were given, unless `threads` names another number for it.
    """

    failed = Signal(str)
    """The one clear line of a PhotosimError that no `on_error` was given for."""

    _finished = Signal(object, object, object)

    def __init__(self, parent: QObject | None = None, threads: Mapping[str, int] | None = None) -> None:
        super().__init__(parent)
        self._threads = {DEFAULT_POOL: DEFAULT_THREADS, **(threads or {})}
        self._pools: dict[str, QThreadPool] = {}
        self._tasks: set[Task] = set()
        self._closed = False
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(
        self,
        fn: Callable[[], T],
        on_result: Callable[[T], object],
        on_error: Callable[[Exception], object] | None = None,
        pool: str = DEFAULT_POOL,
    ) -> Task:
        """Call `fn` in a thread of `pool`, then exactly one of `on_result` and `on_error` on the GUI thread.

        Without `on_error` a PhotosimError is emitted as `failed`; any other exception is a bug and goes
        to sys.excepthook.
        """
        if self._closed:
            raise RuntimeError("the task runner is closed")
        task = Task(on_result, on_error or self._report)
        self._tasks.add(task)

        def work() -> None:
            result: T | None = None
            error: Exception | None = None
            if not task.cancelled:
                try:
                    result = fn()
                except Exception as raised:  # noqa: BLE001  whatever it is, it belongs to the GUI thread
                    error = raised
            self._finished.emit(task, result, error)

        self._pool(pool).start(work)
        return task

    def finish(self, pool: str) -> None:
        """Wait until all that was given to `pool` has been done; its outcomes come as ever. Blocks."""
        self._pool(pool).waitForDone()

    def close(self) -> None:
        """Cancel everything and wait for the work that is running. The runner takes no more."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        for pool in self._pools.values():
            pool.clear()
        for pool in self._pools.values():
            pool.waitForDone()
        self._tasks.clear()

    @property
    def busy(self) -> bool:
        """Whether a task has neither delivered its outcome nor been cancelled."""
        return any(not task.cancelled for task in self._tasks)

    def _pool(self, name: str) -> QThreadPool:
        pool = self._pools.get(name)
        if pool is None:
            pool = QThreadPool(self)
            pool.setObjectName(f"photosim-{name}")
            pool.setMaxThreadCount(self._threads.get(name, 1))
            self._pools[name] = pool
        return pool

    @Slot(object, object, object)
    def _deliver(self, task: Task, result: Any, error: Exception | None) -> None:
        self._tasks.discard(task)
        if task.cancelled:
            return
        if error is None:
            task._on_result(result)
        else:
            task._on_error(error)

    def _report(self, error: Exception) -> None:
        if isinstance(error, PhotosimError):
            self.failed.emit(str(error))
        else:
            sys.excepthook(type(error), error, error.__traceback__)
