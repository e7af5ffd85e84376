"""Whatever is dropped or pasted is taken for what it is, or refused with what it was."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QByteArray, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from photosim.gui import clipboard
from photosim.gui.drop import Drop, file_url, read_drop

JPEG = b"\xff\xd8\xff\xe0 not decoded by the window"
PNG = b"\x89PNG\r\n\x1a\n not decoded by the window"


class Receiver(QWidget):
    """Takes drops as the window does."""

    def __init__(self) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self.drops: list[Drop] = []

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.drops.append(read_drop(event.mimeData()))
        event.acceptProposedAction()


def dropped(qtbot: QtBot, mime: QMimeData) -> Drop:
    """What a widget gets of `mime` by real drag and drop events."""
    receiver = Receiver()
    qtbot.addWidget(receiver)
    copy, left, plain = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), copy, mime, left, plain)
    QApplication.sendEvent(receiver, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(receiver, QDropEvent(QPointF(5, 5), copy, mime, left, plain))
    return receiver.drops[0]


def mime_of(**formats: bytes) -> QMimeData:
    """`image_png=...` is the format image/png."""
    mime = QMimeData()
    for name, data in formats.items():
        mime.setData(name.replace("_", "/", 1), QByteArray(data))
    return mime


def test_files_and_folders_are_told_apart_and_keep_their_order(qtbot: QtBot, tmp_path: Path) -> None:
    names = ["b 100 % & more.jpg", "ä#?.png"]
    for name in names:
        (tmp_path / name).write_bytes(JPEG)
    (tmp_path / "Ferien 2023.jpg").mkdir()
    mime = QMimeData()
    paths = [tmp_path / names[0], tmp_path / "Ferien 2023.jpg", tmp_path / names[1], tmp_path / names[0]]
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])

    drop = dropped(qtbot, mime)

    assert drop == Drop(files=(paths[0], paths[2]), folders=(paths[1],))


def test_what_is_not_there_is_named_and_the_rest_taken(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "here.jpg").write_bytes(JPEG)
    os.mkfifo(tmp_path / "pipe.jpg")
    mime = QMimeData()
    names = ["here.jpg", "gone 1.jpg", "gone 2.jpg", "gone 3.jpg", "gone 4.jpg", "pipe.jpg"]
    mime.setUrls([file_url(tmp_path / name) for name in names])

    drop = dropped(qtbot, mime)

    assert drop.files == (tmp_path / "here.jpg",)
    assert drop.refused is not None
    assert "gone 1.jpg, gone 2.jpg, gone 3.jpg and 1 more" in drop.refused
    assert "pipe.jpg" in drop.refused


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not valid UTF-8 exist on Linux")
def test_a_name_that_is_not_valid_utf8_is_found(qtbot: QtBot, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    path.write_bytes(JPEG)

    assert dropped(qtbot, clipboard.photos_mime([str(path)])).files == (path,)
    missing = dropped(qtbot, clipboard.photos_mime([str(path) + "x"]))
    assert "caf\N{REPLACEMENT CHARACTER}.jpgx" in (missing.refused or "")


def test_a_file_named_by_its_own_host_is_found(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "a b.jpg").write_bytes(JPEG)
    mime = mime_of(text_uri_list=b"")
    mime.setData("text/uri-list", QByteArray(f"file://localhost{tmp_path}/a%20b.jpg\r\n".encode()))

    assert dropped(qtbot, mime).files == (tmp_path / "a b.jpg",)


def test_a_picture_from_a_browser_comes_as_its_bytes_not_as_its_address(qtbot: QtBot) -> None:
    mime = mime_of(image_png=PNG, image_jpeg=JPEG)
    mime.setHtml('<img src="https://example.org/cat.jpg">')
    mime.setUrls([QUrl("https://example.org/cat.jpg")])

    assert dropped(qtbot, mime) == Drop(image=JPEG)


def test_a_file_wins_over_the_picture_beside_it(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    mime = mime_of(image_png=PNG)
    mime.setUrls([file_url(tmp_path / "a.jpg")])

    assert dropped(qtbot, mime) == Drop(files=(tmp_path / "a.jpg",))


def test_the_picture_is_taken_where_the_file_beside_it_is_gone(qtbot: QtBot, tmp_path: Path) -> None:
    mime = mime_of(image_png=PNG)
    mime.setUrls([file_url(tmp_path / "gone.jpg")])

    assert dropped(qtbot, mime) == Drop(image=PNG)


def test_pixels_alone_become_a_file_that_can_be_read(qtbot: QtBot) -> None:
    image = QImage(40, 30, QImage.Format.Format_ARGB32)
    image.fill(QColor(0, 0, 0, 0))
    image.setPixelColor(10, 20, QColor(200, 100, 50))
    mime = QMimeData()
    mime.setImageData(image)

    drop = dropped(qtbot, mime)

    assert drop.image is not None
    read = Image.open(io.BytesIO(drop.image)).convert("RGB")
    assert read.size == (40, 30)
    assert read.getpixel((10, 20)) == (200, 100, 50)
    assert read.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("padded", [True, False])
def test_a_picture_inside_a_page_is_taken(qtbot: QtBot, padded: bool) -> None:
    encoded = base64.b64encode(PNG).decode()
    source = f"data:image/png;base64,{encoded if padded else encoded.rstrip('=')}"
    mime = QMimeData()
    mime.setHtml(f"<meta charset=utf-8><p>a<IMG alt='x' src='{source}'></p>")
    assert dropped(qtbot, mime) == Drop(image=PNG)

    address = QMimeData()
    address.setUrls([QUrl(source)])
    assert dropped(qtbot, address) == Drop(image=PNG)

    text = QMimeData()
    text.setText(source)
    assert dropped(qtbot, text) == Drop(image=PNG)


def test_a_data_address_of_something_else_is_refused(qtbot: QtBot) -> None:
    for address in ("data:text/html,<b>hello</b>", "data:image/svg+xml,<svg/>", "data:image/png;base64,"):
        mime = QMimeData()
        mime.setText(address)
        drop = dropped(qtbot, mime)
        assert not drop.usable
        assert "no photo" in (drop.refused or "")


@pytest.mark.parametrize("form", ["address", "text", "html"])
def test_an_address_alone_is_refused_since_nothing_is_fetched(qtbot: QtBot, form: str) -> None:
    mime = QMimeData()
    if form == "address":
        mime.setUrls([QUrl("https://example.org/cat.jpg")])
    elif form == "text":
        mime.setText("https://example.org/cat.jpg")
    else:
        mime.setHtml('<a href="/"><img src="https://example.org/cat.jpg"></a>')

    assert dropped(qtbot, mime) == Drop(
        refused="photosim fetches nothing from the network: save the picture first, then drop the file."
    )


def test_a_path_written_as_text_is_taken(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "a b.jpg").write_bytes(JPEG)
    mime = QMimeData()
    mime.setText(f"'{tmp_path / 'a b.jpg'}'\n{tmp_path}\n")

    assert dropped(qtbot, mime) == Drop(files=(tmp_path / "a b.jpg",), folders=(tmp_path,))


def test_other_things_are_refused_with_what_they_were(qtbot: QtBot) -> None:
    text = QMimeData()
    text.setText("a recipe\nfor soup, and a long one at that: " + "stir " * 20)
    assert "“a recipe for soup" in (dropped(qtbot, text).refused or "")

    color = mime_of()
    color.setColorData(QColor("red"))
    assert "application/x-color" in (dropped(qtbot, color).refused or "")

    assert read_drop(QMimeData()).refused
    assert read_drop(None).refused


def test_copied_photos_are_files_to_file_managers_and_text_to_editors(qtbot: QtBot, tmp_path: Path) -> None:
    paths = [str(tmp_path / "a b.jpg"), str(tmp_path / "c.jpg")]
    mime = clipboard.photos_mime(paths)

    assert [url.toLocalFile() for url in mime.urls()] == paths
    assert mime.text() == "\n".join(paths)
    lines = bytes(mime.data(clipboard.GNOME_COPIED_FILES).data()).decode().split("\n")
    assert lines == ["copy", f"file://{tmp_path}/a%20b.jpg", f"file://{tmp_path}/c.jpg"]
    assert not mime.hasImage()


def test_a_copied_photo_can_be_pasted_again(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(JPEG)
    image = QImage(4, 4, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    try:
        clipboard.copy_photos([str(path)], image)
        assert QApplication.clipboard().image().size() == image.size()
        assert clipboard.read_clipboard() == Drop(files=(path,))
        clipboard.copy_paths([str(path)])
        assert QApplication.clipboard().text() == str(path)
        assert clipboard.read_clipboard() == Drop(files=(path,))
    finally:
        QApplication.clipboard().clear()


@pytest.mark.xvfb
@pytest.mark.parametrize("content", ["files", "picture", "address"])
def test_a_drag_from_another_program_arrives(qtbot: QtBot, tmp_path: Path, content: str) -> None:
    """A second process is the source, xdotool is the hand."""
    folder = tmp_path / "Ferien"
    folder.mkdir()
    photo = tmp_path / "a b.png"
    image = Image.new("RGB", (20, 10), (200, 100, 50))
    image.save(photo)
    arguments = {
        "files": ["--file", str(photo), "--file", str(folder)],
        "picture": ["--picture", str(photo), "--address", "https://example.org/a.png"],
        "address": ["--address", "https://example.org/a.png"],
    }[content]
    receiver = Receiver()
    qtbot.addWidget(receiver)
    receiver.setGeometry(300, 40, 200, 200)
    receiver.show()
    qtbot.waitExposed(receiver)
    command = [sys.executable, str(Path(__file__).with_name("drag_source.py")), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as source:
        try:
            assert source.stdout is not None
            x, y = (int(word) for word in source.stdout.readline().split())
            target = receiver.mapToGlobal(receiver.rect().center())
            with subprocess.Popen(["xdotool", *_drag(x, y, target.x(), target.y())]) as hand:
                qtbot.waitUntil(lambda: bool(receiver.drops), timeout=10_000)
            assert hand.returncode == 0
            assert source.stdout.readline().strip() == "dropped"
        finally:
            source.kill()
    drop = receiver.drops[0]
    if content == "files":
        assert drop == Drop(files=(photo,), folders=(folder,))
    elif content == "picture":
        assert drop.image == photo.read_bytes()
    else:
        assert "fetches nothing" in (drop.refused or "")


def _drag(x: int, y: int, to_x: int, to_y: int) -> list[str]:
    """xdotool's words for a drag as a hand does it: in steps, since a jump is not seen as a drag."""
    words = ["mousemove", str(x), str(y), "mousedown", "1"]
    for step in range(1, 9):
        words += [
            "sleep",
            "0.05",
            "mousemove",
            str(x + (to_x - x) * step // 8),
            str(y + (to_y - y) * step // 8),
        ]
    return [*words, "sleep", "0.3", "mouseup", "1"]
