"""The process that tunes: reads what the answers need from the catalog, tunes, and tells how it goes."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection

from photosim.catalog import Answer, Catalog, ThumbnailStore
from photosim.model.card import ModelCard
from photosim.model.embedding import Embedding, load_embedding
from photosim.paths import Folders
from photosim.teaching.gathering import Gathered, KeptBack, Tally, check, gather
from photosim.teaching.lesson import Aspect, Lesson, Tuned, TuningProgress
from photosim.teaching.seen import seen_alone
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
    """What the process needs. `answers` None means those in the catalog; `trunk`: tune the trunk as well."""

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
        gathered = replace(gathered, lesson=replace(gathered.lesson, aspects=_aspects(setup.card)))
        if setup.trunk:
            _check_thumbnails(setup, gathered)  # before minutes are spent on the embedding
        tuned = yield from _tuned(setup, gathered.lesson)
        if setup.trunk:
            changes = yield from _tune_trunk(setup, catalog, gathered)
            gathered = changes.gathered
    finally:
        catalog.close()
    yield Finished(tuned, gathered.kept_back, gathered.tally, changes)


def _tuned(setup: TuningSetup, lesson: Lesson) -> Generator[TuningProgress, None, Tuned]:
    return setup.tuner(load_embedding(setup.card), setup.card.focus, lesson)


def _aspects(card: ModelCard) -> tuple[Aspect, ...]:
    from photosim.teaching.aspects import shallow_aspects  # torch, as above

    return shallow_aspects(card)


def _check_thumbnails(setup: TuningSetup, gathered: Gathered) -> None:
    with closing(ThumbnailStore(setup.folders.thumbnails)) as thumbnails:
        seen_alone(gathered, thumbnails.hashes())


def _tune_trunk(
    setup: TuningSetup, catalog: Catalog, gathered: Gathered
) -> Generator[TuningProgress, None, TrunkChanges]:
    from photosim.teaching.trunk import tune_trunk

    tuner = partial(_tuned, setup)
    place = setup.device, setup.threads
    with closing(ThumbnailStore(setup.folders.thumbnails)) as thumbnails:
        return (yield from tune_trunk(setup.card, catalog, thumbnails, gathered, tuner, *place))
