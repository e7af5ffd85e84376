"""A library moves to a better model: the old one answers until the new one has seen every photo."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from photosim.catalog.schema import MIGRATIONS
from photosim.errors import WorkerError
from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import read_photo
from photosim.model.card import TRUNK_GRAPH
from photosim.model.runtime import open_runtime
from photosim.paths import Folders
from photosim.scan.control import ScanControl
from photosim.scan.scanner import ScanProgress, scan
from tests.engine import readers
from tests.made_photos import jpeg, make_photos
from tests.models import NEW, NEW_TRUNK, OLD, OLD_TRUNK, make_model, make_new, make_old
from tests.scan.libraries import figures, open_library, reasons, rows, scan_all, scan_until

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of bundled models of this test's photosim: the old one alone."""
    folder = tmp_path / "bundled"
    make_old(folder)
    monkeypatch.setattr("photosim.library.bundled_models", lambda: folder)
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    make_photos(folder, 6)
    shutil.copy(folder / "photo-000.jpg", folder / "copy.jpg")
    return folder


@pytest.fixture
def scanned(bundled: Path, photos: Path, folders: Folders) -> Folders:
    """A library of six photos, one of them twice, read with the old model before there was a new one."""
    with open_library(folders) as library:
        library.catalog.add_folder(photos)
        assert figures(scan_all(library)) == {"added": 7}
        assert (library.card.version, library.next_card) == (OLD, None)
    return folders


@pytest.fixture
def old_library(scanned: Folders, bundled: Path) -> Folders:
    """The same, opened by a photosim that brings the new model."""
    make_new(bundled)
    return scanned


def features_by_trunk(folders: Folders) -> dict[str, int]:
    return dict(rows(folders, "SELECT trunk, count(*) FROM features GROUP BY trunk"))  # type: ignore[arg-type]


def provisional(folders: Folders) -> int:
    ((count,),) = rows(folders, "SELECT count(*) FROM features WHERE provisional")
    return int(str(count))


def found_first(library, path: Path) -> tuple[str, int]:  # type: ignore[no-untyped-def]
    """The name of the best result for a photo, and how many there are."""
    example = library.example(path)
    ranking = library.searcher.rank([example.features])
    assert example.trunk == library.searcher.card.trunk
    photo = library.catalog.photo(int(ranking.ids[0]))
    assert photo is not None
    return photo.name, len(ranking)


def test_a_new_library_begins_with_the_newest_bundled_model(bundled: Path, folders: Folders) -> None:
    make_new(bundled)
    with open_library(folders) as library:
        assert (library.card.version, library.next_card) == (NEW, None)
        assert library.moving() is None


def test_an_old_library_keeps_answering_until_the_new_model_has_seen_all_photos(
    old_library: Folders, photos: Path
) -> None:
    with open_library(old_library) as library:
        assert library.card.version == OLD and library.next_card is not None
        assert found_first(library, photos / "photo-003.jpg") == ("photo-003.jpg", 6)
        move = library.moving()
        assert move is not None and (move.to, move.done, move.total) == (NEW, 0, 6)
        steps = list(scan(library, ScanControl()))
        assert library.card.version == NEW
        assert library.moving() is None
        assert found_first(library, photos / "photo-003.jpg") == ("photo-003.jpg", 6)
        graph = library.searcher.graph_card()
        assert graph is not None and graph.count == 6
    moving = [step for step in steps if step.phase == "moving"]
    assert moving and {step.to for step in moving} == {NEW}
    assert (moving[-1].known + moving[-1].done, moving[-1].known + moving[-1].total) == (6, 6)
    summary = steps[-1].summary
    assert summary is not None and figures(summary) == {"unchanged": 7}
    assert [photo_id for step in steps for photo_id in step.new_ids] == []
    assert features_by_trunk(old_library) == {NEW_TRUNK: 6}
    assert sorted(path.name for path in old_library.index.iterdir()) == [f"{NEW}.hnsw", f"{NEW}.json"]
    with open_library(old_library, readers.never) as library:
        assert library.card.version == NEW
        assert figures(scan_all(library)) == {"unchanged": 7}


def test_features_of_the_new_trunk_are_what_its_model_sees_of_the_files(
    old_library: Folders, photos: Path
) -> None:
    with open_library(old_library) as library:
        scan_all(library)
        card = library.card
        runtime = open_runtime(card, "cpu", threads=1)
        wanted = NetworkInput(card.input_size, card.geometry)
        for path in photos.glob("photo-*.jpg"):
            photo = library.catalog.photo_by_path(str(path))
            assert photo is not None
            stored = library.catalog.features_of(photo.id, card.trunk)
            assert stored is not None
            expected = runtime.features(read_photo(path.read_bytes(), wanted).pixels[None])[0]
            np.testing.assert_allclose(stored, expected, atol=2e-3)


