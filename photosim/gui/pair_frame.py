"""Which frame tells how two photos of one thing lie to each other: that of one in the other's picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

UNIT: Floats = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
"""The corners of a photo in fractions of itself, clockwise."""
SEEN_AT_LEAST = 0.25
"""The share of a frame's length that must lie on the photo, or it is no frame to the eye."""
AREA_AT_LEAST = 0.001
"""Of the photo: a smaller frame would be hidden below the points."""
_BESIDE = 0.02
"""What lies this little beyond the edge counts as on the photo: that of the same picture again does."""
_STEPS = 32


def returned(outline: npt.NDArray[np.floating]) -> Floats | None:
    """Where the corners of the other photo lie in this one, [4, 2], when this one's lie at `outline` [4, 2]
    in the other.

    The inverse of the homography through the four corners; None where there is none, or where the other
    photo would reach behind the horizon of this one.
    """
    rows, right = [], []
    for (x, y), (u, v) in zip(UNIT, np.asarray(outline, np.float64), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    system = np.array(rows)
    if not np.isfinite(system).all():
        return None
    try:
        there = np.append(np.linalg.solve(system, np.array(right)), 1.0).reshape(3, 3)
        back = np.linalg.inv(there)
    except np.linalg.LinAlgError:
        return None
    corners = np.column_stack([UNIT, np.ones(4)]) @ back.T
    depth = corners[:, 2]
    if np.abs(depth).min() < 1e-9 or np.ptp(np.sign(depth)) != 0:
        return None
    found: Floats = corners[:, :2] / depth[:, None]
    return found


def seen_share(frame: npt.NDArray[np.floating] | None) -> float:
    """The share of the length of a frame [4, 2] that lies on the photo; 0 for what is no convex frame of
    some size."""
    if frame is None or not np.isfinite(frame).all():
        return 0.0
    corners = np.asarray(frame, np.float64)
    sides = np.roll(corners, -1, axis=0) - corners
    after = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0]
    if not ((turns > 0).all() or (turns < 0).all()) or _area(corners) < AREA_AT_LEAST:
        return 0.0
    steps = (np.arange(_STEPS) + 0.5) / _STEPS
    spots = corners[:, None, :] + steps[None, :, None] * sides[:, None, :]
    on_photo = ((spots >= -_BESIDE) & (spots <= 1 + _BESIDE)).all(axis=2).mean(axis=1)
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    return float((on_photo * lengths).sum() / lengths.sum())


def _area(corners: Floats) -> float:
    following = np.roll(corners, -1, axis=0)
    return float(abs((corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]).sum()) / 2)
