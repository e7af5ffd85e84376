"""A file is the old one or the new one, never half of one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from photosim.atomic import sha256_of, write_atomically


def test_a_file_is_written_and_replaced_without_leftovers(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_atomically(path, lambda aside: aside.write_text("one"))
    write_atomically(path, lambda aside: aside.write_text("two"))
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text("old")

    def write(aside: Path) -> None:
        aside.write_text("half")
        assert path.read_text() == "old", "nobody sees the new file before it is whole"
        raise KeyError("the program was stopped here")

    with pytest.raises(KeyError):
        write_atomically(path, write)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_where_the_file_cannot_be_put(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    (path / "in the way").mkdir(parents=True)
    with pytest.raises(OSError):
        write_atomically(path, lambda aside: aside.write_text("new"))
    assert list(tmp_path.iterdir()) == [path]


def test_a_checksum_is_that_of_the_whole_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()
