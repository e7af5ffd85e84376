"""The figures are those of the textbooks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from photosim.errors import PhotosimError
from photosim.training import evaluation
from photosim.training.evaluation import (
    average_precision,
    evaluate_classes,
    evaluate_copies,
    evaluate_queries,
    mean_average_precision,
    mrr,
    precision_at_k,
    recall_at_k,
    score_at_top_k,
    triplet_accuracy,
)

RANKED = np.array(
    [
        [True, False, True, False],  # precisions 1 and 2/3
        [False, False, False, True],  # 1/4
        [False, False, False, False],
    ]
)


def unit_rows(count: int, parts: tuple[int, ...], seed: int = 0) -> npt.NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    rows = [generator.normal(size=(count, part)) for part in parts]
    return np.concatenate([r / np.linalg.norm(r, axis=1, keepdims=True) for r in rows], axis=1).astype(
        np.float32
    )


def by_definition(relevant_lists: list[list[bool]]) -> dict[str, float]:
    """The figures, query by query, in plain Python."""
    rows = []
    for relevant in relevant_lists:
        ranks = [rank for rank, hit in enumerate(relevant, start=1) if hit]
        precisions = [sum(relevant[:rank]) / rank for rank in ranks]
        rows.append(
            (
                sum(precisions) / len(precisions),
                sum(relevant[:10]) / 10,
                float(relevant[0]),
                float(any(relevant[:10])),
                1 / ranks[0],
            )
        )
    means = np.mean(rows, axis=0)
    return dict(zip(("mAP", "precision@10", "recall@1", "recall@10", "mrr"), means.tolist(), strict=True))


def test_figures_worked_out_by_hand() -> None:
    np.testing.assert_allclose(average_precision(RANKED), [(1 + 2 / 3) / 2, 1 / 4, 0])
    assert mean_average_precision(RANKED) == pytest.approx((5 / 6 + 1 / 4) / 3)
    assert precision_at_k(RANKED, 2) == pytest.approx((1 / 2 + 0 + 0) / 3)
    assert precision_at_k(RANKED, 10) == pytest.approx((2 + 1 + 0) / 30)
    assert recall_at_k(RANKED, 1) == pytest.approx(1 / 3)
    assert recall_at_k(RANKED, 3) == pytest.approx(1 / 3)
    assert recall_at_k(RANKED, 4) == pytest.approx(2 / 3)
    assert mrr(RANKED) == pytest.approx((1 + 1 / 4 + 0) / 3)


def test_perfect_classes_score_one() -> None:
    embeddings = np.repeat(np.eye(3, dtype=np.float32), 11, axis=0)
    labels = np.repeat([7, 3, 5], 11)
    assert evaluate_classes(embeddings, labels, (3, 0), 0.5) == {
        "mAP": 1.0,
        "precision@10": 1.0,
        "recall@1": 1.0,
        "recall@10": 1.0,
        "mrr": 1.0,
    }


@pytest.mark.parametrize("focus", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("block", [1, 500, 1 << 22])
def test_leave_one_out_agrees_with_the_definition(
    monkeypatch: pytest.MonkeyPatch, focus: float, block: int
) -> None:
    monkeypatch.setattr(evaluation, "_BLOCK", block)
    embeddings = unit_rows(60, (5, 3))
    labels = np.random.default_rng(1).integers(0, 9, 60)
    labels[:2] = (50, 51)  # alone in their classes
    similarity = (1 - focus) * embeddings[:, :5] @ embeddings[:, :5].T
    similarity += focus * embeddings[:, 5:] @ embeddings[:, 5:].T
    lists = []
    for query in range(60):
        others = [item for item in range(60) if item != query]
        others.sort(key=lambda item: -similarity[query, item])
        relevant = [bool(labels[item] == labels[query]) for item in others]
        if any(relevant):
            lists.append(relevant)
    assert len(lists) < 60
    assert evaluate_classes(embeddings, labels, (5, 3), focus) == pytest.approx(by_definition(lists))


def test_a_photo_alone_in_its_class_is_ranked_but_does_not_ask() -> None:
    embeddings = np.array([[1, 0], [0.9, 0.4358899], [0.99, 0.1410674]], np.float32)
    figures = evaluate_classes(embeddings, np.array([0, 0, 1]), (2, 0), 0.0)
    # For both photos of class 0 the stranger stands nearer than the other one.
    assert figures["mAP"] == pytest.approx(0.5)
    assert figures["recall@1"] == 0.0


def test_identical_copies_do_not_make_the_figures_depend_on_chance() -> None:
    embeddings = np.repeat(unit_rows(2, (4,)), 20, axis=0)
    labels = np.tile([0, 1], 20)
    first = evaluate_classes(embeddings, labels, (4, 0), 0.5)
    assert first == evaluate_classes(embeddings.copy(), labels, (4, 0), 0.5)


@pytest.mark.parametrize("block", [1, 1 << 22])
def test_queries_find_the_references_of_their_name(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(evaluation, "_BLOCK", block)
    references = unit_rows(30, (6,))
    names = [f"book-{i % 25}" for i in range(30)]  # five books have two references
    queries = references[:10] + 0.6 * unit_rows(10, (6,), seed=5)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    query_names = [*names[:9], "a book without a reference"]
    lists = []
    for query, name in zip(queries[:9], names, strict=False):
        order = np.argsort(-(references @ query))
        lists.append([names[item] == name for item in order])
    got = evaluate_queries(queries, query_names, references, names, (6, 0), 0.5)
    assert got == pytest.approx(by_definition(lists))


@pytest.mark.parametrize("block", [1, 1 << 22])
def test_copies_look_for_their_originals(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(evaluation, "_BLOCK", block)
    gallery = np.eye(12, dtype=np.float32)
    copies = np.zeros((4, 12), np.float32)
    copies[0, 3] = 1  # finds its original first
    copies[1, 4], copies[1, 5] = 0.6, 0.8  # second: photo 5 stands before it
    copies[2, :6] = -0.4  # its original, photo 0, comes seventh: six stand before those with -0.4
    copies[3, 11] = -1  # last of twelve
    got = evaluate_copies(
        copies, ["crop", "blur", "crop", "blur"], np.array([3, 4, 0, 11]), gallery, (12, 0), 0
    )
    assert list(got) == ["crop", "blur", "overall"]
    assert got["crop"] == pytest.approx({"recall@1": 0.5, "recall@10": 1.0, "mrr": (1 + 1 / 7) / 2})
    assert got["blur"] == pytest.approx({"recall@1": 0.0, "recall@10": 0.5, "mrr": (1 / 2 + 1 / 12) / 2})
    assert got["overall"] == pytest.approx(
        {"recall@1": 0.25, "recall@10": 0.75, "mrr": (1 + 1 / 7 + 1 / 2 + 1 / 12) / 4}
    )


def test_copies_and_queries_of_one_reference_each_agree() -> None:
    gallery = unit_rows(40, (5, 4))
    copies = gallery[:30] + 0.5 * unit_rows(30, (5, 4), seed=3)
    names = [str(number) for number in range(40)]
    as_queries = evaluate_queries(copies, names[:30], gallery, names, (5, 4), 0.3)
    as_copies = evaluate_copies(copies, ["noise"] * 30, np.arange(30), gallery, (5, 4), 0.3)["overall"]
    assert 0 < as_copies["recall@1"] < 1
    assert as_copies == pytest.approx({key: as_queries[key] for key in as_copies})


def on_a_circle(*degrees: float) -> npt.NDArray[np.float32]:
    angles = np.radians(degrees)
    return np.column_stack((np.cos(angles), np.sin(angles))).astype(np.float32)


def test_triplets_worked_out_by_hand() -> None:
    embeddings = on_a_circle(0, 10, 20, 90, 180, 270)
    right, wrong, even = (0, 1, 2), (0, 3, 2), (0, 3, 5)
    assert triplet_accuracy(embeddings, np.array([right]), (2, 0), 0) == 1.0
    assert triplet_accuracy(embeddings, np.array([wrong]), (2, 0), 0) == 0.0
    assert triplet_accuracy(embeddings, np.array([right, right, wrong]), (2, 0), 0) == pytest.approx(2 / 3)
    assert triplet_accuracy(on_a_circle(0, 90, 90), np.array([(0, 1, 2)]), (2, 0), 0) == 0.5
    # Photo 0's two nearest are 1 and 2: the last triplet has neither.
    far = (0, 3, 4)
    assert triplet_accuracy(embeddings, np.array([far]), (2, 0), 0) == 1.0
    assert score_at_top_k(embeddings, np.array([right, wrong, far]), (2, 0), 0, k=2) == 0
    assert score_at_top_k(embeddings, np.array([right, right, wrong, far]), (2, 0), 0, k=2) == 1
    assert score_at_top_k(embeddings, np.array([right, wrong, far]), (2, 0), 0, k=100) == 1
    assert score_at_top_k(embeddings, np.array([even]), (2, 0), 0, k=100) in (-1, 0, 1)
    # At k = 1 photo 1 alone is near, and the wrong triplet counts no longer.
    assert score_at_top_k(embeddings, np.array([right, wrong]), (2, 0), 0, k=1) == 1


def test_neighbours_beyond_those_asked_for_push_nobody_out() -> None:
    embeddings = on_a_circle(0, 10, 40, 1, 2, 3, 4)  # an anchor, two of the gallery, then four copies
    triplet = np.array([(0, 1, 2)])
    assert score_at_top_k(embeddings, triplet, (2, 0), 0, k=1) == 0
    assert score_at_top_k(embeddings, triplet, (2, 0), 0, k=1, among=3) == 1
    # An anchor that is none of the gallery is no neighbour to be left out.
    assert score_at_top_k(embeddings, np.array([(3, 0, 2)]), (2, 0), 0, k=1, among=3) == 1


@pytest.mark.parametrize("block", [1, 1 << 22])
@pytest.mark.parametrize("focus", [0.0, 0.4, 1.0])
def test_triplets_agree_with_the_definition(
    monkeypatch: pytest.MonkeyPatch, focus: float, block: int
) -> None:
    monkeypatch.setattr(evaluation, "_BLOCK", block)
    embeddings = unit_rows(50, (5, 3))
    triplets = np.array([np.random.default_rng(i).choice(50, 3, replace=False) for i in range(200)])
    similarity = (1 - focus) * embeddings[:, :5] @ embeddings[:, :5].T
    similarity += focus * embeddings[:, 5:] @ embeddings[:, 5:].T
    right = score = 0
    for a, p, n in triplets.tolist():
        order = sorted((item for item in range(50) if item != a), key=lambda item: -similarity[a, item])
        is_right = order.index(p) < order.index(n)
        right += is_right
        if min(order.index(p), order.index(n)) < 10:
            score += 1 if is_right else -1
    assert triplet_accuracy(embeddings, triplets, (5, 3), focus) == pytest.approx(right / 200)
    assert score_at_top_k(embeddings, triplets, (5, 3), focus, k=10) == score


def test_guessing_ranks_half_the_triplets_right() -> None:
    embeddings = unit_rows(300, (16,))
    triplets = np.random.default_rng(0).integers(0, 300, (20_000, 3))
    assert triplet_accuracy(embeddings, triplets, (16, 0), 0) == pytest.approx(0.5, abs=0.02)


def test_nothing_to_evaluate_is_said() -> None:
    with pytest.raises(PhotosimError, match="no class has two photos"):
        evaluate_classes(unit_rows(3, (4,)), np.arange(3), (4, 0), 0.5)
    with pytest.raises(PhotosimError, match="no class has two photos"):
        evaluate_classes(unit_rows(0, (4,)), np.arange(0), (4, 0), 0.5)
    with pytest.raises(PhotosimError, match="no query has the name of a reference"):
        evaluate_queries(unit_rows(1, (4,)), ["a"], unit_rows(1, (4,)), ["b"], (4, 0), 0.5)
    with pytest.raises(PhotosimError, match="no query has the name of a reference"):
        evaluate_queries(unit_rows(0, (4,)), [], unit_rows(0, (4,)), [], (4, 0), 0.5)


def test_nothing_to_evaluate_is_said_of_copies_and_triplets() -> None:
    none = np.zeros((0, 3), np.intp)
    with pytest.raises(PhotosimError, match="there are no copies"):
        evaluate_copies(unit_rows(0, (4,)), [], none[:, 0], unit_rows(3, (4,)), (4, 0), 0.5)
    with pytest.raises(PhotosimError, match="there are no triplets"):
        triplet_accuracy(unit_rows(3, (4,)), none, (4, 0), 0.5)
    with pytest.raises(PhotosimError, match="there are no triplets"):
        score_at_top_k(unit_rows(3, (4,)), none, (4, 0), 0.5)


def test_many_photos_are_ranked_in_little_memory() -> None:
    """20,000 x 20,000 similarities and their order would take 4.8 GB."""
    import tracemalloc

    embeddings = unit_rows(20_000, (8,))
    labels = np.arange(20_000)
    labels[:200] = -1
    tracemalloc.start()
    figures: dict[str, Any] = evaluate_classes(embeddings, labels, (8, 0), 0.5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0 < figures["mAP"] < 1
    assert peak < 200e6
