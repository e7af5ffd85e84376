"""What happens to a photo's pixels on its way through cameras, programs and the web, one function each.

Every function takes and returns uint8 RGB [H, W, 3], leaves its argument as it is, and does the same for the
same arguments. What is random about a view is chosen by the caller: see `photosim.training.views`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from photosim.imaging.network_input import TRIM, NetworkInput

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]

# Of red, green and blue in what the eye takes for brightness (ITU-R BT.601).
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)

_TRIMMED = NetworkInput(1, TRIM)


# Geometry


def one_thread_each() -> None:
    """Let no call use threads of its own: for programs that make pictures in several threads already."""
    cv2.setNumThreads(1)


def trim_box(width: float, height: float) -> tuple[float, float, float, float]:
    """x, y, width and height, in the unit given, of what a network of geometry "trim" sees of a photo."""
    x, y, part_width, part_height = _TRIMMED.part_of(width, height)
    return x * width, y * height, part_width * width, part_height * height


def rectangle(x: float, y: float, width: float, height: float) -> Points:
    """The corners [4, 2] of a rectangle, clockwise from the upper left one."""
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], np.float32)


def seen_through(corners: Points, width: float, height: float, size: tuple[int, int]) -> Points:
    """Corners given in a frame of `width` x `height`, in pixels of an image of `size` (width, height)."""
    return np.asarray(corners * (size[0] / width, size[1] / height), np.float32)


def tilted(width: float, height: float, yaw: float, pitch: float, roll: float) -> Points:
    """The corners [4, 2], around the origin, of a flat print turned before a camera; angles in degrees.

    `roll` turns it in the picture's plane, `yaw` and `pitch` turn its sides and its top away. The camera is
    as far away as the print's diagonal is long, as when a print fills most of a phone's picture.
    """
    a, b, c = np.radians((yaw, pitch, roll))
    around_y = np.array([(np.cos(a), 0, np.sin(a)), (0, 1, 0), (-np.sin(a), 0, np.cos(a))])
    around_x = np.array([(1, 0, 0), (0, np.cos(b), -np.sin(b)), (0, np.sin(b), np.cos(b))])
    around_z = np.array([(np.cos(c), -np.sin(c), 0), (np.sin(c), np.cos(c), 0), (0, 0, 1)])
    flat = rectangle(-width / 2, -height / 2, width, height)
    points = np.column_stack((flat, np.zeros(4))) @ (around_z @ around_x @ around_y).T
    distance = math.hypot(width, height)
    return np.asarray(points[:, :2] * (distance / (distance + points[:, 2:])), np.float32)


def area(corners: Points) -> float:
    """The area within corners [4, 2]."""
    x, y = corners.T.astype(np.float64)
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def projected(photo: Pixels, seen: Points, placed: Points, canvas: Pixels) -> Pixels:
    """`canvas` with the part of `photo` within the corners `seen` [4, 2] drawn at the corners `placed`.

    Corners are in pixels, (0, 0) the outer corner of the first one. What lies in `photo` beyond `seen` is
    drawn too, as far as the canvas goes; where the photo ends, the canvas shows.
    """
    photo, seen = _reduced(photo, seen, math.sqrt(area(placed) / max(area(seen), 1.0)))
    half = np.float32(0.5)
    matrix = cv2.getPerspectiveTransform(seen - half, placed - half)
    height, width = canvas.shape[:2]
    drawn = cv2.warpPerspective(
        photo,
        matrix,
        (width, height),
        dst=canvas.copy(),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_TRANSPARENT,
    )
    return np.asarray(drawn, np.uint8)


def region(photo: Pixels, x: float, y: float, width: float, height: float, size: tuple[int, int]) -> Pixels:
    """A rectangle of the photo, in pixels, at `size` (width, height)."""
    left, top = round(x), round(y)
    right, bottom = max(left + 1, round(x + width)), max(top + 1, round(y + height))
    part = photo[top:bottom, left:right]
    smaller = size[0] * size[1] < part.shape[0] * part.shape[1]
    # INTER_AREA averages what a pixel covers; upwards it would repeat pixels.
    return np.asarray(cv2.resize(part, size, interpolation=_interpolation(smaller)), np.uint8)


def _reduced(photo: Pixels, corners: Points, scale: float) -> tuple[Pixels, Points]:
    """The photo and corners in it, made smaller where it will be drawn smaller: drawing takes four pixels
    for one of its own and would miss the others."""
    if scale > 0.75:
        return photo, corners
    height, width = photo.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    smaller = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
    return smaller, seen_through(corners, width, height, size)


def _interpolation(smaller: bool) -> int:
    return cv2.INTER_AREA if smaller else cv2.INTER_LINEAR


# Light and colour


def relit(
    photo: Pixels,
    exposure: float = 0.0,
    gamma: float = 1.0,
    contrast: float = 1.0,
    balance: Sequence[float] = (1.0, 1.0, 1.0),
) -> Pixels:
    """Exposure in stops, gamma (over 1 darkens the middle), contrast about the middle grey, and a gain for
    each of red, green and blue: one table of 256 values a channel."""
    levels = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
    gains = np.asarray(balance, np.float32) * np.float32(2.0**exposure)
    table = np.minimum(levels ** np.float32(gamma) * gains, 1)
    table = np.clip((table - 0.5) * np.float32(contrast) + 0.5, 0, 1)
    return np.asarray(cv2.LUT(photo, (table * 255 + 0.5).astype(np.uint8)[None]), np.uint8)


def saturated(photo: Pixels, saturation: float) -> Pixels:
    """0 gives greys, 1 the photo."""
    matrix = saturation * np.eye(3, dtype=np.float32) + (1 - saturation) * _LUMINANCE[None, :]
    return np.asarray(cv2.transform(photo, matrix), np.uint8)


def shaded(photo: Pixels, corners: Sequence[float]) -> Pixels:
    """Light that falls unevenly: gains (1 none) at the upper left, upper right, lower left, lower right."""
    height, width = photo.shape[:2]
    field = np.asarray(corners, np.float32).reshape(2, 2)
    gains = cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(photo, cv2.merge((gains, gains, gains)), dtype=cv2.CV_8U), np.uint8)


def glared(photo: Pixels, x: float, y: float, radius: float, strength: float) -> Pixels:
    """A lamp's reflection: a soft white spot, its place and radius as fractions of the width and height,
    `strength` 0 to 1 in its middle."""
    height, width = photo.shape[:2]
    across = np.exp(-(((np.linspace(0, 1, width) - x) / radius) ** 2)).astype(np.float32)
    down = np.exp(-(((np.linspace(0, 1, height) - y) / radius) ** 2)).astype(np.float32)
    spot = (np.outer(down, across) * np.float32(255 * strength)).astype(np.uint8)
    return np.asarray(cv2.add(photo, cv2.merge((spot, spot, spot))), np.uint8)


# Sharpness and noise


def blurred(photo: Pixels, sigma: float) -> Pixels:
    """Out of focus by a Gaussian of `sigma` pixels."""
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), sigma), np.uint8)


def shaken(photo: Pixels, length: int, angle: float) -> Pixels:
    """Blurred along a line of `length` pixels at `angle` degrees: the camera moved."""
    side = length | 1
    kernel = np.zeros((side, side), np.float32)
    reach = (length - 1) / 2 * np.array((math.cos(math.radians(angle)), math.sin(math.radians(angle))))
    middle = (side - 1) / 2
    ends = np.rint(np.array((middle - reach, middle + reach))).astype(int).tolist()
    cv2.line(kernel, ends[0], ends[1], (1.0,))
    return np.asarray(cv2.filter2D(photo, -1, kernel / kernel.sum()), np.uint8)


def coarsened(photo: Pixels, side: int) -> Pixels:
    """What is left after the photo had a long side of `side` pixels; its size stays."""
    height, width = photo.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return photo.copy()
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    coarse = cv2.resize(photo, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def noisy(photo: Pixels, sigma: float, seed: int) -> Pixels:
    """Gaussian noise of `sigma` levels on every value, the sensor's in dim light; `seed` chooses it."""
    # One table of noise read from any place: drawing it anew would take longer than all else in a view.
    start = seed % (len(_NOISE) // 2)
    values = np.resize(_NOISE[start : start + photo.size], photo.shape)
    return np.asarray(cv2.addWeighted(photo, 1.0, values, sigma, 0.0, dtype=cv2.CV_8U), np.uint8)


_NOISE = np.random.default_rng(0).standard_normal(1 << 20, dtype=np.float32)


def as_jpeg(photo: Pixels, quality: int) -> Pixels:
    """The photo after it was kept as a JPEG of this quality."""
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=quality)
    file.seek(0)
    with Image.open(file) as image:
        return np.array(image)


# What people put over photos


def covered(photo: Pixels, patch: Pixels, x: int, y: int) -> Pixels:
    """The photo with `patch` laid over it, its upper left corner at (x, y); it must fit in."""
    result = photo.copy()
    result[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
    return result


def bordered(photo: Pixels, share: float, colour: tuple[int, int, int]) -> Pixels:
    """A border of `share` of the short side all around; the photo grows by it."""
    width = max(1, round(share * min(photo.shape[:2])))
    border = cv2.copyMakeBorder(photo, width, width, width, width, cv2.BORDER_CONSTANT, value=colour)
    return np.asarray(border, np.uint8)


def captioned(
    photo: Pixels, text: str, x: float, y: float, height: float, colour: tuple[int, int, int]
) -> Pixels:
    """Text over the photo: its left end and base line as fractions of width and height, the height of its
    letters as a fraction of the photo's; it may run out of the photo. ASCII alone has letters."""
    result = photo.copy()
    rows, columns = photo.shape[:2]
    scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_SIMPLEX, max(1, round(height * rows)), 1)
    place = (round(x * columns), round(y * rows))
    thickness = max(1, round(height * rows / 8))
    cv2.putText(result, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, lineType=cv2.LINE_AA)
    return result
