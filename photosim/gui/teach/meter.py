"""How far a good result is: a bar and its words, from the number of answers."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLocale
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QSizePolicy, QWidget

from photosim.catalog.answers import AnswerCounts
from photosim.gui.style import set_role
from photosim.gui.widgets import ElidedLabel
from photosim.teaching.gathering import LEAST_ANSWERS

GAP = 14
GOOD_ANSWERS = 60
"""About from here a training finds its own strength (50 answers to learn from), and a dozen judge it."""


class Meter(QWidget):
    """The part of a footer that says how many answers there are, and what they are good for."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bar = QProgressBar()
        self._bar.setRange(0, GOOD_ANSWERS)
        self._bar.setTextVisible(False)
        self._bar.setMinimumWidth(80)
        self._bar.setMaximumWidth(320)
        self._bar.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._words = ElidedLabel()
        set_role(self._words, "muted")
        self._text = self._short = self._tip = ""
        across = QHBoxLayout(self)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(GAP)
        across.addWidget(self._bar, 1)
        across.addWidget(self._words)
        across.addStretch(0)

    def show_counts(self, counts: AnswerCounts) -> None:
        self._bar.setValue(min(counts.usable, GOOD_ANSWERS))
        self._text, self._short, self._tip = (
            meter_text(counts),
            meter_text(counts, short=True),
            meter_tip(counts),
        )
        self._bar.setAccessibleName(self._text)
        self._see_room()

    @property
    def text(self) -> str:
        """The words in full; where room is scarce fewer are shown."""
        return self._text

    @property
    def filled(self) -> float:
        """How much of the bar is full, from 0 to 1."""
        return self._bar.value() / GOOD_ANSWERS

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._see_room()

    def _see_room(self) -> None:
        """Fewer words rather than words that are cut off; the tip has them all."""
        room = self.width() - self._bar.minimumWidth() - GAP
        fits = self.fontMetrics().horizontalAdvance(self._text) + 2 <= room
        text = self._text if fits else self._short
        tip = self._tip if fits else f"{self._text}\n{self._tip}".strip()
        self._words.set_full_text(text, tip)


def can_train(counts: AnswerCounts) -> bool:
    """Whether there are enough answers to train on."""
    return counts.usable >= LEAST_ANSWERS


def meter_text(counts: AnswerCounts, short: bool = False) -> str:
    """What so many answers are good for, in one line; `short` where there is little room."""
    answers = answers_text(counts.usable)
    answers = answers[0].upper() + answers[1:]
    if counts.usable < LEAST_ANSWERS:
        missing = LEAST_ANSWERS - counts.usable
        parts = [
            answers,
            (_tr("{count} more to train") if short else _tr("{count} more and training can begin")).format(
                count=missing
            )
            if counts.usable
            else _tr("training can begin at {count}").format(count=missing),
        ]
    elif counts.usable < GOOD_ANSWERS:
        parts = [
            answers,
            (_tr("better from {count}") if short else _tr("enough to train, better from {count}")).format(
                count=GOOD_ANSWERS
            ),
        ]
    else:
        parts = [answers, _tr("a good number") if short else _tr("a good number; more still help")]
    if counts.contradicting:
        contradicting = _tr("{count} contradict") if short else _tr("{count} contradict each other")
        parts.append(contradicting.format(count=_number(counts.contradicting)))
    return " · ".join(parts)


def meter_tip(counts: AnswerCounts) -> str:
    """What is behind the line: which answers are kept back, contradict, or are of no use."""
    lines = []
    if counts.kept_back:
        lines.append(
            _tr("{count} of them are kept back from training, to check its result").format(
                count=_number(counts.kept_back)
            )
        )
    if counts.contradicting:
        lines.append(
            _tr("{count} say the opposite of one another: both count, and learning is harder").format(
                count=_number(counts.contradicting)
            )
        )
    if counts.neither:
        lines.append(
            _tr("{count} “neither” besides: not asked again, not trained on").format(
                count=_number(counts.neither)
            )
        )
    if counts.gone:
        lines.append(
            _tr("{count} about photos that are no longer in the library: kept, not used").format(
                count=_number(counts.gone)
            )
        )
    return "\n".join(lines)


def answers_text(count: int) -> str:
    """No answers yet, 1 answer, 34 answers."""
    if count == 0:
        return _tr("no answers yet")
    return _tr("1 answer") if count == 1 else _tr("{count} answers").format(count=_number(count))


def _number(count: int) -> str:
    return QLocale().toString(count)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Teach", text)
