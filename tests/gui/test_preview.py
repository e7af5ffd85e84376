"""A photo can be looked at closely, and the part drawn is the part of the photo, whatever the view."""

from __future__ import annotations

import os
import subprocess

import pytest
from PySide6.QtCore import QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from photosim.gui.preview import PhotoPreview

PHOTO = QSize(800, 400)
LEFT = Qt.MouseButton.LeftButton


def quarters(size: QSize = PHOTO) -> QImage:
    """Red, green, blue and white quarters, so that a pixel tells where in the photo it is."""
    image = QImage(size, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    half_width, half_height = size.width() // 2, size.height() // 2
    for place, color in enumerate(("red", "lime", "blue", "white")):
        painter.fillRect(
            place % 2 * half_width, place // 2 * half_height, half_width, half_height, QColor(color)
        )
    painter.end()
    return image


@pytest.fixture
def preview(qtbot: QtBot) -> PhotoPreview:
    """An 800 x 400 photo in a 400 x 400 widget: fitted at half size, 100 pixels free above and below."""
    widget = PhotoPreview()
    qtbot.addWidget(widget)
    widget.resize(400, 400)
    widget.set_image(quarters())
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def color_at(preview: PhotoPreview, x: int, y: int) -> str:
    return preview.grab().toImage().pixelColor(x, y).name()


def wheel(preview: PhotoPreview, x: float, y: float, turns: int) -> bool:
    event = QWheelEvent(
        QPointF(x, y), preview.mapToGlobal(QPointF(x, y)), QPoint(), QPoint(0, 120 * turns),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(preview, event)
    return event.isAccepted()


def drag(preview: PhotoPreview, start: tuple[int, int], end: tuple[int, int]) -> None:
    QTest.mousePress(preview, LEFT, pos=QPoint(*start))
    QTest.mouseMove(preview, QPoint((start[0] + end[0]) // 2, (start[1] + end[1]) // 2))
    QTest.mouseMove(preview, QPoint(*end))
    QTest.mouseRelease(preview, LEFT, pos=QPoint(*end))


def test_a_photo_is_fitted_at_first(preview: PhotoPreview) -> None:
    assert preview.fitted
    assert preview.zoom == pytest.approx(0.5 * preview.devicePixelRatioF())
    assert color_at(preview, 10, 110) == "#ff0000"
    assert color_at(preview, 390, 110) == "#00ff00"
    assert color_at(preview, 10, 290) == "#0000ff"
    assert color_at(preview, 200, 50) not in ("#ff0000", "#00ff00")


def test_the_point_under_the_cursor_stays_there_while_the_wheel_zooms(preview: PhotoPreview) -> None:
    # Just left of and above the middle of the photo: red, with the other three colours around it.
    for _ in range(5):
        assert wheel(preview, 195, 195, 1)
    assert not preview.fitted
    assert color_at(preview, 193, 193) == "#ff0000"
    assert color_at(preview, 230, 193) == "#00ff00"
    for _ in range(5):
        wheel(preview, 195, 195, -1)
    assert preview.fitted


def test_a_wheel_turned_back_on_a_fitted_photo_is_left_to_the_page_around_it(preview: PhotoPreview) -> None:
    assert not wheel(preview, 200, 200, -1)
    preview.set_image(None)
    assert not wheel(preview, 200, 200, 1)


def test_dragging_moves_a_zoomed_photo_and_stops_at_its_edge(preview: PhotoPreview) -> None:
    preview.zoom_to_pixels()
    drag(preview, (10, 200), (390, 200))
    assert color_at(preview, 5, 190) == "#ff0000"
    assert color_at(preview, 395, 190) == "#ff0000"
    drag(preview, (390, 200), (10, 200))
    drag(preview, (390, 200), (10, 200))
    drag(preview, (390, 200), (10, 200))
    assert color_at(preview, 5, 190) == "#00ff00"
    assert color_at(preview, 395, 190) == "#00ff00"


def test_a_double_click_shows_every_pixel_and_the_whole_again(preview: PhotoPreview, qtbot: QtBot) -> None:
    qtbot.mouseDClick(preview, LEFT, pos=QPoint(50, 150))
    assert preview.zoom == pytest.approx(1.0)
    assert color_at(preview, 200, 190) == "#ff0000"
    qtbot.mouseDClick(preview, LEFT, pos=QPoint(50, 150))
    assert preview.fitted


def test_the_keyboard_zooms_and_moves(preview: PhotoPreview, qtbot: QtBot) -> None:
    preview.setFocus()
    qtbot.keyClick(preview, Qt.Key.Key_1)
    assert preview.zoom == pytest.approx(1.0)
    for _ in range(20):
        qtbot.keyClick(preview, Qt.Key.Key_Right)
    assert color_at(preview, 5, 190) == "#00ff00"
    qtbot.keyClick(preview, Qt.Key.Key_Plus)
    assert preview.zoom == pytest.approx(1.25)
    qtbot.keyClick(preview, Qt.Key.Key_Minus)
    assert preview.zoom == pytest.approx(1.0)
    qtbot.keyClick(preview, Qt.Key.Key_0)
    assert preview.fitted


def test_zoom_has_an_end(preview: PhotoPreview) -> None:
    for _ in range(60):
        wheel(preview, 100, 200, 1)
    assert preview.zoom == pytest.approx(8.0)


def test_a_small_picture_is_not_blown_up_beyond_twice_its_size(preview: PhotoPreview) -> None:
    preview.set_image(quarters(QSize(20, 20)))
    assert preview.zoom == pytest.approx(2.0 * preview.devicePixelRatioF())


def test_a_drawn_rectangle_is_the_part_of_the_photo_below_it(preview: PhotoPreview, qtbot: QtBot) -> None:
    preview.start_region_mode()
    with qtbot.waitSignal(preview.region_chosen) as chosen:
        drag(preview, (300, 250), (100, 150))
    assert chosen.args == pytest.approx([0.25, 0.25, 0.5, 0.5])
    assert not preview.region_mode


def test_a_rectangle_drawn_on_a_zoomed_and_moved_photo_is_right_too(
    preview: PhotoPreview, qtbot: QtBot
) -> None:
    preview.zoom_to_pixels()
    drag(preview, (390, 200), (10, 200))  # now the right half, from 0.5 to 1, and the whole height
    preview.start_region_mode()
    with qtbot.waitSignal(preview.region_chosen) as chosen:
        drag(preview, (100, 100), (300, 200))
    x, y, width, height = chosen.args
    assert width == pytest.approx(200 / 800)
    assert height == pytest.approx(100 / 400)
    assert x == pytest.approx((380 + 200 - 200 + 100) / 800, abs=0.03)
    assert y == pytest.approx(100 / 400)


def test_a_region_counts_in_the_photos_own_pixels_when_a_smaller_image_shows_it(
    preview: PhotoPreview, qtbot: QtBot
) -> None:
    preview.set_image(quarters(QSize(80, 40)), QSize(8000, 4000))
    preview.start_region_mode()
    with qtbot.waitSignal(preview.region_chosen) as chosen:
        drag(preview, (200, 200), (202, 202))  # 40 pixels of the photo: small on the screen, large enough
    assert chosen.args == pytest.approx([0.5, 0.5, 0.005, 0.01])


def test_a_rectangle_beyond_the_photo_ends_at_its_edge(preview: PhotoPreview, qtbot: QtBot) -> None:
    preview.start_region_mode()
    with qtbot.waitSignal(preview.region_chosen) as chosen:
        drag(preview, (200, 200), (399, 395))
    x, y, width, height = chosen.args
    assert (x, y) == pytest.approx((0.5, 0.5))
    assert x + width <= 1.0
    assert y + height == pytest.approx(1.0)


def test_a_tiny_rectangle_is_refused_with_a_hint_and_can_be_drawn_again(
    preview: PhotoPreview, qtbot: QtBot
) -> None:
    preview.start_region_mode()
    with qtbot.assertNotEmitted(preview.region_chosen):
        drag(preview, (200, 200), (203, 260))
    assert preview.region_mode
    assert "too small" in preview.hint
    with qtbot.waitSignal(preview.region_chosen):
        drag(preview, (200, 200), (230, 260))
    assert preview.hint == ""


def test_a_region_can_be_made_with_the_keyboard_alone(preview: PhotoPreview, qtbot: QtBot) -> None:
    preview.start_region_mode()
    assert preview.hasFocus()
    for _ in range(5):
        qtbot.keyClick(preview, Qt.Key.Key_Left)
        qtbot.keyClick(preview, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    with qtbot.waitSignal(preview.region_chosen) as chosen:
        qtbot.keyClick(preview, Qt.Key.Key_Return)
    assert chosen.args == pytest.approx([0.15, 0.25, 0.5, 0.6])


def test_escape_leaves_the_drawing_and_keeps_what_was_outlined(preview: PhotoPreview, qtbot: QtBot) -> None:
    preview.show_region((0.0, 0.0, 0.5, 0.5))
    preview.setFocus()
    before = preview.grab().toImage()
    with qtbot.waitSignal(preview.region_mode_changed) as entered:
        preview.start_region_mode()
    qtbot.keyClick(preview, Qt.Key.Key_Right)
    with (
        qtbot.assertNotEmitted(preview.region_chosen),
        qtbot.waitSignal(preview.region_mode_changed) as left,
    ):
        qtbot.keyClick(preview, Qt.Key.Key_Escape)
    assert (entered.args, left.args) == ([True], [False])
    assert preview.grab().toImage() == before


def test_the_outlined_part_is_bright_and_the_rest_is_dimmed(preview: PhotoPreview) -> None:
    preview.show_region((0.0, 0.0, 0.5, 0.5))
    assert color_at(preview, 50, 150) == "#ff0000"
    assert QColor(color_at(preview, 350, 150)).green() < 200


def test_another_photo_ends_the_drawing(preview: PhotoPreview) -> None:
    preview.start_region_mode()
    preview.set_image(quarters(QSize(100, 100)))
    assert not preview.region_mode
    preview.set_image(None)
    preview.start_region_mode()
    assert not preview.region_mode


def test_more_pixels_are_asked_for_when_the_zoom_needs_them_and_change_nothing_else(
    preview: PhotoPreview, qtbot: QtBot
) -> None:
    preview.set_image(quarters(QSize(400, 200)), QSize(4000, 2000))
    with qtbot.waitSignal(preview.detail_wanted) as wanted:
        for _ in range(5):
            wheel(preview, 195, 195, 1)
    side = wanted.args[0]
    assert 400 < side <= 4000
    zoom = preview.zoom
    preview.set_detail(quarters(QSize(2000, 1000)))
    assert preview.zoom == pytest.approx(zoom)
    assert color_at(preview, 193, 193) == "#ff0000"
    assert color_at(preview, 250, 193) == "#00ff00"
    preview.set_detail(quarters(QSize(40, 20)))
    assert color_at(preview, 193, 193) == "#ff0000"


HIDPI_PROGRAM = """
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from photosim.gui.preview import PhotoPreview

app = QApplication([])
preview = PhotoPreview()
preview.resize(400, 400)
image = QImage(800, 400, QImage.Format.Format_RGB32)
image.fill(Qt.GlobalColor.red)
preview.set_image(image)
preview.show()
QTest.qWaitForWindowExposed(preview)
assert preview.devicePixelRatioF() == 2.0, preview.devicePixelRatioF()
assert abs(preview.zoom - 1.0) < 1e-6, preview.zoom
chosen = []
preview.region_chosen.connect(lambda *region: chosen.append(region))
preview.start_region_mode()
QTest.mousePress(preview, Qt.MouseButton.LeftButton, pos=QPoint(100, 150))
QTest.mouseMove(preview, QPoint(300, 250))
QTest.mouseRelease(preview, Qt.MouseButton.LeftButton, pos=QPoint(300, 250))
print(*(round(part, 6) for part in chosen[0]))
"""


def test_a_region_is_right_on_a_dense_screen(python: str) -> None:
    environment = os.environ | {"QT_SCALE_FACTOR": "2", "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [python, "-c", HIDPI_PROGRAM], env=environment, capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0.25", "0.25", "0.5", "0.5"]
