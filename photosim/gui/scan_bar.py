"""The bar at the bottom: how far the scan is, what went wrong, and the device in use."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QLocale, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QActionGroup, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from photosim.gui.plain_text import plain_tip
from photosim.gui.style import set_role, theme
from photosim.gui.widgets import ElidedLabel
from photosim.scan.scanner import ScanProgress, ScanSummary

MESSAGE_MS = 12_000
ERROR_MS = 45_000
DEVICES = ("auto", "cpu", "gpu")
ROOM_AROUND = 12
"""Pixels that a link has beside its words."""


class ScanBar(QWidget):
    """Shows what it is told; the buttons only tell."""

    pause_requested = Signal()
    resume_requested = Signal()
    cancel_requested = Signal()
    failures_requested = Signal()
    device_chosen = Signal(str)
    """ "auto", "cpu" or "gpu"."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "statusbar")
        self.setAccessibleName(self.tr("Scan and messages"))
        self._paused = False
        self.progress = QProgressBar()
        self.progress.setMinimumWidth(60)
        self.progress.setMaximumWidth(220)
        self.progress.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Progress of the scan"))
        self._counted = _muted()
        self._rate = _muted()
        self._left = _muted()
        self._space = _muted()
        self.pause_button = _link(self.tr("Pause"), self.tr("Stop reading for a while"))
        self.pause_button.clicked.connect(self._pause_clicked)
        # Wide enough for both words.
        metrics = self.pause_button.fontMetrics()
        words = (self.tr("Pause"), self.tr("Resume"))
        extra = self.pause_button.sizeHint().width() - metrics.horizontalAdvance(words[0])
        self.pause_button.setFixedWidth(max(map(metrics.horizontalAdvance, words)) + extra)
        self.cancel_button = _link(
            self.tr("Cancel"), self.tr("Stop the scan; what has been read is kept, the next scan goes on")
        )
        self.cancel_button.clicked.connect(self.cancel_requested)
        self._message = _Message()
        self._message.clicked.connect(self.clear_message)
        self.undo_button = _link(self.tr("Undo"), self.tr("Take back what this line tells of"))
        self.undo_button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.undo_button.hide()
        self.undo_button.clicked.connect(self._undo_clicked)
        self._on_undo: Callable[[], object] | None = None
        self._message_timer = QTimer(self)
        self._message_timer.setSingleShot(True)
        self._message_timer.timeout.connect(self.clear_message)
        self.failures_button = _link("", self.tr("Show which photos could not be read, and why"))
        self.failures_button.clicked.connect(self.failures_requested)
        self.device_button = QToolButton()
        set_role(self.device_button, "link")
        self.device_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._device_menu = QMenu(self)
        self._device_group = QActionGroup(self)
        names = {"auto": self.tr("Choose by itself"), "cpu": self.tr("CPU"), "gpu": self.tr("GPU")}
        self.device_actions = {}
        for device in DEVICES:
            action = self._device_menu.addAction(names[device])
            action.setCheckable(True)
            action.triggered.connect(lambda _=False, device=device: self.device_chosen.emit(device))
            self._device_group.addAction(action)
            self.device_actions[device] = action
        self.device_button.setMenu(self._device_menu)
        self._scan_widgets = (
            self.progress,
            # Before the texts, whose widths change: a button must not move under the mouse.
            self.pause_button,
            self.cancel_button,
            self._counted,
            self._rate,
            self._left,
            self._space,
        )
        across = QHBoxLayout(self)
        across.setContentsMargins(14, 5, 14, 5)
        across.setSpacing(14)
        for widget in self._scan_widgets:
            across.addWidget(widget)
        across.addWidget(_Messages(self._message, self.undo_button), 1)
        across.addWidget(self.failures_button)
        across.addWidget(self.device_button)
        self.setFixedHeight(max(34, self.fontMetrics().height() + 18))
        self.set_failures(0)
        self.set_device("", None)
        self.scan_ended(None)

    # The scan

    def show_progress(self, progress: ScanProgress, wanted: bool) -> None:
        """Show how far a scan is. One that nobody asked for stays quiet until it has something to read."""
        if progress.phase == "done" or (not wanted and not progress.total):
            return
        number = self.locale().toString
        reading = progress.phase in ("reading", "moving")
        self._set_paused(progress.paused)
        for widget in (self.progress, self._counted, self.cancel_button):
            widget.show()
        self.pause_button.setVisible(reading)
        if reading:
            # With what was read before: a scan that goes on does not begin at nothing.
            done, total = progress.known + progress.done, progress.known + progress.total
            self.progress.setRange(0, max(1, total))
            self.progress.setValue(done)
            self._say(
                self._counted, self._counted_text(progress).format(done=number(done), total=number(total))
            )
            rate = progress.photos_per_second
            self._say(self._rate, "" if rate <= 0 or progress.paused else self._rate_text(rate))
            self._say(self._left, self.tr("paused") if progress.paused else self._left_text(progress))
            self._say(
                self._space,
                self._space_text(progress.expected_bytes) if progress.phase == "reading" else "",
            )
        else:
            self.progress.setRange(0, 0)  # it moves, but says no number
            found = number(progress.total)
            text = (
                self.tr("making the index")
                if progress.phase == "indexing"
                else self.tr("looking through the folders: {count} new").format(count=found)
            )
            self._say(self._counted, text)
            for label in (self._rate, self._left, self._space):
                label.hide()
        if progress.device:
            self.set_device(progress.device, progress.note)

    def _set_paused(self, paused: bool) -> None:
        self._paused = paused
        self.pause_button.setText(self.tr("Resume") if paused else self.tr("Pause"))

    def scan_ended(self, summary: ScanSummary | None) -> None:
        for widget in self._scan_widgets:
            widget.hide()
        if summary is None:
            return
        said = []
        number = self.locale().toString
        if summary.added:
            said.append(self.tr("{count} photos new").format(count=number(summary.added)))
        if summary.changed:
            said.append(self.tr("{count} changed").format(count=number(summary.changed)))
        if summary.moved:
            said.append(self.tr("{count} moved").format(count=number(summary.moved)))
        if summary.removed:
            said.append(self.tr("{count} gone").format(count=number(summary.removed)))
        if not summary.finished:
            said.insert(0, self.tr("scan stopped, what was read is kept"))
        if said:
            self.say(", ".join(said))

    def set_failures(self, count: int) -> None:
        self.failures_button.setVisible(count > 0)
        text = self.tr("{count} not readable").format(count=self.locale().toString(count))
        self.failures_button.setText(text)
        self.failures_button.setAccessibleName(text)

    # The device

    def set_device(self, name: str, note: str | None) -> None:
        """The device in use, with a note where it is not the one asked for."""
        self.device_button.setText(name or self.tr("device"))
        self.device_button.setAccessibleName(self.tr("Device: {name}").format(name=name or "?"))
        tip = self.tr("The device that reads photos and queries. Click to choose.")
        self.device_button.setToolTip(plain_tip(f"{note}\n{tip}") if note else tip)

    def set_device_choice(self, device: str, gpu: bool) -> None:
        """Which device is wanted, and whether there is a GPU to choose."""
        self.device_actions["gpu"].setEnabled(gpu)
        self.device_actions[device if device in DEVICES else "auto"].setChecked(True)

    # Messages

    def say(self, text: str, error: bool = False, on_undo: Callable[[], object] | None = None) -> None:
        """A line for the user, for a while, an error for longer; a click takes it away.

        `on_undo` can be called from behind it while it is there.
        """
        self._message.set_line(text, error)
        self._on_undo = on_undo
        self.undo_button.setVisible(on_undo is not None)
        self._message_timer.start(ERROR_MS if error else MESSAGE_MS)

    def clear_error(self) -> None:
        """What went wrong is of no interest any more; a line of another kind stays its while."""
        if self._message.is_error:
            self.clear_message()

    def clear_message(self) -> None:
        self._message_timer.stop()
        self._message.set_line("", False)
        self._on_undo = None
        self.undo_button.hide()

    def _undo_clicked(self) -> None:
        on_undo = self._on_undo
        self.clear_message()
        if on_undo is not None:
            on_undo()

    @property
    def message(self) -> str:
        return self._message.line

    def scan_text(self) -> str:
        """What is said of the scan, as one line; empty while it is quiet."""
        shown = [
            label.full_text
            for label in (self._counted, self._rate, self._left, self._space)
            if not label.isHidden()
        ]
        return " · ".join(shown)

    def _pause_clicked(self) -> None:
        # What was clicked shows at once; the scan itself follows.
        if self._paused:
            self._set_paused(False)
            self.resume_requested.emit()
        else:
            self._set_paused(True)
            self.pause_requested.emit()

    def _say(self, label: ElidedLabel, text: str) -> None:
        about_space = self.tr("{text}: disk space for catalog, thumbnails and index in the end")
        label.set_full_text(text, about_space.format(text=text) if label is self._space and text else "")
        label.setVisible(bool(text))

    def _counted_text(self, progress: ScanProgress) -> str:
        if progress.phase == "reading":
            return self.tr("{done} of {total}")
        if progress.to is not None:
            return self.tr("Reading photos for the new model: {done} of {total}")
        return self.tr("Reading photos again: {done} of {total}")

    def _rate_text(self, rate: float) -> str:
        figure = self.locale().toString(rate, "f", 0 if rate >= 10 else 1)
        return self.tr("{count} photos/s").format(count=figure)

    def _left_text(self, progress: ScanProgress) -> str:
        seconds = progress.seconds_left
        if seconds is None or progress.done >= progress.total:
            return ""
        if seconds < 60:
            return self.tr("less than a minute left")
        minutes = math.ceil(seconds / 60)
        if minutes < 90:
            return self.tr("{count} min left").format(count=minutes)
        return self.tr("{count} h left").format(count=self.locale().toString(minutes / 60, "f", 1))

    def _space_text(self, expected: int) -> str:
        if not expected:
            return ""
        digits = 0 if expected < 1_000_000_000 else 1
        size = self.locale().formattedDataSize(expected, digits, QLocale.DataSizeFormat.DataSizeSIFormat)
        return self.tr("the library will take about {size}").format(size=size)


