"""What was dropped or pasted: files, folders, or the bytes of one picture.

Nothing is decoded here and nothing is fetched: the bytes of a picture go to the worker as they came, and an
address alone is refused.
"""

from __future__ import annotations

import base64
import binascii
import os
import socket
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from PySide6.QtCore import QBuffer, QByteArray, QCoreApplication, QIODevice, QMimeData, Qt, QUrl
from PySide6.QtGui import QImage, QImageWriter, QPainter

from photosim.gui.facts_text import path_text

QT_IMAGE = "application/x-qt-image"
# A browser offers a picture in several formats; the ones it was likely published in come first.
PREFERRED = (
    "image/jpeg",
    "image/webp",
    "image/avif",
    "image/heic",
    "image/heif",
    "image/png",
    "image/tiff",
    "image/gif",
)
NOT_PHOTOS = frozenset({"image/svg+xml", "image/x-icon", "image/vnd.microsoft.icon"})
MAX_PICTURE_BYTES = 256 * 2**20
MAX_TEXT = 64 * 2**10
MAX_NAMED = 3


@dataclass(frozen=True)
class Drop:
    """What was brought. `refused` says in a sentence what could not be taken of it, None if all could.

    `image` holds the encoded bytes of one picture, as they came; files and folders are absolute and exist.
    """

    files: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    image: bytes | None = None
    refused: str | None = None

    @property
    def usable(self) -> bool:
        return bool(self.files or self.folders or self.image)


def read_drop(mime: QMimeData | None) -> Drop:
    """Read a drop or a paste. Never raises: what cannot be taken is said in `refused`.

    Files win over a picture beside them, since they are the original; a picture wins over its address.
    """
    if mime is None or not mime.formats():
        return Drop(refused=_tr("There is nothing to take: copy or drag a photo first."))
    urls = mime.urls()
    named = _sort_paths(_local_paths(urls))
    if named.usable:
        return named
    html = mime.html() if mime.hasHtml() else ""
    text = mime.text() if mime.hasText() else ""
    addresses = [url.toString() for url in urls if not url.isLocalFile()] + _picture_sources(html)
    if text.startswith(("data:", "http://", "https://")):
        addresses.append(text.strip())
    image = _raw_picture(mime) or _first_data_picture(addresses) or _picture_made_by_qt(mime)
    if image is not None:
        if len(image) > MAX_PICTURE_BYTES:
            return Drop(refused=_tr("The picture is too large to take: save it, then drop the file."))
        return Drop(image=image)
    if named.refused:
        return named
    if any(address.startswith("data:") for address in addresses):
        return Drop(refused=_tr("The picture inside the page is damaged or no photo."))
    if addresses:
        return Drop(
            refused=_tr(
                "photosim fetches nothing from the network: save the picture first, then drop the file."
            )
        )
    written = _paths_in(text)
    return _sort_paths(written) if written else Drop(refused=_name_of_unknown(mime, text))


def file_url(path: Path | str) -> QUrl:
    """The file URL of an absolute path, also of a name that is not valid UTF-8."""
    if sys.platform == "win32":
        return QUrl.fromLocalFile(str(path))
    return QUrl.fromEncoded(QByteArray(b"file://" + quote_from_bytes(os.fsencode(path)).encode("ascii")))


def _local_paths(urls: Iterable[QUrl]) -> list[Path]:
    paths = []
    for url in urls:
        if not url.isLocalFile():
            continue
        if sys.platform == "win32":
            paths.append(Path(url.toLocalFile()))
        elif url.host() in ("", "localhost", socket.gethostname().lower()):
            # Decoded as bytes: a name need not be valid UTF-8.
            encoded = url.path(QUrl.ComponentFormattingOption.FullyEncoded)
            paths.append(Path(os.fsdecode(unquote_to_bytes(encoded))))
        else:
            paths.append(Path(url.toLocalFile()))
    return paths


def _paths_in(text: str) -> list[Path]:
    """The absolute paths that `text` is made of, one a line; none where a line is something else."""
    paths = []
    for line in text.strip().splitlines() if len(text) <= MAX_TEXT else ():
        line = line.strip().strip("\"'")
        if line.startswith("file:"):
            paths += _local_paths([QUrl(line)])
            continue
        path = Path(line)
        if line.startswith(f"~{os.sep}"):
            path = Path(os.path.expanduser(line))
        if "\0" in line or not path.is_absolute():
            return []
        paths.append(path)
    return paths


