"""Features of files that are in no library: what an evaluation needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from photosim.engine.messages import Job, PhotoFailed, PhotoRead, WorkerSetup
from photosim.engine.scan_engine import ScanEngine

Features = npt.NDArray[np.float16]


def embed_files(setup: WorkerSetup, paths: Sequence[Path]) -> Iterator[tuple[int, Features | str]]:
    """For each path, in the order they are done: its number, and features float16 [F] or why it failed.

    Every file is an item of its own, identical copies too. The features are those of the setup's first model.
    """
    engine = ScanEngine(replace(setup, skip_known=False), known={})
    waiting = deque(enumerate(paths))
    try:
        while waiting or engine.in_flight:
            while waiting and engine.room:
                number, path = waiting.popleft()
                engine.submit(Job(number, str(path)))
            for outcome in engine.outcomes(1.0):
                if isinstance(outcome, PhotoRead):
                    yield outcome.number, np.asarray(outcome.features[0].data)
                elif isinstance(outcome, PhotoFailed):
                    yield outcome.number, outcome.reason
    finally:
        engine.close()
