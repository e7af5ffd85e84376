"""The window's tests: one QApplication, watched from the first test on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from photosim.gui.window import MainWindow
from photosim.library import Library
from photosim.paths import Folders
from tests.gui.libraries import copy_of_library, scanned_root
from tests.gui.windows import WAIT, OpenWindow, settle
from tests.leaks import watch_qt

watch_qt()


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    return ["photosim"]


@pytest.fixture(scope="session")
def scanned(sample_photos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return scanned_root(sample_photos, tmp_path_factory.mktemp("scanned"))


@pytest.fixture
def library_folders(scanned: tuple[Path, Path], tmp_path: Path) -> Folders:
    return copy_of_library(scanned[0], tmp_path / "copy")


@pytest.fixture
def photos(scanned: tuple[Path, Path]) -> Path:
    return scanned[1]


@pytest.fixture
def open_window(qtbot: QtBot) -> Iterator[OpenWindow]:
    """Opens windows as a start of the program does; what is still open at the end is closed."""
    opened: list[tuple[MainWindow, Library]] = []

    def open_(folders: Folders) -> MainWindow:
        library = Library(folders, "cpu")
        window = MainWindow(library)
        opened.append((window, library))
        window.show()
        qtbot.waitExposed(window)
        qtbot.waitUntil(lambda: window.feed.snapshot is not None, timeout=WAIT)
        return window

    yield open_
    for window, library in opened:
        window.close()
        library.close()
        window.deleteLater()


@pytest.fixture
def xdotool(qtbot: QtBot) -> object:
    """Plays keys and clicks as a user's hands do, while the window goes on answering."""

    def play(*arguments: object) -> None:
        running = subprocess.Popen(["xdotool", *(str(argument) for argument in arguments)])
        qtbot.waitUntil(lambda: running.poll() is not None, timeout=WAIT)
        assert running.returncode == 0

    return play


@pytest.fixture
def window(open_window: OpenWindow, library_folders: Folders, qtbot: QtBot) -> MainWindow:
    window = open_window(library_folders)
    settle(window, qtbot)
    return window
