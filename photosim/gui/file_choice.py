"""The system's file dialog, which blocks nothing while it is open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QStandardPaths, Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from photosim.imaging.formats import PHOTO_SUFFIXES
from photosim.settings import Settings

LAST = "last_folder"

Then = Callable[[list[Path]], object]


def choose_folder(parent: QWidget, settings: Settings, then: Then) -> None:
    """Let the user choose a folder of photos; `then` gets it in a list."""
    title = QCoreApplication.translate("FileChoice", "Choose a folder of photos")
    dialog = _dialog(parent, settings, title, then)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.open()


def choose_photos(parent: QWidget, settings: Settings, title: str, then: Then) -> None:
    """Let the user choose one photo or several."""
    dialog = _dialog(parent, settings, title, then)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
    patterns = " ".join(f"*{suffix}" for suffix in sorted(PHOTO_SUFFIXES))
    photos = QCoreApplication.translate("FileChoice", "Photos ({patterns})").format(patterns=patterns)
    dialog.setNameFilters([photos, "* (*)"])
    dialog.open()


def choose_file(
    parent: QWidget, settings: Settings, title: str, pattern: str, then: Callable[[Path], object]
) -> None:
    """Let the user choose one file; `pattern` is a name filter such as "models (*.photosim)"."""
    dialog = _dialog(parent, settings, title, lambda paths: then(paths[0]))
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilters([pattern, "* (*)"])
    dialog.open()


def choose_new_file(
    parent: QWidget, settings: Settings, title: str, name: str, pattern: str, then: Callable[[Path], object]
) -> None:
    """Let the user say where to write a file, `name` at first; the dialog asks before one is overwritten."""
    dialog = _dialog(parent, settings, title, lambda paths: then(paths[0]))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setFileMode(QFileDialog.FileMode.AnyFile)
    dialog.setNameFilters([pattern, "* (*)"])
    dialog.setDefaultSuffix(Path(name).suffix.removeprefix("."))
    dialog.selectFile(name)
    dialog.open()


def pictures_folder() -> Path:
    """Where this user's pictures are by custom."""
    return Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation))


def _dialog(parent: QWidget, settings: Settings, title: str, then: Then) -> QFileDialog:
    dialog = QFileDialog(parent, title)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    last = Path(settings.get(LAST, ""))
    dialog.setDirectory(str(last if last.is_absolute() and last.is_dir() else pictures_folder()))

    def chosen(names: list[str]) -> None:
        settings.set(LAST, str(Path(names[0]).parent))
        then([Path(name) for name in names])

    dialog.filesSelected.connect(chosen)
    return dialog
