"""`photosim train`, run as a program: a file of answers in, a model of one's own out."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from photosim.catalog import Answer, Catalog
from photosim.cli import _of_note
from photosim.library import Library
from photosim.paths import Folders
from photosim.teaching.answer_files import read_answers, write_answers
from photosim.teaching.gathering import Tally
from tests.commands import CHECKOUT, command, photosim, photosim_json
from tests.gui.libraries import folders_in
from tests.teaching.made_library import answer_by_redness, copy_of_library

pytestmark = pytest.mark.timeout(180)

ANSWERS = 60
KEYS = {"name", "answers", "kept_back", "right_before", "right_after", "focus"}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def folders(base: Path, tmp_path: Path) -> Folders:
    return copy_of_library(base, tmp_path / "copy")


@pytest.fixture
def file(folders: Folders, tmp_path: Path) -> Path:
    return made_file(folders, tmp_path / "answers.csv")


def made_file(folders: Folders, path: Path) -> Path:
    """A file of answers by redness; the library itself has none."""
    catalog = Catalog(folders.catalog)
    answer_by_redness(catalog, ANSWERS)
    assert write_answers(path, catalog) == ANSWERS
    catalog.answers.clear()
    with catalog._database.writing() as connection:
        connection.execute("DELETE FROM answer_sides")
    catalog.close()
    return path


@dataclass(frozen=True)
class Training:
    """A training that was run: its report, what it said, and the library and file as they are then."""

    report: dict[str, Any]
    said: str
    folders: Folders
    file: Path
    given: list[Answer]


@pytest.fixture(scope="session")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Training:
    """A file with lines that cannot be used, in a library with answers of its own. To be read alone."""
    place = tmp_path_factory.mktemp("training")
    folders = copy_of_library(base, place / "copy")
    file = made_file(folders, place / "answers.csv")
    (place / "new.jpg").write_bytes(b"no matter")
    rows = rows_of(file)
    rows += [["nowhere.jpg", *rows[1][1:]], ["new.jpg", *rows[2][1:]], rows[3][:2]]
    write_rows(file, rows)
    catalog = Catalog(folders.catalog)
    given = answer_by_redness(catalog, 25, seed=7)
    catalog.close()
    done = photosim(folders.data, "train", "--triplets", file, "--name", "Redness", "--json", timeout=150)
    assert done.returncode == 0, done.stderr
    return Training(json.loads(done.stdout), done.stderr, folders, file, given)


@pytest.fixture
def afterwards(trained: Training, tmp_path: Path) -> Folders:
    """A copy of the library as the training left it."""
    shutil.copytree(trained.folders.data, tmp_path / "afterwards")
    return folders_in(tmp_path / "afterwards")


def rows_of(path: Path) -> list[list[str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def write_rows(path: Path, rows: list[list[str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def own_models(folders: Folders) -> list[dict[str, Any]]:
    models = photosim_json(folders.data, "models", "list")["models"]
    return [model for model in models if not model["bundled"]]


def test_a_file_of_answers_becomes_a_model_that_waits_to_be_used(
    trained: Training, afterwards: Folders
) -> None:
    report, folders = trained.report, afterwards
    assert "photosim models use Redness" in trained.said
    assert set(report) >= KEYS
    assert (report["name"], report["answers"]) == ("Redness", ANSWERS)
    assert ANSWERS * 0.1 <= report["kept_back"] <= ANSWERS * 0.3
    assert 0 <= report["low"] <= report["right_after"] / report["kept_back"] <= report["high"] <= 1
    assert 0 <= report["focus"] <= 1 and report["gone"] == 0
    (model,) = own_models(folders)
    assert (model["name"], model["active"], model["parent"]) == ("Redness", False, report["parent"])
    assert model["metrics"]["right_after"] == report["right_after"]

    with Library(folders, "cpu") as library:
        (photo, *_) = library.catalog.photos(library.catalog.shown_ids().tolist()).values()
    before = photosim_json(folders.data, "search", photo.path)["results"]
    photosim_json(folders.data, "models", "use", "Redness")
    assert own_models(folders)[0]["active"]
    after = photosim_json(folders.data, "search", photo.path)
    assert after["results"][0]["path"] == photo.path
    assert after["focus"] == pytest.approx(report["focus"])
    assert [one["distance"] for one in after["results"]] != [one["distance"] for one in before]


def test_answers_given_later_are_kept_back_where_the_model_has_not_seen_their_anchor(
    trained: Training, afterwards: Folders
) -> None:
    catalog = Catalog(afterwards.catalog)
    triplets = read_answers(trained.file, catalog).triplets
    catalog.answers.add_many(triplets, "file")
    by_triplet = {answer.triplet: answer.kept_back for answer in catalog.answers.all()}
    catalog.close()
    assert sum(by_triplet[triplet] for triplet in triplets) == trained.report["kept_back"]


def test_a_name_that_is_taken_by_ones_own_model_is_refused_before_training(
    trained: Training, afterwards: Folders
) -> None:
    again = photosim(afterwards.data, "train", "--triplets", trained.file, "--name", "redness")
    assert again.returncode == 1
    assert "there is a model called 'redness' already: choose another name" in again.stderr.splitlines()[-1]


def answers_in(folders: Folders) -> list[Answer]:
    catalog = Catalog(folders.catalog)
    found = catalog.answers.all()
    catalog.close()
    return found


def test_the_answers_of_the_file_are_used_and_not_those_of_the_window(trained: Training) -> None:
    assert trained.report["answers"] == ANSWERS
    assert answers_in(trained.folders) == trained.given


def test_unknown_photos_are_named_and_the_rest_is_used(trained: Training) -> None:
    report = trained.report
    assert (report["answers"], report["unknown"], report["faulty"]) == (
        ANSWERS,
        ["nowhere.jpg", "new.jpg"],
        1,
    )
    for number, words in enumerate(
        (
            "nowhere.jpg does not exist",
            "new.jpg is not in the library: add its folder first",
            "a photo is missing",
        ),
        ANSWERS + 2,
    ):
        assert f"line {number}: {words}; left out" in trained.said


@pytest.mark.slow
def test_what_came_of_it_is_said_in_words(folders: Folders, file: Path) -> None:
    rows = rows_of(file)
    write_rows(file, [*rows, [rows[1][0], rows[1][2], rows[1][1]]])
    lost = rows[2][1]
    with Library(folders, "cpu") as library:
        (digest,) = library.catalog.hashes_by_path([lost]).values()
        (photo_id,) = library.catalog.ids_by_hash([digest]).values()
        with library.catalog._database.writing() as connection:
            connection.execute("DELETE FROM features WHERE photo_id = ?", (photo_id,))
    gone = sum(lost in row for row in rows_of(file))
    done = photosim(folders.data, "train", "--triplets", file, "--name", "Mine", timeout=150)
    assert done.returncode == 0, done.stderr
    first, second, contradicting, left_out = done.stdout.splitlines()
    assert first.startswith("trained on ") and " were before (" in first
    assert "focus" in second
    assert contradicting.startswith("2 of the answers contradict each other")
    assert left_out.startswith(f"{gone} of the answers left out")


@pytest.mark.parametrize(
    ("contradicting", "gone", "expected"),
    [
        (0, 0, []),
        (2, 0, ["2 of the answers contradict"]),
        (0, 3, ["3 of the answers left out"]),
        (4, 1, ["4 of", "1 of"]),
    ],
)
def test_contradicting_and_lost_answers_have_a_line_each(
    contradicting: int, gone: int, expected: list[str]
) -> None:
    lines = _of_note(Tally(40, 10, 0, contradicting, gone))
    assert [line.startswith(start) for line, start in zip(lines, expected, strict=True)] == [True] * len(
        lines
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "the model's name is empty"),
        ("x" * 81, "81 characters long"),
        ("a\nb", "characters that cannot be shown"),
        ("deepranking-v2", "already: choose another name"),
        ("photosim’s own", "means the model that came with photosim: choose another name"),
    ],
)
def test_a_name_that_cannot_be_had_is_refused_before_training(
    folders: Folders, file: Path, name: str, words: str
) -> None:
    done = photosim(folders.data, "train", "--triplets", file, "--name", name)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert words in done.stderr


def test_fewer_than_twenty_answers_are_refused(folders: Folders, file: Path) -> None:
    write_rows(file, rows_of(file)[:20])
    done = photosim(folders.data, "train", "--triplets", file, "--name", "Mine")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"photosim: {file} has 19 usable answers: training begins at 20\n"
    assert own_models(folders) == []


def test_answers_that_are_all_alike_are_refused(folders: Folders, file: Path) -> None:
    rows = rows_of(file)
    alike = [[rows[1][0], *row[1:]] for row in rows[1:] if rows[1][0] not in row[1:]]
    write_rows(file, [rows[0], *alike])
    done = photosim(folders.data, "train", "--triplets", file, "--name", "Mine")
    assert (done.returncode, done.stdout) == (1, "")
    assert "answers are about one photo: answer questions about others too" in done.stderr


def test_a_folder_that_is_not_in_the_library_is_to_be_added_first(
    folders: Folders, file: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    done = photosim(empty, "train", "--triplets", file, "--name", "Mine")
    assert done.returncode == 1
    *named, more, last = done.stderr.splitlines()
    assert len(named) == 5 and all("add its folder first" in line for line in named)
    assert "more photos that are not in the library" in more
    assert last == f"photosim: {file} has 0 usable answers: training begins at 20"


def test_what_is_missing_on_the_command_line_is_said(folders: Folders, file: Path) -> None:
    assert photosim(folders.data, "train", "--name", "Mine").returncode == 2
    assert photosim(folders.data, "train", "--triplets", file).returncode == 2
    done = photosim(folders.data, "train", "--triplets", "nowhere.csv", "--name", "Mine")
    assert done.returncode == 1 and "nowhere.csv does not exist" in done.stderr


@pytest.mark.parametrize("wait", [0.0, 0.1, 0.5, 1.5])
def test_ctrl_c_leaves_no_model_and_no_process(folders: Folders, file: Path, wait: float) -> None:
    program = subprocess.Popen(
        command(folders.data, "train", "--triplets", str(file), "--name", "Mine"),
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        process = psutil.Process(program.pid)
        while not process.children():
            threading.Event().wait(0.01)
        children = process.children(recursive=True)
        threading.Event().wait(wait)
        os.killpg(program.pid, signal.SIGINT)  # a terminal sends it to all of them
        output, errors = program.communicate(timeout=10)
    finally:
        if program.poll() is None:
            os.killpg(program.pid, signal.SIGKILL)
            program.communicate()
    assert (program.returncode, output) == (130, ""), errors
    assert errors.splitlines()[-1] == "photosim: interrupted: no model was made"
    assert "Traceback" not in errors
    assert not psutil.wait_procs(children, timeout=3)[1]
    assert own_models(folders) == []
    assert [path.name for path in folders.models.iterdir() if path.name != ".lock"] == []
