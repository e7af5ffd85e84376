"""A scan's photos per second on files of 12 megapixels, against what the cores could do at most.

    python benchmarks/pipeline.py [--quick] [FOLDER]

At most means: cores / (processor time to decode one file + processor time to run the network on it), both
measured alone, on the same files, in the same run. The files are made on the spot, each of its own content:
the largest photos below FOLDER (`../shared/camera` where it is there, else scikit-image's pictures), brought
to 4000 x 3000, shifted, with a sensor's noise, at quality 90. The scan is a real one into a real library,
its rate taken from the first photos written to the last. Target: at least 0.85 of what is possible.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
from PIL import Image, ImageOps

from benchmarks.common import verdict
from photosim.imaging.formats import is_photo_name
from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import read_bytes, read_photo
from photosim.library import Library
from photosim.model.device import available_cores
from photosim.model.runtime import open_runtime
from photosim.paths import library_folders
from photosim.scan.control import ScanControl
from photosim.scan.scanner import scan

SIZE = (4000, 3000)
FILES, QUICK_FILES = 160, 48
SOURCES = 8
NOISE = 4.0  # standard deviation in grey levels, as of a good camera at ISO 400
TARGET = 0.85


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_FILES} files instead of {FILES}")
    parser.add_argument("folder", metavar="FOLDER", nargs="?", type=Path, default=_default_folder())
    options = parser.parse_args()
    cores = available_cores()
    with tempfile.TemporaryDirectory(prefix="photosim-pipeline-") as place:
        photos = Path(place, "photos")
        photos.mkdir()
        make_files(photos, options.folder, QUICK_FILES if options.quick else FILES)
        paths = sorted(photos.iterdir())
        megabytes = sum(path.stat().st_size for path in paths) / len(paths) / 1e6
        print(f"{len(paths)} JPEGs of {SIZE[0]} x {SIZE[1]}, {megabytes:.1f} MB each")
        with Library(library_folders(Path(place, "library")), "cpu") as library:
            decode, inference = alone(library, paths)
            print(f"decoding one file, alone     {1000 * decode:6.1f} ms of processor time")
            print(f"network on one photo, alone  {1000 * inference:6.1f} ms of processor time")
            library.catalog.add_folder(photos)
            measured, used, idle = scan_rate(library, cores)
    possible = cores / (decode + inference)
    ratio = measured / possible
    others = max(0.0, 1 - used - idle)
    print(f"of {cores} cores the scan used {used:.0%}, {idle:.0%} lay idle, others took {others:.0%}")
    met = ratio >= TARGET
    print(f"pipeline: {measured:.1f} photos/s of {possible:.1f} possible on {cores} cores")
    print(
        f"| pipeline at 12 megapixels, of what is possible | target {TARGET} | {ratio:.2f} | {verdict(met)} |"
    )
    return 0 if met else 1


def _default_folder() -> Path:
    camera = Path(__file__).parents[2] / "shared" / "camera"
    if camera.is_dir():
        return camera
    import skimage.data

    return Path(skimage.data.__file__).parent


def make_files(folder: Path, sources: Path, count: int) -> None:
    """`count` JPEGs of SIZE in `folder`, no two alike."""
    found = [path for path in sources.rglob("*") if is_photo_name(path.name)]
    found.sort(key=lambda path: (-path.stat().st_size, path.name))
    pictures = [_large(path) for path in found[:SOURCES]]
    random = np.random.default_rng(1)
    # Drawn once and shifted for each file: drawing 36 million numbers takes longer than all else.
    noise = random.normal(0.0, NOISE, (SIZE[1], SIZE[0], 3)).round().astype(np.int16)
    for number in range(count):
        shifts = random.integers(0, min(SIZE), 4)
        picture = np.roll(pictures[number % len(pictures)], tuple(shifts[:2]), (0, 1))
        noisy = picture + np.roll(noise, tuple(shifts[2:]), (0, 1))
        image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
        image.save(folder / f"{number:04}.jpg", quality=90)


def _large(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    return np.asarray(ImageOps.fit(upright, SIZE, Image.Resampling.BICUBIC), dtype=np.int16)


def alone(library: Library, paths: list[Path]) -> tuple[float, float]:
    """Seconds of processor time a photo: to read and decode it, to run the network on it."""
    card = library.card
    runtime = open_runtime(card, "cpu", threads=1)
    wanted = NetworkInput(card.input_size, card.geometry)
    runtime.features(np.zeros((runtime.batch_size, card.input_size, card.input_size, 3), np.uint8))
    read_photo(read_bytes(paths[0]), wanted)
    decode, inference = 0.0, 0.0
    for batch in _batches(paths, runtime.batch_size):
        begun = time.process_time()
        readings = [read_photo(read_bytes(path), wanted) for path in batch]
        decode += time.process_time() - begun
        begun = time.process_time()
        runtime.features(np.stack([reading.pixels for reading in readings]))
        inference += time.process_time() - begun
    return decode / len(paths), inference / len(paths)


def _batches(paths: list[Path], size: int) -> Iterator[list[Path]]:
    for start in range(0, len(paths), size):
        yield paths[start : start + size]


def scan_rate(library: Library, cores: int) -> tuple[float, float, float]:
    """Photos per second of a scan once it runs; of all cores, the shares it used and that lay idle."""
    times: list[tuple[float, int, float, float]] = []
    for step in scan(library, ScanControl()):
        if step.phase == "reading" and step.done > (times[-1][1] if times else 0):
            times.append((time.perf_counter(), step.done, _busy(), psutil.cpu_times().idle))
    begun, first, busy_before, idle_before = times[0]
    ended, last, busy_after, idle_after = times[-1]
    seconds = ended - begun
    return (
        (last - first) / seconds,
        (busy_after - busy_before) / seconds / cores,
        (idle_after - idle_before) / seconds / cores,
    )


def _busy() -> float:
    """Processor time of this process and its children so far, in seconds."""
    process = psutil.Process()
    return sum(sum(one.cpu_times()[:2]) for one in [process, *process.children(recursive=True)])


if __name__ == "__main__":
    raise SystemExit(main())
