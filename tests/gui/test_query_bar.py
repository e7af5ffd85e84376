"""The bar at the top: the query's photos, the similarity cut, the dial."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from photosim.gui.query_bar import QueryBar, count_from
from photosim.gui.query_strip import StripItem


@pytest.fixture
def bar(qtbot: QtBot) -> QueryBar:
    bar = QueryBar()
    qtbot.addWidget(bar)
    bar.resize(1200, 75)
    bar.show()
    qtbot.waitExposed(bar)
    return bar


def jpeg(color: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (80, 60), color).save(data, "JPEG")
    return data.getvalue()


FIGURES = np.array([1.0, 0.8, 0.52, 0.516, 0.4, -0.1], dtype=np.float32)


def test_the_cut_counts_photos_as_their_figures_read() -> None:
    assert count_from(FIGURES, None) == 6
    assert count_from(FIGURES, 0.52) == 4  # 0.516 is shown as 0.52
    assert count_from(FIGURES, 0.53) == 2
    assert count_from(FIGURES, 1.0) == 1
    assert count_from(FIGURES[:0], 0.5) == 0


def test_the_slider_says_from_where_and_how_many_remain(bar: QueryBar, qtbot: QtBot) -> None:
    bar.set_ranking(FIGURES)
    assert bar.cut.accessibleDescription() == "all · 6 photos"
    assert bar.cut_value is None
    with qtbot.waitSignal(bar.cut_changed) as told:
        bar.cut.setValue(52)
    assert told.args == [0.52]
    assert bar.cut.accessibleDescription() == "from 0.52 · 4 photos"
    assert bar.remaining() == 4


def test_showing_another_ranking_tells_nobody_that_the_cut_moved(bar: QueryBar, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(bar.cut_changed):
        bar.set_ranking(FIGURES, 0.4)
        bar.set_ranking(FIGURES[:3], 0.4)
    assert bar.remaining() == 3


def test_without_a_ranking_there_is_nothing_to_cut(bar: QueryBar) -> None:
    bar.set_ranking(FIGURES)
    bar.set_ranking(None)
    assert not bar.cut.isEnabled() and bar.remaining() == 0
    bar.set_ranking(FIGURES, 0.52)
    bar.set_ranking(FIGURES[:0], 0.52)
    assert not bar.cut.isEnabled() and bar.cut_value is None
    assert bar.cut.accessibleDescription() == "0 photos"


def test_a_cut_that_nothing_comes_up_to_stays_where_the_user_put_it(bar: QueryBar) -> None:
    bar.set_ranking(FIGURES[2:], 0.8)
    assert bar.cut.accessibleDescription() == "from 0.80 · 0 photos"
    bar.set_ranking(FIGURES, 0.8)
    assert bar.cut.accessibleDescription() == "from 0.80 · 2 photos"
    bar.set_ranking(FIGURES[:1])
    assert bar.cut.accessibleDescription() == "all · 1 photo"


def test_the_dial_tells_a_focus_from_kind_to_thing(bar: QueryBar, qtbot: QtBot) -> None:
    bar.set_focus_dial(0.5)
    assert bar.dial.isEnabled()
    with qtbot.waitSignal(bar.focus_changed) as told:
        bar.dial.setValue(bar.dial.maximum())
    assert told.args == [1.0]


def test_a_dial_that_does_nothing_says_why(bar: QueryBar) -> None:
    bar.set_focus_dial(0.5, "this model has one part")
    assert not bar.dial.isEnabled()
    assert bar.dial.toolTip() == "this model has one part"


def test_each_photo_of_the_query_can_be_changed_and_taken_away(bar: QueryBar, qtbot: QtBot) -> None:
    strip = bar.strip
    strip.set_items([StripItem("a.jpg", thumbnail=jpeg("red")), StripItem("b.jpg", less=True)])
    names = [photo.accessibleName() for photo in strip.photos]
    assert names == ["More like a.jpg", "Less like b.jpg"]
    with qtbot.waitSignal(strip.toggled) as told:
        qtbot.mouseClick(strip.photos[1], Qt.MouseButton.LeftButton)
    assert told.args == [1]
    with qtbot.waitSignal(strip.removed) as told:
        qtbot.keyClick(strip.photos[0], Qt.Key.Key_Delete)
    assert told.args == [0]
    with qtbot.waitSignal(strip.removed) as told:
        qtbot.mouseClick(strip.photos[1]._cross, Qt.MouseButton.LeftButton)
    assert told.args == [1]
    with qtbot.waitSignal(strip.add_requested):
        qtbot.keyClick(strip.add_button, Qt.Key.Key_Return)


def test_every_photo_of_the_query_is_seen(bar: QueryBar, qtbot: QtBot) -> None:
    bar.strip.set_items([StripItem(f"{n}.jpg", thumbnail=jpeg("green")) for n in range(3)])
    qtbot.waitUntil(lambda: all(photo.isVisible() for photo in bar.strip.photos))
    qtbot.waitUntil(lambda: all(not photo.visibleRegion().isEmpty() for photo in bar.strip.photos))


def test_the_picture_of_a_photo_is_painted(bar: QueryBar, qtbot: QtBot) -> None:
    bar.strip.set_items([StripItem("a.jpg", thumbnail=jpeg("red"))])
    (photo,) = bar.strip.photos
    image = photo.grab().toImage()
    color = image.pixelColor(image.width() // 3, image.height() // 2)
    assert color.red() > 200 and color.green() < 80


def test_photos_that_do_not_fit_are_scrolled_to_by_the_keyboard(bar: QueryBar, qtbot: QtBot) -> None:
    bar.strip.set_items([StripItem(f"{n}.jpg") for n in range(40)])
    bar.activateWindow()
    last = bar.strip.photos[-1]
    qtbot.waitUntil(lambda: last.isVisible())
    last.setFocus()
    bar.strip._area.ensureWidgetVisible(last)
    assert not last.visibleRegion().isEmpty()
    assert bar.strip.add_button.isVisible() and bar.menu_button.isVisible()


def test_every_control_has_a_name_and_a_tip(bar: QueryBar) -> None:
    controls = (
        bar.back,
        bar.forward,
        bar.dial,
        bar.cut,
        bar.size_slider,
        bar.menu_button,
        bar.strip.add_button,
    )
    bar.set_focus_dial(0.5)
    for control in controls:
        assert control.accessibleName() and control.toolTip(), control
