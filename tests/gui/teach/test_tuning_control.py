"""From the answers to a model that ranks the library: a real process, a real library, real pages."""

from __future__ import annotations

import errno
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from photosim.gui.tasks import TaskRunner
from photosim.gui.teach.compare_page import ComparePage
from photosim.gui.teach.train_page import TrainPage
from photosim.gui.teach.tuning_control import LOOKS, TuningControl
from photosim.gui.teach.view import ANSWER, COMPARE, TRAIN, TeachView
from photosim.library import Library
from photosim.model import store
from photosim.model.card import ModelCard
from photosim.model.embedding import load_embedding
from photosim.paths import Folders
from photosim.search.searcher import Searcher
from photosim.settings import Settings
from photosim.teaching.run import TuningRun
from photosim.teaching.tuning_worker import Tuner, tune_embedding
from tests.gui.windows import WAIT
from tests.teaching import tuners
from tests.teaching.made_library import answer_by_redness, copy_of_library

pytestmark = pytest.mark.timeout(180)

ANSWERS = 60


@dataclass
class Wizard:
    """The pages in their view, as the window has them."""

    library: Library
    tasks: TaskRunner
    view: TeachView
    train: TrainPage
    compare: ComparePage
    control: TuningControl
    runs: list[TuningRun] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    dropped: int = 0

    def use(self, tuner: Tuner) -> None:
        """Tune in some other way than the real one."""

        def make(card: ModelCard, trunk: bool) -> TuningRun:
            run = TuningRun(self.library.folders, card, threads=1, tuner=tuner)
            self.runs.append(run)
            return run

        self.control._make_run = make  # type: ignore[method-assign]

    def show(self, page: str) -> None:
        self.pages.append(page)
        if page != ANSWER:
            self.view.show_page(page)

    def drop(self) -> None:
        self.dropped += 1

    @property
    def shown(self) -> str:
        return self.pages[-1]


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wizard")


@pytest.fixture
def taught(base: Path, tmp_path: Path) -> Folders:
    return copy_of_library(base, tmp_path / "copy")


@pytest.fixture
def wizard(taught: Folders, qtbot: QtBot) -> Iterator[Wizard]:
    over = QWidget()
    qtbot.addWidget(over)
    over.resize(1100, 740)
    library = Library(taught, "cpu", 1)
    answer_by_redness(library.catalog, ANSWERS)
    tasks = TaskRunner()
    view, train, compare = TeachView(over), TrainPage(), ComparePage()
    view.add_page(TRAIN, train)
    view.add_page(COMPARE, compare)
    over.show()
    over.activateWindow()
    qtbot.waitUntil(over.isActiveWindow, timeout=WAIT)
    control = TuningControl(library, tasks, train, compare)
    wizard = Wizard(library, tasks, view, train, compare, control)
    control.page_wanted.connect(wizard.show)
    control.kept.connect(wizard.kept.append)
    control.dropped.connect(wizard.drop)
    control.said.connect(wizard.said.append)
    yield wizard
    control.close()
    tasks.close()
    library.close()


def until_compared(wizard: Wizard, qtbot: QtBot) -> None:
    wizard.control.begin()
    assert wizard.pages[-1] == TRAIN
    qtbot.waitUntil(lambda: wizard.shown == COMPARE or wizard.train.failed, timeout=120_000)
    assert not wizard.train.failed, wizard.train.words
    qtbot.waitUntil(lambda: not wizard.compare.busy, timeout=WAIT)


def press(key: Qt.Key) -> None:
    widget = QApplication.focusWidget()
    assert widget is not None
    QTest.keyClick(widget, key)


def nearest(searcher: Searcher, query: int) -> list[int]:
    features = searcher.features_of(query)
    assert features is not None
    ids: list[int] = searcher.rank([features]).ids.tolist()
    return ids


def files_of(folders: Folders) -> set[str]:
    """All that is kept, but for what SQLite and locks come and go with."""
    found = {str(path.relative_to(folders.data)) for path in folders.data.rglob("*") if path.is_file()}
    return {name for name in found if not name.endswith(("-wal", "-shm", ".lock"))}


