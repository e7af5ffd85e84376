"""The window's menus and keys. Each action says what it is called and which key it has; the window acts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QMessageBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from photosim import __version__
from photosim.gui.style import set_role

Keys = Sequence[str | QKeySequence.StandardKey]


class WindowActions:
    """Menus made of named actions: `actions["back"]` is the action itself."""

    def __init__(self, window: QMainWindow, menu_button: QToolButton) -> None:
        self._window = window
        self.actions: dict[str, QAction] = {}
        self._menu = QMenu(window)
        self._menus: list[QMenu] = []
        menu_button.setMenu(self._menu)
        opener = QAction(window)
        opener.setShortcut(QKeySequence("F10"))
        opener.triggered.connect(menu_button.showMenu)
        window.addAction(opener)

    def menu(self, title: str) -> QMenu:
        """A further menu: of the menu button, or of the menu bar on macOS, which has one anyway."""
        bar = self._window.menuBar() if sys.platform == "darwin" else self._menu
        menu = bar.addMenu(title)
        self._menus.append(menu)
        return menu

    def add(
        self, menu: QMenu, name: str, text: str, keys: Keys, do: Callable[[], object], checkable: bool = False
    ) -> QAction:
        """An action in a menu, with the keys that call it anywhere in the window."""
        action = QAction(text, self._window)
        sequences = [QKeySequence(key) for key in keys]
        action.setShortcuts(sequences)
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setCheckable(checkable)
        action.triggered.connect(lambda _=False: do())
        self._window.addAction(action)
        menu.addAction(action)
        self.actions[name] = action
        return action

    def shortcuts(self) -> list[tuple[str, str]]:
        """What every key does, in the order of the menus: (name, keys)."""
        listed = []
        for menu in self._menus:
            for action in menu.actions():
                keys = ", ".join(
                    key.toString(QKeySequence.SequenceFormat.NativeText) for key in action.shortcuts()
                )
                if keys:
                    listed.append((action.text().replace("&", "").rstrip("…"), keys))
        return listed


class ShortcutsPage(QDialog):
    """All keys on one page."""

    def __init__(self, shortcuts: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        lines = [
            *shortcuts,
            (self.tr("In the grid: find similar photos"), self.tr("Enter, double click")),
            (self.tr("In the grid: photo as large as the window"), self.tr("Space")),
            (self.tr("In the grid: select several"), self.tr("Shift or Ctrl with arrows or clicks")),
            (self.tr("In the query: change more and less"), self.tr("Space, click")),
            (self.tr("In the query: take a photo away"), self.tr("Delete")),
            (self.tr("In the preview: zoom, move"), self.tr("wheel, + − 0 1, arrows")),
            (self.tr("In Why it matches: mark a place, search for it"), self.tr("arrows, Enter")),
            (self.tr("In Why it matches: another result"), self.tr("Page up, Page down")),
            (self.tr("In Teach: this one, neither, undo"), self.tr("← →, ↓, ↑")),
        ]
        table = QGridLayout()
        table.setHorizontalSpacing(28)
        table.setVerticalSpacing(6)
        half = -(-len(lines) // 2)
        for number, (name, keys) in enumerate(lines):
            row, place = number % half, 2 * (number // half)
            key_label = QLabel(keys)
            set_role(key_label, "title")
            table.addWidget(key_label, row, place)
            table.addWidget(QLabel(name), row, place + 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.addLayout(table)
        column.addSpacing(10)
        column.addWidget(buttons)


def show_about(parent: QWidget, model: str) -> None:
    """Who made what: a window of its own that nothing waits for."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle(QCoreApplication.translate("About", "About photosim"))
    box.setText(QCoreApplication.translate("About", "photosim {version}").format(version=__version__))
    box.setInformativeText(
        QCoreApplication.translate(
            "About",
            "Finds the photos that look alike in your own library, on your own machine.\n"
            "Nothing leaves this computer.\n\nModel: {model}",
        ).format(model=model)
    )
    box.open()
