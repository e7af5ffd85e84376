"""A photo is shown in its folder and opened by the desktop's own programs, or it is said why not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication

from photosim.errors import PhotosimError
from photosim.gui import desktop

FILE_MANAGER_PROGRAM = """
import sys
from PySide6.QtCore import ClassInfo, QCoreApplication, QObject, QTimer, Slot
from PySide6.QtDBus import QDBusConnection

@ClassInfo({"D-Bus Interface": "org.freedesktop.FileManager1"})
class FileManager(QObject):
    @Slot("QStringList", str)
    def ShowItems(self, addresses, startup_id):
        print(*addresses, flush=True)
        QCoreApplication.quit()

app = QCoreApplication([])
bus = QDBusConnection.sessionBus()
manager = FileManager()
bus.registerObject("/org/freedesktop/FileManager1", manager, QDBusConnection.RegisterOption.ExportAllSlots)
assert bus.registerService("org.freedesktop.FileManager1")
print("ready", flush=True)
QTimer.singleShot(20000, app.quit)
app.exec()
"""

SHOW_PROGRAM = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from photosim.gui.desktop import show_in_folder
app = QCoreApplication([])
show_in_folder(Path(sys.argv[1]))
"""


class Opened(QObject):
    """Stands where the system opens addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[QUrl] = []

    @Slot(QUrl)
    def open(self, address: QUrl) -> None:
        self.addresses.append(address)


@pytest.fixture
def opened(qapp: QApplication) -> Iterator[Opened]:
    handler = Opened()
    QDesktopServices.setUrlHandler("file", handler, "open")
    yield handler
    QDesktopServices.unsetUrlHandler("file")


@pytest.fixture
def bus() -> Iterator[str]:
    """The address of a D-Bus session bus of this test's own."""
    if shutil.which("dbus-daemon") is None:
        pytest.skip("no dbus-daemon on this machine")
    command = ["dbus-daemon", "--session", "--nofork", "--print-address"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        try:
            assert daemon.stdout is not None
            yield daemon.stdout.readline().strip()
        finally:
            daemon.kill()


def test_a_photo_is_opened_by_the_systems_program(opened: Opened, tmp_path: Path) -> None:
    photo = tmp_path / "a & b.jpg"
    photo.write_bytes(b"x")

    desktop.open_photo(photo)

    assert [address.toLocalFile() for address in opened.addresses] == [str(photo)]


def test_a_photo_that_is_not_there_is_neither_opened_nor_shown(opened: Opened, tmp_path: Path) -> None:
    for action in (desktop.open_photo, desktop.show_in_folder):
        with pytest.raises(PhotosimError, match="gone.jpg is not there now: connect its drive"):
            action(tmp_path / "gone.jpg")
    assert not opened.addresses


def test_it_is_said_when_no_program_opens_photos(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda address: False)
    with pytest.raises(PhotosimError, match="no program is set up to open"):
        desktop.open_photo(tmp_path / "a.jpg")


@pytest.mark.skipif(sys.platform != "linux", reason="the file manager is asked over D-Bus on Linux")
@pytest.mark.skipif("DBUS_SESSION_BUS_ADDRESS" in os.environ, reason="a real desktop would answer")
def test_the_folder_is_opened_where_no_file_manager_can_select(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")

    desktop.show_in_folder(tmp_path / "a.jpg")

    assert [address.toLocalFile() for address in opened.addresses] == [str(tmp_path)]


@pytest.mark.skipif(sys.platform != "linux", reason="the file manager is asked over D-Bus on Linux")
def test_the_file_manager_selects_the_photo(bus: str, python: str, tmp_path: Path) -> None:
    photo = tmp_path / "a b.jpg"
    photo.write_bytes(b"x")
    environment = os.environ | {"DBUS_SESSION_BUS_ADDRESS": bus}
    command = [python, "-c", FILE_MANAGER_PROGRAM]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as manager:
        try:
            assert manager.stdout is not None
            assert manager.stdout.readline().strip() == "ready"
            subprocess.run([python, "-c", SHOW_PROGRAM, str(photo)], env=environment, check=True, timeout=30)
            assert manager.stdout.readline().strip() == f"file://{tmp_path}/a%20b.jpg"
        finally:
            manager.kill()


def test_the_other_systems_have_commands_of_their_own() -> None:
    photo = Path("/Users/ada/a b.jpg")
    assert desktop.reveal_command("darwin", photo) == ["open", "-R", str(photo)]
    assert desktop.reveal_command("win32", photo) == ["explorer", "/select,", str(photo)]
    assert desktop.reveal_command("linux", photo) is None
