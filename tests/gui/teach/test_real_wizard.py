"""The whole wizard under a real X server: by real keys, from the first question to a library ranked anew."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from photosim.catalog import Catalog
from photosim.gui.style import apply_style
from photosim.gui.teach.view import ANSWER, COMPARE, START, TRAIN
from photosim.gui.window import MainWindow
from photosim.paths import Folders
from photosim.teaching.gathering import LEAST_ANSWERS
from tests.gui.teach.wizard import next_question, view_of
from tests.gui.windows import WAIT, find, settle

pytestmark = [
    pytest.mark.xvfb,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("xdotool") is None, reason="needs xdotool"),
]

TRAINED = 200_000
PICTURES = os.environ.get("PHOTOSIM_TEST_PICTURES", "")
"""A folder for what the pages look like, for whoever wants to look at them."""


def look(window: MainWindow, name: str) -> None:
    """The page is painted in light and in dark."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    lightness = []
    for scheme in (Qt.ColorScheme.Light, Qt.ColorScheme.Dark):
        apply_style(application, scheme)
        QApplication.processEvents()
        picture = window.grab()
        if PICTURES:
            picture.save(str(Path(PICTURES) / f"{name}-{scheme.name.lower()}.png"))
        image = picture.toImage()
        lightness.append(image.pixelColor(4, image.height() // 2).lightness())
    apply_style(application)
    assert lightness[0] > 200 > 80 > lightness[1], name


def test_a_model_is_taught_by_the_keyboard_alone(
    window: MainWindow, photos: Path, xdotool, qtbot: QtBot
) -> None:
    window.resize(1200, 850)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=WAIT)
    find(window, qtbot, photos / "things" / "motorcycle_left.png")
    settle(window, qtbot)
    before = window._library.card
    similarity = window.grid.similarity_of(int(window.grid.shown_ids()[1]))

    xdotool("key", "ctrl+t")
    qtbot.waitUntil(lambda: window.teach.view is not None and window.teach.view.is_open, timeout=WAIT)
    view = view_of(window)
    settle(window, qtbot)
    assert view.page == START
    look(window, "start")

    xdotool("key", "Return")
    qtbot.waitUntil(lambda: view.page == ANSWER, timeout=WAIT)
    next_question(window, qtbot)
    look(window, "answer")
    keys = ["Right", "Left", "Down", "Up"] + ["Left", "Right"] * (LEAST_ANSWERS // 2)
    for key in keys:
        xdotool("key", key)
        next_question(window, qtbot)
    assert window._library.catalog.answers.counts().usable >= LEAST_ANSWERS

    train = window.teach.answer_page.train_button
    qtbot.waitUntil(train.isEnabled, timeout=WAIT)
    for _ in range(12):
        if train.hasFocus():
            break
        xdotool("key", "Tab")
    assert train.hasFocus()
    xdotool("key", "Return")
    qtbot.waitUntil(lambda: view.page == TRAIN, timeout=WAIT)
    look(window, "train")
    qtbot.waitUntil(lambda: view.page == COMPARE or window.teach.train_page.failed, timeout=TRAINED)
    assert view.page == COMPARE, window.teach.train_page.words
    qtbot.waitUntil(lambda: not window.teach.compare_page.busy, timeout=WAIT)
    look(window, "compare")
    xdotool("key", "Escape")
    qtbot.waitUntil(lambda: not view.is_open, timeout=WAIT)
    assert "What was learned waits for you" in window.scan_bar.message
    xdotool("key", "ctrl+t")
    qtbot.waitUntil(lambda: view.is_open and view.page == COMPARE, timeout=WAIT)
    settle(window, qtbot)

    keep = next(
        button
        for button in window.teach.compare_page.findChildren(QPushButton)
        if button.text() == "Keep and use"
    )
    for _ in range(12):
        if keep.hasFocus():
            break
        xdotool("key", "Tab")
    assert keep.hasFocus()
    xdotool("key", "Return")
    qtbot.waitUntil(lambda: not view.is_open, timeout=TRAINED)
    settle(window, qtbot)
    assert window._library.card.parent == before.version
    assert not window._library.card.bundled
    assert window._library.card.name in window.sidebar.model_row.name
    assert window.grid.similarity_of(int(window.grid.shown_ids()[1])) != similarity
    look(window, "kept")


def test_a_window_killed_while_its_user_answers_has_lost_no_answer(
    library_folders: Folders, python: str
) -> None:
    program = subprocess.Popen([python, "-m", "photosim", "--data-dir", str(library_folders.data), "gui"])
    catalog = Catalog(library_folders.catalog)
    try:
        window = subprocess.run(
            ["xdotool", "search", "--sync", "--onlyvisible", "--name", "^photosim$"],
            check=True,
            timeout=60,
            capture_output=True,
            text=True,
        ).stdout.split()[0]
        play("windowactivate", "--sync", window)
        answered = 0
        until = time.monotonic() + 120
        while answered < 5 and time.monotonic() < until:
            # The keys that open do nothing more once the first question is there.
            play("key", "ctrl+t", "sleep", 0.3, "key", "Return", "sleep", 0.5, "key", "Left")
            answered = catalog.answers.counts().usable
        assert answered >= 5
        play("key", "Right")
        time.sleep(0.3)
        given = catalog.answers.all()
        program.send_signal(signal.SIGKILL)
        program.wait(20)
        assert catalog.answers.all()[: len(given)] == given
        assert catalog.check() is None
    finally:
        program.kill()
        program.wait()
        catalog.close()


def play(*arguments: object) -> None:
    subprocess.run(["xdotool", *(str(argument) for argument in arguments)], check=True, timeout=30)
