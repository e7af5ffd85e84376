"""Which models there are: those that came with the program, and the user's own."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

from photosim.errors import ModelError
from photosim.model.card import CARD, ModelCard, load_card

OWN, EARLIER = "photosim's own", "photosim's earlier one"
"""What people call the newest bundled model, and those before it: no other model's names."""

_APOSTROPHES = str.maketrans(dict.fromkeys("’‘‛ʼ′`´＇", "'"))
_RESERVED = re.compile(rf"(?:{OWN}|{EARLIER})(?: ?\(.*\))?")


@dataclass(frozen=True)
class Fault:
    """A model of the user's own that cannot be used: its folder, and why, in one line."""

    folder: Path
    reason: str

    def __str__(self) -> str:
        return self.reason


class Registry:
    """The models below two folders, each in a folder of its own. Looks at the disk at every call."""

    def __init__(self, bundled: Path, own: Path) -> None:
        self._bundled = bundled
        self._own = own

    def cards(self) -> list[ModelCard]:
        """Every usable model, bundled ones first; a damaged one of the user's is left out: see `faults`.

        Raises ModelError where a bundled one is damaged.
        """
        return _with_lenders(self._bundled_cards() + self._own_cards()[0])

    def faults(self) -> list[Fault]:
        """The user's own models that cannot be used, and why."""
        return self._own_cards()[1]

    def get(self, version_or_name: str) -> ModelCard:
        """The model of this version, else of this name, capitals or not; `OWN` is the newest bundled one.

        Raises ModelError where there is none.
        """
        cards = self.cards()
        for card in cards:
            if card.version == version_or_name:
                return card
        if _plain(version_or_name) == OWN:
            return self.default()
        for same in (str, str.casefold):
            for card in cards:
                if same(card.name) == same(version_or_name):
                    return card
        known = ", ".join(
            card.name if card.name == card.version else f"{card.name} ({card.version})" for card in cards
        )
        raise ModelError(f"there is no model {version_or_name!r}; there are: {known}")

    def with_lender(self, card: ModelCard) -> ModelCard:
        """The same model; one without a trunk of its own gets that of an installed one, if there is one."""
        return _lent(card, self.cards())

    def default(self) -> ModelCard:
        """The newest bundled model."""
        return _with_lenders(self._bundled_cards())[-1]

    def _bundled_cards(self) -> list[ModelCard]:
        cards = [load_card(folder, bundled=True) for folder in _model_folders(self._bundled)]
        if not cards:
            raise ModelError(f"no model in {self._bundled}: install photosim again")
        return sorted(cards, key=lambda card: _natural(card.version))

    def _own_cards(self) -> tuple[list[ModelCard], list[Fault]]:
        cards: list[ModelCard] = []
        faults: list[Fault] = []
        for folder in _model_folders(self._own):
            try:
                cards.append(load_card(folder))
            except ModelError as error:
                faults.append(Fault(folder, str(error)))
        return cards, faults


def is_reserved(name: str) -> bool:
    """Whether a name means photosim's own models, or looks as if it did."""
    return _RESERVED.fullmatch(_plain(name)) is not None


def called(card: ModelCard, newest: str) -> str:
    """What a model is called in a line for people; `newest` is the version of the newest bundled one."""
    if not card.bundled:
        return card.name
    return f"{OWN if card.version == newest else EARLIER} ({card.version})"


def _plain(name: str) -> str:
    """The letters alone: whichever apostrophe, however wide, capitals or not."""
    return " ".join(unicodedata.normalize("NFKC", name.translate(_APOSTROPHES)).casefold().split())


def _with_lenders(cards: list[ModelCard]) -> list[ModelCard]:
    """The same models; each without a trunk of its own gets one of another that has it, if there is one."""
    return [_lent(card, cards) for card in cards]


def _lent(card: ModelCard, cards: list[ModelCard]) -> ModelCard:
    if card.has_trunk:
        return card
    return replace(card, lender=next((lender for lender in cards if lender.can_lend_to(card)), None))


def _model_folders(folder: Path) -> list[Path]:
    # A name with a dot before it is a model on its way in or out: see photosim.model.store.
    found = (card.parent for card in folder.glob(f"*/{CARD}"))
    return sorted(path for path in found if not path.name.startswith("."))


def _natural(version: str) -> list[tuple[int, str]]:
    """Sorts v10 behind v9."""
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in re.split(r"(\d+)", version)]
