"""What the window may rely on while the user asks for photos that are good, bad and worse."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from photosim.engine.interactive import InteractiveWorker
from photosim.engine.messages import WorkerSetup
from photosim.errors import PhotosimError, UnreadablePhoto, WorkerError
from photosim.imaging.reading import content_hash
from tests.engine import readers
from tests.made_photos import jpeg

PATIENCE = 30.0


@pytest.fixture(scope="module")
def shared_worker(setup: WorkerSetup) -> Iterator[InteractiveWorker]:
    """One worker for the tests that leave it alive."""
    worker = InteractiveWorker(setup)
    worker.examine(jpeg(0)).result(PATIENCE)
    yield worker
    worker.close()


def test_a_photo_has_its_features_facts_and_thumbnail(
    shared_worker: InteractiveWorker, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(1))
    examined = shared_worker.examine(path).result(PATIENCE)
    assert examined.content_hash == content_hash(jpeg(1))
    assert (examined.facts.width, examined.facts.height) == (96, 64)
    assert examined.thumbnail.startswith(b"\xff\xd8")
    assert examined.features.dtype == np.float16
    dropped = shared_worker.examine(jpeg(1)).result(PATIENCE)
    np.testing.assert_array_equal(dropped.features, examined.features)


def test_a_region_is_another_query_than_its_photo(shared_worker: InteractiveWorker) -> None:
    whole = shared_worker.examine(jpeg(1)).result(PATIENCE)
    part = shared_worker.examine(jpeg(1), (0.0, 0.0, 0.4, 0.4)).result(PATIENCE)
    assert part.content_hash == whole.content_hash
    assert not np.array_equal(part.features, whole.features)


def test_a_preview_is_never_enlarged(shared_worker: InteractiveWorker) -> None:
    assert shared_worker.preview(jpeg(1), 48).result(PATIENCE).pixels.shape == (32, 48, 3)
    assert shared_worker.preview(jpeg(1), 5000).result(PATIENCE).pixels.shape == (64, 96, 3)


def test_photos_that_end_the_worker_fail_alone(setup: WorkerSetup) -> None:
    worker = InteractiveWorker(setup, request_seconds=1.5)
    try:
        for ending, reason in {
            readers.KILL: "crashed the reader (signal SIGKILL)",
            readers.BUG: "crashed the reader (exit status 1)",
            readers.HANG: "not read after 1.5 seconds",
            readers.HOLD: "not read after 1.5 seconds",
        }.items():
            bad = worker.examine(jpeg(2) + ending)
            after = worker.examine(jpeg(3))
            with pytest.raises(UnreadablePhoto) as caught:
                bad.result(PATIENCE)
            assert caught.value.reason == reason
            assert after.result(PATIENCE).content_hash == content_hash(jpeg(3))
    finally:
        worker.close()


def test_bad_requests_are_refused_by_a_worker_that_stays(
    shared_worker: InteractiveWorker, tmp_path: Path
) -> None:
    shared_worker.examine(jpeg(0)).result(PATIENCE)
    pid = shared_worker.pid
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    for request in (
        shared_worker.examine(tmp_path / "nowhere.jpg"),
        shared_worker.examine(b""),
        shared_worker.examine(b"no image"),
        shared_worker.examine(jpeg(1)[:200]),
        shared_worker.examine(jpeg(1), (0.5, 0.5, 0.9, 0.9)),
        shared_worker.examine(pipe),
        shared_worker.preview(tmp_path, 100),
    ):
        with pytest.raises(PhotosimError):
            request.result(PATIENCE)
    assert shared_worker.pid == pid


def test_a_worker_that_died_between_two_requests_is_replaced_unnoticed(setup: WorkerSetup) -> None:
    worker = InteractiveWorker(setup)
    try:
        worker.examine(jpeg(0)).result(PATIENCE)
        (process,) = [child for child in multiprocessing.active_children() if child.pid == worker.pid]
        process.kill()
        process.join()
        assert worker.examine(jpeg(1)).result(PATIENCE).facts.width == 96
    finally:
        worker.close()


def test_queries_go_before_previews_and_new_previews_before_old_ones(
    shared_worker: InteractiveWorker,
) -> None:
    order: list[str] = []
    all_done = threading.Semaphore(0)

    def note(name: str, future: Future[object]) -> None:
        def done(finished: Future[object]) -> None:
            order.append(name if not finished.cancelled() else f"{name} cancelled")
            all_done.release()

        future.add_done_callback(done)

    note("running", shared_worker.examine(jpeg(4) + readers.SLOW))
    note("old preview", shared_worker.preview(jpeg(1), 50))
    given_up = shared_worker.preview(jpeg(2), 50)
    note("given up", given_up)
    note("new preview", shared_worker.preview(jpeg(3), 50))
    note("query", shared_worker.examine(jpeg(1)))
    assert given_up.cancel()
    for _ in range(5):
        assert all_done.acquire(timeout=PATIENCE)
    assert order == ["given up cancelled", "running", "query", "new preview", "old preview"]


def test_a_preview_nobody_waits_for_any_more_is_not_worked_on(
    setup: WorkerSetup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "decoded.txt"
    monkeypatch.setenv(readers.LOG_VARIABLE, str(log))
    worker = InteractiveWorker(setup)
    try:
        first = worker.examine(jpeg(1) + readers.SLOW)
        given_up = worker.examine(jpeg(2))
        last = worker.examine(jpeg(3))
        assert given_up.cancel()
        first.result(PATIENCE)
        last.result(PATIENCE)
    finally:
        worker.close()
    expected = [content_hash(jpeg(1) + readers.SLOW).hex(), content_hash(jpeg(3)).hex()]
    assert log.read_text().split() == expected


@pytest.mark.parametrize("ending", [readers.HANG, readers.HOLD])
def test_closing_does_not_wait_for_a_photo_that_hangs(setup: WorkerSetup, ending: bytes) -> None:
    worker = InteractiveWorker(setup)
    worker.examine(jpeg(0)).result(PATIENCE)
    pid = worker.pid
    running = worker.examine(jpeg(1) + ending)
    waiting = worker.examine(jpeg(2))
    while not running.running():
        threading.Event().wait(0.01)
    begun = time.monotonic()
    worker.close()
    assert time.monotonic() - begun < 2
    with pytest.raises(WorkerError):
        running.result(0)
    with pytest.raises(CancelledError):
        waiting.result(0)
    assert pid is not None
    assert not psutil.pid_exists(pid)
    with pytest.raises(CancelledError):
        worker.examine(jpeg(3)).result(0)


def test_closing_while_the_worker_starts_does_not_wait_for_it(setup: WorkerSetup) -> None:
    worker = InteractiveWorker(setup)
    worker.warm()
    begun = time.monotonic()
    worker.close()
    assert time.monotonic() - begun < 2


def test_a_worker_that_cannot_start_says_why_at_every_request(setup: WorkerSetup, tmp_path: Path) -> None:
    empty = tmp_path / "model"
    empty.mkdir()
    worker = InteractiveWorker(replace(setup, cards=(replace(setup.cards[0], folder=empty),)))
    try:
        for number in range(2):
            with pytest.raises(WorkerError, match=r"trunk\.onnx"):
                worker.examine(jpeg(number)).result(PATIENCE)
    finally:
        worker.close()
