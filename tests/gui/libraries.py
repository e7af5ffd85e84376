"""A small library of real photos, scanned once a session and copied for every test that changes it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from photosim.library import Library
from photosim.paths import Folders
from photosim.scan.control import ScanControl
from photosim.scan.scanner import run_to_end, scan

_made: dict[str, Path] = {}

# Days of these years become the files' dates, oldest first.
PLACES = {
    "animals": ["chelsea.png"],
    "people": ["astronaut.png", "camera.png"],
    "space": ["hubble_deep_field.jpg", "moon.png", "rocket.jpg"],
    "things": ["coffee.png", "coins.png", "motorcycle_left.png", "motorcycle_right.png"],
}
PHOTOS = sum(len(names) for names in PLACES.values())


def folders_in(root: Path) -> Folders:
    folders = Folders(data=root, cache=root / "cache", logs=root / "logs")
    folders.create()
    return folders


def lay_out_photos(sample_photos: list[Path], folder: Path) -> Path:
    """Copies of sample photos in four folders, dated a year apart from 2010 on."""
    by_name = {path.name: path for path in sample_photos}
    year = 2010
    for place, names in PLACES.items():
        (folder / place).mkdir(parents=True)
        for name in names:
            copy = folder / place / name
            shutil.copy(by_name[name], copy)
            seconds = (year - 1970) * 365.2425 * 86400 + 180 * 86400
            os.utime(copy, (seconds, seconds))
            year += 1
    return folder


def scanned_root(sample_photos: list[Path], base: Path) -> tuple[Path, Path]:
    """The data folder of a scanned library and its photos; made at the first call, never changed."""
    if "data" not in _made:
        photos = lay_out_photos(sample_photos, base / "photos")
        with Library(folders_in(base / "library")) as library:
            library.catalog.add_folder(photos)
            summary = run_to_end(scan(library, ScanControl()))
            assert summary.added == PHOTOS, summary
        _made.update(data=base / "library", photos=photos)
    return _made["data"], _made["photos"]


def copy_of_library(data: Path, to: Path) -> Folders:
    shutil.copytree(data, to)
    return folders_in(to)
