"""Why it matches, in the real window: from the inspector to the view, and from a place to the next query."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from photosim.gui.pair_canvas import QUERY, RESULT
from photosim.gui.views import QueryItem
from photosim.gui.why_view import WhyView
from photosim.gui.window import MainWindow
from photosim.model.onnx_runtime import OnnxRuntime
from photosim.model.registry import Registry
from photosim.paths import Folders, bundled_models
from tests.gui.windows import WAIT, OpenWindow, find, id_of, settle

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def has_maps() -> bool:
    card = Registry(bundled_models(), Path("no models of one's own")).default()
    pixels = np.zeros((1, card.input_size, card.input_size, 3), np.uint8)
    return bool(OnnxRuntime(card, 1).maps(pixels))


@pytest.fixture
def needs_maps(has_maps: bool) -> None:
    if not has_maps:
        pytest.skip("the bundled model's graph does not give its maps")


@pytest.fixture
def view(window: MainWindow) -> WhyView:
    return window._parts.why_view


def words(view: WhyView) -> str:
    return "\n".join(label.text() for label in view.findChildren(QLabel) if label.isVisible())


def explain(window: MainWindow, view: WhyView, qtbot: QtBot, name: str) -> None:
    """Select a result and press the keys; returns once both photos have been looked at."""
    settle(window, qtbot)
    window.grid.select_id(id_of(window, name))
    window.menus.actions["why"].trigger()
    qtbot.waitUntil(lambda: view.is_open and "Looking at the photo" not in words(view), timeout=WAIT)
    settle(window, qtbot)


def test_the_inspector_offers_it_for_results_alone(
    window: MainWindow, view: WhyView, photos: Path, qtbot: QtBot
) -> None:
    window.grid.select_id(id_of(window, "coffee.png"))
    settle(window, qtbot)
    link = next(b for b in window.inspector.findChildren(QPushButton) if "Why" in b.text())
    assert not link.isVisible()
    window.menus.actions["why"].trigger()
    assert not view.is_open
    assert "Search for a photo first" in window.scan_bar.message
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    window.grid.select_id(id_of(window, "motorcycle_right.png"))
    settle(window, qtbot)
    assert link.isVisible()
    link.click()
    qtbot.waitUntil(lambda: view.is_open, timeout=WAIT)
    settle(window, qtbot)


def test_the_sum_is_the_similarity_that_the_grid_shows(
    window: MainWindow, view: WhyView, photos: Path, qtbot: QtBot, needs_maps: None
) -> None:
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    explain(window, view, qtbot, "motorcycle_right.png")
    similarity = window.grid.similarity_of(id_of(window, "motorcycle_right.png"))
    for side in (QUERY, RESULT):
        split = view._split(side)
        assert split is not None
        assert split.similarity == pytest.approx(similarity, abs=0.001)
        heat = view.canvas.heat(side)
        assert heat is not None and heat.max() == pytest.approx(1)
    assert f"Similarity {similarity:.2f}" in words(view)


def test_the_focus_decides_what_is_explained(
    window: MainWindow, view: WhyView, photos: Path, qtbot: QtBot, needs_maps: None
) -> None:
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        window.navigator.set_focus(1.0)
    explain(window, view, qtbot, "motorcycle_right.png")
    assert "counts 0 %" in words(view) and "counts 100 %" in words(view)
    split = view._split(RESULT)
    assert split is not None
    similarity = window.grid.similarity_of(id_of(window, "motorcycle_right.png"))
    assert split.similarity == pytest.approx(similarity, abs=0.001)


@pytest.mark.parametrize(("side", "name"), [(RESULT, "motorcycle_right.png"), (QUERY, "motorcycle_left.png")])
def test_a_place_of_either_photo_becomes_the_query(
    window: MainWindow,
    view: WhyView,
    photos: Path,
    qtbot: QtBot,
    needs_maps: None,
    side: int,
    name: str,
) -> None:
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    explain(window, view, qtbot, "motorcycle_right.png")
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        QTest.mouseClick(
            view.canvas, Qt.MouseButton.LeftButton, pos=view.canvas.photo_rect(side).center().toPoint()
        )
    assert not view.is_open
    query = window.navigator.query
    assert query is not None
    (item,) = query.items
    assert item.name == name
    assert item.region is not None
    x, y, width, height = item.region
    assert width >= 0.15 and height >= 0.25 and x >= 0 and x + width <= 1 + 1e-9 and y + height <= 1 + 1e-9
    settle(window, qtbot)


def test_a_query_that_is_a_region_is_explained_within_it(
    window: MainWindow, view: WhyView, photos: Path, qtbot: QtBot, needs_maps: None
) -> None:
    photo_id = id_of(window, "motorcycle_left.png")
    region = (0.2, 0.2, 0.5, 0.6)
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        window.photo_actions.find_region(photo_id, region)
    explain(window, view, qtbot, "motorcycle_right.png")
    similarity = window.grid.similarity_of(id_of(window, "motorcycle_right.png"))
    split = view._split(QUERY)
    assert split is not None and split.similarity == pytest.approx(similarity, abs=0.001)
    assert view._sides[QUERY].seen == region


def test_a_model_without_maps_says_so_plainly(
    window: MainWindow, view: WhyView, photos: Path, qtbot: QtBot, has_maps: bool
) -> None:
    if has_maps:
        pytest.skip("the bundled model gives its maps")
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    explain(window, view, qtbot, "motorcycle_right.png")
    assert "No heat map: the model deepranking-v1 does not tell" in words(view)
    assert view.canvas.heat(RESULT) is None


def test_matching_points_of_one_thing_are_shown_and_of_others_that_there_are_none(
    window: MainWindow, view: WhyView, photos: Path, qtbot: QtBot
) -> None:
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    explain(window, view, qtbot, "motorcycle_right.png")
    next(b for b in view.findChildren(QPushButton) if b.text() == "Matching points").click()
    qtbot.waitUntil(lambda: "were found again in the result" in words(view), timeout=WAIT)
    points = view._points
    assert points is not None and len(points.query) == len(points.result) >= 8
    assert points.query.min() >= 0 and points.query.max() <= 1
    view.step.emit(1)
    qtbot.waitUntil(lambda: "No matching points" in words(view), timeout=WAIT)
    settle(window, qtbot)


def test_points_of_a_region_lie_in_that_region(
    window: MainWindow, view: WhyView, photos: Path, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        window.photo_actions.find_region(id_of(window, "motorcycle_left.png"), (0.2, 0.2, 0.7, 0.7))
    explain(window, view, qtbot, "motorcycle_right.png")
    next(b for b in view.findChildren(QPushButton) if b.text() == "Matching points").click()
    qtbot.waitUntil(lambda: view._points is not None, timeout=WAIT)
    points = view._points
    assert points is not None
    assert points.query.min() >= 0.2 - 1e-6 and points.query.max() <= 0.9 + 1e-6
    # One scene from two eyes: what lies at a place in the one lies near it in the other.
    assert np.abs(points.query - points.result).mean() < 0.15


def test_of_several_query_photos_the_most_like_it_comes_first_and_the_others_are_a_step_away(
    window: MainWindow, view: WhyView, photos: Path, qtbot: QtBot
) -> None:
    find(window, qtbot, photos / "things" / "coins.png", photos / "things" / "motorcycle_left.png")
    explain(window, view, qtbot, "motorcycle_right.png")
    assert "2 of 2" in words(view) and "motorcycle_left.png" in words(view)
    next(b for b in view.findChildren(QPushButton) if b.text() == "›").click()
    qtbot.waitUntil(lambda: "1 of 2" in words(view), timeout=WAIT)
    assert "coins.png" in words(view)
    settle(window, qtbot)


def test_a_photo_that_is_gone_is_explained_by_its_thumbnail(
    open_window: OpenWindow,
    library_folders: Folders,
    photos: Path,
    qtbot: QtBot,
) -> None:
    """Its file went after the scan: the figures are of the thumbnail, and no part of it can be searched."""
    window = open_window(library_folders)
    settle(window, qtbot)
    view = window._parts.why_view
    hidden = photos / "things" / "hidden.png"
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    settle(window, qtbot)
    os.rename(photos / "things" / "motorcycle_right.png", hidden)
    try:
        explain(window, view, qtbot, "motorcycle_right.png")
        assert "no longer there" in words(view)
    finally:
        os.rename(hidden, photos / "things" / "motorcycle_right.png")


def test_a_picture_without_a_file_can_be_explained(
    window: MainWindow, view: WhyView, photos: Path, qtbot: QtBot, needs_maps: None
) -> None:
    """Dropped from a browser: what is kept of it is its thumbnail."""
    file = io.BytesIO()
    with Image.open(photos / "things" / "motorcycle_left.png") as picture:
        picture.convert("RGB").resize((500, 340)).save(file, "PNG")
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        window.navigator.find((QueryItem(image=file.getvalue()),))
    explain(window, view, qtbot, "motorcycle_right.png")
    assert "a picture" in words(view)
    assert "from its thumbnail" in words(view)
    assert view.canvas.heat(QUERY) is not None
    assert not view.canvas.is_choosable(QUERY)


def test_going_back_closes_it(window: MainWindow, view: WhyView, photos: Path, qtbot: QtBot) -> None:
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    explain(window, view, qtbot, "motorcycle_right.png")
    window.navigator.go_back()
    settle(window, qtbot)
    assert not view.is_open


def test_going_back_stops_an_explanation_on_its_way(
    window: MainWindow, view: WhyView, photos: Path, qtbot: QtBot
) -> None:
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    settle(window, qtbot)
    window.why.open(id_of(window, "motorcycle_right.png"))
    window.navigator.go_back()
    settle(window, qtbot)
    qtbot.wait(300)
    assert not view.is_open


def test_closing_the_window_with_an_explanation_on_its_way_does_not_wait(
    window: MainWindow, view: WhyView, photos: Path, qtbot: QtBot
) -> None:
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    settle(window, qtbot)
    window.why.open(id_of(window, "motorcycle_right.png"))
    qtbot.waitUntil(lambda: view.is_open, timeout=WAIT)
    begun = time.monotonic()
    window.close()
    assert time.monotonic() - begun < 5
