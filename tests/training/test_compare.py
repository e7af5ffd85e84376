"""The table: every row measured on the same tasks, and said in Markdown and JSON alike."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from photosim.atomic import sha256_of
from photosim.errors import ModelError, PhotosimError
from photosim.model.card import CARD, EMBEDDING, TRUNK_WEIGHTS, load_card
from photosim.model.registry import Registry
from photosim.paths import bundled_models
from photosim.training.compare import (
    Ranker,
    Tasks,
    find_models,
    main,
    make_tasks,
    markdown,
    measure,
    paths_of,
    rankers,
    report,
)
from photosim.training.validation import (
    Validation,
    ValidationSettings,
    choose_photos,
    kind_triplets,
    read_validation,
    thing_triplets,
)
from tests.made_photos import make_photos

BUNDLED = bundled_models() / "deepranking-v1"
SIZES = (6, 4, 3, 3)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare") / "photos"
    for number, name in enumerate("abcdefgh"):
        make_photos(folder / name, 4, first=4 * number)
    return folder


@pytest.fixture(scope="module")
def validation(photos: Path) -> Validation:
    return read_validation(choose_photos(photos, ValidationSettings(share=0.5, gallery=20)), [])


@pytest.fixture(scope="module")
def tasks(validation: Validation) -> Tasks:
    histograms = validation.histograms.astype(np.float16)
    return Tasks(
        validation, kind_triplets(validation, histograms, 100), thing_triplets(validation, histograms, 100)
    )


def two_part_model(folder: Path, sizes: tuple[int, ...] = SIZES) -> Path:
    """A model of two parts whose embedding takes kinds from the first path, things from the second."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    kind, thing = np.zeros((5, 16), np.float32), np.zeros((5, 16), np.float32)
    kind[:, :6], thing[:, 6:10] = generator.normal(size=(5, 6)), generator.normal(size=(5, 4))
    bias = np.full(5, 0.01, np.float32)
    save_file(
        {"kind.weight": kind, "thing.weight": thing, "kind.bias": bias, "thing.bias": bias},
        folder / EMBEDDING,
    )
    names = ("kind", "thing", "fine", "coarse")[: len(sizes)]
    weights = {
        f"reductions.{name}.weight": np.zeros((size, 9), np.float32)
        for name, size in zip(names, sizes, strict=True)
    }
    save_file(weights, folder / TRUNK_WEIGHTS)
    card = json.loads((BUNDLED / CARD).read_text()) | {
        "name": "two",
        "version": "two-1",
        "trunk": "two-trunk",
        "parts": [5, 5],
        "focus": 0.5,
        "feature_dim": 16,
        "files": {name: sha256_of(folder / name) for name in (EMBEDDING, TRUNK_WEIGHTS)},
    }
    (folder / CARD).write_text(json.dumps(card))
    return folder


def test_what_knows_everything_scores_one(tasks: Tasks) -> None:
    """An embedding of the answers themselves: the class is the kind, the photo the thing."""
    validation = tasks.validation
    photo = np.concatenate((np.arange(validation.gallery), validation.originals))
    label = np.append(validation.labels, np.full(validation.gallery - validation.held_out, 9))[photo]
    kind, thing = np.eye(10, dtype=np.float32)[label], np.eye(len(photo), dtype=np.float32)[photo]
    perfect = Ranker("perfect", np.hstack((kind, thing)), (10, len(photo)), 0.5)
    figures = measure(perfect, tasks)
    assert figures["kinds"]["mAP"] == figures["copies"]["overall"]["recall@1"] == 1.0
    assert figures["hard views"]["recall@1"] == figures["triplets"]["accuracy"] == 1.0
    # 16 photos kept back: every triplet's positive is among the thirty nearest.
    assert figures["triplets"]["score@30"] == len(tasks.kinds) + len(tasks.things)
    blind = measure(Ranker("blind", np.ones((len(photo), 1), np.float32), (1, 0), 0.0), tasks)
    assert blind["triplets"]["accuracy"] == 0.5
    assert blind["copies"]["overall"]["recall@1"] < 0.2


def test_one_class_kept_back_is_too_few(photos: Path) -> None:
    chosen = choose_photos(photos, ValidationSettings(share=0.1, gallery=10))
    one = read_validation(chosen, [])
    assert len(chosen.classes) == 1
    filled = Validation(**{**vars(one), "features": {"m": one.histograms.astype(np.float16)}})
    with pytest.raises(PhotosimError, match="keep back a larger share"):
        make_tasks(filled, "m")


