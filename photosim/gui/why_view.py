"""Why a result matches its query: both photos large, what makes them similar marked on them, and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from photosim.gui.overlay import Overlay
from photosim.gui.pair_canvas import QUERY, RESULT, WHOLE, PairCanvas, Points, Region
from photosim.gui.style import set_role
from photosim.gui.widgets import ElidedLabel
from photosim.search.explanation import Explanation, Split, heat

MARGIN = 22
BOTH, KIND, THING = 0, 1, 2
"""Which similarity is explained: that of the ranking, or of one part alone."""


@dataclass(frozen=True)
class Shown:
    """One photo of the pair as the view shows it. `region` is the part that the similarity is about."""

    name: str
    image: QImage
    size: QSize
    region: Region | None = None
    choosable: bool = True


def rounded_terms(total: float, terms: Sequence[float]) -> list[float]:
    """The terms of a sum in hundredths, so that they add up to the rounded total: by largest remainder."""
    exact = [100 * term for term in terms]
    rounded = [math.floor(value) for value in exact]
    missing = round(100 * total) - sum(rounded)
    by_remainder = sorted(range(len(exact)), key=lambda at: rounded[at] - exact[at])
    for at in by_remainder[: max(missing, 0)]:
        rounded[at] += 1
    return [value / 100 for value in rounded]


@dataclass
class _Side:
    explanation: Explanation | None = None
    seen: Region = WHOLE
    notes: dict[str, str] = field(default_factory=dict)
    waiting: bool = True


class WhyView(Overlay):
    """`show_pair` opens it; then come pictures, explanations, points.

    Escape closes. The keys are named in the tips of what they press.
    """

    region_chosen = Signal(int, tuple)
    """QUERY or RESULT, and (x, y, w, h) of it: to be the query."""
    points_wanted = Signal()
    """The user wants to see matching points; answer with `set_points` or `set_no_points`."""
    step = Signal(int)
    """Another result: 1 the next, -1 the one before."""
    query_step = Signal(int)
    """Another photo of a query of several."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._sides = (_Side(), _Side())
        self._similarity = 0.0
        self._weights = (1.0, 0.0)
        self._part = BOTH
        self._points: Points | None = None
        self._points_asked = False
        self._points_note = ""
        self._pointed = (-1, -1, -1)
        self.setAccessibleName(self.tr("Why it matches"))
        self._make()

    # What the window tells

    def show_pair(
        self,
        query: Shown,
        result: Shown,
        similarity: float,
        weights: tuple[float, float],
        both: bool,
        number: int = 0,
        count: int = 1,
    ) -> None:
        """Open the view on a pair, or show another one. `weights` are those of kind and thing, `both`
        whether the model has both; `number` counts from 0 within the `count` photos of the query."""
        self._sides = (_Side(), _Side())
        self._similarity, self._weights, self._both = similarity, weights, both
        self._points, self._points_asked, self._points_note = None, False, ""
        self._pointed = (-1, -1, -1)
        for side, shown in ((QUERY, query), (RESULT, result)):
            self.canvas.set_photo(side, shown.image, shown.size)
            self.canvas.set_region(side, shown.region)
            self.canvas.set_choosable(side, shown.choosable)
            self._names[side].set_full_text(shown.name)
        several = count > 1
        self._query_place.setText(self.tr("{0} of {1}").format(number + 1, count))
        for widget in (self._query_place, self._query_before, self._query_after):
            widget.setVisible(several)
        for button in self._parts.buttons():
            button.setVisible(both)
        if not both:
            self._parts.button(BOTH).setChecked(True)
        self.open_over(self.canvas)
        self._say()
        if self.canvas.shows_points:
            self._ask_for_points()

    def set_detail(self, side: int, image: QImage) -> None:
        """A sharper picture of one of the photos."""
        self.canvas.set_detail(side, image)

    def set_explanation(self, side: int, explanation: Explanation, seen: Region) -> None:
        """What makes the similarity, on the part `seen` of one of the photos."""
        self._sides[side].explanation, self._sides[side].seen = explanation, seen
        self._sides[side].waiting = False
        self._show_heat(side)

    def set_note(self, side: int, subject: str, note: str) -> None:
        """Say below a photo what is wrong with it; a later note on the same subject takes its place."""
        self._sides[side].notes[subject] = note
        self._say()

    def set_unexplained(self, side: int, note: str) -> None:
        """There will be no heat map of this photo, for a reason to be told."""
        self._sides[side].waiting = False
        self.set_note(side, "heat", note)

    def set_points(self, points: Points) -> None:
        """The places that both photos show."""
        self._points, self._points_note = points, ""
        self.canvas.set_points(points)
        self._say()

    def set_no_points(self, note: str) -> None:
        """There are no matching points, for a reason to be told."""
        self._points, self._points_note = None, note
        self.canvas.set_points(None)
        self._say()

    def wanted_side(self) -> int:
        """The long side, in pixels of the screen, beyond which a sharper picture would not be seen."""
        return round(max(self.canvas.width() / 2, self.canvas.height()) * self.devicePixelRatioF())

    # Its widgets

    def _make(self) -> None:
        self._both = False
        title = QLabel(self.tr("Why it matches"))
        set_role(title, "headline")
        self._mode = QButtonGroup(self)
        self._parts = QButtonGroup(self)
        top = QHBoxLayout()
        top.setSpacing(6)
        top.addWidget(title)
        top.addStretch(1)
        for part, name, tip in (
            (BOTH, self.tr("As ranked"), self.tr("Kind and thing weighed as the focus dial says")),
            (KIND, self.tr("Kind"), self.tr("What makes it the same kind of thing")),
            (THING, self.tr("Thing"), self.tr("What makes it the very same thing")),
        ):
            top.addWidget(self._choice(self._parts, part, name, tip))
        top.addSpacing(18)
        for mode, name, tip in (
            (0, self.tr("Regions"), self.tr("Which regions of both photos make the similarity")),
            (1, self.tr("Matching points"), self.tr("The same points of one thing, seen in both photos")),
        ):
            top.addWidget(self._choice(self._mode, mode, name, tip))
        top.addSpacing(18)
        close = QPushButton(self.tr("Close"))
        close.setToolTip(self.tr("Back to the photos (Esc)"))
        close.clicked.connect(self.close_view)
        top.addWidget(close)
        self._parts.idToggled.connect(self._part_chosen)
        self._mode.idToggled.connect(self._mode_chosen)

        self.canvas = PairCanvas()
        self.canvas.region_chosen.connect(self.region_chosen)
        self.canvas.pointed.connect(self._point)

        below = QHBoxLayout()
        below.setSpacing(28)
        self._names = (ElidedLabel(), ElidedLabel())
        self._captions = (_words("muted"), _words("muted"))
        for side, heading in ((QUERY, self.tr("Query")), (RESULT, self.tr("Result"))):
            below.addLayout(self._caption(side, heading), 1)

        self._sum = _words("title")
        self._sum.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._detail = _words("muted")
        self._detail.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, MARGIN - 6, MARGIN, MARGIN - 8)
        column.setSpacing(8)
        column.addLayout(top)
        column.addWidget(self.canvas, 1)
        column.addLayout(below)
        column.addSpacing(4)
        column.addWidget(self._sum)
        column.addWidget(self._detail)
        self._parts.button(BOTH).setChecked(True)
        self._mode.button(0).setChecked(True)

    def _choice(self, group: QButtonGroup, number: int, name: str, tip: str) -> QPushButton:
        button = QPushButton(name)
        button.setCheckable(True)
        button.setToolTip(tip)
        button.setAccessibleDescription(tip)
        group.addButton(button, number)
        return button

    def _caption(self, side: int, heading: str) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(2)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        row.addWidget(_words("muted", heading, wraps=False))
        row.addWidget(self._names[side])
        if side == QUERY:
            self._query_before = self._arrow("‹", self.tr("The photo before of the query"), -1)
            self._query_place = _words("muted", wraps=False)
            self._query_after = self._arrow("›", self.tr("The next photo of the query"), 1)
            for widget in (self._query_before, self._query_place, self._query_after):
                row.addWidget(widget)
        row.addStretch(1)
        column.addLayout(row)
        self._captions[side].setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._captions[side])
        column.addStretch(1)
        return column

    def _arrow(self, sign: str, name: str, by: int) -> QPushButton:
        button = QPushButton(sign)
        set_role(button, "link")
        button.setToolTip(name)
        button.setAccessibleName(name)
        button.clicked.connect(lambda: self.query_step.emit(by))
        return button

    # What the user does

    def _part_chosen(self, part: int, on: bool) -> None:
        if on:
            self._part = part
            for side in (QUERY, RESULT):
                self._show_heat(side)

    def _mode_chosen(self, mode: int, on: bool) -> None:
        if not on:
            return
        self.canvas.show_points(mode == 1)
        if mode == 1:
            self._ask_for_points()
        self._say()

    def _ask_for_points(self) -> None:
        if not self._points_asked:
            self._points_asked = True
            self.points_wanted.emit()

    def _point(self, side: int, row: int, column: int) -> None:
        self._pointed = (side, row, column)
        self._say()

    # Heat and words

    def _split(self, side: int) -> Split | None:
        explanation = self._sides[side].explanation
        if explanation is None:
            return None
        return explanation.total if self._part == BOTH else explanation.parts[self._part - 1]

    def _show_heat(self, side: int) -> None:
        split = self._split(side)
        self.canvas.set_heat(side, None if split is None else heat(split), self._sides[side].seen)
        self._say()

    def _say(self) -> None:
        points = self.canvas.shows_points
        for side in (QUERY, RESULT):
            lines = list(self._sides[side].notes.values())
            if not points and self._sides[side].waiting:
                lines.append(self.tr("Looking at the photo…"))
            elif not points:
                lines.insert(0, self._terms_text(side))
            self._captions[side].setText("\n".join(line for line in lines if line))
        for button in self._parts.buttons():
            button.setEnabled(not points)
        if points:
            self._sum.setText(self._points_text())
            self._detail.setText("")
            self.canvas.say(self._points_text())
            return
        self._sum.setText(self._sum_text())
        detail = self._place_text() or self._detail_text()
        self._detail.setText(detail)
        self.canvas.say(detail)

    def _points_text(self) -> str:
        if self._points is None:
            return self._points_note or self.tr("Looking for points that both photos show…")
        count = self.locale().toString(len(self._points.query))
        frame = self._points.frame()
        if frame is None:
            text = self.tr("{count} points of the query were found again in the result")
        elif frame[0] == RESULT:
            text = self.tr(
                "{count} points of the query were found again in the result; "
                "the frame shows where it lies there"
            )
        else:
            text = self.tr(
                "{count} points of the query were found again in the result; "
                "the frame shows which part of the query it is"
            )
        return text.format(count=count)

    def _sum_text(self) -> str:
        split = self._split(RESULT) or self._split(QUERY)
        figure = self._number(self._similarity if split is None or self._part == BOTH else split.similarity)
        if self._part == KIND:
            return self.tr("Similarity in kind {figure}").format(figure=figure)
        if self._part == THING:
            return self.tr("Similarity as a thing {figure}").format(figure=figure)
        return self.tr("Similarity {figure}").format(figure=figure)

    def _terms_text(self, side: int) -> str:
        """The similarity as a sum, in the terms of one of the photos."""
        split = self._split(side)
        if split is None:
            return ""
        places, whole, bias = rounded_terms(split.similarity, (split.from_places, split.whole, split.bias))
        text = self.tr("{total} = {figure} from its places").format(
            total=self._number(split.similarity), figure=self._number(places)
        )
        for value, words in (
            (whole, self.tr("{sign} {figure} from its colours and layout")),
            (bias, self.tr("{sign} {figure} from no place in particular")),
        ):
            if value:
                sign = "+" if value > 0 else "\N{MINUS SIGN}"
                text += " " + words.format(sign=sign, figure=self._number(abs(value)))
        return text

    def _number(self, value: float) -> str:
        """A number as people read it, with a true minus sign."""
        return self.locale().toString(value + 0.0, "f", 2).replace("-", "\N{MINUS SIGN}")

    def _place_text(self) -> str:
        side, row, column = self._pointed
        split = self._split(side) if side >= 0 else None
        if split is None:
            return ""
        figure = self._number(float(split.places[row, column]))
        text = self.tr("This place adds {figure} to the similarity.").format(figure=figure)
        return f"{text} {self._how_to_choose(side)}"

    def _how_to_choose(self, side: int) -> str:
        if self.canvas.is_choosable(side):
            return self.tr("Click, or press Enter, to search for what is in the frame.")
        return self.tr("A part of this photo cannot be searched for: its file cannot be reached.")

    def _detail_text(self) -> str:
        texts = []
        explanation = self._sides[RESULT].explanation or self._sides[QUERY].explanation
        if explanation is not None and self._part == BOTH:
            kind, thing = explanation.parts
            if kind is not None and thing is not None:
                texts.append(
                    self.tr("Kind {kind} counts {first} %, thing {thing} counts {second} %.").format(
                        kind=self._number(kind.similarity),
                        thing=self._number(thing.similarity),
                        first=round(100 * self._weights[0]),
                        second=round(100 * self._weights[1]),
                    )
                )
        if explanation is not None:
            texts.append(
                self.tr("The stronger the colour, the more a place adds. Click a place to search for it.")
            )
        return " ".join(texts)

    # Events

    def event(self, event: QEvent) -> bool:
        # Before the window's own shortcuts, whichever of the widgets in here has the focus.
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and _is_ours(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not _is_ours(event):
            super().keyPressEvent(event)
        elif event.key() == Qt.Key.Key_Escape:
            self.close_view()
        else:
            self.step.emit(_STEPS[Qt.Key(event.key())])


_STEPS = {Qt.Key.Key_PageDown: 1, Qt.Key.Key_PageUp: -1}


def _is_ours(event: QKeyEvent) -> bool:
    return not event.modifiers() and (event.key() in _STEPS or event.key() == Qt.Key.Key_Escape)


def _words(role: str, text: str = "", wraps: bool = True) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(wraps)
    if wraps:
        label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
    set_role(label, role)
    return label
