"""The library's embeddings as files that other programs read without running anything of ours."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from photosim.errors import PhotosimError
from photosim.export import export
from photosim.library import Library
from photosim.paths import Folders
from tests.catalog.rows import found

NAMES = ["a.jpg", 'with, comma and "quotes".jpg', "山 Ä.jpg", "two\nlines.jpg", "sub/b.jpg"]


@pytest.fixture
def library(folders: Folders) -> Iterator[Library]:
    with Library(folders) as opened:
        yield opened


@pytest.fixture
def paths(library: Library, tmp_path: Path) -> list[str]:
    """A library of photos of difficult names, one of them twice, and one that is gone."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    folder_id = library.catalog.add_folder(pictures).id
    dim, trunk = library.card.feature_dim, library.card.trunk
    files = [found(folder_id, name, name, dim=dim, trunk=trunk) for name in [*NAMES, "gone.jpg"]]
    files.append(found(folder_id, "z copy.jpg", NAMES[0], dim=dim, trunk=trunk))
    library.catalog.record(files, [])
    library.catalog.remove_files(folder_id, ["gone.jpg"])
    return [str(pictures / name) for name in NAMES]


def test_npz_holds_paths_embeddings_and_parts_without_pickle(
    library: Library, paths: list[str], tmp_path: Path
) -> None:
    assert export(library, tmp_path / "out.npz") == len(paths)
    with np.load(tmp_path / "out.npz", allow_pickle=False) as file:
        assert sorted(file) == ["embeddings", "parts", "paths"]
        assert file["paths"].tolist() == paths
        assert file["parts"].tolist() == list(library.card.parts)
        embeddings = file["embeddings"]
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (len(paths), sum(library.card.parts))
    for part in np.split(embeddings, [library.card.parts[0]], axis=1):
        assert np.allclose(np.linalg.norm(part, axis=1), 1, atol=1e-5)
    photo = library.catalog.photo_by_path(paths[2])
    assert photo is not None
    features = library.searcher.features_of(photo.id)
    assert features is not None
    ranking = library.searcher.rank([features])
    order = np.argsort(-(embeddings @ embeddings[2]), kind="stable")
    found_paths = [library.catalog.photos([i])[i].path for i in ranking.ids.tolist()]
    assert [paths[row] for row in order] == found_paths


def test_csv_says_the_same_as_npz(library: Library, paths: list[str], tmp_path: Path) -> None:
    export(library, tmp_path / "out.npz")
    assert export(library, tmp_path / "OUT.CSV") == len(paths)
    with open(tmp_path / "OUT.CSV", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    kind, thing = library.card.parts
    assert header == ["path", *(f"kind_{n}" for n in range(kind)), *(f"thing_{n}" for n in range(thing))]
    assert [row[0] for row in rows] == paths
    with np.load(tmp_path / "out.npz", allow_pickle=False) as file:
        exact = file["embeddings"]
    assert np.array_equal(np.array([row[1:] for row in rows], dtype=np.float32), exact)


@pytest.mark.parametrize("ending", ["csv", "npz"])
def test_an_empty_library_makes_a_file_without_rows(library: Library, tmp_path: Path, ending: str) -> None:
    assert export(library, tmp_path / f"out.{ending}") == 0
    if ending == "npz":
        with np.load(tmp_path / "out.npz", allow_pickle=False) as file:
            assert file["embeddings"].shape == (0, sum(library.card.parts))
            assert file["paths"].dtype.kind == "U"


@pytest.mark.parametrize("name", ["out.json", "out", "csv", "out.npz.gz"])
def test_another_ending_is_refused_in_words(library: Library, tmp_path: Path, name: str) -> None:
    with pytest.raises(PhotosimError, match=r"exports \.csv and \.npz"):
        export(library, tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("ending", ["csv", "npz"])
def test_a_place_that_cannot_be_written_is_named(
    library: Library, paths: list[str], tmp_path: Path, ending: str
) -> None:
    with pytest.raises(PhotosimError, match=r"nowhere.*cannot be written \(No such file or directory\)"):
        export(library, tmp_path / "nowhere" / f"out.{ending}")
    (tmp_path / f"folder.{ending}" / "in it").mkdir(parents=True)
    with pytest.raises(PhotosimError, match="cannot be written"):
        export(library, tmp_path / f"folder.{ending}")
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_photos_that_leave_during_the_export_are_left_out(
    library: Library, paths: list[str], tmp_path: Path
) -> None:
    """Another process may remove photos between the ranking's last refresh and the reading of their paths."""
    library.searcher.refresh()
    (folder,) = library.catalog.folders()
    refresh = library.searcher.refresh

    def refresh_then_lose_one() -> None:
        refresh()
        library.catalog.remove_files(folder.id, [NAMES[1]])

    library.searcher.refresh = refresh_then_lose_one  # type: ignore[method-assign]
    assert export(library, tmp_path / "out.npz") == len(paths) - 1
    with np.load(tmp_path / "out.npz", allow_pickle=False) as file:
        assert file["paths"].tolist() == [path for path in paths if path != paths[1]]
        assert len(file["embeddings"]) == len(paths) - 1
