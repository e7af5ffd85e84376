"""The bar at the top: back and forward, the query, the focus dial, the similarity cut, the photo size."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QVBoxLayout, QWidget

from photosim.gui.grid import DEFAULT_PHOTO_SIZE, PHOTO_SIZES
from photosim.gui.query_strip import QueryStrip
from photosim.gui.style import set_role

HEIGHT = 75
FOCUS_STEPS = 20
CUT_STEPS = 100
"""Steps of the similarity slider to one whole: it cuts at hundredths, as the figures are shown."""


class QueryBar(QWidget):
    """Controls that only tell: the window decides. `strip`, `back` and `forward` are used directly."""

    focus_changed = Signal(float)
    """From 0 (same kind) to 1 (same thing)."""
    cut_changed = Signal(object)
    """float: the least similarity to be shown; None: all."""
    photo_size_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "topbar")
        self.setAccessibleName(self.tr("Query and view"))
        self.setFixedHeight(HEIGHT)
        self.back = self._arrow("◀", self.tr("Back"), QKeySequence(Qt.Modifier.ALT | Qt.Key.Key_Left))
        self.forward = self._arrow("▶", self.tr("Forward"), QKeySequence(Qt.Modifier.ALT | Qt.Key.Key_Right))
        self.strip = QueryStrip()
        self.dial = _slider(0, FOCUS_STEPS, 1)
        self.dial.setAccessibleName(self.tr("Focus, from same kind to same thing"))
        self.dial.valueChanged.connect(lambda value: self.focus_changed.emit(value / FOCUS_STEPS))
        self.cut = _slider(0, CUT_STEPS, 1)
        self.cut.setAccessibleName(self.tr("Least similarity shown"))
        self.cut.valueChanged.connect(lambda _: self._cut_moved())
        self.size_slider = _slider(PHOTO_SIZES.start, PHOTO_SIZES.stop - 1, 10)
        self.size_slider.setAccessibleName(self.tr("Photo size"))
        self.size_slider.setToolTip(self.tr("Size of the photos (Ctrl++ and Ctrl+−)"))
        self.size_slider.setValue(DEFAULT_PHOTO_SIZE)
        self.size_slider.valueChanged.connect(self.photo_size_changed)
        self.menu_button = QToolButton()
        self.menu_button.setText("☰")
        self.menu_button.setAccessibleName(self.tr("Menu"))
        self.menu_button.setToolTip(self.tr("Menu (F10)"))
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._cut_text = QLabel()
        set_role(self._cut_text, "small")
        self._similarities: npt.NDArray[np.float32] | None = None

        across = QHBoxLayout(self)
        across.setContentsMargins(14, 10, 14, 10)
        across.setSpacing(14)
        across.addWidget(self.back)
        across.addWidget(self.forward)
        across.addWidget(self.strip, 1)
        across.addWidget(self._dial_group())
        across.addWidget(_group([self._cut_text], self.cut, 180))
        across.addWidget(_group([_small(self.tr("photo size"))], self.size_slider, 150))
        across.addWidget(self.menu_button)
        self.set_ranking(None)

    # What the window tells

    def set_focus_dial(self, focus: float, why_not: str = "") -> None:
        """Show a focus; `why_not` disables the dial and says why it does nothing."""
        with QSignalBlocker(self.dial):
            self.dial.setValue(round(focus * FOCUS_STEPS))
        self.dial.setEnabled(not why_not)
        text = why_not or self.tr("What similar means: the same kind of thing, or the very same thing")
        self._dial_box.setToolTip(text)
        self.dial.setToolTip(text)
        self.dial.setAccessibleDescription(text)

    def set_photo_size(self, pixels: int) -> None:
        self.size_slider.setValue(pixels)

    def set_ranking(self, similarities: npt.NDArray[np.float32] | None, cut: float | None = None) -> None:
        """What the similarity slider cuts: descending figures, float32 [N]; None: nothing is ranked."""
        self._similarities = similarities
        with QSignalBlocker(self.cut):
            if similarities is not None and len(similarities):
                lowest = math.floor(float(similarities[-1]) * CUT_STEPS)
                highest = round(float(similarities[0]) * CUT_STEPS)
                wanted = lowest if cut is None else round(cut * CUT_STEPS)
                # A cut that nothing comes up to stays what the user chose, and says so.
                self.cut.setRange(lowest, max(lowest + 1, highest, wanted))
                self.cut.setValue(wanted)
            self.cut.setEnabled(similarities is not None and len(similarities) > 0)
        self._say_cut()

    @property
    def cut_value(self) -> float | None:
        if self._similarities is None or not len(self._similarities):
            return None
        return None if self.cut.value() == self.cut.minimum() else self.cut.value() / CUT_STEPS

    def remaining(self) -> int:
        """How many photos of the ranking the slider leaves."""
        if self._similarities is None:
            return 0
        return count_from(self._similarities, self.cut_value)

    def _cut_moved(self) -> None:
        self._say_cut()
        self.cut_changed.emit(self.cut_value)

    def _say_cut(self) -> None:
        if self._similarities is None:
            text = self.tr("similarity")
            tip = self.tr("Cuts the list of similar photos, once there is a query")
        else:
            left = self.remaining()
            photos = (
                self.tr("1 photo")
                if left == 1
                else self.tr("{count} photos").format(count=self.locale().toString(left))
            )
            tip = self.tr("Photos less similar than this are not shown")
            if not len(self._similarities):
                text = photos
            elif self.cut_value is None:
                text = self.tr("all · {photos}").format(photos=photos)
            else:
                text = self.tr("from {least} · {photos}").format(least=f"{self.cut_value:.2f}", photos=photos)
        self._cut_text.setText(text)
        self.cut.setToolTip(tip)
        self.cut.setAccessibleDescription(text)

    # Parts

    def _arrow(self, text: str, name: str, key: QKeySequence) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setAccessibleName(name)
        keys = key.toString(QKeySequence.SequenceFormat.NativeText)
        button.setToolTip(self.tr("{name} ({keys})").format(name=name, keys=keys))
        button.setEnabled(False)
        return button

    def _dial_group(self) -> QWidget:
        self._dial_box = _group([_small(self.tr("same kind")), _small(self.tr("same thing"))], self.dial, 200)
        return self._dial_box


def count_from(similarities: npt.NDArray[np.float32], cut: float | None) -> int:
    """How many of descending figures are shown from a cut on: those that read at least as much.

    Figures are shown rounded to hundredths, so 0.516 counts as 0.52.
    """
    if cut is None:
        return len(similarities)
    return int(np.searchsorted(-similarities, -least_shown(cut), side="right"))


def least_shown(cut: float) -> float:
    """The least figure that reads as `cut`."""
    return cut - 0.5 / CUT_STEPS


def _small(text: str) -> QLabel:
    label = QLabel(text)
    set_role(label, "small")
    return label


def _slider(least: int, most: int, step: int) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(least, most)
    slider.setSingleStep(step)
    slider.setPageStep(step * 5)
    return slider


class _Group(QWidget):
    """As wide as it wants to be where there is room, half as wide where there is not."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self._width = width
        self.setMaximumWidth(width)
        self.setMinimumWidth(width // 2)

    def sizeHint(self) -> QSize:
        return QSize(self._width, super().sizeHint().height())


def _group(labels: list[QLabel], slider: QSlider, width: int) -> QWidget:
    """Words above a slider: one at its left, a second at its right."""
    box = _Group(width)
    words = QHBoxLayout()
    words.setContentsMargins(0, 0, 0, 0)
    for place, label in enumerate(labels):
        if place:
            words.addStretch(1)
        words.addWidget(label)
    words.addStretch(0 if len(labels) > 1 else 1)
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addStretch(1)
    column.addLayout(words)
    column.addWidget(slider)
    column.addStretch(1)
    labels[0].setBuddy(slider)
    return box
