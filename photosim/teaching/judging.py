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

    `low` and `high` bound the true share after the tuning with 95 % confidence (see `wilson`). Of the anchors
    `gained` have more answers ranked right than before, and `lost` fewer: the answers about one photo are not
    independent of each other, and count as one observation.
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

        By the exact sign test over the anchors whose answers changed, two-sided, as in McNemar, Note on the
        sampling error of the difference between correlated proportions or percentages, Psychometrika 1947.
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
        triplets[:, 0],
    )


def judgement_of(before: Right, after: Right, anchors: npt.NDArray[np.integer] | None = None) -> Judgement:
    """The judgement of the same answers, bool [T] each: ranked right before and after.

    `anchors` [T] number the photos that the answers are about; None where each is about another.
    """
    count, right = len(after), int(after.sum())
    groups = np.arange(count) if anchors is None else np.unique(anchors, return_inverse=True)[1]
    sizes = np.bincount(groups)
    change = np.bincount(groups, weights=after.astype(float) - before.astype(float))
    low, high = wilson(right, count, effective_count(sizes))
    return Judgement(
        kept_back=count,
        right_before=int(before.sum()),
        right_after=right,
        low=low,
        high=high,
        gained=int((change > 0).sum()),
        lost=int((change < 0).sum()),
    )


def effective_count(sizes: npt.NDArray[np.integer]) -> float:
    """How many independent answers so many of each anchor, [A], are worth at least: (sum m)^2 / sum m^2.

    Kish 1965, "Survey Sampling", for answers that agree wholly within an anchor.
    """
    return float(sizes.sum()) ** 2 / float(np.square(sizes).sum()) if len(sizes) else 0.0


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


def wilson(right: int, count: int, independent: float | None = None) -> tuple[float, float]:
    """The range of a share, `right` of `count` seen, that holds the true one with 95 % confidence.

    `independent`: how many independent observations the `count` are worth, None for all of them.

    The score interval of Wilson, Probable inference, the law of succession, and statistical inference,
    Journal of the American Statistical Association 1927: honest for few answers too.
    """
    if count == 0:
        return 0.0, 1.0
    share, z, worth = right / count, Z_95, independent or count
    scale = 1 + z * z / worth
    centre = (share + z * z / (2 * worth)) / scale
    half = z * math.sqrt(share * (1 - share) / worth + z * z / (4 * worth * worth)) / scale
    return max(0.0, centre - half), min(1.0, centre + half)


def sign_test(gained: int, lost: int) -> float:
    """The probability that `gained` against `lost`, or anything more uneven, comes of tossing a coin."""
    tosses = gained + lost
    tail = sum(math.comb(tosses, heads) for heads in range(min(gained, lost) + 1))
    return min(1.0, tail / 2 ** (tosses - 1)) if tosses else 1.0
