"""Answers from a file and to one: chosen in the system's dialog, read and written in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLocale, QObject, Signal
from PySide6.QtWidgets import QWidget

from photosim.catalog import Catalog
from photosim.errors import PhotosimError
from photosim.gui.facts_text import path_text
from photosim.gui.file_choice import choose_file, choose_new_file
from photosim.gui.tasks import TaskRunner
from photosim.gui.teach.asking import SAVING
from photosim.library import Library
from photosim.teaching.answer_files import ReadAnswers, UnknownPhoto, read_answers, write_answers

READING = "reading answers"
"""The pool in which a file is read, so that no answer given meanwhile waits for it."""
LINES = 200
"""So many lines are shown of those that could not be used."""


@dataclass(frozen=True)
class Reading:
    """What a file says, and the `lines` to show of what could not be used."""

    answers: ReadAnswers
    lines: list[str]


class AnswerExchange(QObject):
    """Asks which file, and tells in words what came of it."""

    said = Signal(str, list)
    """What to tell the user, and lines that are to be looked at one by one."""
    changed = Signal()
    """There are more answers than before."""

    def __init__(self, library: Library, tasks: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library, self._tasks = library, tasks

    def import_answers(self, parent: QWidget) -> None:
        choose_file(parent, self._library.settings, self.tr("Import answers"), self._pattern(), self.read)

    def export_answers(self, parent: QWidget) -> None:
        choose_new_file(
            parent,
            self._library.settings,
            self.tr("Export answers"),
            self.tr("photosim answers.csv"),
            self._pattern(),
            self.write,
        )

    def read(self, path: Path) -> None:
        """Add the answers of a file to those that are there."""

        name = path_text(path.name)
        catalog = self._library.catalog

        def read(reading: Reading) -> None:
            triplets = reading.answers.triplets
            self._tasks.run(
                lambda: len(catalog.answers.add_many(triplets, "file")),
                lambda new: added(reading, new),
                self._failed,
                pool=SAVING,
            )

        def added(reading: Reading, new: int) -> None:
            self.said.emit(import_text(new, reading.answers, name), reading.lines)
            self.changed.emit()

        self.said.emit(self.tr("Reading {name}…").format(name=name), [])
        self._tasks.run(lambda: read_file(path, catalog), read, self._failed, pool=READING)

    def write(self, path: Path) -> None:
        """Write all answers to a file."""

        def done(count: int) -> None:
            text = self.tr("{count} answers were written to {path}.")
            self.said.emit(text.format(count=_number(count), path=path_text(str(path))), [])

        catalog = self._library.catalog
        self._tasks.run(lambda: write_answers(path, catalog), done, self._failed, pool=SAVING)

    def _pattern(self) -> str:
        return self.tr("Answers (*.csv)")

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, PhotosimError):
            raise error
        self.said.emit(self.tr("Not done: {reason}.").format(reason=error), [])


def read_file(path: Path, catalog: Catalog) -> Reading:
    """Read a file of answers, and say what of it cannot be used. Raises TeachingError, LibraryError."""
    answers = read_answers(path, catalog)
    return Reading(answers, import_lines(answers))


def import_text(new: int, read: ReadAnswers, name: str) -> str:
    """What came of the file `name`, of whose answers so many were new, in some sentences."""
    texts = [_tr("{count} answers of {name} were added.").format(count=_number(new), name=name)]
    known = len(read.triplets) - new
    if known:
        texts.append(_tr("{count} were there already.").format(count=_number(known)))
    if read.unknown or read.faulty:
        texts.append(_tr("What was left out, and why:"))
    return " ".join(texts)


def import_lines(read: ReadAnswers) -> list[str]:
    """The first photos and lines of a file that could not be used, in its order, and how many more."""
    left_out = sorted(
        [(photo.line, photo) for photo in read.unknown] + [(line, reason) for line, reason in read.faulty],
        key=lambda each: each[0],
    )
    lines = [
        _tr("line {line}: {what}").format(line=line, what=_reason(what)) for line, what in left_out[:LINES]
    ]
    if len(left_out) > LINES:
        lines.append(_tr("and {count} more").format(count=_number(len(left_out) - LINES)))
    return lines


def _reason(what: UnknownPhoto | str) -> str:
    if isinstance(what, str):
        return what
    text = _tr("there is no such file: {path}") if what.exists is False else _tr("not in the library: {path}")
    return text.format(path=path_text(what.path))


def _number(count: int) -> str:
    return QLocale().toString(count)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Teach", text)
