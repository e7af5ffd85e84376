"""Random views of a photo, as the network would see them: what teaches it that they show the same thing.

A view is made from a photo of some 320 px and is uint8 RGB [size, size, 3]. What is kept of a photo is
trimmed and squashed as the geometry "trim" does (`changes.trim_box`). All chance comes from the generator
that is given: the same generator gives the same view. OpenCV's own threads do not pay for pictures this
small: a trainer that makes views in several threads calls `changes.one_thread_each`.
"""

from __future__ import annotations

import math
import string

import numpy as np

from photosim.training.changes import (
    Pixels,
    Points,
    area,
    as_jpeg,
    blurred,
    bordered,
    captioned,
    coarsened,
    covered,
    glared,
    noisy,
    projected,
    rectangle,
    region,
    relit,
    saturated,
    seen_through,
    shaded,
    shaken,
    tilted,
    trim_box,
)

LEAST_CROP = 0.35
COVERED = (0.3, 0.9)
MOST_ROTATION = 25.0
LEAST_SIDE = 80
JPEG_QUALITY = (15, 60)

Generator = np.random.Generator

_LETTERS = np.array(list(string.ascii_letters + string.digits + "   !?.,&"))


def random_part(photo: Pixels, rng: Generator) -> Pixels:
    """A part of the photo, half to all of each side: a photo of its own, as one could have taken it."""
    height, width = photo.shape[:2]
    h, w = (max(2, int(side * rng.uniform(0.5, 1.0))) for side in (height, width))
    y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    return np.ascontiguousarray(photo[y : y + h, x : x + w])


def mild_view(photo: Pixels, rng: Generator, size: int, flip: bool = False) -> Pixels:
    """Of the same kind beyond doubt: a crop of 0.6 to 1 of the area, its proportions jittered by up to a
    fifth, in slightly other light; `flip` mirrors every second one.
    """
    height, width = photo.shape[:2]
    share = rng.uniform(0.6, 1.0)
    stretch = _around_one(rng, 1.2)
    x, y, w, h = _crop(rng, width, height, share, stretch)
    view = region(photo, x, y, w, h, (size, size))
    if flip and rng.random() < 0.5:
        view = np.ascontiguousarray(view[:, ::-1])
    return relit(
        view,
        exposure=rng.uniform(-0.3, 0.3),
        gamma=_around_one(rng, 1.15),
        contrast=_around_one(rng, 1.15),
        balance=[_around_one(rng, 1.06) for _ in range(3)],
    )


def hard_view(photo: Pixels, background: Pixels, rng: Generator, size: int) -> Pixels:
    """The same thing, hard to recognise: one or several of a crop, another perspective, a place as a print
    on `background`, rotation, other light, blur, noise, few pixels, JPEG, something in front, a caption.
    """
    overlaid = rng.random() < 0.2
    if rng.random() < 0.45:
        if overlaid:
            photo = _overlaid(photo, rng)
        view = _as_print(photo, background, rng, size)
    else:
        view = _cut_out(photo, rng, size)
        if overlaid:
            view = _overlaid(view, rng)
    if rng.random() < 0.12:
        view = _occluded(view, background, rng)
    if rng.random() < 0.7:
        view = _in_other_light(view, rng)
    return _badly_kept(view, rng)


# Where the photo is in the view


def _as_print(photo: Pixels, background: Pixels, rng: Generator, size: int) -> Pixels:
    """A phone's photo of a print that lies on something else."""
    height, width = photo.shape[:2]
    frame_width, frame_height = _visible(_around_one(rng, 1.8), 1.0)
    canvas = _anything(background, rng, size)
    share = rng.uniform(0.7, 1.0) if rng.random() < 0.3 else 1.0
    x, y, w, h = _corner(rng, width, height, *_cropped_size(width, height, share, 1.0))
    corners = tilted(w, h, *_tilt(rng, 35.0))
    corners *= math.sqrt(rng.uniform(*COVERED) * frame_width * frame_height / area(corners))
    corners += _offset(rng, corners, frame_width, frame_height)
    placed = seen_through(corners, frame_width, frame_height, (size, size))
    part = photo[int(y) : math.ceil(y + h), int(x) : math.ceil(x + w)]
    whole = rectangle(0, 0, part.shape[1], part.shape[0])
    return projected(part, whole, placed, canvas)


def _cut_out(photo: Pixels, rng: Generator, size: int) -> Pixels:
    """A part of the photo or all of it, now and then turned or seen from the side."""
    height, width = photo.shape[:2]
    share = rng.uniform(LEAST_CROP, 1.0) if rng.random() < 0.7 else 1.0
    w, h = _visible(*_cropped_size(width, height, share, _around_one(rng, 1.25)))
    if rng.random() < 0.5:
        x, y, w, h = _corner(rng, width, height, w, h)
        return region(photo, x, y, w, h, (size, size))
    corners = tilted(w, h, *_tilt(rng, 20.0))
    low, high = corners.min(axis=0), corners.max(axis=0)
    # Nothing from beyond the photo's edge: what is turned too far is taken smaller.
    corners *= min(1.0, *(np.array((width, height)) / (high - low)))
    corners += _offset(rng, corners, width, height)
    canvas = np.zeros((size, size, 3), np.uint8)
    return projected(photo, corners, rectangle(0, 0, size, size), canvas)


