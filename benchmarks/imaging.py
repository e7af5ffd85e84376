"""From a JPEG of 12 megapixels to thumbnail and network input, against plain Pillow open and resize.

    python benchmarks/imaging.py [FOLDER]

The files are made on the spot, from the largest photos below FOLDER (`../shared/camera` where it is there)
or from the pictures of scikit-image, at 4000 x 3000 and quality 92. Target: at least 5 times as fast, hash,
EXIF facts, perceptual hash and the thumbnail's encoding included; two threads on two cores at least 1.7
times as fast as one.
"""

from __future__ import annotations

import io
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from PIL import Image, ImageOps

from photosim.imaging.formats import is_photo_name
from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import THUMBNAIL_SIDE, content_hash, read_photo

SIZE = (4000, 3000)
INPUT_SIZE = 224
FILES = 6
ROUNDS = 5
TARGET = 5.0
TARGET_THREADS = 1.7


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else Path(__file__).parents[2] / "shared" / "camera"
    files = [large_jpeg(path) for path in largest(folder if folder.is_dir() else scikit_image_pictures())]
    megabytes = sum(len(data) for data in files) / len(files) / 1e6
    print(f"{len(files)} JPEGs of {SIZE[0]} x {SIZE[1]}, {megabytes:.1f} MB each on average, from {folder}")

    plain_time = milliseconds(plain, files)
    full_time = milliseconds(lambda data: read_photo(data, NetworkInput(INPUT_SIZE)), files)
    hash_time = milliseconds(content_hash, files)
    draft_time = milliseconds(draft, files)
    print(f"plain Pillow, open and resize twice     {plain_time:7.1f} ms  {1000 / plain_time:6.1f} photos/s")
    print(f"decoding alone, at an eighth            {draft_time:7.1f} ms  {1000 / draft_time:6.1f} photos/s")
    print(f"content hash alone                      {hash_time:7.1f} ms")
    print(f"read_photo, all of it                   {full_time:7.1f} ms  {1000 / full_time:6.1f} photos/s")
    ratio = plain_time / full_time
    print(f"read_photo against plain Pillow: {ratio:.1f} times as fast (target: at least {TARGET:g})")

    threads = scaling(files)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    print(
        f"two threads against one, {cores} cores: {threads:.2f} times (target: at least {TARGET_THREADS:g})"
    )
    return 0 if ratio >= TARGET and (threads >= TARGET_THREADS or cores < 2) else 1


def scikit_image_pictures() -> Path:
    import skimage.data

    return Path(skimage.data.__file__).parent


def largest(folder: Path) -> list[Path]:
    photos = [path for path in folder.rglob("*") if is_photo_name(path.name)]
    return sorted(photos, key=lambda path: (-path.stat().st_size, path.name))[:FILES]


def large_jpeg(path: Path) -> bytes:
    with Image.open(path) as image:
        photo = ImageOps.fit(image.convert("RGB"), SIZE, Image.Resampling.BICUBIC)
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=92)
    return file.getvalue()


def plain(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        photo = image.convert("RGB")
    photo.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE * SIZE[1] // SIZE[0]))
    photo.resize((INPUT_SIZE, INPUT_SIZE))


def draft(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        image.draft(None, (SIZE[0] // 8, SIZE[1] // 8))
        image.load()


def milliseconds(work: Callable[[bytes], object], files: Iterable[bytes]) -> float:
    """Mean over the files of each one's median time."""
    medians = []
    for data in files:
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            work(data)
            times.append(time.perf_counter() - start)
        medians.append(statistics.median(times))
    return 1000 * statistics.mean(medians)


def scaling(files: list[bytes]) -> float:
    """How many times the photos of one thread two threads read in a second; the median of some rounds."""

    def work() -> None:
        for data in files * 2:
            read_photo(data, NetworkInput(INPUT_SIZE))

    def seconds(count: int) -> float:
        threads = [threading.Thread(target=work) for _ in range(count)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - start

    return statistics.median(2 * seconds(1) / seconds(2) for _ in range(ROUNDS))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
