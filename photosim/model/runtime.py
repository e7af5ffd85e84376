"""Pixels to features: one small interface over whatever runs the trunk.

On the CPU that is ONNX Runtime: it has packages for Linux and Windows on x86-64 and ARM64 and for macOS on
ARM, where OpenVINO lacks ARM on both Linux and Windows; it takes 68 MB installed against 180 MB; and at full
precision it is the faster of the two. On a GPU it is torch, which is imported then alone.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from photosim.model.card import ModelCard
from photosim.model.device import available_cores, choose


class Runtime(Protocol):
    """Runs the trunk of one model."""

    @property
    def device(self) -> str:
        """What it runs on, as a person reads it: "CPU, 2 threads"."""

    @property
    def precision(self) -> str:
        """What it computes in: "fp32", "fp16"."""

    @property
    def batch_size(self) -> int:
        """How many photos a call should bring; any number is taken."""

    @property
    def note(self) -> str | None:
        """Why it does not run as asked, where that is so."""

    def features(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float16]:
        """uint8 RGB [N, S, S, 3] to float16 [N, F]."""


def open_runtime(card: ModelCard, device: str = "auto", threads: int | None = None) -> Runtime:
    """What runs `card`'s trunk on `device` ("auto", "cpu", "cuda", "mps").

    `threads` is for the CPU: what one call uses, by default every core; 1 for a caller that makes several
    calls side by side, which is allowed on the CPU. Raises ModelError for a damaged model or an unknown
    device.
    """
    from photosim.model.onnx_runtime import OnnxRuntime

    threads = threads or available_cores()
    chosen = choose(device)
    if chosen.kind == "cpu":
        return OnnxRuntime(card, threads, chosen.note)
    try:
        from photosim.model import torch_runtime
    except ImportError:
        note = f"the CPU does the work, not the {chosen.name}: torch is not installed"
        return OnnxRuntime(card, threads, note)
    reason = torch_runtime.unusable(chosen.kind)
    if reason is not None:
        return OnnxRuntime(card, threads, f"the CPU does the work, not the {chosen.name}: {reason}")
    try:
        return torch_runtime.open_gpu(card, chosen, lambda: OnnxRuntime(card, threads))
    except RuntimeError as error:
        # A GPU too old for this torch, a driver that gives up: whatever torch says, the CPU can do it.
        reason = str(error).partition("\n")[0]
        return OnnxRuntime(card, threads, f"the {chosen.name} failed, the CPU does the work: {reason}")
