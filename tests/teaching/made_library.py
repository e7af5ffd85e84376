"""A small library of made photos, read once a session by the bundled model and copied for every test."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from photosim.catalog import Answer, Catalog
from photosim.library import Library
from photosim.paths import Folders
from photosim.scan.control import ScanControl
from photosim.scan.scanner import run_to_end, scan
from tests.gui.libraries import folders_in
from tests.made_photos import make_photos

PHOTOS = 80

_made: dict[str, Path] = {}


def scanned_library(base: Path) -> Path:
    """The data folder of a library of PHOTOS photos; made at the first call, never changed."""
    if "data" not in _made:
        make_photos(base / "photos", PHOTOS)
        with Library(folders_in(base / "library"), "cpu") as library:
            library.catalog.add_folder(base / "photos")
            assert run_to_end(scan(library, ScanControl())).added == PHOTOS
        _made["data"] = base / "library"
    return _made["data"]


def copy_of_library(base: Path, to: Path) -> Folders:
    shutil.copytree(scanned_library(base), to)
    return folders_in(to)


def redness(catalog: Catalog) -> dict[bytes, float]:
    """How red every photo of the library is, by content hash: a rule that a user could have in mind."""
    found: dict[bytes, float] = {}
    for photo in catalog.photos(catalog.shown_ids().tolist()).values():
        with Image.open(photo.path) as image:
            red, green, blue = np.asarray(image.convert("RGB"), np.float32).mean(axis=(0, 1))
        found[photo.content_hash] = float(red - (green + blue) / 2)
    return found


def answer_by_redness(catalog: Catalog, count: int, seed: int = 0) -> list[Answer]:
    """Save `count` answers of somebody to whom photos are alike that are as red as one another."""
    red = redness(catalog)
    hashes = sorted(red)
    random = np.random.default_rng(seed)
    answers: list[Answer] = []
    while len(answers) < count:
        anchor, one, other = (hashes[row] for row in random.choice(len(hashes), 3, replace=False))
        nearer, farther = sorted((one, other), key=lambda photo: abs(red[photo] - red[anchor]))
        answers.append(catalog.answers.add(anchor, nearer, farther, source="question"))
    return answers
