"""Readers for the workers of the tests: what a file's last bytes say befalls whoever decodes it.

Spawned workers import them by name, so they stand in a module of their own.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time

from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import Reading, content_hash, read_photo

KILL = b"KILL"
CRASH = b"SEGV"
BUG = b"BUG!"
HANG = b"HANG"
HOLD = b"HOLD"
SLOW = b"SLOW"

LOG_VARIABLE = "PHOTOSIM_TEST_DECODED"
"""The file in which every decode is noted, one content hash a line."""


def dangerous(data: bytes, *inputs: NetworkInput) -> Reading:
    """`read_photo`, but for files that end in one of the marks."""
    log = os.environ.get(LOG_VARIABLE)
    if log:
        with open(log, "a", encoding="ascii") as file:
            file.write(content_hash(data).hex() + "\n")
    mark = data[-4:]
    if mark == KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    elif mark == CRASH:
        os.kill(os.getpid(), signal.SIGSEGV)
    elif mark == BUG:
        raise RuntimeError("a bug in the reader")
    elif mark == HANG:
        threading.Event().wait()
    elif mark == HOLD:
        # Catastrophic backtracking: C code that never lets another thread of the process run.
        re.match(r"(a+)+$", "a" * 60 + "b")
    elif mark == SLOW:
        time.sleep(0.5)
    return read_photo(data, *inputs)


def never(data: bytes, *inputs: NetworkInput) -> Reading:
    """For scans that must not decode anything: the worker dies if they do."""
    raise AssertionError("a photo was decoded that should not have been")


def brisk(data: bytes, *inputs: NetworkInput) -> Reading:
    """Takes a twentieth of a second, so that a scan can be watched."""
    time.sleep(0.05)
    return read_photo(data, *inputs)
