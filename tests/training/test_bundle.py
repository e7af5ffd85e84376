"""A trained network becomes a model's folder that every runtime reads alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch

from photosim.errors import ModelError
from photosim.imaging.network_input import TRIM, NetworkInput
from photosim.model.card import CARD, TRUNK_GRAPH, load_card
from photosim.model.embedding import load_embedding, unit
from photosim.model.network import PATHS, DeepRanking, PooledTrunk, fold
from photosim.model.onnx_runtime import OnnxRuntime
from photosim.model.torch_runtime import load_network
from photosim.training.bundle import (
    BundleFacts,
    over_features,
    principal_directions,
    set_reduction,
    write_bundle,
)
from photosim.training.compare import add_metrics
from photosim.training.graph import exported_graph

Floats = npt.NDArray[np.float32]
SIZES = (24, 16, 8, 8)
PIXELS = np.random.default_rng(1).integers(0, 256, (2, 256, 256, 3), np.uint8)


@pytest.fixture(scope="module")
def whole() -> DeepRanking:
    torch.manual_seed(1)
    network = DeepRanking((32, 32, 16, 16))
    fold(network)
    return network


def parts_of(sizes: tuple[int, int, int, int]) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> Floats:
        return rng.normal(size=shape).astype(np.float32)

    kind = over_features({"kind": normal(6, sizes[0])}, normal(6), sizes)
    thing = over_features(
        {name: normal(4, size) for name, size in zip(PATHS[1:], sizes[1:], strict=True)}, normal(4), sizes
    )
    return kind, thing


@pytest.fixture(scope="module")
def folder(whole: DeepRanking, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "made-v1"
    facts = BundleFacts("made-v1", "made-256-1", NetworkInput(256, TRIM), 0.4, "CC0-1.0", "made by a test")
    write_bundle(folder, whole, parts_of(whole.feature_sizes), facts)
    return folder


def test_the_graph_and_torch_give_the_same_features(folder: Path) -> None:
    card = load_card(folder)
    assert (card.parts, card.focus, card.geometry, card.feature_dim) == ((6, 4), 0.4, "trim", 96)
    by_graph = OnnxRuntime(card, threads=1).features(PIXELS).astype(np.float32)
    with torch.inference_mode():
        by_torch = load_network(card)(torch.from_numpy(PIXELS)).numpy()
    np.testing.assert_allclose(by_graph, by_torch, atol=2e-3)
    ends = np.cumsum((0, 32, 32, 16, 16))
    for start, end in zip(ends[:-1], ends[1:], strict=True):
        np.testing.assert_allclose(np.linalg.norm(by_torch[:, start:end], axis=1), 1, atol=1e-4)


def test_the_maps_average_to_the_features(folder: Path, whole: DeepRanking) -> None:
    card = load_card(folder)
    runtime = OnnxRuntime(card, threads=1)
    maps, features = runtime.maps(PIXELS), runtime.features(PIXELS).astype(np.float32)
    assert {name: value.shape for name, value in maps.items()} == {
        "kind_maps": (2, 1280, 8, 8),
        "thing_maps": (2, 1280, 8, 8),
    }
    reduction = whole.reductions["kind"].weight.detach().numpy()
    kind = unit(maps["kind_maps"].mean(axis=(2, 3)) @ reduction.T)
    np.testing.assert_allclose(kind, features[:, :32], atol=3e-3)


def test_constants_of_the_graph_have_the_weights_names(folder: Path, whole: DeepRanking) -> None:
    """A tuned trunk takes the place of the shipped one tensor by tensor."""
    names = {constant.name for constant in onnx.load(folder / TRUNK_GRAPH).graph.initializer}
    assert names >= {name for name, _ in whole.named_parameters()}


def test_an_embedding_over_all_features_is_that_over_each_path(folder: Path) -> None:
    rng = np.random.default_rng(2)
    paths = {
        name: unit(rng.normal(size=(5, size)).astype(np.float32))
        for name, size in zip(PATHS, SIZES, strict=True)
    }
    weights = {name: rng.normal(size=(3, rows.shape[1])).astype(np.float32) for name, rows in paths.items()}
    bias = rng.normal(size=3).astype(np.float32)
    weight, same_bias = over_features(weights, bias, SIZES)
    row = np.concatenate(list(paths.values()), axis=1)
    ours = (row @ weight.T) / np.linalg.norm(row, axis=1, keepdims=True) + same_bias
    theirs = sum(paths[name] @ weights[name].T for name in PATHS) + bias
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_written_embedding_gives_unit_parts(folder: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(3, 96)).astype(np.float16)
    embeddings = load_embedding(load_card(folder))(rows)
    np.testing.assert_allclose(np.linalg.norm(embeddings[:, :6], axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(embeddings[:, 6:], axis=1), 1, atol=1e-5)


def test_principal_directions_keep_inner_products_best() -> None:
    rng = np.random.default_rng(0)
    plane = np.linalg.qr(rng.normal(size=(10, 2)))[0]
    rows = (rng.normal(size=(200, 2)) @ plane.T + 0.001 * rng.normal(size=(200, 10))).astype(np.float32)
    directions = principal_directions(rows, 2)
    np.testing.assert_allclose(directions @ directions.T, np.eye(2), atol=1e-5)
    np.testing.assert_allclose(
        unit(rows @ directions.T) @ unit(rows @ directions.T).T, unit(rows) @ unit(rows).T, atol=0.02
    )


def test_a_model_is_written_whole_or_not_at_all(
    whole: DeepRanking, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "made-v1"
    facts = BundleFacts("made-v1", "made-256-1", NetworkInput(256, TRIM), 0.4, "CC0-1.0", "first")
    write_bundle(target, whole, parts_of(whole.feature_sizes), facts)
    before = (target / CARD).read_bytes()
    write: Callable[..., int] = Path.write_bytes

    def full_disk(path: Path, data: bytes) -> int:
        if path.name == TRUNK_GRAPH:
            write(path, data[: len(data) // 2])
            raise OSError(28, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_bundle(target, whole, parts_of(whole.feature_sizes), facts)
    assert (target / CARD).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["made-v1"]


def test_a_folder_of_anything_else_is_left_alone(whole: DeepRanking, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    facts = BundleFacts("made-v1", "made-256-1", NetworkInput(256, TRIM), 0.4, "CC0-1.0", "made by a test")
    with pytest.raises(ModelError, match="no model's folder"):
        write_bundle(tmp_path, whole, parts_of(whole.feature_sizes), facts)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_metrics_are_added_to_the_card_and_nothing_else_changes(folder: Path) -> None:
    before = json.loads((folder / CARD).read_text())
    add_metrics(folder, {"mAP": 0.5})
    after = json.loads((folder / CARD).read_text())
    assert after.pop("metrics") == {"mAP": 0.5}
    assert before.pop("metrics") == {} and after == before
    assert load_card(folder).metrics == {"mAP": 0.5}


def test_reductions_are_set_by_path(whole: DeepRanking) -> None:
    kept = whole.reductions["fine"].weight.detach().numpy().copy()
    directions = np.random.default_rng(0).normal(size=kept.shape).astype(np.float32)
    set_reduction(whole, "fine", directions)
    assert np.array_equal(whole.reductions["fine"].weight.detach().numpy(), directions)
    set_reduction(whole, "fine", kept)


def test_one_pooled_trunk_is_exported_too() -> None:
    torch.manual_seed(0)
    network = PooledTrunk()
    fold(network)
    model = onnx.load_from_string(exported_graph(network, 64, "pooled"))
    assert [output.name for output in model.graph.output] == ["features"]
