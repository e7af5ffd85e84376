"""The user's own models: kept whole or not at all, renamed, deleted, exchanged as one file."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from photosim.errors import ModelError
from photosim.model.card import CARD, EMBEDDING, MAX_CARD_BYTES, TRUNK_GRAPH, TRUNK_WEIGHTS, ModelCard
from photosim.model.embedding import Embedding, load_embedding
from photosim.model.registry import Registry
from photosim.model.store import MAX_EXPORT_BYTES, Draft, ModelStore
from photosim.model.trunk_changes import load_weights
from tests.commands import CHECKOUT
from tests.models import make_model, make_tuned
from tests.programs import run_at_once


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def bundled(tmp_path: Path) -> Path:
    folder = tmp_path / "bundled"
    make_model(folder, "base", "trunk-1", parts=(12, 8))
    return folder


@pytest.fixture
def registry(bundled: Path, tmp_path: Path) -> Registry:
    return Registry(bundled, tmp_path / "own")


@pytest.fixture
def store(registry: Registry, tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "own", registry)


def drafted(store: ModelStore, registry: Registry, seed: int = 3, **more: Any) -> Draft:
    """A model tuned from the bundled one, as if by answers."""
    parent = registry.get("base")
    base = load_embedding(parent)
    random = np.random.default_rng(seed)
    kind, thing = (weight + random.normal(0, 0.1, weight.shape).astype(np.float32) for weight in base.weights)
    return store.draft(
        parent, Embedding((kind, thing), base.biases), 0.7, {"answers": 30}, {"right_after": 5}, **more
    )


def files_below(folder: Path) -> set[str]:
    """All that lies in the folder of models but its lock."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != ".lock"}


# Keeping


def test_a_kept_model_is_what_was_tuned(store: ModelStore, registry: Registry, tmp_path: Path) -> None:
    draft = drafted(store, registry)
    assert files_below(tmp_path / "own") == set(), "a draft is in memory alone"
    card = store.keep(draft, "  My idea ", metrics={"kept_back": 6})
    assert card.name == "My idea"
    assert (card.version, card.folder) == (draft.card.version, draft.card.folder)
    assert (card.parent, card.trunk, card.licence, card.source) == (
        "base",
        "trunk-1",
        "CC0",
        "made by a test",
    )
    assert (card.focus, card.parts, card.bundled) == (0.7, (12, 8), False)
    assert card.metrics == {"right_after": 5, "kept_back": 6}
    assert json.loads((card.folder / CARD).read_text())["training"] == {"answers": 30}
    rows = np.random.default_rng(1).random((5, card.feature_dim), dtype=np.float32)
    assert np.array_equal(load_embedding(card)(rows), draft.embedding(rows))
    assert registry.get("My idea") == card
    assert card.read_file(TRUNK_GRAPH) == registry.get("base").read_file(TRUNK_GRAPH)
    assert files_below(tmp_path / "own") == {
        card.version,
        f"{card.version}/{CARD}",
        f"{card.version}/{EMBEDDING}",
    }


def test_a_draft_can_be_read_like_a_kept_model(store: ModelStore, registry: Registry) -> None:
    draft = drafted(store, registry, files={"more.bin": b"123"}, entries={"trunk": "trunk-1", "of": "base"})
    assert draft.card.lender == registry.get("base")
    card = store.keep(draft, "Mine")
    assert card.read_file("more.bin") == b"123"
    assert json.loads((card.folder / CARD).read_text())["of"] == "base"


def test_a_model_of_one_part_is_kept_too(tmp_path: Path) -> None:
    make_model(tmp_path / "bundled", "one", "trunk-1", parts=(0, 12))
    registry = Registry(tmp_path / "bundled", tmp_path / "own")
    store = ModelStore(tmp_path / "own", registry)
    parent = registry.get("one")
    card = store.keep(store.draft(parent, load_embedding(parent), 0.5, {}, {}), "Uno")
    rows = np.ones((2, card.feature_dim), np.float32)
    assert np.array_equal(load_embedding(card)(rows), load_embedding(parent)(rows))


@pytest.mark.parametrize("name", ["", " \t", "two\nlines", "x" * 81, "\u202e", "\ud800"])
def test_a_name_that_is_none_is_refused(store: ModelStore, registry: Registry, name: str) -> None:
    with pytest.raises(ModelError, match="name"):
        store.keep(drafted(store, registry), name)
    assert len(registry.cards()) == 1


