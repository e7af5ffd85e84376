"""The application's side of the interactive worker: futures in, answers out, restarts between."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

from photosim.engine import interactive_worker
from photosim.engine.messages import (
    Examined,
    ExamineRequest,
    PlacesRead,
    PlacesRequest,
    Preview,
    PreviewRequest,
    Ready,
    Refused,
    Region,
    WorkerSetup,
)
from photosim.engine.process import WorkerProcess
from photosim.errors import UnreadablePhoto, WorkerError

REQUEST_SECONDS = 30.0
RETIRE_SECONDS = 5.0
START_SECONDS = 120.0
_POLL_SECONDS = 0.2


class InteractiveWorker:
    """Requests from any thread, answered one at a time by a worker process.

    Queries go before previews, and the newest preview before older ones: a cancelled future is never
    worked on. A request that kills or hangs the worker fails alone; the worker is started again for the
    next. Futures fail with UnreadablePhoto or WorkerError.
    """

    def __init__(self, setup: WorkerSetup, request_seconds: float = REQUEST_SECONDS) -> None:
        self._setup = setup
        self._seconds = request_seconds
        self._queries: deque[tuple[Any, Future[Any]]] = deque()
        self._previews: deque[tuple[Any, Future[Any]]] = deque()
        self._wanted = threading.Condition()
        self._closing = False
        self._retiring = False
        self._worker: WorkerProcess | None = None
        self._ready: Ready | None = None
        self._thread = threading.Thread(target=self._serve, name="photosim-interactive", daemon=True)
        self._thread.start()

    @property
    def ready(self) -> Ready | None:
        """The worker's device, once it has started."""
        return self._ready

    @property
    def pid(self) -> int | None:
        worker = self._worker
        return None if worker is None else worker.pid

    def examine(self, source: Path | bytes, region: Region | None = None) -> Future[Examined]:
        """Features, thumbnail and facts of a photo, or of a region of it (read from the original)."""
        return self._ask(ExamineRequest(_source(source), region), self._queries)

    def places(self, source: Path | bytes, region: Region | None = None) -> Future[PlacesRead]:
        """Features of a photo, or of a region of it, and what each of its places gives to them."""
        return self._ask(PlacesRequest(_source(source), region), self._queries)

    def preview(self, source: Path | bytes, max_side: int) -> Future[Preview]:
        """Upright RGB pixels, neither side above `max_side`, never enlarged."""
        return self._ask(PreviewRequest(_source(source), max_side), self._previews)

    def warm(self) -> None:
        """Start the worker process now, so that the first query does not wait for it."""
        self._ask(None, self._queries)

    def retire(self) -> None:
        """End the worker once it has answered what it was asked, or after some seconds."""
        with self._wanted:
            self._retiring = True
            self._wanted.notify()
        self._thread.join(RETIRE_SECONDS)
        self.close()

    def close(self) -> None:
        """End the worker; requests not yet begun are cancelled, the one at work fails."""
        with self._wanted:
            self._closing = True
            self._wanted.notify()
        self._thread.join()

    def _ask(self, request: Any, queue: deque[tuple[Any, Future[Any]]]) -> Future[Any]:
        future: Future[Any] = Future()
        with self._wanted:
            if self._closing or self._retiring:
                future.cancel()
                return future
            queue.append((request, future))
            self._wanted.notify()
        return future

    def _next(self) -> tuple[Any, Future[Any]] | None:
        with self._wanted:
            while not self._closing:
                if self._queries:
                    return self._queries.popleft()
                if self._previews:
                    return self._previews.pop()
                if self._retiring:
                    return None
                self._wanted.wait()
            for _, future in (*self._queries, *self._previews):
                future.cancel()
            return None

    def _serve(self) -> None:
        while (item := self._next()) is not None:
            request, future = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(self._answer(request))
            except (UnreadablePhoto, WorkerError) as error:
                future.set_exception(error)
        if self._worker is not None:
            self._worker.kill()

    def _answer(self, request: Any) -> Examined | PlacesRead | Preview | None:
        worker = self._running()
        if request is None:
            return None
        try:
            worker.connection.send(request)
            answer = self._receive(worker, self._seconds)
        except TimeoutError:
            self._drop()
            raise UnreadablePhoto(f"not read after {self._seconds:g} seconds") from None
        except (EOFError, OSError):
            reason = worker.end_reason()
            self._drop()
            raise UnreadablePhoto(f"crashed the reader ({reason})") from None
        if isinstance(answer, Refused):
            raise UnreadablePhoto(answer.reason)
        return cast(Examined | PlacesRead | Preview, answer)

    def _running(self) -> WorkerProcess:
        """A live worker: one that died between two requests is replaced unnoticed."""
        if self._worker is not None and not self._worker.alive:
            self._drop()
        if self._worker is None:
            self._worker = WorkerProcess(interactive_worker.main, self._setup, "photosim-interactive")
            try:
                answer = self._receive(self._worker, START_SECONDS)
            except TimeoutError:
                self._drop()
                raise WorkerError(
                    f"the interactive worker did not start within {START_SECONDS:.0f} seconds"
                ) from None
            except (EOFError, OSError):
                reason = self._worker.end_reason()
                self._drop()
                raise WorkerError(f"the interactive worker could not start ({reason})") from None
            if isinstance(answer, Refused):
                self._drop()
                raise WorkerError(answer.reason)
            self._ready = answer
        return self._worker

    def _drop(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker = None

    def _receive(self, worker: WorkerProcess, seconds: float) -> Any:
        until = time.monotonic() + seconds
        while not worker.connection.poll(_POLL_SECONDS):
            if self._closing:
                self._drop()  # it is in the middle of a photo nobody waits for
                raise WorkerError("photosim is being closed")
            if time.monotonic() > until:
                raise TimeoutError
        return worker.connection.recv()


def _source(source: Path | bytes) -> str | bytes:
    return source if isinstance(source, bytes) else str(source)
