"""Photos as other programs take them: on the clipboard and dragged out."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QByteArray, QMimeData
from PySide6.QtGui import QGuiApplication, QImage

from photosim.gui.drop import Drop, file_url, read_drop
from photosim.gui.facts_text import path_text

GNOME_COPIED_FILES = "x-special/gnome-copied-files"


def photos_mime(paths: Sequence[str], image: QImage | None = None) -> QMimeData:
    """The files at `paths` (absolute) as file managers, editors and chat programs take them.

    `image` is the picture itself, for programs that take no files; give it for one photo alone.
    """
    mime = QMimeData()
    urls = [file_url(path) for path in paths]
    mime.setUrls(urls)
    encoded = b"\n".join(bytes(url.toEncoded().data()) for url in urls)
    mime.setData(GNOME_COPIED_FILES, QByteArray(b"copy\n" + encoded))
    mime.setText(paths_text(paths))
    if image is not None and not image.isNull():
        mime.setImageData(image)
    return mime


def paths_text(paths: Sequence[str]) -> str:
    """One path a line."""
    return "\n".join(path_text(path) for path in paths)


def copy_photos(paths: Sequence[str], image: QImage | None = None) -> None:
    """Put the files at `paths` (and the picture of a single one) on the clipboard."""
    QGuiApplication.clipboard().setMimeData(photos_mime(paths, image))


def copy_paths(paths: Sequence[str]) -> None:
    """Put the paths alone on the clipboard, as text."""
    QGuiApplication.clipboard().setText(paths_text(paths))


def read_clipboard() -> Drop:
    """What a paste brings, read just as a drop is."""
    return read_drop(QGuiApplication.clipboard().mimeData())