def test_a_trained_model_is_compared_kept_and_answers_from_then_on(
    wizard: Wizard, taught: Folders, qtbot: QtBot
) -> None:
    pytest.importorskip("photosim.teaching.tuning")
    wizard.use(tune_embedding)
    before = wizard.library.card
    until_compared(wizard, qtbot)
    kept_back = wizard.library.catalog.answers.counts().kept_back
    assert len(wizard.train.loss.curve) > 1
    assert f"of {kept_back}" in wizard.compare.words.splitlines()[0]
    assert len(wizard.compare.cards) == 3
    assert wizard.library.card == before and wizard.kept == []

    query = wizard.compare.cards[0].pair.query
    promised = list(wizard.compare.cards[0].pair.after)
    wizard.compare.name.setFocus()
    wizard.compare.name.selectAll()
    QTest.keyClicks(wizard.compare.name, "Red things")
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(wizard.kept), timeout=WAIT)

    card = wizard.library.card
    assert (card.version, card.name, card.parent) == (wizard.kept[0], "Red things", before.version)
    assert card.metrics["kept_back"] == kept_back and card.metrics["looks_before"] == 0
    after = [photo for photo in nearest(wizard.library.searcher, query) if photo != query]
    assert [photo for photo in after if photo in promised] == promised
    # And after the next start, from what lies on the disk.
    with Library(taught, "cpu", 1) as again:
        assert again.card.version == card.version
        assert nearest(again.searcher, query) == nearest(wizard.library.searcher, query)


def test_keeping_takes_the_embeddings_that_are_there_already(wizard: Wizard, qtbot: QtBot) -> None:
    wizard.use(tuners.at_once)
    until_compared(wizard, qtbot)
    ready = wizard.control._ready
    assert ready is not None
    matrix = ready.searcher.shown_vectors()[1]
    wizard.compare.keep_button.click()
    qtbot.waitUntil(lambda: bool(wizard.kept), timeout=WAIT)
    assert wizard.library.searcher is ready.searcher
    assert np.shares_memory(wizard.library.searcher.shown_vectors()[1], matrix)
    assert wizard.library.searcher.card.name == "My similar"


def test_the_name_offered_is_one_that_no_model_has(wizard: Wizard, qtbot: QtBot) -> None:
    wizard.use(tuners.at_once)
    for name in ("My similar", "My similar 2"):
        until_compared(wizard, qtbot)
        assert wizard.compare.name.text() == name
        assert wizard.compare.problem == ""
        wizard.kept.clear()
        wizard.compare.keep_button.click()
        qtbot.waitUntil(lambda: bool(wizard.kept), timeout=WAIT)
    until_compared(wizard, qtbot)
    wizard.compare.name.setText("")
    QTest.keyClicks(wizard.compare.name, "MY similar 2")
    assert "already" in wizard.compare.problem


@pytest.mark.parametrize("tuner", [tuners.endless, tuners.busy])
def test_cancel_acts_within_a_second_and_leaves_no_trace(
    wizard: Wizard, taught: Folders, qtbot: QtBot, tuner: Tuner
) -> None:
    before = files_of(taught)
    wizard.use(tuner)
    wizard.control.begin()
    qtbot.waitUntil(lambda: len(wizard.train.loss.curve) > 0, timeout=WAIT)
    pid = wizard.runs[0].pid
    assert QApplication.focusWidget() is wizard.train.cancel_button
    begun = time.monotonic()
    press(Qt.Key.Key_Space)
    assert wizard.shown == ANSWER
    qtbot.waitUntil(lambda: not psutil.pid_exists(pid), timeout=5000)
    assert time.monotonic() - begun < 1
    assert not wizard.control.training
    qtbot.wait(300)
    assert wizard.shown == ANSWER and not wizard.train.failed
    assert files_of(taught) == before


def test_cancel_before_the_process_has_started_is_as_good(wizard: Wizard, qtbot: QtBot) -> None:
    wizard.use(tuners.endless)
    wizard.control.begin()
    wizard.train.cancel_button.click()
    qtbot.wait(1500)
    assert wizard.shown == ANSWER
    assert not multiprocessing.active_children()


