"""Triplets that a model knows already, to go over while it learns others, so that it forgets none of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from photosim.training.sampling import SamplingSettings, TripletSampler

Floats = npt.NDArray[np.float32]

_OF_A_CATEGORY = 60
_LEAST_MARGIN = 0.1


def rehearsal_triplets(rows: Floats, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Up to `count` triplets of the unit rows [N, d], int64 [T, 3], drawn by importance: see TripletSampler.

    A library has no categories: around photos drawn at random, each photo belongs to the nearest. How
    relevant two photos of one category are to each other is their cosine, so what is gone over is the order
    that the rows have now.
    """
    if len(rows) < 4:
        return np.empty((0, 3), np.int64)
    rng = np.random.default_rng(seed)
    centres = rng.choice(len(rows), max(2, len(rows) // _OF_A_CATEGORY), replace=False)
    categories = (rows @ rows[centres].T).argmax(axis=1)

    def relevance(i: int, j: int) -> float:
        return max(0.0, float(rows[i] @ rows[j]))

    settings = SamplingSettings(relevance_margin=_LEAST_MARGIN, tries=200)
    sampler: TripletSampler[int] = TripletSampler(relevance, settings, rng)
    for category in range(len(centres)):
        members = np.flatnonzero(categories == category)
        cosines = np.maximum(rows[members] @ rows[members].T, 0)
        for member, total in zip(members.tolist(), (cosines.sum(axis=1) - 1).tolist(), strict=True):
            sampler.offer(member, str(category), total)
    drawn = (sampler.draw(rng) for _ in range(2 * count))
    triplets = [(one.anchor, one.positive, one.negative) for one in drawn if one is not None]
    # A photo of another category may be the nearer one for all that: such a triplet is not what is known.
    found = np.array(triplets, np.int64).reshape(-1, 3)
    anchor, positive, negative = (rows[found[:, column]] for column in range(3))
    known = np.einsum("td,td->t", anchor, positive - negative) > 0
    chosen: npt.NDArray[np.int64] = found[known][:count]
    return chosen
