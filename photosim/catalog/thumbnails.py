"""Thumbnails in a SQLite file of the cache folder, keyed by content hash; all of it can be deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from photosim.catalog.database import Database
from photosim.errors import LibraryError

BYTES_PER_PHOTO = 22_000  # JPEG, long side 384 px: measured mean over mixed photos, rounded up


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS thumbnails (content_hash BLOB PRIMARY KEY, jpeg BLOB NOT NULL)"
    )


class ThumbnailStore:
    """JPEG thumbnails by content hash, from any thread and from several processes."""

    def __init__(self, path: Path) -> None:
        try:
            self._database = Database(path, _prepare)
        except (sqlite3.DatabaseError, LibraryError) as error:
            # It is a cache: a damaged one is begun anew. One that cannot be written is reported.
            if not isinstance(error.__cause__ or error, sqlite3.DatabaseError) or not path.exists():
                raise
            for leftover in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
                leftover.unlink(missing_ok=True)
            self._database = Database(path, _prepare)

    def get(self, content_hash: bytes) -> bytes | None:
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT jpeg FROM thumbnails WHERE content_hash = ?", (content_hash,)
            ).fetchone()
        return None if row is None else row[0]

    def put_many(self, thumbnails: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep pairs of content hash and JPEG bytes, in one transaction."""
        with self._database.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO thumbnails VALUES (?, ?)", thumbnails)

    def remove_many(self, content_hashes: Iterable[bytes]) -> None:
        with self._database.writing() as connection:
            connection.executemany(
                "DELETE FROM thumbnails WHERE content_hash = ?", ((item,) for item in content_hashes)
            )

    def hashes(self) -> set[bytes]:
        with self._database.reading() as connection:
            return {row[0] for row in connection.execute("SELECT content_hash FROM thumbnails")}

    def close(self) -> None:
        self._database.close()
