"""The network in torch: the same function as the graph, and what becomes of a GPU without memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch", reason="torch is not installed")

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from photosim.errors import ModelError
from photosim.model.card import TRUNK_WEIGHTS, ModelCard
from photosim.model.embedding import load_embedding
from photosim.model.network import TRUNK_FEATURES, PooledTrunk, fold, network_from
from photosim.model.onnx_runtime import OnnxRuntime
from photosim.model.runtime import Runtime
from photosim.model.torch_runtime import TorchRuntime, load_network
from tests.model.test_card import replace_file

Pixels = npt.NDArray[np.uint8]
CPU = torch.device("cpu")


class SmallMemory(nn.Module):
    """A network on a device with room for `room` photos at a time."""

    def __init__(self, network: nn.Module, room: int) -> None:
        super().__init__()
        self.network = network
        self.room = room
        self.batches: list[int] = []

    def forward(self, pixels: Tensor) -> Tensor:
        self.batches.append(len(pixels))
        if len(pixels) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        result: Tensor = self.network(pixels)
        return result


@pytest.fixture(scope="module")
def network(card: ModelCard) -> PooledTrunk:
    return load_network(card)


@pytest.fixture(scope="module")
def on_cpu(card: ModelCard) -> OnnxRuntime:
    return OnnxRuntime(card, 1)


def torch_runtime(network: nn.Module, fall_back: Runtime) -> TorchRuntime:
    return TorchRuntime(network, CPU, "NVIDIA Test", TRUNK_FEATURES, lambda: fall_back)


def test_torch_and_the_graph_give_the_same_features(
    card: ModelCard, network: PooledTrunk, on_cpu: OnnxRuntime, sample_pixels: Pixels
) -> None:
    ours = torch_runtime(network, on_cpu).features(sample_pixels)
    graph = on_cpu.features(sample_pixels)
    assert ours.dtype == graph.dtype == np.float16 and ours.shape == graph.shape
    np.testing.assert_allclose(ours.astype(np.float32), graph.astype(np.float32), rtol=2e-3, atol=1e-3)
    embedding = load_embedding(card)
    assert np.einsum("ij,ij->i", embedding(ours), embedding(graph)).min() > 0.99999


def test_half_precision_gives_nearly_the_same_embeddings(
    card: ModelCard, network: PooledTrunk, on_cpu: OnnxRuntime, sample_pixels: Pixels
) -> None:
    half = network_from(load(card.read_file(TRUNK_WEIGHTS))).half()
    with torch.inference_mode():
        features = half(torch.from_numpy(sample_pixels)).numpy()
    embedding = load_embedding(card)
    same = np.einsum("ij,ij->i", embedding(features), embedding(on_cpu.features(sample_pixels)))
    assert same.min() > 0.999


def test_folding_keeps_the_function(card: ModelCard, sample_pixels: Pixels) -> None:
    trainable = PooledTrunk()
    trainable.load_state_dict(load(card.read_file(TRUNK_WEIGHTS)))
    trainable.eval()
    pixels = torch.from_numpy(sample_pixels[:2])
    with torch.inference_mode():
        before = trainable(pixels)
        fold(trainable)
        torch.testing.assert_close(trainable(pixels), before, rtol=1e-3, atol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in trainable.modules())


def test_a_gpu_short_of_memory_gets_smaller_batches(
    network: PooledTrunk, on_cpu: OnnxRuntime, sample_pixels: Pixels
) -> None:
    many = np.concatenate([sample_pixels] * 20)[:70]
    small = SmallMemory(network, room=20)
    runtime = torch_runtime(small, on_cpu)
    features = runtime.features(many)
    assert small.batches == [64, 32, 16, 16, 16, 16, 6]
    assert (runtime.batch_size, runtime.device) == (16, "NVIDIA Test")
    assert runtime.note == "the NVIDIA Test ran out of memory: it gets 16 photos at a time"
    np.testing.assert_allclose(
        features.astype(np.float32), on_cpu.features(many).astype(np.float32), rtol=2e-3, atol=1e-3
    )
    runtime.features(many[:20])
    assert small.batches[-2:] == [16, 4]


def test_a_gpu_without_memory_for_one_photo_leaves_the_work_to_the_cpu(
    network: PooledTrunk, on_cpu: OnnxRuntime, sample_pixels: Pixels
) -> None:
    runtime = torch_runtime(SmallMemory(network, room=0), on_cpu)
    np.testing.assert_array_equal(runtime.features(sample_pixels), on_cpu.features(sample_pixels))
    assert (runtime.device, runtime.precision, runtime.batch_size) == ("CPU, 1 thread", "fp32", 8)
    assert runtime.note is not None and runtime.note.endswith("the CPU does the work")


def test_a_gpu_without_memory_for_the_network_leaves_the_work_to_the_cpu(
    on_cpu: OnnxRuntime, sample_pixels: Pixels
) -> None:
    class TooLarge(nn.Module):
        def to(self, *args: object, **kwargs: object) -> nn.Module:  # type: ignore[override]
            raise RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)")

    runtime = torch_runtime(TooLarge(), on_cpu)
    np.testing.assert_array_equal(runtime.features(sample_pixels), on_cpu.features(sample_pixels))
    assert runtime.device == "CPU, 1 thread" and runtime.note is not None


def test_any_other_failure_is_not_taken_for_a_lack_of_memory(
    on_cpu: OnnxRuntime, sample_pixels: Pixels
) -> None:
    class Broken(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            raise RuntimeError("device-side assert triggered")

    with pytest.raises(RuntimeError, match="device-side assert"):
        torch_runtime(Broken(), on_cpu).features(sample_pixels)


def test_weights_of_another_network_are_refused(folder: Path) -> None:
    foreign = save({"layer.weight": torch.zeros(3, 3)})
    misshapen = {
        name: tensor[:1]
        for name, tensor in load((folder / TRUNK_WEIGHTS).read_bytes()).items()
        if tensor.dim()
    }
    for data in (foreign, save(misshapen), b"no safetensors", b""):
        with pytest.raises(ModelError, match=f"{TRUNK_WEIGHTS} does not hold the weights"):
            load_network(replace_file(folder, TRUNK_WEIGHTS, data))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_real_gpu_agrees_with_the_cpu(card: ModelCard, on_cpu: OnnxRuntime, sample_pixels: Pixels) -> None:
    from photosim.model.runtime import open_runtime

    gpu = open_runtime(card, "cuda")
    assert gpu.precision == "fp16" and gpu.note is None
    embedding = load_embedding(card)
    ours, theirs = embedding(gpu.features(sample_pixels)), embedding(on_cpu.features(sample_pixels))
    assert np.einsum("ij,ij->i", ours, theirs).min() > 0.999
