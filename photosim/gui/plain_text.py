"""Words from outside, shown as they are: names of models, paths, reasons of errors."""

from __future__ import annotations

from PySide6.QtGui import Qt


def plain_tip(text: str) -> str:
    """A tooltip that shows `text` letter by letter.

    A tooltip takes what looks like HTML for HTML, and would load its pictures. All else stays as it is.
    """
    return Qt.convertFromPlainText(text) if Qt.mightBeRichText(text) else text
