"""Thumbnails in a SQLite file of the cache folder, keyed by content hash; all of it can be deleted."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from photosim.catalog.database import Database, is_damage
from photosim.errors import LibraryError

BYTES_PER_PHOTO = 22_000  # JPEG, long side 384 px: measured mean over mixed photos, rounded up

_T = TypeVar("_T")
_Lend = Callable[[Database], AbstractContextManager[sqlite3.Connection]]

_log = logging.getLogger(__name__)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS thumbnails (content_hash BLOB PRIMARY KEY, jpeg BLOB NOT NULL)"
    )


class ThumbnailStore:
    """JPEG thumbnails by content hash, from any thread and from several processes.

    It is a cache: a damaged file is begun anew, whenever the damage shows. Raises LibraryError where the
    file cannot be read or written for another reason; then it is left as it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._database = Database(path, _prepare)
        except LibraryError as error:
            if not is_damage(error):
                raise
            self._database = self._anew()

    def get(self, content_hash: bytes) -> bytes | None:
        def select(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(
                "SELECT jpeg FROM thumbnails WHERE content_hash = ?", (content_hash,)
            ).fetchone()
            return None if row is None else bytes(row[0])

        return self._run(Database.reading, select)

    def put_many(self, thumbnails: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep pairs of content hash and JPEG bytes, in one transaction."""
        rows = list(thumbnails)
        self._run(
            Database.writing,
            lambda connection: connection.executemany(
                "INSERT OR REPLACE INTO thumbnails VALUES (?, ?)", rows
            ),
        )

    def remove_many(self, content_hashes: Iterable[bytes]) -> None:
        rows = [(item,) for item in content_hashes]
        self._run(
            Database.writing,
            lambda connection: connection.executemany("DELETE FROM thumbnails WHERE content_hash = ?", rows),
        )

    def hashes(self) -> set[bytes]:
        return self._run(
            Database.reading,
            lambda connection: {row[0] for row in connection.execute("SELECT content_hash FROM thumbnails")},
        )

    def close(self) -> None:
        self._database.close()

    def _run(self, lend: _Lend, work: Callable[[sqlite3.Connection], _T]) -> _T:
        database = self._database
        try:
            with lend(database) as connection:
                return work(connection)
        except LibraryError as error:
            if self._database is database and not is_damage(error):
                raise
        with self._lock:
            if self._database is database:  # else another thread has begun anew already
                database.close()
                self._database = self._anew()
        with lend(self._database) as connection:
            return work(connection)

    def _anew(self) -> Database:
        _log.warning("%s is damaged: thumbnails are made anew", self._path)
        for leftover in (self._path, Path(f"{self._path}-wal"), Path(f"{self._path}-shm")):
            leftover.unlink(missing_ok=True)
        return Database(self._path, _prepare)
