"""Exact search is the truth that all other answers are measured against."""

from __future__ import annotations

import numpy as np
import pytest

from photosim.index.exact import rank_exactly


def library(count: int, dim: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    ids = np.sort(random.choice(10 * count + 1, count, replace=False)).astype(np.int64)
    matrix = random.normal(size=(count, dim)).astype(np.float32)
    return ids, matrix, random.normal(size=dim).astype(np.float32)


@pytest.mark.parametrize("k", [1, 10, 499, 500, 501, None])
def test_the_best_come_first(k: int | None) -> None:
    ids, matrix, query = library(500)
    found, products = rank_exactly(ids, matrix, query, k)
    order = np.argsort(-(matrix @ query), kind="stable")[:k]
    assert np.array_equal(found, ids[order])
    assert np.array_equal(products, (matrix @ query)[order])
    assert (found.dtype, products.dtype) == (np.int64, np.float32)


@pytest.mark.parametrize("k", [1, 3, 7, 40, None])
def test_equal_photos_come_in_the_order_of_their_ids(k: int | None) -> None:
    ids = np.arange(100, 150, dtype=np.int64)
    matrix = np.zeros((50, 2), dtype=np.float32)
    matrix[:, 0] = [1.0] * 5 + [0.5] * 40 + [-0.0, 0.0] * 2 + [2.0]
    found, _ = rank_exactly(ids, matrix, np.array([1, 0], dtype=np.float32), k)
    assert found.tolist() == [149, *range(100, 149)][:k]


def test_only_the_rows_asked_for_count() -> None:
    ids, matrix, query = library(200)
    rows = np.array([3, 50, 51, 199])
    found, products = rank_exactly(ids, matrix, query, None, rows)
    assert sorted(found.tolist()) == ids[rows].tolist()
    assert np.all(np.diff(products) <= 0)
    assert len(rank_exactly(ids, matrix, query, 2, rows)[0]) == 2
    assert len(rank_exactly(ids, matrix, query, 2, np.empty(0, dtype=np.intp))[0]) == 0


def test_an_empty_library_has_no_results() -> None:
    found, products = rank_exactly(
        np.empty(0, dtype=np.int64), np.empty((0, 4), dtype=np.float32), np.ones(4, dtype=np.float32), 5
    )
    assert len(found) == len(products) == 0
