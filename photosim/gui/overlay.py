"""A view that lies over the whole window and keeps the keyboard for itself until it is closed."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid


class Overlay(QWidget):
    """Lies over its parent and is as large; hidden until `open_over`. What lies below is left alone."""

    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self._focus_before: QWidget | None = None
        self.setAutoFillBackground(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.hide()
        parent.installEventFilter(self)

    @property
    def is_open(self) -> bool:
        return not self.isHidden()

    def open_over(self, focused: QWidget) -> None:
        """Cover the parent, with the keyboard in `focused`; nothing where it is open already."""
        if self.is_open:
            return
        self._focus_before = self.window().focusWidget()
        self.setGeometry(self._over.rect())
        self.raise_()
        self.show()
        focused.setFocus()

    def close_view(self) -> None:
        """Give the window back, and the keyboard to whoever had it."""
        if not self.is_open:
            return
        before, self._focus_before = self._focus_before, None
        self.hide()
        focus_again(before)
        self.closed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._over and event.type() == QEvent.Type.Resize and self.is_open:
            self.setGeometry(self._over.rect())
        return super().eventFilter(watched, event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()  # not for the photos below

    def stops(self) -> list[QWidget]:
        """The widgets in the order in which Tab comes by; those that it passes over are among them.

        Not from Qt's focus chain: walking along it from Python makes the binding take objects of the whole
        window for deleted.
        """
        return self.findChildren(QWidget)

    def focusNextPrevChild(self, next_: bool) -> bool:
        """Tab stays in here: what lies below cannot be seen."""
        places = [
            widget
            for widget in self.stops()
            if widget.isVisible() and widget.isEnabled() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        ]
        if not places:  # it is being hidden, and Qt looks for who has the focus next
            return super().focusNextPrevChild(next_)
        now = self.focusWidget()
        at = places.index(now) if now in places else -1
        step = 1 if next_ else -1
        places[(at + step) % len(places)].setFocus(
            Qt.FocusReason.TabFocusReason if next_ else Qt.FocusReason.BacktabFocusReason
        )
        return True


def focus_again(widget: QWidget | None) -> None:
    """Give the keyboard back to a widget that had it. One deleted or hidden meanwhile does not get it: the
    keyboard stays where Qt has put it."""
    # What is shown below a view goes on changing: photos of the query, the library's folders.
    if widget is not None and isValid(widget) and widget.isVisible():
        widget.setFocus()
