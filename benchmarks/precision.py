"""What the network gives at fp32, bfloat16 and int8 on the CPU: speed and ranking, in one run.

    python -m benchmarks.precision [--model FOLDER] [--photos DIR] [--threads N] [--batch N] [--rounds N]
                                   [--seconds S] [--gallery N] [--copied N] [--calibrated N] [--no-speed]

Speed: every variant runs the same network in processes of its own, by turns, with the same threads and
batch; the median counts, beside torch eager as installed. bfloat16 is torch's, where the processor has it;
int8 is ONNX Runtime's static quantization, per channel, calibrated on photos of classes that the figures are
not measured on: all layers, with weights of reduced range (processors without VNNI saturate otherwise), with
the first blocks and shallow paths left at fp32, and the 1x1 convolutions alone.

Ranking: every variant's figures on classes kept back, fp16 as a GPU computes it among them, and the agreement
of ten neighbours: what a query of this variant finds in a gallery of fp32, and the other way round, against
fp32 alone. Targets: figures within 0.003 of fp32, agreement at least 0.98, 3x torch eager.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from benchmarks import embedder
from benchmarks.common import CHECKOUT, PHOTOS, busy, verdict
from photosim.atomic import sha256_of
from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import read_bytes, read_photo
from photosim.model.card import CARD, TRUNK_GRAPH, ModelCard, load_card
from photosim.model.device import available_cores
from photosim.model.embedding import load_embedding, part_weights
from photosim.model.registry import Registry
from photosim.model.runtime import Runtime, open_runtime
from photosim.paths import bundled_models, library_folders
from photosim.training.compare import Ranker, make_tasks, measure
from photosim.training.validation import Validation, ValidationSettings, choose_photos, read_validation

TARGET_SPEED = 3.0
TARGET_LOSS = 0.003
TARGET_AGREEMENT = 0.98
NEIGHBOURS = 10

TORCH = "torch eager, fp32"
TORCH_BF16 = "torch eager, bfloat16"
FP16 = "fp16, as a GPU"
FP32 = "ONNX Runtime, fp32"

Pixels = npt.NDArray[np.uint8]
Features = npt.NDArray[np.float16]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Quantization:
    """`kept` matches the names of the weights whose layers stay at fp32."""

    reduced_range: bool = False
    kept: str | None = None


_DELICATE = r"^(trunk|early)\.(stem|blocks\.[01])\.|^(fine|coarse)\."
INT8 = {
    "int8": Quantization(),
    "int8, reduced range": Quantization(reduced_range=True),
    "int8, first blocks fp32": Quantization(kept=_DELICATE),
    "int8, first blocks fp32, reduced": Quantization(reduced_range=True, kept=_DELICATE),
    "int8, 1x1 alone": Quantization(kept=rf"\.depthwise\.|{_DELICATE}"),
}


def main() -> int:
    arguments = parse()
    if arguments.measure:
        card = load_card(arguments.model)
        embed = opened(arguments.measure, card, arguments.threads)
        print(embedder.photos_per_second(embed, arguments.batch, card.input_size, arguments.seconds)[0])
        return 0
    registry = Registry(bundled_models(), library_folders().models)
    card = load_card(arguments.model) if arguments.model else registry.default()
    (CHECKOUT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CHECKOUT / "build", prefix="precision-") as name:
        settings = ValidationSettings(gallery=arguments.gallery, copied=arguments.copied)
        chosen = choose_photos(arguments.photos, settings)
        # Photos of other classes than those that are measured.
        calibration = [read(path, card) for path in chosen.backgrounds[: arguments.calibrated]]
        print(f"{card.version} on {busy()}; {arguments.threads} threads, batch {arguments.batch}")
        folders = {FP32: card.folder} | dict(quantized_models(card, calibration, Path(name)))
        variants = [TORCH, *([TORCH_BF16] if has_bfloat16() else []), *folders]
        if TORCH_BF16 not in variants:
            print("this processor has no bfloat16")
        if not arguments.no_speed:
            print_speeds(variants, {**{TORCH: card.folder, TORCH_BF16: card.folder}, **folders}, arguments)
        runtimes: dict[str, Runtime] = {}
        for variant in (FP32, *variants[variants.index(FP32) + 1 :]):
            runtimes[variant] = open_runtime(load_card(folders[variant]), "cpu", arguments.threads)
        if TORCH_BF16 in variants:
            runtimes[TORCH_BF16] = TorchVariant(card, arguments.threads, bfloat16=True)
        runtimes[FP16] = TorchVariant(card, arguments.threads, bfloat16=False)
        # The same model each time: versions tell the variants' features apart.
        models = [(replace(card, version=variant), runtime) for variant, runtime in runtimes.items()]
        print_rankings(read_validation(chosen, models, settings.copied, progress), card)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="a model's folder (the bundled one)")
    parser.add_argument("--photos", type=Path, default=PHOTOS, metavar="DIR", help="a folder for each class")
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--gallery", type=int, default=5000)
    parser.add_argument("--copied", type=int, default=400)
    parser.add_argument("--calibrated", type=int, default=128, help="photos that int8 is calibrated on")
    parser.add_argument("--no-speed", action="store_true", help="ranking alone")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    return parser.parse_args()


# The variants


def read(path: Path, card: ModelCard) -> Pixels:
    return read_photo(read_bytes(path), NetworkInput(card.input_size, card.geometry)).pixels


def quantized_models(
    card: ModelCard, calibration: Sequence[Pixels], below: Path
) -> Iterator[tuple[str, Path]]:
    """Folders of the model with its graph at int8, each with the name of its variant."""
    # It says at every layer's weights that they could have been prepared.
    logging.getLogger().setLevel(logging.ERROR)
    for number, (name, how) in enumerate(INT8.items()):
        folder = Path(shutil.copytree(card.folder, below / str(number)))
        quantize(folder / TRUNK_GRAPH, calibration, how)
        entries = json.loads((folder / CARD).read_text())
        entries["files"][TRUNK_GRAPH] = sha256_of(folder / TRUNK_GRAPH)
        (folder / CARD).write_text(json.dumps(entries))
        yield name, folder


def quantize(graph: Path, calibration: Sequence[Pixels], how: Quantization) -> None:
    """Replace a graph by its quantized form, which gives "features" alone."""
    model = onnx.load(graph)
    del model.graph.output[1:]
    kept = [
        node.name
        for node in model.graph.node
        if how.kept and any(re.search(how.kept, name) for name in node.input)
    ]
    quantize_static(
        model,
        graph,
        Calibration(model.graph.input[0].name, calibration),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Clip", "Relu", "Add"],
        per_channel=True,
        reduce_range=how.reduced_range,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=kept,
    )


class Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Photos, one at a time."""

    def __init__(self, name: str, photos: Sequence[Pixels]) -> None:
        self._batches = iter([{name: photo[None]} for photo in photos])

    def get_next(self) -> dict[str, Pixels] | None:
        return next(self._batches, None)