def test_the_name_of_photosims_own_is_reserved(store: ModelStore, registry: Registry, tmp_path: Path) -> None:
    card = store.keep(drafted(store, registry), "Mine")
    for refused in (
        lambda: store.keep(drafted(store, registry, 4), "photosim's own"),
        lambda: store.rename(card, "PHOTOSIM\u2019S OWN"),
    ):
        with pytest.raises(ModelError, match="came with photosim: choose another name"):
            refused()
    entries = json.loads((card.folder / CARD).read_text())
    (card.folder / CARD).write_text(json.dumps(entries | {"name": "photosim\u2019s own"}))
    file = tmp_path / "own.photosim"
    store.export(registry.get(card.version), file)
    store.delete(registry.get(card.version))
    assert store.import_(file).name == "photosim\u2019s own 2"
    assert store.free_name("photosim's own (" + "x" * 63 + ")").endswith(" 2")


@pytest.mark.parametrize("name", ["Mine", "MINE", " mine", "base", "Base", "Cafe\u0301"])
def test_no_two_models_have_one_name(store: ModelStore, registry: Registry, name: str) -> None:
    store.keep(drafted(store, registry), "Mine")
    store.keep(drafted(store, registry, 4), "Caf\u00e9")
    with pytest.raises(ModelError, match="already: choose another name"):
        store.keep(drafted(store, registry, 5), name)
    assert store.free_name("Mine") == "Mine 2"
    assert store.free_name("x" * 80) == "x" * 80


