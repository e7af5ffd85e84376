"""A tuning in a process of its own: started, watched, cancelled, and never in the window's way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from photosim.catalog import Answer
from photosim.engine.messages import Refused
from photosim.engine.process import WorkerProcess
from photosim.model.card import ModelCard
from photosim.model.device import available_cores
from photosim.paths import Folders
from photosim.teaching import tuning_worker
from photosim.teaching.lesson import TuningProgress
from photosim.teaching.tuning_worker import Finished, Tuner, TuningSetup, tune_embedding

__all__ = ["Failed", "Finished", "TuningEvent", "TuningRun"]


@dataclass(frozen=True)
class Failed:
    """The tuning came to nothing; `reason` is one line for the user."""

    reason: str


TuningEvent = TuningProgress | Finished | Failed


class TuningRun:
    """A tuning of the model `card` by these answers, or by those in the catalog; runs from now on.

    With `trunk`, the last blocks of its trunk are tuned before its embedding, on a GPU where `device` allows.
    It reads the catalog and writes nothing: what it makes arrives with `Finished`. Its process ends with
    this program, however that ends.
    """

    def __init__(
        self,
        folders: Folders,
        card: ModelCard,
        *,
        trunk: bool = False,
        answers: Sequence[Answer] | None = None,
        device: str = "auto",
        threads: int | None = None,
        tuner: Tuner = tune_embedding,
    ) -> None:
        setup = TuningSetup(
            folders,
            card,
            None if answers is None else tuple(answers),
            trunk,
            device,
            threads or available_cores(),
            tuner,
        )
        self._events: queue.SimpleQueue[TuningEvent] = queue.SimpleQueue()
        self._cancelled = False
        self._closing = threading.Lock()
        self._worker = WorkerProcess(tuning_worker.main, setup, "photosim-tuning")
        # A model takes long enough through a pipe to be felt: not in the thread that polls.
        self._reader = threading.Thread(target=self._read, name="photosim-tuning", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._worker.pid

    def poll(self, seconds: float = 0.0) -> list[TuningEvent]:
        """What happened since the last call, in order; the last of all is Finished or Failed.

        Waits up to `seconds` for something to happen. After `cancel` nothing happens any more.
        """
        events: list[TuningEvent] = []
        try:
            events.append(self._events.get(timeout=seconds) if seconds else self._events.get_nowait())
            while True:
                events.append(self._events.get_nowait())
        except queue.Empty:
            return [] if self._cancelled else events

    def cancel(self) -> None:
        """End the tuning, at once and without a trace; also after its end, and more than once."""
        self._cancelled = True
        with self._closing:
            self._worker.stop()
        self._reader.join()

    def _read(self) -> None:
        last: TuningEvent | None = None
        while not isinstance(last, Finished | Failed):
            last = self._next()
            self._events.put(last)
        with self._closing:
            self._worker.kill()

    def _next(self) -> TuningEvent:
        try:
            message: TuningProgress | Finished | Refused = self._worker.connection.recv()
        except (EOFError, OSError):
            return Failed(
                f"the training ended by itself ({self._worker.end_reason()}) and changed nothing: "
                "try again, with fewer programs running"
            )
        return Failed(message.reason) if isinstance(message, Refused) else message
