"""The window wears the system's light or dark, at once and whenever it changes, and can be read in both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from photosim.gui import style
from photosim.gui.style import DARK, LIGHT, Theme, apply_style, set_role, theme


@pytest.fixture(autouse=True)
def undressed_afterwards(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(style.SCHEME_VARIABLE, raising=False)
    monkeypatch.setattr(style, "_forced", None)
    yield
    qapp.setStyleSheet("")


def shown_in(widget: QPushButton) -> QColor:
    """The colour in the middle of the left part of the widget, away from its text."""
    return widget.grab().toImage().pixelColor(6, widget.height() // 2)


@pytest.mark.parametrize(("scheme", "expected"), [(Qt.ColorScheme.Light, LIGHT), (Qt.ColorScheme.Dark, DARK)])
def test_a_named_scheme_dresses_every_widget(
    qapp: QApplication, qtbot: QtBot, scheme: Qt.ColorScheme, expected: Theme
) -> None:
    apply_style(qapp, scheme)
    button = QPushButton("Find similar")
    qtbot.addWidget(button)
    set_role(button, "primary")
    button.resize(160, 40)

    assert theme() is expected
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(expected.window)
    assert shown_in(button) == QColor(expected.accent)


def test_the_window_follows_the_system_while_it_runs(
    qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply_style(qapp)
    button = QPushButton("More like this")
    qtbot.addWidget(button)
    button.resize(160, 40)
    assert shown_in(button) == QColor(LIGHT.card)

    monkeypatch.setattr(style, "_system_scheme", lambda: Qt.ColorScheme.Dark)
    qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Dark)

    assert theme() is DARK
    assert shown_in(button) == QColor(DARK.card)


def test_a_named_scheme_stays_when_the_system_changes(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply_style(qapp, Qt.ColorScheme.Light)
    monkeypatch.setattr(style, "_system_scheme", lambda: Qt.ColorScheme.Dark)
    qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert theme() is LIGHT


def test_the_environment_can_name_the_scheme(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(style.SCHEME_VARIABLE, "Dark")
    apply_style(qapp)
    assert theme() is DARK


def test_a_role_given_after_the_widget_is_shown_takes_hold(qapp: QApplication, qtbot: QtBot) -> None:
    apply_style(qapp, Qt.ColorScheme.Light)
    button = QPushButton("Find similar")
    qtbot.addWidget(button)
    button.resize(160, 40)
    before = shown_in(button)
    set_role(button, "primary")
    assert before == QColor(LIGHT.card)
    assert shown_in(button) == QColor(LIGHT.accent)


def test_words_keep_the_native_size(qapp: QApplication, qtbot: QtBot) -> None:
    plain = QLabel("words")
    qtbot.addWidget(plain)
    native = plain.fontInfo().pointSizeF()
    apply_style(qapp, Qt.ColorScheme.Light)
    plain.ensurePolished()
    assert plain.fontInfo().pointSizeF() == native


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2 defines it."""

    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    c = QColor(color)
    return 0.2126 * linear(c.redF()) + 0.7152 * linear(c.greenF()) + 0.0722 * linear(c.blueF())


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_can_be_read_on_what_it_stands_on(colors: Theme) -> None:
    for text in (colors.text, colors.muted, colors.accent):
        for ground in (colors.window, colors.panel, colors.card):
            assert contrast(text, ground) >= 4.5, (text, ground)
    assert contrast(colors.accent, colors.accent_soft) >= 4.5
    assert contrast(colors.on_accent, colors.accent) >= 4.5
    assert contrast(colors.on_accent, colors.accent_hover) >= 4.5
    assert contrast(colors.line_strong, colors.window) >= 3
