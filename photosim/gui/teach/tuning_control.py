"""Trains from the user's answers and shows what came of it: the one who runs, cancels, compares and keeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal

from photosim.errors import PhotosimError, TeachingError
from photosim.gui.tasks import Task, TaskRunner
from photosim.gui.teach.compare_page import ComparePage
from photosim.gui.teach.train_page import TrainPage
from photosim.gui.teach.view import ANSWER, COMPARE, TRAIN
from photosim.library import Library
from photosim.model.card import ModelCard
from photosim.model.store import Draft
from photosim.search.searcher import Searcher
from photosim.teaching.comparison import Comparison, compare, compare_answered, own_queries
from photosim.teaching.outcome import draft_of, judge_finished
from photosim.teaching.run import Failed, Finished, TuningEvent, TuningRun
from photosim.teaching.thumbnails import renew_for_trunk, thumbnail_of

POLL_MS = 100
POOL, ENDING = "teaching", "ending"
LOOKS = "kept_back_looks"
"""The setting with how many trainings the kept-back answers have judged."""

T = TypeVar("T")


class Attempt:
    """A training that can be cancelled at any time, also before it has started; any thread may call."""

    def __init__(self, make: Callable[[], TuningRun]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._run: TuningRun | None = None
        self._cancelled = False
        self.prepared: tuple[int, int] | None = None
        """How many steps of `prepare` have been done, of how many."""

    def prepare(self, steps: Iterable[tuple[int, int]]) -> None:
        """Go through these, before it starts; a cancel ends them."""
        for step in steps:
            if self._cancelled:
                return
            self.prepared = step

    def start(self) -> None:
        with self._lock:
            if not self._cancelled:
                self._run = self._make()

    @property
    def started(self) -> bool:
        return self._run is not None

    def poll(self) -> list[TuningEvent]:
        return [] if self._run is None else self._run.poll()

    def cancel(self) -> None:
        """End its process; it is gone when this returns."""
        with self._lock:
            self._cancelled = True
            if self._run is not None:
                self._run.cancel()


@dataclass
class Ready:
    """What came of a training, for the user to decide on.

    `searcher` ranks the library by it, None where it must be made, or the library read, anew. `card` is set
    once the model lies on the disk. `looks` trainings were judged by the kept-back answers before this one,
    and from `unseen` answers the trunk could not learn, since thumbnails are missing.
    """

    draft: Draft
    searcher: Searcher | None
    comparison: Comparison
    name: str
    taken: tuple[str, ...]
    looks: int = 0
    unseen: int = 0
    card: ModelCard | None = None


class TuningControl(QObject):
    """`begin` a training; the pages are shown and asked from then on, until it is kept or dropped."""

    page_wanted = Signal(str)
    """TRAIN, COMPARE or ANSWER."""
    kept = Signal(str)
    """The version of the model that was kept: it ranks the library from now on, or, with a trunk of its own
    (it is `Library.next_card` then), once a scan has read the photos anew."""
    dropped = Signal()
    said = Signal(str)
    """A line on what has become of something, or cannot be begun now."""

    def __init__(
        self,
        library: Library,
        tasks: TaskRunner,
        train_page: TrainPage,
        compare_page: ComparePage,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._library, self._tasks = library, tasks
        self._train, self._compare = train_page, compare_page
        self._asked: tuple[int, ...] = ()
        self._attempt: Attempt | None = None
        self._ending: set[Attempt] = set()
        self._parent_card = library.card
        self._task: Task | None = None
        self._ready: Ready | None = None
        self._keeping = False
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        train_page.cancel_requested.connect(self._cancel)
        train_page.back_requested.connect(self._answer_more)
        compare_page.keep_requested.connect(self._keep)
        compare_page.drop_requested.connect(self._drop)
        compare_page.answer_more_requested.connect(self._answer_more)

    # What the wizard asks for

    @property
    def training(self) -> bool:
        """Whether a training, or the comparison after it, is on its way."""
        return self._attempt is not None

    @property
    def waiting(self) -> bool:
        """Whether what came of a training is still to be decided on."""
        return self._ready is not None and not self._keeping

    def set_asked(self, photo_ids: tuple[int, ...]) -> None:
        """The photos of the library that the window was asked about last: one of the rankings is theirs."""
        self._asked = photo_ids

    def begin(self, trunk: bool = False) -> None:
        """Train from the answers in the catalog, `trunk`: its last layers as well.

        Not while a model is being put in use, which is `said`.
        """
        if self._keeping:
            self.said.emit(
                self.tr("What was learned before is still being put in use: train again in a moment")
            )
            return
        self._stop()
        card = self._parent_card = self._library.card
        self._attempt = attempt = Attempt(lambda: self._make_run(card, trunk))
        self._train.begin(0, trunk)
        self.page_wanted.emit(TRAIN)

        def start() -> int:
            counts = self._library.catalog.answers.counts()
            if trunk:
                attempt.prepare(renew_for_trunk(self._library))
            attempt.start()
            return counts.usable - counts.kept_back

        self._run(start, self._train.set_answers, self._failed)
        self._timer.start()

    def leave(self) -> None:
        """The pages are closed: end a training that runs. What came of one stays to be decided on."""
        if self._ready is None:
            self._stop()
        elif not self._keeping:
            # As large as the library's own embeddings, and made anew in seconds.
            self._ready.searcher = None
        self._compare.close_pictures()

    def resume(self) -> None:
        """Show again what came of a training, where that is still to be decided on."""
        ready = self._ready
        if ready is None or self._keeping:
            return
        if self._library.card.version != self._parent_card.version:
            self._stop()  # what it was compared with is no more
            self.said.emit(
                self.tr(
                    "What was learned, and not kept, was let go: another model ranks the library now. Your "
                    "answers are kept, to train again."
                )
            )
            return
        self._show(ready)

    def forget_looks(self) -> None:
        """All answers were forgotten: others, which nothing has been judged by, will be kept back."""
        self._library.settings.set(LOOKS, 0)

    def close(self) -> None:
        """End what runs and forget what came of it. It may begin anew."""
        self._stop()
        for attempt in self._ending:
            attempt.cancel()
        self._ending.clear()
        self._compare.close_pictures()

    # Training

    def _make_run(self, card: ModelCard, trunk: bool) -> TuningRun:
        library = self._library
        return TuningRun(library.folders, card, trunk=trunk, device=library.device, threads=library.threads)

    def _poll(self) -> None:
        attempt = self._attempt
        if attempt is None:
            return
        if attempt.prepared is not None and not attempt.started:
            self._train.show_preparing(*attempt.prepared)
        for event in attempt.poll():
            if isinstance(event, Failed):
                self._fail(event.reason)
            elif isinstance(event, Finished):
                self._timer.stop()
                self._train.show_comparing()
                self._look(event)
            else:
                self._train.show_progress(event)

    def _look(self, finished: Finished) -> None:
        library, card, asked = self._library, self._parent_card, self._asked
        self._run(lambda: look(library, card, finished, asked), self._show, self._failed)

    def _show(self, ready: Ready) -> None:
        self._end_attempt()
        self._ready = ready
        self._compare.use(self._thumbnail)
        self._compare.show_comparison(ready.comparison, ready.name, ready.taken, ready.looks, ready.unseen)
        self.page_wanted.emit(COMPARE)

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, PhotosimError):
            self._fail(self.tr("photosim has made a mistake; every answer is kept"))
            raise error
        self._fail(str(error))

    def _fail(self, reason: str) -> None:
        self._end_attempt()
        self._train.show_failure(reason)

    def _cancel(self) -> None:
        self._stop()
        self.page_wanted.emit(ANSWER)

    # What becomes of it

    def _keep(self, name: str) -> None:
        ready = self._ready
        if ready is None:
            return
        self._keeping = True
        self._compare.show_keeping()
        self._run(lambda: keep(self._library, ready, name), self._kept, self._not_kept)

    def _kept(self, version: str) -> None:
        self._ready, self._keeping = None, False
        self._compare.clear()
        self.kept.emit(version)

    def _not_kept(self, error: Exception) -> None:
        self._keeping = False
        self._compare.show_failure(
            str(error) if isinstance(error, PhotosimError) else self.tr("It could not be kept")
        )
        if not isinstance(error, PhotosimError):
            raise error

    def _drop(self) -> None:
        self._stop()
        self.dropped.emit()

    def _answer_more(self) -> None:
        self._stop()
        self.page_wanted.emit(ANSWER)

    # Helpers

    def _run(
        self, work: Callable[[], T], on_result: Callable[[T], object], on_error: Callable[[Exception], object]
    ) -> None:
        self._task = self._tasks.run(work, on_result, on_error, pool=POOL)

    def _stop(self) -> None:
        """End what is on its way, and forget what came of the last training."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._end_attempt()
        ready, self._ready = self._ready, None
        keeping, self._keeping = self._keeping, False
        self._compare.clear()
        if ready is not None and ready.card is not None and not keeping:
            # Written, but not used: the disk was full in between.
            card = ready.card
            self._tasks.run(lambda: self._library.delete_model(card.version), lambda _: None, pool=POOL)

    def _end_attempt(self) -> None:
        self._timer.stop()
        attempt, self._attempt = self._attempt, None
        if attempt is None:
            return
        # Waits for the process to go: not in the window's thread.
        self._ending.add(attempt)
        self._tasks.run(attempt.cancel, lambda _: self._ending.discard(attempt), pool=ENDING)

    def _thumbnail(self, photo_id: int) -> bytes | None:
        """In the page's threads: a photo's thumbnail, made anew where it has gone."""
        photo = self._library.catalog.photo(photo_id)
        return None if photo is None else thumbnail_of(self._library, photo)


