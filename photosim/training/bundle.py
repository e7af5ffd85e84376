"""A trained network and its linear embeddings as a model's folder: files, checksums, card."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import save as save_arrays
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from photosim.errors import ModelError
from photosim.imaging.network_input import NetworkInput
from photosim.model.card import CARD, EMBEDDING, FORMAT, TRUNK_GRAPH, TRUNK_WEIGHTS
from photosim.model.embedding import PART_NAMES, unit
from photosim.model.network import PATHS, DeepRanking, network_from
from photosim.training.graph import exported_graph

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class BundleFacts:
    """What a card says beside checksums and dimensions."""

    version: str
    trunk: str
    shape: NetworkInput
    focus: float
    licence: str
    source: str
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)


def principal_directions(rows: Floats, count: int) -> Floats:
    """The `count` orthonormal directions [count, F] that hold most of the unit rows [N, F], their mean too.

    The fixed reduction of a path: inner products of unit rows change least.
    """
    rows = unit(rows)
    moment = (rows.T @ rows).astype(np.float64)
    directions = np.linalg.eigh(moment)[1].T[::-1][:count]
    # The sign of a direction is arbitrary: fixed, so that the same photos give the same file.
    largest = np.abs(directions).argmax(axis=1)
    signed = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
    return np.ascontiguousarray(signed, dtype=np.float32)


def set_reduction(network: DeepRanking, path: str, directions: Floats) -> None:
    """Give a path its fixed reduction, weight [d, F]."""
    linear = network.reductions[path]
    assert isinstance(linear, nn.Linear)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(directions))


def over_features(
    weights: Mapping[str, Floats], bias: Floats, sizes: tuple[int, int, int, int]
) -> tuple[Floats, Floats]:
    """A part's linear embedding over all features: weight [d, F] and bias [d].

    `weights` give for each path that the part uses a weight [d, size], which acts on the path's unit
    features. An embedding brings the whole row of features to unit norm first: of four unit paths it is 2.
    """
    columns = []
    for path, size in zip(PATHS, sizes, strict=True):
        columns.append(weights.get(path, np.zeros((len(bias), size), np.float32)))
    whole = np.concatenate(columns, axis=1) * np.float32(np.sqrt(len(PATHS)))
    return np.ascontiguousarray(whole, dtype=np.float32), bias.astype(np.float32)


def check_folder(folder: Path) -> None:
    """Raise ModelError where a model's files would take the place of anything but a model."""
    if folder.exists() and not (folder / CARD).is_file():
        raise ModelError(f"{folder} is no model's folder: name one that is not there yet")


def write_bundle(
    folder: Path,
    network: DeepRanking,
    parts: tuple[tuple[Floats, Floats], tuple[Floats, Floats]],
    facts: BundleFacts,
) -> None:
    """Write the model of these facts: whole, or not at all. `parts` are weight and bias of kind and thing.

    Convolutions are kept in float16, and the graph computes with the same rounded values, so that every
    runtime starts from one set of weights. A model that is there goes; see `check_folder` for anything else.
    """
    check_folder(folder)
    weights = in_half_precision(network.state_dict())
    rounded = network_from(weights)
    assert isinstance(rounded, DeepRanking)
    arrays: dict[str, Floats] = {}
    for name, (weight, bias) in zip(PART_NAMES, parts, strict=True):
        arrays |= {f"{name}.weight": np.ascontiguousarray(weight), f"{name}.bias": bias}
    files = {
        TRUNK_WEIGHTS: save_tensors(weights),
        TRUNK_GRAPH: exported_graph(rounded, facts.shape.size, facts.trunk),
        EMBEDDING: save_arrays(arrays),
    }
    card = {
        "format": FORMAT,
        "name": facts.version,
        "version": facts.version,
        "parent": None,
        "trunk": facts.trunk,
        "parts": [len(bias) for _, bias in parts],
        "focus": facts.focus,
        "feature_dim": network.feature_dim,
        "input_size": facts.shape.size,
        "geometry": facts.shape.geometry,
        "paths": list(network.feature_sizes),
        "licence": facts.licence,
        "source": facts.source,
        "training": facts.training,
        "metrics": facts.metrics,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    files[CARD] = (json.dumps(card, indent=2) + "\n").encode()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as temporary:
        made = Path(temporary) / folder.name
        made.mkdir()
        for name, data in files.items():
            (made / name).write_bytes(data)
        if folder.exists():
            os.replace(folder, Path(temporary) / "before")
        os.replace(made, folder)


def in_half_precision(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of convolutions and reductions in float16, biases as they are."""
    return {
        name: (tensor.half() if name.endswith(".weight") else tensor.float()).contiguous()
        for name, tensor in weights.items()
    }
