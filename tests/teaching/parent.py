"""A program with a tuning, for tests that kill it: `python -m tests.teaching.parent DATA TUNER`.

Starts the tuning, prints its pid when it is at work, and waits to be killed.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from photosim.library import Library
from photosim.paths import library_folders
from photosim.teaching.run import TuningRun
from tests.teaching import tuners


def main(data: str, tuner: str) -> None:
    folders = library_folders(Path(data))
    with Library(folders, "cpu") as library:
        card = library.card
    run = TuningRun(folders, card, tuner=getattr(tuners, tuner))
    print(run.pid if run.poll(60) else "nothing happened", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
