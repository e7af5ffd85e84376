"""The photos a model is trained on: any tree of folders, the name of a photo's folder its category."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from photosim.errors import PhotosimError, UnreadablePhoto
from photosim.imaging.reading import preview, read_bytes
from photosim.scan.walk import walk

# Views are of 256 px and cut out of the photo: more pixels would only take time to decode.
LONG_SIDE = 384

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PhotoSet:
    """Paths and categories of photos, in one order. A category is the folder's path below the root."""

    paths: tuple[Path, ...]
    categories: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, number: int) -> Pixels:
        """One photo, upright, uint8 RGB [H, W, 3], of at most LONG_SIDE. Raises UnreadablePhoto."""
        return preview(read_bytes(self.paths[number]), LONG_SIDE)[0]

    def of(self, categories: frozenset[str] | set[str]) -> PhotoSet:
        """The photos of these categories alone."""
        kept = [number for number, name in enumerate(self.categories) if name in categories]
        return PhotoSet(
            tuple(self.paths[number] for number in kept), tuple(self.categories[number] for number in kept)
        )


def find_photos(root: Path) -> PhotoSet:
    """All photos below a folder, sorted by path. Raises PhotosimError where there are none."""
    if not root.is_dir():
        raise PhotosimError(f"{root} is not a folder: name a folder of photos, one folder for each category")
    base = os.path.abspath(root)
    paths = sorted(seen.path for seen in walk(base) if seen.problem is None)
    if not paths:
        raise PhotosimError(f"{root} has no photos: name a folder of photos, one folder for each category")
    categories = tuple(os.path.dirname(path).replace(os.sep, "/") for path in paths)
    return PhotoSet(tuple(Path(base, path) for path in paths), categories)


def readable(photos: PhotoSet) -> tuple[PhotoSet, list[tuple[Path, str]]]:
    """The photos that can be read, and the others with why not: one bad file must not end a training."""
    kept, failures = [], []
    for number, path in enumerate(photos.paths):
        try:
            photos.read(number)
        except UnreadablePhoto as error:
            failures.append((path, error.reason))
        else:
            kept.append(number)
    good = PhotoSet(tuple(photos.paths[n] for n in kept), tuple(photos.categories[n] for n in kept))
    return good, failures
