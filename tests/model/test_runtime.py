"""Features on the CPU: the same from every thread, every batch, and from torch."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest

from photosim.errors import ModelError
from photosim.model import device as devices
from photosim.model.card import ModelCard
from photosim.model.device import DeviceInfo, available_cores, choose, find_devices
from photosim.model.embedding import load_embedding
from photosim.model.onnx_runtime import OnnxRuntime
from photosim.model.runtime import Runtime, open_runtime

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def runtime(card: ModelCard) -> Runtime:
    return open_runtime(card, "cpu", threads=1)


def test_features_are_small_and_plain(runtime: Runtime, sample_pixels: Pixels) -> None:
    features = runtime.features(sample_pixels)
    assert features.shape == (len(sample_pixels), 1280) and features.dtype == np.float16
    assert np.isfinite(features).all() and (features.astype(np.float32).std(axis=1) > 0).all()
    assert runtime.features(sample_pixels[:0]).shape == (0, 1280)


def test_a_mirrored_photo_is_most_like_its_original(
    card: ModelCard, runtime: Runtime, sample_pixels: Pixels
) -> None:
    flipped = sample_pixels[:, :, ::-1]
    embedding = load_embedding(card)
    similarity = embedding(runtime.features(flipped)) @ embedding(runtime.features(sample_pixels)).T
    assert (similarity.argmax(axis=1) == np.arange(len(sample_pixels))).all()


def test_a_photo_has_the_same_features_in_any_batch(runtime: Runtime, sample_pixels: Pixels) -> None:
    many = np.concatenate([sample_pixels] * 3)[: runtime.batch_size + 3]
    together = runtime.features(many).astype(np.float32)
    alone = np.concatenate([runtime.features(many[i : i + 1]) for i in range(len(many))]).astype(np.float32)
    np.testing.assert_allclose(together, alone, rtol=2e-3, atol=1e-4)


def test_several_threads_may_ask_one_runtime(runtime: Runtime, sample_pixels: Pixels) -> None:
    photos = [sample_pixels[i : i + 1] for i in range(len(sample_pixels))] * 4
    expected = [runtime.features(photo) for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        for got, wanted in zip(pool.map(runtime.features, photos), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_pixels_of_another_size_or_kind_are_a_mistake(runtime: Runtime, sample_pixels: Pixels) -> None:
    with pytest.raises(ValueError, match="pixels"):
        runtime.features(sample_pixels[:, ::2])
    with pytest.raises(ValueError, match="pixels"):
        runtime.features(sample_pixels.astype(np.float32))


def test_the_device_is_named_with_its_threads(card: ModelCard) -> None:
    one = open_runtime(card, "cpu", threads=1)
    assert (one.device, one.precision, one.note) == ("CPU, 1 thread", "fp32", None)
    assert open_runtime(card, "cpu", threads=2).device == "CPU, 2 threads"
    assert str(available_cores()) in open_runtime(card, "cpu").device


def test_views_of_other_arrays_are_taken(runtime: Runtime, sample_pixels: Pixels) -> None:
    view = sample_pixels[:, :, ::-1]
    assert not view.flags.c_contiguous
    np.testing.assert_array_equal(runtime.features(view), runtime.features(view.copy()))


def test_the_cpu_is_always_there_and_last() -> None:
    assert find_devices()[-1].kind == "cpu"
    assert choose("cpu") == DeviceInfo("cpu", "CPU")
    assert choose("auto") == find_devices()[0]


def test_an_unknown_device_is_refused(card: ModelCard) -> None:
    with pytest.raises(ModelError, match="no device 'gpu': use auto, cpu, cuda or mps"):
        open_runtime(card, "gpu")


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_a_gpu_that_is_not_there_leaves_the_work_to_the_cpu(card: ModelCard, kind: str) -> None:
    if any(found.kind == kind for found in find_devices()):
        pytest.skip(f"this machine has {kind}")
    runtime = open_runtime(card, kind, threads=1)
    assert isinstance(runtime, OnnxRuntime)
    assert runtime.device == "CPU, 1 thread"
    assert runtime.note is not None and "the CPU does the work" in runtime.note


def test_a_gpu_that_torch_cannot_use_leaves_the_work_to_the_cpu(
    card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("torch can use this machine's GPU")
    monkeypatch.setattr(devices, "_cuda_name", lambda: "NVIDIA Test")
    runtime = open_runtime(card, "auto", threads=1)
    assert runtime.device == "CPU, 1 thread"
    assert runtime.note is not None and "NVIDIA Test" in runtime.note and "torch" in runtime.note


def test_the_ordinary_way_imports_no_torch() -> None:
    program = """
import sys
from pathlib import Path
import numpy as np
from photosim.model.device import find_devices
from photosim.model.embedding import load_embedding
from photosim.model.registry import Registry
from photosim.model.runtime import open_runtime
from photosim.paths import bundled_models
import photosim.training.evaluation
card = Registry(bundled_models(), Path("none")).default()
find_devices()
features = open_runtime(card, "cpu").features(np.zeros((1, card.input_size, card.input_size, 3), np.uint8))
assert load_embedding(card)(features).shape == (1, sum(card.parts))
print([name for name in ("torch", "torchvision", "PySide6") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("[]\n", "")
