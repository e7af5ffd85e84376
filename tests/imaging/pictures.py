"""Photos made on the spot: four coloured quarters, written in any format, and EXIF blocks of any content."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from PIL import Image

RED, GREEN, BLUE, YELLOW = (200, 30, 30), (30, 160, 40), (30, 50, 190), (220, 200, 40)


def quarters(width: int = 640, height: int = 480) -> Image.Image:
    """Red and green above, blue and yellow below: tells every orientation from every other."""
    picture = np.empty((height, width, 3), dtype=np.uint8)
    picture[: height // 2, : width // 2] = RED
    picture[: height // 2, width // 2 :] = GREEN
    picture[height // 2 :, : width // 2] = BLUE
    picture[height // 2 :, width // 2 :] = YELLOW
    return Image.fromarray(picture)


def corners(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> list[tuple[int, ...]]:
    """The colours in the middle of the four quarters: above left and right, below left and right."""
    height, width = pixels.shape[:2]
    return [
        tuple(int(c) for c in pixels[y, x])
        for y in (height // 4, height * 3 // 4)
        for x in (width // 4, width * 3 // 4)
    ]


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    """The bytes of a file of this format."""
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def exif_block(
    first: dict[int, tuple[int, int, bytes]],
    details: dict[int, tuple[int, int, bytes]] | None = None,
    place: dict[int, tuple[int, int, bytes]] | None = None,
    order: str = "<",
) -> bytes:
    """An EXIF block out of raw entries: tag -> (TIFF type, count, value as bytes), right or wrong."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "L", 8)
    block = bytearray(head)
    first = dict(first)
    pointers = [(0x8769, details), (0x8825, place)]
    for tag, directory in pointers:
        if directory is not None:
            first[tag] = (4, 1, struct.pack(order + "L", 0))
    starts: dict[int, int] = {}
    _append_directory(block, first, order)
    for tag, directory in pointers:
        if directory is not None:
            starts[tag] = len(block)
            _append_directory(block, directory, order)
    for tag, start in starts.items():
        entry = block.index(struct.pack(order + "HHL", tag, 4, 1), 10)
        block[entry + 8 : entry + 12] = struct.pack(order + "L", start)
    return b"Exif\0\0" + bytes(block)


def _append_directory(block: bytearray, entries: dict[int, tuple[int, int, bytes]], order: str) -> None:
    values = len(block) + 2 + 12 * len(entries) + 4
    table, heap = bytearray(struct.pack(order + "H", len(entries))), bytearray()
    for tag in sorted(entries):
        kind, count, value = entries[tag]
        if len(value) <= 4:
            inline = value.ljust(4, b"\0")
        else:
            inline = struct.pack(order + "L", values + len(heap))
            heap += value
        table += struct.pack(order + "HHL", tag, kind, count) + inline
    block += table + struct.pack(order + "L", 0) + heap


def text(value: str | bytes) -> tuple[int, int, bytes]:
    raw = value.encode() if isinstance(value, str) else value
    return 2, len(raw) + 1, raw + b"\0"


def short(value: int, order: str = "<") -> tuple[int, int, bytes]:
    return 3, 1, struct.pack(order + "H", value)


def rationals(*pairs: tuple[int, int], order: str = "<") -> tuple[int, int, bytes]:
    return 5, len(pairs), b"".join(struct.pack(order + "LL", *pair) for pair in pairs)
