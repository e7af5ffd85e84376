"""A small library for searching: any embedding, any features, no photos to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from photosim.catalog import Catalog, FileFound, NewPhoto, TrunkFeatures
from photosim.imaging.facts import Facts
from photosim.model.card import EMBEDDING, ModelCard
from photosim.model.embedding import Embedding
from photosim.paths import Folders
from photosim.search.searcher import Searcher

TRUNK = "trunk-1"


def identity(parts: tuple[int, int]) -> Embedding:
    """The embedding that takes the first features as kind and the next ones as thing."""
    kind, thing = parts
    both = np.eye(kind + thing, dtype=np.float32)
    return Embedding(
        (both[:kind], both[kind:]), (np.zeros(kind, dtype=np.float32), np.zeros(thing, dtype=np.float32))
    )


def card(parts: tuple[int, int], version: str = "model-1", digest: str = "0" * 64) -> ModelCard:
    return ModelCard(
        name=version,
        version=version,
        trunk=TRUNK,
        parts=parts,
        focus=0.5,
        feature_dim=sum(parts),
        input_size=224,
        bundled=False,
        folder=Path("not read"),
        parent=None,
        licence="",
        source="",
        metrics={},
        files={EMBEDDING: digest},
    )


def searcher(catalog: Catalog, folders: Folders, parts: tuple[int, int], **about: str) -> Searcher:
    """A searcher as a program just started has it."""
    return Searcher(catalog, folders, card(parts, **about), identity(parts))


def clustered(count: int, parts: tuple[int, int], seed: int = 0) -> npt.NDArray[np.float16]:
    """Features float16 [count, sum of parts] in clusters of about twenty."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(max(1, count // 20), sum(parts)))
    rows = centres[random.integers(len(centres), size=count)]
    return (rows + 0.5 * random.normal(size=rows.shape)).astype(np.float16)


def store(
    catalog: Catalog, folder_id: int, rows: npt.NDArray[np.float16], name: str = "photo"
) -> npt.NDArray[np.int64]:
    """Photos with these features, as a scan records them; returns their ids."""
    files = []
    for number, features in enumerate(rows):
        content = f"{name} {number}".encode().ljust(16, b"\0")[:16]
        new = NewPhoto(content, Facts(1, 1, "JPEG"), 0, (TrunkFeatures(TRUNK, "fp32", features),))
        files.append(FileFound(folder_id, f"{name} {number}.jpg", 1, 1, content, new))
    return np.array([recorded.photo_id for recorded in catalog.record(files, [])], dtype=np.int64)
