"""An ONNX graph, given other constants in place, or made to give what lies within it.

ONNX Runtime takes other constants from its caller too (`SessionOptions.add_initializer`), but for constants
that lie within the graph, as ours do, only after it has optimised the graph: what it has laid out anew or
folded by then keeps the old values. And the package `onnx` is no part of an installed photosim. A graph is a
protobuf message, and a tensor of the same shape and type has as many bytes: so the bytes are replaced where
they lie, and no length changes. Field numbers are those of onnx.proto3, wire types those of
https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_OUTPUT = 1, 5, 12
_NODE_INPUT = 1
_VALUE_NAME, _VALUE_TYPE = 1, 2
_TYPE_TENSOR, _TENSOR_ELEMENTS = 1, 1
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW_DATA = 1, 2, 8, 9
_FLOAT = 1
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5


@dataclass(frozen=True)
class _Field:
    """One field of a message: its number, its value where it is a number, else where its bytes lie.

    `begin` is where the field itself begins, with its number and length.
    """

    number: int
    value: int
    begin: int
    start: int
    end: int


@dataclass(frozen=True)
class _Constant:
    """A tensor of float32, whose bytes, little-endian, lie from `start` to `end`."""

    shape: tuple[int, ...]
    start: int
    end: int


def with_constants(graph: bytes, changes: Mapping[str, npt.NDArray[np.float32]]) -> bytes:
    """The graph, an ONNX model, with these constants in place of its own of the same names.

    Raises ValueError, saying why, where it has no constant of such a name, shape and type, or is no graph.
    """
    constants = _constants(graph)
    changed = bytearray(graph)
    for name, tensor in changes.items():
        if name not in constants:
            raise ValueError(f"the graph has no {name}")
        constant = constants[name]
        data = np.ascontiguousarray(tensor, "<f4").tobytes()
        if constant.shape != tensor.shape or constant.end - constant.start != len(data):
            raise ValueError(f"{name} has another shape in the graph")
        changed[constant.start : constant.end] = data
    return bytes(changed)


def input_of(graph: bytes, weight: str) -> str:
    """The name of what the node with this constant for its second input takes for its first.

    Raises ValueError where there is no such node, or no graph.
    """
    for part in _fields(graph, 0, len(graph)):
        if part.number != _MODEL_GRAPH:
            continue
        for node in _fields(graph, part.start, part.end):
            if node.number == _GRAPH_NODE:
                fields = _fields(graph, node.start, node.end)
                inputs = [graph[item.start : item.end] for item in fields if item.number == _NODE_INPUT]
                if len(inputs) > 1 and inputs[1] == weight.encode():
                    return inputs[0].decode("utf-8", "replace")
    raise ValueError(f"the graph has no {weight}")


def with_outputs(graph: bytes, names: Sequence[str]) -> bytes:
    """The graph, an ONNX model, with these of its inner results, float32, as further outputs."""
    element = _number(_TENSOR_ELEMENTS, _FLOAT)
    kind = _message(_VALUE_TYPE, _message(_TYPE_TENSOR, element))
    added = b"".join(_message(_GRAPH_OUTPUT, _message(_VALUE_NAME, name.encode()) + kind) for name in names)
    for part in _fields(graph, 0, len(graph)):
        if part.number == _MODEL_GRAPH:
            whole = _message(_MODEL_GRAPH, graph[part.start : part.end] + added)
            return graph[: part.begin] + whole + graph[part.end :]
    raise ValueError("this is no graph")


def _message(number: int, data: bytes) -> bytes:
    return _as_varint(number << 3 | _BYTES) + _as_varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _as_varint(number << 3 | _VARINT) + _as_varint(value)


def _as_varint(value: int) -> bytes:
    pieces = bytearray()
    while value > 0x7F:
        pieces.append(value & 0x7F | 0x80)
        value >>= 7
    pieces.append(value)
    return bytes(pieces)


def _constants(graph: bytes) -> dict[str, _Constant]:
    """The graph's constants of float32 that are kept as raw bytes, by name."""
    found: dict[str, _Constant] = {}
    for part in _fields(graph, 0, len(graph)):
        if part.number != _MODEL_GRAPH:
            continue
        for tensor in _fields(graph, part.start, part.end):
            if tensor.number == _GRAPH_INITIALIZER:
                fields = list(_fields(graph, tensor.start, tensor.end))
                name = b"".join(graph[f.start : f.end] for f in fields if f.number == _TENSOR_NAME)
                raw = [field for field in fields if field.number == _TENSOR_RAW_DATA]
                types = [field.value for field in fields if field.number == _TENSOR_TYPE]
                if types == [_FLOAT] and len(raw) == 1:
                    shape = tuple(field.value for field in fields if field.number == _TENSOR_DIMS)
                    found[name.decode("utf-8", "replace")] = _Constant(shape, raw[0].start, raw[0].end)
    return found


def _fields(data: bytes, start: int, end: int) -> Iterator[_Field]:
    """The fields of the message that lies from `start` to `end`; raises ValueError where it is none."""
    while start < end:
        begin = start
        key, start = _varint(data, start, end)
        number, wire = key >> 3, key & 7
        value, size = 0, 0
        if wire == _VARINT:
            value, start = _varint(data, start, end)
        elif wire == _BYTES:
            size, start = _varint(data, start, end)
        elif wire == _EIGHT_BYTES:
            size = 8
        elif wire == _FOUR_BYTES:
            size = 4
        else:
            raise ValueError("this is no graph")
        if start + size > end:
            raise ValueError("the graph is cut off")
        yield _Field(number, value, begin, start, start + size)
        start += size


def _varint(data: bytes, start: int, end: int) -> tuple[int, int]:
    """The number that begins at `start`, and where it ends."""
    value = 0
    for place in range(start, min(end, start + 10)):
        value |= (data[place] & 0x7F) << 7 * (place - start)
        if data[place] < 0x80:
            return value, place + 1
    raise ValueError("the graph is cut off")
