"""`photosim train`, run as a program: a file of answers in, a model of one's own out."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from photosim.catalog import Answer, Catalog
from photosim.library import Library
from photosim.paths import Folders
from photosim.teaching.answer_files import read_answers, write_answers
from tests.commands import CHECKOUT, command, photosim, photosim_json
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
    """A file of answers by redness; the library itself has none."""
    path = tmp_path / "answers.csv"
    catalog = Catalog(folders.catalog)
    answer_by_redness(catalog, ANSWERS)
    assert write_answers(path, catalog) == ANSWERS
    catalog.answers.clear()
    with catalog._database.writing() as connection:
        connection.execute("DELETE FROM answer_sides")
    catalog.close()
    return path


def rows_of(path: Path) -> list[list[str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def write_rows(path: Path, rows: list[list[str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def own_models(folders: Folders) -> list[dict[str, Any]]:
    models = photosim_json(folders.data, "models", "list")["models"]
    return [model for model in models if not model["bundled"]]


def test_a_file_of_answers_becomes_a_model_that_waits_to_be_used(folders: Folders, file: Path) -> None:
    given = answers_in(folders)
    done = photosim(folders.data, "train", "--triplets", file, "--name", "Redness", "--json", timeout=150)
    assert done.returncode == 0, done.stderr
    assert "photosim models use Redness" in done.stderr
    report = json.loads(done.stdout)
    assert set(report) >= KEYS
    assert (report["name"], report["answers"]) == ("Redness", ANSWERS)
    assert ANSWERS * 0.1 <= report["kept_back"] <= ANSWERS * 0.3
    assert 0 <= report["low"] <= report["right_after"] / report["kept_back"] <= report["high"] <= 1
    assert 0 <= report["focus"] <= 1
    assert (report["unknown"], report["faulty"], report["gone"]) == ([], 0, 0)
    (model,) = own_models(folders)
    assert (model["name"], model["active"], model["parent"]) == ("Redness", False, report["parent"])
    assert model["metrics"]["right_after"] == report["right_after"]
    assert answers_in(folders) == given == []

    with Library(folders, "cpu") as library:
        (photo, *_) = library.catalog.photos(library.catalog.shown_ids().tolist()).values()
    before = photosim_json(folders.data, "search", photo.path)["results"]
    photosim_json(folders.data, "models", "use", "Redness")
    assert own_models(folders)[0]["active"]
    after = photosim_json(folders.data, "search", photo.path)
    assert after["results"][0]["path"] == photo.path
    assert after["focus"] == pytest.approx(report["focus"])
    assert [one["distance"] for one in after["results"]] != [one["distance"] for one in before]

    # Answers given in the window later are kept back where the model has not seen the anchor, and only there.
    catalog = Catalog(folders.catalog)
    catalog.answers.add_many(read_answers(file, catalog).triplets, "file")
    sides = {answer.anchor: answer.kept_back for answer in catalog.answers.all()}
    kept_back = sum(answer.kept_back for answer in catalog.answers.all())
    catalog.close()
    assert kept_back == report["kept_back"] and len(sides) > 1

    # The same file again says the same, and the name is taken now: said before any training.
    again = photosim(folders.data, "train", "--triplets", file, "--name", "redness")
    assert again.returncode == 1 and len(again.stderr.splitlines()) == 1
    assert "there is a model called 'redness' already: choose another name" in again.stderr


def answers_in(folders: Folders) -> list[Answer]:
    catalog = Catalog(folders.catalog)
    found = catalog.answers.all()
    catalog.close()
    return found


def test_the_answers_of_the_file_are_used_and_not_those_of_the_window(folders: Folders, file: Path) -> None:
    catalog = Catalog(folders.catalog)
    given = answer_by_redness(catalog, 25, seed=7)
    catalog.close()
    done = photosim(folders.data, "train", "--triplets", file, "--name", "Mine", timeout=150)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("trained on ") and " were before (" in first
    assert "focus" in second
    assert answers_in(folders) == given


def test_unknown_photos_are_named_and_the_rest_is_used(folders: Folders, file: Path, tmp_path: Path) -> None:
    (tmp_path / "new.jpg").write_bytes(b"no matter")
    rows = rows_of(file)
    rows += [["nowhere.jpg", *rows[1][1:]], ["new.jpg", *rows[2][1:]], rows[3][:2]]
    write_rows(file, rows)
    done = photosim(folders.data, "train", "--triplets", file, "--name", "Mine", "--json", timeout=150)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["answers"], report["unknown"], report["faulty"]) == (
        ANSWERS,
        ["nowhere.jpg", "new.jpg"],
        1,
    )
    assert f"line {ANSWERS + 2}: nowhere.jpg does not exist; left out" in done.stderr
    assert f"line {ANSWERS + 3}: new.jpg is not in the library: add its folder first; left out" in done.stderr
    assert f"line {ANSWERS + 4}: a photo is missing; left out" in done.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "the model's name is empty"),
        ("x" * 81, "81 characters long"),
        ("a\nb", "characters that cannot be shown"),
        ("deepranking-v2", "already: choose another name"),
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
