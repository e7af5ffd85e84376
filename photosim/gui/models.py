"""The models menu: which model says what similar means, and the user's own models, kept in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QCoreApplication, QObject, QPoint, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from photosim.errors import PhotosimError
from photosim.gui.facts_text import path_text
from photosim.gui.file_choice import choose_file, choose_new_file
from photosim.gui.grid_header import NoticeBar
from photosim.gui.plain_text import plain_tip
from photosim.gui.scan_controller import ScanController
from photosim.gui.tasks import TaskRunner
from photosim.library import Library
from photosim.model.card import ModelCard
from photosim.model.registry import Fault
from photosim.model.store import SUFFIX

T = TypeVar("T")

POOL = "models"
"""One thread: what is done to the models is done in the order it was asked for."""


@dataclass(frozen=True)
class ModelList:
    """All models there are, in the menu's order: usable ones by their cards, others by their `faults`.

    `newest` is the version of the bundled model that photosim would choose.
    """

    cards: tuple[ModelCard, ...]
    faults: tuple[Fault, ...]
    newest: str

    @property
    def own(self) -> tuple[ModelCard, ...]:
        return tuple(card for card in self.cards if not card.bundled)


def read_models(library: Library) -> ModelList:
    """Look at the disk. Raises ModelError where a bundled model is damaged."""
    registry = library.registry
    newest = registry.default().version
    return ModelList(
        tuple(sorted(registry.cards(), key=lambda card: _place(card, newest))),
        tuple(registry.faults()),
        newest,
    )


def _place(card: ModelCard, newest: str) -> tuple[int, str]:
    """Orders models for people: photosim's own, the user's by name, then what photosim had before."""
    if card.bundled:
        return (0 if card.version == newest else 2), card.version
    return 1, card.name.casefold()


def model_name(card: ModelCard, newest: str) -> str:
    """What a model is called in the window: one's own by its name, bundled ones in plain words."""
    if not card.bundled:
        return card.name
    said = (
        QCoreApplication.translate("Models", "photosim’s own ({version})")
        if card.version == newest
        else QCoreApplication.translate("Models", "photosim’s earlier one ({version})")
    )
    return said.format(version=card.version)


