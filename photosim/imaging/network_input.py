"""What a network wants to see of a photo: a square of so many pixels, and how a photo becomes one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

SQUASH = "squash"
TRIM = "trim"
GEOMETRIES = (SQUASH, TRIM)

Box = tuple[float, float, float, float]
"""x, y, width and height as fractions."""


@dataclass(frozen=True)
class NetworkInput:
    """A network's input: uint8 RGB [size, size, 3], made from a whole photo by one of two geometries.

    "squash": all of the photo, its proportions not kept. "trim": the long side loses as much at both ends
    as leaves it sqrt(long / short) times the short one, and only the rest is squashed. A photo of 16:9 is
    then distorted by a third where it would be by 16:9, and loses a quarter of its length, not the half that
    a square cut from its middle would cost.
    """

    size: int
    geometry: str = SQUASH

    def part_of(self, width: float, height: float) -> Box:
        """Which part of an upright photo, of this size in any unit, the network sees."""
        if self.geometry == SQUASH:
            return 0.0, 0.0, 1.0, 1.0
        kept = math.sqrt(min(width, height) / max(width, height))
        edge = (1 - kept) / 2
        return (edge, 0.0, kept, 1.0) if width > height else (0.0, edge, 1.0, kept)

    @property
    def untrimmed(self) -> NetworkInput:
        """The same for what must be seen as far as its edges, a region that a user drew."""
        return replace(self, geometry=SQUASH)
