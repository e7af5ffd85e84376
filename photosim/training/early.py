"""The early blocks, which no training changes: run without gradients, by the fastest there is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from photosim.model.network import EarlyBlocks, scaled
from photosim.model.onnx_runtime import run_graph
from photosim.training.graph import exported_graph

Pixels = npt.NDArray[np.uint8]
Early = Callable[[Pixels], Tensor]


def early_runner(early: EarlyBlocks, input_size: int, device: torch.device, threads: int) -> Early:
    """uint8 [N, S, S, 3] to float32 [N, 112, S/16, S/16] on `device`, in torch's channels-last order.

    On the CPU by ONNX Runtime, some three times as fast there as torch.
    """
    if device.type != "cpu":
        return _by_torch(early, device)
    run_early = run_graph(exported_graph(early, input_size, "early"), threads)

    def run(pixels: Pixels) -> Tensor:
        return torch.from_numpy(run_early(pixels)).contiguous(memory_format=torch.channels_last)

    return run


def _by_torch(early: EarlyBlocks, device: torch.device) -> Early:
    early = early.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run(pixels: Pixels) -> Tensor:
        tensor = torch.from_numpy(pixels)
        if device.type == "cuda":
            tensor = tensor.pin_memory()
        with torch.inference_mode(), torch.autocast(device.type, enabled=device.type == "cuda"):
            result: Tensor = early(scaled(tensor.to(device, non_blocking=True), torch.float32))
        # A tensor made in inference mode cannot be part of a graph with gradients.
        return result.float().clone()

    return run
