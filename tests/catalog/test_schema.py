"""Migrations: from nothing to today's schema, never half, never over a newer one."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from photosim.catalog import Catalog
from photosim.catalog import schema as schema_module
from photosim.catalog.schema import MIGRATIONS
from photosim.errors import LibraryError
from tests.catalog.rows import TRUNK, found, put
from tests.programs import run_at_once


def query(path: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        with connection:
            return connection.execute(statement).fetchall()
    finally:
        connection.close()


def test_a_new_library_gets_todays_schema_and_a_name_of_its_own(tmp_path: Path) -> None:
    ids = set()
    for name in ("one", "two"):
        catalog = Catalog(tmp_path / name)
        ids.add(catalog.library_id)
        catalog.close()
        assert query(tmp_path / name, "PRAGMA user_version") == [(len(MIGRATIONS),)]
        assert query(tmp_path / name, "PRAGMA journal_mode") == [("wal",)]
    assert len(ids) == 2


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    catalog = Catalog(path)
    (tmp_path / "pictures").mkdir()
    (photo_id,) = put(catalog, found(catalog.add_folder(tmp_path / "pictures").id, "a.jpg", "a"))
    library_id = catalog.library_id
    catalog.close()
    again = Catalog(path)
    assert again.library_id == library_id
    assert again.shown_ids().tolist() == [photo_id]
    assert again.features_of(photo_id, TRUNK) is not None
    again.close()


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    Catalog(path).close()
    query(path, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = path.read_bytes()
    with pytest.raises(
        LibraryError, match=rf"{re.escape(str(path))} was made by a newer photosim .*: update photosim"
    ):
        Catalog(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", range(len(MIGRATIONS)))
def test_every_older_schema_is_brought_to_todays(tmp_path: Path, version: int) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    connection = sqlite3.connect(old)
    for _, script in MIGRATIONS[:version]:
        connection.executescript(script)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    for path in (old, new):
        Catalog(path).close()
    shape = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
    assert query(old, shape) == query(new, shape)


def test_a_migration_that_fails_leaves_the_catalog_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalog.sqlite3"
    Catalog(path).close()
    shape = query(path, "SELECT name, sql FROM sqlite_master")
    broken = (
        "breaks",
        "CREATE TABLE halfway (x); INSERT INTO halfway VALUES (1); SELECT nothing FROM nowhere;",
    )
    monkeypatch.setattr(schema_module, "MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(LibraryError):
        Catalog(path)
    assert query(path, "SELECT name, sql FROM sqlite_master") == shape
    assert query(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]


def test_processes_that_migrate_at_once_share_one_library(tmp_path: Path) -> None:
    script = """
from pathlib import Path
from photosim.catalog import Catalog
ready()
for number in range(5):
    catalog = Catalog(Path(sys.argv[1]) / str(number))
    print(catalog.library_id)
    catalog.close()
"""
    answers = run_at_once(script, [[str(tmp_path)]] * 4)
    assert len(set(answers)) == 1
    assert len(answers[0].split()) == 5


def test_processes_that_write_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    """A command beside the window: both record photos, some of them the same ones."""
    (tmp_path / "pictures").mkdir()
    catalog = Catalog(tmp_path / "catalog.sqlite3")
    folder_id = catalog.add_folder(tmp_path / "pictures").id
    script = """
from pathlib import Path
from photosim.catalog import Catalog
from tests.catalog.rows import TRUNK, found
catalog = Catalog(Path(sys.argv[1]))
ready()
for start in range(0, 200, 10):
    files = [found(int(sys.argv[2]), f"{sys.argv[3]}-{n}.jpg", str(n)) for n in range(start, start + 10)]
    recorded = catalog.record(files, [])
    for one in recorded:
        print(one.photo_id, one.file.path)
catalog.close()
"""
    answers = run_at_once(script, [[catalog.path, folder_id, name] for name in "xyz"])
    said = {
        path: int(photo_id) for answer in answers for photo_id, path in map(str.split, answer.splitlines())
    }
    assert len(said) == 600
    counts = catalog.counts()
    assert (counts.photos, counts.files) == (200, 600)
    assert {path: file.photo_id for path, file in catalog.known_files(folder_id).items()} == said
    assert len(list(catalog.features_after(TRUNK, 0))[0][1]) == 200
    assert catalog.check() is None
    catalog.close()


def test_a_reader_sees_whole_batches_while_another_process_writes(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    catalog = Catalog(tmp_path / "catalog.sqlite3")
    folder_id = catalog.add_folder(tmp_path / "pictures").id
    script = """
from pathlib import Path
from photosim.catalog import Catalog
from tests.catalog.rows import TRUNK, found
catalog = Catalog(Path(sys.argv[1]))
ready()
seen = set()
if sys.argv[3] == "write":
    for start in range(0, 600, 20):
        catalog.record(
            [found(int(sys.argv[2]), f"{n}.jpg", str(n)) for n in range(start, start + 20)], [])
else:
    while 600 not in seen:
        table = catalog.table()
        assert len(table.hashes) == len(table.ids), "half a table"
        seen |= {len(table.ids), len(catalog.shown_ids()), catalog.counts().files}
print(*sorted(count % 20 for count in seen))
catalog.close()
"""
    _, remainders = run_at_once(script, [[catalog.path, folder_id, role] for role in ("write", "read")])
    assert set(remainders.split()) == {"0"}
    catalog.close()


def test_a_table_read_while_folders_come_and_go_is_one_moment(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    catalog = Catalog(tmp_path / "catalog.sqlite3")
    catalog.add_folder(tmp_path / "pictures")
    script = """
from pathlib import Path
from photosim.catalog import Catalog
from tests.catalog.rows import TRUNK, found
catalog = Catalog(Path(sys.argv[1]))
ready()
if sys.argv[3] == "write":
    for turn in range(60):
        catalog.remove_folder(sys.argv[2])
        folder = catalog.add_folder(sys.argv[2])
        catalog.record([found(folder.id, f"{n}.jpg", f"{turn} {n}") for n in range(50)], [])
    catalog.record([found(folder.id, "last.jpg", "last")], [])
else:
    count = 0
    while count != 51:
        table = catalog.table()
        count = len(table.ids)
        assert count in (0, 50, 51) and len(set(table.folder_ids.tolist())) == bool(count), count
catalog.close()
"""
    run_at_once(script, [[catalog.path, tmp_path / "pictures", role] for role in ("write", "read", "read")])
    catalog.close()