def test_closing_ends_the_process(wizard: Wizard, qtbot: QtBot) -> None:
    wizard.use(tuners.busy)
    wizard.control.begin()
    qtbot.waitUntil(lambda: len(wizard.train.loss.curve) > 0, timeout=WAIT)
    pid = wizard.runs[0].pid
    wizard.control.close()
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize(
    ("tuner", "line"),
    [
        (tuners.killed, "The training ended by itself (signal SIGKILL)"),
        (tuners.diverging, "The training diverged"),
        (tuners.faulty, "The training ended by itself"),
    ],
)
def test_a_training_that_fails_says_so_and_leads_back_to_the_answers(
    wizard: Wizard, qtbot: QtBot, tuner: Tuner, line: str
) -> None:
    wizard.use(tuner)
    wizard.control.begin()
    qtbot.waitUntil(lambda: wizard.train.failed, timeout=WAIT)
    assert line in wizard.train.words[1] and "\n" not in wizard.train.words[1]
    assert QApplication.focusWidget() is wizard.train.back_button
    press(Qt.Key.Key_Space)
    assert wizard.shown == ANSWER
    assert wizard.library.store.free_name("My similar") == "My similar"


def test_too_few_answers_are_said_to_be_so(wizard: Wizard, qtbot: QtBot) -> None:
    wizard.library.catalog.answers.clear()
    answer_by_redness(wizard.library.catalog, 12)
    wizard.use(tuners.at_once)
    wizard.control.begin()
    qtbot.waitUntil(lambda: wizard.train.failed, timeout=WAIT)
    assert wizard.train.words[1] == "12 answers so far: training begins at 20."


def test_what_is_dropped_leaves_nothing_but_the_count_of_looks(
    wizard: Wizard, taught: Folders, qtbot: QtBot
) -> None:
    before, card = files_of(taught), wizard.library.card
    wizard.use(tuners.at_once)
    until_compared(wizard, qtbot)
    wizard.compare.drop_button.click()
    assert wizard.dropped == 1 and wizard.compare.cards == []
    wizard.compare.keep_button.click()
    qtbot.wait(200)
    assert wizard.kept == [] and wizard.library.card == card
    assert files_of(taught) == before | {"settings.json"}


def test_what_was_left_undecided_is_there_when_the_pages_are_opened_again(
    wizard: Wizard, qtbot: QtBot
) -> None:
    wizard.use(tuners.at_once)
    until_compared(wizard, qtbot)
    words = wizard.compare.words
    wizard.control.leave()
    wizard.pages.clear()
    wizard.control.resume()
    assert wizard.pages == [COMPARE] and wizard.compare.words == words
    wizard.compare.keep_button.click()
    wizard.control.leave()  # and even now it is kept, and told
    qtbot.waitUntil(lambda: bool(wizard.kept), timeout=WAIT)
    assert wizard.library.card.name == "My similar"
    wizard.pages.clear()
    wizard.control.resume()
    assert wizard.pages == []


def test_leaving_ends_a_training_and_a_model_chosen_meanwhile_ends_what_was_undecided(
    wizard: Wizard, qtbot: QtBot
) -> None:
    wizard.use(tuners.endless)
    wizard.control.begin()
    qtbot.waitUntil(lambda: len(wizard.train.loss.curve) > 0, timeout=WAIT)
    pid = wizard.runs[0].pid
    wizard.control.leave()
    qtbot.waitUntil(lambda: not psutil.pid_exists(pid), timeout=5000)
    wizard.use(tuners.at_once)
    until_compared(wizard, qtbot)
    wizard.control.leave()
    library = wizard.library
    draft = library.store.draft(library.card, load_embedding(library.card), 0.4, {}, {})
    library.use_model(library.store.keep(draft, "Other").version)
    wizard.pages.clear()
    wizard.control.resume()
    assert wizard.pages == [] and wizard.control._ready is None
    assert len(wizard.said) == 1 and "was let go: another model ranks the library now" in wizard.said[0]
    wizard.control.resume()
    assert len(wizard.said) == 1


