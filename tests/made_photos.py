"""Photos made on the spot: small, each unlike the others, the same for the same number."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image


def jpeg(number: int, size: tuple[int, int] = (96, 64)) -> bytes:
    """A JPEG of soft colours; `number` decides which."""
    random = np.random.default_rng(number)
    coarse = Image.fromarray(random.integers(0, 256, (4, 6, 3), dtype=np.uint8))
    file = io.BytesIO()
    coarse.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def make_photos(folder: Path, count: int, first: int = 0) -> list[Path]:
    """`count` photos photo-000.jpg, photo-001.jpg ... in `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"photo-{number:03}.jpg" for number in range(first, first + count)]
    for number, path in enumerate(paths, first):
        path.write_bytes(jpeg(number))
    return paths
