"""EXIF tags out of bytes that nobody vouches for.

Only the tags asked for are looked at, each by itself, so that a broken one costs no other. Pillow's own
reader decodes whole directories and warns; here nothing is raised and nothing is printed.
Layout: EXIF 2.32 (CIPA DC-008), which is TIFF 6.0.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from enum import IntEnum


class Tag(IntEnum):
    """The tags read here: of the first directory, then of the EXIF and GPS directories."""

    MAKE = 0x010F
    MODEL = 0x0110
    ORIENTATION = 0x0112
    DATE_TIME = 0x0132
    EXIF_DIRECTORY = 0x8769
    GPS_DIRECTORY = 0x8825
    EXPOSURE_TIME = 0x829A
    F_NUMBER = 0x829D
    ISO = 0x8827
    STANDARD_OUTPUT_SENSITIVITY = 0x8831
    RECOMMENDED_EXPOSURE_INDEX = 0x8832
    ISO_SPEED = 0x8833
    DATE_TIME_ORIGINAL = 0x9003
    DATE_TIME_DIGITIZED = 0x9004
    SHUTTER_SPEED = 0x9201
    APERTURE = 0x9202
    FOCAL_LENGTH = 0x920A
    LENS_MODEL = 0xA434


class GpsTag(IntEnum):
    """Tags of the GPS directory, whose numbers mean other things elsewhere."""

    LATITUDE_REF = 1
    LATITUDE = 2
    LONGITUDE_REF = 3
    LONGITUDE = 4


Value = bytes | tuple[float, ...]

# Struct code of one number by TIFF type; rationals are pairs. ASCII (2) and undefined (7) are bytes.
_NUMBERS = {1: "B", 3: "H", 4: "L", 5: "LL", 6: "b", 8: "h", 9: "l", 10: "ll", 11: "f", 12: "d", 13: "L"}
_RATIONALS = (5, 10)
_BYTES = (2, 7)
_LONGEST_TEXT = 1024
_MOST_NUMBERS = 4


def read_tags(block: bytes) -> tuple[Mapping[int, Value], Mapping[int, Value]]:
    """The known tags of an EXIF block and the known tags of its GPS directory, both empty at worst.

    Numbers come as at most four floats, NaN for a fraction over zero; text and undefined as bytes.
    """
    if block.startswith(b"Exif\0\0"):
        block = block[6:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return {}, {}
    tags = _read_directory(block, order, struct.unpack_from(order + "L", block, 4)[0], Tag)
    details = _read_directory(block, order, _pointer(tags, Tag.EXIF_DIRECTORY), Tag)
    place = _read_directory(block, order, _pointer(tags, Tag.GPS_DIRECTORY), GpsTag)
    return {**details, **tags}, place


def _pointer(tags: Mapping[int, Value], tag: Tag) -> int:
    value = tags.get(tag)
    if not value or isinstance(value, bytes) or not math.isfinite(value[0]):
        return 0
    return int(value[0])


def _read_directory(block: bytes, order: str, offset: int, wanted: type[IntEnum]) -> dict[int, Value]:
    found: dict[int, Value] = {}
    if not 8 <= offset <= len(block) - 2:
        return found
    known = frozenset(int(tag) for tag in wanted)
    (count,) = struct.unpack_from(order + "H", block, offset)
    entry = struct.Struct(order + "HHL4s")
    first = offset + 2
    last = min(first + count * entry.size, len(block) - entry.size + 1)
    for position in range(first, last, entry.size):
        tag, kind, length, inline = entry.unpack_from(block, position)
        if tag in known and tag not in found:
            value = _read_value(block, order, kind, length, inline)
            if value:
                found[tag] = value
    return found


def _read_value(block: bytes, order: str, kind: int, length: int, inline: bytes) -> Value | None:
    if kind in _BYTES:
        size, stored = min(length, _LONGEST_TEXT), length
    elif kind in _NUMBERS:
        each = struct.calcsize("<" + _NUMBERS[kind])
        stored = length * each
        length = min(length, _MOST_NUMBERS)
        size = length * each
    else:
        return None
    if stored <= 4:
        raw = inline[:size]
    else:
        (start,) = struct.unpack(order + "L", inline)
        raw = block[start : start + size]
    if kind in _BYTES:
        return raw
    if len(raw) < size:
        return None
    numbers = struct.unpack(order + _NUMBERS[kind] * length, raw)
    if kind in _RATIONALS:
        return tuple(
            top / bottom if bottom else math.nan
            for top, bottom in zip(numbers[::2], numbers[1::2], strict=True)
        )
    return tuple(float(number) for number in numbers)
