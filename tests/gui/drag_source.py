"""A small program to drag things out of, for tests under a real X display.

It prints where to press ("x y" on the screen), and "dropped" or "refused" once the drag has ended. It stays
until it is killed, since what was dropped is fetched from it only then.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PySide6.QtCore import QByteArray, QMimeData, Qt, QTimer, QUrl
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import QApplication, QLabel

GIVE_UP_MS = 20_000


class Source(QLabel):
    def __init__(self, mime: QMimeData) -> None:
        super().__init__("drag me")
        self.mime = mime

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.mime is None:
            return
        drag = QDrag(self)
        drag.setMimeData(self.mime)
        self.mime = None
        action = drag.exec(Qt.DropAction.CopyAction)
        print("dropped" if action == Qt.DropAction.CopyAction else "refused", flush=True)

    def tell_place(self) -> None:
        place = self.mapToGlobal(self.rect().center())
        print(place.x(), place.y(), flush=True)


def what_to_drag(arguments: argparse.Namespace) -> QMimeData:
    mime = QMimeData()
    urls = [QUrl.fromLocalFile(path) for path in arguments.file]
    if arguments.address:
        urls.append(QUrl(arguments.address))
        mime.setHtml(f'<img src="{arguments.address}">')
    if urls:
        mime.setUrls(urls)
    if arguments.picture:
        mime.setData("image/png", QByteArray(Path(arguments.picture).read_bytes()))
    if arguments.text:
        mime.setText(arguments.text)
    return mime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", action="append", default=[], help="a file or folder, several times")
    parser.add_argument("--picture", help="a PNG file whose bytes are dragged as a browser does")
    parser.add_argument("--address", help="an http address")
    parser.add_argument("--text")
    application = QApplication(sys.argv[:1])
    source = Source(what_to_drag(parser.parse_args()))
    source.setGeometry(40, 40, 120, 120)
    source.show()
    QTimer.singleShot(500, source, source.tell_place)  # once the window manager has placed it
    QTimer.singleShot(GIVE_UP_MS, application.quit)
    return application.exec()


if __name__ == "__main__":
    sys.exit(main())
