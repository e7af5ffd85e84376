"""Is everything in order? Each check says what it saw and what to do where it is not."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

import photosim
from photosim.errors import LibraryError, PhotosimError
from photosim.imaging.formats import PHOTO_SUFFIXES, UNREADABLE_SUFFIXES
from photosim.index.graph import FOCI, RECALL_AT, RECALL_TARGET
from photosim.library import Library
from photosim.model.device import choose, find_devices
from photosim.model.runtime import open_runtime

_PACKAGES = ("PySide6-Essentials", "onnxruntime", "torch", "hnswlib", "pillow", "pillow-heif", "numpy")
_LITTLE_SPACE = 1 << 30


@dataclass(frozen=True)
class Check:
    """One thing looked at; `advice` is empty where all is well."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


def examine(library: Library) -> Iterator[Check]:
    """All checks, each when it is done. Changes nothing."""
    yield _versions()
    yield from _devices(library)
    yield _folders(library)
    yield _catalog(library)
    yield from _models(library)
    yield _index(library)
    readable = PHOTO_SUFFIXES - UNREADABLE_SUFFIXES
    yield Check("formats", True, " ".join(sorted(suffix[1:] for suffix in readable)))


def _versions() -> Check:
    found, missing = [f"photosim {photosim.__version__}", f"Python {platform.python_version()}"], []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            missing.append(package)
    # A frozen application carries code without the packages' own descriptions.
    if missing and not getattr(sys, "frozen", False):
        return Check("versions", False, ", ".join(found), f"install {', '.join(missing)}")
    return Check("versions", True, ", ".join(found))


def _devices(library: Library) -> Iterator[Check]:
    names = ", ".join(device.name for device in find_devices())
    try:
        chosen = choose(library.device)
        runtime = open_runtime(library.card, library.device, library.threads)
    except PhotosimError as error:
        yield Check("device", False, names, str(error))
        return
    note = runtime.note or chosen.note
    detail = f"{runtime.device}, {runtime.precision} (found: {names})"
    yield Check("device", note is None, detail, note or "")


def _folders(library: Library) -> Check:
    free = shutil.disk_usage(library.folders.data).free
    detail = f"{library.folders.data}, {free / 1e9:.1f} GB free; cache {library.folders.cache}"
    if free < _LITTLE_SPACE:
        return Check("folders", False, detail, "free some disk space, or move the library with --data-dir")
    return Check("folders", True, detail)


def _catalog(library: Library) -> Check:
    try:
        complaint = library.catalog.check()
        counts = library.catalog.counts()
    except LibraryError as error:
        complaint = str(error)
    if complaint is not None:
        advice = f"move {library.catalog.path} away and scan again"
        return Check("catalog", False, " ".join(complaint.split()), advice)
    return Check(
        "catalog",
        True,
        f"{counts.photos} photos in {counts.files} files, {counts.failed} failed, {counts.offline} offline",
    )


def _models(library: Library) -> Iterator[Check]:
    for card in library.registry.cards():
        try:
            for name in card.files:
                card.read_file(name)
        except PhotosimError as error:
            yield Check(f"model {card.version}", False, "its files are not what its card says", str(error))
        else:
            yield Check(f"model {card.version}", True, f"{card.name}, parts {list(card.parts)}, files intact")
    move = library.moving()
    if move is not None:
        yield Check(
            "move", True, f"{move.done} of {move.total} photos read for {move.to}, which answers then"
        )
    for fault in library.registry.faults():
        yield Check("models", False, "a model cannot be used", str(fault))


def _index(library: Library) -> Check:
    try:
        photos = library.catalog.counts().photos
        card = library.searcher.graph_card()
    except LibraryError as error:
        return Check("index", False, "the catalog it belongs to cannot be read", str(error))
    if card is None:
        if photos == 0:
            return Check("index", True, "none yet: the library is empty")
        return Check("index", False, "no sound graph; exact search answers", "run `photosim scan`")
    measured = ", ".join(
        f"{recall:.3f} at focus {focus:g} (ef {ef})"
        for focus, recall, ef in zip(FOCI, card.recall, card.ef, strict=True)
    )
    detail = f"{card.count} vectors of {card.dim}, M {card.m}; recall@{RECALL_AT} {measured}"
    if min(card.recall) < RECALL_TARGET and card.count:
        return Check("index", False, detail, "use --exact where every result counts")
    return Check("index", True, detail)
