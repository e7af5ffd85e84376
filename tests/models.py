"""Small models made on the spot: whole folders that photosim runs as it runs its own, in no time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

from photosim.model.card import (
    CARD,
    EMBEDDING,
    FORMAT,
    TRUNK_BASE,
    TRUNK_CHANGES,
    TRUNK_GRAPH,
    TRUNK_WEIGHTS,
)
from photosim.model.trunk_changes import save_changes

OPSET, IR_VERSION = 18, 10


def pooling_graph(size: int, cell: int, sign: float) -> bytes:
    """uint8 [N, size, size, 3] to the mean colours of its cells, float32 [N, 3 * (size / cell)^2]."""
    features = 3 * (size // cell) ** 2
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["planes"], ["cells"], kernel_shape=[cell, cell], strides=[cell, cell]
        ),
        helper.make_node("Flatten", ["cells"], ["flat"]),
        helper.make_node("Mul", ["flat", "scale"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "pooling",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", size, size, 3])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", features])],
        [numpy_helper.from_array(np.array([sign / 255], np.float32), "scale")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def make_model(
    folder: Path,
    version: str,
    trunk: str,
    *,
    size: int = 32,
    cell: int = 8,
    sign: float = 1.0,
    parts: tuple[int, int] = (12, 0),
    geometry: str = "squash",
    with_trunk: bool = True,
    seed: int = 1,
) -> Path:
    """A model in `folder`/`version`; returns its folder. Its features are colours, in `sign`'s direction."""
    target = folder / version
    target.mkdir(parents=True)
    dim = 3 * (size // cell) ** 2
    random = np.random.default_rng(seed)
    tensors: dict[str, np.ndarray] = {}
    for name, count in zip(("kind", "thing"), parts, strict=True):
        if count:
            tensors[f"{name}.weight"] = random.normal(size=(count, dim)).astype(np.float32)
            tensors[f"{name}.bias"] = np.zeros(count, np.float32)
    files = {EMBEDDING: save(tensors)}
    if with_trunk:
        files[TRUNK_GRAPH] = pooling_graph(size, cell, sign)
        files[TRUNK_WEIGHTS] = save({"scale": np.array([sign / 255], np.float32)})
    for name, data in files.items():
        (target / name).write_bytes(data)
    card = {
        "format": FORMAT,
        "name": version,
        "version": version,
        "parent": None,
        "trunk": trunk,
        "parts": list(parts),
        "focus": 0.5,
        "feature_dim": dim,
        "input_size": size,
        "geometry": geometry,
        "licence": "CC0",
        "source": "made by a test",
        "metrics": {},
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    (target / CARD).write_text(json.dumps(card))
    return target


def make_tuned(folder: Path, version: str, base: Path, changes: dict[str, np.ndarray]) -> Path:
    """A model whose trunk is that of the model in `base` with these tensors in place; its embedding too."""
    entries = json.loads((base / CARD).read_text())
    trunk, data = save_changes(changes, entries["trunk"])
    files = {EMBEDDING: (base / EMBEDDING).read_bytes(), TRUNK_CHANGES: data}
    entries |= {
        "name": version,
        "version": version,
        "parent": entries["version"],
        "trunk": trunk,
        TRUNK_BASE: entries["trunk"],
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    target = folder / version
    target.mkdir(parents=True)
    for name, data in files.items():
        (target / name).write_bytes(data)
    (target / CARD).write_text(json.dumps(entries))
    return target


OLD, NEW = "colours-v1", "colours-v2"
OLD_TRUNK, NEW_TRUNK = "colours-32-1", "colours-64-1"


def make_old(folder: Path) -> Path:
    """The model that a library begins with, of one part."""
    return make_model(folder, OLD, OLD_TRUNK)


def make_new(folder: Path) -> Path:
    """The bundled model that comes after it: another trunk, larger features, two parts, trimmed photos."""
    return make_model(folder, NEW, NEW_TRUNK, size=64, sign=-1.0, parts=(12, 8), geometry="trim", seed=2)
