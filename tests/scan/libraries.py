"""Opening, scanning and looking into a real library, in few words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from photosim.engine.messages import Reader, WorkerSetup
from photosim.library import Library
from photosim.model.card import ModelCard
from photosim.paths import Folders
from photosim.scan.control import ScanControl
from photosim.scan.scanner import ScanProgress, ScanSummary, run_to_end, scan


class ReaderLibrary(Library):
    """A library whose workers decode with a reader of the test's own."""

    reader: Reader | None = None

    def setup_for(self, *cards: ModelCard) -> WorkerSetup:
        setup = super().setup_for(*cards)
        return setup if self.reader is None else replace(setup, reader=self.reader)


def open_library(folders: Folders, reader: Reader | None = None) -> ReaderLibrary:
    library = ReaderLibrary(folders, "cpu", threads=2)
    library.reader = reader
    return library


def scan_all(library: Library, retry_failed: bool = False) -> ScanSummary:
    return run_to_end(scan(library, ScanControl(), retry_failed))


def scan_until(
    library: Library, stop: Callable[[ScanProgress], bool], control: ScanControl
) -> list[ScanProgress]:
    """Run a scan that is cancelled as soon as `stop` says so; all its progress."""
    steps = []
    for step in scan(library, control):
        steps.append(step)
        if stop(step):
            control.cancel()
    return steps


def figures(summary: ScanSummary) -> dict[str, int]:
    """What is not zero in a summary."""
    names = ("added", "changed", "moved", "removed", "unchanged", "failed")
    return {name: getattr(summary, name) for name in names if getattr(summary, name)}


def reasons(library: Library) -> dict[str, str]:
    """Failures by file name."""
    return {os.path.basename(item.path): item.reason for item in library.catalog.failures()}


def rows(folders: Folders, query: str) -> list[tuple[object, ...]]:
    """Straight from the file, past all that photosim thinks it knows."""
    connection = sqlite3.connect(folders.catalog)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def written_features(folders: Folders) -> list[tuple[object, ...]]:
    """Photo and number of every write of features: a photo embedded again has a new number."""
    return rows(folders, "SELECT photo_id, seq FROM features ORDER BY photo_id")


def paths_of(library: Library) -> set[str]:
    ids = library.catalog.shown_ids().tolist()
    return {path for photo in library.catalog.photos(ids).values() for path in photo.paths}


def folder_bytes(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of change of every file below a folder."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }
