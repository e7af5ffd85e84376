"""Thumbnails are kept by content, from any thread, until they are removed or the cache is deleted."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from photosim.catalog import ThumbnailStore


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
