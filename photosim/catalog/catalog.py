"""The catalog: the truth about a library. Folders, photos, their places and features, and failures."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from photosim.catalog.answers import Answers
from photosim.catalog.database import Database
from photosim.catalog.records import (
    ActiveModel,
    Counts,
    Failure,
    FileFailed,
    FileFound,
    FileToRead,
    Folder,
    KnownFile,
    Photo,
    PhotoTable,
    Place,
    Recorded,
    Share,
    TrunkFeatures,
)
from photosim.catalog.schema import migrate
from photosim.catalog.volumes import is_online, volume_of
from photosim.errors import LibraryError
from photosim.imaging.facts import Facts

_T = TypeVar("_T")

ORPHANS_KEPT = timedelta(days=30)

# SQLite takes 999 values in a statement, and who reads in pieces holds up nobody.
_AT_ONCE = 500

# Conditions on the photo whose id, with its table, stands in the braces; each takes a trunk.
_HAS_FEATURES = "EXISTS (SELECT 1 FROM features AS f WHERE f.photo_id = {} AND f.trunk = ?)"
# By the index of the few there are: by any other, SQLite would read every row to its end.
_PROVISIONAL = (
    "EXISTS (SELECT 1 FROM features AS f INDEXED BY features_provisional"
    " WHERE f.photo_id = {} AND f.trunk = ? AND f.provisional = 1)"
)


class Catalog:
    """The SQLite catalog of one library. Every method may be called from any thread.

    `answers` are what its user has taught.

    Raises LibraryError where the file cannot be opened, read or written, or is newer than this program.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.library_id = ""
        try:
            self._database = Database(path, self._prepare)
        except sqlite3.DatabaseError as error:
            raise LibraryError(f"{path} is damaged or no photosim catalog: {error}") from error
        self.answers = Answers(self._database)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        migrate(connection, str(self.path))
        (self.library_id,) = connection.execute("SELECT id FROM library").fetchone()

    def close(self) -> None:
        self._database.close()

    # Folders

    def add_folder(self, path: str | os.PathLike[str]) -> Folder:
        """Add a folder and return it; inside a folder already there, return that one.

        Folders of the library that lie inside the new one become part of it, with all they know. Where a
        folder lies is seen with links resolved, since a scan does not follow them.
        Raises LibraryError where there is no such folder or it cannot be listed.
        """
        if not os.fspath(path):
            raise LibraryError("the folder's name is empty: name a folder of photos")
        path = os.path.abspath(os.path.expanduser(path))
        if not _is_text(path):
            raise LibraryError(f"{printable(path)}: the folder's name is not valid UTF-8: rename it")
        if not os.path.isdir(path):
            what = "is not a folder" if os.path.lexists(path) else "does not exist"
            raise LibraryError(f"{path} {what}: name a folder of photos")
        if not os.access(path, os.R_OK | os.X_OK):
            raise LibraryError(f"{path} cannot be read: change its permissions or name another folder")
        real = os.path.realpath(path)
        with self._database.writing() as connection:
            inside = []
            for folder_id, known in connection.execute("SELECT id, path FROM folders").fetchall():
                known = os.path.realpath(known)
                if real == known or real.startswith(_as_prefix(known)):
                    break
                if known.startswith(_as_prefix(real)):
                    inside.append((folder_id, known))
            else:
                folder_id = connection.execute(
                    "INSERT INTO folders (path, volume) VALUES (?, ?)", (path, volume_of(path))
                ).lastrowid
                for other_id, other in inside:
                    prefix = os.path.relpath(other, real) + os.sep
                    for table in ("places", "failures"):
                        connection.execute(
                            f"UPDATE {table} SET folder_id = ?, path = ? || path WHERE folder_id = ?",
                            (folder_id, prefix, other_id),
                        )
                    connection.execute("DELETE FROM folders WHERE id = ?", (other_id,))
        return next(folder for folder in self.folders() if folder.id == folder_id)

    def remove_folder(self, path: str | os.PathLike[str]) -> list[bytes]:
        """Forget a folder and the photos that are nowhere else; returns their content hashes.

        The photos on disk are untouched. Raises LibraryError for a folder that is not in the library.
        """
        path = printable(os.path.abspath(os.path.expanduser(path)))
        with self._database.writing() as connection:
            row = connection.execute("SELECT id FROM folders WHERE path = ?", (path,)).fetchone()
            if row is None:
                raise LibraryError(f"{path} is not a folder of the library: `photosim status` lists them")
            photos = connection.execute(
                "SELECT DISTINCT photo_id FROM places WHERE folder_id = ?", row
            ).fetchall()
            connection.execute("DELETE FROM folders WHERE id = ?", row)
            return _forget(connection, [photo_id for (photo_id,) in photos])

    def folders(self) -> list[Folder]:
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, path, online, scanned_at IS NOT NULL,"
                " (SELECT count(DISTINCT photo_id) FROM places WHERE folder_id = folders.id)"
                " FROM folders ORDER BY path"
            ).fetchall()
        return [Folder(row[0], row[1], bool(row[2]), bool(row[3]), row[4]) for row in rows]

    def online_folder_ids(self) -> set[int]:
        """The folders that could be reached when one last looked."""
        with self._database.reading() as connection:
            return {row[0] for row in connection.execute("SELECT id FROM folders WHERE online")}

    def check_online(self) -> bool:
        """Look which folders can be reached now; returns whether any came or went."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, path, volume, online,"
                " EXISTS (SELECT 1 FROM places WHERE folder_id = folders.id) FROM folders"
            ).fetchall()
        changes = [
            (online, folder_id)
            for folder_id, path, volume, was_online, has_places in rows
            if (online := is_online(path, volume, bool(has_places))) != bool(was_online)
        ]
        if changes:
            with self._database.writing() as connection:
                connection.executemany("UPDATE folders SET online = ? WHERE id = ?", changes)
        return bool(changes)

    def mark_scanned(self, folder_id: int) -> None:
        """Remember that a folder has been scanned, and on which volume its photos were seen."""
        with self._database.writing() as connection:
            row = connection.execute(
                "SELECT path, volume, EXISTS (SELECT 1 FROM places WHERE folder_id = folders.id)"
                " FROM folders WHERE id = ?",
                (folder_id,),
            ).fetchone()
            if row is None:
                return
            path, volume, has_places = row
            if is_online(path, volume, bool(has_places)):  # else the drive was pulled during the scan
                volume = volume_of(path)
            connection.execute(
                "UPDATE folders SET scanned_at = ?, volume = ? WHERE id = ?", (_now(), volume, folder_id)
            )

    # What a scan compares with and writes

    def known_files(self, folder_id: int) -> dict[str, KnownFile]:
        """All files of a folder that were read or failed, by path relative to it."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT path, size, modified_ns, photo_id FROM places WHERE folder_id = ?"
                " UNION ALL SELECT path, size, modified_ns, NULL FROM failures WHERE folder_id = ?",
                (folder_id, folder_id),
            )
            return {path: KnownFile(size, modified, photo) for path, size, modified, photo in rows}

    def record(self, found: Sequence[FileFound], failed: Sequence[FileFailed]) -> list[Recorded]:
        """Write one batch of a scan in one transaction; returns what was found and kept.

        What somebody else removed from the library while it was read, a folder or a content known only
        by its hash, is passed over: the next scan finds what is still there.
        """
        recorded: list[Recorded] = []
        with self._database.writing() as connection:
            folders = {row[0] for row in connection.execute("SELECT id FROM folders")}
            for file in found:
                photo_id = _photo_id(connection, file) if file.folder_id in folders else None
                if photo_id is None:
                    continue
                key = (file.folder_id, file.path)
                before = connection.execute(
                    "SELECT photo_id FROM places WHERE folder_id = ? AND path = ?", key
                ).fetchone()
                connection.execute(
                    "INSERT OR REPLACE INTO places (folder_id, path, photo_id, size, modified_ns)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (*key, photo_id, file.size, file.modified_ns),
                )
                connection.execute("DELETE FROM failures WHERE folder_id = ? AND path = ?", key)
                connection.execute("UPDATE photos SET orphaned_at = NULL WHERE id = ?", (photo_id,))
                if before is not None and before[0] != photo_id:
                    _mark_orphans(connection, [before[0]])
                recorded.append(Recorded(file, photo_id, None if before is None else before[0]))
            for file_failed in failed:
                if file_failed.folder_id not in folders:
                    continue
                _remove_places(connection, file_failed.folder_id, [file_failed.path])
                connection.execute(
                    "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        file_failed.folder_id,
                        file_failed.path,
                        file_failed.size,
                        file_failed.modified_ns,
                        file_failed.reason,
                        _now(),
                    ),
                )
        return recorded

    def remove_files(self, folder_id: int, paths: Sequence[str]) -> list[int]:
        """Drop files that are no longer there; returns the photos they were.

        A photo without any place keeps its features for a while: it may have been moved to where the scan
        has not looked yet.
        """
        with self._database.writing() as connection:
            return _remove_places(connection, folder_id, paths)

    def forget_old_orphans(self) -> list[bytes]:
        """Forget photos that have had no place for thirty days; returns their content hashes."""
        limit = (datetime.now(UTC) - ORPHANS_KEPT).isoformat(timespec="seconds")
        with self._database.writing() as connection:
            rows = connection.execute("SELECT id FROM photos WHERE orphaned_at < ?", (limit,)).fetchall()
            return _forget(connection, [photo_id for (photo_id,) in rows])

    def hashes_with_features(self, trunk: str) -> set[bytes]:
        """Content hashes of all photos, shown or not, that have this trunk's features, provisional ones not.

        Such a photo's file need not be decoded.
        """
        with self._database.reading() as connection:
            return {
                row[0]
                for row in connection.execute(
                    "SELECT content_hash FROM photos JOIN features ON photo_id = photos.id WHERE trunk = ?"
                    f" AND NOT {_PROVISIONAL.format('photos.id')}",
                    (trunk, trunk),
                )
            }

    # The active model, and moving to another trunk

    def active_model(self) -> ActiveModel | None:
        """The model whose features answer; None where none was chosen yet."""
        with self._database.reading() as connection:
            version, trunk = connection.execute("SELECT model, trunk FROM library").fetchone()
        return None if version is None else ActiveModel(version, trunk)

    def set_active_model(self, model: ActiveModel) -> None:
        """From now on this model's features answer. Those of other trunks stay: see `forget_features`."""
        with self._database.writing() as connection:
            connection.execute("UPDATE library SET model = ?, trunk = ?", (model.version, model.trunk))

    def wish(self) -> str | None:
        """The version of the model that the user chose; "" for the newest bundled one, None for no choice."""
        with self._database.reading() as connection:
            (wish,) = connection.execute("SELECT wish FROM library").fetchone()
        return None if wish is None else str(wish)

    def set_wish(self, wish: str, active: ActiveModel | None = None) -> None:
        """Keep the user's choice of a model, and let `active` answer from now on; on disk when it returns."""
        with self._database.writing_through() as connection:
            connection.execute("UPDATE library SET wish = ?", (wish,))
            if active is not None:
                connection.execute("UPDATE library SET model = ?, trunk = ?", (active.version, active.trunk))

    def trunks(self) -> list[str]:
        """The trunks of which there are features, that of the most photos first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT trunk FROM features GROUP BY trunk ORDER BY count(*) DESC, trunk"
            ).fetchall()
        return [trunk for (trunk,) in rows]

    def share_with_features(self, trunk: str) -> Share:
        """How many of the photos with a place have features of this trunk that need not be made (again).

        Provisional ones suffice for a photo that is offline.
        """
        with self._database.reading() as connection:
            total, lacking = connection.execute(
                "SELECT count(*), coalesce(sum(NOT"
                f" {_HAS_FEATURES.format('p.id')} OR (reached AND {_PROVISIONAL.format('p.id')})), 0)"
                " FROM (SELECT photo_id AS id, max(online) AS reached FROM places"
                "  JOIN folders ON folders.id = folder_id GROUP BY photo_id) AS p",
                (trunk, trunk),
            ).fetchone()
        return Share(total - lacking, total)

    def files_to_read(self, trunk: str) -> list[FileToRead]:
        """All files within reach of photos that lack features of this trunk, or have provisional ones."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT photo_id, folder_id, folders.path, places.path, size, modified_ns"
                " FROM places JOIN folders ON folders.id = folder_id"
                f" WHERE online AND (NOT {_HAS_FEATURES.format('places.photo_id')}"
                f"  OR {_PROVISIONAL.format('places.photo_id')})"
                " ORDER BY folders.path, places.path",
                (trunk, trunk),
            ).fetchall()
        return [FileToRead(*row) for row in rows]

    def offline_without_features(self, trunk: str) -> list[tuple[int, bytes]]:
        """Id and content hash of the photos out of reach that have no features of this trunk at all."""
        with self._database.reading() as connection:
            return connection.execute(
                "SELECT photos.id, content_hash FROM photos JOIN places ON photo_id = photos.id"
                f" JOIN folders ON folders.id = folder_id WHERE NOT {_HAS_FEATURES.format('photos.id')}"
                " GROUP BY photos.id HAVING NOT max(online) ORDER BY photos.id",
                (trunk,),
            ).fetchall()

    def record_provisional(self, features: Iterable[tuple[int, TrunkFeatures]]) -> None:
        """Keep features made from thumbnails, with the ids of their photos, in one transaction.

        A photo that has features of the trunk keeps them, and one that has gone is passed over.
        """
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO features (photo_id, trunk, precision, data, provisional)"
                " SELECT id, ?, ?, ?, 1 FROM photos WHERE id = ?",
                [(one.trunk, one.precision, _bytes(one), photo_id) for photo_id, one in features],
            )

    def forget_features(self, at_most: int) -> int:
        """Delete features of other trunks than the active model's; returns how many went this time.

        To be called until nothing is left: in one piece, a large library would hold up all other writers.
        """
        with self._database.writing() as connection:
            return connection.execute(
                "DELETE FROM features WHERE seq IN (SELECT seq FROM features"
                " WHERE trunk <> (SELECT trunk FROM library) LIMIT ?)",
                (at_most,),
            ).rowcount

    # What is shown

    def counts(self) -> Counts:
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT (SELECT count(DISTINCT photo_id) FROM places), (SELECT count(*) FROM places),"
                " (SELECT count(*) FROM failures),"
                " (SELECT count(*) FROM (SELECT max(online) AS reached FROM places"
                "  JOIN folders ON folders.id = folder_id GROUP BY photo_id) WHERE NOT reached)"
            ).fetchone()
        return Counts(*row)

    def failures(self) -> list[Failure]:
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT folders.path, failures.path, reason, failed_at FROM failures"
                " JOIN folders ON folders.id = folder_id ORDER BY folders.path, failures.path"
            ).fetchall()
        return [Failure(os.path.join(folder, path), reason, when) for folder, path, reason, when in rows]

    def clear_failures(self) -> int:
        """Forget all failures, so that the next scan tries those files again; returns their number."""
        with self._database.writing() as connection:
            return connection.execute("DELETE FROM failures").rowcount

    def photo(self, photo_id: int) -> Photo | None:
        return self.photos([photo_id]).get(photo_id)

    def photos(self, photo_ids: Iterable[int]) -> dict[int, Photo]:
        """Photos by id; those without a place in the library are left out."""
        wanted = [int(photo_id) for photo_id in photo_ids]
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT photos.id, content_hash, facts, folders.path, places.path, folder_id, online, size,"
                " modified_ns FROM photos JOIN places ON photo_id = photos.id"
                " JOIN folders ON folders.id = folder_id"
                " WHERE photos.id IN (SELECT value FROM json_each(?))"
                " ORDER BY photos.id, online DESC, folders.path, places.path",
                (json.dumps(wanted),),
            ).fetchall()
        places: dict[int, list[Place]] = {}
        about: dict[int, tuple[bytes, str]] = {}
        for photo_id, content_hash, facts, folder, path, folder_id, online, size, modified_ns in rows:
            about[photo_id] = (content_hash, facts)
            places.setdefault(photo_id, []).append(
                Place(os.path.join(folder, path), folder_id, bool(online), size, modified_ns / 1e9)
            )
        return {
            photo_id: Photo(photo_id, content_hash, Facts.from_json(facts), tuple(places[photo_id]))
            for photo_id, (content_hash, facts) in about.items()
        }

    def phashes(self, photo_ids: Iterable[int]) -> dict[int, int]:
        """Perceptual hashes of photos by id, unsigned numbers of 64 bits (see `imaging.phash`)."""
        wanted = json.dumps([int(photo_id) for photo_id in photo_ids])
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, phash FROM photos WHERE id IN (SELECT value FROM json_each(?))", (wanted,)
            )
            return {photo_id: phash % (1 << 64) for photo_id, phash in rows}

    def photo_by_hash(self, content_hash: bytes) -> Photo | None:
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT id FROM photos WHERE content_hash = ?", (content_hash,)
            ).fetchone()
        return None if row is None else self.photo(row[0])

    def photo_by_path(self, path: str) -> Photo | None:
        """The photo last seen at this absolute path, whatever lies there now."""
        content_hash = self.hashes_by_path([path]).get(path)
        return None if content_hash is None else self.photo_by_hash(content_hash)

    def hashes_by_path(self, paths: Iterable[str]) -> dict[str, bytes]:
        """The content hashes of the photos last seen at these absolute paths; others are left out."""
        found: dict[str, bytes] = {}
        with self._database.reading() as connection:
            folders = connection.execute("SELECT id, path FROM folders").fetchall()
            for path in filter(_is_text, paths):
                for folder_id, folder in folders:
                    if path.startswith(_as_prefix(folder)):
                        row = connection.execute(
                            "SELECT content_hash FROM places JOIN photos ON photos.id = photo_id"
                            " WHERE folder_id = ? AND path = ?",
                            (folder_id, path[len(_as_prefix(folder)) :]),
                        ).fetchone()
                        if row is not None:
                            found[path] = row[0]
        return found

    def shown_ids(self, folder_id: int | None = None, below: str = "") -> npt.NDArray[np.int64]:
        """Ascending ids, int64 [N], of photos with a place: in the library, in one folder, or `below` it.

        `below` is a path relative to the folder; "" means all of it.
        """
        query, values = "SELECT DISTINCT photo_id FROM places", []
        if folder_id is not None:
            query += " WHERE folder_id = ?"
            values.append(str(folder_id))
            if below:
                query += " AND substr(path, 1, ?) = ?"
                prefix = _as_prefix(below)
                values += [str(len(prefix)), prefix]
        with self._database.reading() as connection:
            rows = connection.execute(query + " ORDER BY photo_id", values)
            return np.fromiter(chain.from_iterable(rows), dtype=np.int64)

    def table(self) -> PhotoTable:
        """The whole library as columns: one pass over all places, as they are at one moment."""
        with self._database.reading() as connection:
            connection.execute("BEGIN")  # both statements see the same catalog
            folders = {
                folder_id: (not online, path)
                for folder_id, online, path in connection.execute("SELECT id, online, path FROM folders")
            }
            rows = connection.execute(
                "SELECT photos.id, folder_id, path, modified_ns, taken, content_hash"
                " FROM photos CROSS JOIN places ON photo_id = photos.id ORDER BY photos.id"
            ).fetchall()
        all_ids = np.fromiter((row[0] for row in rows), np.int64, len(rows))
        ids, starts, copies = np.unique(all_ids, return_index=True, return_counts=True)
        for photo in np.flatnonzero(copies > 1):
            start = starts[photo]
            places = rows[start : start + copies[photo]]
            rows[start] = min(places, key=lambda place: (*folders[place[1]], place[2]))
        first = [rows[start] for start in starts]
        taken = np.array([row[4] for row in first], dtype=np.float64)
        modified = np.array([row[3] for row in first], dtype=np.int64) / 1e9
        return PhotoTable(
            ids=ids,
            folder_ids=np.array([row[1] for row in first], dtype=np.int32),
            taken=np.where(np.isnan(taken), modified, taken),
            copies=copies.astype(np.int32),
            offline=np.array([folders[row[1]][0] for row in first], dtype=np.bool_),
            paths=[row[2] for row in first],
            hashes=[row[5] for row in first],
        )

    # Features

    def features_of(self, photo_id: int, trunk: str) -> npt.NDArray[np.float16] | None:
        """One photo's features, float16 [F], or None where this trunk has none."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT data FROM features WHERE photo_id = ? AND trunk = ?", (photo_id, trunk)
            ).fetchone()
        return None if row is None else np.frombuffer(row[0], dtype=np.float16)

    def features_by_id(
        self, photo_ids: Sequence[int], trunk: str
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float16]]:
        """Ids int64 [n] and features float16 [n, F] of those of the photos that have this trunk's."""
        rows: list[tuple[int, bytes]] = []
        for piece in _pieces([int(photo_id) for photo_id in photo_ids]):
            with self._database.reading() as connection:
                rows += connection.execute(
                    "SELECT photo_id, data FROM features"
                    " WHERE photo_id IN (SELECT value FROM json_each(?)) AND trunk = ?",
                    (json.dumps(piece), trunk),
                )
        ids = np.array([row[0] for row in rows], dtype=np.int64)
        features = np.frombuffer(b"".join(row[1] for row in rows), dtype=np.float16)
        return ids, features.reshape(len(rows), -1) if rows else features.reshape(0, 0)

    def ids_by_hash(self, content_hashes: Iterable[bytes]) -> dict[bytes, int]:
        """The ids of those of the contents that the catalog knows, shown or not."""
        found: dict[bytes, int] = {}
        for piece in _pieces(list(content_hashes)):
            marks = ",".join("?" * len(piece))
            with self._database.reading() as connection:
                found.update(
                    connection.execute(
                        f"SELECT content_hash, id FROM photos WHERE content_hash IN ({marks})", piece
                    )
                )
        return found

    def features_after(
        self, trunk: str, seq: int, block: int = 4096
    ) -> Iterator[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.float16]]]:
        """Features written after `seq`, in order: blocks of (last seq, ids int64 [n], features [n, F])."""
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(
                    "SELECT seq, photo_id, data FROM features WHERE seq > ? AND trunk = ?"
                    " ORDER BY seq LIMIT ?",
                    (seq, trunk, block),
                ).fetchall()
            if not rows:
                return
            seq = rows[-1][0]
            ids = np.array([row[1] for row in rows], dtype=np.int64)
            features = np.frombuffer(b"".join(row[2] for row in rows), dtype=np.float16)
            yield seq, ids, features.reshape(len(rows), -1)

    def count_features(self, trunk: str, after: int = 0) -> int:
        """How many photos have this trunk's features, or have them from rows written after `after`."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT count(*) FROM features WHERE trunk = ? AND seq > ?", (trunk, after)
            ).fetchone()
        return int(row[0])

    def ids_with_features(self, trunk: str) -> npt.NDArray[np.int64]:
        """Ascending ids, int64 [N], of all photos, shown or not, that have this trunk's features."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT photo_id FROM features WHERE trunk = ? ORDER BY photo_id", (trunk,)
            )
            return np.fromiter(chain.from_iterable(rows), dtype=np.int64)

    def version(self) -> int:
        """A number that is another one after every change of the catalog, also by another program."""
        return self._database.version()

    def last_seq(self) -> int:
        """The number of the last features row ever written; it stays when that row goes."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'features'").fetchone()
        return 0 if row is None else int(row[0])

    def check(self) -> str | None:
        """SQLite's own quick check: None when all is well, else its first complaint."""
        with self._database.reading() as connection:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        return None if answer == "ok" else str(answer)


