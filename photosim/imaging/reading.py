"""One photo, read once: hash, facts, thumbnail, network input and perceptual hash from the same bytes."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from photosim.errors import QueryError, UnreadablePhoto
from photosim.imaging.decoding import decode, too_many_bytes
from photosim.imaging.facts import Facts
from photosim.imaging.limits import DEFAULT_LIMITS, Limits
from photosim.imaging.phash import perceptual_hash

THUMBNAIL_SIDE = 384
# About 20 KB a photo, 2 GB for 100,000.
_THUMBNAIL_QUALITY = 82
# Without blocking, because opening a pipe would wait for somebody to write into it. Windows lacks the last
# two and needs the first.
_OPEN_FLAGS = (
    os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
)
# For fractions that were rounded on their way.
_REGION_SLACK = 1e-6
_WHOLE = (0.0, 0.0, 1.0, 1.0)

Region = tuple[float, float, float, float]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Reading:
    """What is kept of one photo.

    `content_hash` is 16 bytes and names the file's content, `phash` has 64 bits, unsigned, `thumbnail` is a
    JPEG of long side at most THUMBNAIL_SIDE, `pixels` uint8 RGB [S, S, 3], the network's input.
    """

    content_hash: bytes
    facts: Facts
    phash: int
    thumbnail: bytes
    pixels: Pixels


def read_bytes(path: Path, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The bytes of a regular file, opened once and never waited for.

    Raises UnreadablePhoto for anything that is no readable file of 1 to `limits.max_bytes` bytes.
    """
    try:
        with os.fdopen(os.open(path, _OPEN_FLAGS), "rb") as file:
            status = os.fstat(file.fileno())
            _check_file(status, limits)
            data = file.read(status.st_size)
    except ValueError as error:
        raise UnreadablePhoto("not a possible file name") from error
    except OSError as error:
        raise UnreadablePhoto(_reason(path, error)) from error
    if not data:
        raise UnreadablePhoto("empty file")
    return data


def content_hash(data: bytes) -> bytes:
    """The photo's identity: 16 bytes of BLAKE2b over the whole file."""
    return hashlib.blake2b(data, digest_size=16).digest()


def read_photo(data: bytes, input_size: int, limits: Limits = DEFAULT_LIMITS) -> Reading:
    """Everything the library keeps of a photo, from one decode; `pixels` has side `input_size`.

    The whole photo is fitted into the square, its proportions not kept. Same bytes, same reading.
    Raises UnreadablePhoto.
    """
    return read_region(data, _WHOLE, input_size, limits)


def read_region(data: bytes, region: Region, input_size: int, limits: Limits = DEFAULT_LIMITS) -> Reading:
    """Like `read_photo` for a part of the photo: x, y, width, height as fractions of the upright photo.

    Hash and facts are those of the whole photo; thumbnail, pixels and perceptual hash those of the region,
    decoded as finely as they need. Raises QueryError for a region outside 0..1, else UnreadablePhoto.
    """
    check_region(region)

    def reduction(width: int, height: int) -> float:
        part = (width * region[2], height * region[3])
        needed = _fit(part, THUMBNAIL_SIDE)
        return min(part[0] / max(needed[0], input_size), part[1] / max(needed[1], input_size))

    decoded = decode(data, reduction, limits)
    image, facts = decoded.image, decoded.facts
    x, y, width, height = region
    box = (x * image.width, y * image.height, (x + width) * image.width, (y + height) * image.height)
    box = (box[0], box[1], min(box[2], image.width), min(box[3], image.height))
    part = (facts.width * width, facts.height * height)
    thumbnail = image.resize(_fit(part, THUMBNAIL_SIDE), Image.Resampling.BICUBIC, box)
    square = image.resize((input_size, input_size), Image.Resampling.BICUBIC, box)
    return Reading(
        content_hash=content_hash(data),
        facts=facts,
        phash=perceptual_hash(thumbnail),
        thumbnail=_jpeg(thumbnail),
        pixels=np.array(square),
    )


def check_region(region: Region) -> None:
    """Raise QueryError unless x, y, width and height are fractions of a photo and lie within it."""
    x, y, width, height = region
    inside = 0 <= x < 1 and 0 <= y < 1 and width > 0 and height > 0  # not so for NaN either
    if not inside or x + width > 1 + _REGION_SLACK or y + height > 1 + _REGION_SLACK:
        raise QueryError(
            f"the region {x:g},{y:g},{width:g},{height:g} is not within the photo: "
            "x, y, width and height are fractions from 0 to 1"
        )


def preview(data: bytes, max_side: int, limits: Limits = DEFAULT_LIMITS) -> tuple[Pixels, Facts]:
    """The upright photo as uint8 RGB [H, W, 3] with a long side of at most `max_side`, never enlarged.

    Raises UnreadablePhoto.
    """
    decoded = decode(data, lambda width, height: max(width, height) / max_side, limits)
    size = _fit((decoded.facts.width, decoded.facts.height), max_side)
    image = decoded.image
    if image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    return np.array(image), decoded.facts


def _fit(size: tuple[float, float], side: int) -> tuple[int, int]:
    """The size whose long side is at most `side`, of the same proportions, at least one pixel."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_THUMBNAIL_QUALITY)
    return file.getvalue()


def _check_file(status: os.stat_result, limits: Limits) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise UnreadablePhoto("a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise UnreadablePhoto("not a regular file")
    if status.st_size > limits.max_bytes:
        raise too_many_bytes(limits)


def _reason(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "a link to a file that is not there" if path.is_symlink() else "no longer there"
    if isinstance(error, IsADirectoryError) or path.is_dir():
        return "a folder, not a file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if error.errno == errno.ELOOP:
        return "a link that leads to itself"
    if error.errno == errno.ENXIO:
        return "not a regular file"
    return f"cannot be read from the disk ({error.strerror or error})"
