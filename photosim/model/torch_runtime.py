"""The trunk on a GPU, by torch in half precision. Imported only where there is a GPU."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from photosim.errors import ModelError
from photosim.model.card import TRUNK_WEIGHTS, ModelCard
from photosim.model.device import DeviceInfo
from photosim.model.network import Network, network_from
from photosim.model.runtime import Runtime
from photosim.model.trunk_changes import load_weights

_log = logging.getLogger(__name__)

BATCH_SIZE = 64


def load_network(card: ModelCard, changes: Mapping[str, npt.NDArray[np.float32]] | None = None) -> Network:
    """The network with the model's weights, those of a tuned trunk in place, folded, float32, on the CPU.

    `changes` are others than those the model has: see `photosim.model.trunk_changes`.
    Raises ModelError where a file is missing, damaged or foreign.
    """
    weights = load_weights(card, changes)
    try:
        return network_from({name: torch.from_numpy(np.array(item)) for name, item in weights.items()})
    except (ValueError, TypeError) as error:
        path = card.folder / TRUNK_WEIGHTS
        raise ModelError(f"{path} does not hold the weights of its model: get the model again") from error


def unusable(kind: str) -> str | None:
    """Why torch cannot use the GPU of this kind; None where it can."""
    if kind == "cuda" and not torch.cuda.is_available():
        if torch.version.cuda is None:
            return "the installed torch was built without CUDA: install one with CUDA to use the GPU"
        return "torch cannot use the GPU: update its driver"
    if kind == "mps" and not torch.backends.mps.is_available():
        return "torch cannot use the GPU: macOS 12.3 or newer is needed"
    return None


def open_gpu(card: ModelCard, device: DeviceInfo, fall_back: Callable[[], Runtime]) -> TorchRuntime:
    """The model on this GPU, tried with one photo.

    Raises ModelError where the model's weights are damaged, RuntimeError where the GPU cannot run them.
    """
    network = load_network(card)
    runtime = TorchRuntime(network, torch.device(device.kind), device.name, card.feature_dim, fall_back)
    runtime.features(np.zeros((1, card.input_size, card.input_size, 3), np.uint8))
    return runtime


class TorchRuntime:
    """See `photosim.model.runtime.Runtime`. One caller at a time.

    A GPU that runs out of memory gets half the batch from then on; one that cannot hold a single photo is
    given up, and what `fall_back` opens does the work. `note` says which happened.
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        name: str,
        feature_dim: int,
        fall_back: Callable[[], Runtime],
    ) -> None:
        self._torch_device = device
        self._type = torch.float32 if device.type == "cpu" else torch.float16
        self._feature_dim = feature_dim
        self._fall_back = fall_back
        self._instead: Runtime | None = None
        self._device = name
        self._batch_size = BATCH_SIZE
        self._note: str | None = None
        self._network = network
        try:
            self._network = network.to(device, self._type, memory_format=torch.channels_last)  # type: ignore[call-overload]
        except RuntimeError as error:
            if not _out_of_memory(error):
                raise
            self._give_up()

    @property
    def device(self) -> str:
        return self._device if self._instead is None else self._instead.device

    @property
    def precision(self) -> str:
        if self._instead is not None:
            return self._instead.precision
        return "fp16" if self._type == torch.float16 else "fp32"

    @property
    def batch_size(self) -> int:
        return self._batch_size if self._instead is None else self._instead.batch_size

    @property
    def note(self) -> str | None:
        return self._note

    def features(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float16]:
        results = [np.zeros((0, self._feature_dim), np.float16)]
        done = 0
        while done < len(pixels):
            if self._instead is not None:
                results.append(self._instead.features(pixels[done:]))
                break
            batch = pixels[done : done + self._batch_size]
            try:
                results.append(self._run(batch))
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                self._make_do()
            else:
                done += len(batch)
        return np.concatenate(results)

    def _run(self, batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float16]:
        pixels = torch.from_numpy(np.ascontiguousarray(batch))
        if self._torch_device.type == "cuda":
            pixels = pixels.pin_memory()
        with torch.inference_mode():
            output: Tensor = self._network(pixels.to(self._torch_device, non_blocking=True))
            result: npt.NDArray[np.float16] = output.half().cpu().numpy()
        return result

    def _make_do(self) -> None:
        if self._batch_size == 1:
            self._give_up()
        else:
            self._batch_size //= 2
            self._note = f"the {self._device} ran out of memory: it gets {self._batch_size} photos at a time"
            self._release()

    def _give_up(self) -> None:
        self._instead = self._fall_back()
        self._network = nn.Identity()
        self._note = f"the {self._device} ran out of memory, even for one photo: the CPU does the work"
        self._release()

    def _release(self) -> None:
        _log.warning("%s", self._note)
        if self._torch_device.type == "cuda":
            torch.cuda.empty_cache()


def _out_of_memory(error: RuntimeError) -> bool:
    # MPS raises a plain RuntimeError that says so.
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error).lower()
