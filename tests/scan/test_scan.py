"""What a scan promises: everything is found, nothing is read twice, nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from photosim.errors import LibraryError, ScanRunning, WorkerError
from photosim.imaging.reading import content_hash
from photosim.paths import Folders
from photosim.scan import scanner
from photosim.scan.control import ScanControl
from photosim.scan.lock import scan_lock
from photosim.scan.scanner import ScanProgress, run_to_end, scan
from tests.commands import CHECKOUT, photosim
from tests.engine import readers
from tests.made_photos import jpeg, make_photos
from tests.scan.libraries import (
    figures,
    folder_bytes,
    open_library,
    paths_of,
    reasons,
    rows,
    scan_all,
    scan_until,
    written_features,
)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `photos` of six photos, one of them twice, and the `library` that has scanned it."""
    root = tmp_path_factory.mktemp("scanned")
    make_photos(root / "photos" / "a", 3)
    make_photos(root / "photos" / "b", 3, first=10)
    shutil.copy(root / "photos" / "a" / "photo-000.jpg", root / "photos" / "b" / "copy.jpg")
    folders = folders_in(root)
    with open_library(folders) as library:
        library.catalog.add_folder(root / "photos")
        summary = scan_all(library)
    assert figures(summary) == {"added": 7}
    return root


@pytest.fixture
def place(scanned: Path, tmp_path: Path) -> Iterator[Path]:
    """The scanned folder and library at the very same paths, to be changed as the test likes."""
    kept = tmp_path / "kept"
    shutil.copytree(scanned, kept, symlinks=True)
    yield scanned
    shutil.rmtree(scanned)
    shutil.copytree(kept, scanned, symlinks=True)


def folders_in(root: Path) -> Folders:
    return Folders(root / "library", root / "library" / "cache", root / "library" / "logs")


def test_every_photo_is_there_with_thumbnail_features_and_all_its_places(scanned: Path) -> None:
    with open_library(folders_in(scanned)) as library:
        counts = library.catalog.counts()
        assert (counts.photos, counts.files, counts.failed, counts.offline) == (6, 7, 0, 0)
        ids = library.catalog.shown_ids().tolist()
        for photo in library.catalog.photos(ids).values():
            assert photo.content_hash == content_hash(Path(photo.path).read_bytes())
            thumbnail = library.thumbnails.get(photo.content_hash)
            assert thumbnail is not None and thumbnail.startswith(b"\xff\xd8")
            features = library.catalog.features_of(photo.id, library.card.trunk)
            assert features is not None and features.shape == (library.card.feature_dim,)
            ranking = library.searcher.rank([features], exact=False)
            assert ranking.ids[0] == photo.id
            assert ranking.distance[0] < 1e-3
            assert len(ranking) == 6
        (folder,) = library.catalog.folders()
        assert (folder.scanned, folder.photos) == (True, 6)


def test_photos_on_disk_are_never_changed(tmp_path: Path, folders: Folders) -> None:
    make_photos(tmp_path / "photos", 3)
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"broken")
    before = folder_bytes(tmp_path / "photos")
    with open_library(folders) as library:
        library.catalog.add_folder(tmp_path / "photos")
        scan_all(library)
        library.remove_folder(str(tmp_path / "photos"))
    assert folder_bytes(tmp_path / "photos") == before


def test_unchanged_files_are_not_opened_and_no_worker_is_started(place: Path) -> None:
    with open_library(folders_in(place), readers.never) as library:
        begun = time.monotonic()
        assert figures(scan_all(library)) == {"unchanged": 7}
        assert time.monotonic() - begun < 1


def test_a_renamed_folder_and_a_moved_photo_keep_their_embeddings(place: Path) -> None:
    before = written_features(folders_in(place))
    (place / "photos" / "a").rename(place / "photos" / "holidays")
    (place / "photos" / "b" / "photo-010.jpg").rename(place / "photos" / "renamed.jpeg")
    with open_library(folders_in(place), readers.never) as library:
        assert figures(scan_all(library)) == {"moved": 4, "unchanged": 3}
        assert str(place / "photos" / "holidays" / "photo-001.jpg") in paths_of(library)
        assert library.catalog.counts().photos == 6
    assert written_features(folders_in(place)) == before


