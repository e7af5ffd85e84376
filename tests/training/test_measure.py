"""Measuring a model on folders, with real photos through real workers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from photosim.errors import PhotosimError
from photosim.library import Library
from photosim.paths import library_folders
from photosim.training.measure import measure_classes, measure_queries
from tests.made_photos import jpeg, make_photos


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library(library_folders(tmp_path_factory.mktemp("measure")), "cpu", threads=2) as opened:
        yield opened


def quiet(done: int, total: int) -> None:
    pass


def test_copies_in_one_class_find_each_other_and_the_same_folder_name_is_one_class(
    library: Library, tmp_path: Path
) -> None:
    originals = make_photos(tmp_path / "one" / "red", 3)
    for original in originals:
        other = tmp_path / "two" / "red"  # the class is the parent's name, wherever it lies
        other.mkdir(parents=True, exist_ok=True)
        shutil.copy(original, other / f"copy of {original.name}")
    make_photos(tmp_path / "alone", 1, first=50)
    (tmp_path / "broken.jpg").touch()
    seen: list[tuple[int, int]] = []
    report = measure_classes(
        library.worker_setup,
        library.card,
        tmp_path,
        None,
        lambda done, total: seen.append((done, total)),
    )
    assert report.figures["photos"] == 7
    assert report.figures["classes"] == 2
    assert report.figures["recall@1"] == 1.0  # each copy's nearest is its copy, which is of its class
    assert report.figures["focus"] == library.card.focus
    assert report.failures == [(str(tmp_path / "broken.jpg"), "empty file")]
    assert seen == [(number, 8) for number in range(1, 9)]
    assert library.catalog.counts().photos == 0


def test_the_figures_are_the_same_every_time(library: Library, tmp_path: Path) -> None:
    make_photos(tmp_path / "a", 6)
    make_photos(tmp_path / "b", 6, first=20)
    reports = [measure_classes(library.worker_setup, library.card, tmp_path, 0.0, quiet) for _ in range(2)]
    assert reports[0] == reports[1]
    assert 0 < float(reports[0].figures["mAP"]) <= 1


def test_queries_meet_references_of_the_same_stem_whatever_the_format(
    library: Library, tmp_path: Path
) -> None:
    make_photos(tmp_path / "q", 3)
    make_photos(tmp_path / "r", 2)
    (tmp_path / "r" / "photo-002.jpeg").write_bytes(jpeg(2))
    (tmp_path / "q" / "nobody.jpg").write_bytes(jpeg(30))
    report = measure_queries(library.worker_setup, library.card, tmp_path / "q", tmp_path / "r", 1.0, quiet)
    assert (report.figures["queries"], report.figures["references"]) == (4, 3)
    assert report.figures["recall@1"] == 1.0
    assert report.figures["mrr"] == 1.0


def test_nothing_to_measure_says_so(library: Library, tmp_path: Path) -> None:
    def measure(folder: Path) -> None:
        measure_classes(library.worker_setup, library.card, folder, None, quiet)

    with pytest.raises(PhotosimError, match="is not a folder"):
        measure(tmp_path / "nowhere")
    with pytest.raises(PhotosimError, match="has no photos"):
        measure(tmp_path)
    (tmp_path / "broken.jpg").touch()
    with pytest.raises(PhotosimError, match=r"none of the 1 photos.*empty file"):
        measure(tmp_path)
    make_photos(tmp_path / "only", 1)
    with pytest.raises(PhotosimError, match="no class has two photos"):
        measure(tmp_path)
