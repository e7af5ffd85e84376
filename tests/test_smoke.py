"""photosim --smoke-test says in one line whether a photosim works."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from photosim import smoke
from photosim.library import Library


def run_smoke_test(python: str, tmp_path: Path, platform: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "TMPDIR": str(tmp_path),
        "HOME": str(tmp_path),
        "QT_QPA_PLATFORM": platform,
    }
    return subprocess.run(
        [python, "-m", "photosim", "--smoke-test"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=50,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("platform", ["offscreen", pytest.param("xcb", marks=pytest.mark.xvfb)])
def test_a_working_photosim_says_so_in_one_line_and_leaves_nothing(
    python: str, tmp_path: Path, platform: str
) -> None:
    done = run_smoke_test(python, tmp_path, platform)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    report = json.loads(done.stdout)
    assert report["ok"] is True
    assert report["photos"] == 16
    assert report["platform"] == platform
    assert report["frozen"] is False
    assert not list(tmp_path.glob("photosim-smoke-test-*"))


def test_without_its_models_the_smoke_test_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("photosim.library.bundled_models", lambda: tmp_path / "no models")
    assert smoke.smoke_test() == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("photosim: the smoke test failed: ")
    assert printed.err.count("\n") == 1


def test_a_search_that_finds_the_wrong_photos_fails_the_smoke_test(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong_photo(library: Library, _: object) -> object:
        last = library.catalog.table().ids.tolist()[-1]
        features = library.searcher.features_of(last)
        return type("Example", (), {"features": features})

    monkeypatch.setattr(Library, "example", wrong_photo)
    assert smoke.smoke_test() == 1
    assert "kind-0.jpg found " in capsys.readouterr().err