# In the threads of the task runner


def look(library: Library, parent: ModelCard, finished: Finished, asked: tuple[int, ...]) -> Ready:
    """Make a draft of what was tuned from `parent`, rank by it, and compare.

    The library itself is ranked, or, for a trunk that has not seen it, the photos of the answers alone.
    Raises TeachingError where another model answers by now, ModelError where the models cannot be read.
    """
    if library.searcher.card.version != parent.version:
        raise TeachingError("another model has taken over while this one was trained: train again")
    judgement = judge_finished(library.catalog, parent, finished)
    draft = draft_of(library.store, parent, finished, judgement)
    answers = library.catalog.answers.all()
    if finished.trunk is not None:  # of others the new trunk has not seen the photos
        about = {*finished.trunk.gathered.hashes, *finished.trunk.gathered.kept_back.hashes}
        answers = [answer for answer in answers if answer.anchor in about]
    queries = own_queries(answers, library.catalog, asked)
    searcher: Searcher | None = None
    if finished.trunk is None:
        searcher = library.searcher_for(draft)
        comparison = compare(library, searcher, judgement, queries)
    else:
        comparison = compare_answered(library, finished.tuned, finished.trunk.gathered, judgement, queries)
    looks = library.settings.get(LOOKS, 0) if judgement.kept_back else 0
    if judgement.kept_back:
        library.settings.set(LOOKS, looks + 1)
    return Ready(
        draft,
        searcher,
        comparison,
        library.store.free_name(QCoreApplication.translate("TuningControl", "My similar")),
        tuple(word for card in library.registry.cards() for word in (card.name, card.version)),
        looks,
        0 if finished.trunk is None else finished.trunk.unseen,
    )


def keep(library: Library, ready: Ready, name: str) -> str:
    """Write the draft under a name, and rank the library by it from now on; returns its version.

    The embeddings that were made for the comparison go with it, so that nothing is computed anew. With a
    trunk of its own it ranks once a scan has read the photos anew. Raises ModelError or LibraryError where
    it cannot be written; what was done by then is not done again.
    """
    if ready.card is None:
        metrics = {"unchanged": ready.comparison.unchanged, "looks_before": ready.looks}
        ready.card = library.store.keep(ready.draft, name, metrics)
    elif ready.card.name != name:
        ready.card = library.rename_model(ready.card.version, name)
    library.use_model(ready.card.version, ready.searcher)
    return ready.card.version
