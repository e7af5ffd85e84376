"""Scan again 100,000 files of which none has changed: the walk, the comparison, the graph's checks.

    python benchmarks/rescan.py [--photos 100000] [--quick]

Tiny files are made on the spot, 500 to a folder, and entered in the catalog directly, so that a scan finds
each of them unchanged. Target: 5 s with a warm file cache, from the opening of the library to the end.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.common import busy, fill, temporary_folders, verdict
from photosim.library import Library
from photosim.paths import Folders
from photosim.scan.control import ScanControl
from photosim.scan.scanner import ScanSummary, run_to_end, scan

TARGET_S = 5.0
ROUNDS = 3
_FOLDER = 500


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="1,000 files: does it run at all")
    options = parser.parse_args(arguments)
    count = 1_000 if options.quick else options.photos
    load = busy()
    with temporary_folders() as folders:
        photos = folders.data / "photos"
        paths = [f"{number // _FOLDER:04}/{number:06}.jpg" for number in range(count)]
        for path in paths[::_FOLDER]:
            (photos / path).parent.mkdir(parents=True)
        for path in paths:
            (photos / path).write_bytes(b"tiny")
        with Library(folders) as library:
            features = np.random.default_rng(1).random((count, library.card.feature_dim), dtype=np.float32)
            fill(library.catalog, photos, paths, library.card.trunk, features.astype(np.float16))
        first, _ = rescan(folders)
        rounds = [rescan(folders) for _ in range(ROUNDS)]
        walked = min(walking(photos) for _ in range(ROUNDS))
    seconds = min(taken for taken, _ in rounds)
    print(f"first scan of {count:,} known files, graph built: {first:.2f} s; {load}")
    for _, summary in rounds:
        if (summary.unchanged, summary.added, summary.failed) != (count, 0, 0):
            print(f"not all files were unchanged: {summary}")
            return 1
    met = seconds < TARGET_S
    print(
        f"rescan of {count:,} unchanged files, warm file cache: {seconds:.2f} s "
        f"(listing and stat alone {walked:.2f} s; target: under {TARGET_S:g} s): {verdict(met)}"
    )
    return 0 if met else 1


def rescan(folders: Folders) -> tuple[float, ScanSummary]:
    """Seconds and summary of a scan by a program just started."""
    start = time.perf_counter()
    with Library(folders) as library:
        summary = run_to_end(scan(library, ScanControl()))
    return time.perf_counter() - start, summary


def walking(photos: Path) -> float:
    start = time.perf_counter()
    for folder in photos.iterdir():
        for file in folder.iterdir():
            file.stat()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
