"""Folders of the library: which there are, how they overlap, and what goes with them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from photosim.catalog import Catalog
from photosim.errors import LibraryError
from tests.catalog.rows import TRUNK, failed, found, put


def test_a_folder_is_added_once_however_its_path_is_written(
    catalog: Catalog, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures.parent)
    monkeypatch.setenv("HOME", str(pictures.parent))
    first = catalog.add_folder(pictures)
    assert first.path == str(pictures)
    assert not first.scanned
    for written in ("pictures", "pictures/", "./pictures/../pictures", "~/pictures"):
        assert catalog.add_folder(written) == first
    assert catalog.folders() == [first]


def test_a_parent_takes_over_what_its_children_know(catalog: Catalog, pictures: Path) -> None:
    (pictures / "2023").mkdir()
    (pictures / "2024" / "may").mkdir(parents=True)
    beside = pictures.parent / "pictures of others"
    beside.mkdir()
    other = catalog.add_folder(beside)
    year, month = catalog.add_folder(pictures / "2023"), catalog.add_folder(pictures / "2024" / "may")
    ids = put(catalog, found(year.id, "a.jpg", "a"), found(month.id, "deep/b.jpg", "b"))
    catalog.record([], [failed(month.id, "broken.jpg")])

    parent = catalog.add_folder(pictures)

    assert [folder.path for folder in catalog.folders()] == [str(pictures), other.path]
    assert parent.photos == 2
    photos = catalog.photos(ids)
    assert photos[ids[0]].path == str(pictures / "2023" / "a.jpg")
    assert photos[ids[1]].path == str(pictures / "2024" / "may" / "deep" / "b.jpg")
    assert set(catalog.known_files(parent.id)) == {
        os.path.join("2023", "a.jpg"),
        os.path.join("2024", "may", "deep", "b.jpg"),
        os.path.join("2024", "may", "broken.jpg"),
    }
    assert [failure.path for failure in catalog.failures()] == [str(pictures / "2024" / "may" / "broken.jpg")]


def test_a_folder_inside_the_library_is_the_one_it_lies_in(catalog: Catalog, pictures: Path) -> None:
    (pictures / "2023").mkdir()
    parent = catalog.add_folder(pictures)
    assert catalog.add_folder(pictures / "2023") == parent
    assert len(catalog.folders()) == 1


def test_a_name_that_only_begins_alike_is_no_overlap(catalog: Catalog, tmp_path: Path) -> None:
    for name in ("pictures", "pictures2"):
        (tmp_path / name).mkdir()
        catalog.add_folder(tmp_path / name)
    assert len(catalog.folders()) == 2


def test_a_link_to_a_folder_of_the_library_is_that_folder(
    catalog: Catalog, pictures: Path, tmp_path: Path
) -> None:
    """Else each photo would have two places, and one of them might be removed as a copy of the other."""
    (pictures / "2023").mkdir()
    known = catalog.add_folder(pictures)
    (tmp_path / "link").symlink_to(pictures)
    assert catalog.add_folder(tmp_path / "link") == known
    assert catalog.add_folder(tmp_path / "link" / "2023") == known


def test_a_folder_reached_by_a_link_inside_another_stays_its_own(
    catalog: Catalog, pictures: Path, tmp_path: Path
) -> None:
    """A scan does not follow links to folders: taken into the parent, its photos would be lost."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (pictures / "link").symlink_to(elsewhere)
    linked = catalog.add_folder(pictures / "link")
    (photo_id,) = put(catalog, found(linked.id, "a.jpg", "a"))
    catalog.add_folder(pictures)
    assert [folder.path for folder in catalog.folders()] == [str(pictures), str(pictures / "link")]
    assert catalog.photos([photo_id])[photo_id].places[0].folder_id == linked.id

    again = Catalog(tmp_path / "second.sqlite3")
    again.add_folder(pictures)
    assert again.add_folder(pictures / "link").path == str(pictures / "link")
    again.close()


def test_a_parent_takes_over_a_child_that_was_added_by_a_link(
    catalog: Catalog, pictures: Path, tmp_path: Path
) -> None:
    (pictures / "2023").mkdir()
    (tmp_path / "link").symlink_to(pictures / "2023")
    linked = catalog.add_folder(tmp_path / "link")
    (photo_id,) = put(catalog, found(linked.id, "a.jpg", "a"))
    catalog.add_folder(pictures)
    assert [folder.path for folder in catalog.folders()] == [str(pictures)]
    assert catalog.photos([photo_id])[photo_id].path == str(pictures / "2023" / "a.jpg")


