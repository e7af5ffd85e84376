"""photosim --smoke-test: whether an installed or frozen photosim has all it needs, tried in earnest.

A temporary library of photos made on the spot is scanned by the real worker, searched exactly and by the
graph, compared point by point, and shown in the real window. It touches nothing of the user's.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

import numpy as np
from PIL import Image

import photosim
from photosim.errors import PhotosimError
from photosim.imaging.plugins import register_plugins
from photosim.library import Library
from photosim.model.card import ModelCard
from photosim.model.device import choose
from photosim.model.runtime import open_runtime
from photosim.paths import library_folders
from photosim.scan.control import ScanControl
from photosim.scan.scanner import run_to_end, scan

KINDS = 4
FORMATS = (".jpg", ".png", ".webp", ".heic")
WINDOW_SECONDS = 60.0


class SmokeTestFailed(PhotosimError):
    """Something does not work as it must in every photosim."""


def smoke_test() -> int:
    """Try everything; print one JSON line and return 0, or one clear line on standard error and 1.

    An error that nobody foresaw surfaces as it is, which ends the program with 1 too.
    """
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="photosim-smoke-test-") as name:
        try:
            report = _try_everything(Path(name))
        except PhotosimError as error:
            print(f"photosim: the smoke test failed: {error}", file=sys.stderr)
            return 1
    report["seconds"] = round(time.monotonic() - begun, 2)
    print(json.dumps(report), flush=True)
    return 0


def _try_everything(folder: Path) -> dict[str, object]:
    photos = _make_photos(folder / "photos")
    with Library(library_folders(folder / "library")) as library:
        library.catalog.add_folder(folder / "photos")
        summary = run_to_end(scan(library, ScanControl()))
        if summary.added != len(photos):
            failures = "; ".join(f"{one.path}: {one.reason}" for one in library.catalog.failures())
            raise SmokeTestFailed(f"{summary.added} of {len(photos)} photos were read ({failures})")
        library.searcher.update_graph()
        for exact in (True, False):
            _check_search(library, photos[0], exact)
        _check_matches(library, photos[len(FORMATS)])
        platform, size = _check_window(library, photos[0])
        return {
            "ok": True,
            "version": photosim.__version__,
            "frozen": bool(getattr(sys, "frozen", False)),
            "photos": len(photos),
            "model": library.card.version,
            "device": choose(library.device).name,
            "torch": _check_torch(library.card),
            "platform": platform,
            "window": size,
        }


def _make_photos(folder: Path) -> list[Path]:
    """Photos of a few kinds, each in every format, some darker than others; those of a kind are alike."""
    register_plugins()
    folder.mkdir()
    paths = []
    for kind in range(KINDS):
        random = np.random.default_rng(kind)
        coarse = Image.fromarray(random.integers(0, 256, (5, 7, 3), dtype=np.uint8))
        photo = coarse.resize((420, 300), Image.Resampling.NEAREST if kind % 2 else Image.Resampling.BICUBIC)
        for number, suffix in enumerate(FORMATS):
            path = folder / f"kind-{kind}{suffix}"
            photo.point(lambda value, darker=1 - 0.05 * number: round(value * darker)).save(path)
            paths.append(path)
    return paths


def _check_search(library: Library, query: Path, exact: bool) -> None:
    """The query is its own best result, and those of its kind come next. The worker reads it anew."""
    example = library.example(query.read_bytes())
    ranking = library.searcher.rank([example.features], k=len(FORMATS), exact=exact)
    found = library.catalog.photos(ranking.ids.tolist())
    names = [Path(found[photo_id].path).name for photo_id in ranking.ids.tolist()]
    of_its_kind = {f"{query.stem}{suffix}" for suffix in FORMATS}
    if not names or names[0] != query.name or ranking.similarity[0] < 0.99 or set(names) != of_its_kind:
        raise SmokeTestFailed(f"{query.name} found {names} ({ranking.method} search)")


def _check_matches(library: Library, query: Path) -> None:
    """The photos of the query's kind, which has corners to hold on to, match it point by point, no others."""
    example = library.example(query.read_bytes())
    ranking = library.searcher.rank([example.features])
    *_, checked = library.verifier.verify(ranking, [example])
    found = library.catalog.photos(photo_id for photo_id, inliers in checked.inliers.items() if inliers)
    names = {Path(photo.path).name for photo in found.values()}
    if names != {f"{query.stem}{suffix}" for suffix in FORMATS}:
        raise SmokeTestFailed(f"{query.name} matches {sorted(names)} point by point")


def _check_torch(card: ModelCard) -> str | None:
    """torch computes the same features as the CPU's runtime; returns its version, None where it is not there.

    A GPU and training need it, and nothing else that is tried here would miss it.
    """
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    from photosim.model.torch_runtime import TorchRuntime, load_network

    shape = (2, card.input_size, card.input_size, 3)
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    runtime = open_runtime(card, "cpu")
    by_torch = TorchRuntime(load_network(card), torch.device("cpu"), "CPU", card.feature_dim, lambda: runtime)
    ours, theirs = (one.features(pixels).astype(np.float64).ravel() for one in (runtime, by_torch))
    cosine = ours @ theirs / (np.linalg.norm(ours) * np.linalg.norm(theirs))
    if not cosine > 0.999:
        raise SmokeTestFailed(f"torch computes other features than the CPU's runtime (cosine {cosine:.4f})")
    return torch.__version__


def _check_window(library: Library, query: Path) -> tuple[str, list[int]]:
    """The window shows the results; returns Qt's platform and the size of the window in pixels."""
    # Only here: whatever is wrong with Qt, the rest has been tried.
    from photosim.app import make_application, make_window
    from photosim.gui.unattended import picture_of_results

    raised: list[BaseException] = []

    def keep(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        raised.append(error)
        sys.__excepthook__(kind, error, trace)

    # Qt goes on after a slot that raised; this test does not.
    before, sys.excepthook = sys.excepthook, keep
    try:
        application = make_application()
        window = make_window(library)
        try:
            picture = picture_of_results(window, [query], WINDOW_SECONDS)
        finally:
            window.close()
            window.deleteLater()
    finally:
        sys.excepthook = before
    if raised:
        raise SmokeTestFailed(f"the window raised {raised[0]!r}")
    colours = picture.toImage().scaled(64, 64)
    if len({colours.pixel(x, y) for x in range(64) for y in range(64)}) < 50:
        raise SmokeTestFailed("the window is blank")
    return str(application.platformName()), [picture.width(), picture.height()]
