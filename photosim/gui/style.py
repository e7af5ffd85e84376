"""Colours, and the one stylesheet that makes native widgets as calm as the photos deserve.

A widget asks for a look by its role, `set_role(button, "primary")`:

    QPushButton, QToolButton    "primary" (the accent), "link" (plain text in the accent),
                                "overlay" (on top of a photo); otherwise a quiet card
    QPushButton                 "sidebar" (a checkable row of the sidebar)
    QLabel                      "heading" (of a section), "title", "headline", "muted", "small", "badge"
    QWidget, QFrame             "sidebar", "topbar", "statusbar", "card", "drop" (dashed, rounded)
    QListView, QTreeView        "sidebar"

and carries `set_role(widget, "drop", active=True)` where a look has an active state.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFontInfo, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from photosim.paths import resources

SCHEME_VARIABLE = "PHOTOSIM_COLOR_SCHEME"
"""`light` or `dark` in the environment overrides what the system says."""


@dataclass(frozen=True)
class Theme:
    """The colours of one scheme, as #rrggbb. Text colours keep a contrast of 4.5 on what they stand on."""

    dark: bool
    window: str
    panel: str
    card: str
    card_hover: str
    line: str
    line_strong: str
    text: str
    muted: str
    accent: str
    accent_hover: str
    on_accent: str
    accent_soft: str
    placeholder: str
    good: str
    less: str

    def color(self, name: str, alpha: float = 1.0) -> QColor:
        """The colour field `name` for a painter, with an opacity from 0 to 1."""
        color = QColor(getattr(self, name))
        color.setAlphaF(alpha)
        return color


LIGHT = Theme(
    dark=False,
    window="#fafafa",
    panel="#f0f1f3",
    card="#ffffff",
    card_hover="#f4f6f9",
    line="#dcdfe4",
    line_strong="#868d97",
    text="#1d2024",
    muted="#646a73",
    accent="#2f60e0",
    accent_hover="#2751c4",
    on_accent="#ffffff",
    accent_soft="#e3ebff",
    placeholder="#e6e8eb",
    good="#1b7f4d",
    less="#b4540a",
)

DARK = Theme(
    dark=True,
    window="#17191c",
    panel="#1f2226",
    card="#25292e",
    card_hover="#2d3238",
    line="#33383f",
    line_strong="#727a85",
    text="#e7e9ec",
    muted="#98a0aa",
    accent="#7ba0ff",
    accent_hover="#93b1ff",
    on_accent="#10131a",
    accent_soft="#26345a",
    placeholder="#25292e",
    good="#58c28d",
    less="#f0a35e",
)

_forced: Qt.ColorScheme | None = None
_following: QApplication | None = None


def theme() -> Theme:
    """The colours in force. Widgets that paint themselves ask anew in every paint, and keep none."""
    return DARK if _scheme() == Qt.ColorScheme.Dark else LIGHT


def apply_style(app: QApplication, scheme: Qt.ColorScheme | None = None) -> None:
    """Dress the application, and again whenever the system turns from light to dark or back.

    `scheme` fixes light or dark whatever the system says; without it the variable
    PHOTOSIM_COLOR_SCHEME may, else QStyleHints.colorScheme decides.
    """
    global _forced, _following
    _forced = scheme if scheme is not None else _scheme_from_environment()
    if _following is not app:
        app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(_system_scheme_changed)
        _following = app
    _dress(app)


def set_role(widget: QWidget, role: str, active: bool = False) -> None:
    """Give `widget` one of the looks named at the top of this module; at any time."""
    if widget.property("role") == role and bool(widget.property("active")) == active:
        return
    widget.setProperty("role", role)
    widget.setProperty("active", active)
    widget.setAttribute(Qt.WidgetAttribute.WA_StyledBackground, True)
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    widget.update()


def _scheme_from_environment() -> Qt.ColorScheme | None:
    named = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
    return named.get(os.environ.get(SCHEME_VARIABLE, "").strip().lower())


def _scheme() -> Qt.ColorScheme:
    return _system_scheme() if _forced is None else _forced


def _system_scheme() -> Qt.ColorScheme:
    return QGuiApplication.styleHints().colorScheme()


def _system_scheme_changed() -> None:
    if _following is not None and _forced is None:
        _dress(_following)


def _dress(app: QApplication) -> None:
    colors = theme()
    app.setPalette(_palette(colors))
    app.setStyleSheet(stylesheet(colors, QFontInfo(app.font()).pointSizeF()))


