"""Thumbnails in a SQLite file of the cache folder, keyed by content hash; all of it can be deleted.

Beside them lie keypoints, found in a thumbnail when a search first wanted to compare it point by point.
"""

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
KEYPOINTS_KEPT = 20_000
"""Photos, the last checked: about 60 KB each."""
_WORTH_GIVING_BACK = 16 << 20
"""Bytes: less is left in the file, for the thumbnails to come."""
_PAGES_AT_ONCE = 5_000
_INCREMENTAL = 2

_T = TypeVar("_T")
_Lend = Callable[[Database], AbstractContextManager[sqlite3.Connection]]

_log = logging.getLogger(__name__)


def _prepare(connection: sqlite3.Connection) -> None:
    if _pragma(connection, "page_count") <= 1:  # nothing but the header, which has the mode of the journal
        _allow_shrinking(connection)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS thumbnails (content_hash BLOB PRIMARY KEY, jpeg BLOB NOT NULL)"
    )
    connection.execute(
        "CREATE TABLE IF NOT EXISTS keypoints (number INTEGER PRIMARY KEY AUTOINCREMENT,"
        " content_hash BLOB NOT NULL UNIQUE, version INTEGER NOT NULL, data BLOB NOT NULL)"
    )


def _allow_shrinking(connection: sqlite3.Connection) -> None:
    """Let the file give free pages back to the disk; all of it is written anew."""
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("VACUUM")


def _give_space_back(connection: sqlite3.Connection) -> None:
    """Make the file smaller by its free pages, where they are worth it."""
    page = _pragma(connection, "page_size")
    if _pragma(connection, "freelist_count") * page < _WORTH_GIVING_BACK:
        return
    if _pragma(connection, "auto_vacuum") != _INCREMENTAL:  # a file of before files shrank
        _allow_shrinking(connection)
    # In steps, between which others may write. As a script, because execute() would stop at the first page.
    for _ in range(_pragma(connection, "freelist_count") // _PAGES_AT_ONCE + 1):
        connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


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
        """Forget them and their keypoints, and let the file shrink after many."""
        rows = [(item,) for item in content_hashes]

        def delete(connection: sqlite3.Connection) -> None:
            for table in ("thumbnails", "keypoints"):
                connection.executemany(f"DELETE FROM {table} WHERE content_hash = ?", rows)

        self._run(Database.writing, delete)
        try:
            self._run(Database.reading, _give_space_back)
        except LibraryError as error:
            _log.warning("%s (the thumbnails are removed, their space is free after a later removal)", error)

    def hashes(self) -> set[bytes]:
        return self._run(
            Database.reading,
            lambda connection: {row[0] for row in connection.execute("SELECT content_hash FROM thumbnails")},
        )

    def keypoints(self, content_hash: bytes, version: int) -> bytes | None:
        """What was put for a photo, where it is of this version."""

        def select(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(
                "SELECT data FROM keypoints WHERE content_hash = ? AND version = ?", (content_hash, version)
            ).fetchone()
            return None if row is None else bytes(row[0])

        return self._run(Database.reading, select)

    def put_keypoints(self, keypoints: Iterable[tuple[bytes, bytes]], version: int) -> None:
        """Keep pairs of content hash and keypoints of photos that have a thumbnail, in one transaction.

        Of all photos, those of the last KEYPOINTS_KEPT are kept.
        """
        rows = [(item, version, data, item) for item, data in keypoints]

        def insert(connection: sqlite3.Connection) -> None:
            # A photo removed meanwhile has no thumbnail any more, and nobody would remove these after it.
            connection.executemany(
                "INSERT OR REPLACE INTO keypoints (content_hash, version, data)"
                " SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM thumbnails WHERE content_hash = ?)",
                rows,
            )
            connection.execute(
                "DELETE FROM keypoints WHERE number <= (SELECT max(number) FROM keypoints) - ?",
                (KEYPOINTS_KEPT,),
            )

        self._run(Database.writing, insert)

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
