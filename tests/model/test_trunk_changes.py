"""A tuned trunk is the shipped one with some tensors changed, the same on every runtime, and nothing else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import save

from photosim.errors import ModelError
from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import read_bytes, read_photo
from photosim.model.card import CARD, TRUNK_BASE, TRUNK_CHANGES, TRUNK_GRAPH, ModelCard, load_card
from photosim.model.constants import with_constants
from photosim.model.onnx_runtime import OnnxRuntime, run_graph, run_into
from photosim.model.place_reader import PlaceReader
from photosim.model.registry import Registry
from photosim.model.trunk_changes import load_changes, load_weights
from photosim.paths import bundled_models
from tests.models import make_model, make_tuned

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
BASE = bundled_models() / "deepranking-v2"
REDUCTION = "reductions.kind.weight"


@pytest.fixture(scope="module")
def base() -> ModelCard:
    return load_card(BASE, bundled=True)


@pytest.fixture(scope="module")
def changes(base: ModelCard) -> dict[str, Floats]:
    """The last block and the head of the kinds' path, all a little other; and its reduction."""
    random = np.random.default_rng(5)
    return {
        name: (tensor * random.uniform(0.7, 1.3, tensor.shape)).astype(np.float32)
        for name, tensor in load_weights(base).items()
        if name.startswith(("kind.blocks.4.", "kind.head.")) or name == REDUCTION
    }


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Floats]) -> ModelCard:
    own = tmp_path_factory.mktemp("own")
    make_tuned(own, "mine", BASE, changes)
    return Registry(bundled_models(), own).get("mine")


@pytest.fixture(scope="module")
def pixels(base: ModelCard, sample_photos: list[Path]) -> Pixels:
    shape = NetworkInput(base.input_size, base.geometry)
    return np.stack([read_photo(read_bytes(path), shape).pixels for path in sample_photos[:4]])


def test_a_tuned_trunk_has_a_version_of_its_own(tuned: ModelCard, base: ModelCard) -> None:
    digest = hashlib.sha256((tuned.folder / TRUNK_CHANGES).read_bytes()).hexdigest()
    assert tuned.trunk == f"{base.trunk}.u{digest[:12]}"
    assert tuned.trunk_base == tuned.needed_trunk == base.trunk
    assert tuned.lender is not None and tuned.lender.version == base.version


def test_the_cpus_runtime_computes_with_the_changed_tensors(
    tuned: ModelCard, base: ModelCard, changes: dict[str, Floats], pixels: Pixels
) -> None:
    """As with a graph that onnx itself has changed, to the last bit; layouts and fusions and all."""
    model = onnx.load_from_string((BASE / TRUNK_GRAPH).read_bytes())
    for constant in model.graph.initializer:
        if constant.name in changes:
            constant.CopyFrom(numpy_helper.from_array(changes[constant.name], constant.name))
    expected = run_graph(model.SerializeToString(), 1)(pixels).astype(np.float16)
    features = OnnxRuntime(tuned, 1).features(pixels)
    np.testing.assert_array_equal(features, expected)
    before = OnnxRuntime(base, 1).features(pixels)
    columns = changes[REDUCTION].shape[0]
    assert np.abs(features[:, :columns] - before[:, :columns]).max() > 0.01
    np.testing.assert_array_equal(features[:, columns:], before[:, columns:])


def test_torch_computes_the_same(tuned: ModelCard, pixels: Pixels) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from photosim.model.torch_runtime import TorchRuntime, load_network

    cpu = OnnxRuntime(tuned, 1)
    runtime = TorchRuntime(
        load_network(tuned), torch.device("cpu"), "GPU", tuned.feature_dim, lambda: OnnxRuntime(tuned, 1)
    )
    np.testing.assert_allclose(
        runtime.features(pixels).astype(np.float32), cpu.features(pixels).astype(np.float32), atol=2e-3
    )


