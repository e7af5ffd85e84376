"""Killed while a user answers, trains and keeps: answers stay, models are whole or not there."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from photosim.catalog import Catalog
from photosim.library import Library
from photosim.model.embedding import load_embedding
from photosim.paths import Folders
from photosim.teaching.answer_files import write_answers
from tests.commands import CHECKOUT, command, photosim, photosim_json
from tests.teaching.made_library import answer_by_redness, copy_of_library

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ANSWERS = 50
KILLS = 8

ANSWERING = """
import sys
from pathlib import Path
from photosim.catalog import Catalog
catalog = Catalog(Path(sys.argv[1]))
first = int(sys.argv[2])
for number in range(first, first + 100_000):
    anchor = (number // 3).to_bytes(16, "big")
    answer = catalog.answers.add(anchor, number.to_bytes(17, "big"), b"less", source="question")
    print(number, int(answer.kept_back), flush=True)
"""


@pytest.fixture
def moments() -> random.Random:
    seed = int(time.time())
    print(f"random seed {seed}")
    return random.Random(seed)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("taught")


@pytest.fixture
def folders(base: Path, tmp_path: Path) -> Folders:
    """A library with answers, and a file of them beside it."""
    folders = copy_of_library(base, tmp_path / "copy")
    catalog = Catalog(folders.catalog)
    answer_by_redness(catalog, ANSWERS)
    write_answers(tmp_path / "answers.csv", catalog)
    catalog.close()
    return folders


def test_no_answer_is_lost_by_killing_who_takes_them(tmp_path: Path, moments: random.Random) -> None:
    path = tmp_path / "catalog.sqlite3"
    said: dict[int, bool] = {}
    for _ in range(10):
        program = subprocess.Popen(
            [sys.executable, "-c", ANSWERING, str(path), str(len(said))],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert program.stdout is not None
        program.stdout.readline()
        said[len(said)] = False  # it is there, whatever its side: see below
        threading.Event().wait(moments.uniform(0.0, 0.5))
        program.kill()
        rest = program.communicate()[0].splitlines(keepends=True)
        for line in rest:
            if line.endswith("\n"):  # the last one may be cut: not yet said
                number, kept_back = map(int, line.split())
                said[number] = bool(kept_back)
        catalog = Catalog(path)
        answers = catalog.answers.all()
        assert catalog.check() is None
        catalog.close()
        # All that was said, in order, and at most one that was saved and not said any more.
        assert [int.from_bytes(answer.positive, "big") for answer in answers] == list(range(len(answers)))
        assert len(said) <= len(answers) <= len(said) + 1
        for answer in answers[: len(said)]:
            number = int.from_bytes(answer.positive, "big")
            said[number] = said[number] or answer.kept_back
            assert answer.kept_back == said[number]
        if len(answers) > len(said):
            said[len(said)] = answers[-1].kept_back
    sides = {(answer.anchor, answer.kept_back) for answer in answers}
    assert len(sides) == len({anchor for anchor, _ in sides})
    assert len(answers) > 10


def begin_training(folders: Folders, file: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(folders.data, "train", "--triplets", file, "--name", "Mine"),
        cwd=CHECKOUT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_group(training: subprocess.Popen[bytes]) -> None:
    os.killpg(training.pid, signal.SIGKILL)


def kill_alone(training: subprocess.Popen[bytes]) -> None:
    """The process that tunes is left behind, and has to find out by itself."""
    children = psutil.Process(training.pid).children(recursive=True)
    training.kill()
    assert not psutil.wait_procs(children, timeout=5)[1]


def whole_models(folders: Folders) -> list[str]:
    """The names of the user's models; fails where one of them, or an answer, is not whole."""
    with Library(folders, "cpu") as library:
        assert library.registry.faults() == []
        own = [card for card in library.registry.cards() if not card.bundled]
        for card in own:
            embedding = load_embedding(card)
            assert np.isfinite(embedding.weight).all()
            assert {"right_before", "right_after", "kept_back"} <= set(card.metrics)
        assert len(library.catalog.answers.all()) == ANSWERS
        assert library.catalog.check() is None
        assert {path.name for path in folders.models.iterdir()} - {".lock"} == {card.version for card in own}
    return [card.name for card in own]


@pytest.mark.parametrize("kill", [kill_group, kill_alone])
def test_killing_a_training_leaves_answers_and_no_half_a_model(
    folders: Folders,
    tmp_path: Path,
    moments: random.Random,
    kill: Callable[[subprocess.Popen[bytes]], None],
) -> None:
    file = tmp_path / "answers.csv"
    started = time.monotonic()
    photosim(folders.data, "train", "--triplets", file, "--name", "Whole", timeout=200)
    longest = time.monotonic() - started
    photosim_json(folders.data, "models", "delete", "Whole")
    killed = 0
    for _ in range(KILLS):
        training = begin_training(folders, file)
        threading.Event().wait(moments.uniform(0.1, longest))
        if training.poll() is None:
            kill(training)
            killed += 1
        training.wait()
        if whole_models(folders):
            assert training.poll() == 0 or training.returncode == -signal.SIGKILL
            photosim_json(folders.data, "models", "delete", "Mine")
    assert killed >= KILLS // 2
    assert photosim(folders.data, "train", "--triplets", file, "--name", "Mine", timeout=200).returncode == 0
    assert whole_models(folders) == ["Mine"]


def test_killing_while_a_model_is_kept_leaves_it_whole_or_not_at_all(
    folders: Folders, tmp_path: Path, moments: random.Random
) -> None:
    file = tmp_path / "answers.csv"
    seen = set()
    for _ in range(KILLS):
        training = begin_training(folders, file)
        while (
            training.poll() is None
            and not any(folders.models.glob("[!.]*"))
            and not any(folders.models.glob(".new-*"))
        ):
            threading.Event().wait(0.0005)
        threading.Event().wait(moments.uniform(0.0, moments.choice([0.0, 0.02, 0.2, 0.5])))
        if training.poll() is None:
            kill_group(training)
        training.wait()
        names = whole_models(folders)
        seen.add(tuple(names))
        if names:
            photosim_json(folders.data, "models", "use", "Mine")
            with Library(folders, "cpu") as library:
                assert library.card.name == "Mine"
            photosim_json(folders.data, "models", "use", "deepranking-v2")
            photosim_json(folders.data, "models", "delete", "Mine")
    print(f"came out of it: {seen}")
    assert seen <= {(), ("Mine",)}
