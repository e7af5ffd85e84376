"""The process that tunes: reads what the answers need from the catalog, tunes, and tells how it goes."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from multiprocessing.connection import Connection

from photosim.catalog import Answer, Catalog, ThumbnailStore
from photosim.model.card import ModelCard
from photosim.model.embedding import Embedding, load_embedding
from photosim.paths import Folders
from photosim.teaching.gathering import Gathered, KeptBack, Tally, check, gather
from photosim.teaching.lesson import Lesson, Tuned, TuningProgress
from photosim.teaching.tuned_trunk import TrunkChanges

Tuner = Callable[[Embedding, float, Lesson], Generator[TuningProgress, None, Tuned]]
"""Like photosim.teaching.tuning.tune."""


@dataclass(frozen=True)
class Finished:
    """A tuning that came to its end, with the kept-back answers to judge it by.

    Where the trunk was tuned too, the features of `kept_back` are those of the new one.
    """

    tuned: Tuned
    kept_back: KeptBack
    tally: Tally
    trunk: TrunkChanges | None = None


def tune_embedding(base: Embedding, focus: float, lesson: Lesson) -> Generator[TuningProgress, None, Tuned]:
    # Imported here: torch takes seconds and much memory, which the parent must not pay.
    from photosim.teaching.tuning import tune

    return (yield from tune(base, focus, lesson))


@dataclass(frozen=True)
class TuningSetup:
    """What the process needs. `answers` None means those in the catalog; `trunk`: tune the trunk first."""

    folders: Folders
    card: ModelCard
    answers: tuple[Answer, ...] | None
    trunk: bool
    device: str
    threads: int
    tuner: Tuner = tune_embedding


def main(connection: Connection, setup: TuningSetup) -> None:
    # Before torch is imported, which asks once.
    os.environ["OMP_NUM_THREADS"] = str(setup.threads)
    for message in _tuning(setup):
        connection.send(message)


def _tuning(setup: TuningSetup) -> Generator[TuningProgress | Finished, None, None]:
    changes: TrunkChanges | None = None
    catalog = Catalog(setup.folders.catalog)
    try:
        answers = catalog.answers.all() if setup.answers is None else setup.answers
        gathered = gather(catalog, setup.card.trunk, answers)
        check(gathered)
        if setup.trunk:
            changes = yield from _tune_trunk(setup, catalog, gathered)
            gathered = changes.gathered
    finally:
        catalog.close()
    tuned = yield from setup.tuner(load_embedding(setup.card), setup.card.focus, gathered.lesson)
    yield Finished(tuned, gathered.kept_back, gathered.tally, changes)


def _tune_trunk(
    setup: TuningSetup, catalog: Catalog, gathered: Gathered
) -> Generator[TuningProgress, None, TrunkChanges]:
    from photosim.teaching.trunk import tune_trunk

    thumbnails = ThumbnailStore(setup.folders.thumbnails)
    try:
        return (yield from tune_trunk(setup.card, catalog, thumbnails, gathered, setup.device, setup.threads))
    finally:
        thumbnails.close()
