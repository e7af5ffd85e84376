"""What training minimises: over triplets as in the paper, and over pairs, so that they can be compared.

Wang et al. 2014, "Learning Fine-Grained Image Similarity with Deep Ranking", section 3; Hadsell, Chopra and
LeCun 2006, "Dimensionality Reduction by Learning an Invariant Mapping". Embeddings are float [N, d] of unit
norm; D is the squared Euclidean distance, from 0 to 4.
"""

from __future__ import annotations

import torch
from torch import Tensor


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """D between unit rows [N, d] and [M, d], as [N, M]."""
    return 2 - 2 * (a @ b.T)


def triplet_hinge(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    """The mean over triplets, rows of [N, d], of max(0, margin + D(a, p) - D(a, n))."""
    closer = (anchor - positive).square().sum(dim=1)
    farther = (anchor - negative).square().sum(dim=1)
    return (margin + closer - farther).clamp(min=0).mean()


def expected_triplet_hinge(
    anchors: Tensor, positives: Tensor, negatives: Tensor, allowed: Tensor, margin: float, softness: float
) -> Tensor:
    """The triplet hinge where negatives are drawn by importance, in expectation instead of by draws.

    Each anchor [N, d] has its positive [N, d] and shares the negatives [M, d], those of them that `allowed`
    (bool [N, M]) lets be its own. Negative n of anchor a has the probability softmax(-D(a, n) / softness):
    the nearer, the likelier, as in distance-weighted sampling (Wu et al. 2017, "Sampling Matters in Deep
    Embedding Learning"). No gradient flows through the probabilities. An anchor without any negative counts
    nothing.
    """
    closer = (anchors - positives).square().sum(dim=1, keepdim=True)
    farther = squared_distances(anchors, negatives)
    weights = torch.softmax((-farther.detach() / softness).masked_fill(~allowed, -torch.inf), dim=1)
    weights = torch.nan_to_num(weights)
    hinges = (margin + closer - farther).clamp(min=0)
    return (weights * hinges).sum(dim=1).mean()


def contrastive(a: Tensor, b: Tensor, same: Tensor, margin: float) -> Tensor:
    """The mean over pairs, rows of [N, d], of (y d^2 + (1 - y) max(0, margin - d)^2) / 2.

    `same` [N] is y: 1 for a pair that belongs together, 0 for one that does not.
    """
    squared = (a - b).square().sum(dim=1)
    # The root's slope is infinite at zero.
    distance = squared.clamp(min=1e-12).sqrt()
    apart = (margin - distance).clamp(min=0).square()
    return (same * squared + (1 - same) * apart).mean() / 2