def _sort_paths(paths: Iterable[Path]) -> Drop:
    """Files and folders apart, each once and in the order given; the rest is named in `refused`."""
    files: list[Path] = []
    folders: list[Path] = []
    missing: list[str] = []
    special: list[str] = []
    for path in dict.fromkeys(paths):
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError):
            missing.append(path.name or str(path))
            continue
        if stat.S_ISREG(mode):
            files.append(path)
        elif stat.S_ISDIR(mode):
            folders.append(path)
        else:
            special.append(path.name)
    refused = []
    if missing:
        refused.append(_tr("Not there, or not allowed to be read: {names}.").format(names=_some(missing)))
    if special:
        refused.append(_tr("Neither a file nor a folder: {names}.").format(names=_some(special)))
    return Drop(files=tuple(files), folders=tuple(folders), refused=" ".join(refused) or None)


def _some(names: list[str]) -> str:
    """The first few of `names`, and how many more there are."""
    shown = ", ".join(path_text(name) for name in names[:MAX_NAMED])
    more = len(names) - MAX_NAMED
    return _tr("{names} and {count} more").format(names=shown, count=more) if more > 0 else shown


def _raw_picture(mime: QMimeData) -> bytes | None:
    """The bytes of a picture in the format its source wrote, None where there is none."""
    offered = [name for name in mime.formats() if name.startswith("image/") and name not in NOT_PHOTOS]
    for name in [name for name in PREFERRED if name in offered] + offered:
        data = bytes(mime.data(name).data())
        if data:
            return data
    return None


def _picture_made_by_qt(mime: QMimeData) -> bytes | None:
    """The picture that a clipboard holds as pixels alone (a screenshot, mostly), written as BMP.

    BMP takes 20 ms for eight megapixels, PNG 190 at any level: the bytes only go to the worker, and the
    window must not wait. BMP keeps no transparency, so that what shows through is white, as in a file read.
    """
    if not mime.hasFormat(QT_IMAGE):
        return None
    image = mime.imageData()
    if not isinstance(image, QImage) or image.isNull():
        return None
    if image.hasAlphaChannel():
        opaque = QImage(image.size(), QImage.Format.Format_RGB32)
        opaque.fill(Qt.GlobalColor.white)
        painter = QPainter(opaque)
        painter.drawImage(0, 0, image)
        painter.end()
        image = opaque
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    return bytes(buffer.data().data()) if QImageWriter(buffer, b"BMP").write(image) else None


class _PictureSources(HTMLParser):
    """Collects the addresses of the pictures in a piece of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.sources += [value for name, value in attributes if name == "src" and value]


def _picture_sources(html: str) -> list[str]:
    parser = _PictureSources()
    parser.feed(html[: 2 * MAX_PICTURE_BYTES])
    return parser.sources


def _first_data_picture(addresses: Iterable[str]) -> bytes | None:
    for address in addresses:
        if (picture := _data_picture(address)) is not None:
            return picture
    return None


def _data_picture(address: str) -> bytes | None:
    """The picture in a `data:` address (RFC 2397); None for other addresses and contents, damage, excess."""
    header, comma, body = address.partition(",")
    kind, *options = header.lower().removeprefix("data:").split(";")
    if not (comma and header.lower().startswith("data:image/")) or kind in NOT_PHOTOS:
        return None
    if len(body) > 2 * MAX_PICTURE_BYTES:
        return None
    data = unquote_to_bytes(body)
    if "base64" in options:
        try:
            # Browsers leave out the padding now and then.
            data = base64.b64decode(data + b"=" * (-len(data) % 4), validate=False)
        except binascii.Error:
            return None
    return data or None


def _name_of_unknown(mime: QMimeData, text: str) -> str:
    if text.strip():
        shown = " ".join(text.split())
        shown = shown if len(shown) <= 40 else shown[:39] + "…"
        return _tr("This is text, not a photo: “{text}”. Drop a photo or a folder.").format(text=shown)
    formats = [name for name in mime.formats() if "/" in name] or mime.formats()
    return _tr("This is no photo ({formats}). Drop a photo or a folder.").format(formats=_some(formats))


def _tr(text: str) -> str:
    return QCoreApplication.translate("Drop", text)
