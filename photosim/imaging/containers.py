"""Just enough of some file formats to find EXIF, to do without broken metadata, and to miss the end."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
_EXIF = b"Exif\0\0"
_HEIF_BRANDS = frozenset(
    {
        *(b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"),
        *(b"mif1", b"msf1", b"avif", b"avis"),
    }
)
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

    A JPEG's colour profile, Adobe's colour mark and transparency stay, and a PNG's EXIF block, which Pillow
    does not look into.
    """
    if data.startswith(_JPEG):
        return _jpeg_without_metadata(data)
    if data.startswith(_PNG):
        return _png_without_metadata(data)
    if data[4:8] == b"ftyp":
        # An item of another type is passed over; the same length keeps every offset in the file true.
        return data.replace(b"Exif", b"skip")
    return None


def is_cut_short(data: bytes) -> bool:
    """Whether a HEIC, AVIF, WebP or TIFF file ends before it should.

    libheif paints tiles that are missing, and says nothing; the others' messages do not tell what is wrong.
    """
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return _boxes_end(data) > len(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return 8 + int.from_bytes(data[4:8], "little") > len(data)
    if data.startswith((b"II*\0", b"MM\0*")):
        first_directory = int.from_bytes(data[4:8], "little" if data.startswith(b"II") else "big")
        return first_directory + 2 > len(data)
    return False


def _boxes_end(data: bytes) -> int:
    """Where the last box of an ISO base media file ends by what its header says."""
    position = 0
    while position + 16 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if length == 1:
            length = int.from_bytes(data[position + 8 : position + 16], "big")
        if length < 8:
            # Zero: up to the end of the file. Less than its own header: no box, but something appended.
            return position
        position += length
    return position


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
        profile = marker == 0xE2 and data.startswith(b"ICC_PROFILE\0", start, end) and end - start > 14
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
