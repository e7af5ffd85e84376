"""Which models a user finds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from photosim.errors import ModelError
from photosim.model.card import CARD, EMBEDDING, TRUNK_GRAPH, TRUNK_WEIGHTS
from photosim.model.registry import Registry, called, is_reserved
from photosim.model.runtime import open_runtime
from photosim.paths import bundled_models
from tests.models import make_model


def add_model(folder: Path, version: str, name: str) -> Path:
    source = bundled_models() / "deepranking-v1"
    folder.mkdir(parents=True, exist_ok=True)
    target = Path(shutil.copytree(source, folder / version, ignore=shutil.ignore_patterns("trunk.*")))
    card = json.loads((target / CARD).read_text()) | {"version": version, "name": name}
    (target / CARD).write_text(json.dumps(card))
    return target


def test_a_fresh_installation_has_the_bundled_model_alone(tmp_path: Path) -> None:
    registry = Registry(bundled_models(), tmp_path / "not-made-yet")
    assert [card.version for card in registry.cards()] == ["deepranking-v1", "deepranking-v2"]
    assert registry.default().bundled
    assert registry.faults() == []


def test_the_default_is_the_newest_bundled_model(tmp_path: Path) -> None:
    for version in ("deepranking-v2", "deepranking-v10", "deepranking-v9"):
        add_model(tmp_path / "bundled", version, version)
    add_model(tmp_path / "own", "zebra", "Mine")
    assert Registry(tmp_path / "bundled", tmp_path / "own").default().version == "deepranking-v10"


def test_a_model_is_found_by_its_version_before_its_name(tmp_path: Path) -> None:
    add_model(tmp_path, "a", "Holidays")
    add_model(tmp_path, "b", "a")
    registry = Registry(bundled_models(), tmp_path)
    assert registry.get("Holidays").version == registry.get("holidays").version == "a"
    assert registry.get("a").version == "a"
    assert not registry.get("a").bundled
    with pytest.raises(ModelError, match="no model 'c'; there are: deepranking-v1, deepranking-v2, Holi"):
        registry.get("c")


@pytest.mark.parametrize(
    "name",
    [
        "photosim's own",
        " Photosim\u2019s  OWN ",
        "photosim\u00b4s own",
        "photosim\uff07s own",
        "photosim\u2019s own (deepranking-v2)",
        "photosim's earlier one",
    ],
)
def test_names_of_photosims_own_models_are_reserved(name: str) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize(
    "name", ["photosim's own 2", "my photosim's own", "photosims own", "own", "photosim"]
)
def test_other_names_are_not_reserved(name: str) -> None:
    assert not is_reserved(name)


def test_photosims_own_is_the_default_also_where_a_model_of_ones_own_has_that_name(tmp_path: Path) -> None:
    add_model(tmp_path / "own", "a", "photosim's own")
    registry = Registry(bundled_models(), tmp_path / "own")
    for name in ("photosim's own", "photosim\u2019s own"):
        assert registry.get(name) == registry.default()
    newest = registry.default().version
    assert [called(card, newest) for card in registry.cards()] == [
        "photosim's earlier one (deepranking-v1)",
        "photosim's own (deepranking-v2)",
        "photosim's own",
    ]
    assert registry.get("a").version == "a"


def test_a_damaged_model_of_ones_own_does_not_hide_the_others(tmp_path: Path) -> None:
    add_model(tmp_path, "good", "Good")
    (add_model(tmp_path, "bad", "Bad") / CARD).write_text("{")
    registry = Registry(bundled_models(), tmp_path)
    assert [card.version for card in registry.cards()] == ["deepranking-v1", "deepranking-v2", "good"]
    [fault] = registry.faults()
    assert "bad" in str(fault)


def test_a_model_without_a_trunk_runs_that_of_an_installed_one(tmp_path: Path) -> None:
    lender = make_model(tmp_path / "bundled", "base", "trunk-1")
    make_model(tmp_path / "own", "mine", "trunk-1", with_trunk=False, seed=7)
    registry = Registry(tmp_path / "bundled", tmp_path / "own")
    mine, base = registry.get("mine"), registry.get("base")
    assert not mine.has_trunk and base.lender is None
    assert mine.read_file(TRUNK_GRAPH) == (lender / TRUNK_GRAPH).read_bytes()
    assert mine.read_file(EMBEDDING) != base.read_file(EMBEDDING)
    pixels = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    features = [open_runtime(card, "cpu", 1).features(pixels) for card in (mine, base)]
    assert np.array_equal(*features)
    data = bytearray((lender / TRUNK_GRAPH).read_bytes())
    data[len(data) // 2] ^= 1
    (lender / TRUNK_GRAPH).write_bytes(data)
    with pytest.raises(ModelError, match="base.*is damaged or was changed"):
        mine.read_file(TRUNK_GRAPH)


def test_no_other_trunk_than_the_one_it_was_made_for_is_lent(tmp_path: Path) -> None:
    """By the version, by the checksums where its card has them, and by what goes in and comes out."""
    own = tmp_path / "own"
    make_model(tmp_path / "bundled", "base", "trunk-1")
    make_model(own, "newer", "trunk-2", with_trunk=False)
    make_model(own, "larger", "trunk-1", size=64, cell=16, with_trunk=False)
    for name in (TRUNK_GRAPH, TRUNK_WEIGHTS):
        (make_model(own, f"lost-{name}", "trunk-1", sign=-1.0) / name).unlink()
    registry = Registry(tmp_path / "bundled", own)
    for version in ("newer", "larger"):
        with pytest.raises(ModelError, match=f"{version} has no {TRUNK_GRAPH}"):
            registry.get(version).read_file(TRUNK_GRAPH)
    for name in (TRUNK_GRAPH, TRUNK_WEIGHTS):
        with pytest.raises(ModelError, match=f"{name} is missing"):
            registry.get(f"lost-{name}").read_file(name)


def test_a_lost_trunk_is_taken_from_a_model_that_has_the_same(tmp_path: Path) -> None:
    kept = make_model(tmp_path / "bundled", "base", "trunk-1")
    (make_model(tmp_path / "own", "mine", "trunk-1") / TRUNK_GRAPH).unlink()
    mine = Registry(tmp_path / "bundled", tmp_path / "own").get("mine")
    assert mine.read_file(TRUNK_GRAPH) == (kept / TRUNK_GRAPH).read_bytes()


def test_an_installation_without_models_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="install photosim again"):
        Registry(tmp_path, tmp_path).default()
