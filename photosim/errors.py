"""Errors a user can act on. Everything else is a bug and is allowed to surface."""

from __future__ import annotations


class PhotosimError(Exception):
    """What happened, to which file, and what to do, in one line a user can act on."""


class UnreadablePhoto(PhotosimError):
    """One photo cannot be read; `reason` is the short text kept in the list of failures."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LibraryError(PhotosimError):
    """The library itself (its folder, catalog or settings) cannot be opened or written."""


class ScanRunning(PhotosimError):
    """Another process is scanning this library."""


class ModelError(PhotosimError):
    """A model's files are missing, damaged, foreign or newer than this program."""


class QueryError(PhotosimError):
    """A search that cannot be run as asked: no photos, a bad region, k of 0."""


class WorkerError(PhotosimError):
    """A worker process died or hung while it handled a request; it has been restarted."""


class TeachingError(PhotosimError):
    """Answers that cannot be used, or a tuning that came to nothing."""
