"""The commands for models: what they print, what they refuse, and what the next command sees."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from photosim import cli
from photosim.library import Library
from photosim.model.card import CARD
from photosim.model.embedding import Embedding, load_embedding
from photosim.paths import Folders
from tests.made_photos import make_photos
from tests.models import NEW, OLD, OLD_TRUNK, make_model, make_new, make_old
from tests.scan.libraries import open_library, scan_all


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bundled"
    make_old(folder)
    monkeypatch.setattr("photosim.library.bundled_models", lambda: folder)
    return folder


def keep(library: Library, name: str) -> None:
    base = load_embedding(library.card)
    draft = library.store.draft(
        library.card, Embedding((-base.weights[0], base.weights[1]), base.biases), 0.5, {}, {"right_after": 7}
    )
    library.store.keep(draft, name)


@pytest.fixture
def home(bundled: Path, folders: Folders, tmp_path: Path) -> Folders:
    """A library of six photos and a model of one's own, Mine."""
    make_photos(tmp_path / "photos", 6)
    with open_library(folders) as library:
        library.catalog.add_folder(tmp_path / "photos")
        scan_all(library)
        keep(library, "Mine")
    return folders


def run(home: Folders, capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    status = cli.run(["--data-dir", str(home.data), "models", *map(str, words)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def answer(home: Folders, capsys: pytest.CaptureFixture[str], *words: str | Path) -> Any:
    status, output, errors = run(home, capsys, *words, "--json")
    assert (status, errors) == (0, ""), errors
    return json.loads(output)


def refused(home: Folders, capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    status, output, errors = run(home, capsys, *words)
    assert (status, output, len(errors.splitlines())) == (1, "", 1), errors
    return errors


def active(home: Folders, capsys: pytest.CaptureFixture[str]) -> str:
    (model,) = [model for model in answer(home, capsys, "list")["models"] if model["active"]]
    return str(model["name"])


def test_a_model_is_used_until_another_one_is(home: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    report = answer(home, capsys, "use", "Mine")
    version = report["version"]
    assert report == {"name": "Mine", "version": version, "active": True, "moving": None}
    assert active(home, capsys) == "Mine"
    assert (home.index / f"{version}.hnsw").exists(), "the next search has its graph"
    assert run(home, capsys, "use", OLD)[:2] == (0, f"photosim now ranks with {OLD}\n")
    assert active(home, capsys) == OLD
    assert "there is no model 'Yours'" in refused(home, capsys, "use", "Yours")


@pytest.mark.parametrize("name", ["photosim's own", "photosim\u2019s own", "PhotoSim's Own"])
def test_photosims_own_is_the_newest_bundled_model_and_no_other(
    home: Folders, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    run(home, capsys, "use", "Mine")
    assert answer(home, capsys, "use", name)["version"] == OLD and active(home, capsys) == OLD
    said = refused(home, capsys, "rename", "Mine", name)
    assert "means the model that came with photosim: choose another name" in said
    assert "came with photosim and cannot be deleted" in refused(home, capsys, "delete", name)


def test_a_model_of_another_trunk_says_what_is_to_be_done(
    home: Folders, bundled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_new(bundled)
    report = answer(home, capsys, "use", NEW)
    assert (report["active"], report["moving"]) == (False, {"to": NEW, "done": 0, "total": 6})
    assert active(home, capsys) == OLD
    status, output, _ = run(home, capsys, "use", NEW)
    assert status == 0 and "`photosim scan`" in output
    with open_library(home) as library:
        scan_all(library)
    assert active(home, capsys) == NEW


def test_a_list_names_each_model_once(home: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    _, output, _ = run(home, capsys, "list")
    first, second = output.splitlines()
    assert first == f"{OLD}  photosim's own  (active, bundled)"
    assert second.startswith("mine-") and second.endswith("  Mine")
    mine = answer(home, capsys, "list")["models"][1]
    assert (mine["parent"], mine["trunk"], mine["metrics"]) == (OLD, OLD_TRUNK, {"right_after": 7})


@pytest.mark.parametrize("change", [{"focus": 10**400}, {"metrics": {"mAP": 10**400}}])
def test_a_card_of_impossible_numbers_is_named_and_hides_no_other(
    home: Folders, capsys: pytest.CaptureFixture[str], change: dict[str, Any]
) -> None:
    make_model(home.models, "huge", OLD_TRUNK, with_trunk=False)
    path = home.models / "huge" / CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    status, output, errors = run(home, capsys, "list")
    assert status == 0 and "Mine" in output and "huge" not in output
    assert str(path) in errors and f"'{next(iter(change))}' is missing or impossible" in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_model_that_cannot_be_used_is_deleted_by_its_folders_name(
    home: Folders, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    for name in ("mine-old", "mine-other"):
        make_model(home.models, name, OLD_TRUNK, with_trunk=False)
        (home.models / name / CARD).write_text("{")
    _, _, errors = run(home, capsys, "list")
    assert "`photosim models delete mine-old` deletes it" in errors
    status, output, errors = run(home, capsys, "delete", "mine-old", *words)
    assert (status, errors) == (0, "")
    if words:
        assert json.loads(output) == {"name": "mine-old", "version": "mine-old"}
    else:
        assert output == "mine-old is deleted; photos and answers are untouched\n"
    assert not (home.models / "mine-old").exists() and (home.models / "mine-other").exists()
    assert "there is no model 'mine-old'" in refused(home, capsys, "delete", "mine-old")
    assert "there is no model '../models/mine-other'" in refused(
        home, capsys, "delete", "../models/mine-other"
    )


def test_a_model_is_renamed_and_deleted(home: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(home, capsys, "rename", "Mine", "Yours")["name"] == "Yours"
    assert "called 'colours-v1' already" in refused(home, capsys, "rename", "Yours", OLD)
    assert "cannot be renamed" in refused(home, capsys, "rename", OLD, "x")
    run(home, capsys, "use", "Yours")
    assert "choose another model first" in refused(home, capsys, "delete", "Yours")
    run(home, capsys, "use", OLD)
    status, output, _ = run(home, capsys, "delete", "Yours")
    assert status == 0 and "Yours is deleted" in output
    assert "came with photosim and cannot be deleted" in refused(home, capsys, "delete", OLD)
    assert [model["version"] for model in answer(home, capsys, "list")["models"]] == [OLD]


def test_a_model_goes_from_one_library_to_another(
    home: Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.photosim"
    assert answer(home, capsys, "export", "Mine", file)["file"] == str(file)
    assert "is there already" in (said := refused(home, capsys, "export", "Mine", file))
    assert "replace it with --overwrite" in said
    assert run(home, capsys, "export", "Mine", file, "--overwrite")[0] == 0
    assert "cannot be exported" in refused(home, capsys, "export", OLD, tmp_path / "old.photosim")
    assert "installed already, as Mine" in refused(home, capsys, "import", file)
    other = Folders(tmp_path / "other", tmp_path / "other" / "cache", tmp_path / "other" / "logs")
    report = answer(other, capsys, "import", file)
    assert (report["name"], report["trunk"]) == ("Mine", OLD_TRUNK)
    assert answer(other, capsys, "use", "Mine")["active"]
    file.write_bytes(file.read_bytes()[:-7])
    assert "damaged or cut off" in refused(other, capsys, "import", file)
    assert "does not exist" in refused(other, capsys, "import", tmp_path / "nothing")


def test_an_exported_file_gets_its_ending_and_the_network_is_said_in_words(
    home: Folders, bundled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, output, _ = run(home, capsys, "export", "Mine", tmp_path / "c2")
    file = tmp_path / "c2.photosim"
    own = f"it uses the network of photosim's own ({OLD})"
    assert status == 0 and output == f"Mine written to {file}; {own}\n" and file.is_file()
    assert str(file) in refused(home, capsys, "export", "Mine", tmp_path / "c2")
    assert answer(home, capsys, "export", "Mine", tmp_path / "c2.bin")["file"] == str(tmp_path / "c2.bin")
    (tmp_path / "folder").mkdir()
    assert "is there already: name another file\n" in refused(
        home, capsys, "export", "Mine", tmp_path / "folder"
    )
    run(home, capsys, "delete", "Mine")
    status, output, _ = run(home, capsys, "import", file)
    assert output == f"Mine is kept; {own}: `photosim models use Mine` ranks with it\n"
    run(home, capsys, "delete", "Mine")
    make_new(bundled)
    run(home, capsys, "use", NEW)
    with open_library(home) as library:
        scan_all(library)
        library.forget_other_models()
    _, output, _ = run(home, capsys, "import", file)
    earlier = f"it uses the network of photosim's earlier one ({OLD})"
    assert f"Mine is kept; {earlier}, for which the photos have to be read again: " in output


def test_the_status_has_the_names_of_models(
    home: Folders, bundled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def status(*words: str) -> str:
        assert cli.run(["--data-dir", str(home.data), "status", *words]) == 0
        return capsys.readouterr().out

    assert f"\nmodel photosim's own ({OLD}), device " in status()
    version = answer(home, capsys, "use", "Mine")["version"]
    assert "\nmodel Mine, device " in status()
    report = json.loads(status("--json"))
    assert (report["model"], report["model_name"]) == (version, "Mine")
    make_new(bundled)
    run(home, capsys, "use", NEW)
    assert f"\nmoving to photosim's own ({NEW}): 0 of 6 photos read for it\n" in status()


def test_a_model_whose_trunk_nobody_has_is_refused(
    home: Folders, bundled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(home, capsys, "export", "Mine", tmp_path / "mine.photosim")
    os.replace(bundled / OLD, tmp_path / "gone")
    make_model(bundled, "base", "trunk-2")
    run(home, capsys, "list")
    said = refused(home, capsys, "use", "Mine")
    assert f"needs the trunk {OLD_TRUNK}" in said
    _, output, _ = run(home, capsys, "export", "Mine", tmp_path / "again")
    assert f"it needs the network {OLD_TRUNK}, which no installed model has" in output
    with open_library(home) as library:
        library.delete_model("Mine")
    assert f"needs the trunk {OLD_TRUNK}" in refused(home, capsys, "import", tmp_path / "mine.photosim")


@pytest.mark.parametrize(
    "words", [["use"], ["rename", "x"], ["delete"], ["export", "x"], ["import"], ["use", "x", "--never"]]
)
def test_what_is_missing_is_a_mistake_of_typing(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.run(["models", *words])
    assert ended.value.code == 2
