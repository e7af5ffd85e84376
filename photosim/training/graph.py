"""The network as an ONNX graph, written operator by operator: the only module that imports onnx.

torch's exporter leaves the uneven padding as operators of their own, which keep the runtime from running
from one convolution to the next in its own memory layout. And here every constant has its weight's name, so
that a tuned trunk can replace the tensors of the shipped graph.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from photosim.model.network import (
    PATHS,
    ConvUnit,
    DeepRanking,
    EarlyBlocks,
    InvertedResidual,
    LateBlocks,
    Lite0,
    PooledTrunk,
    ShallowPath,
)

OPSET = 17
_IR_VERSION = 8


def exported_graph(network: PooledTrunk | DeepRanking | EarlyBlocks, input_size: int, name: str) -> bytes:
    """A folded network as ONNX, from "pixels" uint8 [N, S, S, 3].

    Whole networks give "features" float32 [N, F], that of two parts also "kind_maps" and "thing_maps"
    [N, 1280, S/32, S/32], the maps before their average; early blocks give "early" [N, 112, S/16, S/16].
    """
    writer = _Writer(network)
    x = writer.pixels()
    sixteenth, half = input_size // 16, input_size // 32
    outputs: dict[str, list[int | str]]
    if isinstance(network, EarlyBlocks):
        writer.early(network, x, "early")
        outputs = {"early": ["photos", 112, sixteenth, sixteenth]}
    elif isinstance(network, PooledTrunk):
        maps = writer.trunk(network.trunk, x)
        writer.node("ReduceMean", maps, output="features", axes=[2, 3], keepdims=0)
        outputs = {"features": ["photos", network.feature_dim]}
    else:
        writer.paths(network, x)
        outputs = {"features": ["photos", network.feature_dim]}
        outputs |= {f"{part}_maps": ["photos", 1280, half, half] for part in ("kind", "thing")}
    shape: list[int | str] = ["photos", input_size, input_size, 3]
    graph = helper.make_graph(
        writer.nodes,
        name,
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in outputs.items()],
        writer.constants,
    )
    model = helper.make_model(
        graph,
        producer_name="photosim",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


class _Writer:
    """Nodes and constants of one graph; each method adds a piece and gives the name of what it computes."""

    def __init__(self, network: nn.Module) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._names = {id(parameter): name for name, parameter in network.named_parameters()}
        for number, value in {"zero": 0.0, "six": 6.0, "middle": 127.0, "scale": 1 / 128}.items():
            self.constants.append(numpy_helper.from_array(np.array(value, np.float32), number))

    def node(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, value: Tensor) -> str:
        name = self._names[id(value)]
        self.constants.append(numpy_helper.from_array(value.detach().numpy(), name))
        return name

    def pixels(self) -> str:
        x = self.node("Cast", self.node("Transpose", "pixels", perm=[0, 3, 1, 2]), to=TensorProto.FLOAT)
        return self.node("Mul", self.node("Sub", x, "middle"), "scale")

    def conv(self, conv: nn.Conv2d, x: str, padding: tuple[int, int, int, int] = (0, 0, 0, 0)) -> str:
        left, right, top, bottom = padding
        assert conv.bias is not None and not isinstance(conv.padding, str)
        height, width = conv.padding
        return self.node(
            "Conv",
            x,
            self.constant(conv.weight),
            self.constant(conv.bias),
            kernel_shape=list(conv.kernel_size),
            strides=list(conv.stride),
            group=conv.groups,
            pads=[top + height, left + width, bottom + height, right + width],
        )

    def conv_relu6(self, unit: ConvUnit, x: str, output: str | None = None) -> str:
        return self.node("Clip", self.conv(unit.conv, x, unit.padding), "zero", "six", output=output)

    def blocks(self, blocks: nn.Sequential, x: str, output: str | None = None) -> str:
        for number, block in enumerate(blocks):
            assert isinstance(block, InvertedResidual)
            name = output if number == len(blocks) - 1 else None
            y = x if block.expand is None else self.conv_relu6(block.expand, x)
            y = self.conv_relu6(block.depthwise, y)
            y = self.conv(block.project.conv, y, block.project.padding)
            x = self.node("Add", x, y, output=name) if block.shortcut else y
        return x

    def trunk(self, trunk: Lite0, x: str) -> str:
        return self.conv_relu6(trunk.head, self.blocks(trunk.blocks, self.conv_relu6(trunk.stem, x)))

    def early(self, early: EarlyBlocks, x: str, output: str | None = None) -> str:
        return self.blocks(early.blocks, self.conv_relu6(early.stem, x), output)

    def late(self, late: LateBlocks, x: str, output: str) -> str:
        return self.conv_relu6(late.head, self.blocks(late.blocks, x), output)

    def shallow(self, path: ShallowPath, x: str) -> str:
        x = self.node("AveragePool", x, kernel_shape=[path.shrink] * 2, strides=[path.shrink] * 2)
        x = self.node("Relu", self.conv(path.conv, x))
        x = self.node("MaxPool", x, kernel_shape=[path.pool] * 2, strides=[path.pool] * 2)
        return self.node("Flatten", x, axis=1)

    def paths(self, network: DeepRanking, x: str) -> None:
        early = self.early(network.early, x)
        kind = self.late(network.kind, early, "kind_maps")
        thing = self.late(network.thing, early, "thing_maps")
        paths = (
            self.node("ReduceMean", kind, axes=[2, 3], keepdims=0),
            self.node("ReduceMean", thing, axes=[2, 3], keepdims=0),
            self.shallow(network.fine, x),
            self.shallow(network.coarse, x),
        )
        reduced = []
        for name, path in zip(PATHS, paths, strict=True):
            linear = network.reductions[name]
            assert isinstance(linear, nn.Linear)
            row = self.node("Gemm", path, self.constant(linear.weight), transB=1)
            reduced.append(self.node("LpNormalization", row, axis=1, p=2))
        self.node("Concat", *reduced, output="features", axis=1)
