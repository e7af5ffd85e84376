"""The page of what came of a training: its figure, rankings before and after, and keep it or drop it."""

from __future__ import annotations

import html
from collections.abc import Collection

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QFont, QTextDocumentFragment
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from photosim.errors import ModelError
from photosim.gui.style import set_role, theme
from photosim.gui.teach.page import MARGIN, TeachPage
from photosim.gui.teach.ranking_card import CardPictures, Fetch, RankingCard, request
from photosim.model.store import checked_name
from photosim.teaching.comparison import Comparison
from photosim.teaching.judging import Judgement, Verdict

WORDS_WIDTH = 250
STILL = 0.8
"""From this share on, the ten nearest of other photos are said to stay."""
FEW_LOOKS = 2
"""From so many earlier looks at the kept-back answers on, their figure is said to be a little too good."""
_REQUEST_MS = 60


class ComparePage(TeachPage):
    """`use` once, with where thumbnails come from; `show_comparison` when there is one."""

    keep_requested = Signal(str)
    """The name of the model to be."""
    drop_requested = Signal()
    answer_more_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._comparison: Comparison | None = None
        self._taken: frozenset[str] = frozenset()
        self._looks = self._unseen = 0
        self._problem_text = ""
        self._keeping = False
        self._pictures: CardPictures | None = None
        self.cards: list[RankingCard] = []
        self._asking = QTimer(self)
        self._asking.setSingleShot(True)
        self._asking.setInterval(_REQUEST_MS)
        self._asking.timeout.connect(self._ask)
        self._make_content()
        self._make_footer()

    def use(self, fetch: Fetch) -> None:
        """Where thumbnails come from: a photo's JPEG by its id, or None; called in threads."""
        self._pictures = CardPictures(fetch, self)

    def close_pictures(self) -> None:
        """Stop loading thumbnails, for good."""
        self._asking.stop()
        if self._pictures is not None:
            self._pictures.close()
            self._pictures = None

    @property
    def busy(self) -> bool:
        """Whether a thumbnail is on its way."""
        return self._asking.isActive() or (self._pictures is not None and self._pictures.busy)

    # What the control tells

    def show_comparison(
        self,
        comparison: Comparison,
        name: str,
        taken: Collection[str] = (),
        looks: int = 0,
        unseen: int = 0,
    ) -> None:
        """Show what came of a training. `name` is one to keep it under, `taken` those it may not have.

        `looks` trainings were judged by the kept-back answers before, and `unseen` answers are about photos
        that the trunk could not learn from.
        """
        self._looks, self._unseen = looks, unseen
        self._comparison = comparison
        self._taken = frozenset(_folded(one) for one in taken)
        self._keeping = False
        self._show_cards(comparison)
        self.name.setText(name)
        self._say()
        self._see_name()
        self._scroll.verticalScrollBar().setValue(0)
        improved = comparison.judgement.improved
        set_role(self.keep_button, "primary" if improved else "")
        set_role(self.more_button, "" if improved else "primary")

    def show_keeping(self) -> None:
        """The model is being written and the library ranked by it: nothing else can be asked for."""
        self._keeping = True
        self._see_name()
        self._say_problem(self.tr("Keeping it, and ranking the library by it…"), wrong=False)

    def show_failure(self, text: str) -> None:
        """It could not be kept; it is still there to be kept, when the reason has gone."""
        self._keeping = False
        self._see_name()
        self._say_problem(text, wrong=True)
        if self.isVisible():
            self.keep_button.setFocus()

    def clear(self) -> None:
        """Let go of what was shown."""
        self._comparison = None
        self._drop_cards()

    def first_focus(self) -> QWidget:
        improved = self._comparison is not None and self._comparison.judgement.improved
        return self.keep_button if improved else self.more_button

    @property
    def words(self) -> str:
        """What the page says beside the rankings, a line for each thought."""
        shown = (
            QTextDocumentFragment.fromHtml(label.text()) for label in self._words if not label.isHidden()
        )
        return "\n".join(text.toPlainText().replace("\N{NO-BREAK SPACE}", " ") for text in shown)

    @property
    def problem(self) -> str:
        """What stands beside the name."""
        return self._problem_text

    # Its widgets

    def _make_content(self) -> None:
        self._figure, self._sentence, self._warning = QLabel(), QLabel(), QLabel()
        self._range, self._tries, self._others, self._legend = QLabel(), QLabel(), QLabel(), QLabel()
        muted = (self._range, self._tries, self._others, self._legend)
        self._words = (self._figure, self._sentence, self._warning, *muted)
        large = QFont(self.font())
        large.setPointSizeF(large.pointSizeF() * 3.1)
        large.setBold(True)
        self._figure.setFont(large)
        words = QWidget()
        words.setFixedWidth(WORDS_WIDTH)
        column = QVBoxLayout(words)
        column.setContentsMargins(8, 0, 0, 0)
        column.setSpacing(12)
        for label in self._words:
            label.setTextFormat(Qt.TextFormat.RichText)
            label.setWordWrap(label is not self._figure)
            column.addWidget(label)
        column.addStretch(1)
        for label in muted:
            set_role(label, "muted")
        self._range.setToolTip(self.tr("The 95 % score interval of Wilson"))
        self._rankings = QVBoxLayout()
        self._rankings.setSpacing(13)
        self._rankings.addStretch(1)
        inside = QWidget()
        across = QHBoxLayout(inside)
        across.setContentsMargins(MARGIN, MARGIN, MARGIN + 8, MARGIN)
        across.setSpacing(28)
        across.addWidget(words)
        across.addLayout(self._rankings, 1)
        self._scroll = QScrollArea()
        self._scroll.setWidget(inside)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.viewport().installEventFilter(self)
        self.content.setContentsMargins(0, 0, 0, 0)
        self.content.addWidget(self._scroll)

    def _make_footer(self) -> None:
        label = QLabel(self.tr("Name"))
        set_role(label, "muted")
        self.name = QLineEdit()
        self.name.setFixedWidth(210)
        self.name.setMaxLength(200)
        self.name.setAccessibleName(self.tr("Name of the new model"))
        label.setBuddy(self.name)
        self.name.textEdited.connect(self._see_name)
        self.name.returnPressed.connect(self._keep)
        self._problem = QLabel()
        self._problem.setWordWrap(True)
        self._problem.setTextFormat(Qt.TextFormat.RichText)
        self.more_button = QPushButton(self.tr("Answer more"))
        self.more_button.setToolTip(self.tr("Let this one go, and answer more questions for a better one"))
        self.more_button.clicked.connect(self.answer_more_requested)
        self.drop_button = QPushButton(self.tr("Drop it"))
        self.drop_button.setToolTip(self.tr("Everything stays as it was; every answer is kept"))
        self.drop_button.clicked.connect(self.drop_requested)
        self.keep_button = QPushButton(self.tr("Keep and use"))
        self.keep_button.setToolTip(
            self.tr("Rank the whole library by it; the model before stays in the list of models")
        )
        self.keep_button.clicked.connect(self._keep)
        self.footer.addWidget(label)
        self.footer.addWidget(self.name)
        self.footer.addWidget(self._problem, 1)
        for button in (self.more_button, self.drop_button, self.keep_button):
            self.footer.addWidget(button)

    # The name

    def _see_name(self) -> None:
        problem = self._name_problem(self.name.text())
        self._say_problem(problem, wrong=True)
        self.name.setEnabled(not self._keeping)
        self.more_button.setEnabled(not self._keeping)
        self.drop_button.setEnabled(not self._keeping)
        self.keep_button.setEnabled(not problem and not self._keeping)

    def _name_problem(self, text: str) -> str:
        if not text.strip():
            return self.tr("Give it a name")
        if _folded(text) in self._taken:
            return self.tr("There is a model of this name already")
        try:
            checked_name(text)
        except ModelError as error:
            return str(error)
        return ""

    def _keep(self) -> None:
        if self.keep_button.isEnabled():
            self.keep_requested.emit(checked_name(self.name.text()))

    def _say_problem(self, text: str, wrong: bool) -> None:
        self._problem_text = text
        self._problem.setText(_coloured(text, "less" if wrong else "muted") if text else "")
        self._problem.setAccessibleName(text)
        self.name.setAccessibleDescription(text)

    # Words

    def _say(self) -> None:
        if self._comparison is None:
            return
        judgement = self._comparison.judgement
        color = "good" if judgement.verdict is Verdict.BETTER else "text"
        self._figure.setText(_coloured(self._of(judgement.right_after, judgement.kept_back), color))
        self._figure.setVisible(judgement.kept_back > 0)
        self._sentence.setText(_spaced(self._sentence_text(judgement)))
        warning = self._warning_text(judgement)
        color = "muted" if judgement.verdict is Verdict.PERHAPS else "less"
        self._warning.setText(_spaced(_coloured(warning, color)))
        self._warning.setVisible(bool(warning))
        bounds = self.tr("With this many answers the true share most likely lies between {low} and {high}.")
        self._range.setText(
            _spaced(bounds.format(low=self._percent(judgement.low), high=self._percent(judgement.high)))
        )
        self._range.setVisible(judgement.kept_back > 0)
        tries = self.tr(
            "The same answers have judged {count} earlier trainings. A figure that is the best of several "
            "tries is a little too good."
        )
        self._tries.setText(_spaced(tries.format(count=self.locale().toString(self._looks))))
        self._tries.setVisible(judgement.kept_back > 0 and self._looks >= FEW_LOOKS)
        unchanged = self._comparison.unchanged
        self._others.setVisible(unchanged is not None)
        if unchanged is not None:
            self._others.setText(_spaced(self._others_text(unchanged)))
        legend = []
        if any(card.pair.risen for card in self.cards):
            legend.append(self.tr("Framed in green are photos that came nearer to the top."))
        if self._comparison.answered_alone:
            legend.append(
                self.tr(
                    "Only photos of your answers are ranked here: once you keep it, the others are seen anew "
                    "in the background."
                )
            )
        if self._unseen:
            legend.append(self._unseen_text(self._unseen))
        self._legend.setVisible(bool(legend))
        self._legend.setText("".join(_spaced(line) for line in legend))

    def _sentence_text(self, judgement: Judgement) -> str:
        if not judgement.kept_back:
            return self.tr("No answer was kept back for checking, so there is no figure to go by.")
        if judgement.kept_back == 1:
            text = self.tr("answer kept back for checking is now ranked your way; {before} before.")
        else:
            text = self.tr("of the answers kept back for checking are now ranked your way; {before} before.")
        return text.format(before=f"<b>{self._of(judgement.right_before, judgement.kept_back)}</b>")

    def _warning_text(self, judgement: Judgement) -> str:
        """What speaks against keeping it, or for more answers; "" where nothing does."""
        if judgement.verdict is Verdict.WORSE:
            return self.tr("That is fewer than before: better not keep it. Answer more, and train again.")
        if judgement.few:
            return self.tr(
                "So few answers say little. Go by the rankings beside this, or answer more to be surer."
            )
        if judgement.verdict is Verdict.SAME:
            return self.tr(
                "That is no more than before: nothing was gained. Answer more, so that it can tell what "
                "you mean."
            )
        if judgement.verdict is Verdict.PERHAPS:
            return self.tr("It is more than before, but that could still be chance: more answers would tell.")
        return ""

    def _others_text(self, unchanged: float) -> str:
        """What becomes of photos that no answer touched, of whose ten nearest so large a share stays."""
        stay = round(10 * unchanged)
        if stay == 10:
            return self.tr(
                "The rest of your library stays as it was: of the ten photos nearest to another one, all "
                "stay."
            )
        if unchanged >= STILL:
            text = self.tr(
                "The rest of your library stays nearly as it was: of the ten photos nearest to another one, "
                "about {count} stay."
            )
        else:
            text = self.tr(
                "The rest of your library changes too: of the ten photos nearest to another one, about "
                "{count} stay."
            )
        return text.format(count=self.locale().toString(stay))

    def _unseen_text(self, count: int) -> str:
        if count == 1:
            return self.tr(
                "One answer was left out when it learned how photos are seen: there is no small picture of "
                "its photos."
            )
        return self.tr(
            "{count} answers were left out when it learned how photos are seen: there are no small pictures "
            "of their photos."
        ).format(count=self.locale().toString(count))

    def _of(self, right: int, count: int) -> str:
        locale = self.locale()
        return self.tr("{right} of {count}").format(
            right=locale.toString(right), count=locale.toString(count)
        )

    def _percent(self, share: float) -> str:
        return f"{self.locale().toString(round(100 * share))}\N{NO-BREAK SPACE}%"

    # Rankings

    def _show_cards(self, comparison: Comparison) -> None:
        self._drop_cards()
        if self._pictures is not None:
            self.cards = [RankingCard(pair, self._pictures) for pair in comparison.pairs]
        for place, card in enumerate(self.cards):
            self._rankings.insertWidget(place, card)
            card.installEventFilter(self)
        self._asking.start()

    def _drop_cards(self) -> None:
        for card in self.cards:
            card.removeEventFilter(self)
            self._rankings.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = []

    def _ask(self) -> None:
        if self._pictures is not None:
            request(self.cards, self._pictures)

    # Events

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(watched, RankingCard):
            if event.type() == QEvent.Type.FocusIn:
                self._scroll.ensureWidgetVisible(watched)
            elif event.type() == QEvent.Type.Resize:
                self._asking.start()
        return super().eventFilter(watched, event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        # The colours stand in the words.
        if event.type() == QEvent.Type.PaletteChange and self._comparison is not None:
            self._say()
            self._say_problem(self._problem_text, wrong=not self._keeping)


def _coloured(text: str, color: str) -> str:
    return f'<span style="color: {getattr(theme(), color)}">{html.escape(text)}</span>'


def _spaced(text: str) -> str:
    return f'<div style="line-height: 125%">{text}</div>'


def _folded(name: str) -> str:
    """As the store of models compares names."""
    try:
        return checked_name(name).casefold()
    except ModelError:
        return name
