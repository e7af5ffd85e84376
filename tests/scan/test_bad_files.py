"""What a scan does with files that are no photos, and with photos that vanish under its hands."""

from __future__ import annotations

import os
import shutil
import struct
import sys
import time
import zlib
from pathlib import Path

import pytest

from photosim.paths import Folders
from photosim.scan.control import ScanControl
from photosim.scan.scanner import scan
from photosim.scan.walk import walk
from tests.commands import photosim
from tests.engine import readers
from tests.made_photos import jpeg, make_photos
from tests.scan.libraries import figures, open_library, paths_of, reasons, rows, scan_all


def enormous_png(side: int) -> bytes:
    """A complete, valid grey PNG of side x side pixels, all black, that takes a few megabytes at most."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(1)
    lines = bytes((side // 8 + 1) * 1000)
    pixels = b"".join(packer.compress(lines) for _ in range(side // 1000)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """Three good photos among one of each bad kind."""
    folder = tmp_path / "zoo"
    make_photos(folder, 3)
    (folder / "no-image.jpg").write_text("a letter")
    (folder / "truncated.jpg").write_bytes(jpeg(50)[:-200])
    (folder / "zero-bytes.png").touch()
    (folder / "enormous.png").write_bytes(enormous_png(60_000))
    (folder / "killer.jpg").write_bytes(jpeg(51) + readers.KILL)
    (folder / "broken-link.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "circular-link.jpg").symlink_to(folder / "circular-link.jpg")
    (folder / "directory.jpg").mkdir()
    make_photos(folder / "directory.jpg", 1, first=60)
    os.mkfifo(folder / "pipe.jpg")
    with open(os.fsencode(folder) + b"/caf\xe9.jpg", "wb") as file:
        file.write(jpeg(52))
    (folder / "notes.txt").write_text("passed over")
    (folder / ".hidden.jpg").write_bytes(jpeg(53))
    make_photos(folder / ".Trash-1000", 1, first=70)
    make_photos(folder / "@eaDir", 1, first=71)
    (folder / "loop").symlink_to(folder)
    return folder


def test_every_bad_file_is_recorded_with_its_reason_and_every_good_one_read(
    zoo: Path, folders: Folders
) -> None:
    expected = {
        "no-image.jpg": "not an image photosim can read",
        "truncated.jpg": "truncated: the end of the file is missing",
        "zero-bytes.png": "empty file",
        "enormous.png": "larger than 400 megapixels: 60000 x 60000",
        "killer.jpg": "crashed the reader (signal SIGKILL)",
        "broken-link.jpg": "a link to a file that is not there",
        "circular-link.jpg": reason_of_a_circular_link(zoo),
        "caf\\xe9.jpg": "the name is not valid UTF-8: rename it",
    }
    good = {str(path) for path in zoo.rglob("photo-*.jpg") if path.parent.name in ("zoo", "directory.jpg")}
    with open_library(folders, readers.dangerous) as library:
        library.catalog.add_folder(zoo)
        begun = time.monotonic()
        assert figures(scan_all(library)) == {"added": 4, "failed": 8}
        assert time.monotonic() - begun < 30
        assert reasons(library) == expected
        assert paths_of(library) == good
        library.reader = readers.never
        # Nothing has changed: no file is opened again, the bad ones neither.
        assert figures(scan_all(library)) == {"unchanged": 4}
        assert reasons(library) == expected


def reason_of_a_circular_link(folder: Path) -> str:
    (problem,) = [seen.problem for seen in walk(str(folder)) if seen.path == "circular-link.jpg"]
    assert problem is not None
    assert "link" in problem
    return problem


def test_a_failed_file_is_tried_again_when_it_changes_or_when_asked(tmp_path: Path, folders: Folders) -> None:
    photos = tmp_path / "photos"
    make_photos(photos, 1)
    mended, stubborn = photos / "mended.jpg", photos / "stubborn.jpg"
    mended.write_bytes(jpeg(20)[:-200])
    stubborn.write_bytes(jpeg(21) + readers.KILL)
    with open_library(folders, readers.dangerous) as library:
        library.catalog.add_folder(photos)
        assert figures(scan_all(library)) == {"added": 1, "failed": 2}
        mended.write_bytes(jpeg(20))
        assert figures(scan_all(library)) == {"changed": 1, "unchanged": 1}
        assert set(reasons(library)) == {"stubborn.jpg"}
        # The same file, and a reader that has learnt to read it.
        library.reader = None
        assert figures(scan_all(library)) == {"unchanged": 2}
        assert figures(scan_all(library, retry_failed=True)) == {"added": 1, "unchanged": 2}
        assert reasons(library) == {}


def test_a_photo_that_is_broken_later_leaves_the_library_for_the_failures(
    tmp_path: Path, folders: Folders
) -> None:
    first, second = make_photos(tmp_path / "photos", 2)
    with open_library(folders) as library:
        library.catalog.add_folder(tmp_path / "photos")
        scan_all(library)
        first.write_bytes(jpeg(0)[:-100])
        assert figures(scan_all(library)) == {"failed": 1, "unchanged": 1}
        assert paths_of(library) == {str(second)}
        first.unlink()
        scan_all(library)
        assert reasons(library) == {}


def test_photos_deleted_during_the_scan_are_no_failures(tmp_path: Path, folders: Folders) -> None:
    paths = make_photos(tmp_path / "photos", 60)
    with open_library(folders) as library:
        library.catalog.add_folder(tmp_path / "photos")
        summary = None
        for step in scan(library, ScanControl()):
            if step.phase == "reading" and step.done == 0:
                for path in paths[30:]:
                    path.unlink(missing_ok=True)
            summary = step.summary
        assert summary is not None
        assert figures(summary) == {"added": 30}
        assert reasons(library) == {}
        assert paths_of(library) == {str(path) for path in paths[:30]}


def test_a_folder_deleted_during_the_scan_ends_it_in_peace(tmp_path: Path, folders: Folders) -> None:
    make_photos(tmp_path / "kept", 2)
    make_photos(tmp_path / "gone", 40, first=100)
    with open_library(folders) as library:
        library.catalog.add_folder(tmp_path / "gone")
        library.catalog.add_folder(tmp_path / "kept")
        for step in scan(library, ScanControl()):
            if step.phase == "reading" and step.done == 0 and (tmp_path / "gone").exists():
                shutil.rmtree(tmp_path / "gone")
        assert reasons(library) == {}
        assert {Path(path).parent.name for path in paths_of(library)} == {"kept"}


def test_a_folder_removed_from_the_library_during_the_scan_is_read_no_further(
    tmp_path: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "decoded.txt"
    monkeypatch.setenv(readers.LOG_VARIABLE, str(log))
    make_photos(tmp_path / "gone", 300)
    with open_library(folders, readers.dangerous) as library:
        library.catalog.add_folder(tmp_path / "gone")
        removed = False
        for step in scan(library, ScanControl()):
            if step.new_ids and not removed:
                library.remove_folder(str(tmp_path / "gone"))
                removed = True
        assert removed
        assert library.catalog.counts().photos == 0
        assert library.thumbnails.hashes() == set()
    assert len(log.read_text().split()) < 200
    assert rows(folders, "SELECT count(*) FROM places") == [(0,)]


@pytest.mark.skipif(sys.platform != "linux", reason="takes root's privileges away as Linux does it")
def test_what_may_not_be_read_is_a_failure_and_a_locked_folder_no_loss(
    tmp_path: Path, folders: Folders
) -> None:
    photos = tmp_path / "photos"
    paths = make_photos(photos, 2)
    unlocked, (unreadable,) = make_photos(photos / "locked", 1, first=10), make_photos(photos, 1, first=20)
    unreadable.chmod(0)
    try:
        done = photosim(folders.data, "add", photos, "--json", ordinary_user=True)
        assert done.returncode == 0, done.stderr
        (photos / "locked").chmod(0)
        paths[0].unlink()
        done = photosim(folders.data, "scan", "--json", ordinary_user=True)
        assert done.returncode == 0, done.stderr
    finally:
        (photos / "locked").chmod(0o700)
    with open_library(folders) as library:
        assert reasons(library) == {"photo-020.jpg": "no permission to read it"}
        # One was deleted, one is only out of sight.
        assert paths_of(library) == {str(paths[1]), str(unlocked[0])}
