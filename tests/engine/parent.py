"""A program with a worker, for tests that kill it: `python -m tests.engine.parent WORKER WORK`.

Starts the scan or the interactive worker, gives it a photo to read ("busy": one whose decoder never comes
back; "held": one whose decoder never lets another thread run; "idle": a good one), prints the worker's pid
when it is at that, and waits to be killed.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path

from photosim.engine.interactive import InteractiveWorker
from photosim.engine.messages import Job, WorkerSetup
from photosim.engine.scan_engine import ScanEngine
from photosim.model.registry import Registry
from photosim.paths import bundled_models
from tests.engine import readers
from tests.made_photos import jpeg

ENDINGS = {"busy": readers.HANG, "held": readers.HOLD, "idle": b""}


def main(worker: str, work: str) -> None:
    card = Registry(bundled_models(), Path("none")).default()
    setup = WorkerSetup((card,), "cpu", 2, readers.dangerous)
    photo = jpeg(1) + ENDINGS[work]
    if worker == "interactive":
        interactive = InteractiveWorker(setup)
        interactive.examine(jpeg(0)).result()
        future = interactive.examine(photo)
        while not (future.running() or future.done()):
            threading.Event().wait(0.01)
        pid = interactive.pid
    else:
        path = Path(tempfile.mkdtemp()) / "photo.jpg"
        path.write_bytes(photo)
        engine = ScanEngine(setup, known={})
        while engine.ready is None:
            engine.outcomes(0.1)
        engine.submit(Job(0, str(path)))
        engine.outcomes(0.3)
        pid = engine.pid
    threading.Event().wait(0.3)
    print(pid, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
