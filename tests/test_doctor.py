"""The doctor sees what is wrong, says what to do about it, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from photosim.doctor import Check, examine
from photosim.errors import LibraryError
from photosim.library import Library
from photosim.paths import Folders
from tests.catalog.rows import failed, found


@pytest.fixture
def library(folders: Folders) -> Iterator[Library]:
    with Library(folders, device="cpu") as opened:
        yield opened


def fill(library: Library, folder: Path, count: int = 60) -> None:
    folder.mkdir()
    folder_id = library.catalog.add_folder(folder).id
    card = library.card
    files = [
        found(folder_id, f"{n}.jpg", str(n), dim=card.feature_dim, trunk=card.trunk) for n in range(count)
    ]
    library.catalog.record(files, [failed(folder_id, "broken.jpg")])


def checks(library: Library) -> dict[str, Check]:
    """All checks by name; each that is not well has advice, in one line."""
    found_checks = list(examine(library))
    for check in found_checks:
        assert check.detail and "\n" not in check.detail + check.advice
        assert bool(check.advice) != check.ok, check
    return {check.name: check for check in found_checks}


def test_an_empty_library_is_well(library: Library) -> None:
    found_checks = checks(library)
    assert [check for check in found_checks.values() if not check.ok] == []
    assert list(found_checks) == [
        "versions",
        "device",
        "folders",
        "catalog",
        *(f"model {card.version}" for card in library.registry.cards()),
        "index",
        "formats",
    ]
    assert "the library is empty" in found_checks["index"].detail
    assert "hnswlib" in found_checks["versions"].detail
    assert "jpg" in found_checks["formats"].detail.split()


def test_a_library_with_photos_shows_its_measured_recall_at_every_focus(
    library: Library, tmp_path: Path
) -> None:
    fill(library, tmp_path / "pictures")
    library.searcher.update_graph()
    found_checks = checks(library)
    assert [check for check in found_checks.values() if not check.ok] == []
    assert found_checks["catalog"].detail == "60 photos in 60 files, 1 failed, 0 offline"
    for focus in ("0", "0.25", "0.5", "0.75", "1"):
        assert f"at focus {focus} (ef" in found_checks["index"].detail


def test_the_doctor_changes_nothing(library: Library, folders: Folders, tmp_path: Path) -> None:
    fill(library, tmp_path / "pictures")
    library.searcher.update_graph()

    def files() -> dict[Path, int]:
        found_files = (path for path in folders.data.rglob("*") if path.is_file())
        return {path: path.stat().st_mtime_ns for path in found_files if not path.name.endswith("-shm")}

    before = files()
    list(examine(library))
    assert files() == before


def test_a_missing_graph_is_seen(library: Library, tmp_path: Path) -> None:
    fill(library, tmp_path / "pictures")
    index = checks(library)["index"]
    assert not index.ok
    assert "photosim scan" in index.advice


def test_a_damaged_graph_is_seen(library: Library, folders: Folders, tmp_path: Path) -> None:
    fill(library, tmp_path / "pictures")
    library.searcher.update_graph()
    (graph,) = folders.index.glob("*.hnsw")
    graph.write_bytes(graph.read_bytes()[:-1])
    assert not checks(library)["index"].ok


def test_a_damaged_model_is_seen(library: Library, folders: Folders) -> None:
    (folders.models / "mine").mkdir()
    (folders.models / "mine" / "card.json").write_text("{")
    models = checks(library)["models"]
    assert not models.ok
    assert "card.json is damaged" in models.advice


def test_every_damaged_page_of_the_catalog_is_told_and_no_check_is_left_out(
    folders: Folders, tmp_path: Path
) -> None:
    with Library(folders, device="cpu") as library:
        fill(library, tmp_path / "pictures")
    whole = folders.catalog.read_bytes()
    seen = 0
    for page in range(1, len(whole) // 4096):
        broken = bytearray(whole)
        broken[page * 4096 : (page + 1) * 4096] = b"\xaa" * 4096
        folders.catalog.write_bytes(broken)
        for beside in ("-wal", "-shm"):
            folders.catalog.with_name(folders.catalog.name + beside).unlink(missing_ok=True)
        if page > 12 and page % 10:  # a sample of the features' pages
            continue
        try:
            with Library(folders, device="cpu") as library:
                found_checks = checks(library)
        except LibraryError as error:  # it cannot even be opened
            assert "damaged" in str(error)
            continue
        assert "formats" in found_checks
        if not found_checks["catalog"].ok:
            seen += 1
            assert "scan again" in found_checks["catalog"].advice
    assert seen > 5
