"""How much the threads of a process may decode at once, so that large photos do not fill the memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """Pixels shared by all threads: whoever decodes a large photo waits until its pixels fit in.

    Photos of up to `free` pixels take none of the `pixels` and never wait. One larger than all the room
    gets all of it.
    """

    def __init__(self, pixels: int, free: int) -> None:
        self._pixels = pixels
        self._free = free
        self._left = pixels
        self._turn = threading.Lock()
        self._returned = threading.Condition()

    @contextmanager
    def of(self, pixels: int) -> Iterator[None]:
        """Hold room for this many pixels; not to be asked for while holding some."""
        if pixels <= self._free:
            yield
            return
        pixels = min(pixels, self._pixels)
        # One waits at a time: smaller photos that come later cannot keep a large one waiting for ever.
        with self._turn, self._returned:
            self._returned.wait_for(lambda: self._left >= pixels)
            self._left -= pixels
        try:
            yield
        finally:
            with self._returned:
                self._left += pixels
                self._returned.notify()
