"""The losses, by hand: what a triplet and a pair cost."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from photosim.training.losses import contrastive, expected_triplet_hinge, squared_distances, triplet_hinge


def at(*degrees: float) -> Tensor:
    """Unit vectors in the plane."""
    return torch.tensor([[math.cos(math.radians(d)), math.sin(math.radians(d))] for d in degrees])


def distance(degrees: float) -> float:
    return 2 - 2 * math.cos(math.radians(degrees))


def test_squared_distances_are_those_of_the_vectors() -> None:
    assert squared_distances(at(0), at(60, 90, 180))[0].tolist() == pytest.approx([1, 2, 4], abs=1e-6)


def test_a_triplet_costs_what_the_negative_is_too_near() -> None:
    # Right by more than the margin, right by less, wrong.
    anchors, positives, negatives = at(0, 0, 0), at(10, 30, 60), at(90, 40, 20)
    costs = [0.0, 0.5 + distance(30) - distance(40), 0.5 + distance(60) - distance(20)]
    loss = triplet_hinge(anchors, positives, negatives, margin=0.5)
    assert float(loss) == pytest.approx(sum(costs) / 3, abs=1e-6)


def test_one_negative_alone_gives_the_plain_hinge() -> None:
    anchors, positives, negatives = at(0), at(30), at(40)
    allowed = torch.ones(1, 1, dtype=torch.bool)
    expected = expected_triplet_hinge(anchors, positives, negatives, allowed, 0.5, 0.1)
    assert float(expected) == pytest.approx(
        float(triplet_hinge(anchors, positives, negatives, 0.5)), abs=1e-6
    )


def test_the_expectation_is_what_draws_by_importance_come_to() -> None:
    torch.manual_seed(0)
    anchors, positives, negatives = at(0), at(25), at(30, 50, 70, 120)
    allowed = torch.ones(1, 4, dtype=torch.bool)
    chances = torch.softmax(-squared_distances(anchors, negatives) / 0.3, dim=1)[0]
    drawn = negatives[torch.multinomial(chances, 200_000, replacement=True)]
    many = triplet_hinge(anchors.expand(len(drawn), 2), positives.expand(len(drawn), 2), drawn, 0.5)
    expected = expected_triplet_hinge(anchors, positives, negatives, allowed, 0.5, 0.3)
    assert float(expected) == pytest.approx(float(many), abs=0.005)


def test_what_is_not_allowed_is_no_negative_and_an_anchor_without_any_costs_nothing() -> None:
    anchors, positives, negatives = at(0, 0), at(30, 30), at(5, 40)
    allowed = torch.tensor([[False, True], [False, False]])
    loss = expected_triplet_hinge(anchors, positives, negatives, allowed, 0.5, 0.1)
    assert float(loss) == pytest.approx((0.5 + distance(30) - distance(40)) / 2, abs=1e-6)


def test_a_hinge_pulls_the_positive_and_pushes_the_negative() -> None:
    embeddings = at(0, 30, 40).requires_grad_()
    anchor, positive, negative = embeddings.split(1)
    triplet_hinge(anchor, positive, negative, 0.5).backward()
    moved = (embeddings - 0.01 * embeddings.grad).detach()
    before, after = squared_distances(embeddings, embeddings)[0], squared_distances(moved, moved)[0]
    assert after[1] < before[1]
    assert after[2] - after[1] > before[2] - before[1]


def test_pairs_cost_their_distance_or_what_they_lack_of_the_margin() -> None:
    a, b = at(0, 0, 0), at(60, 60, 180)
    same = torch.tensor([1.0, 0.0, 0.0])
    # The distances are 1, 1 and 2.
    expected = (1 + (1.5 - 1) ** 2 + 0) / 3 / 2
    assert float(contrastive(a, b, same, margin=1.5)) == pytest.approx(expected, abs=1e-6)


def test_pairs_of_the_same_place_have_a_finite_slope() -> None:
    a = at(0).requires_grad_()
    contrastive(a, at(0), torch.zeros(1), margin=1.0).backward()
    assert torch.isfinite(a.grad).all()
