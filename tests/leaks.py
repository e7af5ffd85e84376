"""What a test must not leave behind: a thread, a pool's job, a top-level widget, a child process.

A pytest plugin of one autouse fixture. Whatever was there before the test (the session's fixtures) may
stay; what came during it must be gone within two seconds of its end. Qt is looked at only where a test has
imported it, so that the core's tests stay free of it.
"""

from __future__ import annotations

import gc
import multiprocessing
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import psutil
import pytest

PATIENCE_SECONDS = 2.0
POLL_SECONDS = 0.02

# Top-level widgets that Qt makes for itself and keeps as long as the application.
QT_OWN_WIDGETS = frozenset({"QTipLabel", "QComboBoxPrivateContainer", "QShapedPixmapWidget"})

_started_threads: weakref.WeakSet[Any] = weakref.WeakSet()
_used_pools: weakref.WeakSet[Any] = weakref.WeakSet()


def watch_qt() -> None:
    """Remember every QThread and QThreadPool that is started from now on: Qt itself keeps no list."""
    from PySide6.QtCore import QThread, QThreadPool

    if getattr(QThread.start, "watched", False):
        return

    def watched(start: Callable[..., Any], seen: weakref.WeakSet[Any]) -> Callable[..., Any]:
        def wrapper(self: Any, *arguments: Any, **named: Any) -> Any:
            seen.add(self)
            return start(self, *arguments, **named)

        wrapper.watched = True  # type: ignore[attr-defined]
        return wrapper

    QThread.start = watched(QThread.start, _started_threads)  # type: ignore[method-assign]
    QThreadPool.start = watched(QThreadPool.start, _used_pools)  # type: ignore[method-assign]
    QThreadPool.tryStart = watched(QThreadPool.tryStart, _used_pools)  # type: ignore[method-assign]


def _application() -> Any:
    widgets = sys.modules.get("PySide6.QtWidgets")
    return None if widgets is None else widgets.QApplication.instance()


def _threads() -> dict[Hashable, str]:
    # Python names a native thread (a pool's) that once logged or locked, and never forgets the name.
    return {
        ("thread", thread.ident): f"thread {thread.name!r}"
        for thread in threading.enumerate()
        if not isinstance(thread, threading._DummyThread)
    }


def _processes() -> dict[Hashable, str]:
    multiprocessing.active_children()  # both calls collect children that have ended
    subprocess._cleanup()  # type: ignore[attr-defined]
    found: dict[Hashable, str] = {}
    for child in psutil.Process().children(recursive=True):
        try:
            command = " ".join(child.cmdline()) or child.name()
        except psutil.Error:
            continue
        if "multiprocessing.resource_tracker" not in command:
            found["process", child.pid, child.create_time()] = f"child process {child.pid} ({command[:120]})"
    return found


def _qt_threads_and_jobs() -> dict[Hashable, str]:
    from shiboken6 import isValid

    found: dict[Hashable, str] = {}
    for thread in list(_started_threads):
        if isValid(thread) and thread.isRunning():
            found["qthread", id(thread)] = f"running QThread {thread.objectName() or repr(thread)}"
    for pool in list(_used_pools):
        if isValid(pool) and pool.activeThreadCount():
            name = pool.objectName() or repr(pool)
            found["pool", id(pool)] = f"{pool.activeThreadCount()} job(s) in QThreadPool {name}"
    return found


def _widgets() -> dict[Hashable, str]:
    from PySide6.QtWidgets import QApplication
    from shiboken6 import getCppPointer, isValid

    return {
        ("widget", getCppPointer(widget)[0]): f"top-level widget {widget.metaObject().className()}"
        f" {widget.objectName() or widget.windowTitle()}"
        for widget in QApplication.topLevelWidgets()
        if isValid(widget) and widget.metaObject().className() not in QT_OWN_WIDGETS
    }


def present() -> dict[Hashable, str]:
    """Everything that is running or open now: what identifies it, and how to name it to a person."""
    found = _threads() | _processes()
    if "PySide6.QtCore" in sys.modules:
        watch_qt()
        found |= _qt_threads_and_jobs()
    if _application() is not None:
        found |= _widgets()
    return found


def _let_qt_clean_up() -> None:
    application = _application()
    if application is not None:
        from PySide6.QtCore import QEvent

        application.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        application.processEvents()


def left_behind(before: dict[Hashable, str]) -> list[str]:
    """What is there beyond `before`, given two seconds to go."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    collected = False
    while True:
        _let_qt_clean_up()
        now = present()
        extra = [name for key, name in now.items() if key not in before]
        if not extra or time.monotonic() > deadline:
            return sorted(extra)
        if not collected:  # reference cycles only: dear, and seldom needed
            gc.collect()
            collected = True
        time.sleep(POLL_SECONDS)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    before = present()
    yield
    extra = left_behind(before)
    if extra:
        pytest.fail("the test left behind: " + "; ".join(extra), pytrace=False)
