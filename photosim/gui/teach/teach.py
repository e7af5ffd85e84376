"""Leads through the teaching view: opens it over the window, and goes from page to page."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from photosim.catalog.answers import AnswerCounts
from photosim.gui.catalog_feed import CatalogFeed
from photosim.gui.grid import PhotoGrid
from photosim.gui.navigator import Navigator
from photosim.gui.tasks import TaskRunner
from photosim.gui.teach.advanced import estimate_text
from photosim.gui.teach.answer_page import AnswerPage
from photosim.gui.teach.asking import SAVING, Asking
from photosim.gui.teach.compare_page import ComparePage
from photosim.gui.teach.exchange import AnswerExchange
from photosim.gui.teach.folder_choices import folder_choices, top_choices
from photosim.gui.teach.start_page import FOLDER, RESULTS, Scope, StartPage
from photosim.gui.teach.train_page import TrainPage
from photosim.gui.teach.tuning_control import TuningControl
from photosim.gui.teach.view import ANSWER, COMPARE, KEEP_STEP, START, TRAIN, TeachView
from photosim.library import Library
from photosim.teaching.tuned_trunk import TrunkEstimate, can_be_tuned, estimate

Ids = npt.NDArray[np.int64]

RESULTS_AT_MOST = 200
"""Beyond the first results of a query the others have little to do with it."""


class Teach(QObject):
    """Made with the window; the view itself is made when it is first opened."""

    said = Signal(str)
    """A line for the window's status bar."""
    kept = Signal()
    """A model learned here was kept: the library is ranked by it."""

    def __init__(
        self,
        library: Library,
        tasks: TaskRunner,
        feed: CatalogFeed,
        navigator: Navigator,
        grid: PhotoGrid,
        over: QWidget,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._library, self._tasks, self._feed = library, tasks, feed
        self._navigator, self._grid, self._over = navigator, grid, over
        self._results: Ids = np.empty(0, np.int64)
        self.view: TeachView | None = None

    def open(self, from_results: bool = False) -> None:
        """Show the first page; `from_results` chooses the results in the grid to teach from."""
        if self.view is None:
            self.view = self._make_view()
        if self.view.is_open:
            return
        snapshot = self._feed.snapshot
        if snapshot is not None:
            self.start_page.set_library(snapshot.counts.photos, top_choices(snapshot.folders))
            folders, table = snapshot.folders, snapshot.photos.table
            self._tasks.run(
                lambda: folder_choices(folders, table), self.start_page.set_folders, pool="questions"
            )
        found = self._grid.shown_ids() if self._navigator.query is not None else self._results[:0]
        self._results = found[:RESULTS_AT_MOST]
        self.start_page.set_results(len(self._results), len(found), choose=from_results)
        self.start_page.say("")
        self.start_page.question.dismiss()
        self.asking.count()
        self.view.show_page(START)
        self.tuning.resume()

    def close(self) -> None:
        """The window is closing: end what runs, with every answer saved first."""
        if self.view is not None:
            self._leave()
            self.tuning.close()
            self.asking.finish_saving()

    # The view

    def _make_view(self) -> TeachView:
        view = TeachView(self._over)
        self.start_page = start = StartPage()
        self.answer_page = answer = AnswerPage()
        view.add_page(START, start)
        view.add_page(ANSWER, answer)
        self.train_page, self.compare_page = TrainPage(), ComparePage()
        view.add_page(TRAIN, self.train_page)
        view.add_page(COMPARE, self.compare_page)
        self.asking = asking = Asking(self._library, self._tasks, answer, self)
        asking.problem.connect(view.say)
        asking.counted.connect(self._counted)
        start.begin_requested.connect(self._begin)
        start.later_requested.connect(view.close_view)
        start.forget_requested.connect(self._forget)
        self.exchange = exchange = AnswerExchange(self._library, self._tasks, self)
        exchange.said.connect(start.say)
        exchange.changed.connect(asking.count)
        start.import_requested.connect(lambda: exchange.import_answers(view))
        start.export_requested.connect(lambda: exchange.export_answers(view))
        answer.answered.connect(lambda _: view.say(""))
        answer.later_requested.connect(view.close_view)
        answer.start_requested.connect(self._back_to_start)
        start.train_requested.connect(lambda: self._train(trunk=False))
        answer.train_requested.connect(lambda: self._train(trunk=answer.advanced.trunk))
        answer.advanced.opened.connect(self._estimate)
        self.tuning = tuning = TuningControl(
            self._library, self._tasks, self.train_page, self.compare_page, self
        )
        tuning.page_wanted.connect(self._show_page)
        # After the control has turned to the answers.
        self.train_page.cancel_requested.connect(
            lambda: view.say(self.tr("The training was stopped; your answers are kept."))
        )
        self.compare_page.keep_requested.connect(lambda _: view.steps.set_step(KEEP_STEP))
        tuning.kept.connect(lambda _: self._kept())
        tuning.dropped.connect(self._dropped)
        tuning.said.connect(self._say)
        self.train_page.stop_requested.connect(view.close_view)
        view.closed.connect(self._leave)
        return view

    def _say(self, text: str) -> None:
        """Where it is seen: the view lies over the window's status bar."""
        if self.view is not None and self.view.is_open:
            self.view.say(text)
        else:
            self.said.emit(text)

    def _counted(self, counts: AnswerCounts) -> None:
        self.start_page.show_counts(counts)
        self.answer_page.show_counts(counts)

    def _leave(self) -> None:
        self.asking.stop()
        self.tuning.leave()
        if self.tuning.waiting:
            self.said.emit(self.tr("What was learned waits for you: Ctrl+T, to keep it or to drop it"))

    def _show_page(self, name: str) -> None:
        assert self.view is not None
        if not self.view.is_open:
            return  # left meanwhile
        if name == ANSWER and not self.asking.running:
            self._begin(self.start_page.scope)
        else:
            self.view.show_page(name)

    # Answering

    def _begin(self, scope: Scope) -> None:
        assert self.view is not None
        self.view.show_page(ANSWER)
        self.asking.begin(self._among(scope))

    def _back_to_start(self) -> None:
        assert self.view is not None
        self.asking.stop()
        self.view.show_page(START)

    def _among(self, scope: Scope) -> Callable[[], Ids | None]:
        """How to find, in a thread, the photos to ask about; None for all."""
        if scope.kind == FOLDER:
            return lambda: self._library.catalog.shown_ids(scope.folder_id, scope.below)
        if scope.kind == RESULTS:
            results = self._results
            return lambda: results
        return lambda: None

    # Learning

    def _train(self, trunk: bool) -> None:
        """Begin once the last answer is saved."""
        query = self._navigator.query
        asked = query.more if query is not None else ()
        self.tuning.set_asked(tuple(item.photo_id for item in asked if item.photo_id is not None))
        lost = self.asking.failures
        self._tasks.run(lambda: None, lambda _: self._train_now(trunk, lost), pool=SAVING)

    def _train_now(self, trunk: bool, lost: int) -> None:
        if self.asking.failures > lost:
            return  # an answer could not be saved: it is said, and asked again
        if self.view is not None and self.view.is_open and not self.tuning.training:
            self.tuning.begin(trunk)

    def _estimate(self) -> None:
        """Say how long it would take to train the last blocks too, on this machine."""
        library, advanced = self._library, self.answer_page.advanced
        card = library.card
        if not can_be_tuned(card):
            advanced.set_note(
                self.tr("The model that ranks now has no blocks that could be trained."), possible=False
            )
            return

        def look() -> TrunkEstimate:
            answers = library.catalog.answers.counts()
            photos = library.catalog.counts().photos
            learned = answers.usable - answers.kept_back
            return estimate(card, learned, answers.kept_back, photos, library.device, library.threads)

        self._tasks.run(
            look,
            lambda found: advanced.set_note(estimate_text(found)),
            lambda error: advanced.set_note(str(error), possible=False),
            pool="estimate",
        )

    def _kept(self) -> None:
        assert self.view is not None
        if self.view.page == COMPARE:  # else it was left meanwhile, and opened anew for something else
            self.view.close_view()
        self.kept.emit()

    def _dropped(self) -> None:
        assert self.view is not None
        self.view.close_view()
        self.said.emit(self.tr("Dropped: photosim ranks as before, and your answers are kept"))

    def _forget(self) -> None:
        def forgotten(_: int) -> None:
            self.start_page.say("")  # what an import brought is no more
            self.asking.forget_given()
            self.tuning.forget_looks()
            self.asking.count()

        self._tasks.run(self._library.catalog.answers.clear, forgotten, pool=SAVING)
