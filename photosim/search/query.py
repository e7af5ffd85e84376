"""A query of several photos, some more and some less wanted, as one weighed vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from photosim.errors import QueryError
from photosim.model.embedding import part_weights

Parts = tuple[int, int]
Vector = npt.NDArray[np.float32]

LESS_WEIGHT = 0.5


def weigh(vector: Vector, parts: Parts, focus: float) -> Vector:
    """Weigh a query's parts, so that its inner product with a stored vector is their similarity."""
    kind, thing = part_weights(parts, focus)
    weights = np.repeat(np.array([kind, thing], dtype=np.float32), parts)
    return vector * weights


def combine(more: Sequence[Vector], less: Sequence[Vector], parts: Parts) -> Vector:
    """One query vector float32 [D] of several: per part, unit(mean of more - 0.5 mean of less).

    Raises QueryError without a photo to look for, or where less takes away all that more asks for.
    """
    if not more:
        raise QueryError("a query needs at least one photo to look for")
    query = np.stack(more).mean(axis=0, dtype=np.float32)
    if less:
        query -= np.float32(LESS_WEIGHT) * np.stack(less).mean(axis=0, dtype=np.float32)
    start = 0
    for size in parts:
        part = query[start : start + size]
        norm = float(np.linalg.norm(part))
        if size and norm < 1e-6:
            raise QueryError("these photos cancel each other out: take one away")
        part /= norm if size else 1.0
        start += size
    result: Vector = query
    return result
