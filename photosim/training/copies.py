"""Transformed copies of photos, to be found by: how well a model knows the very same thing again.

Each transformation does one thing, as strongly for every photo; what is left to chance (which half of the
photo, which way it is turned) is drawn from a seed of the photo's own, so that the same photos give the same
copies in any order and company.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from photosim.training.changes import (
    Pixels,
    area,
    as_jpeg,
    blurred,
    projected,
    rectangle,
    region,
    relit,
    tilted,
)

Generator = np.random.Generator

# Width and height of a phone's photo of a print, about the resolution of the photos it shows.
_PHONE = (480, 360)
_PRINT_SHARE = 0.5


def transformed_copy(photo: Pixels, transformation: str, background: Pixels, seed: int) -> Pixels:
    """A copy of `photo`, uint8 RGB, of the photo's own size or a size that comes of the transformation.

    `transformation` is one of TRANSFORMATIONS; `background` is another photo, which only "print" shows.
    Raises KeyError for a transformation that is not known.
    """
    change = TRANSFORMATIONS[transformation]
    # Not the same luck for every transformation: else all copies of one photo were hard or easy together.
    number = list(TRANSFORMATIONS).index(transformation)
    return change(photo, background, np.random.default_rng([seed, number]))


def _crop(photo: Pixels, _: Pixels, rng: Generator) -> Pixels:
    """Half of the area, the proportions kept, from anywhere in the photo."""
    height, width = photo.shape[:2]
    w, h = width * math.sqrt(0.5), height * math.sqrt(0.5)
    x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
    return region(photo, x, y, w, h, (max(1, round(w)), max(1, round(h))))


def _perspective(photo: Pixels, _: Pixels, rng: Generator) -> Pixels:
    """Seen from the side and from above or below, all of it, on black."""
    yaw, pitch = 30 * _sign(rng), 20 * _sign(rng)
    height, width = photo.shape[:2]
    corners = tilted(width, height, yaw, pitch, 0)
    low, high = corners.min(axis=0), corners.max(axis=0)
    corners = (corners - low) * float(min(np.array((width, height)) / (high - low)))
    return projected(photo, rectangle(0, 0, width, height), corners, np.zeros_like(photo))


def _rotation(photo: Pixels, _: Pixels, rng: Generator) -> Pixels:
    """Turned by 15 degrees within its frame, the corners black."""
    height, width = photo.shape[:2]
    turned = tilted(width, height, 0, 0, 15 * _sign(rng)) + np.array((width / 2, height / 2), np.float32)
    return projected(photo, rectangle(0, 0, width, height), turned, np.zeros_like(photo))


def _blur(photo: Pixels, _: Pixels, rng: Generator) -> Pixels:
    """Out of focus by one hundredth of the long side."""
    return blurred(photo, max(photo.shape[:2]) / 100)


def _jpeg(photo: Pixels, _: Pixels, rng: Generator) -> Pixels:
    return as_jpeg(photo, 20)


def _light(photo: Pixels, _: Pixels, rng: Generator) -> Pixels:
    """Two thirds of a stop brighter or darker, flatter or harder, and yellowish or bluish."""
    warmth = 1.2 ** _sign(rng)
    return relit(
        photo,
        exposure=0.67 * _sign(rng),
        gamma=1.3 ** _sign(rng),
        contrast=1.25 ** _sign(rng),
        balance=(warmth, 1.0, 1 / warmth),
    )


def _print(photo: Pixels, background: Pixels, rng: Generator) -> Pixels:
    """A phone's photo, in lamplight, of a print that lies on another photo and covers half of the frame."""
    width, height = _PHONE if photo.shape[1] >= photo.shape[0] else _PHONE[::-1]
    canvas = region(background, 0, 0, background.shape[1], background.shape[0], (width, height))
    angles = rng.uniform((-20, -20, -15), (20, 20, 15)).tolist()
    corners = tilted(photo.shape[1], photo.shape[0], *angles)
    size = np.ptp(corners, axis=0)
    share = _PRINT_SHARE * width * height / area(corners)
    # Long prints, turned, would not fit: they are taken from further away.
    corners *= min(math.sqrt(share), *(np.array((width, height)) / size).tolist())
    room = np.array((width, height)) - np.ptp(corners, axis=0)
    corners += (room * rng.uniform(0, 1, 2) - corners.min(axis=0)).astype(np.float32)
    seen = projected(photo, rectangle(0, 0, photo.shape[1], photo.shape[0]), corners, canvas)
    lit = relit(seen, exposure=0.3 * _sign(rng), contrast=0.85, balance=(1.1, 1.0, 0.85))
    return as_jpeg(blurred(lit, 0.8), 60)


def _sign(rng: Generator) -> int:
    return 1 if rng.random() < 0.5 else -1


TRANSFORMATIONS: dict[str, Callable[[Pixels, Pixels, Generator], Pixels]] = {
    "crop": _crop,
    "perspective": _perspective,
    "rotation": _rotation,
    "blur": _blur,
    "jpeg": _jpeg,
    "light": _light,
    "print": _print,
}
