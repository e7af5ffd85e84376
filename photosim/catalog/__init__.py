"""What is kept of a library: the SQLite catalog, and the thumbnails beside it."""

from photosim.catalog.answers import SOURCES, Answer, AnswerCounts, Answers
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
    "SOURCES",
    "ActiveModel",
    "Answer",
    "AnswerCounts",
    "Answers",
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