def test_a_photo_moved_to_another_folder_of_the_library_is_moved(place: Path) -> None:
    other = place / "other"
    other.mkdir()
    with open_library(folders_in(place), readers.never) as library:
        library.catalog.add_folder(other)
        (place / "photos" / "a" / "photo-002.jpg").rename(other / "photo.jpg")
        assert figures(scan_all(library)) == {"moved": 1, "unchanged": 6}
        # And back, in two scans, the photo being nowhere in between.
        (other / "photo.jpg").rename(place / "away.jpg")
        assert figures(scan_all(library)) == {"removed": 1, "unchanged": 6}
        assert library.catalog.counts().photos == 5
        (place / "away.jpg").rename(other / "back.jpg")
        assert figures(scan_all(library)) == {"added": 1, "unchanged": 6}


def test_a_touched_photo_is_the_same_photo(place: Path) -> None:
    before = written_features(folders_in(place))
    os.utime(place / "photos" / "b" / "photo-011.jpg", (1, 1))
    with open_library(folders_in(place), readers.never) as library:
        assert figures(scan_all(library)) == {"unchanged": 7}
    assert written_features(folders_in(place)) == before


def test_a_changed_photo_is_read_anew_and_its_copy_stays_what_it_was(place: Path) -> None:
    changed = place / "photos" / "a" / "photo-000.jpg"
    with open_library(folders_in(place)) as library:
        old = library.catalog.photo_by_path(str(changed))
        changed.write_bytes(jpeg(99))
        assert figures(scan_all(library)) == {"changed": 1, "unchanged": 6}
        new = library.catalog.photo_by_path(str(changed))
        assert old is not None and new is not None
        assert new.content_hash == content_hash(jpeg(99))
        assert new.id != old.id
        kept = library.catalog.photo(old.id)
        assert kept is not None
        assert kept.paths == (str(place / "photos" / "b" / "copy.jpg"),)


