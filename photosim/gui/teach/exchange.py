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
from photosim.teaching.answer_files import ReadAnswers, read_answers, write_answers


@dataclass(frozen=True)
class Imported:
    """What came of reading a file: how many of its answers were `new`, and all that it says."""

    new: int
    read: ReadAnswers


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

        def done(imported: Imported) -> None:
            self.said.emit(import_text(imported, path_text(path.name)), import_lines(imported.read))
            self.changed.emit()

        self.said.emit(self.tr("Reading {name}…").format(name=path_text(path.name)), [])
        catalog = self._library.catalog
        self._tasks.run(lambda: add_from(path, catalog), done, self._failed, pool=SAVING)

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


def add_from(path: Path, catalog: Catalog) -> Imported:
    """Read a file of answers and save those about known photos. Raises TeachingError, LibraryError."""
    read = read_answers(path, catalog)
    return Imported(len(catalog.answers.add_many(read.triplets, "file")), read)


def import_text(imported: Imported, name: str) -> str:
    """What came of reading the file `name`, in some sentences."""
    read = imported.read
    texts = [_tr("{count} answers of {name} were added.").format(count=_number(imported.new), name=name)]
    known = len(read.triplets) - imported.new
    if known:
        texts.append(_tr("{count} were there already.").format(count=_number(known)))
    if read.unknown or read.faulty:
        texts.append(_tr("What was left out, and why:"))
    return " ".join(texts)


def import_lines(read: ReadAnswers) -> list[str]:
    """The photos and lines of a file that could not be used, in its order."""
    lines = [
        (
            photo.line,
            _tr("not in the library: {path}") if photo.exists else _tr("there is no such file: {path}"),
            path_text(photo.path),
        )
        for photo in read.unknown
    ]
    lines += [(line, "{path}", reason) for line, reason in read.faulty]
    return [
        _tr("line {line}: {what}").format(line=line, what=what.format(path=path))
        for line, what, path in sorted(lines)
    ]


def _number(count: int) -> str:
    return QLocale().toString(count)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Teach", text)