def _pieces(values: list[_T]) -> Iterator[list[_T]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]


def printable(path: str) -> str:
    """A path as text that can be stored and printed, also where its bytes are not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _is_text(path: str) -> bool:
    """Whether a path's bytes are UTF-8, so that SQLite can hold it as text."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_prefix(folder: str) -> str:
    return folder if folder.endswith(os.sep) else folder + os.sep


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _photo_id(connection: sqlite3.Connection, file: FileFound) -> int | None:
    row = connection.execute("SELECT id FROM photos WHERE content_hash = ?", (file.content_hash,)).fetchone()
    new = file.new
    if row is None:
        if new is None:
            return None
        row = (
            connection.execute(
                "INSERT INTO photos (content_hash, facts, taken, phash) VALUES (?, ?, ?, ?)",
                (file.content_hash, new.facts.to_json(), _seconds(new.facts.taken), _signed(new.phash)),
            ).lastrowid,
        )
    if new is not None:
        connection.executemany(
            "INSERT OR REPLACE INTO features (photo_id, trunk, precision, data) VALUES (?, ?, ?, ?)",
            [(row[0], one.trunk, one.precision, _bytes(one)) for one in new.features],
        )
    return int(row[0])


def _bytes(features: TrunkFeatures) -> bytes:
    return features.data.astype(np.float16).tobytes()


