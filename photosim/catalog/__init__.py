"""What is kept of a library: the SQLite catalog, and the thumbnails beside it."""

from photosim.catalog.catalog import Catalog, printable
from photosim.catalog.records import (
    ActiveModel,
    Counts,
    Failure,
    FileFailed,
    FileFound,
    FileToRead,
    Folder,
    KnownFile,
    NewPhoto,
    Photo,
    PhotoTable,
    Place,
    Recorded,
    Share,
    TrunkFeatures,
)
from photosim.catalog.thumbnails import ThumbnailStore

__all__ = [
    "ActiveModel",
    "Catalog",
    "Counts",
    "Failure",
    "FileFailed",
    "FileFound",
    "FileToRead",
    "Folder",
    "KnownFile",
    "NewPhoto",
    "Photo",
    "PhotoTable",
    "Place",
    "Recorded",
    "Share",
    "ThumbnailStore",
    "TrunkFeatures",
    "printable",
]
