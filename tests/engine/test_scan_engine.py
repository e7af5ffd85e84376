"""What the scan worker does to a scan when files are bad, and what becomes of the others."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from photosim.engine.embed_files import embed_files
from photosim.engine.messages import Job, Outcome, PhotoFailed, PhotoKnown, PhotoRead, WorkerSetup
from photosim.engine.scan_engine import ScanEngine
from photosim.errors import WorkerError
from photosim.imaging.reading import content_hash
from tests.engine import readers
from tests.made_photos import jpeg, make_photos


@contextmanager
def running(setup: WorkerSetup, file_seconds: float = 60.0) -> Iterator[ScanEngine]:
    engine = ScanEngine(setup, known={}, file_seconds=file_seconds)
    try:
        yield engine
    finally:
        engine.close()


def outcomes_of(engine: ScanEngine, paths: list[Path]) -> dict[str, Outcome]:
    """Every outcome by file name; fails where a file has two."""
    for number, path in enumerate(paths):
        engine.submit(Job(number, str(path)))
    found: list[Outcome] = []
    while engine.in_flight:
        found += engine.outcomes(1.0)
    assert sorted(outcome.number for outcome in found) == list(range(len(paths)))
    return {paths[outcome.number].name: outcome for outcome in found}


def reasons(outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    return {name: item.reason for name, item in sorted(outcomes.items()) if isinstance(item, PhotoFailed)}


def mark(path: Path, ending: bytes) -> None:
    path.write_bytes(path.read_bytes() + ending)


def test_files_that_kill_the_worker_are_found_and_all_others_read(setup: WorkerSetup, tmp_path: Path) -> None:
    paths = make_photos(tmp_path, 30)
    mark(paths[3], readers.KILL)
    mark(paths[4], readers.BUG)
    mark(paths[29], readers.CRASH)
    with running(setup) as engine:
        outcomes = outcomes_of(engine, paths)
    assert reasons(outcomes) == {
        "photo-003.jpg": "crashed the reader (signal SIGKILL)",
        "photo-004.jpg": "crashed the reader (exit status 70)",
        "photo-029.jpg": "crashed the reader (signal SIGSEGV)",
    }
    assert sum(isinstance(item, PhotoRead) for item in outcomes.values()) == 27


def test_a_file_that_hangs_is_given_up_and_the_others_go_on(setup: WorkerSetup, tmp_path: Path) -> None:
    paths = make_photos(tmp_path, 10)
    mark(paths[0], readers.HANG)
    with running(setup, file_seconds=1.5) as engine:
        outcomes = outcomes_of(engine, paths)
    assert reasons(outcomes) == {"photo-000.jpg": "not read after 1.5 seconds"}


def test_a_file_that_holds_up_every_thread_takes_no_innocent_one_with_it(
    setup: WorkerSetup, tmp_path: Path
) -> None:
    # The slow one is being decoded on the other thread, and cannot go on: by its age it hangs as well.
    paths = make_photos(tmp_path, 6)
    mark(paths[0], readers.SLOW)
    mark(paths[1], readers.HOLD)
    with running(setup, file_seconds=1.5) as engine:
        outcomes = outcomes_of(engine, paths)
    assert reasons(outcomes) == {"photo-001.jpg": "not read after 1.5 seconds"}


def test_a_worker_killed_from_outside_blames_no_file_and_reads_none_twice(
    setup: WorkerSetup, tmp_path: Path
) -> None:
    paths = make_photos(tmp_path, 40)
    for path in paths[::8]:
        mark(path, readers.SLOW)
    counted: Counter[int] = Counter()
    with running(setup) as engine:
        for number, path in enumerate(paths):
            engine.submit(Job(number, str(path)))
        killed = False
        while engine.in_flight:
            for outcome in engine.outcomes(1.0):
                assert isinstance(outcome, PhotoRead)
                counted[outcome.number] += 1
            if counted and not killed:
                os.kill(engine.pid, signal.SIGKILL)
                killed = True
    assert killed
    assert counted == Counter(range(40))


def test_a_damaged_model_is_named_instead_of_starting_workers_without_end(
    setup: WorkerSetup, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for file in setup.cards[0].folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "trunk.onnx").write_bytes(b"no graph")
    with (
        running(replace(setup, cards=(replace(setup.cards[0], folder=folder),))) as engine,
        pytest.raises(WorkerError, match=r"trunk\.onnx"),
    ):
        outcomes_of(engine, make_photos(tmp_path, 1))


def test_a_worker_that_dies_at_every_start_ends_the_scan_with_an_error(
    setup: WorkerSetup, tmp_path: Path
) -> None:
    paths = make_photos(tmp_path, 3)
    with running(setup) as engine, pytest.raises(WorkerError, match=r"3 times in a row.*SIGKILL"):
        for number, path in enumerate(paths):
            engine.submit(Job(number, str(path)))
        while True:
            os.kill(engine.pid, signal.SIGKILL)
            engine.outcomes(0.2)


def test_a_content_is_decoded_once_whatever_it_is_called(
    setup: WorkerSetup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "decoded.txt"
    monkeypatch.setenv(readers.LOG_VARIABLE, str(log))
    paths = make_photos(tmp_path / "photos", 8)
    known = paths[0].read_bytes()
    late = tmp_path / "photos" / "late-copy.jpg"
    late.write_bytes(paths[5].read_bytes())
    engine = ScanEngine(setup, known={setup.cards[0].trunk: {content_hash(known)}})
    try:
        first = outcomes_of(engine, paths)
        second = outcomes_of(engine, [late])
    finally:
        engine.close()
    assert first["photo-000.jpg"] == PhotoKnown(0, content_hash(known))
    assert second["late-copy.jpg"] == PhotoKnown(0, content_hash(jpeg(5)))
    decoded = [content_hash(jpeg(number)).hex() for number in range(1, 8)]
    assert sorted(log.read_text().split()) == sorted(decoded)


def test_bad_files_say_why_and_keep_nobody_waiting(setup: WorkerSetup, tmp_path: Path) -> None:
    good, empty, text, pipe, gone, folder = (
        tmp_path / f"{name}.jpg" for name in ("good", "empty", "text", "pipe", "gone", "folder")
    )
    good.write_bytes(jpeg(1))
    empty.touch()
    text.write_text("Dear diary, today I took no photo at all.")
    os.mkfifo(pipe)
    folder.mkdir()
    with running(setup) as engine:
        found = reasons(outcomes_of(engine, [good, empty, text, pipe, gone, folder]))
    assert found == {
        "empty.jpg": "empty file",
        "text.jpg": "not an image photosim can read",
        "pipe.jpg": "not a regular file",
        "gone.jpg": "no longer there",
        "folder.jpg": "a folder, not a file",
    }


def test_closing_in_the_middle_ends_the_worker_at_once(setup: WorkerSetup, tmp_path: Path) -> None:
    paths = make_photos(tmp_path, 4)
    mark(paths[0], readers.HOLD)
    engine = ScanEngine(setup, known={})
    for number, path in enumerate(paths):
        engine.submit(Job(number, str(path)))
    while engine.ready is None:
        engine.outcomes(0.1)
    pid = engine.pid
    begun = time.monotonic()
    engine.close()
    assert time.monotonic() - begun < 1
    assert not psutil.pid_exists(pid)


def test_every_file_of_an_evaluation_is_an_item_copies_too(setup: WorkerSetup, tmp_path: Path) -> None:
    paths = make_photos(tmp_path, 3)
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(paths[1].read_bytes())
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(jpeg(9)[:300])
    results = dict(embed_files(setup, [*paths, copy, broken]))
    assert sorted(results) == [0, 1, 2, 3, 4]
    assert results[4] == "truncated: the end of the file is missing"
    assert isinstance(results[1], np.ndarray)
    assert results[1].dtype == np.float16
    np.testing.assert_array_equal(results[1], results[3])
    assert not np.array_equal(results[0], results[1])


def test_many_killers_in_a_row_do_not_end_the_scan(setup: WorkerSetup, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.jpg" for number in range(4)]
    for number, path in enumerate(paths):
        path.write_bytes(b"x" * number + readers.KILL)
    with running(replace(setup, threads=1, reader=readers.dangerous)) as engine:
        assert set(reasons(outcomes_of(engine, paths))) == {path.name for path in paths}
