"""Names and paths from outside are shown letter by letter, whatever HTML they look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6 import QtGui
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QTextDocumentFragment
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox, QTableView, QWidget
from pytestqt.qtbot import QtBot

from photosim.app import _Run
from photosim.catalog.records import Counts, Failure, Folder, PhotoTable
from photosim.gui.failures_view import FailuresView
from photosim.gui.grid_header import NoticeBar
from photosim.gui.grid_model import PhotoModel
from photosim.gui.plain_text import plain_tip
from photosim.gui.preview import PhotoPreview
from photosim.gui.query_strip import QueryPhoto, StripItem
from photosim.gui.scan_bar import ScanBar
from photosim.gui.sidebar import Sidebar
from photosim.gui.teach.photo_frame import PhotoFrame
from photosim.gui.widgets import ElidedField, ElidedLabel
from tests.gui.libraries import folders_in
from tests.gui.windows import WAIT

TAGGED = '<img src="x">A & B</b>'


def shown(tip: str) -> str:
    """What Qt makes of a tooltip."""
    return QTextDocumentFragment.fromHtml(tip).toPlainText() if QtGui.Qt.mightBeRichText(tip) else tip


@pytest.mark.parametrize(
    "text",
    ["", "Mine", "cats < dogs & >", "two\nlines", TAGGED, f"{TAGGED}\n<i>below</i>", "<p>", "a <br/> b"],
)
def test_a_tip_shows_its_words_as_they_are(qapp: QApplication, text: str) -> None:
    assert shown(plain_tip(text)) == text
    assert "<img" not in plain_tip(text)


def test_a_tip_of_plain_words_is_left_alone(qapp: QApplication) -> None:
    assert plain_tip("cats & dogs\nof <2024>") == "cats & dogs\nof <2024>"


def test_the_sidebar_shows_names_and_paths_as_they_are(qtbot: QtBot) -> None:
    sidebar = Sidebar()
    qtbot.addWidget(sidebar)
    there, gone = (Folder(n, f"/{n}/{TAGGED}", online=n == 1, scanned=True, photos=n) for n in (1, 2))
    sidebar.set_library([there, gone], Counts(photos=3, files=3, failed=0, offline=2))
    sidebar.set_model(TAGGED, f"{TAGGED}, version mine")
    assert shown(sidebar.model_row.toolTip()).startswith(f"{TAGGED}, version mine\n")
    assert sidebar.model_row.accessibleDescription().startswith(f"{TAGGED}, version mine\n")
    assert shown(sidebar.folder_row(there.path).toolTip()) == there.path
    assert shown(sidebar.folder_row(gone.path).toolTip()).startswith(f"{gone.path}\nnot connected")


def test_the_bar_below_shows_names_as_they_are(qtbot: QtBot) -> None:
    bar = ScanBar()
    qtbot.addWidget(bar)
    bar.say(f"Imported {TAGGED}")
    assert bar.message == shown(bar._message.toolTip()) == f"Imported {TAGGED}"
    bar.set_device("CPU", TAGGED)
    assert shown(bar.device_button.toolTip()).startswith(f"{TAGGED}\n")


def test_photos_are_called_by_their_names_as_they_are(qtbot: QtBot) -> None:
    frame, label, field = PhotoFrame(choosable=False), ElidedLabel(), ElidedField()
    items = [QueryPhoto(StripItem(TAGGED, less=less)) for less in (False, True)]
    for widget in (frame, label, field, *items):
        qtbot.addWidget(widget)
    frame.set_photo(QImage(8, 8, QImage.Format.Format_RGB32), QSize(8, 8), TAGGED)
    label.set_full_text(TAGGED)
    field.set_full_text(TAGGED)
    for widget in (frame, label, field, *items):
        assert shown(widget.toolTip()).splitlines()[0] == TAGGED, widget
    model = PhotoModel()
    flags = np.zeros(1, bool)
    model.set_table(PhotoTable(np.array([1]), np.array([1]), np.zeros(1), np.ones(1), flags, [TAGGED], [b""]))
    model.replace(np.array([1]), None, frozenset())
    # A file's name has no slash: what is behind it is the name.
    assert shown(model.index(0).data(Qt.ItemDataRole.ToolTipRole)) == model.name(0) != TAGGED[:1]


def test_what_could_not_be_read_is_named_as_it_is(qtbot: QtBot) -> None:
    view = FailuresView()
    qtbot.addWidget(view)
    view.show_failures([Failure(f"/{TAGGED}.jpg", TAGGED, "2026-11-21T09:00:00+00:00")])
    model = view.findChild(QTableView).model()
    tips = [shown(model.index(0, column).data(Qt.ItemDataRole.ToolTipRole)) for column in range(3)]
    assert tips == [f"/{TAGGED}.jpg", f"/{TAGGED}.jpg", TAGGED]


@pytest.mark.parametrize("widget", [NoticeBar, ElidedLabel, PhotoPreview])
def test_lines_that_name_things_take_no_html(widget: type[QWidget], qtbot: QtBot) -> None:
    shows = widget()
    qtbot.addWidget(shows)
    labels = [shows] if isinstance(shows, QLabel) else shows.findChildren(QLabel)
    assert labels and all(label.textFormat() == Qt.TextFormat.PlainText for label in labels)


def test_a_library_that_cannot_be_opened_is_named_as_it_is(tmp_path: Path, qtbot: QtBot) -> None:
    folders = folders_in(tmp_path / "<b>bold<b>")
    folders.catalog.write_bytes(b"no database" * 1000)
    run = _Run(folders, [], None)
    boxes: list[QMessageBox] = []

    def asked() -> bool:
        boxes[:] = [one for one in QApplication.topLevelWidgets() if isinstance(one, QMessageBox)]
        return bool(boxes)

    qtbot.waitUntil(asked, timeout=WAIT)
    (box,) = boxes
    assert "<b>bold<b>" in box.text() and box.textFormat() == Qt.TextFormat.PlainText
    assert run.end() == 1
    box.deleteLater()
