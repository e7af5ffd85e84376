"""Full disks, folders that cannot be written, damaged files: one clear error, and nothing half done."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from photosim.catalog import Catalog, ThumbnailStore
from photosim.errors import LibraryError
from tests.catalog.rows import TRUNK, failed, found, put

CHECKOUT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user of the machine may look into, but only this one may write."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)
        os.chmod(name, 0o755)


def as_ordinary_user(script: str, *arguments: object) -> str:
    """What a script prints without root's rights, which no permission would stop."""
    imports = "import os, sys\nfrom pathlib import Path\n"
    imports += (
        "from photosim.catalog import Catalog, ThumbnailStore\nfrom photosim.errors import LibraryError\n"
    )
    imports += "from photosim.paths import Folders\nimport encodings.idna\n"
    drop = "if os.geteuid() == 0:\n    os.setgid(65534); os.setuid(65534)\n"
    done = subprocess.run(
        [sys.executable, "-c", imports + drop + script, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_full_disk_is_one_clear_error_and_loses_nothing(catalog: Catalog, pictures: Path) -> None:
    folder_id = catalog.add_folder(pictures).id
    kept = put(catalog, *(found(folder_id, f"{n}.jpg", f"kept {n}") for n in range(10)))
    with catalog._database.reading() as connection:  # SQLite's own way to a full disk
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 5}")

    batch = [found(folder_id, f"new {n}.jpg", f"new {n}", dim=1280) for n in range(50)]
    with pytest.raises(LibraryError, match=r"catalog\.sqlite3: .*full: free some disk space") as full:
        catalog.record(batch, [failed(folder_id, "broken.jpg")])
    assert "\n" not in str(full.value)

    assert catalog.shown_ids().tolist() == kept
    assert len(catalog.known_files(folder_id)) == 10
    assert catalog.failures() == []
    assert catalog.check() is None
    with catalog._database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    assert len(catalog.record(batch, [])) == 50  # space was made: it goes on


def test_a_volume_that_is_full_is_one_clear_error_and_loses_nothing(drive: Path, pictures: Path) -> None:
    catalog = Catalog(drive / "catalog.sqlite3")
    folder_id = catalog.add_folder(pictures).id
    written = 0
    with pytest.raises(LibraryError, match="free some disk space|free space"):
        while True:
            put(
                catalog,
                *(found(folder_id, f"{written + n}.jpg", f"{written + n}", dim=1280) for n in range(20)),
            )
            written += 20
    assert written >= 100
    assert catalog.counts().photos == written
    catalog.close()
    again = Catalog(drive / "catalog.sqlite3")
    assert again.counts().photos == written
    assert again.check() is None
    again.close()


def test_thumbnails_on_a_full_volume_are_not_thrown_away(drive: Path) -> None:
    store = ThumbnailStore(drive / "thumbnails.sqlite3")
    store.put_many([(b"first", b"jpeg")])
    with pytest.raises(LibraryError, match="free some disk space|free space"):
        for number in range(1000):
            store.put_many([(str(number).encode(), os.urandom(50_000))])
    assert store.get(b"first") == b"jpeg"
    store.close()


def test_a_library_in_a_folder_that_cannot_be_written_says_so(public_folder: Path) -> None:
    os.chmod(public_folder, 0o555)
    script = """
root = Path(sys.argv[1])
for make in (
    lambda: Catalog(root / "catalog.sqlite3"),
    lambda: ThumbnailStore(root / "thumbnails.sqlite3"),
    lambda: Folders(root / "data", root / "cache", root / "logs").create(),
):
    try:
        make()
        print("made")
    except LibraryError as error:
        print(error)
"""
    lines = as_ordinary_user(script, public_folder).splitlines()
    assert len(lines) == 3
    for line in lines:
        assert str(public_folder) in line and "--data-dir" in line


def test_a_catalog_that_may_only_be_read_says_so_when_it_is_written(public_folder: Path) -> None:
    catalog = Catalog(public_folder / "catalog.sqlite3")
    catalog.close()
    os.chmod(catalog.path, 0o444)
    os.chmod(public_folder, 0o777)
    script = """
catalog = Catalog(Path(sys.argv[1]))
print(catalog.counts().photos)
try:
    catalog.add_folder("/")
except LibraryError as error:
    print(error)
"""
    photos, error = as_ordinary_user(script, catalog.path).splitlines()
    assert photos == "0"
    assert "make the file and its folder writable" in error


def test_thumbnails_that_may_only_be_read_are_not_thrown_away(public_folder: Path) -> None:
    path = public_folder / "thumbnails.sqlite3"
    store = ThumbnailStore(path)
    store.put_many([(b"hash", b"jpeg")])
    store.close()
    os.chmod(path, 0o444)
    os.chmod(public_folder, 0o777)
    script = """
store = ThumbnailStore(Path(sys.argv[1]))
print(store.get(b"hash"))
try:
    store.put_many([(b"x", b"y")])
except LibraryError as error:
    print(error)
"""
    kept, error = as_ordinary_user(script, path).splitlines()
    assert kept == "b'jpeg'"
    assert "writable" in error


@pytest.mark.parametrize("content", [b"not a database " * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_what_is_no_catalog_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "catalog.sqlite3"
    path.write_bytes(content)
    with pytest.raises(LibraryError, match=r"catalog\.sqlite3.*(damaged|no photosim catalog)"):
        Catalog(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("version", [0, 1])
def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path, version: int) -> None:
    path = tmp_path / "catalog.sqlite3"
    connection = sqlite3.connect(path)
    connection.executescript(f"CREATE TABLE folders (name); PRAGMA user_version = {version}")
    connection.close()
    with pytest.raises(LibraryError, match="no photosim catalog"):
        Catalog(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("folders",)]
    connection.close()


def test_a_catalog_with_damaged_pages_never_raises_anything_but_a_library_error(
    tmp_path: Path, pictures: Path
) -> None:
    path = tmp_path / "catalog.sqlite3"
    catalog = Catalog(path)
    folder_id = catalog.add_folder(pictures).id
    put(catalog, *(found(folder_id, f"{n}.jpg", str(n), dim=500) for n in range(200)))
    catalog.close()
    whole = path.read_bytes()
    refused = 0
    for page in range(len(whole) // 4096):
        broken = bytearray(whole)
        broken[page * 4096 : page * 4096 + 3000] = b"\xaa" * 3000
        path.write_bytes(broken)
        try:
            damaged = Catalog(path)
        except LibraryError:
            refused += 1
            continue
        try:
            damaged.table()
            damaged.counts()
            list(damaged.features_after(TRUNK, 0))
            assert damaged.check() is not None, "the damage was not even seen"
        except LibraryError as error:
            refused += 1
            assert "damaged" in str(error)
        finally:
            damaged.close()
    assert refused > 1


@pytest.mark.parametrize("content", [b"not a database " * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_damaged_thumbnails_are_begun_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "thumbnails.sqlite3"
    path.write_bytes(content)
    store = ThumbnailStore(path)
    assert store.get(b"hash") is None
    store.put_many([(b"hash", b"jpeg")])
    assert store.get(b"hash") == b"jpeg"
    store.close()


def test_thumbnails_damaged_inside_are_begun_anew_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "thumbnails.sqlite3"
    store = ThumbnailStore(path)
    store.put_many([(f"{n:016}".encode(), b"jpeg" * 200) for n in range(200)])
    store.close()
    whole = bytearray(path.read_bytes())
    whole[4096:] = b"\xaa" * (len(whole) - 4096)
    path.write_bytes(whole)
    store = ThumbnailStore(path)
    assert store.get(b"0000000000000001") is None
    store.put_many([(b"hash", b"jpeg")])
    assert store.hashes() == {b"hash"}
    store.close()


def test_thumbnails_that_another_program_holds_are_not_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "thumbnails.sqlite3"
    store = ThumbnailStore(path)
    store.put_many([(b"hash", b"jpeg")])
    store.close()
    monkeypatch.setattr("photosim.catalog.database.BUSY_SECONDS", 0.1)
    holder = sqlite3.connect(path)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LibraryError, match="another program holds it"):
        ThumbnailStore(path)
    holder.close()
    store = ThumbnailStore(path)
    assert store.get(b"hash") == b"jpeg"
    store.close()


def test_many_threads_may_use_one_catalog(catalog: Catalog, pictures: Path) -> None:
    folder_id = catalog.add_folder(pictures).id

    def work(name: str) -> None:
        for number in range(20):
            put(catalog, found(folder_id, f"{name}{number}.jpg", f"{name}{number}"))
            catalog.table()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, "abcd"))
    assert catalog.counts().photos == 80


def test_a_closed_catalog_says_so(catalog: Catalog) -> None:
    catalog.close()
    catalog.close()
    with pytest.raises(LibraryError, match="has been closed"):
        catalog.counts()
