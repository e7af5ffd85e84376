"""What a scan writes: each batch whole, photos recognised by their content."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from photosim.catalog import Catalog, FileFound, KnownFile
from photosim.catalog.catalog import ORPHANS_KEPT
from tests.catalog.rows import TRUNK, digest, failed, features, found, photo, put


@pytest.fixture
def folder_id(catalog: Catalog, pictures: Path) -> int:
    return catalog.add_folder(pictures).id


def as_of(catalog: Catalog, photo_id: int, ago: timedelta) -> None:
    """Let a photo have lost its last place that long ago."""
    when = (datetime.now(UTC) - ago).isoformat(timespec="seconds")
    connection = sqlite3.connect(catalog.path)
    with connection:
        connection.execute("UPDATE photos SET orphaned_at = ? WHERE id = ?", (when, photo_id))
    connection.close()


def test_what_was_recorded_is_known_to_the_next_scan(catalog: Catalog, folder_id: int) -> None:
    (photo_id,) = put(catalog, found(folder_id, "a.jpg", "a", size=7, modified_ns=123_456_789))
    catalog.record([], [failed(folder_id, "b.jpg")])
    assert catalog.known_files(folder_id) == {
        "a.jpg": KnownFile(7, 123_456_789, photo_id),
        "b.jpg": KnownFile(10, 1_700_000_000_000_000_000, None),
    }
    assert catalog.hashes_with_features(TRUNK) == {digest("a")}
    assert catalog.hashes_with_features("another trunk") == set()
    stored = catalog.features_of(photo_id, TRUNK)
    assert stored is not None and stored.dtype == np.float16
    assert np.array_equal(stored, features("a"))
    shown = catalog.photo(photo_id)
    assert shown is not None
    assert (shown.facts.width, shown.facts.height) == (640, 480)
    assert (shown.places[0].size, shown.places[0].modified) == (7, pytest.approx(0.123456789))


def test_a_renamed_photo_keeps_its_id_and_features(catalog: Catalog, folder_id: int) -> None:
    (before,) = put(catalog, found(folder_id, "a.jpg", "a"))
    seq = catalog.last_seq()
    assert catalog.remove_files(folder_id, ["a.jpg"]) == [before]
    assert catalog.photo(before) is None
    assert catalog.features_of(before, TRUNK) is not None
    assert digest("a") in catalog.hashes_with_features(TRUNK)  # it need not be read again

    (after,) = put(catalog, found(folder_id, "holiday/b.jpg", "a", known=True))

    assert after == before
    assert catalog.last_seq() == seq
    shown = catalog.photo(after)
    assert shown is not None and shown.name == "b.jpg"


def test_a_moved_photo_is_not_forgotten_when_its_old_folder_goes(catalog: Catalog, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = catalog.add_folder(tmp_path / "one"), catalog.add_folder(tmp_path / "two")
    (before,) = put(catalog, found(one.id, "a.jpg", "a"))
    put(catalog, found(two.id, "a.jpg", "a", known=True))
    catalog.remove_files(one.id, ["a.jpg"])
    assert catalog.remove_folder(one.path) == []
    shown = catalog.photo(before)
    assert shown is not None and shown.paths == (str(tmp_path / "two" / "a.jpg"),)


def test_a_photo_without_a_place_is_kept_thirty_days(catalog: Catalog, folder_id: int) -> None:
    assert timedelta(days=30) == ORPHANS_KEPT
    old, young, back, never = put(catalog, *(found(folder_id, f"{n}.jpg", n) for n in "abcd"))
    catalog.remove_files(folder_id, ["a.jpg", "b.jpg", "c.jpg"])
    for photo_id in (old, back):
        as_of(catalog, photo_id, timedelta(days=31))
    as_of(catalog, young, timedelta(days=29))
    put(catalog, found(folder_id, "c again.jpg", "c", known=True))

    assert catalog.forget_old_orphans() == [digest("a")]

    assert catalog.features_of(old, TRUNK) is None
    assert catalog.features_of(young, TRUNK) is not None
    assert catalog.shown_ids().tolist() == [back, never]
    catalog.remove_files(folder_id, ["c again.jpg"])
    assert catalog.forget_old_orphans() == [], "its thirty days begin anew"


def test_ids_are_never_given_twice(catalog: Catalog, folder_id: int) -> None:
    """The graph's labels are ids: an id given again would show another photo's neighbours."""
    ids = put(catalog, *(found(folder_id, f"{n}.jpg", n) for n in "abc"))
    path = catalog.folders()[0].path
    catalog.remove_folder(path)
    again = catalog.add_folder(path)
    later = put(catalog, *(found(again.id, f"{n}.jpg", n) for n in "abc"))
    assert min(later) > max(ids)


def test_a_file_with_new_content_is_a_new_photo(catalog: Catalog, folder_id: int) -> None:
    (before,) = put(catalog, found(folder_id, "a.jpg", "old"))
    (recorded,) = catalog.record([found(folder_id, "a.jpg", "new", size=2)], [])
    assert recorded.photo_id_before == before
    assert recorded.photo_id != before
    assert catalog.shown_ids().tolist() == [recorded.photo_id]
    as_of(catalog, before, timedelta(days=31))
    assert catalog.forget_old_orphans() == [digest("old")]


def test_a_failure_takes_the_place_of_the_photo_and_back(catalog: Catalog, folder_id: int) -> None:
    (photo_id,) = put(catalog, found(folder_id, "a.jpg", "a"))
    catalog.record([], [failed(folder_id, "a.jpg", "truncated")])
    counts = catalog.counts()
    assert (counts.photos, counts.files, counts.failed) == (0, 0, 1)
    (failure,) = catalog.failures()
    assert failure.reason == "truncated"
    assert datetime.fromisoformat(failure.when).tzinfo is not None

    assert put(catalog, found(folder_id, "a.jpg", "a", known=True)) == [photo_id]
    assert catalog.failures() == []
    assert catalog.counts().photos == 1


def test_failures_are_tried_again_once_cleared(catalog: Catalog, folder_id: int) -> None:
    catalog.record([], [failed(folder_id, "a.jpg"), failed(folder_id, "b.jpg")])
    assert catalog.clear_failures() == 2
    assert catalog.known_files(folder_id) == {}


def test_two_copies_in_one_batch_are_one_photo(catalog: Catalog, folder_id: int) -> None:
    first, second = put(catalog, found(folder_id, "a.jpg", "same"), found(folder_id, "b.jpg", "same"))
    assert first == second
    counts = catalog.counts()
    assert (counts.photos, counts.files) == (1, 2)


def test_an_error_in_the_middle_of_a_batch_leaves_nothing_of_it(catalog: Catalog, folder_id: int) -> None:
    (kept,) = put(catalog, found(folder_id, "kept.jpg", "kept"))
    seq = catalog.last_seq()
    impossible = FileFound(folder_id, "c.jpg", 1 << 70, 0, digest("c"), photo("c"))  # no SQLite integer
    with pytest.raises(OverflowError):
        catalog.record(
            [found(folder_id, "kept.jpg", "changed"), found(folder_id, "a.jpg", "a"), impossible],
            [failed(folder_id, "d.jpg")],
        )
    assert catalog.shown_ids().tolist() == [kept]
    assert set(catalog.known_files(folder_id)) == {"kept.jpg"}
    assert catalog.hashes_with_features(TRUNK) == {digest("kept")}
    assert (catalog.last_seq(), catalog.failures()) == (seq, [])
    put(catalog, found(folder_id, "a.jpg", "a"))  # and it can be written to as before


def test_an_error_while_folders_are_joined_leaves_them_as_they_were(
    catalog: Catalog, pictures: Path, tmp_path: Path
) -> None:
    (pictures / "2023").mkdir()
    child = catalog.add_folder(pictures / "2023")
    put(catalog, found(child.id, "a.jpg", "a"))
    connection = sqlite3.connect(catalog.path)
    connection.execute("CREATE TRIGGER no BEFORE DELETE ON folders BEGIN SELECT raise(ABORT, 'no'); END")
    connection.close()
    with pytest.raises(sqlite3.IntegrityError):
        catalog.add_folder(pictures)
    assert [folder.path for folder in catalog.folders()] == [child.path]
    assert set(catalog.known_files(child.id)) == {"a.jpg"}


def test_a_folder_removed_during_the_scan_is_not_brought_back(catalog: Catalog, folder_id: int) -> None:
    catalog.remove_folder(catalog.folders()[0].path)
    assert catalog.record([found(folder_id, "a.jpg", "a")], [failed(folder_id, "b.jpg")]) == []
    counts = catalog.counts()
    assert (counts.photos, counts.files, counts.failed) == (0, 0, 0)


def test_a_content_forgotten_during_the_scan_is_left_to_the_next(catalog: Catalog, folder_id: int) -> None:
    recorded = catalog.record([found(folder_id, "a.jpg", "gone", known=True)], [])
    assert recorded == []
    assert catalog.known_files(folder_id) == {}


def test_features_read_again_come_last_for_the_caches(catalog: Catalog, folder_id: int) -> None:
    first, _ = put(catalog, found(folder_id, "a.jpg", "a"), found(folder_id, "b.jpg", "b"))
    seq = catalog.last_seq()
    put(catalog, found(folder_id, "a.jpg", "a"))
    ((last, ids, rows),) = list(catalog.features_after(TRUNK, seq))
    assert (last, ids.tolist()) == (catalog.last_seq(), [first])
    assert np.array_equal(rows, features("a")[np.newaxis])
    assert list(catalog.features_after(TRUNK, last)) == []


def test_features_come_in_blocks_that_leave_nothing_out(catalog: Catalog, folder_id: int) -> None:
    ids = put(catalog, *(found(folder_id, f"{n}.jpg", str(n)) for n in range(25)))
    blocks = list(catalog.features_after(TRUNK, 0, block=10))
    assert [len(block_ids) for _, block_ids, _ in blocks] == [10, 10, 5]
    assert np.concatenate([block_ids for _, block_ids, _ in blocks]).tolist() == ids
    assert blocks[-1][0] == catalog.last_seq()


def test_the_last_sequence_number_never_falls(catalog: Catalog, pictures: Path, tmp_path: Path) -> None:
    """Else removing a folder would make every cache of the library look as if it came from its future."""
    (tmp_path / "more").mkdir()
    kept, gone = catalog.add_folder(pictures), catalog.add_folder(tmp_path / "more")
    put(catalog, found(kept.id, "a.jpg", "a"), found(gone.id, "b.jpg", "b"))
    seq = catalog.last_seq()
    catalog.remove_folder(gone.path)
    assert catalog.last_seq() == seq


def test_a_perceptual_hash_uses_all_its_bits(catalog: Catalog, folder_id: int) -> None:
    (photo_id,) = put(catalog, found(folder_id, "a.jpg", "a"))  # all set: more than SQLite's largest integer
    assert catalog.phashes([photo_id, photo_id + 1]) == {photo_id: (1 << 64) - 1}
