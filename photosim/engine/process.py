"""A spawned worker process that ends with its parent, whatever happens to either."""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from photosim.engine.messages import Refused
from photosim.errors import PhotosimError

Setup = TypeVar("Setup")

_STUCK_SECONDS = 60.0
_REPORT_SECONDS = 2.0


class WorkerProcess:
    """One worker and the parent's end of its pipe. Not restarted here: make a new one.

    `main` is a module's function, run in the new process with the other end of the pipe and `setup`. A
    PhotosimError that it raises arrives as Refused.
    """

    def __init__(self, main: Callable[[Connection, Setup], None], setup: Setup, name: str) -> None:
        # Spawned, not forked: the parent has threads, and Windows and macOS know nothing else.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(main, theirs, setup), name=name, daemon=True)
        with _ctrl_c_held():
            self._process.start()
        self._ended = False
        theirs.close()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def end_reason(self) -> str:
        """How the worker ended, in words; waits for its exit status."""
        self._process.join(_REPORT_SECONDS)
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"signal {signal.Signals(-code).name}"
        return f"exit status {code}"

    def stop(self) -> None:
        """End the worker, the pipe still open for a thread that reads it: `kill` is to follow."""
        if not self._ended:
            self._process.kill()

    def kill(self) -> None:
        """End the worker, which has nothing to lose; may be called again."""
        if self._ended:
            return
        self._ended = True
        self._process.kill()
        self._process.join()
        self.connection.close()
        self._process.close()


@contextlib.contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Start a process that Ctrl-C does not reach before it can ignore it: it would die with a traceback.

    A mask is inherited. What comes meanwhile reaches the parent a moment later.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Started by the first process else, and it would lift the mask.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def receive_or_exit(connection: Connection) -> Any:
    """The next message; the process ends here when the parent is gone."""
    try:
        return connection.recv()
    except (EOFError, OSError):
        # Not sys.exit: other threads may be deep inside a decoder, and there is nothing left to save.
        os._exit(0)


def _run(main: Callable[[Connection, Setup], None], connection: Connection, setup: Setup) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group: the parent decides
    # Standard output belongs to the parent's one JSON document.
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    if hasattr(os, "nice"):
        os.nice(5)  # the window comes first
    threading.Thread(target=_watch, daemon=True).start()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # The parent may go in the middle of an answer.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        try:
            main(connection, setup)
        except PhotosimError as error:
            connection.send(Refused(str(error)))
    os._exit(0)


def _end_with_parent() -> None:
    """Do not let a decoder that is at work, or stuck, outlive a killed parent."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)


def _watch() -> None:
    """Let C code that never gives the interpreter back end with the process.

    Without it a decoder stuck in C, holding the interpreter's lock, would outlive a killed parent: the
    thread that waits for the parent's end could not run. The watchdog of faulthandler needs no lock.
    """
    with open(os.devnull, "w") as nowhere:
        while True:
            faulthandler.dump_traceback_later(_STUCK_SECONDS, exit=True, file=nowhere)
            threading.Event().wait(_STUCK_SECONDS / 6)
