"""What the desktop around photosim does for it: show a photo in its folder, open it. No shell is used."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QProcess
from PySide6.QtGui import QDesktopServices

from photosim.errors import PhotosimError
from photosim.gui.drop import file_url

FILE_MANAGER = "org.freedesktop.FileManager1"


def show_in_folder(path: Path) -> None:
    """Open the file manager with `path` selected, or its folder where no file manager can select.

    Returns at once. Raises PhotosimError when the photo is not there now or nothing can show it.
    """
    _require(path)
    command = reveal_command(sys.platform, path)
    if command is not None:
        started, _pid = QProcess.startDetached(command[0], command[1:])
    else:
        started = _show_by_file_manager(path) or QDesktopServices.openUrl(file_url(path.parent))
    if not started:
        raise PhotosimError(
            QCoreApplication.translate(
                "Desktop", "no file manager answered: the photo is in the folder {folder}"
            ).format(folder=path.parent)
        )


def open_photo(path: Path) -> None:
    """Open `path` with the program that the system keeps for such files. Raises PhotosimError."""
    _require(path)
    if not QDesktopServices.openUrl(file_url(path)):
        raise PhotosimError(
            QCoreApplication.translate(
                "Desktop", "no program is set up to open {path}: choose one in the system's settings"
            ).format(path=path)
        )


def reveal_command(platform: str, path: Path) -> list[str] | None:
    """Program and arguments that select `path`; None where `platform` (a sys.platform) has none."""
    if platform == "darwin":
        return ["open", "-R", str(path)]
    if platform == "win32":
        # Two arguments: Qt quotes each that holds a space, and Explorer wants no quote before "/select,".
        return ["explorer", "/select,", str(path)]
    return None


def _require(path: Path) -> None:
    if not os.path.lexists(path):
        raise PhotosimError(
            QCoreApplication.translate(
                "Desktop", "{path} is not there now: connect its drive, or scan again if it was moved"
            ).format(path=path)
        )


def _show_by_file_manager(path: Path) -> bool:
    """Ask the desktop's file manager over D-Bus; False where there is none. The answer is not waited for,
    since a file manager that has to start takes seconds."""
    from PySide6.QtDBus import QDBusConnection, QDBusMessage

    bus = QDBusConnection.sessionBus()
    if not bus.isConnected():
        return False
    daemon = bus.interface()
    running = daemon.isServiceRegistered(FILE_MANAGER).value()
    if not running and FILE_MANAGER not in daemon.activatableServiceNames().value():
        return False
    message = QDBusMessage.createMethodCall(
        FILE_MANAGER, "/org/freedesktop/FileManager1", FILE_MANAGER, "ShowItems"
    )
    message.setArguments([[bytes(file_url(path).toEncoded().data()).decode("ascii")], ""])
    return bus.send(message)