def _tilt(rng: Generator, most: float) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees; each is left out now and then."""
    yaw, pitch = rng.uniform(-most, most, 2) * (rng.random(2) < 0.7)
    roll = rng.uniform(-MOST_ROTATION, MOST_ROTATION) * (rng.random() < 0.7)
    return float(yaw), float(pitch), float(roll)


def _visible(width: float, height: float) -> tuple[float, float]:
    return trim_box(width, height)[2:]


def _cropped_size(width: float, height: float, share: float, stretch: float) -> tuple[float, float]:
    """Width and height of a crop of `share` of the area, `stretch` times as wide for its height, within the
    photo; no more of the area than fits."""
    scale = math.sqrt(share)
    return min(width, width * scale * math.sqrt(stretch)), min(height, height * scale / math.sqrt(stretch))


def _corner(
    rng: Generator, width: float, height: float, w: float, h: float
) -> tuple[float, float, float, float]:
    return rng.uniform(0, max(width - w, 1e-9)), rng.uniform(0, max(height - h, 1e-9)), w, h


def _crop(
    rng: Generator, width: float, height: float, share: float, stretch: float
) -> tuple[float, float, float, float]:
    """x, y, width and height of what the network sees of a random crop."""
    x, y, w, h = _corner(rng, width, height, *_cropped_size(width, height, share, stretch))
    inner = trim_box(w, h)
    return x + inner[0], y + inner[1], inner[2], inner[3]


def _offset(rng: Generator, corners: Points, width: float, height: float) -> Points:
    """Where to move corners so that they lie within the frame, or around its middle where they do not fit."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    room = np.maximum(np.array((width, height)) - (high - low), 0)
    middle = (np.array((width, height)) - (low + high)) / 2
    return np.asarray(middle + room * rng.uniform(-0.5, 0.5, 2), np.float32)


def _anything(background: Pixels, rng: Generator, size: int) -> Pixels:
    height, width = background.shape[:2]
    return region(background, *_crop(rng, width, height, rng.uniform(0.3, 1.0), 1.0), (size, size))


# What light and cameras do to it


def _in_other_light(view: Pixels, rng: Generator) -> Pixels:
    view = relit(
        view,
        exposure=rng.uniform(-1.0, 0.8),
        gamma=_around_one(rng, 1.6),
        contrast=_around_one(rng, 1.5),
        balance=[_around_one(rng, 1.3) for _ in range(3)],
    )
    if rng.random() < 0.25:
        view = saturated(view, rng.uniform(0.0, 1.0))
    if rng.random() < 0.25:
        view = shaded(view, rng.uniform(0.4, 1.4, 4).tolist())
    if rng.random() < 0.2:
        x, y, radius, strength = rng.uniform((0, 0, 0.1, 0.3), (1, 1, 0.4, 1.0)).tolist()
        view = glared(view, x, y, radius, strength)
    return view


def _badly_kept(view: Pixels, rng: Generator) -> Pixels:
    """Blur, noise, few pixels and JPEG, in the order in which they come about."""
    size = len(view)
    blur = rng.random()
    if blur < 0.2:
        view = blurred(view, rng.uniform(0.5, 2.5) * size / 256)
    elif blur < 0.35:
        view = shaken(view, max(2, round(rng.uniform(3, 13) * size / 256)), rng.uniform(0, 180))
    if rng.random() < 0.25:
        view = noisy(view, rng.uniform(3, 20), int(rng.integers(1 << 30)))
    if rng.random() < 0.25:
        view = coarsened(view, int(rng.integers(min(LEAST_SIDE, size), size + 1)))
    if rng.random() < 0.4:
        view = as_jpeg(view, int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1)))
    return view


# What is put over it


def _overlaid(photo: Pixels, rng: Generator) -> Pixels:
    colour = _colour(rng)
    if rng.random() < 0.5:
        height, width = photo.shape[:2]
        framed = bordered(photo, rng.uniform(0.02, 0.12), colour)
        return region(framed, 0, 0, framed.shape[1], framed.shape[0], (width, height))
    text = "".join(rng.choice(_LETTERS, int(rng.integers(4, 25))))
    x, y, height = rng.uniform((0.0, 0.15, 0.04), (0.4, 0.95, 0.12)).tolist()
    return captioned(photo, text, x, y, height, colour)


def _occluded(view: Pixels, background: Pixels, rng: Generator) -> Pixels:
    """A rectangle of the background before at most a fifth of the view."""
    size = len(view)
    share, stretch = rng.uniform(0.03, 0.2), _around_one(rng, 2.0)
    w, h = (max(1, int(size * math.sqrt(share * factor))) for factor in (stretch, 1 / stretch))
    x, y = (int(rng.integers(0, size - side + 1)) for side in (w, h))
    rows, columns = background.shape[:2]
    box = _corner(rng, columns, rows, min(columns, w), min(rows, h))
    return covered(view, region(background, *box, (w, h)), x, y)


def _colour(rng: Generator) -> tuple[int, int, int]:
    """White and black are what people take most often."""
    if rng.random() < 0.6:
        return (255, 255, 255) if rng.random() < 0.6 else (0, 0, 0)
    red, green, blue = rng.integers(0, 256, 3).tolist()
    return red, green, blue


def _around_one(rng: Generator, most: float) -> float:
    """A factor between 1 / most and most, as often below one as above."""
    return float(most ** rng.uniform(-1.0, 1.0))
