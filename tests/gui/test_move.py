"""The window over a library that moves to a better model: it starts by itself and nothing is in the way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from photosim.gui.views import Similar
from photosim.gui.window import MainWindow
from photosim.library import Library
from photosim.paths import Folders
from photosim.scan.control import ScanControl
from photosim.scan.scanner import run_to_end, scan
from tests.gui.libraries import folders_in
from tests.gui.windows import WAIT, OpenWindow, drop, find, names, settle
from tests.made_photos import make_photos
from tests.models import NEW, NEW_TRUNK, OLD, make_new, make_old

pytestmark = pytest.mark.timeout(180)
PHOTOS = 12


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bundled"
    make_old(folder)
    monkeypatch.setattr("photosim.library.bundled_models", lambda: folder)
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    make_photos(tmp_path / "pictures", PHOTOS)
    return tmp_path / "pictures"


@pytest.fixture
def old_library(bundled: Path, pictures: Path, tmp_path: Path) -> Folders:
    """A library read with the old model; the new one is not there yet."""
    folders = folders_in(tmp_path / "data")
    with Library(folders, "cpu") as library:
        library.catalog.add_folder(pictures)
        assert run_to_end(scan(library, ScanControl())).added == PHOTOS
    return folders


def wait_for_take_over(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window._library.card.version == NEW, timeout=WAIT)
    settle(window, qtbot)


def trunks(window: MainWindow) -> set[str]:
    view = window.navigator.view
    assert isinstance(view, Similar)
    return {item.example.trunk for item in view.items if item.example is not None}


def test_an_old_library_moves_by_itself_and_the_dial_follows(
    open_window: OpenWindow, old_library: Folders, bundled: Path, qtbot: QtBot
) -> None:
    make_new(bundled)
    window = open_window(old_library)
    assert window._library.card.version == OLD and not window.bar.dial.isEnabled()
    said: list[str] = []
    window.scans.progressed.connect(lambda _: said.append(window.scan_bar.scan_text()))
    wait_for_take_over(window, qtbot)
    assert any(text.startswith("Reading photos for the new model: ") for text in said)
    assert window.bar.dial.isEnabled()
    assert window.scan_bar.message == f"photosim now ranks with its own model ({NEW})"
    assert len(names(window)) == PHOTOS


def test_results_on_screen_are_ranked_anew_by_the_new_model(
    open_window: OpenWindow, old_library: Folders, bundled: Path, pictures: Path, qtbot: QtBot
) -> None:
    window = open_window(old_library)
    settle(window, qtbot)
    find(window, qtbot, pictures / "photo-003.jpg")
    before = [window.grid.similarity_of(int(photo_id)) for photo_id in window.grid.shown_ids()]
    make_new(bundled)
    window._library.next_card = window._library.registry.default()  # as a start would find it
    window.keeper.scan_again()
    wait_for_take_over(window, qtbot)
    assert trunks(window) == {NEW_TRUNK}
    assert names(window)[0] == "photo-003.jpg" and len(names(window)) == PHOTOS
    after = [window.grid.similarity_of(int(photo_id)) for photo_id in window.grid.shown_ids()]
    assert after != before
    window.bar.dial.setValue(0)  # and the dial does something
    settle(window, qtbot)
    assert [window.grid.similarity_of(int(photo_id)) for photo_id in window.grid.shown_ids()] != after


def test_a_picture_without_a_file_is_seen_by_the_new_model_too(
    open_window: OpenWindow, old_library: Folders, bundled: Path, pictures: Path, qtbot: QtBot
) -> None:
    """One dropped from a browser: what is left of it is its thumbnail."""
    window = open_window(old_library)
    settle(window, qtbot)
    data = QMimeData()
    data.setImageData(QImage(str(pictures / "photo-005.jpg")))
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        drop(window, data)
    assert names(window)[0] == "photo-005.jpg"
    with Library(old_library, "cpu") as beside:  # another program brings the new model
        make_new(bundled)
        beside.next_card = beside.registry.default()
        run_to_end(scan(beside, ScanControl()))
    window.keeper.look_around()
    wait_for_take_over(window, qtbot)
    assert trunks(window) == {NEW_TRUNK}
    assert names(window)[0] == "photo-005.jpg" and len(names(window)) == PHOTOS


def test_what_another_program_has_moved_is_followed_before_the_next_answer(
    open_window: OpenWindow, old_library: Folders, bundled: Path, pictures: Path, qtbot: QtBot
) -> None:
    window = open_window(old_library)
    settle(window, qtbot)
    find(window, qtbot, pictures / "photo-001.jpg")
    with Library(old_library, "cpu") as beside:
        make_new(bundled)
        beside.next_card = beside.registry.default()
        run_to_end(scan(beside, ScanControl()))
    window.navigator.reload()  # before anyone has looked around
    qtbot.waitUntil(lambda: window._library.card.version == NEW, timeout=WAIT)
    settle(window, qtbot)
    assert trunks(window) == {NEW_TRUNK} and len(names(window)) == PHOTOS
    window.keeper.look_around()
    qtbot.waitUntil(lambda: window.bar.dial.isEnabled(), timeout=WAIT)
    settle(window, qtbot)


def test_a_cancelled_move_leaves_the_old_model_and_goes_on_at_the_next_start(
    open_window: OpenWindow, old_library: Folders, bundled: Path, pictures: Path, qtbot: QtBot
) -> None:
    make_photos(pictures, 150, first=100)
    with Library(old_library, "cpu") as library:
        run_to_end(scan(library, ScanControl()))
    make_new(bundled)
    first = open_window(old_library)
    with qtbot.waitSignal(
        first.scans.progressed, timeout=WAIT, check_params_cb=lambda step: step.phase == "moving"
    ):
        pass
    first.scan_bar.cancel_button.click()
    settle(first, qtbot)
    assert first._library.card.version == OLD
    assert "what was read is kept" in first.scan_bar.message
    find(first, qtbot, pictures / "photo-007.jpg")
    assert len(names(first)) == PHOTOS + 150
    first.close()
    first._library.close()
    shutil.rmtree(old_library.cache)  # caches may go at any time, in the middle of a move as well
    second = open_window(old_library)
    wait_for_take_over(second, qtbot)
    find(second, qtbot, pictures / "photo-007.jpg")
    assert names(second)[0] == "photo-007.jpg" and len(names(second)) == PHOTOS + 150
