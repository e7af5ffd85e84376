"""The application's side of the scan worker: hands it files, outlives its deaths, finds the culprit."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Mapping, Set
from typing import Any

from photosim.engine import scan_worker
from photosim.engine.messages import (
    Begun,
    Decoded,
    Job,
    Outcome,
    PhotoFailed,
    Ready,
    Refused,
    WorkerSetup,
)
from photosim.engine.process import WorkerProcess
from photosim.errors import WorkerError

FILE_SECONDS = 60.0
"""A file that is not decoded after so long is given up."""

START_SECONDS = 120.0
_DEATHS_IN_A_ROW = 3


class ScanEngine:
    """Reads files in a worker process; used from one thread.

    When the worker dies or hangs, every file that was being decoded is suspected: each is tried once
    more, alone. The one that ends the worker again is reported as failed; the others go on.
    """

    def __init__(
        self, setup: WorkerSetup, known: Mapping[str, Set[bytes]], file_seconds: float = FILE_SECONDS
    ) -> None:
        """`known`: for each trunk version, the content hashes that need no features of it."""
        self._setup = setup
        self._known = dict(known)
        self._file_seconds = file_seconds
        self._queued: deque[Job] = deque()
        self._suspects: deque[Job] = deque()
        self._sent: dict[int, Job] = {}
        self._decoding: dict[int, float] = {}
        self._alone = False
        self._deaths = 0
        self._ready: Ready | None = None
        self._heard = time.monotonic()
        self._worker = self._start()

    @property
    def ready(self) -> Ready | None:
        """The worker's device and batch size, once it has told them."""
        return self._ready

    @property
    def pid(self) -> int:
        return self._worker.pid

    @property
    def room(self) -> int:
        """How many more jobs keep the worker busy without piling up what a pause would wait for."""
        batch = self._ready.batch_size if self._ready else 8
        return max(0, 2 * batch + 2 * self._setup.threads - self.in_flight)

    @property
    def in_flight(self) -> int:
        return len(self._queued) + len(self._suspects) + len(self._sent)

    def submit(self, job: Job) -> None:
        self._queued.append(job)
        self._feed()

    def outcomes(self, seconds: float) -> list[Outcome]:
        """What has been decided meanwhile, waiting up to `seconds` for the first.

        Raises WorkerError when the worker says that it cannot start, or cannot be kept alive even without
        a file to blame.
        """
        decided: list[Outcome] = []
        until = time.monotonic() + seconds
        while True:
            wait = 0.0 if decided else max(0.0, min(until - time.monotonic(), 0.5))
            try:
                while self._worker.connection.poll(wait):
                    self._hear(self._worker.connection.recv(), decided)
                    wait = 0.0
            except (EOFError, OSError):
                self._recover(f"crashed the reader ({self._worker.end_reason()})", decided)
            self._kill_if_stuck(decided)
            self._feed()
            if decided or time.monotonic() >= until:
                return decided

    def close(self) -> None:
        """End the worker; what it has not answered is forgotten."""
        self._worker.kill()

    def _start(self) -> WorkerProcess:
        self._ready = None
        self._heard = time.monotonic()
        worker = WorkerProcess(scan_worker.main, self._setup, "photosim-scan")
        # A worker that has died at once is seen by outcomes(), at the end of the pipe.
        with contextlib.suppress(OSError):
            worker.connection.send(self._known)
        return worker

    def _feed(self) -> None:
        """Send what the worker may have: everything, or one suspect at a time."""
        if self._alone and self._sent:
            return
        self._alone = bool(self._suspects)
        jobs = [self._suspects.popleft()] if self._alone else list(self._queued)
        if not self._alone:
            self._queued.clear()
        for job in jobs:
            self._sent[job.number] = job
            # The same here: the job counts as sent to a dead worker and is tried again.
            with contextlib.suppress(OSError):
                self._worker.connection.send(job)

    def _hear(self, message: Any, decided: list[Outcome]) -> None:
        self._heard = time.monotonic()
        if isinstance(message, Refused):
            raise WorkerError(message.reason)
        if isinstance(message, Ready):
            self._ready = message
        elif isinstance(message, Begun):
            self._decoding[message.number] = self._heard
        elif isinstance(message, Decoded):
            self._decoding.pop(message.number, None)
        else:
            self._decoding.pop(message.number, None)
            if self._sent.pop(message.number, None) is not None:
                self._deaths = 0
                decided.append(message)

    def _kill_if_stuck(self, decided: list[Outcome]) -> None:
        """A file that takes too long is no more than suspected: another may hold up all the threads."""
        now = time.monotonic()
        stuck = any(now - begun > self._file_seconds for begun in self._decoding.values())
        if stuck or (self._sent and now - self._heard > max(START_SECONDS, 2 * self._file_seconds)):
            self._recover(f"not read after {self._file_seconds:g} seconds", decided)

    def _recover(self, reason: str, decided: list[Outcome]) -> None:
        """Replace the worker; blame one that died alone, suspect those it was decoding, queue the rest."""
        self._worker.kill()
        if self._alone and self._decoding:
            for number in self._decoding:
                del self._sent[number]
                decided.append(PhotoFailed(number, reason))
            self._deaths = 0  # with a file to blame the worker is as able as ever
        elif not decided:
            self._deaths += 1
            if self._deaths >= _DEATHS_IN_A_ROW:
                raise WorkerError(
                    f"the scan worker ended {self._deaths} times in a row ({reason}): "
                    "`photosim doctor` says what is wrong"
                )
        suspects = [job for number, job in self._sent.items() if number in self._decoding]
        self._suspects.extend(suspects if not self._alone else [])
        rest = [job for number, job in self._sent.items() if number not in self._decoding]
        self._queued.extendleft(reversed(rest))
        self._sent.clear()
        self._decoding.clear()
        self._alone = False
        self._worker = self._start()
