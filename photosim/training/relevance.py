"""How relevant photos of one category are to each other: the r_ij that triplets are sampled by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from photosim.model.embedding import unit

Floats = npt.NDArray[np.float32]


def kind_relevance(features: Floats) -> Callable[[int, int], float]:
    """r_ij of photos i and j: the cosine of what a pretrained trunk makes of them, [N, F], where above 0.

    The trunk knows more kinds than the categories name: it says which photos of a category are most alike.
    """
    rows = unit(features)

    def relevance(i: int, j: int) -> float:
        return max(0.0, float(rows[i] @ rows[j]))

    return relevance


def total_relevance(features: Floats, categories: tuple[str, ...]) -> Floats:
    """r_i, the sum of r_ij over the other photos of i's category, for each row of `features` [N, F].

    Features of rectified maps are not negative, nor are their cosines: the sum of a row's inner products is
    then its product with the sum of all rows, and memory does not grow with the square of a category.
    """
    rows = unit(features)
    names, numbers = np.unique(categories, return_inverse=True)
    totals = np.zeros(len(rows), np.float32)
    for category in range(len(names)):
        members = np.flatnonzero(numbers == category)
        own = rows[members]
        if own.min() >= 0:
            totals[members] = own @ own.sum(axis=0) - np.einsum("ij,ij->i", own, own)
        else:
            totals[members] = [np.maximum(own @ row, 0).sum() - max(0.0, float(row @ row)) for row in own]
    return totals
