"""One library opened and closed: what a photo given as a query is answered with, and what errors cost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from photosim.errors import LibraryError, QueryError
from photosim.imaging.reading import check_region, content_hash
from photosim.library import Library
from photosim.paths import Folders
from photosim.scan.control import ScanControl
from photosim.scan.scanner import run_to_end, scan


@pytest.fixture
def library(folders: Folders) -> Iterator[Library]:
    with Library(folders, device="cpu", threads=1) as opened:
        yield opened


@pytest.fixture
def pictures(tmp_path: Path, sample_photos: list[Path]) -> Path:
    """A folder of three photos and a text that calls itself one."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for photo in sample_photos[:3]:
        shutil.copy(photo, folder)
    (folder / "text.jpg").write_text("no photo")
    return folder


def test_a_photo_of_the_library_is_a_query_without_being_opened(library: Library, pictures: Path) -> None:
    library.catalog.add_folder(pictures)
    run_to_end(scan(library, ScanControl()))
    path = pictures / "astronaut.png"
    data, status = path.read_bytes(), path.stat()
    path.write_bytes(b"\0" * len(data))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # the same size and date: not opened

    example = library.example(path)

    assert example.content_hash == content_hash(data)
    assert example.thumbnail is None
    ranking = library.searcher.rank([example.features])
    assert ranking.ids[0] == example.photo_id
    assert ranking.distance[0] == pytest.approx(0, abs=1e-5)
    assert len(ranking) == 3
    photo = library.catalog.photo(int(ranking.ids[0]))
    assert photo is not None and photo.path == str(path)


def test_the_same_content_elsewhere_is_the_librarys_photo(
    library: Library, pictures: Path, tmp_path: Path
) -> None:
    library.catalog.add_folder(pictures)
    run_to_end(scan(library, ScanControl()))
    path = pictures / "astronaut.png"
    known = library.example(path)
    shutil.copy(path, tmp_path / "elsewhere.png")
    for source in (tmp_path / "elsewhere.png", path.read_bytes()):
        example = library.example(source)
        assert (example.photo_id, example.content_hash) == (known.photo_id, known.content_hash)
        assert np.array_equal(example.features, known.features)


def test_a_photo_that_changed_since_the_scan_is_read_as_it_is_now(library: Library, pictures: Path) -> None:
    library.catalog.add_folder(pictures)
    run_to_end(scan(library, ScanControl()))
    changed = pictures / "astronaut.png"
    shutil.copyfile(pictures / "camera.png", changed)
    camera = library.example(pictures / "camera.png")
    assert library.example(changed).photo_id == camera.photo_id


def test_a_photo_on_a_drive_that_is_away_is_still_a_query(library: Library, pictures: Path) -> None:
    library.catalog.add_folder(pictures)
    run_to_end(scan(library, ScanControl()))
    known = library.example(pictures / "astronaut.png")
    pictures.rename(pictures.with_name("away"))
    example = library.example(pictures / "astronaut.png")
    assert example.photo_id == known.photo_id
    assert np.array_equal(example.features, known.features)


def test_a_photo_that_is_not_in_the_library_is_read(library: Library, pictures: Path) -> None:
    path = pictures / "astronaut.png"
    example = library.example(path)
    assert example.photo_id is None
    assert example.content_hash == content_hash(path.read_bytes())
    assert example.thumbnail is not None and example.thumbnail.startswith(b"\xff\xd8")
    assert example.features.shape == (library.card.feature_dim,)
    region = library.example(path, (0.25, 0.25, 0.5, 0.5))
    assert not np.array_equal(region.features, example.features)
    assert library.example(path.read_bytes()).content_hash == example.content_hash


