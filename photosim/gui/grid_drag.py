"""Moving photos up in a ranking by drag and drop: where a drop would put them, and the mark that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

Ids = npt.NDArray[np.int64]

PHOTOS_MIME = "application/x-photosim-photos"
"""Beside the files, so that photos without one, on an unplugged drive, can be moved too."""
MARK_WIDTH = 4


@dataclass(frozen=True)
class Lift:
    """Photos that go up in a ranking: to before the photo `before`."""

    photos: tuple[int, ...]
    before: int


def lift(ids: Ids, carried: Sequence[int], place: int, fixed: int = 0) -> Lift | None:
    """What putting photos at a place (0 to N, before the photo of that row) of `ids` int64 [N] moves up.

    The `fixed` first photos stay where they are. None where nothing would move up: photos above the place do
    not go down.
    """
    rows = np.flatnonzero(np.isin(ids, np.array(carried, dtype=np.int64)))
    taken = set(rows.tolist())
    place = max(place, fixed)
    while place in taken:  # a photo is not put before itself
        place += 1
    moving = rows[rows > place]
    if place >= len(ids) or not len(moving):
        return None
    return Lift(tuple(ids[moving].tolist()), int(ids[place]))


def lifted(ids: Ids, up: Lift) -> npt.NDArray[np.intp]:
    """The order that a Lift gives the rows of `ids`, intp [N]: photos keep their order among themselves."""
    rows = np.flatnonzero(np.isin(ids, np.array(up.photos, dtype=np.int64)))
    (place,) = np.flatnonzero(ids == up.before)[:1].tolist() or [len(ids)]
    rest = np.delete(np.arange(len(ids)), rows)
    at = place - int(np.count_nonzero(rows < place))
    order: npt.NDArray[np.intp] = np.concatenate([rest[:at], rows, rest[at:]])
    return order


def paint_mark(painter: QPainter, mark: QRect, color: QColor) -> None:
    """The bar between two photos where a drop would put what is dragged."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawRoundedRect(QRectF(mark), MARK_WIDTH / 2, MARK_WIDTH / 2)
