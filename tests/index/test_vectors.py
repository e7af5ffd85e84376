"""Embeddings in memory and their cache file, which is believed only where it fits the catalog."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from photosim.index.vectors import Vectors


def rows(*values: float, dim: int = 4) -> np.ndarray:
    return np.repeat(np.array(values, dtype=np.float32)[:, np.newaxis], dim, axis=1)


def ids(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def contents(vectors: Vectors) -> dict[int, float]:
    found, matrix = vectors.snapshot()
    assert np.all(np.diff(found) > 0)
    assert matrix.shape == (len(found), vectors.dim)
    return dict(zip(found.tolist(), matrix[:, 0].tolist(), strict=True))


def test_rows_are_kept_by_id_in_whatever_order_they_come() -> None:
    vectors = Vectors(4)
    vectors.extend(ids(2, 4), rows(2, 4), 2)
    vectors.extend(ids(9, 6), rows(9, 6), 4)
    vectors.extend(ids(5, 1), rows(5, 1), 6)
    vectors.extend(ids(), rows(), 7)
    assert contents(vectors) == {1: 1, 2: 2, 4: 4, 5: 5, 6: 6, 9: 9}
    assert (len(vectors), vectors.seq) == (6, 7)


def test_features_read_again_take_the_place_of_the_old_ones() -> None:
    vectors = Vectors(4)
    vectors.extend(ids(1, 2, 3), rows(1, 2, 3), 3)
    vectors.extend(ids(2), rows(20), 4)
    vectors.extend(ids(3, 7, 3, 7), rows(30, 70, 31, 71), 8)  # the last row of an id counts
    assert contents(vectors) == {1: 1, 2: 20, 3: 31, 7: 71}


def test_the_same_photo_twice_in_the_first_rows() -> None:
    vectors = Vectors(4)
    vectors.extend(ids(5, 5), rows(1, 2), 2)
    assert contents(vectors) == {5: 2}


def test_many_small_additions_are_the_same_as_one() -> None:
    vectors = Vectors(4)
    for start in range(0, 5000, 7):
        block = np.arange(start, min(start + 7, 5000))
        vectors.extend(block.astype(np.int64), rows(*block), int(block[-1]))
    assert contents(vectors) == {number: number for number in range(5000)}


def test_room_made_beforehand_changes_nothing_else() -> None:
    vectors = Vectors(4)
    for count, number in ((3, 1), (1, 2), (0, 3), (100, 4)):
        vectors.reserve(count)
        vectors.extend(ids(number), rows(number), number)
    assert contents(vectors) == {1: 1, 2: 2, 3: 3, 4: 4}


def test_what_was_handed_out_does_not_change() -> None:
    """A search in another thread goes on with what it has."""
    vectors = Vectors(4)
    vectors.extend(ids(1, 5), rows(1, 5), 2)
    found, matrix = vectors.snapshot()
    vectors.extend(ids(6, 7), rows(6, 7), 4)  # appended
    vectors.extend(ids(2, 5), rows(2, 50), 6)  # merged, one row replaced
    vectors.extend(np.arange(8, 5000, dtype=np.int64), rows(*range(8, 5000)), 7)
    assert found.tolist() == [1, 5]
    assert np.array_equal(matrix, rows(1, 5))


def test_a_cache_gives_back_what_was_saved(tmp_path: Path) -> None:
    vectors = Vectors(4)
    vectors.extend(ids(1, 5), rows(1, 5), 9)
    vectors.save(tmp_path / "cache", "key")
    loaded = Vectors.load(tmp_path / "cache", "key", 4, last_seq=9)
    assert loaded is not None
    assert (contents(loaded), loaded.seq) == ({1: 1, 5: 5}, 9)
    loaded.extend(ids(6, 2), rows(6, 2), 11)  # and it can grow
    assert contents(loaded) == {1: 1, 2: 2, 5: 5, 6: 6}
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_an_empty_cache_is_one_too(tmp_path: Path) -> None:
    Vectors(4).save(tmp_path / "cache", "key")
    loaded = Vectors.load(tmp_path / "cache", "key", 4, last_seq=0)
    assert loaded is not None and len(loaded) == 0


def test_a_cache_of_another_library_model_or_time_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    vectors = Vectors(4)
    vectors.extend(ids(1, 5), rows(1, 5), 9)
    vectors.save(path, "key")
    assert Vectors.load(path, "another key", 4, last_seq=9) is None
    assert Vectors.load(path, "key", 5, last_seq=9) is None
    assert Vectors.load(path, "key", 4, last_seq=8) is None, "from the catalog's future"
    assert Vectors.load(tmp_path / "missing", "key", 4, last_seq=9) is None
    (tmp_path / "folder").mkdir()
    assert Vectors.load(tmp_path / "folder", "key", 4, last_seq=9) is None


def test_a_damaged_cache_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    vectors = Vectors(4)
    vectors.extend(ids(*range(50)), rows(*range(50)), 50)
    vectors.save(path, "key")
    whole = path.read_bytes()
    for length in [*range(0, 200), *range(200, len(whole), 37)]:
        path.write_bytes(whole[:length])
        assert Vectors.load(path, "key", 4, last_seq=50) is None
    path.write_bytes(whole + b"more")
    assert Vectors.load(path, "key", 4, last_seq=50) is None
    random = np.random.default_rng(3)
    for _ in range(200):
        broken = bytearray(whole)
        broken[random.integers(len(whole))] ^= 1 << int(random.integers(8))
        path.write_bytes(broken)
        assert Vectors.load(path, "key", 4, last_seq=50) is None, "a wrong embedding would be searched"


def test_a_cache_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    vectors = Vectors(4)
    vectors.extend(ids(1), rows(1), 1)
    vectors.save(path, "key")
    with pytest.raises(OSError, match="nowhere"):
        vectors.save(tmp_path / "nowhere" / "cache", "key")
    assert Vectors.load(path, "key", 4, last_seq=1) is not None