def _remove_places(connection: sqlite3.Connection, folder_id: int, paths: Sequence[str]) -> list[int]:
    photo_ids = []
    for path in paths:
        key = (folder_id, path)
        row = connection.execute(
            "DELETE FROM places WHERE folder_id = ? AND path = ? RETURNING photo_id", key
        ).fetchone()
        if row is not None:
            photo_ids.append(int(row[0]))
        connection.execute("DELETE FROM failures WHERE folder_id = ? AND path = ?", key)
    _mark_orphans(connection, photo_ids)
    return photo_ids


def _mark_orphans(connection: sqlite3.Connection, photo_ids: Sequence[int]) -> None:
    connection.executemany(
        "UPDATE photos SET orphaned_at = ? WHERE id = ?"
        " AND NOT EXISTS (SELECT 1 FROM places WHERE photo_id = photos.id)",
        [(_now(), photo_id) for photo_id in photo_ids],
    )


def _forget(connection: sqlite3.Connection, photo_ids: Sequence[int]) -> list[bytes]:
    """Delete those of the photos that have no place left; returns their content hashes."""
    hashes = []
    for photo_id in photo_ids:
        row = connection.execute(
            "DELETE FROM photos WHERE id = ?"
            " AND NOT EXISTS (SELECT 1 FROM places WHERE photo_id = photos.id) RETURNING content_hash",
            (photo_id,),
        ).fetchone()
        if row is not None:
            hashes.append(row[0])
    return hashes


def _seconds(taken: str | None) -> float | None:
    if taken is None:
        return None
    return datetime.fromisoformat(taken).replace(tzinfo=UTC).timestamp()


def _signed(phash: int) -> int:
    return phash - (1 << 64) if phash >= 1 << 63 else phash
