"""Whether a tuning helped: the kept-back answers ranked by the model before it and by the model after it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from photosim.model.embedding import Embedding
from photosim.search.query import weigh

Features = npt.NDArray[np.float16]
Triplets = npt.NDArray[np.int64]
Right = npt.NDArray[np.bool_]

Z_95 = 1.959964
"""The normal quantile that leaves 2.5 % on each side."""

SURE = 0.05
"""Below this probability a difference is not put down to chance."""

FEW = 5
"""With fewer kept-back answers than this their figure says next to nothing."""

_TIED = 1e-6
"""Similarities in float32 that differ by less are the same: two copies of one photo, say."""


class Verdict(Enum):
    """What the kept-back answers say about a tuning."""

    BETTER = "better beyond chance"
    PERHAPS = "better, but that could be chance"
    SAME = "not better"
    WORSE = "worse"


@dataclass(frozen=True)
class Judgement:
    """`kept_back` answers, of which so many were and are ranked right.

    `low` and `high` bound the true share after the tuning with 95 % confidence (see `wilson`). `gained` of
    the answers became right, `lost` of them wrong.
    """

    kept_back: int
    right_before: int
    right_after: int
    low: float
    high: float
    gained: int
    lost: int

    @property
    def improved(self) -> bool:
        """Whether more answers are ranked right than before."""
        return self.right_after > self.right_before

    @property
    def few(self) -> bool:
        """Whether there are too few answers for the figure to mean much."""
        return self.kept_back < FEW

    @property
    def chance(self) -> float:
        """The probability of so uneven a change, or a more uneven one, where the tuning changed nothing.

        By the exact sign test over the answers that changed sides, two-sided: McNemar, Note on the sampling
        error of the difference between correlated proportions or percentages, Psychometrika 1947.
        """
        return sign_test(self.gained, self.lost)

    @property
    def verdict(self) -> Verdict:
        if self.right_after < self.right_before:
            return Verdict.WORSE
        if not self.improved:
            return Verdict.SAME
        return Verdict.BETTER if self.chance < SURE else Verdict.PERHAPS


def judge(
    before: Embedding,
    focus_before: float,
    after: Embedding,
    focus_after: float,
    features: Features,
    triplets: Triplets,
) -> Judgement:
    """Rank answers by two models of one trunk.

    features: float16 [N, F]; triplets: int64 [T, 3], the rows of anchor, positive and negative in them.
    """
    return judgement_of(
        ranked_right(before, focus_before, features, triplets),
        ranked_right(after, focus_after, features, triplets),
    )


def judgement_of(before: Right, after: Right) -> Judgement:
    """The judgement of the same answers, bool [T] each: ranked right before and after."""
    count, right = len(after), int(after.sum())
    low, high = wilson(right, count)
    return Judgement(
        kept_back=count,
        right_before=int(before.sum()),
        right_after=right,
        low=low,
        high=high,
        gained=int((after & ~before).sum()),
        lost=int((before & ~after).sum()),
    )


def ranked_right(embedding: Embedding, focus: float, features: Features, triplets: Triplets) -> Right:
    """bool [T]: whether the positive is strictly more similar to the anchor than the negative is.

    features: float16 [N, F]; triplets: int64 [T, 3] rows of them; similarities as the ranking weighs them.
    """
    if not len(triplets):
        return np.zeros(0, np.bool_)
    embeddings = embedding(features)
    anchor, positive, negative = (embeddings[triplets[:, column]] for column in range(3))
    queries = weigh(anchor, embedding.parts, focus)
    difference = np.einsum("ij,ij->i", queries, positive - negative)
    right: Right = difference > _TIED
    return right


def wilson(right: int, count: int) -> tuple[float, float]:
    """The range of a share, `right` of `count` seen, that holds the true one with 95 % confidence.

    The score interval of Wilson, Probable inference, the law of succession, and statistical inference,
    Journal of the American Statistical Association 1927: honest for few answers too.
    """
    if count == 0:
        return 0.0, 1.0
    share, z = right / count, Z_95
    scale = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / scale
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / scale
    return max(0.0, centre - half), min(1.0, centre + half)


def sign_test(gained: int, lost: int) -> float:
    """The probability that `gained` against `lost`, or anything more uneven, comes of tossing a coin."""
    tosses = gained + lost
    tail = sum(math.comb(tosses, heads) for heads in range(min(gained, lost) + 1))
    return min(1.0, tail / 2 ** (tosses - 1)) if tosses else 1.0
