"""The window under a real X server and window manager: real keys and clicks, drags from another program."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QDialog, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from photosim.gui.style import apply_style
from photosim.gui.views import Browse
from photosim.gui.window import MainWindow
from photosim.gui.window_actions import ShortcutsPage
from photosim.paths import Folders
from tests.gui.libraries import PHOTOS, folders_in, lay_out_photos
from tests.gui.windows import WAIT, OpenWindow, id_of, names, settle

pytestmark = [
    pytest.mark.xvfb,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("xdotool") is None, reason="needs xdotool"),
]

SOURCE = Path(__file__).with_name("drag_source.py")


@pytest.fixture
def photos(sample_photos: list[Path], tmp_path: Path) -> Path:
    return lay_out_photos(sample_photos, tmp_path / "Pictures")


@pytest.fixture
def window(open_window: OpenWindow, tmp_path: Path, qtbot: QtBot) -> MainWindow:
    """A new library's window beside the place where drags begin."""
    window = open_window(folders_in(tmp_path / "library"))
    window.resize(1200, 850)
    window.move(300, 40)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=WAIT)
    qtbot.waitUntil(lambda: window.pos().x() >= 250, timeout=WAIT)
    return window


@pytest.fixture
def drag_from() -> Iterator[object]:
    """Starts the program to drag out of; gives the place on the screen where it is to be grabbed."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> QPoint:
        source = subprocess.Popen(
            [sys.executable, str(SOURCE), *(str(argument) for argument in arguments)],
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(source)
        assert source.stdout is not None
        x, y = re.findall(r"\d+", source.stdout.readline())
        return QPoint(int(x), int(y))

    yield start
    for source in running:
        source.kill()
        source.communicate()


def middle_of(window: MainWindow, photo_id: int) -> QPoint:
    grid = window.grid
    index = grid.model().index(grid.position_of(photo_id), 0)
    return grid.viewport().mapToGlobal(grid.visualRect(index).center())


def drag(xdotool, start: QPoint, end: QPoint) -> None:
    steps = [f"{start.x()} {start.y()} mousedown 1"]
    for step in range(1, 13):
        point = start + (end - start) * step / 12
        steps.append(f"{point.x()} {point.y()}")
    arguments: list[str] = []
    for step in steps:
        arguments += ["mousemove", *step.split(), "sleep", "0.05"]
    xdotool(*arguments, "sleep", "0.2", "mouseup", "1")


def test_the_first_journey(
    window: MainWindow, photos: Path, xdotool, drag_from, tmp_path: Path, qtbot: QtBot
) -> None:
    """Start, add a folder, wait, drop a photo from another program, double click another, go back twice."""
    assert window.invitation.isVisible()
    window.add_folders([photos])
    qtbot.waitUntil(lambda: window.feed.snapshot.counts.photos == PHOTOS, timeout=WAIT)
    settle(window, qtbot)
    assert len(names(window)) == PHOTOS

    query = tmp_path / "from elsewhere.png"
    shutil.copy(photos / "things" / "motorcycle_left.png", query)
    start = drag_from("--file", query)
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        drag(xdotool, start, window.grid.viewport().mapToGlobal(window.grid.viewport().rect().center()))
    settle(window, qtbot)
    assert names(window)[:2] == ["motorcycle_left.png", "motorcycle_right.png"]
    assert [item.name for item in window.bar.strip.items] == ["from elsewhere.png"]

    coffee = middle_of(window, id_of(window, "coffee.png"))
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        xdotool("mousemove", coffee.x(), coffee.y(), "click", "--repeat", 2, "--delay", 80, 1)
    assert names(window)[0] == "coffee.png"

    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        xdotool("key", "alt+Left")
    assert names(window)[0] == "motorcycle_left.png"
    with qtbot.waitSignal(window.navigator.shown, timeout=WAIT):
        xdotool("click", 8)  # the mouse's own back button
    assert window.navigator.view == Browse()
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        xdotool("click", 9)
    assert names(window)[0] == "motorcycle_left.png"


def test_a_picture_dragged_from_a_browser(
    window: MainWindow, photos: Path, xdotool, drag_from, qtbot: QtBot
) -> None:
    window.add_folders([photos])
    qtbot.waitUntil(lambda: window.feed.snapshot.counts.photos == PHOTOS, timeout=WAIT)
    settle(window, qtbot)
    start = drag_from(
        "--picture", photos / "things" / "coins.png", "--address", "http://example.org/coins.png"
    )
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        drag(xdotool, start, window.grid.viewport().mapToGlobal(QPoint(200, 200)))
    assert names(window)[0] == "coins.png"


def test_an_address_alone_is_refused_in_words(window: MainWindow, xdotool, drag_from, qtbot: QtBot) -> None:
    start = drag_from("--address", "http://example.org/photo.jpg")
    drag(xdotool, start, window.mapToGlobal(window.rect().center()))
    qtbot.waitUntil(lambda: "fetches nothing" in window.scan_bar.message, timeout=WAIT)
    assert window.scan_bar.isVisible() and window.invitation.isVisible()


def test_a_photo_is_dragged_up_in_the_ranking_and_onto_the_query(
    window: MainWindow, photos: Path, xdotool, qtbot: QtBot
) -> None:
    window.add_folders([photos])
    qtbot.waitUntil(lambda: window.feed.snapshot.counts.photos == PHOTOS, timeout=WAIT)
    settle(window, qtbot)
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        window.photo_actions.find([id_of(window, "coffee.png")])
    settle(window, qtbot)
    before = names(window)
    before_first = middle_of(window, id_of(window, before[1])) - QPoint(40, 0)
    drag(xdotool, middle_of(window, id_of(window, before[2])), before_first)
    settle(window, qtbot)
    assert names(window) == [before[0], before[2], before[1], *before[3:]]
    (answer,) = window._library.catalog.answers.all()
    assert answer.source == "drag"

    strip = window.bar.strip
    onto = strip.add_button.mapToGlobal(strip.add_button.rect().center())
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        drag(xdotool, middle_of(window, id_of(window, before[4])), onto)
    settle(window, qtbot)
    assert [item.name for item in strip.items] == ["coffee.png", before[4]]


def test_photos_are_found_and_looked_at_by_the_keyboard_alone(
    window: MainWindow, photos: Path, xdotool, qtbot: QtBot
) -> None:
    window.add_folders([photos])
    qtbot.waitUntil(lambda: window.feed.snapshot.counts.photos == PHOTOS, timeout=WAIT)
    settle(window, qtbot)
    xdotool("key", "ctrl+f", "sleep", 0.1, "type", "space")
    qtbot.waitUntil(lambda: len(names(window)) == 3, timeout=WAIT)
    window.grid.setFocus()
    xdotool("key", "Right")
    qtbot.waitUntil(lambda: window.grid.current_id() is not None, timeout=WAIT)
    xdotool("key", "space")
    qtbot.waitUntil(lambda: window.full_view.sharp, timeout=WAIT)
    xdotool("key", "Escape")
    qtbot.waitUntil(lambda: not window.full_view.isVisible(), timeout=WAIT)
    chosen = window.grid.current_id()
    with qtbot.waitSignal(window.results_shown, timeout=WAIT):
        xdotool("key", "Return")
    assert int(window.grid.shown_ids()[0]) == chosen


def test_the_window_is_painted_in_light_and_dark(window: MainWindow, photos: Path, qtbot: QtBot) -> None:
    from photosim.gui.style import apply_style

    application = QApplication.instance()
    assert isinstance(application, QApplication)
    window.add_folders([photos])
    qtbot.waitUntil(lambda: window.feed.snapshot.counts.photos == PHOTOS, timeout=WAIT)
    settle(window, qtbot)
    lightness = []
    for scheme in (Qt.ColorScheme.Light, Qt.ColorScheme.Dark):
        apply_style(application, scheme)
        qtbot.wait(50)
        image = window.sidebar.grab().toImage()
        lightness.append(image.pixelColor(image.width() // 2, image.height() - 20).lightness())
    apply_style(application)
    assert lightness[0] > 200 > 80 > lightness[1]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_the_program_opens_its_window_and_ends_when_asked(
    folders: Folders, python: str, number: signal.Signals, status: int
) -> None:
    program = subprocess.Popen([python, "-m", "photosim", "--data-dir", str(folders.data), "gui"])
    try:
        subprocess.run(
            ["xdotool", "search", "--sync", "--onlyvisible", "--name", "^photosim$"], check=True, timeout=30
        )
        program.send_signal(number)
        assert program.wait(20) == status
    finally:
        program.kill()
        program.wait()


@pytest.mark.parametrize(("action", "kind"), [("shortcuts", ShortcutsPage), ("about", QMessageBox)])
def test_the_buttons_of_a_dialog_carry_no_icon_of_another_look(
    window: MainWindow, qapp: QApplication, action: str, kind: type[QDialog]
) -> None:
    apply_style(qapp)
    window.menus.actions[action].trigger()
    (page,) = window.findChildren(kind)
    buttons = page.findChildren(QPushButton)
    page.close()
    assert buttons and all(button.icon().isNull() for button in buttons)