def test_a_query_that_cannot_be_read_is_refused_with_its_name(
    library: Library, pictures: Path, tmp_path: Path
) -> None:
    library.catalog.add_folder(tmp_path)
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "broken link.jpg").symlink_to(tmp_path / "nowhere")
    for source in (
        tmp_path / "nothing there.jpg",
        pictures / "text.jpg",
        pictures,
        tmp_path / "empty.jpg",
        tmp_path / "broken link.jpg",
    ):
        with pytest.raises(QueryError) as refused:
            library.example(source)
        assert str(source) in str(refused.value)
        assert "\n" not in str(refused.value)
    with pytest.raises(QueryError, match="the picture"):
        library.example(b"no picture")
    assert library.example(pictures / "astronaut.png").features is not None, "the worker goes on"


@pytest.mark.skipif(os.name == "nt", reason="such names are refused there")
def test_a_query_whose_name_is_not_utf8_is_a_query_like_others(library: Library, pictures: Path) -> None:
    library.catalog.add_folder(pictures)
    path = Path(os.fsdecode(os.path.join(os.fsencode(pictures), b"caf\xe9.png")))
    try:
        shutil.copy(pictures / "astronaut.png", path)
    except OSError:
        pytest.skip("this file system takes no such name")
    assert library.example(path).photo_id is None


@pytest.mark.parametrize(
    "region",
    [
        (-0.1, 0, 0.5, 0.5),
        (0, 0, 0, 0.5),
        (0, 0, 0.5, -0.5),
        (0.6, 0, 0.5, 0.5),
        (0, 0.6, 0.5, 0.5),
        (float("nan"), 0, 0.5, 0.5),
        (0, 0, float("inf"), 0.5),
    ],
)
def test_a_region_outside_the_photo_is_refused_before_anything_is_read(
    library: Library, region: tuple[float, float, float, float]
) -> None:
    with pytest.raises(QueryError, match="is not within the photo"):
        library.example(Path("never read.jpg"), region)
    check_region((0, 0, 1, 1))


def test_removing_a_folder_takes_its_thumbnails_along(
    library: Library, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    shutil.copy(pictures / "astronaut.png", tmp_path / "other")
    for folder in (pictures, tmp_path / "other"):
        library.catalog.add_folder(folder)
    run_to_end(scan(library, ScanControl()))
    assert len(library.thumbnails.hashes()) == 3
    assert library.remove_folder(str(pictures)) == 2
    assert library.thumbnails.hashes() == {content_hash((pictures / "astronaut.png").read_bytes())}
    assert sorted(path.name for path in pictures.iterdir()) == [
        "astronaut.png",
        "camera.png",
        "chelsea.png",
        "text.jpg",
    ]
    with pytest.raises(LibraryError, match="is not a folder of the library"):
        library.remove_folder(str(pictures))


def test_a_library_that_cannot_be_opened_leaves_nothing_open(folders: Folders) -> None:
    folders.thumbnails.mkdir()
    with pytest.raises(LibraryError, match=r"thumbnails\.sqlite3"):
        Library(folders)
    folders.thumbnails.rmdir()
    folders.catalog.unlink()  # an open file could not be removed everywhere
    folders.catalog.write_bytes(b"no catalog " * 500)
    with pytest.raises(LibraryError, match="no photosim catalog"):
        Library(folders)
    folders.catalog.unlink()
    Library(folders).close()


def test_everything_in_the_cache_folder_may_be_deleted(folders: Folders, pictures: Path) -> None:
    with Library(folders, device="cpu", threads=1) as library:
        library.catalog.add_folder(pictures)
        run_to_end(scan(library, ScanControl()))
        before = library.searcher.rank([library.example(pictures / "astronaut.png").features])
    shutil.rmtree(folders.cache)
    with Library(folders, device="cpu", threads=1) as library:
        after = library.searcher.rank([library.example(pictures / "astronaut.png").features])
        assert after.ids.tolist() == before.ids.tolist()
        assert np.array_equal(after.similarity, before.similarity)


def test_closing_twice_and_without_having_searched_is_fine(folders: Folders) -> None:
    library = Library(folders)
    library.close()
    library.close()
