"""Photos of prints: one photo lies, seen from aside, on another."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 384
CORNERS = np.array([[0.2, 0.15], [0.85, 0.25], [0.8, 0.8], [0.15, 0.7]])
"""Where the print's top left, top right, bottom right and bottom left lie, in fractions of the whole."""


def opened(path: Path) -> Image.Image:
    """A photo at the size of a thumbnail."""
    image = Image.open(path).convert("RGB")
    image.thumbnail((SIDE, SIDE))
    return image


def written(image: Image.Image) -> bytes:
    """The picture as JPEG."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=82)
    return file.getvalue()


def print_on(ground: Image.Image, photo: Image.Image, corners: np.ndarray = CORNERS) -> Image.Image:
    """A photo of `ground` on which a print of `photo` lies."""
    size = (SIDE, SIDE * 3 // 4)
    source = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * photo.size
    rows, wanted = [], []
    for (x, y), (u, v) in zip(source, corners * size, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -x * u, -x * v], [0, 0, 0, u, v, 1, -y * u, -y * v]]
        wanted += [x, y]
    back = np.linalg.solve(np.array(rows), np.array(wanted))
    seen = photo.transform(size, Image.Transform.PERSPECTIVE, back, Image.Resampling.BICUBIC)
    mask = Image.new("L", photo.size, 255).transform(size, Image.Transform.PERSPECTIVE, back)
    whole = ground.resize(size)
    whole.paste(seen, (0, 0), mask)
    return whole
