"""The application that make bundle builds needs nothing but itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

MOST_MEGABYTES = 950


@pytest.fixture(scope="module")
def built() -> tuple[Path, str]:
    """The bundle's folder, and what its smoke test printed in a real window without a Python."""
    done = subprocess.run(
        [CHECKOUT / "packaging" / "build.sh"], stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0
    return CHECKOUT / "dist" / "photosim", done.stdout


def test_the_bundle_passes_its_smoke_test_without_a_python(built: tuple[Path, str]) -> None:
    report = json.loads(built[1].splitlines()[-1])
    assert report["ok"] is True
    assert report["frozen"] is True
    assert report["platform"] == "xcb"
    assert report["torch"]


def test_the_bundle_does_not_grow_unseen(built: tuple[Path, str]) -> None:
    files = {(path.stat().st_ino, path.stat().st_size) for path in built[0].rglob("*") if path.is_file()}
    assert sum(size for _, size in files) < MOST_MEGABYTES * 1e6


def test_the_bundles_commands_scan_and_search(
    built: tuple[Path, str], tmp_path: Path, sample_photos: list[Path]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in sample_photos:
        (photos / path.name).write_bytes(path.read_bytes())

    def photosim(*arguments: str) -> str:
        return subprocess.run(
            [built[0] / "photosim", "--data-dir", tmp_path / "library", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={"HOME": str(tmp_path), "PATH": str(tmp_path)},
            stdin=subprocess.DEVNULL,
        ).stdout

    assert json.loads(photosim("add", str(photos), "--json"))["added"] == len(sample_photos)
    query = photos / "motorcycle_left.png"
    results = json.loads(photosim("search", str(query), "-k", "2", "--json"))["results"]
    assert [Path(result["path"]).name for result in results] == [query.name, "motorcycle_right.png"]