class TorchVariant:
    """The network by torch at another precision; see `photosim.model.runtime.Runtime`.

    bfloat16 by autocast. fp16 as a GPU computes it: weights and every layer's result rounded to fp16, the
    sums in between at fp32.
    """

    device = "CPU"
    batch_size = 8
    note = None

    def __init__(self, card: ModelCard, threads: int, bfloat16: bool) -> None:
        import torch

        from photosim.model.torch_runtime import load_network

        torch.set_num_threads(threads)
        self.precision = "bf16" if bfloat16 else "fp16"
        self._network = load_network(card).to(memory_format=torch.channels_last)
        if not bfloat16:
            for parameter in self._network.parameters():
                parameter.copy_(parameter.half().float())
            for module in self._network.modules():
                if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                    module.register_forward_hook(lambda _module, _inputs, result: result.half().float())

    def features(self, pixels: Pixels) -> Features:
        import torch

        results = []
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, self.precision == "bf16"):
            for start in range(0, len(pixels), self.batch_size):
                batch = torch.from_numpy(pixels[start : start + self.batch_size])
                results.append(self._network(batch).half().numpy())
        return np.concatenate(results)


def has_bfloat16() -> bool:
    """Whether the processor computes in bfloat16; only Linux says."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", flags) is not None


# Speed


def opened(variant: str, card: ModelCard, threads: int) -> Callable[[Pixels], object]:
    if variant == TORCH:
        return embedder.opened(embedder.TORCH, card, threads)
    if variant == TORCH_BF16:
        return TorchVariant(card, threads, bfloat16=True).features
    return open_runtime(card, "cpu", threads).features


def print_speeds(variants: Sequence[str], folders: dict[str, Path], arguments: argparse.Namespace) -> None:
    speeds: dict[str, list[float]] = {variant: [] for variant in variants}
    options = [f"--{name}={getattr(arguments, name)}" for name in ("threads", "batch", "seconds")]
    for _ in range(arguments.rounds):
        for variant in variants:
            command = [sys.executable, "-m", "benchmarks.precision", *options]
            command += ["--model", str(folders[variant]), "--measure", variant]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=CHECKOUT)
            speeds[variant].append(float(done.stdout))
    medians = {variant: statistics.median(measured) for variant, measured in speeds.items()}
    print(f"\n| {'':34} | photos/s | x torch | x ONNX Runtime fp32 |\n| --- | ---: | ---: | ---: |")
    for variant, speed in medians.items():
        print(f"| {variant:34} | {speed:.1f} | {speed / medians[TORCH]:.2f} | {speed / medians[FP32]:.2f} |")
    best = max(medians[variant] for variant in variants if variant != TORCH) / medians[TORCH]
    print(f"target {TARGET_SPEED}x torch eager: the fastest {best:.2f}x, {verdict(best >= TARGET_SPEED)}")


# Ranking


def print_rankings(validation: Validation, card: ModelCard) -> None:
    embedding = load_embedding(card)
    rows = {variant: embedding(features) for variant, features in validation.features.items()}
    tasks = make_tasks(validation, FP32)
    figures = {
        variant: headlines(measure(Ranker(variant, embeddings, card.parts, card.focus), tasks))
        for variant, embeddings in rows.items()
    }
    names = list(figures[FP32])
    print(f"\n{validation.held_out} photos of classes kept back, a gallery of {validation.gallery}")
    print(f"\n| {'':34} | {' | '.join(names)} | worst loss | agreement |  |")
    print("| --- |" + " ---: |" * (len(names) + 2) + " --- |")
    for variant, row in figures.items():
        loss = max(figures[FP32][name] - row[name] for name in names)
        agreement = agreements(rows[variant], rows[FP32], validation, card)
        met = loss <= TARGET_LOSS and agreement >= TARGET_AGREEMENT
        cells = " | ".join(f"{row[name]:.4f}" for name in names)
        print(f"| {variant:34} | {cells} | {loss:+.4f} | {agreement:.4f} | {verdict(met)} |")
    print(f"targets: no figure more than {TARGET_LOSS} below fp32, agreement at least {TARGET_AGREEMENT}")


def headlines(row: dict[str, Any]) -> dict[str, float]:
    return {
        "mAP": row["kinds"]["mAP"],
        "copies recall@1": row["copies"]["overall"]["recall@1"],
        "triplet accuracy": row["triplets"]["accuracy"],
    }


def agreements(variant: Floats, fp32: Floats, validation: Validation, card: ModelCard) -> float:
    """The share of fp32's ten nearest that are found across: the lower one of both ways."""
    gallery = slice(0, validation.gallery)
    queries = slice(0, validation.held_out)
    weights = np.repeat(np.array(part_weights(card.parts, card.focus), np.float32), card.parts)
    reference = nearest(fp32[queries] * weights, fp32[gallery])
    across = [
        nearest(variant[queries] * weights, fp32[gallery]),
        nearest(fp32[queries] * weights, variant[gallery]),
    ]
    return min(
        float(np.mean([len(np.intersect1d(a, b)) for a, b in zip(found, reference, strict=True)]))
        / NEIGHBOURS
        for found in across
    )


def nearest(queries: Floats, gallery: Floats) -> npt.NDArray[np.intp]:
    """The ten nearest [Q, 10] of queries that are the first of the gallery, themselves left out."""
    similarity = queries @ gallery.T
    np.fill_diagonal(similarity, -np.inf)
    return np.argpartition(-similarity, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]


def progress(done: int, total: int) -> None:
    if done % 512 < 32 or done == total:
        print(f"{done} of {total} photos and copies read", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