def test_the_simple_rankings_know_what_they_are_known_for(tasks: Tasks) -> None:
    rows = {ranker.name: measure(ranker, tasks) for ranker in rankers(tasks.validation, [])}
    assert list(rows) == ["colour histogram", "perceptual hash"]
    assert rows["perceptual hash"]["copies"]["jpeg"]["recall@1"] == 1.0
    assert rows["colour histogram"]["copies"]["rotation"]["recall@1"] > 0.5
    for row in rows.values():
        assert set(row["copies"]) == {
            "crop",
            "perspective",
            "rotation",
            "blur",
            "jpeg",
            "light",
            "print",
            "overall",
        }


def test_a_model_of_two_parts_has_rows_for_every_focus_and_every_path(
    validation: Validation, tmp_path: Path
) -> None:
    card = load_card(two_part_model(tmp_path / "two"))
    assert paths_of(card) == (("kind", "thing", "fine", "coarse"), SIZES)
    rows = len(validation.histograms)
    features = np.random.default_rng(1).normal(size=(rows, 16)).astype(np.float16)
    filled = Validation(**{**vars(validation), "features": {"two-1": features}})
    found = {ranker.name: ranker for ranker in rankers(filled, [card])}
    assert list(found)[2:] == [
        "two-1, focus 0",
        "two-1, focus 0.5",
        "two-1, focus 1",
        "two-1 without kind, focus 0.5",
        "two-1 without thing, focus 0.5",
        "two-1 without fine, focus 0.5",
        "two-1 without coarse, focus 0.5",
    ]
    whole = found["two-1, focus 0.5"].embeddings
    # Without its path a part has nothing but its bias; the other part goes on as before.
    without = found["two-1 without kind, focus 0.5"].embeddings
    assert np.ptp(without[:, :5], axis=0).max() < 1e-6
    assert np.abs(whole[:, :5] - without[:, :5]).max() > 0.1
    np.testing.assert_allclose(without[:, 5:], whole[:, 5:], atol=0.05)


def test_weights_that_do_not_fit_their_card_are_refused(tmp_path: Path) -> None:
    assert paths_of(load_card(BUNDLED)) == ((), ())
    for number, sizes in enumerate([(6, 4, 3), (6, 4, 3, 2)]):
        with pytest.raises(ModelError, match="does not fit its card"):
            paths_of(load_card(two_part_model(tmp_path / str(number), sizes)))


def test_the_table_has_a_line_for_each_row_and_the_json_the_same_figures(tasks: Tasks) -> None:
    rows = [measure(ranker, tasks) for ranker in rankers(tasks.validation, [])]
    figures: dict[str, Any] = json.loads(json.dumps(report(tasks, rows, [])))
    assert figures["photos"] == 16 and figures["gallery"] == {"photos": 20, "of training classes": 4}
    assert figures["copies"] == 16 * 7 and figures["hard views"] == 32
    text = markdown(figures)
    assert "16 photos of 4 classes kept back; 112 transformed copies" in text
    lines = [line for line in text.splitlines() if line.startswith("| perceptual hash")]
    assert len(lines) == 2
    cells = [cell.strip() for cell in lines[0].split("|")]
    assert cells[2] == f"{rows[1]['kinds']['mAP']:.3f}"
    assert cells[5] == f"{rows[1]['copies']['overall']['recall@1']:.3f}"
    widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
    assert len(widths) == 2


def test_models_are_found_by_name_or_by_folder(tmp_path: Path) -> None:
    registry = Registry(bundled_models(), tmp_path / "none")
    copied = shutil.copytree(BUNDLED, tmp_path / "mine")
    found = find_models(["deepranking-v1", str(copied)], registry)
    assert [card.folder for card in found] == [BUNDLED, copied]
    with pytest.raises(ModelError, match="there is no model 'deepranking-v9'"):
        find_models(["deepranking-v9"], registry)


@pytest.mark.timeout(300)
def test_the_program_prints_the_table_and_writes_the_json(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    arguments = [str(photos), "--models", "deepranking-v1", "--share", "0.25", "--gallery", "10"]
    assert main([*arguments, "--copied", "2", "--json", str(file)]) == 0
    printed = capsys.readouterr()
    names = [row["name"] for row in json.loads(file.read_text())["rows"]]
    assert names == ["colour histogram", "perceptual hash", "raw features of lite0-224-1", "deepranking-v1"]
    for name in names:
        assert printed.out.count(f"| {name} |") == 2
    assert "28 of 28 photos and copies read" in printed.err


def test_the_program_says_in_one_line_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, line in (
        ([str(tmp_path / "nowhere")], "is not a folder"),
        ([str(tmp_path), "--models", "deepranking-v9"], "there is no model 'deepranking-v9'"),
        ([str(tmp_path), "--gallery", "1"], "must be two or more"),
        ([str(tmp_path), "--copied", "1"], "must be two or more"),
    ):
        assert main(arguments) == 1
        said = capsys.readouterr().err.splitlines()
        assert line in said[-1] and said[-1].startswith("compare: ")
