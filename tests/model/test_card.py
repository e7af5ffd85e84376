"""A model's files are checked before they are believed."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from photosim.errors import ModelError
from photosim.model.card import (
    CARD,
    EMBEDDING,
    MAX_CARD_BYTES,
    TRUNK_GRAPH,
    TRUNK_WEIGHTS,
    ModelCard,
    load_card,
)
from photosim.model.embedding import load_embedding
from photosim.model.onnx_runtime import OnnxRuntime


def replace_file(folder: Path, name: str, data: bytes) -> ModelCard:
    """Another file under the same name, with its checksum in the card: a well-packed wrong model."""
    (folder / name).write_bytes(data)
    card = json.loads((folder / CARD).read_text())
    card["files"][name] = hashlib.sha256(data).hexdigest()
    (folder / CARD).write_text(json.dumps(card))
    return load_card(folder)


def test_the_bundled_model_says_what_it_is(card: ModelCard) -> None:
    assert card.version == "deepranking-v1"
    assert card.parts == (256, 0)
    assert card.focus == 0.5
    assert card.bundled
    assert card.licence == "Apache-2.0"
    assert "EfficientNet-Lite0" in card.source
    assert card.metrics["embedding"]["mAP"] >= card.metrics["raw trunk features"]["mAP"] - 0.01


def test_the_bundled_model_is_whole_and_small(card: ModelCard) -> None:
    assert set(card.files) == {EMBEDDING, TRUNK_GRAPH, TRUNK_WEIGHTS}
    size = sum(len(card.read_file(name)) for name in card.files)
    assert size + (card.folder / CARD).stat().st_size < 30e6
    assert card.feature_dim * 2 <= 4096


def test_reading_a_card_opens_no_other_file(folder: Path) -> None:
    for name in (EMBEDDING, TRUNK_GRAPH, TRUNK_WEIGHTS):
        (folder / name).unlink()
        os.mkfifo(folder / name) if hasattr(os, "mkfifo") else None
    assert load_card(folder).version == "deepranking-v1"


@pytest.mark.parametrize("name", [EMBEDDING, TRUNK_GRAPH, TRUNK_WEIGHTS])
def test_a_flipped_bit_is_found_when_the_file_is_opened(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ModelError, match=f"{name} is damaged or was changed"):
        load_card(folder).read_file(name)


@pytest.mark.parametrize("name", [CARD, EMBEDDING])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing"):
        load_embedding(load_card(folder))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this system's folders")
def test_a_pipe_in_place_of_a_file_is_not_waited_for(folder: Path) -> None:
    (folder / CARD).unlink()
    os.mkfifo(folder / CARD)
    with pytest.raises(ModelError, match="card.json"):
        load_card(folder)


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff\xfe", b"{", b"[" * 100_000, b"[]", b'"text"', b'{"name": "another program\'s"}', b"{}"],
)
def test_what_is_no_card_is_refused(folder: Path, text: bytes) -> None:
    (folder / CARD).write_bytes(text)
    with pytest.raises(ModelError, match="card.json"):
        load_card(folder)


def test_a_card_too_large_is_refused(folder: Path) -> None:
    (folder / CARD).write_bytes(b" " * (MAX_CARD_BYTES + 1))
    with pytest.raises(ModelError, match="too large"):
        load_card(folder)


def test_a_newer_format_asks_for_an_update(change_card: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match="newer photosim .*update"):
        load_card(change_card(format=99, parts={"kind": "something new"}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 0),
        ("format", True),
        ("name", ""),
        ("name", 7),
        ("name", "two\nlines"),
        ("version", "../../etc"),
        ("trunk", ""),
        ("parts", [256]),
        ("parts", [0, 0]),
        ("parts", [-256, 512]),
        ("parts", [1e9, 0]),
        ("parts", [100_000, 0]),
        ("focus", 1.5),
        ("focus", float("nan")),
        ("feature_dim", 10**9),
        ("geometry", "stretch"),
        ("geometry", 1),
        ("paths", [7]),
        ("paths", [-1, 2]),
        ("paths", "all"),
        ("input_size", 225),
        ("input_size", 10**6),
        ("licence", None),
        ("metrics", []),
        ("parent", 3),
        ("files", {"../../../etc/passwd": "0" * 64}),
        ("files", {EMBEDDING: "no checksum"}),
        ("files", [EMBEDDING]),
    ],
)
def test_an_impossible_entry_is_named(change_card: Callable[..., Path], key: str, value: Any) -> None:
    with pytest.raises(ModelError, match=f"'{key}' is missing or impossible"):
        load_card(change_card(**{key: value}))


BEYOND_FLOAT = 10**400


def nested(depth: int) -> list[Any]:
    result: list[Any] = []
    for _ in range(depth):
        result = [result]
    return result


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("focus", BEYOND_FLOAT),
        ("focus", -BEYOND_FLOAT),
        ("format", BEYOND_FLOAT),
        ("parts", [BEYOND_FLOAT, 0]),
        ("paths", [1, BEYOND_FLOAT]),
        ("input_size", BEYOND_FLOAT),
        ("feature_dim", BEYOND_FLOAT),
        ("metrics", {"mAP": BEYOND_FLOAT}),
        ("metrics", {"mAP": float("inf")}),
        ("metrics", {"mAP": [{"of": float("nan")}]}),
        ("metrics", {"deep": nested(500)}),
        ("files", {EMBEDDING: BEYOND_FLOAT}),
        ("an entry of nobody's", nested(500)),
    ],
)
def test_numbers_and_depths_that_nothing_can_use_are_refused(
    change_card: Callable[..., Path], key: str, value: Any
) -> None:
    with pytest.raises(ModelError, match=f"entry [\"']{key}[\"'] is missing or impossible") as refused:
        load_card(change_card(**{key: value}))
    assert len(str(refused.value)) < 500


def test_what_a_card_may_say_of_itself_is_kept(change_card: Callable[..., Path]) -> None:
    metrics = {"steps": 10**300, "of": {"each": [0.5, None, {"thing": -1e300}]}}
    assert load_card(change_card(metrics=metrics)).metrics == metrics


def test_a_file_that_the_card_does_not_name_is_not_read(change_card: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match=f"has no {EMBEDDING}"):
        load_embedding(load_card(change_card(files={})))


def test_a_pickle_is_not_executed(folder: Path, tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "executed",)

    embedding = replace_file(folder, EMBEDDING, pickle.dumps(Hostile()))
    with pytest.raises(ModelError, match="safetensors"):
        load_embedding(embedding)
    graph = replace_file(folder, TRUNK_GRAPH, pickle.dumps(Hostile()))
    with pytest.raises(ModelError, match="no graph that can be run"):
        OnnxRuntime(graph, 1)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 8,
        (10**15).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"{}",
        (64).to_bytes(8, "little") + b'{"kind.bias":{"dtype":"F32","shape":[256],"data_offsets":[0,9]}}',
        (65).to_bytes(8, "little") + b'{"kind.bias":{"dtype":"F99","shape":[256],"data_offsets":[0,9]}} ',
    ],
)
def test_a_damaged_embedding_is_refused(folder: Path, data: bytes) -> None:
    with pytest.raises(ModelError, match=EMBEDDING):
        load_embedding(replace_file(folder, EMBEDDING, data))


def test_an_embedding_that_does_not_fit_its_card_is_refused(folder: Path) -> None:
    tensors = load((folder / EMBEDDING).read_bytes())
    narrow = tensors | {"kind.weight": np.ascontiguousarray(tensors["kind.weight"][:, :-1])}
    whole = tensors | {"kind.weight": tensors["kind.weight"].astype(np.int32)}
    endless = tensors | {"kind.bias": np.full_like(tensors["kind.bias"], np.inf)}
    for wrong in (narrow, whole, endless, tensors | {"other": tensors["kind.bias"]}):
        with pytest.raises(ModelError, match=EMBEDDING):
            load_embedding(replace_file(folder, EMBEDDING, save(wrong)))


def test_a_graph_that_does_not_fit_its_card_is_refused(change_card: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match="does not fit its card"):
        OnnxRuntime(load_card(change_card(feature_dim=1281)), 1)
    with pytest.raises(ModelError, match="does not fit its card"):
        OnnxRuntime(load_card(change_card(feature_dim=1280, input_size=256)), 1)


def test_a_truncated_graph_is_refused(folder: Path) -> None:
    data = (folder / TRUNK_GRAPH).read_bytes()
    for part in (data[:-1000], data[:100], b""):
        with pytest.raises(ModelError, match="no graph that can be run"):
            OnnxRuntime(replace_file(folder, TRUNK_GRAPH, part), 1)


def test_a_card_without_a_geometry_squashes_photos(change_card: Callable[..., Path]) -> None:
    assert load_card(change_card(geometry=None)).geometry == "squash"
    assert load_card(change_card(geometry="trim")).geometry == "trim"
