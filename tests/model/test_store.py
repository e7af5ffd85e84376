"""The user's own models: kept whole or not at all, renamed, deleted, exchanged as one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from photosim.errors import ModelError
from photosim.model.card import CARD, EMBEDDING, TRUNK_GRAPH
from photosim.model.embedding import Embedding, load_embedding
from photosim.model.registry import Registry
from photosim.model.store import Draft, ModelStore
from tests.models import make_model


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
