"""How large a photo may be before it is refused unopened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on one file, against decompression bombs and against filling the memory.

    `max_bytes` bounds the file, `max_pixels` width x height as the header states it, before decoding.
    Decoded, a photo of that many pixels takes up to 2.1 GB; `room.Room` keeps threads from adding that up.
    """

    max_bytes: int = 1 << 30
    max_pixels: int = 400_000_000


DEFAULT_LIMITS = Limits()
