"""What the window and the commands are told about the library; the different answers agree."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from photosim.catalog import Catalog, Counts
from tests.catalog.rows import failed, found, put


@pytest.fixture
def two_folders(catalog: Catalog, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Folders `one` and `two`; each holds a file, so that neither looks empty."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").write_bytes(b"x")
    yield catalog.add_folder(tmp_path / "one").id, catalog.add_folder(tmp_path / "two").id


def test_an_empty_library_has_empty_answers(catalog: Catalog) -> None:
    assert catalog.counts() == Counts(0, 0, 0, 0)
    assert catalog.folders() == catalog.failures() == []
    assert catalog.photos([1, 2]) == {}
    assert (catalog.photo(1), catalog.photo_by_hash(b"x" * 16), catalog.photo_by_path("/a")) == (None,) * 3
    assert catalog.shown_ids().tolist() == []
    assert catalog.shown_ids().dtype == np.int64
    assert catalog.last_seq() == 0
    table = catalog.table()
    assert len(table.ids) == len(table.paths) == len(table.hashes) == 0
    assert (table.ids.dtype, table.offline.dtype) == (np.int64, np.bool_)
    with pytest.raises(KeyError):
        table.row(1)
    assert catalog.check() is None


def test_copies_are_one_photo_whose_first_place_is_the_one_that_is_online(
    catalog: Catalog, two_folders: tuple[int, int], tmp_path: Path
) -> None:
    one, two = two_folders
    photo_id, *_ = put(
        catalog,
        found(two, "b.jpg", "same", modified_ns=2_000_000_000),
        found(one, "z.jpg", "same", modified_ns=1_000_000_000),
        found(one, "a.jpg", "same", modified_ns=3_000_000_000),
    )
    photo = catalog.photo(photo_id)
    assert photo is not None
    assert photo.paths == tuple(str(tmp_path / place) for place in ("one/a.jpg", "one/z.jpg", "two/b.jpg"))
    assert catalog.table().copies.tolist() == [3]
    assert catalog.counts() == Counts(photos=1, files=3, failed=0, offline=0)

    os.rename(tmp_path / "one", tmp_path / "away")
    catalog.check_online()
    photo = catalog.photo(photo_id)
    assert photo is not None
    assert photo.path == str(tmp_path / "two" / "b.jpg")
    assert [place.online for place in photo.places] == [True, False, False]
    assert not photo.offline
    table = catalog.table()
    assert (table.folder_ids.tolist(), table.paths, table.taken.tolist()) == ([two], ["b.jpg"], [2.0])
    assert catalog.counts().offline == 0


def test_all_answers_agree_about_a_mixed_library(
    catalog: Catalog, two_folders: tuple[int, int], tmp_path: Path
) -> None:
    random = np.random.default_rng(5)
    one, two = two_folders
    files = []
    for number in range(300):
        for copy in range(int(random.integers(1, 4))):
            files.append(
                found(
                    int(random.choice([one, two])),
                    # Names outside ASCII: Python and SQLite must sort them alike.
                    f"{random.choice(['x', 'Ä', '山', '🏔', 'sub/d'])}{number}-{copy}.jpg",
                    f"content {number}",
                    modified_ns=int(random.integers(1, 1 << 60)),
                    taken="2023-07-14T18:42:00" if number % 3 else None,
                )
            )
    random.shuffle(files)
    ids = put(catalog, *files)
    catalog.record([], [failed(one, "broken.jpg")])
    orphan = sorted({file.path for file in files if file.content_hash == files[0].content_hash})
    for folder_id in (one, two):
        catalog.remove_files(folder_id, orphan)
    os.rename(tmp_path / "two", tmp_path / "away")
    catalog.check_online()

    table, shown, counts = catalog.table(), catalog.shown_ids(), catalog.counts()
    photos = catalog.photos(ids)

    assert ids[0] not in photos
    assert shown.tolist() == sorted(photos) == table.ids.tolist()
    assert counts.photos == len(photos) == 299
    assert counts.files == sum(len(photo.places) for photo in photos.values()) == table.copies.sum()
    assert counts.offline == sum(photo.offline for photo in photos.values()) == table.offline.sum() > 10
    roots = {folder.id: folder.path for folder in catalog.folders()}
    for row, photo_id in enumerate(table.ids.tolist()):
        photo = photos[photo_id]
        assert table.row(photo_id) == row
        assert photo.id == photo_id
        assert os.path.join(roots[int(table.folder_ids[row])], table.paths[row]) == photo.path
        assert table.name(row) == table.names[row] == photo.name
        assert table.copies[row] == len(photo.places)
        assert bool(table.offline[row]) == photo.offline
        assert table.hashes[row] == photo.content_hash
        if photo.facts.taken is None:
            assert table.taken[row] == pytest.approx(photo.places[0].modified)
        else:
            assert table.taken[row] == 1689360120.0  # 2023-07-14 18:42:00
    for folder in catalog.folders():
        expected = [i for i, p in photos.items() if any(place.folder_id == folder.id for place in p.places)]
        assert catalog.shown_ids(folder.id).tolist() == sorted(expected)
        assert folder.photos == len(expected)
    for photo in photos.values():
        assert catalog.photo_by_hash(photo.content_hash) == photo
        assert catalog.photo_by_path(photo.path) == photo


def test_photos_below_a_folder_are_those_of_its_subfolders_alone(
    catalog: Catalog, two_folders: tuple[int, int]
) -> None:
    one, two = two_folders
    inside, deep, *_ = put(
        catalog,
        found(one, os.path.join("50% off_", "a.jpg"), "a"),
        found(one, os.path.join("50% off_", "deep", "b.jpg"), "b"),
        found(one, "50% off_.jpg", "c"),
        found(one, os.path.join("50% off_ too", "d.jpg"), "d"),
        found(one, os.path.join("50% OFF_", "e.jpg"), "e"),
        found(two, os.path.join("50% off_", "f.jpg"), "f"),
    )
    assert catalog.shown_ids(one, "50% off_").tolist() == [inside, deep]
    assert catalog.shown_ids(one, "50% off_" + os.sep).tolist() == [inside, deep]
    assert catalog.shown_ids(one, os.path.join("50% off_", "deep")).tolist() == [deep]
    assert catalog.shown_ids(one, "nothing").tolist() == []
    assert len(catalog.shown_ids(one)) == 5
    assert len(catalog.shown_ids()) == 6


def test_a_photo_found_by_path_is_the_one_last_seen_there(
    catalog: Catalog, two_folders: tuple[int, int], tmp_path: Path
) -> None:
    (photo_id,) = put(catalog, found(two_folders[0], os.path.join("deep", "山.jpg"), "a"))
    photo = catalog.photo_by_path(str(tmp_path / "one" / "deep" / "山.jpg"))
    assert photo is not None and photo.id == photo_id
    assert catalog.photo_by_path(str(tmp_path / "one" / "deep")) is None
    assert catalog.photo_by_path(str(tmp_path / "one")) is None


def test_many_photos_are_asked_for_at_once(catalog: Catalog, two_folders: tuple[int, int]) -> None:
    ids = put(catalog, *(found(two_folders[0], f"{n}.jpg", str(n)) for n in range(3000)))
    asked = np.array([*ids, 10**12, ids[0]])  # numpy's numbers, an unknown one, one twice
    assert sorted(catalog.photos(asked)) == ids


def test_every_change_by_anybody_has_a_version_of_its_own(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    seen = [catalog.version()]
    assert catalog.version() == seen[0]  # a look is no change
    catalog.add_folder(tmp_path / "more")
    seen.append(catalog.version())
    beside = Catalog(catalog.path)
    beside.remove_folder(tmp_path / "more")
    beside.close()
    seen.append(catalog.version())
    assert len(set(seen)) == 3 and catalog.version() == seen[-1]