def _palette(t: Theme) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for target, name in (
        (role.Window, t.window),
        (role.Base, t.card),
        (role.AlternateBase, t.panel),
        (role.Button, t.card),
        (role.ToolTipBase, t.card),
        (role.WindowText, t.text),
        (role.Text, t.text),
        (role.ButtonText, t.text),
        (role.ToolTipText, t.text),
        (role.BrightText, t.on_accent),
        (role.PlaceholderText, t.muted),
        (role.Highlight, t.accent),
        (role.Accent, t.accent),
        (role.HighlightedText, t.on_accent),
        (role.Link, t.accent),
        (role.LinkVisited, t.accent),
        (role.Light, t.card),
        (role.Midlight, t.panel),
        (role.Mid, t.line),
        (role.Dark, t.line_strong),
        (role.Shadow, t.line_strong),
    ):
        palette.setColor(target, QColor(name))
    faint = QColor(t.muted)
    faint.setAlphaF(0.6)
    for target in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, target, faint)
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(t.line))
    return palette


def stylesheet(t: Theme, points: float) -> str:
    """The application's stylesheet in the colours of `t`, for a native font of `points`."""
    faint = "rgba(152, 160, 170, 0.55)" if t.dark else "rgba(100, 106, 115, 0.55)"
    scheme = "dark" if t.dark else "light"
    icons = (resources() / "style").as_posix()
    small = f"{points * 0.87:.1f}pt"
    return f"""
    QToolTip {{
        background: {t.card}; color: {t.text}; border: 1px solid {t.line}; padding: 4px 6px;
    }}

    /* Surfaces */
    QMainWindow, QDialog {{ background: {t.window}; }}
    QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
    QWidget[role="topbar"] {{ background: {t.window}; border: none; border-bottom: 1px solid {t.line}; }}
    QWidget[role="sidebar"] {{ background: {t.panel}; border: none; }}
    QWidget[role="statusbar"] {{ background: {t.panel}; border: none; border-top: 1px solid {t.line}; }}
    QWidget[role="card"] {{ background: {t.card}; border: 1px solid {t.line}; border-radius: 8px; }}
    QWidget[role="drop"] {{ background: {t.card}; border: 2px dashed {t.line}; border-radius: 18px; }}
    QWidget[role="drop"][active="true"] {{ background: {t.accent_soft}; border-color: {t.accent}; }}
    QSplitter::handle {{ background: {t.line}; }}
    QSplitter::handle:horizontal {{ width: 1px; }}
    QSplitter::handle:vertical {{ height: 1px; }}
    QSplitter::handle:hover {{ background: {t.accent}; }}

    /* Words */
    QLabel {{ background: transparent; }}
    QLabel[role="heading"] {{
        color: {t.muted}; font-size: {small}; font-weight: bold; padding: 4px 10px;
    }}
    QLabel[role="title"] {{ font-weight: bold; }}
    QLabel[role="headline"] {{ font-size: {points * 1.85:.1f}pt; font-weight: bold; }}
    QLabel[role="muted"] {{ color: {t.muted}; }}
    QLabel[role="small"] {{ color: {t.muted}; font-size: {small}; }}
    QLabel[role="badge"] {{
        color: #ffffff; background: rgba(0, 0, 0, 0.62); border-radius: 4px; padding: 2px 6px;
        font-size: {small};
    }}

    /* Buttons */
    QPushButton, QToolButton {{
        background: {t.card}; color: {t.text}; border: 1px solid {t.line}; border-radius: 7px;
        padding: 7px 12px; outline: none;
    }}
    QToolButton {{ padding: 7px 9px; }}
    QPushButton:hover, QToolButton:hover {{ background: {t.card_hover}; border-color: {t.line_strong}; }}
    QPushButton:pressed, QToolButton:pressed {{ background: {t.line}; }}
    QPushButton:checked, QToolButton:checked {{
        background: {t.accent_soft}; color: {t.accent}; border-color: {t.accent};
    }}
    QPushButton:disabled, QToolButton:disabled {{
        color: {faint}; background: transparent; border-color: {t.line};
    }}
    QPushButton:focus, QToolButton:focus {{ border: 2px solid {t.accent}; padding: 6px 11px; }}
    QToolButton:focus {{ padding: 6px 8px; }}
    QPushButton::menu-indicator, QToolButton::menu-indicator {{ width: 0; image: none; }}

    QPushButton[role="primary"], QToolButton[role="primary"] {{
        background: {t.accent}; color: {t.on_accent}; border-color: {t.accent};
    }}
    QPushButton[role="primary"]:hover, QToolButton[role="primary"]:hover {{
        background: {t.accent_hover}; border-color: {t.accent_hover};
    }}
    QPushButton[role="primary"]:focus, QToolButton[role="primary"]:focus {{
        border: 2px solid {t.text};
    }}
    QPushButton[role="primary"]:disabled, QToolButton[role="primary"]:disabled {{
        background: {t.line}; color: {t.muted}; border-color: {t.line};
    }}

    QPushButton[role="link"], QToolButton[role="link"] {{
        background: transparent; color: {t.accent}; border: 2px solid transparent; border-radius: 4px;
        padding: 1px 3px; text-align: left;
    }}
    QPushButton[role="link"]:hover, QToolButton[role="link"]:hover {{ color: {t.accent_hover}; }}
    QPushButton[role="link"]:hover {{ text-decoration: underline; }}
    QPushButton[role="link"]:focus, QToolButton[role="link"]:focus {{
        border: 2px solid {t.accent}; padding: 1px 3px;
    }}
    QPushButton[role="link"]:disabled, QToolButton[role="link"]:disabled {{ color: {faint}; }}

    QPushButton[role="overlay"], QToolButton[role="overlay"] {{
        background: rgba(0, 0, 0, 0.62); color: #ffffff; border: 1px solid transparent;
        border-radius: 9px; padding: 1px 4px;
    }}
    QPushButton[role="overlay"]:hover, QToolButton[role="overlay"]:hover {{ background: #000000; }}
    QPushButton[role="overlay"]:focus, QToolButton[role="overlay"]:focus {{
        border: 2px solid {t.accent}; padding: 0 3px;
    }}

    /* Rows of the sidebar */
    QPushButton[role="sidebar"] {{
        background: transparent; border: 2px solid transparent; border-radius: 6px; padding: 5px 8px;
        text-align: left;
    }}
    QPushButton[role="sidebar"]:hover {{ background: {t.line}; }}
    QPushButton[role="sidebar"]:checked {{
        background: {t.accent_soft}; color: {t.accent}; font-weight: bold;
    }}
    QPushButton[role="sidebar"]:focus {{ border: 2px solid {t.accent}; padding: 5px 8px; }}
    QPushButton[role="sidebar"]:disabled {{ color: {faint}; }}
    QAbstractItemView {{
        background: {t.window}; border: none; outline: none;
        selection-background-color: {t.accent_soft}; selection-color: {t.text};
    }}
    QListView[role="sidebar"], QTreeView[role="sidebar"] {{ background: transparent; padding: 4px 8px; }}
    QListView[role="sidebar"]::item, QTreeView[role="sidebar"]::item {{
        border: 2px solid transparent; border-radius: 6px; padding: 5px 8px; color: {t.text};
    }}
    QListView[role="sidebar"]::item:hover, QTreeView[role="sidebar"]::item:hover {{
        background: {t.line};
    }}
    QListView[role="sidebar"]::item:selected, QTreeView[role="sidebar"]::item:selected {{
        background: {t.accent_soft}; color: {t.accent};
    }}
    QListView[role="sidebar"]::item:focus, QTreeView[role="sidebar"]::item:focus {{
        border-color: {t.accent};
    }}
    QListView[role="sidebar"]::item:disabled, QTreeView[role="sidebar"]::item:disabled {{ color: {faint}; }}
    QHeaderView::section {{
        background: {t.panel}; color: {t.muted}; border: none; border-bottom: 1px solid {t.line};
        padding: 6px 8px; font-size: {small};
    }}

    /* Fields */
    QLineEdit, QPlainTextEdit, QTextEdit, QDateEdit, QSpinBox, QDoubleSpinBox {{
        background: {t.card}; color: {t.text}; border: 1px solid {t.line}; border-radius: 7px;
        padding: 6px 8px;
        selection-background-color: {t.accent}; selection-color: {t.on_accent};
    }}
    QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QDateEdit:focus,
    QSpinBox:focus, QDoubleSpinBox:focus {{
        border: 2px solid {t.accent}; padding: 5px 7px;
    }}
    QAbstractSpinBox QLineEdit {{ border: none; background: transparent; padding: 0 4px; }}
    QLineEdit:disabled {{ color: {faint}; background: transparent; }}
    QComboBox {{
        background: {t.card}; color: {t.text}; border: 1px solid {t.line}; border-radius: 7px;
        padding: 5px 8px 5px 10px; combobox-popup: 0;
    }}
    QComboBox:hover {{ background: {t.card_hover}; border-color: {t.line_strong}; }}
    QComboBox:focus {{ border: 2px solid {t.accent}; padding: 4px 7px 4px 9px; }}
    QComboBox::drop-down {{ border: none; width: 24px; }}
    QComboBox::down-arrow {{ image: url("{icons}/down-{scheme}.svg"); width: 12px; height: 12px; }}
    QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{
        border: none; background: transparent; width: 20px; margin: 1px;
    }}
    QAbstractSpinBox::up-arrow {{ image: url("{icons}/up-{scheme}.svg"); width: 10px; height: 10px; }}
    QAbstractSpinBox::down-arrow {{ image: url("{icons}/down-{scheme}.svg"); width: 10px; height: 10px; }}
    QDateEdit::drop-down {{ border: none; background: transparent; width: 24px; }}
    QComboBox QAbstractItemView {{
        background: {t.card}; border: 1px solid {t.line_strong}; padding: 4px;
        selection-background-color: {t.accent_soft}; selection-color: {t.accent};
    }}
    QComboBox QAbstractItemView::item {{ border: none; border-radius: 5px; padding: 5px 8px; }}
    QComboBox QAbstractItemView::item:selected {{ background: {t.accent_soft}; color: {t.accent}; }}
    QCheckBox, QRadioButton {{ background: transparent; spacing: 8px; padding: 3px; outline: none; }}
    QCheckBox::indicator, QRadioButton::indicator {{
        width: 14px; height: 14px; background: {t.card}; border: 1px solid {t.line_strong};
    }}
    QCheckBox::indicator {{ border-radius: 4px; }}
    QRadioButton::indicator {{ border-radius: 8px; }}
    QCheckBox::indicator:checked {{
        background: {t.accent}; border-color: {t.accent}; image: url("{icons}/check-{scheme}.svg");
    }}
    QRadioButton::indicator:checked {{ width: 6px; height: 6px; border: 5px solid {t.accent}; }}
    QCheckBox::indicator:focus, QRadioButton::indicator:focus {{ border-color: {t.text}; }}
    QCheckBox:focus, QRadioButton:focus {{ text-decoration: underline; }}
    QCheckBox::indicator:disabled, QRadioButton::indicator:disabled {{ border-color: {t.line}; }}

    /* Thin sliders */
    QSlider {{ background: transparent; min-height: 22px; }}
    QSlider::groove:horizontal {{ height: 4px; background: {t.line}; border-radius: 2px; }}
    QSlider::sub-page:horizontal {{ height: 4px; background: {t.accent}; border-radius: 2px; }}
    QSlider::handle:horizontal {{
        width: 12px; height: 12px; margin: -6px 0; border-radius: 8px;
        background: {t.card}; border: 2px solid {t.accent};
    }}
    QSlider::handle:horizontal:hover {{ background: {t.accent_soft}; }}
    QSlider::handle:horizontal:focus {{ background: {t.accent}; border: 2px solid {t.text}; }}
    QSlider::sub-page:horizontal:disabled {{ background: {t.line}; }}
    QSlider::handle:horizontal:disabled {{ background: {t.panel}; border-color: {t.line}; }}

    QProgressBar {{
        background: {t.line}; border: none; border-radius: 3px; min-height: 6px; max-height: 6px;
        text-align: center; color: transparent;
    }}
    QProgressBar::chunk {{ background: {t.accent}; border-radius: 3px; }}

    /* Scroll bars that stay out of the way */
    QScrollBar:vertical {{ background: transparent; width: 12px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: 12px; margin: 0; }}
    QScrollBar::handle {{ background: {t.line_strong}; border-radius: 3px; margin: 3px; }}
    QScrollBar::handle:vertical {{ min-height: 36px; }}
    QScrollBar::handle:horizontal {{ min-width: 36px; }}
    QScrollBar::handle:hover, QScrollBar::handle:pressed {{ background: {t.muted}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    QScrollArea {{ background: transparent; border: none; }}

    /* Menus */
    QMenu {{ background: {t.card}; border: 1px solid {t.line}; padding: 5px; }}
    QMenu::item {{ padding: 6px 22px 6px 12px; border-radius: 5px; }}
    QMenu::item:selected {{ background: {t.accent_soft}; color: {t.accent}; }}
    QMenu::item:disabled {{ color: {faint}; background: transparent; }}
    QMenu::separator {{ height: 1px; background: {t.line}; margin: 5px 8px; }}
    QMenuBar {{ background: {t.window}; }}
    QMenuBar::item {{ padding: 5px 9px; border-radius: 5px; background: transparent; }}
    QMenuBar::item:selected {{ background: {t.accent_soft}; }}
    """