class _Messages(QWidget):
    """The message and what belongs to it, in whatever room the rest of the bar leaves."""

    def __init__(self, message: _Message, undo: QPushButton) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        across = QHBoxLayout(self)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(2)
        across.addWidget(message)
        across.addWidget(undo)
        across.addStretch(1)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())


class _Message(QPushButton):
    """One line, shortened to its room, whole in its tip; a click takes it away."""

    def __init__(self) -> None:
        super().__init__()
        self.line = ""
        self.is_error = False
        set_role(self, "link")
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.hide()
        self.setAccessibleName(self.tr("No message"))

    def set_line(self, line: str, error: bool) -> None:
        self.line, self.is_error = line, error
        self.setAccessibleName(line or self.tr("No message"))
        self.setToolTip(plain_tip(line))
        self.setVisible(bool(line))
        color = theme().less if error else theme().muted
        self.setStyleSheet(f"QPushButton {{ color: {color}; text-decoration: none; }}")
        self.updateGeometry()
        self._elide()

    def sizeHint(self) -> QSize:
        width = self.fontMetrics().horizontalAdvance(self.line) + ROOM_AROUND + 2
        return QSize(width, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        room = max(0, self.width() - ROOM_AROUND)
        shown = self.fontMetrics().elidedText(self.line, Qt.TextElideMode.ElideRight, room)
        self.setText(shown.replace("&", "&&"))


def _muted() -> ElidedLabel:
    label = ElidedLabel()
    set_role(label, "muted")
    return label


def _link(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    set_role(button, "link")
    button.setToolTip(tip)
    return button
