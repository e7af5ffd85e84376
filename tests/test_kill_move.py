"""The application is killed in the middle of a move to another model, again and again: nothing is mixed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from photosim.library import Library
from photosim.paths import library_folders
from photosim.scan.control import ScanControl
from photosim.scan.scanner import run_to_end, scan
from tests.commands import CHECKOUT
from tests.made_photos import make_photos
from tests.models import NEW, NEW_TRUNK, OLD, OLD_TRUNK, make_new, make_old
from tests.with_models import command_with

PHOTOS = 200
OFFLINE = 40
KILLS = 12
DIMENSIONS = {OLD_TRUNK: 48, NEW_TRUNK: 192}


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bundled"
    make_old(folder)
    monkeypatch.setattr("photosim.library.bundled_models", lambda: folder)
    return folder


@pytest.fixture
def old_library(bundled: Path, tmp_path: Path) -> Path:
    """A library on two drives, read with the old model; one drive is away, and the new model has come."""
    here, drive = tmp_path / "photos" / "here", tmp_path / "photos" / "drive"
    make_photos(here, PHOTOS - OFFLINE)
    make_photos(drive, OFFLINE, first=PHOTOS)
    shutil.copy(here / "photo-000.jpg", here / "copy.jpg")
    with Library(library_folders(tmp_path / "old"), "cpu") as library:
        library.catalog.add_folder(here)
        library.catalog.add_folder(drive)
        assert run_to_end(scan(library, ScanControl())).added == PHOTOS + 1
    drive.rename(tmp_path / "unplugged")
    make_new(bundled)
    return tmp_path / "old"


def look(root: Path, moments: random.Random) -> tuple[str, dict[int, bytes]]:
    """The model that answers and the new trunk's features by photo; fails where anything is amiss."""
    with Library(library_folders(root), "cpu") as library:
        assert library.catalog.check() is None
        ids = library.catalog.shown_ids().tolist()
        assert len(ids) == PHOTOS
        active = library.card
        assert active.version in (OLD, NEW)
        for photo in library.catalog.photos(ids).values():
            features = library.catalog.features_of(photo.id, active.trunk)
            assert features is not None, f"{photo.path} cannot be found with {active.version}"
        new: dict[int, bytes] = {}
        for trunk, dimensions in DIMENSIONS.items():
            for _, some, features in library.catalog.features_after(trunk, 0):
                assert features.shape[1] == dimensions
                if trunk == NEW_TRUNK:
                    new |= {int(one): row.tobytes() for one, row in zip(some, features, strict=True)}
        for exact in (True, False):
            photo_id = moments.choice(ids)
            features = library.searcher.features_of(photo_id)
            assert features is not None
            ranking = library.searcher.rank([features], exact=exact)
            assert (int(ranking.ids[0]), len(ranking)) == (photo_id, PHOTOS)
            assert ranking.distance[0] < 1e-3
        return active.version, new


def kill(program: subprocess.Popen[str], whole_group: bool) -> None:
    """End the program at once; its workers with it, or they have to find out by themselves."""
    if whole_group:
        os.killpg(program.pid, signal.SIGKILL)
        return
    children = psutil.Process(program.pid).children(recursive=True)
    program.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", ["scan", "gui"])
def test_killing_a_move_at_any_moment_loses_and_mixes_nothing(
    old_library: Path, bundled: Path, tmp_path: Path, how: str
) -> None:
    seed = int(time.time())
    print(f"random seed {seed}")
    moments = random.Random(seed)
    root = Path(shutil.copytree(old_library, tmp_path / "moving"))
    before: dict[int, bytes] = {}
    versions = [OLD]
    killed = moved = 0
    while killed < KILLS or not moved:
        program = subprocess.Popen(
            command_with(bundled, root, how),
            cwd=CHECKOUT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            # From the start over the reading and the thumbnails to the graph, the switch and the cleaning up.
            threading.Event().wait(moments.uniform(0.3, 9.0))
            if program.poll() is None:
                kill(program, whole_group=bool(killed % 2))
                killed += 1
        finally:
            if program.poll() is None:
                program.kill()
            program.communicate()
        version, new = look(root, moments)
        assert version == NEW or versions[-1] == OLD, "the old model came back"
        assert {photo: new.get(photo) for photo in before} == before, "work was lost or done twice"
        versions.append(version)
        before = new
        if version == NEW:
            moved += 1
            if killed < KILLS:  # it was faster than we are: once more
                shutil.rmtree(root)
                shutil.copytree(old_library, root)
                before, versions = {}, [OLD]

    (tmp_path / "unplugged").rename(tmp_path / "photos" / "drive")
    with Library(library_folders(root), "cpu") as library:
        run_to_end(scan(library, ScanControl()))
        assert library.catalog.trunks() == [NEW_TRUNK]
    version, ours = look(root, moments)
    assert version == NEW
    with Library(library_folders(tmp_path / "undisturbed"), "cpu") as library:
        for folder in ("here", "drive"):
            library.catalog.add_folder(tmp_path / "photos" / folder)
        run_to_end(scan(library, ScanControl()))
        expected = {
            photo.content_hash: library.catalog.features_of(photo.id, NEW_TRUNK)
            for photo in library.catalog.photos(library.catalog.shown_ids()).values()
        }
    with Library(library_folders(root), "cpu") as library:
        for photo in library.catalog.photos(library.catalog.shown_ids()).values():
            np.testing.assert_array_equal(
                np.frombuffer(ours[photo.id], np.float16), expected[photo.content_hash]
            )