def test_a_full_disk_leaves_no_half_model(
    store: ModelStore, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = drafted(store, registry)
    written: list[int] = []

    def full(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("photosim.model.store.os.fsync", full)
    with pytest.raises(ModelError, match="is full: free some space") as refused:
        store.keep(draft, "Mine")
    assert "\n" not in str(refused.value)
    assert files_below(tmp_path / "own") == set()
    monkeypatch.undo()
    assert store.keep(draft, "Mine").name == "Mine"


# Renaming and deleting


def test_a_renamed_model_is_the_same_model(store: ModelStore, registry: Registry) -> None:
    card = store.keep(drafted(store, registry), "Mine")
    renamed = store.rename(card, "Yours")
    assert (renamed.name, renamed.version) == ("Yours", card.version)
    assert registry.get("Yours") == renamed
    assert store.rename(renamed, "YOURS").name == "YOURS", "its own name is not in its way"
    assert json.loads((card.folder / CARD).read_text())["training"] == {"answers": 30}
    for name in ("base", "", "two\nlines"):
        with pytest.raises(ModelError, match="name"):
            store.rename(renamed, name)
    with pytest.raises(ModelError, match="came with photosim and cannot be renamed"):
        store.rename(registry.get("base"), "Base 2")
    assert files_below(card.folder) == {CARD, EMBEDDING}


def test_a_deleted_model_is_gone(store: ModelStore, registry: Registry, tmp_path: Path) -> None:
    card = store.keep(drafted(store, registry), "Mine")
    store.delete(card)
    assert [one.version for one in registry.cards()] == ["base"]
    assert files_below(tmp_path / "own") == set()
    with pytest.raises(ModelError, match="no model 'Mine' any more"):
        store.delete(card)
    with pytest.raises(ModelError, match="came with photosim and cannot be deleted"):
        store.delete(registry.get("base"))


def test_a_model_that_cannot_be_read_is_deleted_by_its_folder(
    store: ModelStore, registry: Registry, tmp_path: Path
) -> None:
    good, bad = (store.keep(drafted(store, registry, seed), name) for seed, name in ((3, "Good"), (4, "Bad")))
    (bad.folder / CARD).write_text("{")
    outside = shutil.copytree(bad.folder, tmp_path / "outside")
    (bad.folder / "link").symlink_to(good.folder, target_is_directory=True)
    inner = Path(shutil.copytree(bad.folder, bad.folder / "inner", symlinks=True))
    for kept in (good.folder, good.folder / ".." / bad.version, inner, outside, tmp_path / "own", tmp_path):
        with pytest.raises(ModelError, match="any more that cannot be used"):
            store.delete_faulty(kept)
    store.delete_faulty(bad.folder)
    assert registry.faults() == [] and {card.name for card in registry.cards()} == {"base", "Good"}
    assert {path.name for path in (tmp_path / "own").iterdir()} == {good.version, ".lock"}
    assert files_below(good.folder) == {CARD, EMBEDDING} and files_below(outside) == {CARD, EMBEDDING}
    with pytest.raises(ModelError, match="any more that cannot be used"):
        store.delete_faulty(bad.folder)


def test_of_a_linked_model_that_cannot_be_read_only_the_link_goes(
    store: ModelStore, registry: Registry, tmp_path: Path
) -> None:
    outside = make_model(tmp_path / "elsewhere", "linked", "trunk-1")
    (outside / CARD).write_text("{")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "linked").symlink_to(outside, target_is_directory=True)
    [fault] = registry.faults()
    store.delete_faulty(fault.folder)
    assert registry.faults() == [] and files_below(tmp_path / "own") == set()
    assert files_below(outside) == {CARD, EMBEDDING, TRUNK_GRAPH, TRUNK_WEIGHTS}


def test_a_model_whose_trunk_another_runs_stays(
    store: ModelStore, registry: Registry, tmp_path: Path
) -> None:
    lender = tmp_path / "own" / "lender"
    make_model(tmp_path / "own", "lender", "trunk-2")
    make_model(tmp_path / "own", "borrower", "trunk-2", with_trunk=False, seed=5)
    with pytest.raises(ModelError, match="borrower runs the trunk of lender: delete borrower first"):
        store.delete(registry.get("lender"))
    assert lender.is_dir()
    store.delete(registry.get("borrower"))
    store.delete(registry.get("lender"))
    assert not lender.exists()


def test_what_a_crash_left_is_no_model_and_goes_at_the_next_start(
    store: ModelStore, registry: Registry, tmp_path: Path
) -> None:
    card = store.keep(drafted(store, registry), "Mine")
    for name in (".new-0123abcd", ".gone-0123abcd"):
        shutil.copytree(card.folder, tmp_path / "own" / name)
    (card.folder / f".{CARD}.77.tmp").write_text("{")
    assert [one.name for one in registry.cards()] == ["base", "Mine"]
    assert registry.faults() == []
    ModelStore(tmp_path / "own", registry).tidy()
    assert {path.name for path in (tmp_path / "own").iterdir()} == {card.version, ".lock"}
    assert files_below(card.folder) == {CARD, EMBEDDING}


# Exporting and importing


@pytest.fixture
def mine(store: ModelStore, registry: Registry) -> ModelCard:
    return store.keep(drafted(store, registry), "Mine")


@pytest.fixture
def exported(store: ModelStore, mine: ModelCard, tmp_path: Path) -> Path:
    path = tmp_path / "mine.photosim"
    store.export(mine, path)
    return path


@pytest.fixture
def other(bundled: Path, tmp_path: Path) -> ModelStore:
    """The models of somebody else, with the same bundled ones."""
    return ModelStore(tmp_path / "theirs", Registry(bundled, tmp_path / "theirs"))


def registry_of(store: ModelStore) -> Registry:
    return store._registry


def test_a_model_travels_as_one_file(
    exported: Path, mine: ModelCard, other: ModelStore, tmp_path: Path
) -> None:
    card = other.import_(exported)
    assert (card.name, card.trunk, card.parent, card.focus) == ("Mine", "trunk-1", "base", 0.7)
    assert card.version != mine.version and card.version.startswith("mine-")
    assert (card.licence, card.metrics) == (mine.licence, mine.metrics)
    entries = json.loads((card.folder / CARD).read_text())
    assert (entries["training"], entries["imported_version"]) == ({"answers": 30}, mine.version)
    rows = np.random.default_rng(1).random((5, card.feature_dim), dtype=np.float32)
    assert np.array_equal(load_embedding(card)(rows), load_embedding(mine)(rows))
    assert card.read_file(TRUNK_GRAPH)
    assert b"pickle" not in exported.read_bytes()
    again = tmp_path / "again.photosim"
    other.export(card, again)
    assert set(load(again.read_bytes())) == {EMBEDDING}


def test_a_tuned_trunk_travels_too(bundled: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    make_tuned(own, "tuned", bundled / "base", {"scale": np.array([0.5], np.float32)})
    registry = Registry(bundled, own)
    store = ModelStore(own, registry)
    tuned = registry.get("tuned")
    child = store.keep(store.draft(tuned, load_embedding(tuned), 0.5, {}, {}), "Child")
    assert (child.trunk, child.trunk_base) == (tuned.trunk, "trunk-1")
    store.delete(tuned)
    store.export(child, tmp_path / "child.photosim")
    theirs = ModelStore(tmp_path / "theirs", Registry(bundled, tmp_path / "theirs"))
    card = theirs.import_(tmp_path / "child.photosim")
    assert (card.trunk, card.needed_trunk) == (tuned.trunk, "trunk-1")
    assert load_weights(card)["scale"] == np.float32(0.5)

    changed = make_tuned(tmp_path / "wrong", "wrong", bundled / "base", {"other": np.ones(1, np.float32)})
    wrong = packed(tmp_path / "wrong.photosim", changed)
    with pytest.raises(
        ModelError, match=r"wrong\.photosim is damaged \(its tuned trunk is not one of trunk-1"
    ):
        theirs.import_(wrong)
    assert [one.name for one in registry_of(theirs).cards()] == ["base", "Child"]


def test_a_file_that_is_there_is_not_overwritten_unasked(
    store: ModelStore, mine: ModelCard, tmp_path: Path
) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("dear")
    with pytest.raises(ModelError, match="is there already"):
        store.export(mine, path)
    assert path.read_text() == "dear"
    store.export(mine, path, overwrite=True)
    assert set(load(path.read_bytes())) == {EMBEDDING}
    for there in (tmp_path / "no folder" / "x", tmp_path):
        with pytest.raises(ModelError, match="cannot be written|is there already"):
            store.export(mine, there, overwrite=there != tmp_path)
    assert {one.name for one in tmp_path.iterdir()} == {"bundled", "own", "letter.txt"}


def test_a_bundled_model_is_not_exported(store: ModelStore, registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="came with photosim and cannot be exported"):
        store.export(registry.get("base"), tmp_path / "base.photosim")
    make_model(tmp_path / "own", "whole", "trunk-9")
    with pytest.raises(ModelError, match="has a trunk's graph of its own"):
        store.export(registry.get("whole"), tmp_path / "whole.photosim")


def test_a_model_that_is_there_is_not_imported_twice(
    store: ModelStore, exported: Path, mine: ModelCard, other: ModelStore
) -> None:
    with pytest.raises(ModelError, match="is installed already, as Mine"):
        store.import_(exported)
    card = other.import_(exported)
    other.rename(card, "Theirs")
    with pytest.raises(ModelError, match="is installed already, as Theirs"):
        other.import_(exported)


def test_an_imported_name_that_is_taken_gets_a_number(
    store: ModelStore, registry: Registry, exported: Path, mine: ModelCard
) -> None:
    store.delete(mine)
    store.keep(drafted(store, registry, 8), "MINE")
    assert store.import_(exported).name == "Mine 2"


def test_a_model_of_another_trunk_is_refused_with_its_name(exported: Path, tmp_path: Path) -> None:
    make_model(tmp_path / "old", "old", "trunk-0", parts=(12, 8))
    theirs = ModelStore(tmp_path / "theirs", Registry(tmp_path / "old", tmp_path / "theirs"))
    with pytest.raises(ModelError, match="Mine needs the trunk trunk-1, which no installed model has"):
        theirs.import_(exported)
    assert files_below(tmp_path / "theirs") == set()


def packed(path: Path, folder: Path, **change: Any) -> Path:
    """An exported file of a model's folder as photosim would never write it: entries of the card changed,
    `tensors` in place of the files, `about` in place of the metadata."""
    card = json.loads((folder / CARD).read_text())
    tensors = change.pop("tensors", None)
    if tensors is None:
        tensors = {name: np.frombuffer((folder / name).read_bytes(), np.uint8) for name in card["files"]}
    about = change.pop("about", {})
    text = change.pop("text", json.dumps(card | change))
    path.write_bytes(save(tensors, {"photosim": "1", "card": text, "sha256": _digest(text.encode())} | about))
    return path


def with_embedding(folder: Path, **tensors: np.ndarray) -> dict[str, Any]:
    """What makes a well-packed file of another embedding."""
    data = save(load((folder / EMBEDDING).read_bytes()) | tensors)
    return {"tensors": {EMBEDDING: np.frombuffer(data, np.uint8)}, "files": {EMBEDDING: _digest(data)}}


def growing(folder: Path) -> str:
    """A card within the limit that photosim, which writes ASCII, would make one beyond it of."""
    entries = json.loads((folder / CARD).read_text()) | {"note": "\u00e9" * (MAX_CARD_BYTES // 3)}
    return json.dumps(entries, ensure_ascii=False)


U8 = np.zeros(3, np.uint8)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: {"format": 2}, "newer photosim"),
        (lambda folder: {"about": {"photosim": "2"}}, "newer photosim"),
        (lambda folder: {"about": {"photosim": "0"}}, "damaged"),
        (lambda folder: {"about": {"photosim": "9" * 5000}}, "damaged"),
        (lambda folder: {"about": {"card": "{}"}}, "damaged"),
        (lambda folder: {"text": "[]"}, "is not the card of a photosim model"),
        (lambda folder: {"text": "[" * 50_000}, "damaged"),
        (lambda folder: {"text": "1" * 10_000}, "damaged"),
        (lambda folder: {"metrics": {"mAP": float("nan")}}, "damaged"),
        (lambda folder: {"focus": 10**400}, "'focus' is missing or impossible"),
        (lambda folder: {"metrics": {"mAP": 10**400}}, "'metrics' is missing or impossible"),
        (lambda folder: {"9" * 9000: 10**400}, "9999' is missing or impossible"),
        (lambda folder: {"note": "x" * MAX_CARD_BYTES}, "too large"),
        (lambda folder: {"text": growing(folder)}, "damaged"),
        (lambda folder: {"name": "two\nlines"}, "'name' is missing or impossible"),
        (lambda folder: {"version": "../../evil"}, "'version' is missing or impossible"),
        (lambda folder: {"trunk": "trunk-7"}, "needs the trunk trunk-7"),
        (lambda folder: {"trunk_base": "trunk-1"}, "'trunk_base' is missing or impossible"),
        (lambda folder: {"feature_dim": 24}, "does not fit its card"),
        (lambda folder: {"parts": [8, 12]}, "does not fit its card"),
        (lambda folder: {"files": {}}, "checksum of embedding.safetensors differs"),
        (lambda folder: {"files": {EMBEDDING: "0" * 64}}, "checksum of embedding.safetensors differs"),
        (lambda folder: {"files": {EMBEDDING: "0" * 64, "more": "0" * 64}}, "more is missing"),
        (lambda folder: {"tensors": {}}, "embedding.safetensors is missing"),
        (lambda folder: {"tensors": {EMBEDDING: U8, TRUNK_GRAPH: U8}}, "holds 'trunk.onnx'"),
        (lambda folder: {"tensors": {EMBEDDING: U8, "../../x": U8}}, "which no exported model has"),
        (lambda folder: {"tensors": {EMBEDDING: U8.astype(np.int8)}}, "is no file"),
        (lambda folder: {"tensors": {EMBEDDING: U8.reshape(1, 3)}}, "is no file"),
        (
            lambda folder: {"tensors": {EMBEDDING: U8}, "files": {EMBEDDING: _digest(bytes(3))}},
            "no safetensors",
        ),
        (lambda folder: with_embedding(folder, more=np.zeros(3)), "holds 'more'"),
        (lambda folder: with_embedding(folder, **{"kind.bias": np.full(12, np.nan)}), "are no numbers"),
        (lambda folder: with_embedding(folder, **{"kind.bias": np.full(12, 1e300)}), "are no numbers"),
        (lambda folder: with_embedding(folder, **{"thing.bias": np.full(8, 1e30)}), "are no numbers"),
        (lambda folder: with_embedding(folder, **{"kind.bias": np.zeros(12, np.int64)}), "does not fit"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(
    mine: ModelCard, other: ModelStore, tmp_path: Path, change: Callable[[Path], dict[str, Any]], says: str
) -> None:
    path = packed(tmp_path / "their model.photosim", mine.folder, **change(mine.folder))
    with pytest.raises(ModelError) as refused:
        other.import_(path)
    said = str(refused.value)
    assert says in said and said.startswith(str(path)) and "\n" not in said
    assert files_below(tmp_path / "theirs") == set()
    assert not (tmp_path / "evil").exists()


def foreign_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Everything else one might choose by mistake, or be given."""

    class Hostile:
        def __reduce__(self) -> Any:
            return Path.touch, (folder / "executed",)

    yield folder / "nothing there.photosim", "does not exist"
    yield folder, "is no photosim model"
    for name, data in {
        "empty": b"",
        "short": b"abc",
        "text.photosim": b"a model, honestly " * 100,
        "pickle": pickle.dumps(Hostile()),
        "zip": b"PK\x03\x04" + bytes(300),
        "safetensors": save({"weight": np.zeros(3, np.float32)}),
        "other.safetensors": save({EMBEDDING: U8}, {"format": "pt"}),
        "endless header": (2**62).to_bytes(8, "little") + b"{" + bytes(100),
    }.items():
        (folder / name).write_bytes(data)
        yield folder / name, "is no photosim model"
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe")
        yield folder / "pipe", "is no photosim model"
    with open(folder / "huge", "wb") as file:
        file.truncate(MAX_EXPORT_BYTES + 1)
    yield folder / "huge", "too large for a model"


def test_a_file_that_is_no_model_is_refused(other: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    for path, says in foreign_files(tmp_path / "files"):
        with pytest.raises(ModelError) as refused:
            other.import_(path)
        assert str(path) in str(refused.value) and says in str(refused.value)
        assert "\n" not in str(refused.value)
    assert not (tmp_path / "files" / "executed").exists()
    assert files_below(tmp_path / "theirs") == set()


def test_no_damage_to_a_file_passes(exported: Path, other: ModelStore, tmp_path: Path) -> None:
    """Cut off anywhere, or a bit of it turned: refused with a line, whatever it hits."""
    data = exported.read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    random = np.random.default_rng(4)
    places = [*range(8), *random.integers(8, header, 300), *random.integers(header, len(data), 50)]
    broken = [data[:place] for place in places]
    for place in places:
        turned = bytearray(data)
        turned[place] ^= 1 << int(random.integers(8))
        broken.append(bytes(turned))
    broken.append(data + b"more")
    for number, damaged in enumerate(broken):
        exported.write_bytes(damaged)
        with pytest.raises(ModelError) as refused:
            other.import_(exported)
        assert str(exported) in str(refused.value), number
    assert files_below(tmp_path / "theirs") == set()
    exported.write_bytes(data)
    assert other.import_(exported).name == "Mine"


def test_a_model_file_that_cannot_be_read_says_so(exported: Path, other: ModelStore) -> None:
    exported.chmod(0)
    if os.access(exported, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(ModelError, match="cannot be read"):
        other.import_(exported)


ENDLESS_IMPORTS = """
import sys
from pathlib import Path
from photosim.model.registry import Registry
from photosim.model.store import ModelStore
bundled, own, file = map(Path, sys.argv[1:])
store = ModelStore(own, Registry(bundled, own))
store.tidy()
print("ready", flush=True)
while True:
    card = store.import_(file)
    store.delete(store.rename(card, "Another"))
"""


def test_a_program_killed_while_it_changes_models_leaves_whole_ones(
    exported: Path, bundled: Path, tmp_path: Path
) -> None:
    random = np.random.default_rng()
    theirs = tmp_path / "theirs"
    registry = Registry(bundled, theirs)
    left = 0
    for _ in range(12):
        program = subprocess.Popen(
            [sys.executable, "-c", ENDLESS_IMPORTS, str(bundled), str(theirs), str(exported)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=CHECKOUT,
        )
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        time.sleep(float(random.uniform(0, 0.05)))
        program.send_signal(signal.SIGKILL)
        program.communicate()
        left += len(list(theirs.glob(".new-*"))) + len(list(theirs.glob(".gone-*")))
        assert registry.faults() == []
        for card in registry.cards()[1:]:
            load_embedding(card)
            assert card.name in ("Mine", "Another")
            ModelStore(theirs, registry).delete(card)
    ModelStore(theirs, registry).tidy()
    assert files_below(theirs) == set()
    print(f"{left} were cut off in the middle")


def test_two_programs_do_not_take_one_name(bundled: Path, tmp_path: Path, exported: Path) -> None:
    script = """
from pathlib import Path
import numpy as np
from photosim.errors import ModelError
from photosim.model.embedding import load_embedding
from photosim.model.registry import Registry
from photosim.model.store import ModelStore
bundled, own = map(Path, sys.argv[1:])
registry = Registry(bundled, own)
store = ModelStore(own, registry)
parent = registry.get("base")
drafts = [store.draft(parent, load_embedding(parent), 0.5, {}, {}) for _ in range(10)]
ready()
for number, draft in enumerate(drafts):
    try:
        print(store.keep(draft, f"Mine {number}").version)
    except ModelError as error:
        assert "already" in str(error)
"""
    theirs = tmp_path / "theirs"
    said = run_at_once(script, [[str(bundled), str(theirs)]] * 3)
    versions = {line for output in said for line in output.split()}
    cards = Registry(bundled, theirs).cards()[1:]
    assert {card.version for card in cards} == versions
    assert sorted(card.name for card in cards) == sorted(f"Mine {number}" for number in range(10))
