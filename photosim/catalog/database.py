"""SQLite as photosim uses it: pooled connections, one kind of transaction, errors a user can act on."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from photosim.errors import LibraryError

BUSY_SECONDS = 20.0


class Database:
    """One SQLite file in WAL mode, used from any thread.

    A connection is lent to one caller at a time and kept for the next, so that a long read in one
    thread holds up nobody else. Writers queue in SQLite itself, also across processes.
    """

    def __init__(self, path: Path, prepare: Callable[[sqlite3.Connection], None]) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._watcher: sqlite3.Connection | None = None
        self._watching = threading.Lock()
        try:
            with self.reading() as connection:
                prepare(connection)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._errors():
            connection = self._take()
            try:
                yield connection
            finally:
                self._give(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is kept, or nothing."""
        with self.reading() as connection, _transaction(connection):
            yield connection

    @contextmanager
    def writing_through(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on the disk when it ends: what a user did by hand survives a power cut too."""
        with self.reading() as connection:
            connection.execute("PRAGMA synchronous = FULL")
            try:
                with _transaction(connection):
                    yield connection
            finally:
                connection.execute("PRAGMA synchronous = NORMAL")

    def version(self) -> int:
        """A number that changes with every transaction of anybody's, in this program or another."""
        # SQLite counts for each connection what all others write: one that never writes sees everything.
        with self._errors(), self._watching:
            if self._closed:
                raise LibraryError(f"{self.path} has been closed")
            if self._watcher is None:
                self._watcher = self._connect()
            (version,) = self._watcher.execute("PRAGMA data_version").fetchone()
        return int(version)

    def close(self) -> None:
        with self._watching, self._lock:
            self._closed = True
            if self._watcher is not None:
                self._watcher.close()
                self._watcher = None
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise LibraryError(f"{self.path} has been closed")
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _connect(self) -> sqlite3.Connection:
        # The pool hands a connection to one thread at a time, hence check_same_thread.
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _use_write_ahead_log(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _give(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._idle.append(connection)
                return
        connection.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            advice = _ADVICE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
            if advice is None:
                raise
            raise LibraryError(f"{self.path}: {error}: {advice}") from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # a full disk makes SQLite roll back by itself
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def is_damage(error: BaseException) -> bool:
    """Whether an error of a Database, or the sqlite3.Error behind it, means that its file is damaged."""
    code = getattr(error.__cause__ or error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch to WAL, waiting for others who make the same file's acquaintance at this moment.

    SQLite's own patience does not extend to this change: it gives up at once.
    """
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.02)


_ADVICE = {
    sqlite3.SQLITE_FULL: "free some disk space, then try again; what was done so far is kept",
    sqlite3.SQLITE_READONLY: "make the file and its folder writable, or choose another --data-dir",
    sqlite3.SQLITE_PERM: "make the file and its folder writable, or choose another --data-dir",
    sqlite3.SQLITE_CANTOPEN: "make the folder writable, or choose another --data-dir",
    sqlite3.SQLITE_IOERR: "check the disk and its free space, then try again",
    sqlite3.SQLITE_BUSY: "another program holds it; close that one, then try again",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; move it away and scan again",
    sqlite3.SQLITE_NOTADB: "this is no photosim catalog; move it away and scan again",
}
