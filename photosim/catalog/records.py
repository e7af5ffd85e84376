"""What the catalog hands out: small frozen records, and the columns of the whole library."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photosim.imaging.facts import Facts


@dataclass(frozen=True)
class Folder:
    """A folder of the library. `photos` counts distinct photos with a place in it."""

    id: int
    path: str
    online: bool
    scanned: bool
    photos: int


@dataclass(frozen=True)
class Failure:
    """A photo by its name that could not be read; `when` is ISO 8601 in UTC."""

    path: str
    reason: str
    when: str


@dataclass(frozen=True)
class Place:
    """Where one copy of a photo lies. `modified` is in seconds since the epoch."""

    path: str
    folder_id: int
    online: bool
    size: int
    modified: float


@dataclass(frozen=True)
class Photo:
    """One content, whatever it is called and however often it is there."""

    id: int
    content_hash: bytes
    facts: Facts
    places: tuple[Place, ...]

    @property
    def path(self) -> str:
        """The first place that is online, or the first of all."""
        return self.places[0].path

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(place.path for place in self.places)

    @property
    def name(self) -> str:
        return os.path.basename(self.path)

    @property
    def offline(self) -> bool:
        return not any(place.online for place in self.places)


@dataclass(frozen=True)
class Counts:
    """`photos` are distinct contents, `files` their places; `offline` counts photos."""

    photos: int
    files: int
    failed: int
    offline: int


@dataclass(frozen=True)
class KnownFile:
    """What the catalog remembers of one file; `photo_id` is None for one that failed."""

    size: int
    modified_ns: int
    photo_id: int | None


@dataclass(frozen=True)
class FileToRead:
    """A file of the library, at `path` below the folder `root`, whose photo lacks features."""

    photo_id: int
    folder_id: int
    root: str
    path: str
    size: int
    modified_ns: int


@dataclass(frozen=True)
class ActiveModel:
    """The model whose features answer in a library, by its version and its trunk's."""

    version: str
    trunk: str


@dataclass(frozen=True)
class Share:
    """How many of all photos of a library have a trunk's features."""

    done: int
    total: int


@dataclass(frozen=True)
class PhotoTable:
    """The whole library as aligned columns, ascending by id, for showing, sorting and filtering.

    `folder_ids`, `paths` (relative to the folder) and `offline` are those of the photo's first place;
    `taken` is the EXIF date, else the file's, in seconds.
    """

    ids: npt.NDArray[np.int64]
    folder_ids: npt.NDArray[np.int32]
    taken: npt.NDArray[np.float64]
    copies: npt.NDArray[np.int32]
    offline: npt.NDArray[np.bool_]
    paths: list[str]
    hashes: list[bytes]

    def row(self, photo_id: int) -> int:
        """The row of a photo; raises KeyError for one that is not in the table."""
        if not self.has(photo_id):
            raise KeyError(photo_id)
        return int(np.searchsorted(self.ids, photo_id))

    def has(self, photo_id: int) -> bool:
        row = int(np.searchsorted(self.ids, photo_id))
        return row < len(self.ids) and bool(self.ids[row] == photo_id)

    def name(self, row: int) -> str:
        return os.path.basename(self.paths[row])

    @property
    def names(self) -> list[str]:
        return [os.path.basename(path) for path in self.paths]


@dataclass(frozen=True)
class TrunkFeatures:
    """What one trunk gives for a photo, `data` float16 [F], and the precision it was computed in."""

    trunk: str
    precision: str
    data: npt.NDArray[np.float16]


@dataclass(frozen=True)
class NewPhoto:
    """A photo just read, as it enters the catalog, with the features it did not have."""

    content_hash: bytes
    facts: Facts
    phash: int
    features: tuple[TrunkFeatures, ...]


@dataclass(frozen=True)
class FileFound:
    """A file of a folder whose content is known by hash; `new` only where the file had to be decoded."""

    folder_id: int
    path: str
    size: int
    modified_ns: int
    content_hash: bytes
    new: NewPhoto | None


@dataclass(frozen=True)
class FileFailed:
    """A file of a folder that could not be read."""

    folder_id: int
    path: str
    size: int
    modified_ns: int
    reason: str


@dataclass(frozen=True)
class Recorded:
    """A file now in the catalog; `photo_id_before` is what lay at its place until now, if anything."""

    file: FileFound
    photo_id: int
    photo_id_before: int | None
