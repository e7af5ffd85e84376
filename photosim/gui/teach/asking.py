"""Asks question after question: the next ones wait with their pictures, every answer is saved at once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QCoreApplication, QObject, QSize, QTimer, Signal
from PySide6.QtGui import QImage

from photosim.catalog.answers import AnswerCounts
from photosim.catalog.records import Photo
from photosim.errors import PhotosimError, TeachingError
from photosim.gui.facts_text import path_text
from photosim.gui.tasks import Task, TaskRunner
from photosim.gui.teach.answer_page import AnswerPage
from photosim.gui.teach.pictures import Pictures
from photosim.library import Library
from photosim.teaching.thumbnails import thumbnail_of

if TYPE_CHECKING:
    from photosim.teaching.questions import Questions

Ids = npt.NDArray[np.int64]
Choice = Literal["left", "right", "neither"]

STOCK = 3
"""How many questions wait ready behind the one that is shown."""
SAVING = "answers"
"""The pool in which answers are saved and taken back, in the order they were given."""
SKIPPED_AT_MOST = 100
RESIZED_MS = 150

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Side:
    """One photo of a question. `path` is empty where its file cannot be reached now."""

    photo_id: int
    content_hash: bytes
    name: str
    path: str
    size: QSize
    thumbnail: QImage


@dataclass(frozen=True, eq=False)
class Asked:
    """A question with all that is needed to show it at once."""

    anchor: Side
    left: Side
    right: Side

    def sides(self) -> tuple[Side, Side, Side]:
        return self.anchor, self.left, self.right


@dataclass(eq=False)
class Given:
    """An answer of this session; `answer_id` is that in the catalog once it has been saved."""

    asked: Asked
    answer_id: int | None = None


@dataclass(frozen=True)
class TakenBack:
    """What an undo came to: whether there was an answer, and its question where it can be shown again."""

    removed: bool
    asked: Asked | None


class Asking(QObject):
    """Feeds the answer page and saves what is answered. One line for each thing that fails: `problem`."""

    problem = Signal(str)
    counted = Signal(object)
    """AnswerCounts, whenever the answers have changed."""

    def __init__(
        self, library: Library, tasks: TaskRunner, page: AnswerPage, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._library, self._tasks, self._page = library, tasks, page
        self._questions: Questions | None = None
        self._choosing: Task | None = None
        self._current: Asked | None = None
        self._stock: list[Asked] = []
        self._given: list[Given] = []
        self._end = ""
        self.failures = 0
        """How many answers could not be saved; each was asked again."""
        self._pictures = Pictures(library, self)
        self._pictures.ready.connect(self._show_picture)
        self._resized = QTimer(self)
        self._resized.setSingleShot(True)
        self._resized.setInterval(RESIZED_MS)
        self._resized.timeout.connect(self._want_pictures)
        page.answered.connect(self.answer)
        page.undo_requested.connect(self.undo)
        page.resized.connect(self._resized.start)

    def begin(self, among: Callable[[], Ids | None]) -> None:
        """Ask about the photos whose ids `among` gives, int64 [N], None for all; it is called in a thread."""
        self.stop()
        self._page.show_waiting()
        self._choosing = self._tasks.run(
            lambda: make_questions(self._library, among()), self._begun, self._no_more, pool="questions"
        )

    def stop(self) -> None:
        """Ask no more. What has been answered is saved all the same."""
        if self._choosing is not None:
            self._choosing.cancel()
        self._questions, self._choosing, self._current, self._end = None, None, None, ""
        self._stock.clear()
        self._resized.stop()
        self._pictures.close()

    def finish_saving(self) -> None:
        """Wait until every answer given is in the catalog: for the moment before the window goes."""
        self._tasks.finish(SAVING)

    def forget_given(self) -> None:
        """The answers of this session are no more: nothing of them can be taken back."""
        self._given.clear()

    @property
    def running(self) -> bool:
        """Whether questions are being asked, though there may be none left."""
        return self._questions is not None or self._choosing is not None or bool(self._end)

    @property
    def current(self) -> Asked | None:
        """The question that is shown."""
        return self._current

    @property
    def ready(self) -> int:
        """How many questions wait behind the one shown, with all their pictures."""
        if self._pictures.busy:
            return 0
        return len(self._stock)

    # The user's answers

    def answer(self, choice: Choice) -> None:
        """Save the answer to the question shown, and show the next one without waiting for that."""
        asked = self._current
        if asked is None:
            return
        given = Given(asked)
        self._given.append(given)
        self._page.set_undoable(True)
        self._tasks.run(
            lambda: save(self._library, given, choice),
            lambda _: self.count(),
            lambda error: self._not_saved(given, error),
            pool=SAVING,
        )
        self._advance()

    def undo(self) -> None:
        """Take back the last answer, of this session or an earlier one, and ask its question again."""
        given = self._given.pop() if self._given else None

        def failed(error: Exception) -> None:
            if given is not None:
                self._given.append(given)
            self._report(error)

        self._tasks.run(lambda: take_back(self._library, given), self._taken_back, failed, pool=SAVING)

    def count(self) -> None:
        """Read how many answers there are; `counted` tells."""
        answers = self._library.catalog.answers

        def counted(found: tuple[AnswerCounts, bool]) -> None:
            counts, asked_before = found
            self._page.set_undoable(asked_before or bool(self._given))
            self.counted.emit(counts)

        self._tasks.run(
            lambda: (answers.counts(), answers.has("question")), counted, self._report, pool=SAVING
        )

    def _not_saved(self, given: Given, error: Exception) -> None:
        self.failures += 1
        if given in self._given:  # else it has been taken back already
            self._given.remove(given)
            self._show_again(given.asked)
        if not isinstance(error, PhotosimError):
            raise error
        self.problem.emit(
            self.tr("Your answer could not be saved, so it is asked again: {reason}").format(reason=error)
        )

    def _taken_back(self, taken: TakenBack) -> None:
        if not taken.removed:
            self.problem.emit(self.tr("There is no answer to take back."))
            return
        self.count()
        if taken.asked is None:
            self.problem.emit(
                self.tr("The last answer was taken back. One of its photos can no longer be shown.")
            )
        else:
            self._show_again(taken.asked)

    def _report(self, error: Exception) -> None:
        if not isinstance(error, PhotosimError):
            raise error
        self.problem.emit(str(error))

    # Questions

    def _begun(self, questions: Questions) -> None:
        self._questions, self._choosing = questions, None
        self._fill()

    def _fill(self) -> None:
        """Have the next questions chosen, one after the other, until enough are in stock."""
        questions = self._questions
        if questions is None or self._choosing is not None or self._end or len(self._stock) >= STOCK:
            return
        self._choosing = self._tasks.run(
            lambda: next_shown(self._library, questions), self._chosen, self._no_more, pool="questions"
        )

    def _chosen(self, asked: Asked) -> None:
        self._choosing = None
        self._stock.append(asked)
        if self._current is None:
            self._advance()
        else:
            self._want_pictures()
            self._fill()

    def _no_more(self, error: Exception) -> None:
        self._choosing = None
        if not isinstance(error, PhotosimError):
            raise error
        self._end = str(error)
        if self._current is None:
            self._page.show_end(self._end)

    def _advance(self) -> None:
        self._show(self._stock.pop(0) if self._stock else None)

    def _show_again(self, asked: Asked) -> None:
        if self._current is not None:
            self._stock.insert(0, self._current)
        self._show(asked)

    def _show(self, asked: Asked | None) -> None:
        self._current = asked
        if asked is not None:
            self._page.show_question(asked.anchor, asked.left, asked.right)
            for side in asked.sides():
                self._show_picture(side.photo_id)
        elif self._end:
            self._page.show_end(self._end)
        else:
            self._page.show_waiting()
        self._want_pictures()
        self._fill()

    # Pictures

    def _want_pictures(self) -> None:
        asked = [*([] if self._current is None else [self._current]), *self._stock]
        photos = [(side.photo_id, side.path) for question in asked for side in question.sides() if side.path]
        self._pictures.want(photos, self._page.wanted_side())

    def _show_picture(self, photo_id: int) -> None:
        image = self._pictures.image(photo_id)
        if image is not None:
            self._page.set_picture(photo_id, image)


# In the threads of the task runner


def make_questions(library: Library, among: Ids | None) -> Questions:
    from photosim.teaching.questions import Questions

    return Questions(library, among)


def next_shown(library: Library, questions: Questions) -> Asked:
    """The next question whose photos can be shown. Raises TeachingError where there is none."""
    for _ in range(SKIPPED_AT_MOST):
        question = questions.next()
        photos = library.catalog.photos([question.anchor, question.left, question.right])
        asked = read_question(
            library, photos.get(question.anchor), photos.get(question.left), photos.get(question.right)
        )
        if asked is not None:
            return asked
    raise TeachingError(_tr("Photos of unplugged drives have no thumbnails now: connect their drives first"))


def read_question(
    library: Library, anchor: Photo | None, left: Photo | None, right: Photo | None
) -> Asked | None:
    """A question as it is shown; None where one of its photos has gone, or no picture of it is to be had."""
    sides = [None if photo is None else _side(library, photo) for photo in (anchor, left, right)]
    if sides[0] is None or sides[1] is None or sides[2] is None:
        return None
    return Asked(sides[0], sides[1], sides[2])


def save(library: Library, given: Given, choice: Choice) -> None:
    """Write an answer down. Raises LibraryError."""
    anchor, left, right = (side.content_hash for side in given.asked.sides())
    positive, negative = (right, left) if choice == "right" else (left, right)
    try:
        answer = library.catalog.answers.add(
            anchor, positive, negative, source="question", neither=choice == "neither"
        )
    except PhotosimError as error:
        _log.warning("an answer was not saved: %s", error)  # also where the window is closing
        raise
    given.answer_id = answer.id


def take_back(library: Library, given: Given | None) -> TakenBack:
    """Remove an answer of this session, or else the last one to any question. Raises LibraryError."""
    answers = library.catalog.answers
    if given is not None:
        if given.answer_id is not None:
            answers.remove(given.answer_id)
        return TakenBack(True, given.asked)
    answer = answers.undo("question")
    if answer is None:
        return TakenBack(False, None)
    anchor, first, second = (library.catalog.photo_by_hash(content_hash) for content_hash in answer.triplet)
    return TakenBack(True, read_question(library, anchor, first, second))


def _side(library: Library, photo: Photo) -> Side | None:
    data = thumbnail_of(library, photo)
    thumbnail = QImage()
    if data is None or not thumbnail.loadFromData(data, "JPEG"):
        return None
    return Side(
        photo.id,
        photo.content_hash,
        path_text(photo.name),
        "" if photo.offline else photo.path,
        QSize(photo.facts.width, photo.facts.height),
        thumbnail,
    )


def _tr(text: str) -> str:
    return QCoreApplication.translate("Teach", text)
