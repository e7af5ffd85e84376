"""A training from answers to a model ready to be kept, for whoever has no window to show it in."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from photosim.catalog import Answer
from photosim.errors import TeachingError
from photosim.library import Library
from photosim.model.card import ModelCard
from photosim.model.store import Draft
from photosim.teaching.gathering import Tally
from photosim.teaching.judging import Judgement
from photosim.teaching.lesson import TuningProgress
from photosim.teaching.outcome import draft_of, judge_finished
from photosim.teaching.run import Failed, Finished, TuningRun

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Trained:
    """A model that has been tuned by `answers` and judged, and is not kept yet."""

    answers: tuple[Answer, ...]
    draft: Draft
    judgement: Judgement
    tally: Tally


def train(library: Library, answers: Sequence[Answer]) -> Generator[TuningProgress, None, Trained]:
    """Tune the model that answers in `library` by these answers, in a process of its own.

    Closing the generator ends the process; nothing is on the disk then. Raises TeachingError where the
    answers cannot be learned from or the training comes to nothing.
    """
    parent = library.card
    run = TuningRun(library.folders, parent, answers=answers, threads=library.threads)
    try:
        while True:
            for event in run.poll(_POLL_SECONDS):
                if isinstance(event, Failed):
                    raise TeachingError(event.reason)
                if isinstance(event, Finished):
                    return _trained(library, parent, tuple(answers), event)
                yield event
    finally:
        run.cancel()


def keep(library: Library, trained: Trained, name: str) -> ModelCard:
    """Write the model to disk under a name, whole or not at all, and return its card; nothing uses it yet.

    The anchors it has met stay on their sides from now on, in answers given in the window too. Raises
    ModelError or LibraryError where it cannot be written.
    """
    library.catalog.answers.settle({answer.anchor: answer.kept_back for answer in trained.answers})
    return library.store.keep(trained.draft, name)


def _trained(library: Library, parent: ModelCard, answers: tuple[Answer, ...], finished: Finished) -> Trained:
    judgement = judge_finished(library.catalog, parent, finished)
    return Trained(answers, draft_of(library.store, parent, finished, judgement), judgement, finished.tally)
