"""The application is killed in the middle of a scan, again and again, and nothing is lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from photosim.catalog import Catalog
from photosim.imaging.reading import content_hash
from photosim.library import Library
from photosim.paths import library_folders
from tests.commands import CHECKOUT, command, photosim, photosim_json
from tests.made_photos import jpeg, make_photos

PHOTOS = 300
KILLS = 10


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 photos in three folders, ten of them twice, and two files that cannot be read."""
    root = tmp_path_factory.mktemp("kill") / "photos"
    for number, name in enumerate(("a", "b", "c")):
        make_photos(root / name, PHOTOS // 3, first=number * PHOTOS // 3)
    for number in range(10):
        shutil.copy(root / "a" / f"photo-{number:03}.jpg", root / "c" / f"copy-{number}.jpg")
    (root / "a" / "empty.jpg").touch()
    (root / "b" / "cut.jpg").write_bytes(jpeg(1)[:-100])
    return root


@pytest.fixture(scope="module")
def undisturbed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("undisturbed")
    report = photosim_json(library, "add", photos)
    assert (report["added"], report["failed"]) == (PHOTOS + 10, 2)
    return library


def contents(library: Path) -> dict[str, tuple[str, bytes]]:
    """Every path of the library with its content's hash and features; fails where a photo is doubled."""
    found: dict[str, tuple[str, bytes]] = {}
    with Library(library_folders(library), "cpu") as opened:
        assert opened.catalog.check() is None
        ids = opened.catalog.shown_ids().tolist()
        hashes = []
        for photo in opened.catalog.photos(ids).values():
            features = opened.catalog.features_of(photo.id, opened.card.trunk)
            assert features is not None, photo
            assert opened.thumbnails.get(photo.content_hash) is not None, photo
            hashes.append(photo.content_hash)
            for path in photo.paths:
                assert path not in found
                found[path] = (photo.content_hash.hex(), features.tobytes())
        assert len(set(hashes)) == len(hashes)
    return found


def add(library: Path, photos: Path) -> list[str]:
    return command(library, "add", photos)


def open_window(library: Path, photos: Path) -> list[str]:
    """The application itself, which goes on by itself with what is not yet scanned."""
    folders = library_folders(library)
    folders.create()
    catalog = Catalog(folders.catalog)
    catalog.add_folder(photos)
    catalog.close()
    return command(library, "gui")


def kill_group(scan: subprocess.Popen[str]) -> None:
    os.killpg(scan.pid, signal.SIGKILL)


def kill_alone(scan: subprocess.Popen[str]) -> None:
    """The worker is left behind, and has to find out by itself."""
    children = psutil.Process(scan.pid).children(recursive=True)
    scan.kill()
    gone, alive = psutil.wait_procs(children, timeout=5)
    assert not alive


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("begin", "longest", "kill"),
    [(add, 2.5, kill_group), (add, 2.5, kill_alone), (open_window, 4.0, kill_alone)],
)
def test_nothing_is_lost_or_doubled_by_killing_scans_at_any_moment(
    photos: Path,
    undisturbed: Path,
    tmp_path: Path,
    begin: Callable[[Path, Path], list[str]],
    longest: float,
    kill: Callable[[subprocess.Popen[str]], None],
) -> None:
    library = tmp_path / "library"
    seed = int(time.time())
    print(f"random seed {seed}")
    moments = random.Random(seed)
    kept = 0
    killed = 0
    while killed < KILLS:
        scan = subprocess.Popen(
            begin(library, photos),
            cwd=CHECKOUT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            # From before the catalog is there, over the worker's start, into the reading and the index.
            threading.Event().wait(moments.uniform(0.05, longest))
            if scan.poll() is None:
                kill(scan)
                killed += 1
        finally:
            if scan.poll() is None:
                scan.kill()
            scan.communicate()
        status = photosim_json(library, "status")
        assert status["photos"] >= kept, "photos that had been read were lost"
        kept = status["photos"]
        found = contents(library)
        for path, (digest, _) in found.items():
            assert digest == content_hash(Path(path).read_bytes()).hex()
        if found:
            # Whatever the graph on disk is, a search answers with all there is.
            query = moments.choice(sorted(found))
            first = photosim_json(library, "search", query, "-k", "1")["results"][0]
            assert query in first["paths"]
        if len(found) == PHOTOS + 10 and killed < KILLS:
            shutil.rmtree(library)  # the scan was faster than we are: begin anew
            kept = 0

    final = photosim_json(library, "scan")
    assert final["unchanged"] + final["added"] == PHOTOS + 10
    ours, theirs = contents(library), contents(undisturbed)
    assert {path: digest for path, (digest, _) in ours.items()} == {
        path: digest for path, (digest, _) in theirs.items()
    }
    for path, (_, features) in ours.items():
        np.testing.assert_allclose(
            np.frombuffer(features, np.float16).astype(np.float32),
            np.frombuffer(theirs[path][1], np.float16).astype(np.float32),
            atol=2e-2,
        )
    reasons = [
        [item["reason"] for item in photosim_json(where, "failures")["failures"]]
        for where in (library, undisturbed)
    ]
    assert reasons[0] == reasons[1]
    for path in moments.sample(sorted(ours), 5):
        for options in ([], ["--exact"]):
            results = [
                photosim_json(where, "search", path, "-k", "10", *options)["results"]
                for where in (library, undisturbed)
            ]
            assert [item["path"] for item in results[0]] == [item["path"] for item in results[1]]
    doctor = {check["name"]: check for check in photosim_json(library, "doctor")["checks"]}
    assert doctor["catalog"]["ok"] and doctor["index"]["ok"], doctor
    assert f"{PHOTOS} vectors" in doctor["index"]["detail"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killing_at_the_end_leaves_a_whole_index_or_none(photos: Path, tmp_path: Path) -> None:
    # The moments around the writing of the graph: it is there and sound, or made again.
    library = tmp_path / "library"
    photosim_json(library, "add", photos)
    moments = random.Random(5)
    for _ in range(KILLS):
        shutil.rmtree(library / "index")
        scan = subprocess.Popen(
            command(library, "scan"),
            cwd=CHECKOUT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not (library / "index").exists() and scan.poll() is None:
            threading.Event().wait(0.005)
        threading.Event().wait(moments.uniform(0.0, 0.4))
        os.killpg(scan.pid, signal.SIGKILL)
        scan.communicate()
        path = photos / "b" / f"photo-{moments.randrange(100, 200)}.jpg"
        assert photosim_json(library, "search", path, "-k", "1")["results"][0]["path"] == str(path)
        index = photosim_json(library, "status")["index"]
        assert index is None or index["count"] == PHOTOS
    photosim(library, "scan")
    assert photosim_json(library, "status")["index"]["count"] == PHOTOS
