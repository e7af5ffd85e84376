"""How large a photo may be before it is refused unopened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on one file, against decompression bombs and against filling the memory.

    `max_bytes` bounds the file, `max_pixels` width x height as the header states it, before decoding.
    """

    max_bytes: int = 1 << 30
    max_pixels: int = 400_000_000


DEFAULT_LIMITS = Limits()
