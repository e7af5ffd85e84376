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
from photosim.imaging.network_input import NetworkInput
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
    JPEG of long side at most THUMBNAIL_SIDE, `inputs` are the networks' inputs, uint8 RGB [S, S, 3] each, in
    the order in which they were asked for.
    """

    content_hash: bytes
    facts: Facts
    phash: int
    thumbnail: bytes
    inputs: tuple[Pixels, ...]

    @property
    def pixels(self) -> Pixels:
        """The input of the only network, or of the first."""
        return self.inputs[0]


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


def read_photo(data: bytes, *inputs: NetworkInput, limits: Limits = DEFAULT_LIMITS) -> Reading:
    """Everything the library keeps of a photo, and the input of each of these networks, from one decode.

    Same bytes, same reading. Raises UnreadablePhoto.
    """
    return _read(data, _WHOLE, inputs, limits)


def read_region(
    data: bytes, region: Region, *inputs: NetworkInput, limits: Limits = DEFAULT_LIMITS
) -> Reading:
    """Like `read_photo` for a part of the photo: x, y, width, height as fractions of the upright photo.

    Hash and facts are those of the whole photo; thumbnail, inputs and perceptual hash those of the region,
    decoded as finely as they need. Whoever chose it meant all of it: it is squashed, never trimmed.
    Raises QueryError for a region outside 0..1, else UnreadablePhoto.
    """
    check_region(region)
    return _read(data, region, tuple(wanted.untrimmed for wanted in inputs), limits)


def _read(data: bytes, region: Region, inputs: tuple[NetworkInput, ...], limits: Limits) -> Reading:
    def reduction(width: int, height: int) -> float:
        part = (width * region[2], height * region[3])
        needed = _fit(part, THUMBNAIL_SIDE)
        allowed = [part[0] / needed[0], part[1] / needed[1]]
        for wanted in inputs:
            seen = wanted.part_of(*part)
            allowed += [part[0] * seen[2] / wanted.size, part[1] * seen[3] / wanted.size]
        return min(allowed)

    decoded = decode(data, reduction, limits)
    image, facts = decoded.image, decoded.facts
    part = (facts.width * region[2], facts.height * region[3])
    thumbnail = image.resize(_fit(part, THUMBNAIL_SIDE), Image.Resampling.BICUBIC, _box(image, region))
    squares = [
        image.resize(
            (wanted.size, wanted.size),
            Image.Resampling.BICUBIC,
            _box(image, _within(region, wanted.part_of(*part))),
        )
        for wanted in inputs
    ]
    return Reading(
        content_hash=content_hash(data),
        facts=facts,
        phash=perceptual_hash(thumbnail),
        thumbnail=_jpeg(thumbnail),
        inputs=tuple(np.array(square) for square in squares),
    )


def _within(region: Region, part: Region) -> Region:
    """A part of a region, as fractions of the photo."""
    x, y, width, height = region
    return x + part[0] * width, y + part[1] * height, part[2] * width, part[3] * height


def _box(image: Image.Image, region: Region) -> tuple[float, float, float, float]:
    """The edges of a region in an image, in pixels."""
    x, y, width, height = region
    right, lower = (x + width) * image.width, (y + height) * image.height
    return x * image.width, y * image.height, min(right, image.width), min(lower, image.height)


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