def test_the_places_of_a_photo_still_add_up_to_its_features(tuned: ModelCard, pixels: Pixels) -> None:
    features, places = PlaceReader(tuned, OnnxRuntime(tuned, 1), 1).read(pixels[0])
    assert len(places) == 2
    for path in places:
        np.testing.assert_allclose(path.values.sum(axis=(1, 2)), features[path.columns], atol=1e-3)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A small model that is there, and one tuned from it, in the folders `bundled` and `own`."""
    base = make_model(tmp_path / "bundled", "base", "trunk-1")
    make_tuned(tmp_path / "own", "mine", base, {"scale": np.array([-0.5], np.float32)})
    return tmp_path


def registry(folder: Path) -> Registry:
    return Registry(folder / "bundled", folder / "own")


def repack(folder: Path, tensors: dict[str, Any], **entries: object) -> None:
    """Other changes under the same model, packed as well as ours: checksum, trunk version and all."""
    path = folder / "own" / "mine" / CARD
    data = save(tensors)
    (path.parent / TRUNK_CHANGES).write_bytes(data)
    card = json.loads(path.read_text())
    digest = hashlib.sha256(data).hexdigest()
    card["files"][TRUNK_CHANGES] = digest
    card["trunk"] = f"{card[TRUNK_BASE]}.u{digest[:12]}"
    path.write_text(json.dumps(card | entries))


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"shift": np.ones(1, np.float32)}, "has no shift"),
    "misshapen": ({"scale": np.ones((1, 1), np.float32)}, "scale has another shape"),
    "larger": ({"scale": np.ones(2, np.float32)}, "scale has another shape"),
    "half": ({"scale": np.ones(1, np.float16)}, "scale is not in full precision"),
    "no number": ({"scale": np.array([np.nan], np.float32)}, "scale has values that are no numbers"),
    "endless": ({"scale": np.array([-np.inf], np.float32)}, "scale has values that are no numbers"),
    "nothing": ({}, "it changes nothing"),
}


@pytest.mark.parametrize("case", BAD)
def test_changes_that_are_not_of_the_trunk_are_refused(small: Path, case: str) -> None:
    tensors, reason = BAD[case]
    repack(small, tensors)
    card = registry(small).get("mine")
    with pytest.raises(ModelError, match=f"{TRUNK_CHANGES} cannot be used .*{reason}"):
        OnnxRuntime(card, 1)
    with pytest.raises(ModelError, match=f"{TRUNK_CHANGES} cannot be used .*{reason}"):
        load_weights(card)


def test_what_is_no_file_of_tensors_is_refused(small: Path) -> None:
    path = small / "own" / "mine" / CARD
    card = json.loads(path.read_text())
    for data in (b"", b"no safetensors", (small / "own/mine" / TRUNK_CHANGES).read_bytes()[:-2]):
        digest = hashlib.sha256(data).hexdigest()
        card["files"][TRUNK_CHANGES] = digest
        card["trunk"] = f"trunk-1.u{digest[:12]}"
        path.write_text(json.dumps(card))
        (path.parent / TRUNK_CHANGES).write_bytes(data)
        with pytest.raises(ModelError, match=f"{TRUNK_CHANGES} cannot be used"):
            OnnxRuntime(registry(small).get("mine"), 1)


def test_a_flipped_bit_is_found(small: Path) -> None:
    path = small / "own" / "mine" / TRUNK_CHANGES
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="is damaged or was changed"):
        load_changes(registry(small).get("mine"))


@pytest.mark.parametrize(
    "entries",
    [
        {TRUNK_BASE: None},
        {TRUNK_BASE: "trunk-2"},
        {TRUNK_BASE: 7},
        {"trunk": "trunk-1"},
        {"trunk": "trunk-1.u000000000000"},
        {"files": {}},
    ],
)
def test_a_card_that_does_not_fit_its_changes_is_damaged(small: Path, entries: dict[str, object]) -> None:
    """Features of one tuned trunk can so never pass for those of another, or of the shipped one."""
    path = small / "own" / "mine" / CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
    with pytest.raises(ModelError, match=f"{TRUNK_BASE}.*missing or impossible"):
        load_card(path.parent)


def test_a_tuned_trunk_brings_no_graph(small: Path) -> None:
    path = small / "own" / "mine" / CARD
    card = json.loads(path.read_text())
    card["files"][TRUNK_GRAPH] = card["files"][TRUNK_CHANGES]
    path.write_text(json.dumps(card))
    [fault] = registry(small).faults()
    assert TRUNK_BASE in str(fault)


def test_a_model_whose_base_is_not_installed_says_which_trunk_it_needs(tmp_path: Path) -> None:
    make_model(tmp_path / "bundled", "other", "trunk-2")
    base = make_model(tmp_path / "elsewhere", "base", "trunk-1")
    make_tuned(tmp_path / "own", "mine", base, {"scale": np.ones(1, np.float32)})
    with pytest.raises(ModelError, match="mine has no trunk.onnx.* has the trunk trunk-1 that it needs"):
        OnnxRuntime(registry(tmp_path).get("mine"), 1)


def test_a_graph_that_is_cut_off_is_no_graph() -> None:
    graph = (BASE / TRUNK_GRAPH).read_bytes()
    values = {"early.stem.conv.bias": np.zeros(32, np.float32)}
    assert len(with_constants(graph, values)) == len(graph)
    random = np.random.default_rng(3)
    for end in (0, 1, 50, len(graph) // 2, len(graph) - 1):
        with pytest.raises(ValueError, match="graph"):
            with_constants(graph[:end], values)
    for _ in range(20):
        with pytest.raises(ValueError, match="graph"):
            with_constants(random.bytes(2000), values)


def test_what_goes_into_a_convolution_can_be_had_beside_the_features(base: ModelCard, pixels: Pixels) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from photosim.model.network import scaled
    from photosim.model.torch_runtime import load_network

    network = load_network(base)
    with torch.inference_mode():
        early = network.early(scaled(torch.from_numpy(pixels[:2]), torch.float32))
        expected = [part.blocks[:4](early).numpy() for part in (network.thing, network.kind)]
    names = [f"{part}.blocks.4.expand.conv.weight" for part in ("thing", "kind")]
    features, *maps = run_into(base, names, 1)(pixels[:2])
    np.testing.assert_array_equal(features.astype(np.float16), OnnxRuntime(base, 1).features(pixels[:2]))
    for ours, theirs in zip(maps, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)
    with pytest.raises(ModelError, match="is not the graph of its trunk"):
        run_into(base, ["kind.blocks.9.expand.conv.weight"], 1)
