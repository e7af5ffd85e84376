"""Thumbnails are kept by content, from any thread, until they are removed or the cache is deleted."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from photosim.catalog import ThumbnailStore, thumbnails
from tests.programs import run_at_once


def test_thumbnails_are_kept_and_replaced(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path / "thumbnails.sqlite3")
    store.put_many([(b"a" * 16, b"one"), (b"b" * 16, b"two"), (b"a" * 16, b"three")])
    store.close()
    store = ThumbnailStore(tmp_path / "thumbnails.sqlite3")
    assert store.get(b"a" * 16) == b"three"
    assert store.get(b"c" * 16) is None
    assert store.hashes() == {b"a" * 16, b"b" * 16}
    store.remove_many([b"a" * 16, b"never there"])
    assert store.hashes() == {b"b" * 16}
    store.close()


def test_two_processes_worth_of_stores_see_each_other(tmp_path: Path) -> None:
    one, two = (ThumbnailStore(tmp_path / "thumbnails.sqlite3") for _ in range(2))
    one.put_many([(b"hash", b"jpeg")])
    assert two.get(b"hash") == b"jpeg"
    one.close()
    two.close()


def test_a_thumbnail_is_read_while_another_process_writes(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path / "thumbnails.sqlite3")
    store.put_many([(b"first", b"jpeg")])
    writer = sqlite3.connect(tmp_path / "thumbnails.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM thumbnails")
    assert store.get(b"first") == b"jpeg"
    writer.execute("COMMIT")
    writer.close()
    assert store.get(b"first") is None
    store.close()


def test_a_batch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path / "thumbnails.sqlite3")
    with pytest.raises(sqlite3.IntegrityError):
        store.put_many([(b"hash", b"jpeg"), (b"no picture", None)])  # type: ignore[list-item]
    assert store.hashes() == set()
    store.close()


def used_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def fill(store: ThumbnailStore) -> list[bytes]:
    """Some 30 MB of thumbnails."""
    hashes = [number.to_bytes(16, "big") for number in range(1_000)]
    store.put_many([(content_hash, bytes(30_000)) for content_hash in hashes])
    return hashes


def test_the_disk_gets_back_what_a_large_folder_took(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path / "thumbnails.sqlite3")
    hashes = fill(store)
    assert used_bytes(tmp_path) > 30_000_000
    store.remove_many(hashes[1:])
    assert used_bytes(tmp_path) < 1_000_000
    assert store.get(hashes[0]) == bytes(30_000)
    store.close()


def test_the_disk_gets_it_back_from_a_file_that_could_not_shrink(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "thumbnails.sqlite3")
    connection.execute("CREATE TABLE thumbnails (content_hash BLOB PRIMARY KEY, jpeg BLOB NOT NULL)")
    connection.close()
    store = ThumbnailStore(tmp_path / "thumbnails.sqlite3")
    for _ in range(2):
        hashes = fill(store)
        store.remove_many(hashes[1:])
        assert used_bytes(tmp_path) < 1_000_000
    assert store.get(hashes[0]) == bytes(30_000)
    store.close()


def test_stores_opened_at_once_on_a_new_file_all_work(tmp_path: Path) -> None:
    script = """
from pathlib import Path
from photosim.catalog import ThumbnailStore, thumbnails
ready()
store = ThumbnailStore(Path(sys.argv[1]))
store.put_many([(sys.argv[2].encode(), b"jpeg")])
store.close()
"""
    path = tmp_path / "thumbnails.sqlite3"
    run_at_once(script, [[str(path), str(number)] for number in range(6)])
    store = ThumbnailStore(path)
    assert len(store.hashes()) == 6
    store.close()


# Keypoints


def test_keypoints_are_kept_by_version_and_go_with_their_thumbnail(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path / "thumbnails.sqlite3")
    store.put_many([(b"a" * 16, b"jpeg"), (b"b" * 16, b"jpeg")])
    store.put_keypoints([(b"a" * 16, b"old"), (b"b" * 16, b"other")], version=1)
    store.put_keypoints([(b"a" * 16, b"new")], version=2)
    store.close()
    store = ThumbnailStore(tmp_path / "thumbnails.sqlite3")
    assert store.keypoints(b"a" * 16, 2) == b"new"
    assert store.keypoints(b"a" * 16, 1) is None
    assert store.keypoints(b"b" * 16, 1) == b"other"
    store.remove_many([b"b" * 16])
    assert store.keypoints(b"b" * 16, 1) is None
    assert store.keypoints(b"a" * 16, 2) == b"new"
    store.close()


def test_keypoints_of_a_photo_removed_meanwhile_are_not_kept(tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path / "thumbnails.sqlite3")
    store.put_keypoints([(b"gone", b"keypoints")], version=1)
    assert store.keypoints(b"gone", 1) is None
    store.close()


def test_only_the_keypoints_of_the_photos_checked_last_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "KEYPOINTS_KEPT", 3)
    store = ThumbnailStore(tmp_path / "thumbnails.sqlite3")
    hashes = [bytes([number]) * 16 for number in range(5)]
    store.put_many([(content_hash, b"jpeg") for content_hash in hashes])
    store.put_keypoints([(content_hash, b"keypoints") for content_hash in hashes[:3]], version=1)
    store.put_keypoints([(hashes[0], b"again"), (hashes[3], b"keypoints")], version=1)
    kept = [content_hash for content_hash in hashes if store.keypoints(content_hash, 1) is not None]
    assert kept == [hashes[0], hashes[2], hashes[3]]
    store.close()


def test_a_file_of_before_keypoints_takes_them(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "thumbnails.sqlite3")
    connection.execute("CREATE TABLE thumbnails (content_hash BLOB PRIMARY KEY, jpeg BLOB NOT NULL)")
    connection.execute("INSERT INTO thumbnails VALUES (?, ?)", (b"hash", b"jpeg"))
    connection.commit()
    connection.close()
    store = ThumbnailStore(tmp_path / "thumbnails.sqlite3")
    store.put_keypoints([(b"hash", b"keypoints")], version=1)
    assert (store.get(b"hash"), store.keypoints(b"hash", 1)) == (b"jpeg", b"keypoints")
    store.close()
