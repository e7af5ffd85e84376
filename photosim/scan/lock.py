"""Only one scan of a library runs at a time, also across processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from photosim.errors import ScanRunning


@contextmanager
def scan_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a library's scans; raises ScanRunning, naming who holds it, where it is taken.

    The system frees it when its process dies, however that happens.
    """
    # A scan may be ended by another thread than the one that began it.
    lock = FileLock(path, timeout=0, thread_local=False)
    holder = path.with_suffix(".pid")
    try:
        lock.acquire()
    except Timeout:
        raise ScanRunning(f"another scan of this library is running ({_who(holder)}): wait for it") from None
    try:
        with suppress(OSError):  # a full disk; the number is only for the message
            holder.write_text(str(os.getpid()), encoding="ascii")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _who(holder: Path) -> str:
    try:
        return f"process {int(holder.read_text(encoding='ascii'))}"
    except (OSError, ValueError):
        return "just starting"
