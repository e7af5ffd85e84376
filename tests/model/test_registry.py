"""Which models a user finds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from photosim.errors import ModelError
from photosim.model.card import CARD
from photosim.model.registry import Registry
from photosim.paths import bundled_models


def add_model(folder: Path, version: str, name: str) -> Path:
    source = bundled_models() / "deepranking-v1"
    folder.mkdir(parents=True, exist_ok=True)
    target = Path(shutil.copytree(source, folder / version, ignore=shutil.ignore_patterns("trunk.*")))
    card = json.loads((target / CARD).read_text()) | {"version": version, "name": name}
    (target / CARD).write_text(json.dumps(card))
    return target


def test_a_fresh_installation_has_the_bundled_model_alone(tmp_path: Path) -> None:
    registry = Registry(bundled_models(), tmp_path / "not-made-yet")
    assert [card.version for card in registry.cards()] == ["deepranking-v1"]
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
    assert registry.get("Holidays").version == "a"
    assert registry.get("a").version == "a"
    assert not registry.get("a").bundled
    with pytest.raises(ModelError, match="no model 'c'; there are: deepranking-v1, a, b"):
        registry.get("c")


def test_a_damaged_model_of_ones_own_does_not_hide_the_others(tmp_path: Path) -> None:
    add_model(tmp_path, "good", "Good")
    (add_model(tmp_path, "bad", "Bad") / CARD).write_text("{")
    registry = Registry(bundled_models(), tmp_path)
    assert [card.version for card in registry.cards()] == ["deepranking-v1", "good"]
    [fault] = registry.faults()
    assert "bad" in str(fault)


def test_an_installation_without_models_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="install photosim again"):
        Registry(tmp_path, tmp_path).default()
