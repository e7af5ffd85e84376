"""What is kept of a library: the SQLite catalog, and the thumbnails beside it."""

from photosim.catalog.catalog import Catalog, printable
from photosim.catalog.records import (
    Counts,
    Failure,
    FileFailed,
    FileFound,
    Folder,
    KnownFile,
    NewPhoto,
    Photo,
    PhotoTable,
    Place,
    Recorded,
)
from photosim.catalog.thumbnails import ThumbnailStore

__all__ = [
    "Catalog",
    "Counts",
    "Failure",
    "FileFailed",
    "FileFound",
    "Folder",
    "KnownFile",
    "NewPhoto",
    "Photo",
    "PhotoTable",
    "Place",
    "Recorded",
    "ThumbnailStore",
    "printable",
]
