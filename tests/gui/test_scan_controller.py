"""Scans run beside the window: told about as they go, paused, resumed and stopped at once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from photosim.gui.scan_controller import ScanController
from photosim.library import Library
from photosim.scan.lock import scan_lock
from photosim.scan.scanner import ScanProgress, ScanSummary
from tests.gui.libraries import PHOTOS, folders_in, lay_out_photos

pytestmark = pytest.mark.timeout(120)
WAIT = 60_000


@pytest.fixture
def photos(sample_photos: list[Path], tmp_path: Path) -> Path:
    return lay_out_photos(sample_photos, tmp_path / "photos")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(folders_in(tmp_path / "library")) as library:
        yield library


@pytest.fixture
def scans(library: Library, qtbot: QtBot) -> Iterator[ScanController]:
    scans = ScanController(library)
    yield scans
    scans.close()


def finish(scans: ScanController, qtbot: QtBot) -> ScanSummary:
    with qtbot.waitSignal(scans.finished, timeout=WAIT) as told:
        pass
    return told.args[0]


def test_a_scan_tells_of_every_photo_and_of_its_progress(
    scans: ScanController, library: Library, photos: Path, qtbot: QtBot
) -> None:
    found: list[int] = []
    progress: list[ScanProgress] = []
    scans.photos_found.connect(found.extend)
    scans.progressed.connect(progress.append)
    library.catalog.add_folder(photos)
    scans.start()
    assert scans.running
    summary = finish(scans, qtbot)
    assert summary.added == PHOTOS and not scans.running
    assert sorted(found) == library.catalog.table().ids.tolist()
    assert any(step.expected_bytes > 0 for step in progress)


def test_a_pause_holds_the_scan_until_it_is_resumed(
    scans: ScanController, library: Library, photos: Path, qtbot: QtBot
) -> None:
    library.catalog.add_folder(photos)
    scans.start()
    scans.pause()
    with qtbot.waitSignal(
        scans.progressed, timeout=WAIT, check_params_cb=lambda p: p.phase == "reading" and p.paused
    ):
        pass
    assert library.catalog.counts().files == 0
    scans.resume()
    assert not scans.paused
    assert finish(scans, qtbot).added == PHOTOS


def test_a_cancelled_scan_ends_within_a_second_and_the_next_goes_on(
    scans: ScanController, library: Library, photos: Path, qtbot: QtBot
) -> None:
    library.catalog.add_folder(photos)
    scans.start()
    with qtbot.waitSignal(scans.progressed, timeout=WAIT, check_params_cb=lambda p: p.phase == "reading"):
        pass
    begun = time.monotonic()
    scans.cancel()
    summary = finish(scans, qtbot)
    assert time.monotonic() - begun < 1.5
    assert not summary.finished
    scans.start()
    rest = finish(scans, qtbot)
    assert rest.finished and summary.added + rest.added == PHOTOS


def test_closing_waits_for_the_scan_and_keeps_what_was_read(
    scans: ScanController, library: Library, photos: Path, qtbot: QtBot
) -> None:
    library.catalog.add_folder(photos)
    scans.start()
    with qtbot.waitSignal(scans.progressed, timeout=WAIT, check_params_cb=lambda p: p.phase == "reading"):
        pass
    scans.close()
    assert not scans.running
    assert library.catalog.check() is None
    scans.start()
    assert not scans.running  # closed is closed


def test_a_folder_added_during_a_scan_is_scanned_too(
    scans: ScanController, library: Library, photos: Path, qtbot: QtBot
) -> None:
    library.catalog.add_folder(photos / "animals")
    scans.start()
    library.catalog.add_folder(photos / "space")
    scans.start()
    added = finish(scans, qtbot).added
    while scans.running:
        added += finish(scans, qtbot).added
    assert added == 4
    assert all(folder.scanned for folder in library.catalog.folders())


def test_a_scan_by_another_program_is_waited_for(
    scans: ScanController, library: Library, photos: Path, qtbot: QtBot
) -> None:
    library.catalog.add_folder(photos)
    scans._later.setInterval(50)
    with (
        scan_lock(library.folders.scan_lock),
        qtbot.waitSignal(scans.other_scan, timeout=WAIT) as told,
    ):
        scans.start()
    assert "another scan" in told.args[0]
    with qtbot.waitSignal(
        scans.finished, timeout=WAIT, check_params_cb=lambda s: s is not None and s.added == PHOTOS
    ):
        pass


def test_a_scan_that_cannot_write_says_so(
    scans: ScanController, library: Library, photos: Path, qtbot: QtBot
) -> None:
    library.catalog.add_folder(photos)
    library.catalog.close()
    with qtbot.waitSignal(scans.finished, timeout=WAIT), qtbot.waitSignal(scans.failed, timeout=WAIT):
        scans.start()


def test_what_could_not_be_read_is_tried_again_once_another_program_has_scanned(
    scans: ScanController, library: Library, photos: Path, qtbot: QtBot
) -> None:
    broken = mend_unnoticed(scans, library, photos, qtbot)
    scans._later.setInterval(50)
    with scan_lock(library.folders.scan_lock), qtbot.waitSignal(scans.other_scan, timeout=WAIT):
        scans.retry_failed()
    with qtbot.waitSignal(scans.finished, timeout=WAIT, check_params_cb=lambda s: s is not None):
        pass
    assert library.catalog.failures() == [] and library.catalog.photo_by_path(str(broken)) is not None


def test_a_cancelled_retry_is_not_taken_up_by_a_later_scan(
    scans: ScanController, library: Library, photos: Path, qtbot: QtBot
) -> None:
    mend_unnoticed(scans, library, photos, qtbot)
    scans.start()
    scans.retry_failed()  # after the scan that runs
    scans.cancel()
    finish(scans, qtbot)
    scans.start()
    scans.start()  # and once more
    finish(scans, qtbot)
    finish(scans, qtbot)
    assert not scans.running and len(library.catalog.failures()) == 1


def mend_unnoticed(scans: ScanController, library: Library, photos: Path, qtbot: QtBot) -> Path:
    """A file that could not be read and now can be, which its size and date do not tell."""
    broken = photos / "space" / "broken.png"
    whole = (photos / "things" / "coins.png").read_bytes() + b"another content"
    broken.write_bytes(bytes(len(whole)))
    before = broken.stat()
    library.catalog.add_folder(photos / "space")
    scans.start()
    finish(scans, qtbot)
    assert len(library.catalog.failures()) == 1
    broken.write_bytes(whole)
    os.utime(broken, ns=(before.st_atime_ns, before.st_mtime_ns))
    return broken
