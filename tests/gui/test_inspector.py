"""The inspector says what is known about a photo and hands on what the user wants done with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QLocale, QPoint, QSize, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from photosim.catalog.records import Photo, Place
from photosim.gui.inspector import Inspector
from photosim.gui.style import apply_style
from photosim.gui.widgets import ButtonGrid, ElidedField, FactTable
from photosim.imaging import facts as imaging_facts
from photosim.imaging.limits import DEFAULT_LIMITS
from photosim.imaging.reading import preview, read_bytes

FACTS = imaging_facts.Facts(
    width=6240,
    height=4160,
    format="JPEG",
    taken="2023-07-14T18:42:00",
    camera="FUJIFILM X-T30",
    lens="XF35mmF2 R WR",
    focal_mm=35.0,
    aperture=2.0,
    exposure_s=0.002,
    iso=200,
    latitude=43.94932,
    longitude=4.80553,
)
BARE = imaging_facts.Facts(300, 200, "PNG", None, None, None, None, None, None, None, None, None)


@pytest.fixture
def dressed(qapp: QApplication) -> Iterator[None]:
    apply_style(qapp, Qt.ColorScheme.Light)
    yield
    qapp.setStyleSheet("")


def a_photo(photo_id: int = 7, *paths: str, online: bool = True, facts: imaging_facts.Facts = FACTS) -> Photo:
    places = [
        Place(path=path, folder_id=1, online=online, size=11_800_000, modified=0.0)
        for path in paths or ("/home/ada/Pictures/2023/Provence/IMG_2107.jpg",)
    ]
    return Photo(id=photo_id, content_hash=b"h", facts=facts, places=tuple(places))


def an_image(width: int = 600, height: int = 400) -> QImage:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor("green"))
    return image


@pytest.fixture
def inspector(qtbot: QtBot) -> Inspector:
    widget = Inspector()
    qtbot.addWidget(widget)
    widget.setLocale(QLocale("en_GB"))
    widget.resize(300, 760)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def settle() -> None:
    """Let the layouts that changed be laid out; each may ask the one around it again."""
    for _ in range(5):
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)


def words(inspector: Inspector) -> list[str]:
    """Every text that is to be seen."""
    found = [label.text() for label in inspector.findChildren(QLabel) if label.isVisible()]
    found += [field.full_text for field in inspector.findChildren(ElidedField) if field.isVisible()]
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text in found]


def button(inspector: Inspector, text: str) -> QPushButton:
    return next(
        found for found in inspector.findChildren(QPushButton) if found.text() == text and found.isVisible()
    )


def test_a_photo_is_shown_with_all_that_is_known(inspector: Inspector) -> None:
    inspector.show_photo(a_photo(), 0.934, (0.95, 0.71))

    shown = words(inspector)
    for text in (
        "IMG_2107.jpg",
        "similarity 0.93 · kind 0.95, thing 0.71",
        "14 July 2023, 18:42",
        "FUJIFILM X-T30",
        "XF35mmF2 R WR",
        "f/2 · 1/500 s · ISO 200 · 35 mm",
        "6240 × 4160 · 11.8 MB",
        "43.94932, 4.80553",
        "/home/ada/Pictures/2023/Provence/IMG_2107.jpg",
    ):
        assert text in shown
    assert button(inspector, "2023/Provence").isEnabled()
    assert "offline" not in shown


def test_a_figure_stays_on_the_line_of_its_word(inspector: Inspector) -> None:
    inspector.show_photo(a_photo(), 0.934, (0.95, 0.16))
    (shown,) = (label for label in inspector.findChildren(QLabel) if label.text().startswith("similarity"))
    assert [line.strip() for line in shown.text().split(" ")] == [
        "similarity\N{NO-BREAK SPACE}0.93",
        "·",
        "kind\N{NO-BREAK SPACE}0.95,\N{NO-BREAK SPACE}thing\N{NO-BREAK SPACE}0.16",
    ]
    assert shown.accessibleName() == "similarity 0.93 · kind 0.95, thing 0.16"


def test_why_a_photo_matches_can_be_asked_where_there_is_a_query(inspector: Inspector, qtbot: QtBot) -> None:
    inspector.show_photo(a_photo(7), 0.934)
    link = button(inspector, "Why it matches…")
    assert "Ctrl+Y" in link.toolTip()
    with qtbot.waitSignal(inspector.why_requested) as asked:
        QTest.keyClick(link, Qt.Key.Key_Space)
    assert asked.args == [7]
    inspector.show_photo(a_photo(8))
    assert not link.isVisible()


def test_facts_of_the_photo_before_do_not_stay(inspector: Inspector) -> None:
    inspector.show_photo(a_photo(), 0.934, (0.95, 0.71))
    inspector.show_photo(a_photo(8, "/home/ada/b.png", facts=BARE))

    shown = words(inspector)
    assert "300 × 200 · 11.8 MB" in shown
    gone = {"FUJIFILM X-T30", "Place", "IMG_2107.jpg", "similarity 0.93 · kind 0.95, thing 0.71"}
    assert not gone & set(shown)


def test_with_nothing_selected_it_says_so(inspector: Inspector) -> None:
    inspector.show_photo(a_photo())
    inspector.show_photo(None)

    assert "No photo selected" in words(inspector)
    assert inspector.photo_id is None
    assert not [found for found in inspector.findChildren(QPushButton) if found.isVisible()]


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("Find similar", "find_similar"),
        ("More like this", "more_like"),
        ("Less like this", "less_like"),
        ("Show in folder", "show_in_folder"),
        ("2023/Provence", "show_in_folder"),
        ("Open", "open_photo"),
        ("Copy photo", "copy_photo"),
        ("Copy path", "copy_path"),
    ],
)
def test_each_action_names_the_photo_that_is_shown(
    inspector: Inspector, qtbot: QtBot, text: str, signal: str
) -> None:
    inspector.show_photo(a_photo(3))
    inspector.show_photo(a_photo(7))
    with qtbot.waitSignal(getattr(inspector, signal)) as sent:
        qtbot.mouseClick(button(inspector, text), Qt.MouseButton.LeftButton)
    assert sent.args == [7]


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("Find similar", "find_similar_to_all"),
        ("More like these", "more_like_all"),
        ("Less like these", "less_like_all"),
        ("Copy photos", "copy_photos"),
        ("Copy paths", "copy_paths"),
    ],
)
def test_several_photos_are_counted_and_acted_on_together(
    inspector: Inspector, qtbot: QtBot, text: str, signal: str
) -> None:
    inspector.show_photo(a_photo())
    inspector.show_several([5, 3, 9])
    assert "3 photos selected" in words(inspector)
    with qtbot.waitSignal(getattr(inspector, signal)) as sent:
        qtbot.mouseClick(button(inspector, text), Qt.MouseButton.LeftButton)
    assert sent.args == [[5, 3, 9]]


def test_an_offline_photo_can_be_a_query_but_not_be_opened(inspector: Inspector) -> None:
    inspector.show_photo(a_photo(online=False))
    assert "offline" in words(inspector)
    for text in ("Part of it…", "Show in folder", "Open", "Copy photo"):
        assert not button(inspector, text).isEnabled()
        assert "drive" in button(inspector, text).toolTip()
    for text in ("Find similar", "More like this", "Less like this", "Copy path"):
        assert button(inspector, text).isEnabled()
    inspector.show_photo(a_photo(8))
    assert "offline" not in words(inspector)
    assert "drive" not in button(inspector, "Open").toolTip()


def test_every_copy_is_listed_with_its_own_drive(inspector: Inspector) -> None:
    photo = a_photo(7, "/home/ada/a.jpg", "/media/backup/a.jpg")
    places = (photo.places[0], Place("/media/backup/a.jpg", 2, False, 11_800_000, 0.0))
    inspector.show_photo(Photo(photo.id, photo.content_hash, photo.facts, places))

    shown = words(inspector)
    assert "2 identical copies" in shown
    assert {"/home/ada/a.jpg", "/media/backup/a.jpg"} <= set(shown)
    assert shown.count("offline") == 1
    assert button(inspector, "Open").isEnabled()


def test_a_long_path_is_shortened_in_its_middle_and_copied_whole(inspector: Inspector, qtbot: QtBot) -> None:
    path = "/home/ada/Pictures/" + "a very long folder name/" * 6 + "IMG_2107.jpg"
    inspector.show_photo(a_photo(7, path))
    settle()
    field = next(f for f in inspector.findChildren(ElidedField) if f.full_text == path)
    assert "…" in field.text()
    assert field.text().startswith("/home") and field.text().endswith(".jpg")
    assert field.toolTip() == path

    qtbot.mouseClick(field, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: field.selectedText() == path)
    field.copy()
    try:
        assert QApplication.clipboard().text() == path
    finally:
        QApplication.clipboard().clear()
    button(inspector, "Open").setFocus()
    assert "…" in field.text()


def test_a_preview_is_asked_for_once_the_choice_rests(inspector: Inspector, qtbot: QtBot) -> None:
    asked: list[tuple[int, int]] = []
    inspector.preview_wanted.connect(lambda photo_id, side: asked.append((photo_id, side)))
    for photo_id in range(1, 6):
        inspector.show_photo(a_photo(photo_id))
    qtbot.waitUntil(lambda: bool(asked))
    inspector.show_photo(a_photo(5), 0.5)  # the same photo in another ranking
    qtbot.wait(100)

    assert [photo_id for photo_id, _ in asked] == [5]
    assert asked[0][1] >= 260


def test_a_preview_that_comes_late_is_not_shown_for_another_photo(inspector: Inspector) -> None:
    inspector.show_photo(a_photo(1))
    inspector.show_photo(a_photo(2))
    inspector.set_preview(1, an_image())
    assert not inspector.preview.has_image
    inspector.set_preview(2, an_image())
    assert inspector.preview.has_image
    inspector.show_photo(a_photo(3))
    assert not inspector.preview.has_image


def test_a_finer_preview_replaces_the_thumbnail_where_the_user_has_zoomed(inspector: Inspector) -> None:
    inspector.show_photo(a_photo(1))
    inspector.set_preview(1, an_image(60, 40))
    inspector.preview.zoom_to_pixels()
    zoom = inspector.preview.zoom
    inspector.set_preview(1, an_image(1200, 800))
    assert inspector.preview.zoom == pytest.approx(zoom)


def test_zooming_in_asks_for_the_pixels_it_needs(inspector: Inspector, qtbot: QtBot) -> None:
    inspector.show_photo(a_photo(1))
    qtbot.waitSignal(inspector.preview_wanted).wait()
    inspector.set_preview(1, an_image(600, 400))
    with qtbot.waitSignal(inspector.preview_wanted) as wanted:
        inspector.preview.zoom_to_pixels()
    assert wanted.args == [1, 6240]


def test_a_part_of_the_photo_becomes_a_query(inspector: Inspector, qtbot: QtBot) -> None:
    inspector.show_photo(a_photo(7))
    inspector.set_preview(7, an_image(600, 400))
    part = button(inspector, "Part of it…")
    qtbot.mouseClick(part, Qt.MouseButton.LeftButton)
    assert part.isChecked()
    assert inspector.preview.region_mode
    middle = inspector.preview.rect().center()
    with qtbot.waitSignal(inspector.region_query) as sent:
        QTest.mousePress(inspector.preview, Qt.MouseButton.LeftButton, pos=middle - QPoint(40, 40))
        QTest.mouseMove(inspector.preview, middle)
        QTest.mouseRelease(inspector.preview, Qt.MouseButton.LeftButton, pos=middle + QPoint(40, 40))
    photo_id, region = sent.args
    assert photo_id == 7
    x, y, width, height = region
    assert x + width / 2 == pytest.approx(0.5, abs=0.01)
    assert y + height / 2 == pytest.approx(0.5, abs=0.01)
    assert width * 6240 == pytest.approx(height * 4160, rel=0.01)
    assert not part.isChecked()


def test_the_drawing_can_be_given_up_by_the_same_button(inspector: Inspector, qtbot: QtBot) -> None:
    inspector.show_photo(a_photo(7))
    part = button(inspector, "Part of it…")
    qtbot.mouseClick(part, Qt.MouseButton.LeftButton)
    assert not part.isChecked()  # nothing to draw on yet
    inspector.set_preview(7, an_image())
    qtbot.mouseClick(part, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(part, Qt.MouseButton.LeftButton)
    assert not inspector.preview.region_mode
    assert not part.isChecked()


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("width", [280, 420])
def test_nothing_overlaps_or_is_cut_off_at_any_font_size(
    qtbot: QtBot, dressed: None, scale: int, width: int
) -> None:
    inspector = Inspector()
    qtbot.addWidget(inspector)
    font = QApplication.font()
    font.setPointSizeF(font.pointSizeF() * scale)
    inspector.setFont(font)
    inspector.resize(width, 400)
    names = ["/home/" + "Wochenende am See/" * 5 + "a" * 200 + ".jpg", "/media/Sicherung/b.jpg"]
    inspector.show_photo(a_photo(1, *names), 0.934, (0.95, 0.71))
    inspector.set_preview(1, an_image())
    inspector.show()
    qtbot.waitExposed(inspector)
    area = inspector.findChild(QScrollArea)
    page = area.widget()
    settle()

    leaves = [
        w
        for w in page.findChildren(QWidget)
        if w.isVisible() and isinstance(w, (QLabel, QPushButton, QLineEdit)) and w.text()
    ]
    assert len(leaves) > 20
    assert page.width() <= area.viewport().width()
    boxes = [(w, w.rect().translated(w.mapTo(page, QPoint(0, 0)))) for w in leaves]
    for number, (widget, box) in enumerate(boxes):
        assert page.rect().contains(box), widget
        if isinstance(widget, QLabel) and widget.wordWrap():
            assert box.height() >= widget.heightForWidth(box.width()), widget.text()
        else:
            assert box.height() >= widget.minimumSizeHint().height(), widget.text()
        if isinstance(widget, QPushButton):
            assert box.width() >= widget.minimumSizeHint().width(), widget.text()
        for other, other_box in boxes[number + 1 :]:
            assert not box.intersects(other_box), (widget.text(), other.text())


def test_every_control_has_a_name_and_can_be_reached_by_tab(inspector: Inspector, qtbot: QtBot) -> None:
    inspector.show_photo(a_photo())
    inspector.set_preview(7, an_image())
    controls = [
        w
        for w in inspector.findChildren(QWidget)
        if w.isVisible() and isinstance(w, (QPushButton, QLineEdit)) or w is inspector.preview
    ]
    assert len(controls) == 12
    reached = set()
    inspector.preview.setFocus()
    for _ in range(40):
        focused = QApplication.focusWidget()
        assert focused is not None
        reached.add(focused)
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    for control in controls:
        assert control.accessibleName()
        assert control.toolTip()
        assert control in reached, control


def test_a_photo_as_a_camera_wrote_it(inspector: Inspector, shared: Path) -> None:
    path = next((shared / "camera").glob("Canon_EOS-1D*"))
    pixels, facts = preview(read_bytes(path), 600, DEFAULT_LIMITS)
    inspector.show_photo(a_photo(1, str(path), facts=facts))
    height, width, _ = pixels.shape
    image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    inspector.set_preview(1, image)

    shown = words(inspector)
    assert "Canon EOS-1D Mark III" in shown
    assert "20 September 2008, 09:01" in shown
    assert "f/5.6 · 1/640 s · ISO 100 · 200 mm" in shown


def test_buttons_share_two_columns_or_stand_in_one(qtbot: QtBot) -> None:
    grid = ButtonGrid()
    qtbot.addWidget(grid)
    buttons = [grid.add(text, "tip", lambda: None) for text in ("Find similar", "Open", "Copy path")]
    wide, narrow = grid.sizeHint(), QSize(buttons[0].sizeHint().width() + 10, 400)
    grid.resize(wide)
    grid.show()
    assert buttons[1].y() == buttons[0].y()
    assert buttons[2].y() > buttons[0].y()
    grid.resize(narrow)
    assert [b.x() for b in buttons] == [0, 0, 0]
    assert grid.heightForWidth(narrow.width()) > wide.height()


def test_values_stand_below_their_labels_where_there_is_little_room(qtbot: QtBot) -> None:
    table = FactTable()
    qtbot.addWidget(table)
    label, value = QLabel("Exposure"), QLabel("f/2")
    table.add(label, value)
    table.resize(600, 60)
    table.show()
    assert value.y() == label.y()
    table.resize(label.sizeHint().width() + 20, 60)
    assert value.y() > label.y()
    assert value.x() == 0