def test_answer_more_drops_it_and_leads_to_the_answers(wizard: Wizard, qtbot: QtBot) -> None:
    wizard.use(tuners.at_once)
    until_compared(wizard, qtbot)
    wizard.compare.more_button.click()
    assert wizard.shown == ANSWER and wizard.control._ready is None and wizard.dropped == 0


def test_a_full_disk_keeps_the_draft_for_another_try(
    wizard: Wizard, taught: Folders, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    wizard.use(tuners.at_once)
    until_compared(wizard, qtbot)
    before, card = files_of(taught), wizard.library.card
    with monkeypatch.context() as patch:

        def full(path: Path, data: bytes) -> None:
            path.write_bytes(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        patch.setattr(store, "_write_synced", full)
        wizard.compare.keep_button.click()
        assert not wizard.compare.keep_button.isEnabled()
        qtbot.waitUntil(wizard.compare.keep_button.isEnabled, timeout=WAIT)
    assert "is full" in wizard.compare.problem
    assert wizard.kept == [] and wizard.library.card == card
    assert files_of(taught) == before
    wizard.compare.keep_button.click()
    qtbot.waitUntil(lambda: bool(wizard.kept), timeout=WAIT)
    assert wizard.library.card.name == "My similar"


def test_a_model_that_is_written_but_cannot_be_used_is_not_written_twice(
    wizard: Wizard, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full between the model and the catalog."""
    from photosim.errors import LibraryError

    wizard.use(tuners.at_once)
    until_compared(wizard, qtbot)
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise LibraryError("the catalog cannot be written: the disk is full")

        patch.setattr(wizard.library.catalog, "set_wish", full)
        wizard.compare.keep_button.click()
        qtbot.waitUntil(wizard.compare.keep_button.isEnabled, timeout=WAIT)
    assert "cannot be written" in wizard.compare.problem
    wizard.compare.name.setText("Another name")
    wizard.compare.keep_button.click()
    qtbot.waitUntil(lambda: bool(wizard.kept), timeout=WAIT)
    assert [card.name for card in wizard.library.registry.cards() if not card.bundled] == ["Another name"]

    until_compared(wizard, qtbot)
    with monkeypatch.context() as patch:
        patch.setattr(wizard.library.catalog, "set_wish", full)
        wizard.compare.keep_button.click()
        qtbot.waitUntil(wizard.compare.keep_button.isEnabled, timeout=WAIT)
    wizard.compare.drop_button.click()
    qtbot.waitUntil(lambda: not wizard.tasks.busy, timeout=WAIT)
    assert [card.name for card in wizard.library.registry.cards() if not card.bundled] == ["Another name"]


def test_the_photo_asked_about_last_is_among_the_rankings(wizard: Wizard, qtbot: QtBot) -> None:
    wizard.use(tuners.at_once)
    photo = int(wizard.library.catalog.shown_ids()[-1])
    wizard.control.set_asked((photo,))
    until_compared(wizard, qtbot)
    assert photo in [card.pair.query for card in wizard.compare.cards]


def test_a_model_that_took_over_meanwhile_is_not_compared_with_what_it_is_not(
    wizard: Wizard, qtbot: QtBot
) -> None:
    wizard.use(tuners.at_once)
    library = wizard.library
    first = library.store.keep(
        library.store.draft(library.card, load_embedding(library.card), 0.4, {}, {}), "Other"
    )
    wizard.control.begin()
    library.use_model(first.version)
    qtbot.waitUntil(lambda: wizard.train.failed, timeout=WAIT)
    assert "Another model has taken over" in wizard.train.words[1]


def test_a_training_begun_while_a_model_is_put_in_use_does_not_undo_that(
    wizard: Wizard, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    wizard.use(tuners.at_once)
    until_compared(wizard, qtbot)
    written, go_on = threading.Event(), threading.Event()
    use_model = wizard.library.use_model

    def slow(version: str, searcher: Searcher | None = None) -> ModelCard:
        written.set()
        assert go_on.wait(30)
        return use_model(version, searcher)

    monkeypatch.setattr(wizard.library, "use_model", slow)
    wizard.compare.keep_button.click()
    qtbot.waitUntil(written.is_set, timeout=WAIT)
    wizard.control.leave()
    wizard.control.begin()
    assert not wizard.control.training and len(wizard.runs) == 1
    assert "still being put in use" in wizard.said[0]
    go_on.set()
    qtbot.waitUntil(lambda: bool(wizard.kept), timeout=WAIT)
    qtbot.waitUntil(lambda: not wizard.tasks.busy, timeout=WAIT)
    assert wizard.library.card.version == wizard.kept[0]
    assert wizard.kept[0] in [card.version for card in wizard.library.registry.cards()]
    until_compared(wizard, qtbot)


def test_a_model_put_in_use_as_the_window_closes_is_not_deleted(
    wizard: Wizard, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    wizard.use(tuners.at_once)
    until_compared(wizard, qtbot)
    written, go_on = threading.Event(), threading.Event()
    use_model = wizard.library.use_model

    def slow(version: str, searcher: Searcher | None = None) -> ModelCard:
        written.set()
        assert go_on.wait(30)
        return use_model(version, searcher)

    monkeypatch.setattr(wizard.library, "use_model", slow)
    wizard.compare.keep_button.click()
    qtbot.waitUntil(written.is_set, timeout=WAIT)
    wizard.control.close()
    go_on.set()
    qtbot.waitUntil(lambda: not wizard.tasks._tasks, timeout=WAIT)
    assert wizard.library.card.name == "My similar"
    assert wizard.library.card.version in [card.version for card in wizard.library.registry.cards()]


def test_looks_at_the_kept_back_answers_are_counted_and_kept_with_the_model(
    wizard: Wizard, taught: Folders, qtbot: QtBot
) -> None:
    wizard.use(tuners.at_once)
    for looks in range(3):
        until_compared(wizard, qtbot)
        assert ("a little too good" in wizard.compare.words) is (looks == 2)
        wizard.control.leave()
        wizard.control.resume()  # the same look, not another one
    wizard.compare.keep_button.click()
    qtbot.waitUntil(lambda: bool(wizard.kept), timeout=WAIT)
    assert wizard.library.card.metrics["looks_before"] == 2
    assert Settings(taught.data / "settings.json").get(LOOKS, 0) == 3
    wizard.control.forget_looks()
    until_compared(wizard, qtbot)
    assert "too good" not in wizard.compare.words


def test_missing_thumbnails_are_made_anew_before_a_trunk_is_trained(wizard: Wizard, qtbot: QtBot) -> None:
    library = wizard.library
    all_of_them = library.thumbnails.hashes()
    library.thumbnails.remove_many(all_of_them)
    found: list[int] = []

    def make(card: ModelCard, trunk: bool) -> TuningRun:
        found.append(len(library.thumbnails.hashes()))
        return TuningRun(library.folders, card, threads=1, tuner=tuners.at_once)

    wizard.control._make_run = make  # type: ignore[method-assign]
    told: list[str] = []
    wizard.control._timer.timeout.connect(lambda: told.append(wizard.train.words[1]))
    wizard.control.begin(trunk=True)
    qtbot.waitUntil(lambda: wizard.shown == COMPARE, timeout=120_000)
    assert found == [len(all_of_them)]
    assert any(f"made anew: {done} of {len(all_of_them)}" in words for words in told for done in range(81))
    qtbot.waitUntil(lambda: not wizard.compare.busy, timeout=WAIT)


def test_cancel_ends_the_making_of_thumbnails(
    wizard: Wizard, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    wizard.use(tuners.at_once)
    library = wizard.library
    library.thumbnails.remove_many(library.thumbnails.hashes())
    renew, made = library.renew_thumbnail, []

    def slow(photo_id: int) -> bool:
        made.append(photo_id)
        time.sleep(0.1)
        return renew(photo_id)

    monkeypatch.setattr(library, "renew_thumbnail", slow)
    wizard.control.begin(trunk=True)
    qtbot.waitUntil(lambda: len(made) > 2, timeout=WAIT)
    wizard.train.cancel_button.click()
    qtbot.waitUntil(lambda: not wizard.tasks._tasks, timeout=WAIT)
    assert len(made) < 40 and wizard.runs == []