def test_copies_are_decoded_once(tmp_path: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "decoded.txt"
    monkeypatch.setenv(readers.LOG_VARIABLE, str(log))
    (original,) = make_photos(tmp_path / "photos", 1)
    with open_library(folders, readers.dangerous) as library:
        library.catalog.add_folder(tmp_path / "photos")
        scan_all(library)
        for number in range(5):
            shutil.copy(original, tmp_path / "photos" / f"copy-{number}.jpg")
        assert figures(scan_all(library)) == {"added": 5, "unchanged": 1}
        counts = library.catalog.counts()
        assert (counts.photos, counts.files) == (1, 6)
    assert len(log.read_text().split()) == 1


def test_deleted_photos_leave_the_library(place: Path) -> None:
    (place / "photos" / "a" / "photo-000.jpg").unlink()  # its copy stays
    (place / "photos" / "a" / "photo-001.jpg").unlink()
    with open_library(folders_in(place), readers.never) as library:
        assert figures(scan_all(library)) == {"removed": 2, "unchanged": 5}
        counts = library.catalog.counts()
        assert (counts.photos, counts.files) == (5, 5)
        assert len(library.searcher.shown_vectors()[0]) == 5


def test_an_unplugged_folder_is_offline_and_nothing_of_it_is_lost(place: Path) -> None:
    before = written_features(folders_in(place))
    shutil.move(place / "photos", place / "unplugged")
    with open_library(folders_in(place), readers.never) as library:
        assert figures(scan_all(library)) == {}
        counts = library.catalog.counts()
        assert (counts.photos, counts.offline) == (6, 6)
        photo = next(iter(library.catalog.photos(library.catalog.shown_ids().tolist()).values()))
        assert photo.offline
        features = library.searcher.features_of(photo.id)
        assert features is not None
        assert len(library.searcher.rank([features])) == 6
        shutil.move(place / "unplugged", place / "photos")
        assert figures(scan_all(library)) == {"unchanged": 7}
        assert library.catalog.counts().offline == 0
    assert written_features(folders_in(place)) == before


def test_a_drive_unplugged_while_it_is_walked_is_not_taken_for_deleted_photos(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanner, "_POLL_SECONDS", 0.0)  # progress at every file
    with open_library(folders_in(place), readers.never) as library:
        for step in scan(library, ScanControl()):
            if step.phase == "walking" and (place / "photos").exists():
                (place / "photos").rename(place / "unplugged")
        assert not (place / "photos").exists()
        assert library.catalog.counts().photos == 6
        assert library.catalog.counts().offline == 6
        (place / "unplugged").rename(place / "photos")
        assert figures(scan_all(library)) == {"unchanged": 7}


def test_a_cancelled_scan_keeps_what_it_read_and_the_next_reads_only_the_rest(
    tmp_path: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "decoded.txt"
    monkeypatch.setenv(readers.LOG_VARIABLE, str(log))
    make_photos(tmp_path / "photos", 120)
    with open_library(folders, readers.dangerous) as library:
        library.catalog.add_folder(tmp_path / "photos")
        steps = scan_until(library, lambda step: step.done > 0, ScanControl())
        first = steps[-1].summary
        assert first is not None
        assert not first.finished
        assert 0 < first.added < 120
        assert library.catalog.counts().photos == first.added
        assert not library.catalog.folders()[0].scanned
        log.unlink()
        rest = list(scan(library, ScanControl()))
        second = rest[-1].summary
        assert second is not None
        assert figures(second) == {"added": 120 - first.added, "unchanged": first.added}
        assert {(step.known, step.total) for step in rest if step.phase == "reading"} == {
            (first.added, 120 - first.added)
        }
        assert len(log.read_text().split()) == 120 - first.added
        assert library.catalog.counts().photos == 120


def test_every_new_photo_is_announced_once_and_the_progress_adds_up(tmp_path: Path, folders: Folders) -> None:
    make_photos(tmp_path / "photos", 70)
    (tmp_path / "photos" / "bad.jpg").touch()
    with open_library(folders) as library:
        library.catalog.add_folder(tmp_path / "photos")
        steps: list[ScanProgress] = []
        seen_at_once = True
        for step in scan(library, ScanControl()):
            steps.append(step)
            # What is announced can be shown and searched from that moment.
            seen_at_once &= len(library.catalog.photos(step.new_ids)) == len(step.new_ids)
        announced = [photo_id for step in steps for photo_id in step.new_ids]
        assert seen_at_once
        assert sorted(announced) == library.catalog.shown_ids().tolist()
        assert len(announced) == 70
        reading = [step for step in steps if step.phase == "reading"]
        assert [step.done for step in reading] == sorted(step.done for step in reading)
        assert (reading[-1].done, reading[-1].total, reading[-1].failed) == (71, 71, 1)
        assert reading[-1].device == "CPU, 2 threads"
        assert reading[-1].photos_per_second > 0
        assert steps[0].expected_bytes > 70 * 10_000
        assert [step.phase for step in steps][-2:] == ["indexing", "done"]


def test_pause_resume_and_cancel_take_effect_within_a_second(tmp_path: Path, folders: Folders) -> None:
    make_photos(tmp_path / "photos", 300)
    control = ScanControl()
    done = 0
    read_something = threading.Event()
    quiet = threading.Event()
    ended = threading.Event()

    def run() -> None:
        nonlocal done
        with open_library(folders, readers.brisk) as library:
            library.catalog.add_folder(tmp_path / "photos")
            for step in scan(library, control):
                done = step.done
                if step.done:
                    read_something.set()
                if step.paused:
                    quiet.set()
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert read_something.wait(30)
        control.pause()
        quiet.wait(30)
        threading.Event().wait(1.5)
        at_pause = done
        threading.Event().wait(1.5)
        assert done == at_pause < 300
        read_something.clear()
        control.resume()
        assert read_something.wait(1.5)
        begun = time.monotonic()
        control.cancel()
        assert ended.wait(10)
        assert time.monotonic() - begun < 1.5
    finally:
        control.cancel()
        thread.join()
    assert at_pause <= rows(folders, "SELECT count(*) FROM photos")[0][0] < 300


def test_a_paused_scan_can_be_cancelled(tmp_path: Path, folders: Folders) -> None:
    make_photos(tmp_path / "photos", 5)
    control = ScanControl()
    control.pause()
    with open_library(folders) as library:
        library.catalog.add_folder(tmp_path / "photos")
        steps = scan_until(library, lambda step: step.paused and step.phase == "reading", control)
        assert steps[-1].summary is not None
        assert library.catalog.counts().photos == 0


def test_a_folder_added_during_the_scan_is_taken_up(tmp_path: Path, folders: Folders) -> None:
    make_photos(tmp_path / "first", 3)
    make_photos(tmp_path / "second", 2, first=10)
    make_photos(tmp_path / "third", 2, first=20)
    with open_library(folders) as library:
        library.catalog.add_folder(tmp_path / "first")
        waiting = {"reading": tmp_path / "second", "indexing": tmp_path / "third"}
        summary = None
        for step in scan(library, ScanControl()):
            if step.phase in waiting:
                library.catalog.add_folder(waiting.pop(step.phase))
            summary = step.summary
        assert summary is not None
        assert figures(summary) == {"added": 7}
        assert all(folder.scanned for folder in library.catalog.folders())
        graph = library.searcher.graph_card()
        assert graph is not None
        assert graph.count == 7


def test_only_one_scan_runs_and_the_other_is_told_who_it_is(tmp_path: Path, folders: Folders) -> None:
    make_photos(tmp_path / "photos", 2)
    with open_library(folders) as library:
        library.catalog.add_folder(tmp_path / "photos")
        with scan_lock(folders.scan_lock):
            with pytest.raises(ScanRunning, match=f"process {os.getpid()}"):
                scan_all(library)
            done = photosim(folders.data, "scan", "--json")
            assert done.returncode == 1
            assert done.stdout == ""
            assert f"process {os.getpid()}" in done.stderr
            assert len(done.stderr.splitlines()) == 1
        assert figures(scan_all(library)) == {"added": 2}


def test_the_lock_of_a_killed_scan_is_free_again(folders: Folders, python: str) -> None:
    program = (
        "import sys, threading; from pathlib import Path; from photosim.scan.lock import scan_lock\n"
        "with scan_lock(Path(sys.argv[1])): print('held', flush=True); threading.Event().wait()"
    )
    holder = subprocess.Popen(
        [python, "-c", program, str(folders.scan_lock)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(ScanRunning, match=f"process {holder.pid}"), scan_lock(folders.scan_lock):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with scan_lock(folders.scan_lock):
        pass


def test_a_scan_dropped_by_another_thread_frees_the_lock_and_the_worker(
    tmp_path: Path, folders: Folders
) -> None:
    make_photos(tmp_path / "photos", 20)
    with open_library(folders) as library:
        library.catalog.add_folder(tmp_path / "photos")
        steps = scan(library, ScanControl())
        begun = threading.Thread(target=lambda: next(step for step in steps if step.phase == "reading"))
        begun.start()
        begun.join()
        steps.close()
        assert figures(scan_all(library)) == {"added": 20}


def test_a_model_that_cannot_run_ends_the_scan_with_one_error_and_the_next_goes_on(
    tmp_path: Path, folders: Folders
) -> None:
    make_photos(tmp_path / "photos", 2)
    with open_library(folders) as library:
        library.catalog.add_folder(tmp_path / "photos")
        library.device = "abacus"
        with pytest.raises(WorkerError, match="abacus"):
            scan_all(library)
        library.device = "cpu"
        assert figures(scan_all(library)) == {"added": 2}


def test_emptied_cache_and_lost_graph_are_made_again(place: Path) -> None:
    folders = folders_in(place)
    shutil.rmtree(folders.cache)
    shutil.rmtree(folders.index)
    with open_library(folders, readers.never) as library:
        assert figures(scan_all(library)) == {"unchanged": 7}
        graph = library.searcher.graph_card()
        assert graph is not None
        assert graph.count == 6


def test_a_library_inside_its_own_photo_folder_does_not_swallow_itself(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    make_photos(photos, 2)
    inner = Folders(photos / "lib", photos / "lib" / "cache", photos / "lib" / "logs")
    with open_library(inner) as library:
        library.catalog.add_folder(photos)
        (photos / "lib" / "stray.jpg").write_bytes(jpeg(5))
        assert figures(scan_all(library)) == {"added": 2}


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a small disk is mounted as root")
def test_a_full_disk_is_one_clear_line_and_what_was_read_is_kept(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    make_photos(tmp_path / "photos", 200)
    mount = ["mount", "-t", "tmpfs", "-o", "size=900k", "photosim-test", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        library = disk / "library"
        done = photosim(library, "add", tmp_path / "photos", "--json")
        assert done.returncode == 1, done.stderr
        assert done.stdout == ""
        assert "disk" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
        subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
        done = photosim(library, "scan", "--json")
        assert done.returncode == 0, done.stderr
        with open_library(Folders(library, library / "cache", library / "logs")) as opened:
            assert opened.catalog.check() is None
            assert opened.catalog.counts().photos == 200
            assert reasons(opened) == {}
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_catalog_closed_during_a_scan_is_an_error_of_the_library(tmp_path: Path, folders: Folders) -> None:
    make_photos(tmp_path / "photos", 2)
    with open_library(folders) as library:
        library.catalog.add_folder(tmp_path / "photos")
        library.catalog.close()
        with pytest.raises(LibraryError):
            run_to_end(scan(library, ScanControl()))