def test_a_library_of_before_models_were_written_down_keeps_its_model(
    old_library: Folders, photos: Path
) -> None:
    """Its catalog has the first schema: no active model, no provisional features, no answers, no wish."""
    connection = sqlite3.connect(old_library.catalog)
    with connection:
        connection.executescript(
            "DROP TABLE answers; DROP TABLE answer_sides; ALTER TABLE library DROP COLUMN wish;"
            "DROP INDEX features_provisional; DROP INDEX features_of_trunk;"
            "ALTER TABLE features DROP COLUMN provisional;"
            "ALTER TABLE library DROP COLUMN model; ALTER TABLE library DROP COLUMN trunk;"
            "PRAGMA user_version = 1;"
        )
    connection.close()
    assert len(MIGRATIONS) > 1
    with open_library(old_library) as library:
        assert library.card.version == OLD and library.next_card is not None
        assert found_first(library, photos / "photo-001.jpg") == ("photo-001.jpg", 6)
        scan_all(library)
        assert library.card.version == NEW


def test_a_cancelled_move_goes_on_where_it_was(bundled: Path, tmp_path: Path, folders: Folders) -> None:
    make_photos(tmp_path / "many", 40)
    with open_library(folders) as library:
        library.catalog.add_folder(tmp_path / "many")
        scan_all(library)
    make_new(bundled)
    control = ScanControl()
    with open_library(folders, readers.brisk) as library:
        scan_until(library, lambda step: step.phase == "moving" and step.done > 0, control)
        assert library.card.version == OLD
        move = library.moving()
        assert move is not None and 0 < move.done < 40
        assert features_by_trunk(folders) == {OLD_TRUNK: 40, NEW_TRUNK: move.done}
    before = rows(folders, f"SELECT photo_id, seq FROM features WHERE trunk = '{NEW_TRUNK}'")
    with open_library(folders) as library:
        steps = list(scan(library, ScanControl()))
        assert library.card.version == NEW
    first = next(step for step in steps if step.phase == "moving")
    assert (first.known, first.total) == (move.done, 40 - move.done)
    after = rows(folders, "SELECT photo_id, seq FROM features")
    assert len(after) == 40 and set(before) <= set(after), "a photo was read twice"


def test_photos_that_come_during_a_move_are_found_by_the_model_that_answers(
    old_library: Folders, photos: Path
) -> None:
    (photos / "late.jpg").write_bytes(jpeg(77))
    control = ScanControl()
    with open_library(old_library) as library:
        scan_until(library, lambda step: step.phase == "moving", control)
        assert library.card.version == OLD
        assert features_by_trunk(old_library) == {OLD_TRUNK: 7, NEW_TRUNK: 1}
        library.searcher.refresh()
        assert found_first(library, photos / "late.jpg") == ("late.jpg", 7)
        scan_all(library)
        assert found_first(library, photos / "late.jpg") == ("late.jpg", 7)
    assert features_by_trunk(old_library) == {NEW_TRUNK: 7}


