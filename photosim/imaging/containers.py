"""Just enough of JPEG and PNG files to find their EXIF block, and to do without broken metadata."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
_EXIF = b"Exif\0\0"
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9


def jpeg_exif(data: bytes) -> bytes:
    """The EXIF block (a TIFF structure) of a JPEG; empty where there is none."""
    for marker, start, end in _jpeg_segments(data):
        if marker == 0xE1 and data.startswith(_EXIF, start, end):
            return data[start + len(_EXIF) : end]
    return b""


def without_metadata(data: bytes) -> bytes | None:
    """The same picture without the blocks that do not say how its pixels look; None for other formats.

    Colour profile, Adobe's colour mark and transparency stay; a PNG's EXIF block, which Pillow does not
    look into, stays too.
    """
    if data.startswith(_JPEG):
        return _jpeg_without_metadata(data)
    if data.startswith(_PNG):
        return _png_without_metadata(data)
    if data[4:8] == b"ftyp":
        # An item of another type is passed over; the same length keeps every offset in the file true.
        return data.replace(b"Exif", b"skip")
    return None


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of the content of each segment before the first scan."""
    position = 2
    while True:
        position = data.find(b"\xff", position)
        while position >= 0 and data[position : position + 1] == b"\xff":
            position += 1
        if position < 0 or position + 3 > len(data):
            return
        marker = data[position]
        if marker in (_START_OF_SCAN, _END_OF_IMAGE):
            return
        if marker in _STANDALONE or marker == 0:
            position += 1
            continue
        length = int.from_bytes(data[position + 1 : position + 3], "big")
        yield marker, position + 3, min(position + 1 + max(length, 2), len(data))
        position += 1 + max(length, 2)


def _jpeg_without_metadata(data: bytes) -> bytes:
    kept = [b"\xff\xd8"]
    end = 2
    for marker, start, end in _jpeg_segments(data):
        profile = marker == 0xE2 and data.startswith(b"ICC_PROFILE\0", start, end)
        colour = marker == 0xEE and data.startswith(b"Adobe", start, end) and end - start >= 12
        if marker < 0xE0 or profile or colour:
            kept.append(data[start - 4 : end])
    kept.append(data[end:])
    return b"".join(kept)


def _png_without_metadata(data: bytes) -> bytes:
    kept = [_PNG]
    position = len(_PNG)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind = data[position + 4 : position + 8]
        end = position + 12 + length
        if kind in (b"tRNS", b"eXIf") and end <= len(data):
            block = data[position + 4 : end - 4]
            kept.append(data[position : end - 4] + struct.pack(">I", zlib.crc32(block)))
        elif kind[:1].isupper():
            kept.append(data[position:end])
        position = end
    return b"".join(kept)
