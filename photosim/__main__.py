"""python -m photosim, the photosim command, and the frozen application's entry point."""

from __future__ import annotations

import multiprocessing
import sys


def main() -> int:
    # First, on every platform: a frozen application would otherwise start itself without end.
    multiprocessing.freeze_support()
    # Spawned workers import this module too and need nothing of the commands.
    from photosim.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