def test_a_folder_added_during_a_move_does_not_wait_for_its_end(
    bundled: Path, tmp_path: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photosim.scan.scanner.LOOK_SECONDS", 0.0)
    make_photos(tmp_path / "many", 80)
    make_photos(tmp_path / "more", 3, first=100)
    with open_library(folders) as library:
        library.catalog.add_folder(tmp_path / "many")
        scan_all(library)
    make_new(bundled)
    phases: list[str] = []
    with open_library(folders, readers.brisk) as library:
        for step in scan(library, ScanControl()):
            if not phases or phases[-1] != step.phase:
                phases.append(step.phase)
            if step.phase == "moving" and step.done and len(library.catalog.folders()) == 1:
                library.catalog.add_folder(tmp_path / "more")
            if step.new_ids:
                assert library.card.version == OLD
                move = library.moving()
                assert move is not None and move.done < 80
        assert library.card.version == NEW
        summary = step.summary
    assert phases[-6:] == ["moving", "reading", "indexing", "moving", "indexing", "done"]
    assert summary is not None and figures(summary) == {"added": 3, "unchanged": 80}
    assert features_by_trunk(folders) == {NEW_TRUNK: 83}


def test_thumbnails_are_not_written_again_and_lost_ones_are(old_library: Folders, photos: Path) -> None:
    with open_library(old_library) as library:
        photo = library.catalog.photo_by_path(str(photos / "photo-002.jpg"))
        kept = library.catalog.photo_by_path(str(photos / "photo-003.jpg"))
        assert photo is not None and kept is not None
        library.thumbnails.remove_many([photo.content_hash])
        library.thumbnails.put_many([(kept.content_hash, b"as it was")])
        scan_all(library)
        assert library.thumbnails.get(photo.content_hash) is not None
        assert library.thumbnails.get(kept.content_hash) == b"as it was"


def test_a_file_that_cannot_be_read_any_more_does_not_hold_up_the_new_model(
    old_library: Folders, photos: Path
) -> None:
    broken = photos / "photo-004.jpg"
    status = broken.stat()
    broken.write_bytes(b"x" * status.st_size)
    os.utime(broken, ns=(status.st_atime_ns, status.st_mtime_ns))
    with open_library(old_library) as library:
        summary = scan_all(library)
        assert library.card.version == NEW
        assert reasons(library) == {"photo-004.jpg": "not an image photosim can read"}
        assert figures(summary) == {"unchanged": 6, "failed": 1}


def test_of_two_copies_the_second_is_read_where_the_first_cannot_be(
    old_library: Folders, photos: Path
) -> None:
    first = photos / "copy.jpg"
    status = first.stat()
    first.write_bytes(b"x" * status.st_size)
    os.utime(first, ns=(status.st_atime_ns, status.st_mtime_ns))
    with open_library(old_library) as library:
        scan_all(library)
        assert library.card.version == NEW
        assert found_first(library, photos / "photo-000.jpg") == ("photo-000.jpg", 6)


@pytest.fixture
def two_drives(bundled: Path, tmp_path: Path, folders: Folders) -> Iterator[tuple[Folders, Path, Path]]:
    """A library of three photos here and three on a drive that was unplugged before the new model came."""
    here, drive = tmp_path / "here", tmp_path / "drive"
    make_photos(here, 3)
    make_photos(drive, 3, first=10)
    with open_library(folders) as library:
        library.catalog.add_folder(here)
        library.catalog.add_folder(drive)
        assert figures(scan_all(library)) == {"added": 6}
    make_new(bundled)
    drive.rename(tmp_path / "unplugged")
    yield folders, here, drive


def test_photos_on_an_unplugged_drive_are_found_by_their_thumbnails_until_it_is_back(
    two_drives: tuple[Folders, Path, Path], tmp_path: Path
) -> None:
    folders, here, drive = two_drives
    with open_library(folders) as library:
        steps = list(scan(library, ScanControl()))
        assert library.card.version == NEW
        assert features_by_trunk(folders) == {NEW_TRUNK: 6}
        assert provisional(folders) == 3
        assert found_first(library, drive / "photo-011.jpg") == ("photo-011.jpg", 6)
        away = library.catalog.photo_by_path(str(drive / "photo-011.jpg"))
        assert away is not None and away.offline
        from_thumbnail = library.catalog.features_of(away.id, NEW_TRUNK)
    moving = [step for step in steps if step.phase == "moving"]
    assert (moving[-1].known + moving[-1].done, moving[-1].known + moving[-1].total) == (6, 6)

    with open_library(folders, readers.never) as library:  # nothing more to do while it is away
        assert figures(scan_all(library)) == {"unchanged": 3}

    (tmp_path / "unplugged").rename(drive)
    with open_library(folders) as library:
        assert figures(scan_all(library)) == {"unchanged": 6}
        assert provisional(folders) == 0
        from_file = library.catalog.features_of(away.id, NEW_TRUNK)
        assert from_file is not None and from_thumbnail is not None
        assert not np.array_equal(from_file, from_thumbnail)
        np.testing.assert_allclose(from_file, from_thumbnail, atol=0.1)
        assert found_first(library, drive / "photo-011.jpg") == ("photo-011.jpg", 6)


def test_a_copy_elsewhere_of_a_photo_known_by_its_thumbnail_is_read(
    two_drives: tuple[Folders, Path, Path], tmp_path: Path
) -> None:
    folders, here, _ = two_drives
    with open_library(folders) as library:
        scan_all(library)
        assert provisional(folders) == 3
        shutil.copy(tmp_path / "unplugged" / "photo-012.jpg", here / "again.jpg")
        scan_all(library)
        assert provisional(folders) == 2


def test_without_any_photo_within_reach_the_old_model_stays(
    old_library: Folders, photos: Path, tmp_path: Path
) -> None:
    photos.rename(tmp_path / "unplugged")
    with open_library(old_library) as library:
        scan_all(library)
        assert library.card.version == OLD
        assert features_by_trunk(old_library)[OLD_TRUNK] == 6
        assert found_first(library, photos / "photo-001.jpg") == ("photo-001.jpg", 6)
    (tmp_path / "unplugged").rename(photos)
    with open_library(old_library) as library:
        scan_all(library)
        assert library.card.version == NEW
        assert provisional(old_library) == 0


def test_a_model_of_ones_own_stays_whatever_is_bundled(scanned: Folders, bundled: Path) -> None:
    make_model(scanned.models, "mine", OLD_TRUNK, with_trunk=False, seed=5)
    connection = sqlite3.connect(scanned.catalog)
    with connection:
        connection.execute("UPDATE library SET model = 'mine'")
    connection.close()
    make_new(bundled)
    with open_library(scanned, readers.never) as library:
        assert (library.card.version, library.next_card) == ("mine", None)
        assert figures(scan_all(library)) == {"unchanged": 7}
        assert library.card.version == "mine"
    shutil.rmtree(scanned.models / "mine")
    with open_library(scanned) as library:
        assert library.card.version == OLD, "the same trunk's bundled model answers instead"


def test_a_library_whose_model_is_gone_is_read_anew_once(scanned: Folders, photos: Path) -> None:
    """Its trunk is nowhere any more: the bundled model's features take the old ones' place, and stay."""
    connection = sqlite3.connect(scanned.catalog)
    with connection:
        connection.execute("UPDATE library SET model = 'mine', trunk = 'mine-1'")
        connection.execute("UPDATE features SET trunk = 'mine-1'")
    connection.close()
    with open_library(scanned) as library:
        assert (library.card.version, library.next_card) == (OLD, None)
        scan_all(library)
        assert found_first(library, photos / "photo-002.jpg") == ("photo-002.jpg", 6)
    assert features_by_trunk(scanned) == {OLD_TRUNK: 6}
    with open_library(scanned, readers.never) as library:
        assert figures(scan_all(library)) == {"unchanged": 7}


def test_a_new_version_of_the_same_trunk_takes_over_without_opening_a_photo(
    scanned: Folders, bundled: Path, photos: Path
) -> None:
    make_model(bundled, "colours-v3", OLD_TRUNK, seed=9, with_trunk=False)
    with open_library(scanned, readers.never) as library:
        assert library.next_card is not None
        assert figures(scan_all(library)) == {"unchanged": 7}
        assert library.card.version == "colours-v3"
        assert features_by_trunk(scanned) == {OLD_TRUNK: 6}
    with open_library(scanned) as library:
        assert found_first(library, photos / "photo-005.jpg") == ("photo-005.jpg", 6)


def test_a_damaged_new_model_leaves_the_old_one_in_place(
    old_library: Folders, bundled: Path, photos: Path
) -> None:
    (bundled / NEW / TRUNK_GRAPH).write_bytes(b"no graph")
    with open_library(old_library) as library:
        with pytest.raises(WorkerError, match=r"trunk\.onnx"):
            scan_all(library)
        assert library.card.version == OLD
        assert found_first(library, photos / "photo-001.jpg") == ("photo-001.jpg", 6)


def test_another_program_follows_a_library_that_has_moved(old_library: Folders, photos: Path) -> None:
    with open_library(old_library) as window, open_library(old_library) as command:
        assert found_first(window, photos / "photo-001.jpg") == ("photo-001.jpg", 6)
        assert not window.follow()
        scan_all(command)
        assert window.follow() and not window.follow()
        assert window.card.version == NEW
        assert found_first(window, photos / "photo-001.jpg") == ("photo-001.jpg", 6)


def test_old_features_left_by_a_crash_go_with_the_next_scan(
    old_library: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The switch is one row of the catalog; what comes after it may be cut off at any moment."""

    class Crash(Exception):
        pass

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr("photosim.library.Library.forget_other_models", crash)
        with open_library(old_library) as library, pytest.raises(Crash):
            scan_all(library)
    assert features_by_trunk(old_library) == {OLD_TRUNK: 6, NEW_TRUNK: 6}
    with open_library(old_library, readers.never) as library:
        assert library.card.version == NEW
        scan_all(library)
    assert features_by_trunk(old_library) == {NEW_TRUNK: 6}


def test_a_crash_before_the_switch_leaves_the_old_model(
    old_library: Folders, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(Exception):
        pass

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr("photosim.catalog.Catalog.set_active_model", crash)
        with open_library(old_library) as library, pytest.raises(Crash):
            scan_all(library)
    with open_library(old_library, readers.never) as library:
        assert library.card.version == OLD
        assert found_first(library, photos / "photo-001.jpg") == ("photo-001.jpg", 6)
        scan_all(library)
        assert library.card.version == NEW


def test_the_bar_has_something_to_say_before_the_first_photo_is_read(old_library: Folders) -> None:
    with open_library(old_library) as library:
        first: ScanProgress = next(step for step in scan(library, ScanControl()) if step.phase == "moving")
    assert (first.done, first.total, first.known, first.to) == (0, 6, 0, NEW)
    assert first.expected_bytes > 0
