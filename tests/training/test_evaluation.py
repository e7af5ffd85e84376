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
    evaluate_queries,
    mean_average_precision,
    mrr,
    precision_at_k,
    recall_at_1,
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
    """The four figures, query by query, in plain Python."""
    rows = []
    for relevant in relevant_lists:
        ranks = [rank for rank, hit in enumerate(relevant, start=1) if hit]
        precisions = [sum(relevant[:rank]) / rank for rank in ranks]
        rows.append(
            (
                sum(precisions) / len(precisions),
                sum(relevant[:10]) / 10,
                float(relevant[0]),
                1 / ranks[0],
            )
        )
    means = np.mean(rows, axis=0)
    return dict(zip(("mAP", "precision@10", "recall@1", "mrr"), means.tolist(), strict=True))


def test_figures_worked_out_by_hand() -> None:
    np.testing.assert_allclose(average_precision(RANKED), [(1 + 2 / 3) / 2, 1 / 4, 0])
    assert mean_average_precision(RANKED) == pytest.approx((5 / 6 + 1 / 4) / 3)
    assert precision_at_k(RANKED, 2) == pytest.approx((1 / 2 + 0 + 0) / 3)
    assert precision_at_k(RANKED, 10) == pytest.approx((2 + 1 + 0) / 30)
    assert recall_at_1(RANKED) == pytest.approx(1 / 3)
    assert mrr(RANKED) == pytest.approx((1 + 1 / 4 + 0) / 3)


def test_perfect_classes_score_one() -> None:
    embeddings = np.repeat(np.eye(3, dtype=np.float32), 11, axis=0)
    labels = np.repeat([7, 3, 5], 11)
    assert evaluate_classes(embeddings, labels, (3, 0), 0.5) == {
        "mAP": 1.0,
        "precision@10": 1.0,
        "recall@1": 1.0,
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


def test_nothing_to_evaluate_is_said() -> None:
    with pytest.raises(PhotosimError, match="no class has two photos"):
        evaluate_classes(unit_rows(3, (4,)), np.arange(3), (4, 0), 0.5)
    with pytest.raises(PhotosimError, match="no class has two photos"):
        evaluate_classes(unit_rows(0, (4,)), np.arange(0), (4, 0), 0.5)
    with pytest.raises(PhotosimError, match="no query has the name of a reference"):
        evaluate_queries(unit_rows(1, (4,)), ["a"], unit_rows(1, (4,)), ["b"], (4, 0), 0.5)
    with pytest.raises(PhotosimError, match="no query has the name of a reference"):
        evaluate_queries(unit_rows(0, (4,)), [], unit_rows(0, (4,)), [], (4, 0), 0.5)


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
