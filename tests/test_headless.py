"""make run on a machine without a screen does the main job all the same."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image


def run_headless(python: str, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    environment.pop("QT_QPA_PLATFORM")
    place = ["--data-dir", str(tmp_path / "library"), "--picture", str(tmp_path / "window.png")]
    return subprocess.run(
        [python, "-m", "photosim.headless", *place, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=50,
        stdin=subprocess.DEVNULL,
    )


def ranked(printed: str) -> list[str]:
    """The names of the photos that were printed as results, best first."""
    rows = [line.removesuffix("  (query)") for line in printed.splitlines() if line.startswith("  ")]
    return [Path(row.split(None, 2)[2]).name for row in rows]


@pytest.fixture
def photos(tmp_path: Path, sample_photos: list[Path]) -> Path:
    folder = tmp_path / "my photos"
    folder.mkdir()
    for path in sample_photos:
        with Image.open(path) as picture:
            picture.convert("RGB").save(folder / f"{path.stem}.jpg")
    return folder


def test_without_a_folder_the_sample_pictures_are_searched(python: str, tmp_path: Path) -> None:
    done = run_headless(python, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no screen" in done.stdout
    assert ranked(done.stdout)[:2] == ["motorcycle_left.png", "motorcycle_right.png"]
    assert len(ranked(done.stdout)) == 10
    assert str(tmp_path / "window.png") in done.stdout
    with Image.open(tmp_path / "window.png") as window:
        assert min(window.size) > 500
        assert len(window.convert("RGB").resize((100, 60)).getcolors(6000) or range(6000)) > 500


def test_the_folder_asked_for_last_is_the_one_searched(python: str, tmp_path: Path, photos: Path) -> None:
    assert run_headless(python, tmp_path).returncode == 0
    done = run_headless(python, tmp_path, "--photos", str(photos))
    assert done.returncode == 0, done.stderr
    names = ranked(done.stdout)
    assert names[0] == "astronaut.jpg"
    assert all(name.endswith(".jpg") for name in names)
    assert all((photos / name).exists() for name in names)


def test_photos_read_once_are_not_read_again_however_their_folder_is_written(
    python: str, tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for written in (f"{tmp_path}/library/../{photos.name}", f"~/{photos.name}"):
        (tmp_path / "library").mkdir(exist_ok=True)
        done = run_headless(python, tmp_path, "--photos", written)
        assert done.returncode == 0, done.stderr
    assert "0 added" in done.stdout
    assert f"{len(list(photos.iterdir()))} unchanged" in done.stdout


def test_a_folder_that_is_not_there_gets_one_clear_line(python: str, tmp_path: Path) -> None:
    done = run_headless(python, tmp_path, "--photos", str(tmp_path / "gone"))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "does not exist" in done.stderr


def test_a_folder_without_photos_gets_one_clear_line(python: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run_headless(python, tmp_path, "--photos", str(tmp_path / "empty"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "photosim: no photo was found in the folder: name another one with PHOTOS=DIR"
    )
