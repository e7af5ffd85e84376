"""The catalog's schema as append-only migrations, each run in one transaction.

`PRAGMA user_version` holds how many have run. A catalog with more than this program knows is refused,
since an older program would write rows the newer one does not expect.
"""

from __future__ import annotations

import sqlite3

from photosim.errors import LibraryError

MIGRATIONS: tuple[tuple[str, str], ...] = (
    (
        "folders, photos, places, features, failures",
        """
        CREATE TABLE library (id TEXT NOT NULL);
        INSERT INTO library VALUES (lower(hex(randomblob(16))));

        CREATE TABLE folders (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            path TEXT NOT NULL UNIQUE,
            volume TEXT NOT NULL,
            online INTEGER NOT NULL DEFAULT 1,
            scanned_at TEXT
        );

        -- AUTOINCREMENT: ids are the labels of the graph and must never be given twice.
        CREATE TABLE photos (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            content_hash BLOB NOT NULL UNIQUE,
            facts TEXT NOT NULL,
            taken REAL,
            phash INTEGER NOT NULL,
            orphaned_at TEXT
        );

        CREATE TABLE places (
            folder_id INTEGER NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
            path TEXT NOT NULL,
            photo_id INTEGER NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
            size INTEGER NOT NULL,
            modified_ns INTEGER NOT NULL,
            PRIMARY KEY (folder_id, path)
        ) WITHOUT ROWID;
        CREATE INDEX places_photo ON places (photo_id);

        CREATE TABLE failures (
            folder_id INTEGER NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
            path TEXT NOT NULL,
            size INTEGER NOT NULL,
            modified_ns INTEGER NOT NULL,
            reason TEXT NOT NULL,
            failed_at TEXT NOT NULL,
            PRIMARY KEY (folder_id, path)
        ) WITHOUT ROWID;

        -- seq grows with every write: a cache that has seen n only needs the rows above n.
        CREATE TABLE features (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            photo_id INTEGER NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
            trunk TEXT NOT NULL,
            precision TEXT NOT NULL,
            data BLOB NOT NULL,
            UNIQUE (photo_id, trunk)
        );
        """,
    ),
    (
        "the active model, provisional features",
        """
        -- The model that answers; NULL until the first scan has chosen one.
        ALTER TABLE library ADD COLUMN model TEXT;
        ALTER TABLE library ADD COLUMN trunk TEXT;

        -- 1: made from a thumbnail while the photo was offline, to be made again from its file.
        ALTER TABLE features ADD COLUMN provisional INTEGER NOT NULL DEFAULT 0;
        -- Behind the long data, the column is slow to read: this index answers for it.
        CREATE INDEX features_provisional ON features (trunk, photo_id) WHERE provisional = 1;
        -- While a library moves, the rows of two trunks lie mixed: each is read without the other. With the
        -- photo, so that who asks which photos have features need not turn over the data.
        CREATE INDEX features_of_trunk ON features (trunk, seq, photo_id);
        """,
    ),
    (
        "answers, the model that was wished for",
        """
        -- The version of the model that the user chose, whether it answers already or the library has yet to
        -- be read for it; empty for the newest bundled one, NULL where nobody chose.
        ALTER TABLE library ADD COLUMN wish TEXT;

        -- By content, not by photo: an answer outlives the folder it was given in.
        CREATE TABLE answers (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            anchor BLOB NOT NULL,
            positive BLOB NOT NULL,
            negative BLOB NOT NULL,
            neither INTEGER NOT NULL,
            source TEXT NOT NULL,
            answered_at TEXT NOT NULL,
            UNIQUE (anchor, positive, negative, neither)
        );

        -- Beside the answers: an anchor keeps its side when its answers are taken back and given again.
        CREATE TABLE answer_sides (
            anchor BLOB PRIMARY KEY,
            kept_back INTEGER NOT NULL
        ) WITHOUT ROWID;
        """,
    ),
)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the catalog to this program's schema; raises LibraryError for a newer one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise LibraryError(
            f"the catalog {path} was made by a newer photosim (schema {version}, "
            f"this one knows {len(MIGRATIONS)}): update photosim"
        )
    for number in range(version, len(MIGRATIONS)):
        # executescript would commit at once; the statements and the version go in together or not at all.
        connection.execute("BEGIN IMMEDIATE")
        try:
            (now,) = connection.execute("PRAGMA user_version").fetchone()
            if now == number:  # else another process was faster
                for statement in _statements(MIGRATIONS[number][1]):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def _statements(script: str) -> list[str]:
    statements, start = [], 0
    for end, character in enumerate(script):
        if character == ";" and sqlite3.complete_statement(script[start : end + 1]):
            statements.append(script[start : end + 1])
            start = end + 1
    return statements