def test_what_is_no_folder_is_refused_with_its_name(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    for name, why in (
        ("nothing here", "does not exist"),
        ("photo.jpg", "is not a folder"),
        ("broken", "is not a folder"),
    ):
        with pytest.raises(LibraryError, match=f"{name} {why}"):
            catalog.add_folder(tmp_path / name)
    assert catalog.folders() == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_a_folder_whose_name_is_not_utf8_is_refused_in_words(catalog: Catalog, tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9")
    os.mkdir(path)
    with pytest.raises(LibraryError, match=r"caf\\xe9: the folder's name is not valid UTF-8") as refused:
        catalog.add_folder(os.fsdecode(path))
    str(refused.value).encode()  # can be printed
    with pytest.raises(LibraryError, match=r"caf\\xe9 is not a folder of the library") as unknown:
        catalog.remove_folder(os.fsdecode(path))
    str(unknown.value).encode()
    catalog.add_folder(tmp_path)
    assert catalog.photo_by_path(os.fsdecode(os.path.join(path, b"a.jpg"))) is None


def test_removing_a_folder_forgets_only_photos_that_are_nowhere_else(
    catalog: Catalog, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = catalog.add_folder(tmp_path / "one"), catalog.add_folder(tmp_path / "two")
    alone, both, _ = put(
        catalog, found(one.id, "a.jpg", "a"), found(one.id, "b.jpg", "b"), found(two.id, "b.jpg", "b")
    )
    catalog.record([], [failed(one.id, "broken.jpg")])

    forgotten = catalog.remove_folder(tmp_path / "one")

    assert [folder.path for folder in catalog.folders()] == [two.path]
    assert len(forgotten) == 1
    assert catalog.photo(alone) is None
    assert catalog.features_of(alone, TRUNK) is None
    kept = catalog.photo(both)
    assert kept is not None and kept.paths == (str(tmp_path / "two" / "b.jpg"),)
    assert catalog.features_of(both, TRUNK) is not None
    assert catalog.failures() == []


def test_removing_an_unknown_folder_says_how_to_see_the_known_ones(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"is not a folder of the library: `photosim status` lists them"):
        catalog.remove_folder(tmp_path)


def test_a_missing_folder_is_offline_and_comes_back(catalog: Catalog, pictures: Path) -> None:
    folder = catalog.add_folder(pictures)
    (photo_id,) = put(catalog, found(folder.id, "a.jpg", "a"))
    (pictures / "a.jpg").write_bytes(b"x")
    assert not catalog.check_online()

    away = pictures.rename(pictures.with_name("away"))
    assert catalog.check_online()
    assert not catalog.check_online()  # nothing new
    assert not catalog.folders()[0].online
    photo = catalog.photo(photo_id)
    assert photo is not None and photo.offline
    assert catalog.counts().offline == 1
    assert catalog.table().offline.tolist() == [True]

    away.rename(pictures)
    assert catalog.check_online()
    photo = catalog.photo(photo_id)
    assert photo is not None and not photo.offline
    assert catalog.counts().offline == 0


def test_a_folder_that_was_emptied_is_not_offline(catalog: Catalog, pictures: Path) -> None:
    folder = catalog.add_folder(pictures)
    put(catalog, found(folder.id, "a.jpg", "a"))
    assert not catalog.check_online()
    assert catalog.folders()[0].online


def test_an_empty_mount_point_is_an_unplugged_drive(catalog: Catalog, pictures: Path) -> None:
    """As after unplugging: the folder is there, empty, on another volume than its photos were seen on."""
    folder = catalog.add_folder(pictures)
    with sqlite3.connect(catalog.path) as other_program:
        other_program.execute("UPDATE folders SET volume = 'the drive'")
    other_program.close()
    assert not catalog.check_online(), "nothing was seen there yet: nothing can be away"
    put(catalog, found(folder.id, "a.jpg", "a"))
    assert catalog.check_online()
    assert not catalog.folders()[0].online


def test_an_unmounted_volume_is_offline_and_comes_back(catalog: Catalog, drive: Path) -> None:
    (drive / "a.jpg").write_bytes(b"x")
    folder = catalog.add_folder(drive)
    put(catalog, found(folder.id, "a.jpg", "a"))
    catalog.check_online()
    assert catalog.folders()[0].online
    subprocess.run(["umount", str(drive)], check=True)
    assert catalog.check_online()
    assert not catalog.folders()[0].online


def test_a_folder_added_before_its_drive_was_plugged_in_is_offline_when_it_goes(
    catalog: Catalog, drive: Path
) -> None:
    """The volume that counts is the one the photos were seen on, not the mount point's own."""
    subprocess.run(["umount", str(drive)], check=True)
    folder = catalog.add_folder(drive)
    catalog.mark_scanned(folder.id)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(drive)], check=True)
    (drive / "a.jpg").write_bytes(b"x")
    put(catalog, found(folder.id, "a.jpg", "a"))
    catalog.mark_scanned(folder.id)
    subprocess.run(["umount", str(drive)], check=True)
    catalog.mark_scanned(folder.id)  # a scan that ended after the drive was pulled
    assert catalog.check_online()
    assert not catalog.folders()[0].online


def test_a_scanned_folder_says_so(catalog: Catalog, pictures: Path) -> None:
    folder = catalog.add_folder(pictures)
    catalog.mark_scanned(folder.id)
    assert catalog.folders()[0].scanned
