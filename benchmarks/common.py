"""What the benchmarks share: a library of real photos, catalogs filled from it, verdicts."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from photosim.catalog import Catalog, FileFound, NewPhoto, TrunkFeatures
from photosim.imaging.facts import Facts
from photosim.library import Library
from photosim.paths import Folders
from photosim.scan.control import ScanControl
from photosim.scan.scanner import run_to_end, scan

CHECKOUT = Path(__file__).resolve().parent.parent
PHOTOS = CHECKOUT.parent / "shared" / "photos"
NOISE = 0.3
_BLOCK = 2000

Features = npt.NDArray[np.float16]


@contextmanager
def temporary_folders() -> Iterator[Folders]:
    """The folders of an empty library below build/, removed at the end."""
    (CHECKOUT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CHECKOUT / "build", prefix="benchmark-") as name:
        folders = Folders(Path(name), Path(name) / "cache", Path(name) / "logs")
        folders.create()
        yield folders


def real_features(photos: Path) -> Features:
    """Features float16 [N, F] of a folder of photos, scanned into build/benchmarks/library once."""
    root = CHECKOUT / "build" / "benchmarks" / "library"
    with Library(Folders(root, root / "cache", root / "logs")) as library:
        library.catalog.add_folder(photos)
        print(f"scanning {photos} into {root}: minutes for the first time", file=sys.stderr)
        run_to_end(scan(library, ScanControl()))
        shown = library.catalog.shown_ids(library.catalog.add_folder(photos).id)
        blocks = [
            block[np.isin(ids, shown)]
            for _, ids, block in library.catalog.features_after(library.card.trunk, 0)
        ]
    if not len(shown):
        sys.exit(f"there is no photo in {photos}: name a folder of photos")
    return np.concatenate(blocks)


def repeated(features: Features, count: int, seed: int = 1) -> Features:
    """`count` rows: the features over and over, each time with noise of NOISE of their spread."""
    random = np.random.default_rng(seed)
    spread = NOISE * features.astype(np.float32).std(axis=0)
    result = np.empty((count, features.shape[1]), dtype=np.float16)
    for start in range(0, count, len(features)):
        part = result[start : start + len(features)]
        noise = random.standard_normal(part.shape, dtype=np.float32) * spread
        part[:] = features[: len(part)] + noise
    return result


def fill(catalog: Catalog, folder: Path, paths: Sequence[str], trunk: str, features: Features) -> None:
    """Record photos with these features, as if files of these paths below `folder` had been read.

    A path that is there is recorded with its true size and date, others with made-up ones.
    """
    folder_id = catalog.add_folder(folder).id
    facts = Facts(4000, 3000, "JPEG", taken="2023-07-14T18:42:00", camera="A camera", lens="A lens")
    for start in range(0, len(paths), _BLOCK):
        files = []
        for path, row in zip(paths[start : start + _BLOCK], features[start : start + _BLOCK], strict=True):
            content = hashlib.blake2b(path.encode(), digest_size=16).digest()
            try:
                status = os.stat(folder / path)
                size, modified = status.st_size, status.st_mtime_ns
            except FileNotFoundError:
                size, modified = 3_000_000, 1_700_000_000_000_000_000
            made = TrunkFeatures(trunk, "fp32", row)
            new = NewPhoto(content, facts, int.from_bytes(content[:8], "big"), (made,))
            files.append(FileFound(folder_id, path, size, modified, content, new))
        catalog.record(files, [])


def out_of_file_cache(*paths: Path) -> bool:
    """Ask the system to forget the files' contents; returns whether it can be asked."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in paths:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


def busy() -> str:
    """How busy the machine is with other work, which every figure of time suffers from."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores, load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"
