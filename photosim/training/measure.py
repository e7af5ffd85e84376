"""Measuring a model on folders of photos: files in, the figures of image retrieval out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from photosim.engine.embed_files import embed_files
from photosim.engine.messages import WorkerSetup
from photosim.errors import PhotosimError
from photosim.model.card import ModelCard
from photosim.model.embedding import load_embedding
from photosim.training.evaluation import evaluate_classes, evaluate_queries
from photosim.training.photos import find_photos

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Report:
    """The figures as printed, and the files left out with their reasons."""

    figures: dict[str, str | int | float]
    failures: list[tuple[str, str]]


def measure_classes(
    setup: WorkerSetup, card: ModelCard, folder: Path, focus: float | None, progress: Progress
) -> Report:
    """Leave one out over the photos below `folder`, the class of each the name of its parent folder.

    Every file is an item, identical copies too. Raises PhotosimError where there is nothing to measure.
    """
    paths = find_photos(folder).paths
    kept, embeddings, failures = _embed(setup, card, paths, progress)
    classes, labels = np.unique([paths[number].parent.name for number in kept], return_inverse=True)
    focus = card.focus if focus is None else focus
    figures = evaluate_classes(embeddings, labels, card.parts, focus)
    return Report(
        {"model": card.version, "focus": focus, "photos": len(kept), "classes": len(classes), **figures},
        failures,
    )


def measure_queries(
    setup: WorkerSetup,
    card: ModelCard,
    queries: Path,
    references: Path,
    focus: float | None,
    progress: Progress,
) -> Report:
    """Photos of one folder look for those of another; the same file stem means the same thing."""
    query_paths, reference_paths = find_photos(queries).paths, find_photos(references).paths
    paths = [*query_paths, *reference_paths]
    kept, embeddings, failures = _embed(setup, card, paths, progress)
    is_query = np.array([number < len(query_paths) for number in kept], dtype=np.bool_)
    stems = np.array([paths[number].stem for number in kept])
    focus = card.focus if focus is None else focus
    figures = evaluate_queries(
        embeddings[is_query],
        stems[is_query].tolist(),
        embeddings[~is_query],
        stems[~is_query].tolist(),
        card.parts,
        focus,
    )
    counts = {"queries": int(is_query.sum()), "references": int((~is_query).sum())}
    return Report({"model": card.version, "focus": focus, **counts, **figures}, failures)


def _embed(
    setup: WorkerSetup, card: ModelCard, paths: Sequence[Path], progress: Progress
) -> tuple[list[int], npt.NDArray[np.float32], list[tuple[str, str]]]:
    """Numbers of the paths that could be read, their embeddings float32 [N, D], and the others' reasons."""
    features: dict[int, npt.NDArray[np.float16]] = {}
    failures: dict[int, str] = {}
    for number, outcome in embed_files(setup, paths):
        if isinstance(outcome, str):
            failures[number] = outcome
        else:
            features[number] = outcome
        progress(len(features) + len(failures), len(paths))
    if not features:
        raise PhotosimError(f"none of the {len(paths)} photos can be read: {failures[min(failures)]}")
    kept = sorted(features)
    embeddings = load_embedding(card)(np.stack([features[number] for number in kept]))
    return kept, embeddings, [(str(paths[number]), failures[number]) for number in sorted(failures)]
