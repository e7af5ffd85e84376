"""A tuning in its own process: it tells how it goes, stops at once, and takes nobody down with it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from photosim.catalog import Catalog
from photosim.library import Library
from photosim.model.card import ModelCard
from photosim.model.embedding import load_embedding
from photosim.paths import Folders
from photosim.teaching.gathering import divide
from photosim.teaching.lesson import TuningProgress
from photosim.teaching.run import Failed, Finished, TuningEvent, TuningRun
from photosim.teaching.tuning_worker import Tuner
from tests.commands import CHECKOUT
from tests.teaching import tuners
from tests.teaching.made_library import answer_by_redness, copy_of_library

pytestmark = pytest.mark.timeout(120)

ANSWERS = 40


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tuned")


@pytest.fixture
def taught(base: Path, tmp_path: Path) -> Folders:
    """The folders of a library with answers."""
    folders = copy_of_library(base, tmp_path / "copy")
    catalog = Catalog(folders.catalog)
    answer_by_redness(catalog, ANSWERS)
    catalog.close()
    return folders


@pytest.fixture
def card(taught: Folders) -> ModelCard:
    with Library(taught, "cpu") as library:
        return library.card


@contextmanager
def running(folders: Folders, card: ModelCard, tuner: Tuner) -> Iterator[TuningRun]:
    run = TuningRun(folders, card, tuner=tuner)
    try:
        yield run
    finally:
        run.cancel()


def to_end(run: TuningRun) -> list[TuningEvent]:
    events: list[TuningEvent] = []
    while not events or isinstance(events[-1], TuningProgress):
        events += run.poll(0.5)
    return events


def begun(run: TuningRun) -> None:
    while not run.poll(0.5):
        pass


def files_below(folder: Path) -> dict[str, str]:
    """Every file with its checksum, but for what SQLite keeps while somebody has the catalog open."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def test_a_tuning_tells_how_it_goes_and_brings_what_it_made(taught: Folders, card: ModelCard) -> None:
    with running(taught, card, tuners.at_once) as run:
        *before, last = to_end(run)
        process = psutil.Process(run.pid) if psutil.pid_exists(run.pid) else None
    assert before == [tuners.progress(step) for step in (1, 2, 3)]
    assert isinstance(last, Finished)
    tally = last.tally
    assert (tally.usable, tally.neither, tally.gone) == (ANSWERS, 0, 0)
    assert last.tuned.settings["answers"] == tally.training
    assert tally.kept_back == len(last.kept_back.triplets) > 0
    original, made = load_embedding(card), last.tuned.embedding
    assert np.array_equal(made.weight, -original.weight) and made.parts == original.parts
    assert last.kept_back.features.shape[1] == card.feature_dim
    assert process is None or not process.is_running()
    assert run.poll() == []


def test_answers_may_come_from_elsewhere_than_the_catalog(taught: Folders, card: ModelCard) -> None:
    catalog = Catalog(taught.catalog)
    answers = divide([answer.triplet for answer in catalog.answers.all()[:30]], {})
    catalog.answers.clear()
    catalog.close()
    run = TuningRun(taught, card, answers=answers, tuner=tuners.at_once)
    last = to_end(run)[-1]
    run.cancel()
    assert isinstance(last, Finished) and last.tally.usable == 30
    assert last.tally.kept_back == sum(answer.kept_back for answer in answers)


@pytest.mark.parametrize("tuner", [tuners.endless, tuners.busy])
def test_a_tuning_is_cancelled_within_a_second_and_leaves_no_trace(
    taught: Folders, card: ModelCard, tuner: Tuner
) -> None:
    before = files_below(taught.data)
    with running(taught, card, tuner) as run:
        begun(run)
        process = psutil.Process(run.pid)
        started = time.monotonic()
        run.cancel()
        assert time.monotonic() - started < 1
        assert not process.is_running()
        assert run.poll(0.2) == []
        run.cancel()
    assert files_below(taught.data) == before


def test_a_tuning_is_cancelled_while_it_starts(taught: Folders, card: ModelCard) -> None:
    for wait in (0.0, 0.05, 0.2, 0.4):
        run = TuningRun(taught, card, tuner=tuners.endless)
        run.poll(wait)
        started = time.monotonic()
        run.cancel()
        assert time.monotonic() - started < 1


def test_ctrl_c_does_not_reach_a_tuning_that_only_starts(taught: Folders, card: ModelCard) -> None:
    for wait in (0.0, 0.05, 0.2):
        with running(taught, card, tuners.at_once) as run:
            time.sleep(wait)
            os.kill(run.pid, signal.SIGINT)
            assert isinstance(to_end(run)[-1], Finished)


def test_polling_never_waits(taught: Folders, card: ModelCard) -> None:
    with running(taught, card, tuners.busy) as run:
        longest = 0.0
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            started = time.monotonic()
            run.poll()
            longest = max(longest, time.monotonic() - started)
            time.sleep(0.01)
        assert longest < 0.05


@pytest.mark.parametrize(("tuner", "how"), [(tuners.killed, "SIGKILL"), (tuners.faulty, "exit status 1")])
def test_a_tuning_that_dies_is_one_clear_line(
    taught: Folders, card: ModelCard, tuner: Tuner, how: str
) -> None:
    with running(taught, card, tuner) as run:
        *before, last = to_end(run)
    assert before == [tuners.progress(1)]
    assert isinstance(last, Failed)
    assert how in last.reason and "changed nothing" in last.reason and "\n" not in last.reason


def test_a_tuning_that_diverges_is_dropped_and_says_so(taught: Folders, card: ModelCard) -> None:
    with running(taught, card, tuners.diverging) as run:
        assert to_end(run)[-1] == Failed("the training diverged: answer more questions, then try again")


def test_what_cannot_be_learnt_from_is_refused(taught: Folders, card: ModelCard) -> None:
    catalog = Catalog(taught.catalog)
    while len(catalog.answers.all()) > 12:
        catalog.answers.undo()
    catalog.close()
    with running(taught, card, tuners.at_once) as run:
        assert to_end(run) == [Failed("12 answers so far: training begins at 20")]


def test_a_damaged_model_is_one_clear_line(taught: Folders, card: ModelCard, tmp_path: Path) -> None:
    with running(taught, replace(card, folder=tmp_path / "nowhere"), tuners.at_once) as run:
        (last,) = to_end(run)
    assert isinstance(last, Failed) and "nowhere" in last.reason and "get the model again" in last.reason


@pytest.mark.parametrize("tuner", ["endless", "busy"])
def test_a_tuning_ends_when_its_parent_is_killed(taught: Folders, python: str, tuner: str) -> None:
    before = files_below(taught.data)
    program = subprocess.Popen(
        [python, "-m", "tests.teaching.parent", str(taught.data), tuner],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert program.stdout is not None
        process = psutil.Process(int(program.stdout.readline()))
        process.send_signal(signal.SIGINT)  # Ctrl-C is for the parent
        with pytest.raises(psutil.TimeoutExpired):
            process.wait(timeout=0.3)
        program.kill()
        program.wait()
        process.wait(timeout=3)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.communicate()
    catalog = Catalog(taught.catalog)
    assert len(catalog.answers.all()) == ANSWERS and catalog.check() is None
    catalog.close()
    assert set(files_below(taught.data)) == set(before)
