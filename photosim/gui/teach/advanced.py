"""What few will want: to train the network's last blocks too, with an honest word on what that takes."""

from __future__ import annotations

import math

from PySide6.QtCore import QCoreApplication, QLocale, QPoint, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QLabel, QToolButton, QVBoxLayout, QWidget

from photosim.gui.style import set_role
from photosim.teaching.tuned_trunk import TrunkEstimate

WIDTH = 340


class Advanced(QToolButton):
    """A link that opens a small page above itself with one switch and what is to be known of it."""

    opened = Signal()
    """The page is open: `set_note` says what the switch would take."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "link")
        self.setAccessibleDescription(self.tr("Train the network’s last blocks too"))
        self._page = QFrame(self, Qt.WindowType.Popup)
        self._page.setAccessibleName(self.tr("Advanced"))
        set_role(self._page, "card")
        self.switch = QCheckBox(self.tr("Also train the network’s last blocks"))
        self.switch.toggled.connect(lambda _: self._say())
        self._note = QLabel()
        self._note.setTextFormat(Qt.TextFormat.PlainText)
        self._note.setWordWrap(True)
        set_role(self._note, "muted")
        self._column = column = QVBoxLayout(self._page)
        column.setContentsMargins(14, 12, 14, 12)
        column.addWidget(self.switch)
        column.addWidget(self._note)
        self.clicked.connect(self._open)
        self._say()

    @property
    def trunk(self) -> bool:
        """Whether the last blocks are to be trained too."""
        return self.switch.isChecked()

    @property
    def note(self) -> str:
        return self._note.text()

    def set_note(self, text: str, possible: bool = True) -> None:
        """What there is to know; where it is not `possible`, the switch is off and stays off."""
        self._note.setText(text)
        self.switch.setAccessibleDescription(text)
        self.switch.setEnabled(possible)
        if not possible:
            self.switch.setChecked(False)
        if self._page.isVisible():
            self._place()

    def _open(self) -> None:
        self.set_note(self.tr("Looking how long that would take…"))
        self._place()
        self._page.show()
        self.switch.setFocus(Qt.FocusReason.PopupFocusReason)
        self.opened.emit()

    def _place(self) -> None:
        """Above the link, within the window."""
        height = self._column.totalHeightForWidth(WIDTH)
        corner = self.mapToGlobal(QPoint(0, -height - 6))
        edge = self.window().mapToGlobal(QPoint(self.window().width() - WIDTH - 8, 0)).x()
        self._page.setGeometry(min(corner.x(), edge), corner.y(), WIDTH, height)

    def _say(self) -> None:
        text = self.tr("Advanced: last blocks too") if self.trunk else self.tr("Advanced")
        self.setText(f"{text} ▴")
        self.setAccessibleName(text)


def estimate_text(estimate: TrunkEstimate) -> str:
    """What training the last blocks too means, with how long it takes here."""
    return _tr(
        "For many hundred answers: it can learn differences that the network does not see yet. "
        "It takes about {training} here ({device}). If you keep the result, all photos are read again in "
        "the background, about {reading}; until then photosim ranks as before."
    ).format(
        training=duration_text(estimate.training),
        reading=duration_text(estimate.reading),
        device=estimate.device,
    )


def duration_text(seconds: float) -> str:
    """40 seconds, 3 minutes, 2.5 hours: no more exact than an estimate is."""
    if seconds < 55:
        return _tr("{count} seconds").format(count=max(5, 5 * math.ceil(seconds / 5)))
    minutes = round(seconds / 60)
    if minutes == 1:
        return _tr("1 minute")
    if minutes < 90:
        return _tr("{count} minutes").format(count=minutes)
    return _tr("{count} hours").format(count=QLocale().toString(seconds / 3600, "f", 1))


def _tr(text: str) -> str:
    return QCoreApplication.translate("Teach", text)