class Models(QObject):
    """Fills the menu, and does what it offers, all of it in tasks: nothing here holds up the window."""

    said = Signal(str)
    """A line for the status bar."""
    failed = Signal(str)
    used = Signal()
    """Another model ranks from now on, or the models have changed: `read` is to follow."""

    def __init__(
        self,
        library: Library,
        tasks: TaskRunner,
        scans: ScanController,
        notice: NoticeBar,
        menu: QMenu,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._library, self._tasks, self._scans = library, tasks, scans
        self._notice, self._window = notice, parent
        self._known: ModelList | None = None
        self._offer = 0
        self.menu = menu
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(self._about_to_show)

    def read(self) -> None:
        """Look which models there are; the menu shows them."""
        self._tasks.run(lambda: read_models(self._library), self._read, pool=POOL)

    def popup(self, at: QPoint) -> None:
        """Open the menu at a place of the screen, as it is on the disk now."""

        def read(found: ModelList) -> None:
            self._read(found)
            self.menu.popup(at)

        self._tasks.run(lambda: read_models(self._library), read, pool=POOL)

    def let_go(self) -> None:
        """Take back the offer to rank with what was imported: something else is being done."""
        self._notice.answered(self._offer)

    # What it offers

    def use(self, version: str) -> None:
        """Rank with this model: at once where its features are there, else once the photos have been read."""
        self._run(lambda: (self._library.use_model(version), self._library.next_card), self._in_use)

    def back_to_bundled(self) -> None:
        """Rank with photosim's own model, as if there had never been another."""
        self._run(lambda: (self._library.revert_to_bundled(), self._library.next_card), self._in_use)

    def used_elsewhere(self) -> None:
        """Another part of the window has kept a model and chosen it: show that, and read photos it needs."""
        coming = self._library.next_card
        self._in_use((coming is None, coming))

    def ask_to_rename(self, card: ModelCard) -> None:
        number = self._notice.ask_text(
            self.tr("Another name for {name}:").format(name=card.name),
            card.name,
            self.tr("Rename"),
            self.tr("Cancel"),
            lambda name: self._rename(card, name, number),
        )

    def ask_to_delete(self, card: ModelCard) -> None:
        """Ask, in words that tell what follows: what ranks after it may need the photos read first."""
        library = self._library

        def must_read() -> bool:
            return card.version == library.card.version and not library.has_features_for(
                library.registry.default()
            )

        self._run(must_read, lambda must_read: self._ask_to_delete(card, must_read))

    def _ask_to_delete(self, card: ModelCard, must_read: bool) -> None:
        accept, reject = self.tr("Delete"), self.tr("Keep")
        if must_read:
            accept, reject = self.tr("Read the photos"), self.tr("Not now")
            text = self.tr(
                "{name} ranks now, and the photos must be read for photosim’s own before it can be deleted. "
                "Read them, in the background?"
            )
        elif card.version == self._library.card.version:
            text = self.tr("Delete {name}? It ranks now: photosim’s own takes its place. Your answers stay.")
        else:
            text = self.tr("Delete {name}? Your answers stay, so that it can be taught again.")
        self._notice.ask(
            text.format(name=card.name),
            accept,
            reject,
            self._make_way if must_read else lambda: self._delete(card),
            destructive=not must_read,
        )

    def ask_to_delete_faulty(self, fault: Fault) -> None:
        """Ask whether a model that cannot be used is to go; it has no name but its folder's."""
        text = self.tr(
            "Delete the model in {folder}, which cannot be used? Your answers stay, so that it can be taught "
            "again."
        )
        self._notice.ask(
            text.format(folder=path_text(str(fault.folder))),
            self.tr("Delete"),
            self.tr("Keep"),
            lambda: self._delete_faulty(fault),
            destructive=True,
        )

    def choose_export(self, card: ModelCard) -> None:
        """Let the user name the file that a model is to be written to."""
        choose_new_file(
            self._window,
            self._library.settings,
            self.tr("Export {name}").format(name=card.name),
            file_name(card.name),
            self._pattern(),
            lambda path: self.export(card, path),
        )

    def export(self, card: ModelCard, path: Path) -> None:
        """Write a model as one file; one that is there is overwritten."""
        self._run(
            lambda: self._library.store.export(card, path, overwrite=True),
            lambda _: self.said.emit(self.tr("Exported {name} to {path}").format(name=card.name, path=path)),
        )

    def choose_import(self) -> None:
        """Let the user choose a model that somebody exported."""
        choose_file(
            self._window,
            self._library.settings,
            self.tr("Import a model"),
            self._pattern(),
            self.import_,
        )

    def import_(self, path: Path) -> None:
        """Keep an exported model, and ask whether to rank with it."""

        def import_it() -> tuple[ModelCard, bool]:
            card = self._library.store.import_(path)
            return card, self._library.has_features_for(card)

        def imported(outcome: tuple[ModelCard, bool]) -> None:
            card, is_read_for = outcome
            self.said.emit(self._imported_text(card, is_read_for))
            self.read()
            self._offer = self._notice.ask(
                self.tr("{name} is among your models now. Rank with it?").format(name=card.name),
                self.tr("Rank with it"),
                self.tr("Not now"),
                lambda: self.use(card.version),
            )

        self._run(import_it, imported)

    # In tasks

    def _run(self, do: Callable[[], T], then: Callable[[T], object]) -> None:
        self._tasks.run(do, then, self._failed, pool=POOL)

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, PhotosimError):
            raise error
        self.failed.emit(str(error))
        self.read()  # what was checked was not used; what is gone is no longer offered

    def _in_use(self, outcome: tuple[bool, ModelCard | None], said: str = "") -> None:
        """Show what ranks, and have the photos read where that is needed; `said` tells of it in other words,
        of the model to come, {name}, and of the one that ranks until then, {now}."""
        answers, coming = outcome
        self.used.emit()
        if answers or coming is None:
            return
        said = said or self.tr(
            "The photos are read again for {name}, in the background; {now} ranks until then"
        )
        self.said.emit(said.format(name=self._name(coming), now=self._name(self._library.card)))
        self._scans.start()

    def _rename(self, card: ModelCard, name: str, number: int) -> None:
        def renamed(card: ModelCard) -> None:
            self._notice.answered(number)
            self.used.emit()
            self.said.emit(self.tr("Renamed to {name}").format(name=card.name))

        def failed(error: Exception) -> None:
            if isinstance(error, PhotosimError) and self._notice.refuse(number, _sentence(str(error))):
                self.read()
            else:
                self._failed(error)

        self._tasks.run(lambda: self._library.rename_model(card.version, name), renamed, failed, pool=POOL)

    def _delete(self, card: ModelCard) -> None:
        library = self._library

        def delete() -> tuple[bool, ModelCard | None]:
            """Whether it is gone, else the model that takes its place first."""
            if card.version == library.card.version and not library.revert_to_bundled():
                return False, library.next_card
            library.delete_model(card.version)
            return True, None

        def deleted(outcome: tuple[bool, ModelCard | None]) -> None:
            self._making_way(outcome)
            if outcome[0]:
                self.said.emit(self.tr("Deleted {name}").format(name=card.name))

        self._run(delete, deleted)

    def _make_way(self) -> None:
        """Have the photos read for photosim's own, so that the model that ranks can be deleted after that."""
        self._run(lambda: (self._library.revert_to_bundled(), self._library.next_card), self._making_way)

    def _making_way(self, outcome: tuple[bool, ModelCard | None]) -> None:
        self._in_use(
            outcome,
            self.tr(
                "{now} can be deleted once the photos are read for {name}, in the background; it ranks until "
                "then"
            ),
        )

    def _delete_faulty(self, fault: Fault) -> None:
        def deleted(_: object) -> None:
            self.used.emit()
            self.said.emit(self.tr("Deleted {folder}").format(folder=path_text(str(fault.folder))))

        self._run(lambda: self._library.delete_faulty_model(fault.folder), deleted)

    # The menu

    def _read(self, found: ModelList) -> None:
        if found != self._known or not self.menu.isVisible():
            self._known = found
            self._fill()

    def _about_to_show(self) -> None:
        self._fill()
        self.read()

    def _fill(self) -> None:
        menu, known = self.menu, self._known
        for action in menu.actions():
            if action.menu() is not None:
                action.menu().deleteLater()
        menu.clear()
        if known is None:
            menu.addAction(self.tr("Looking for models…")).setEnabled(False)
            return
        active, coming = self._library.card, self._library.next_card
        group = QActionGroup(menu)
        for card in known.cards:
            text = _escaped(model_name(card, known.newest))
            if coming is not None and card.version == coming.version:
                text = self.tr("{name}, once the photos are read").format(name=text)
            action = menu.addAction(text)
            action.setCheckable(True)
            action.setChecked(card.version == active.version)
            action.setToolTip(plain_tip(self._about(card)))
            action.triggered.connect(lambda _=False, card=card: self.use(card.version))
            group.addAction(action)
        for fault in known.faults:
            action = menu.addAction(self.tr("A model that cannot be used"))
            action.setEnabled(False)
            action.setToolTip(plain_tip(fault.reason))
            action.setStatusTip(fault.reason)
        menu.addSeparator()
        chosen = coming or active
        back = menu.addAction(self.tr("&Back to photosim’s own"), self.back_to_bundled)
        back.setEnabled(chosen.version != known.newest)
        menu.addSeparator()
        self._choice(self.tr("&Rename"), known.own, self.ask_to_rename)
        delete = self._choice(self.tr("&Delete"), known.own, self.ask_to_delete)
        for fault in known.faults:
            self._offer_faulty(delete, fault)
        self._choice(self.tr("&Export"), known.own, self.choose_export)
        menu.addAction(self.tr("&Import…"), self.choose_import)

    def _choice(self, title: str, cards: Sequence[ModelCard], do: Callable[[ModelCard], None]) -> QMenu:
        """A menu of the user's own models; what it does is done to the one chosen."""
        menu = self.menu.addMenu(title)
        menu.setEnabled(bool(cards))
        for card in cards:
            action = menu.addAction(self.tr("{name}…").format(name=_escaped(card.name)))
            action.triggered.connect(lambda _=False, card=card: do(card))
        return menu

    def _offer_faulty(self, menu: QMenu, fault: Fault) -> None:
        """What cannot be used can still be deleted."""
        text = self.tr("{folder}, which cannot be used…").format(
            folder=_escaped(path_text(fault.folder.name))
        )
        action = menu.addAction(text, lambda: self.ask_to_delete_faulty(fault))
        action.setToolTip(plain_tip(fault.reason))
        menu.setToolTipsVisible(True)
        menu.setEnabled(True)

    def _imported_text(self, card: ModelCard, is_read_for: bool) -> str:
        """That a model is there, whose network it uses, and whether photos have to be read for it."""
        tuned = card.trunk_base is not None
        if is_read_for and tuned:
            said = self.tr("Imported {name}; it has a network of its own")
        elif is_read_for:
            said = self.tr("Imported {name}; it uses the network of {lender}")
        elif tuned:
            said = self.tr("Imported {name}; it needs the photos read again: it has a network of its own")
        else:
            said = self.tr("Imported {name}; it needs the photos read again for the network of {lender}")
        return said.format(name=card.name, lender=self._name(card.lender or card))

    def _about(self, card: ModelCard) -> str:
        lines = [card.version]
        if card.parent is not None:
            lines.append(self.tr("made from {parent}").format(parent=card.parent))
        return "\n".join(lines)

    def _name(self, card: ModelCard) -> str:
        return model_name(card, card.version if self._known is None else self._known.newest)

    def _pattern(self) -> str:
        return self.tr("photosim models ({pattern})").format(pattern=f"*{SUFFIX}")


def file_name(name: str) -> str:
    """A file name for an exported model, of letters that every system takes."""
    plain = "".join(letter if letter.isalnum() or letter in " -_." else "-" for letter in name).strip(" .")
    return f"{plain or 'model'}{SUFFIX}"


def _sentence(line: str) -> str:
    """An error's line where it stands by itself."""
    return line[:1].upper() + line[1:]


def _escaped(text: str) -> str:
    """Words for a menu, where & would underline the next letter."""
    return text.replace("&", "&&")
