"""Embedding on the CPU: the runtime that ships against torch, same network, threads and batch, in one run.

    python benchmarks/embedder.py [--threads N] [--batch N] [--rounds N] [--seconds S]

torch runs the network eagerly: as it is trained, with its batch norms (the target is against this); with them
folded into the convolutions, as the model's files have them; and so with glibc's mmap and trim thresholds
raised, so that freed memory is not given back to the system between layers. Each runs in processes of its
own, by turns; the median counts. What the model costs is said against EfficientNet-Lite0 at 224 pixels, the
first bundled model, on the runtime that ships.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from photosim.model.card import ModelCard
from photosim.model.device import available_cores
from photosim.model.registry import Registry
from photosim.model.runtime import open_runtime
from photosim.paths import bundled_models, library_folders

TARGET = 3.0
TORCH = "torch, eager, as trained"
TORCH_FOLDED = "torch, eager, batch norms folded"
TORCH_RAISED = "the same, malloc thresholds raised"
SHIPPED = "ONNX Runtime, as shipped (fp32)"
REFERENCE = "EfficientNet-Lite0 at 224 px, ONNX Runtime"
REFERENCE_MODEL = "deepranking-v1"
MOST_COST = 1.7

Embed = Callable[[npt.NDArray[np.uint8]], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--measure", choices=(TORCH, TORCH_FOLDED, TORCH_RAISED, SHIPPED, REFERENCE), help=argparse.SUPPRESS
    )
    arguments = parser.parse_args()
    registry = Registry(bundled_models(), library_folders().models)
    card = registry.default()
    if arguments.measure:
        card = registry.get(REFERENCE_MODEL) if arguments.measure == REFERENCE else card
        embed = opened(arguments.measure, card, arguments.threads)
        print(*photos_per_second(embed, arguments.batch, card.input_size, arguments.seconds))
        return

    variants = [TORCH, TORCH_FOLDED, TORCH_RAISED, SHIPPED, REFERENCE]
    if sys.platform != "linux":
        variants.remove(TORCH_RAISED)
    speeds: dict[str, list[float]] = {variant: [] for variant in variants}
    thrifts: dict[str, list[float]] = {variant: [] for variant in variants}
    for _ in range(arguments.rounds):
        for variant in variants:
            command = [sys.executable, __file__, *sys.argv[1:], "--measure", variant]
            speed, thrift = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.split()
            speeds[variant].append(float(speed))
            thrifts[variant].append(float(thrift))
    base = statistics.median(speeds[TORCH])
    print(f"{card.trunk}, {card.input_size} px, {arguments.threads} threads, batch {arguments.batch}")
    for variant in variants:
        median = statistics.median(speeds[variant])
        thrift_median = statistics.median(thrifts[variant])
        print(
            f"  {variant:40} {median:7.1f} photos/s  {median / base:5.2f}x"
            f"  {thrift_median:7.1f} photos for a second of CPU time"
        )
    ratio = statistics.median(speeds[SHIPPED]) / base
    verdict = "met" if ratio >= TARGET else "MISSED"
    print(f"target {TARGET}x torch as trained: measured {ratio:.2f}x, {verdict}")
    cost = statistics.median(speeds[REFERENCE]) / statistics.median(speeds[SHIPPED])
    verdict = "met" if cost <= MOST_COST else "MISSED"
    print(f"cost at most {MOST_COST}x that of {REFERENCE}: measured {cost:.2f}x, {verdict}")


def photos_per_second(embed: Embed, batch: int, size: int, seconds: float) -> tuple[float, float]:
    """By the clock, and by CPU time, which says more where other programs run beside this one."""
    pixels = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), np.uint8)
    for _ in range(3):
        embed(pixels)
    done = 0
    start, start_cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        embed(pixels)
        done += batch
    return done / (time.perf_counter() - start), done / (time.process_time() - start_cpu)


def opened(variant: str, card: ModelCard, threads: int) -> Embed:
    if variant in (SHIPPED, REFERENCE):
        return open_runtime(card, "cpu", threads).features
    if variant == TORCH_RAISED:
        from photosim.training.memory import keep_freed_memory

        if not keep_freed_memory():
            raise SystemExit("this system's malloc does not take the thresholds")

    import torch

    from photosim.model.network import DeepRanking, PooledTrunk
    from photosim.model.torch_runtime import load_network

    torch.set_num_threads(threads)
    network = load_network(card)
    if variant == TORCH:
        # What the weights are makes no difference to the time.
        folded = network
        network = DeepRanking(folded.feature_sizes) if isinstance(folded, DeepRanking) else PooledTrunk()
        network.eval()

    def embed(pixels: npt.NDArray[np.uint8]) -> object:
        with torch.inference_mode():
            return network(torch.from_numpy(pixels)).numpy()

    return embed


if __name__ == "__main__":
    main()
