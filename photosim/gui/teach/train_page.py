"""The page of a training: what goes on in a sentence, how it goes in two plots, the time left, cancel."""

from __future__ import annotations

import math

from PySide6.QtCore import QLocale, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from photosim.gui.grid_header import NoticeBar
from photosim.gui.style import set_role
from photosim.gui.teach.page import TeachPage
from photosim.gui.teach.plot import LivePlot
from photosim.teaching.lesson import TuningProgress

READING, CHOOSING, TRAINING = "reading", "choosing", "training"
WIDEST = 940


class TrainPage(TeachPage):
    """`begin`, then `show_progress` as it comes, then `show_comparing`, or `show_failure` with the way on."""

    cancel_requested = Signal()
    back_requested = Signal()
    """Back to the answers, after a failure."""
    stop_requested = Signal()
    """Leave the view and end a training that was to be left; it was asked for."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._answers = 0
        self._trunk = False
        self._last: TuningProgress | None = None
        self._passed = 0.0  # seconds of phases whose clocks have begun anew
        self._told = 0
        self._estimated = False
        self._headline = QLabel()
        set_role(self._headline, "headline")
        self._sentence = QLabel()
        set_role(self._sentence, "muted")
        for label in (self._headline, self._sentence):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("How far the training is"))
        self._left = QLabel()
        set_role(self._left, "muted")
        self.accuracy = LivePlot(
            self.tr("of the answers left out of each try are ranked your way"),
            percent,
            share=True,
        )
        self.loss = LivePlot(self.tr("loss: how far the ranking is from your answers"), figure)
        self._going = QWidget()
        self._content()
        self.cancel_button = QPushButton(self.tr("Cancel"))
        self.cancel_button.setToolTip(self.tr("End the training and leave no trace; every answer is kept"))
        self.cancel_button.clicked.connect(self._cancel)
        self.back_button = QPushButton(self.tr("Back to the answers"))
        set_role(self.back_button, "primary")
        self.back_button.clicked.connect(self.back_requested)
        self.footer.addStretch(1)
        self.footer.addWidget(self.cancel_button)
        self.footer.addWidget(self.back_button)
        self.begin(0, False)

    def _content(self) -> None:
        self.question = NoticeBar()
        self.question.reject_button.clicked.connect(self._go_on)
        self.content.addWidget(self.question)
        # Empty axes would look as if something had stopped: they come with the first figure, in their room.
        self._plots = QWidget()
        policy = self._plots.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._plots.setSizePolicy(policy)
        plots = QHBoxLayout(self._plots)
        plots.setContentsMargins(0, 0, 0, 0)
        plots.setSpacing(36)
        plots.addWidget(self.accuracy, 1)
        plots.addWidget(self.loss, 1)
        inner = QVBoxLayout(self._going)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(8)
        inner.addWidget(self._bar)
        inner.addWidget(self._left)
        inner.addSpacing(24)
        inner.addWidget(self._plots, 1)
        self._going.setMaximumHeight(380)
        middle = QWidget()
        middle.setMaximumWidth(WIDEST)
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addStretch(1)
        column.addWidget(self._headline)
        column.addWidget(self._sentence)
        column.addSpacing(16)
        column.addWidget(self._going, 4)
        column.addStretch(2)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(middle, 100)
        across.addStretch(1)
        self.content.addLayout(across, 1)

    # What the control tells

    def begin(self, answers: int, trunk: bool) -> None:
        """A training begins on so many answers, 0 for not known yet; of the trunk as well, or not."""
        self._answers, self._trunk = answers, trunk
        self._last, self._passed, self._told = None, 0.0, 0
        self._estimated = False
        self.accuracy.clear()
        self.accuracy.show()
        self.loss.clear()
        self._plots.hide()
        self._bar.setRange(0, 0)
        self._left.setText("")
        self._show(going=True)
        self._headline.setText(self.tr("Getting your answers ready…"))
        self._sentence.setText(self.tr("Nothing leaves this computer, and your photos stay as they are."))

    def set_answers(self, answers: int) -> None:
        """How many answers are learned from, known a little later than that it has begun."""
        self._answers = answers

    def show_preparing(self, done: int, count: int) -> None:
        """Before it begins, so many of `count` thumbnails have been made anew."""
        self._set_words(
            self.tr("Getting your answers ready…"),
            self.tr("Small pictures of your photos have gone, and are made anew: {done} of {count}.").format(
                done=self.locale().toString(done), count=self.locale().toString(count)
            ),
        )
        self._bar.setRange(0, count)
        self._bar.setValue(done)

    def show_progress(self, progress: TuningProgress) -> None:
        last, self._last = self._last, progress
        if last is not None and progress.seconds < last.seconds:
            self._passed += last.seconds
        self._told += 1
        again = last is not None and progress.phase != CHOOSING and progress.step < last.step
        if last is not None and (progress.phase != last.phase or again):
            self.accuracy.divide(self._told - 0.5)
            # The loss under other settings is no measure of what is learned now.
            self.loss.clear()
        elif progress.phase == CHOOSING:
            # Each is another try, not the same one some steps on.
            self.accuracy.break_line()
            self.loss.break_line()
        self.loss.add(self._told, progress.loss)
        if progress.accuracy is not None:
            self.accuracy.add(self._told, progress.accuracy)
        self._plots.setVisible(len(self.loss.curve) > 0)
        # Of few answers none are left out for a try.
        self.accuracy.setVisible(progress.phase != TRAINING or len(self.accuracy.curve) > 0)
        self._say_phase(progress.phase)
        self._show_time(progress)

    def show_comparing(self) -> None:
        """The training has ended well; what came of it is being looked at."""
        self._bar.setRange(0, 1)
        self._bar.setValue(1)
        self._left.setText("")
        self._headline.setText(self.tr("Trying what was learned…"))
        self._sentence.setText(
            self.tr("The answers kept back, which it has not learned from, are looked at now.")
        )

    def show_failure(self, text: str) -> None:
        """No model came of it, for a reason to be told in one line."""
        self._show(going=False)
        self._headline.setText(self.tr("No model came of it"))
        self._sentence.setText(text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else "."))
        if self.isVisible():
            self.back_button.setFocus()

    def first_focus(self) -> QWidget:
        return self.back_button if self.failed else self.cancel_button

    def may_leave(self) -> bool:
        """A training of the trunk, which may have taken an hour, is not ended unasked."""
        if not self._trunk or self.failed:
            return True
        if not self.question.isHidden():  # asked already, and Escape is no yes
            self.question.dismiss()
            self._go_on()
            return False
        self.question.ask(
            self.tr("The training is still running. Leaving ends it, and what it has learned is lost."),
            self.tr("Stop training"),
            self.tr("Go on"),
            self.stop_requested.emit,
        )
        self.question.reject_button.setFocus()  # what a key pressed once too often does no harm with
        return False

    @property
    def failed(self) -> bool:
        """Whether the page tells of a failure."""
        return self._going.isHidden()

    @property
    def words(self) -> tuple[str, str, str]:
        """What the page says: headline, sentence, time left."""
        return self._headline.text(), self._sentence.text(), self._left.text()

    # Helpers

    def _go_on(self) -> None:
        self.cancel_button.setFocus()

    def _cancel(self) -> None:
        self.cancel_button.setEnabled(False)  # seen at once, whatever it takes
        self.cancel_requested.emit()

    def _show(self, going: bool) -> None:
        self.question.dismiss()
        self._going.setVisible(going)
        self.cancel_button.setVisible(going)
        self.cancel_button.setEnabled(True)
        self.back_button.setVisible(not going)
        set_role(self._sentence, "muted" if going else "")

    def _say_phase(self, phase: str) -> None:
        if phase == READING:
            self._set_words(
                self.tr("Looking closely at the photos of your answers…"),
                self.tr("How photos are seen is learned too, which takes longer."),
            )
            return
        if phase == CHOOSING:
            self._set_words(
                self.tr("Finding how strongly to learn…"),
                self.tr(
                    "Each try learns from some of your answers, and is tested with the others in their turn."
                ),
            )
            return
        headline = self.tr("Learning from your answers…")
        if self._answers:
            headline = self.tr("Learning from {count} answers…").format(
                count=self.locale().toString(self._answers)
            )
        sentence = self.tr("The answers kept back for the comparison are not among them.")
        if self._trunk:
            sentence = self.tr("How photos are seen is learned too, which takes longer. ") + sentence
        self._set_words(headline, sentence)

    def _set_words(self, headline: str, sentence: str) -> None:
        if self._headline.text() != headline:
            self._headline.setText(headline)
        if self._sentence.text() != sentence:
            self._sentence.setText(sentence)

    def _show_time(self, progress: TuningProgress) -> None:
        left = progress.seconds_left
        if left is None or not math.isfinite(left):
            if self._estimated:  # what comes after what could be estimated is short
                self._left.setText(self.tr("almost done"))
                return
            self._bar.setRange(0, max(progress.steps, 1))
            self._bar.setValue(progress.step)
            self._left.setText("")
            return
        if not self._estimated:
            self._estimated = True
            self._bar.setRange(0, 1000)
            self._bar.setValue(0)
        done = self._passed + progress.seconds
        # Never back: an estimate that grows is told by the words beside it.
        share = round(1000 * done / max(done + left, 1e-9))
        self._bar.setValue(max(share, self._bar.value()))
        self._left.setText(time_left(left, self))


def time_left(seconds: float, widget: QWidget) -> str:
    """About 12 s left, about 3 min left: no more exact than an estimate is."""
    if seconds < 2:
        return widget.tr("almost done")
    if seconds < 55:
        rounded = math.ceil(seconds) if seconds < 10 else 5 * math.ceil(seconds / 5)
        return widget.tr("about {count} s left").format(count=rounded)
    if seconds < 5400:
        return widget.tr("about {count} min left").format(count=max(1, round(seconds / 60)))
    hours = widget.locale().toString(seconds / 3600, "f", 1)
    return widget.tr("about {count} h left").format(count=hours)


def percent(share: float) -> str:
    return f"{QLocale().toString(round(100 * share))} %"


def figure(value: float) -> str:
    if value >= 0.01:
        return QLocale().toString(value, "g", 2)
    return QLocale().toString(value, "f", 3) if value else QLocale().toString(0)
