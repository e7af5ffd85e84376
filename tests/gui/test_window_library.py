"""The window and its library: the first start, scans beside the window, folders that come and go."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from photosim.gui.views import FAILURES, FOLDER, Browse
from photosim.gui.window import MainWindow
from photosim.library import Library
from photosim.paths import Folders
from photosim.scan.control import ScanControl
from photosim.scan.scanner import ScanProgress, run_to_end, scan
from tests.gui.libraries import PHOTOS, folders_in, lay_out_photos
from tests.gui.windows import WAIT, OpenWindow, drop, mime, names, settle

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def own_photos(sample_photos: list[Path], tmp_path: Path) -> Path:
    """Photos that a test may change."""
    return lay_out_photos(sample_photos, tmp_path / "Pictures")


@pytest.fixture
def empty(open_window: OpenWindow, tmp_path: Path) -> MainWindow:
    return open_window(folders_in(tmp_path / "empty"))


def reading(progress: ScanProgress) -> bool:
    return progress.phase == "reading"


def test_the_first_start_shows_one_invitation_and_nothing_else(empty: MainWindow) -> None:
    assert empty.invitation.isVisible()
    assert not empty.grid.isVisible() and not empty.sidebar.isVisible() and not empty.scan_bar.isVisible()


def test_choosing_a_folder_fills_the_grid_while_it_is_scanned(
    empty: MainWindow, own_photos: Path, qtbot: QtBot
) -> None:
    said: list[str] = []
    empty.scans.progressed.connect(lambda _: said.append(empty.scan_bar.scan_text()))
    empty.add_folders([own_photos])
    with qtbot.waitSignal(empty.scans.photos_found, timeout=WAIT):
        pass
    assert empty.grid.isVisible() and empty.sidebar.isVisible() and not empty.invitation.isVisible()
    assert len(empty.grid.shown_ids()) > 0
    qtbot.waitUntil(lambda: not empty.scans.running, timeout=WAIT)
    settle(empty, qtbot)
    assert any("the library will take about" in text for text in said)
    assert any(f"of {PHOTOS}" in text for text in said)
    assert len(names(empty)) == PHOTOS and names(empty)[0] == "motorcycle_right.png"
    assert empty.sidebar.all_row.note == str(PHOTOS)
    assert empty.sidebar.folder_row(str(own_photos)).name == "Pictures"
    assert empty.scan_bar.message == f"{PHOTOS} photos new"


def test_a_photo_dropped_into_an_empty_library_waits_for_its_photos(
    empty: MainWindow, own_photos: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    query = tmp_path / "query.png"
    shutil.copy(own_photos / "things" / "motorcycle_left.png", query)
    with qtbot.waitSignal(empty.results_shown, timeout=WAIT):
        drop(empty, mime(query))
    assert empty._parts.empty_page.isVisible()  # the library is empty: choose a folder
    assert [item.name for item in empty.bar.strip.items] == ["query.png"]
    empty.add_folders([own_photos])
    qtbot.waitUntil(lambda: len(empty.grid.shown_ids()) == PHOTOS, timeout=WAIT)
    settle(empty, qtbot)
    assert names(empty)[:2] == ["motorcycle_left.png", "motorcycle_right.png"]


def test_a_folder_dropped_onto_the_invitation_becomes_the_library(
    empty: MainWindow, own_photos: Path, qtbot: QtBot
) -> None:
    drop(empty, mime(own_photos / "animals"))
    qtbot.waitUntil(lambda: len(empty.grid.shown_ids()) == 1, timeout=WAIT)
    settle(empty, qtbot)


def test_a_dropped_folder_is_added_when_the_user_says_so(
    window: MainWindow,
    own_photos: Path,
    qtbot: QtBot,
) -> None:
    drop(window, mime(own_photos))
    assert window.notice.isVisible() and "Pictures" in window.notice.text
    window.notice.reject_button.click()
    assert not window.notice.isVisible() and len(window.feed.snapshot.folders) == 1
    drop(window, mime(own_photos))
    window.notice.accept_button.click()
    qtbot.waitUntil(lambda: len(window.feed.snapshot.folders) == 2, timeout=WAIT)
    settle(window, qtbot)


def test_searching_works_during_a_scan(empty: MainWindow, own_photos: Path, qtbot: QtBot) -> None:
    empty.add_folders([own_photos])
    with qtbot.waitSignal(empty.scans.photos_found, timeout=WAIT) as told:
        pass
    empty.scans.pause()
    with qtbot.waitSignal(empty.results_shown, timeout=WAIT):
        empty.photo_actions.find(told.args[0][:1])
    assert int(empty.grid.shown_ids()[0]) == told.args[0][0]
    empty.scans.resume()
    settle(empty, qtbot)


def test_closing_during_a_scan_loses_nothing_and_the_next_start_goes_on(
    open_window: OpenWindow,
    own_photos: Path,
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    folders = folders_in(tmp_path / "library")
    first = open_window(folders)
    first.add_folders([own_photos])
    with qtbot.waitSignal(first.scans.progressed, timeout=WAIT, check_params_cb=reading):
        pass
    first.close()
    assert first._library.catalog.check() is None
    first._library.close()
    second = open_window(folders)
    qtbot.waitUntil(lambda: second.feed.snapshot.counts.photos == PHOTOS, timeout=WAIT)
    settle(second, qtbot)
    assert len(names(second)) == PHOTOS


def test_what_changed_while_photosim_was_closed_is_seen_at_the_next_start(
    open_window: OpenWindow,
    own_photos: Path,
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    folders = folders_in(tmp_path / "library")
    first = open_window(folders)
    first.add_folders([own_photos])
    qtbot.waitUntil(lambda: first.feed.snapshot.counts.photos == PHOTOS, timeout=WAIT)
    settle(first, qtbot)
    first.close()
    first._library.close()
    (own_photos / "space" / "moon.png").unlink()
    second = open_window(folders)
    qtbot.waitUntil(lambda: second.feed.snapshot.counts.photos == PHOTOS - 1, timeout=WAIT)
    settle(second, qtbot)
    assert "moon.png" not in names(second)


def test_a_cancelled_scan_stops_within_a_second(empty: MainWindow, own_photos: Path, qtbot: QtBot) -> None:
    empty.add_folders([own_photos])
    with qtbot.waitSignal(empty.scans.progressed, timeout=WAIT, check_params_cb=reading):
        pass
    begun = time.monotonic()
    with qtbot.waitSignal(empty.scans.finished, timeout=WAIT):
        empty.scan_bar.cancel_button.click()
    assert time.monotonic() - begun < 1.5
    assert "what was read is kept" in empty.scan_bar.message
    settle(empty, qtbot)


def test_photos_that_cannot_be_read_are_listed_and_tried_again(
    empty: MainWindow, own_photos: Path, sample_photos: list[Path], qtbot: QtBot
) -> None:
    broken = own_photos / "space" / "broken.jpg"
    broken.write_bytes(b"not a photo")
    empty.add_folders([own_photos])
    qtbot.waitUntil(lambda: empty.feed.snapshot.counts.photos == PHOTOS, timeout=WAIT)
    settle(empty, qtbot)
    assert empty.scan_bar.failures_button.text() == "1 not readable"
    empty.scan_bar.failures_button.click()
    settle(empty, qtbot)
    assert empty.navigator.view == Browse(FAILURES)
    assert empty.failures.isVisible() and [item.path for item in empty.failures.shown()] == [str(broken)]
    before = broken.stat()
    shutil.copy(own_photos / "things" / "coins.png", broken)
    os.utime(broken, ns=(before.st_atime_ns, before.st_mtime_ns))
    with qtbot.waitSignal(empty.scans.finished, timeout=WAIT):
        empty.failures.retry_requested.emit()
    settle(empty, qtbot)
    assert empty.failures.shown() == [] and not empty.scan_bar.failures_button.isVisible()
    empty.bar.back.click()
    settle(empty, qtbot)
    assert empty.grid.isVisible()


def test_a_removed_folder_leaves_the_library_and_stays_on_disk(
    window: MainWindow,
    library_folders: Folders,
    photos: Path,
    qtbot: QtBot,
) -> None:
    window.navigator.go(Browse(FOLDER, str(photos)))
    settle(window, qtbot)
    window.keeper.ask_to_remove(str(photos))
    assert "stay untouched" in window.notice.text
    assert window.focusWidget() is window.notice.reject_button
    window.notice.reject_button.click()
    assert len(window.feed.snapshot.folders) == 1
    window.keeper.ask_to_remove(str(photos))
    window.notice.accept_button.click()
    qtbot.waitUntil(lambda: not window.feed.snapshot.folders, timeout=WAIT)
    settle(window, qtbot)
    assert len(list(photos.rglob("*.*"))) == PHOTOS
    assert window.invitation.isVisible()


def test_an_unplugged_folder_says_so_and_its_photos_are_still_found(
    open_window: OpenWindow,
    own_photos: Path,
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    window = open_window(folders_in(tmp_path / "library"))
    window.add_folders([own_photos])
    qtbot.waitUntil(lambda: window.feed.snapshot.counts.photos == PHOTOS, timeout=WAIT)
    settle(window, qtbot)
    own_photos.rename(tmp_path / "unplugged")
    window.keeper.look_around()
    qtbot.waitUntil(lambda: window.feed.snapshot.counts.offline == PHOTOS, timeout=WAIT)
    settle(window, qtbot)
    assert window.sidebar.folder_row(str(own_photos)).note == "unplugged"
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        window.photo_actions.find([int(window.grid.shown_ids()[0])])
    assert len(names(window)) == PHOTOS
    settle(window, qtbot)


def test_the_device_chosen_is_kept_and_used_next(
    window: MainWindow,
    library_folders: Folders,
    photos: Path,
    qtbot: QtBot,
) -> None:
    window.scan_bar.device_actions["cpu"].trigger()
    settle(window, qtbot)
    assert window._library.device == "cpu"
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        window.show_query([photos / "things" / "coins.png"])
    with Library(library_folders) as again:
        assert again.device == "cpu"


def test_what_another_program_adds_appears_in_the_window(
    window: MainWindow,
    library_folders: Folders,
    sample_photos: list[Path],
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    shutil.copy(next(path for path in sample_photos if path.name == "grass.png"), more)
    with Library(library_folders) as beside:
        beside.catalog.add_folder(more)
        run_to_end(scan(beside, ScanControl()))
    window.keeper.look_around()
    qtbot.waitUntil(lambda: "grass.png" in names(window), timeout=WAIT)
    settle(window, qtbot)


def test_what_another_program_removes_moves_and_fails_is_noticed(
    open_window: OpenWindow, own_photos: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    folders = folders_in(tmp_path / "library")
    window = open_window(folders)
    window.add_folders([own_photos])
    qtbot.waitUntil(lambda: window.feed.snapshot.counts.photos == PHOTOS, timeout=WAIT)
    settle(window, qtbot)

    (own_photos / "space" / "moon.png").rename(own_photos / "space" / "luna.png")
    with Library(folders) as beside:
        run_to_end(scan(beside, ScanControl()))
    window.keeper.look_around()
    qtbot.waitUntil(lambda: "luna.png" in names(window) and "moon.png" not in names(window), timeout=WAIT)
    settle(window, qtbot)

    (own_photos / "space" / "broken.jpg").write_bytes(b"not a photo")
    with Library(folders) as beside:
        run_to_end(scan(beside, ScanControl()))
    window.keeper.look_around()
    qtbot.waitUntil(lambda: window.scan_bar.failures_button.text() == "1 not readable", timeout=WAIT)
    settle(window, qtbot)

    with Library(folders) as beside:
        beside.remove_folder(str(own_photos))
    window.keeper.look_around()
    qtbot.waitUntil(lambda: window.invitation.isVisible(), timeout=WAIT)
    settle(window, qtbot)


def test_a_look_at_an_unchanged_library_reads_nothing(window: MainWindow, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(window.feed.changed):
        window.keeper.look_around()
        settle(window, qtbot)


def test_the_sidebar_counts_as_the_grid_does_while_a_scan_fills_it(
    empty: MainWindow, own_photos: Path, qtbot: QtBot
) -> None:
    told: list[tuple[str, str]] = []
    empty.scans.photos_found.connect(
        lambda _: told.append((empty.sidebar.all_row.note, str(len(empty.grid.shown_ids()))))
    )
    empty.add_folders([own_photos])
    qtbot.waitUntil(lambda: empty.feed.snapshot.counts.photos == PHOTOS, timeout=WAIT)
    settle(empty, qtbot)
    assert told and all(sidebar == grid for sidebar, grid in told)


def test_a_folder_without_photos_says_so(empty: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    empty.add_folders([bare])
    qtbot.waitUntil(lambda: bool(empty.feed.snapshot.folders), timeout=WAIT)
    settle(empty, qtbot)
    note = empty._parts.nothing_note
    assert note.isVisible() and note.text == "No photos in the library’s folders"
    empty.navigator.go(Browse(FOLDER, str(bare)))
    settle(empty, qtbot)
    assert note.text == "No photos in this folder"
