"""Fixtures of every test: photos, folders, and what keeps a test from touching the user's own library."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from photosim.paths import DATA_DIR_VARIABLE, Folders

pytest_plugins = ["tests.leaks"]

CHECKOUT = Path(__file__).resolve().parent.parent

# Before Qt is imported by anyone. `make test` names another platform for the tests under Xvfb.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ["QT_QPA_PLATFORM"] == "xcb":
        return
    no_display = pytest.mark.skip(reason="needs a real X display: run by make test in a second process")
    for item in items:
        if item.get_closest_marker("xvfb"):
            item.add_marker(no_display)


@pytest.fixture(scope="session", autouse=True)
def no_real_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A test that names no data folder gets an empty one, never the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATA_DIR_VARIABLE, str(tmp_path_factory.mktemp("unnamed-library")))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `shared` beside the checkout, with real photos in classes and damaged files."""
    folder = CHECKOUT.parent / "shared"
    if not (folder / "photos").is_dir():
        pytest.skip(f"no folder of shared photos at {folder}")
    return folder


@pytest.fixture(scope="session")
def sample_photos() -> list[Path]:
    """Real photos that scikit-image carries: small, of different kinds, two of them a stereo pair."""
    import skimage.data

    folder = Path(skimage.data.__file__).parent
    names = [
        "astronaut.png",
        "camera.png",
        "chelsea.png",
        "coffee.png",
        "coins.png",
        "grass.png",
        "gravel.png",
        "hubble_deep_field.jpg",
        "moon.png",
        "motorcycle_left.png",
        "motorcycle_right.png",
        "rocket.jpg",
    ]
    return [folder / name for name in names]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """The folders of a library of this test's own, made and empty."""
    root = tmp_path / "library"
    found = Folders(data=root, cache=root / "cache", logs=root / "logs")
    found.create()
    return found


@pytest.fixture(scope="session")
def python() -> str:
    """The interpreter of the tests, for those that start a program of their own."""
    return sys.executable
