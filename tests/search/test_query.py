"""How several photos become one query, and what focus and "less" mean in figures."""

from __future__ import annotations

import numpy as np
import pytest

from photosim.errors import QueryError
from photosim.model.embedding import unit
from photosim.search.query import combine, weigh


def vectors(count: int, parts: tuple[int, int], seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, sum(parts))).astype(np.float32)
    return np.concatenate([unit(rows[:, : parts[0]]), unit(rows[:, parts[0] :])], axis=1)


@pytest.mark.parametrize("focus", [0.0, 0.2, 0.5, 1.0])
def test_the_weighed_product_is_the_designs_similarity_and_distance(focus: float) -> None:
    parts = (5, 3)
    query, photo = vectors(2, parts)
    expected = (1 - focus) * query[:5] @ photo[:5] + focus * query[5:] @ photo[5:]
    similarity = weigh(query, parts, focus) @ photo
    assert similarity == pytest.approx(expected, abs=1e-6)
    distance = (1 - focus) * ((query[:5] - photo[:5]) ** 2).sum()
    distance += focus * ((query[5:] - photo[5:]) ** 2).sum()
    assert 2 - 2 * similarity == pytest.approx(distance, abs=1e-5)


@pytest.mark.parametrize("parts", [(6, 0), (0, 6)])
def test_a_model_of_one_part_ignores_the_focus(parts: tuple[int, int]) -> None:
    (query,) = vectors(1, parts)
    for focus in (0.0, 0.3, 1.0):
        assert np.array_equal(weigh(query, parts, focus), query)


def test_several_photos_are_the_unit_mean_of_each_part() -> None:
    parts = (4, 3)
    more, less = vectors(3, parts), vectors(2, parts, seed=1)
    query = combine(list(more), list(less), parts)
    for part in (slice(0, 4), slice(4, 7)):
        expected = more[:, part].mean(axis=0) - 0.5 * less[:, part].mean(axis=0)
        assert np.allclose(query[part], expected / np.linalg.norm(expected), atol=1e-6)
    assert query.dtype == np.float32


def test_one_photo_is_its_own_query_and_order_does_not_matter() -> None:
    parts = (4, 3)
    a, b, c = vectors(3, parts)
    assert np.allclose(combine([a], [], parts), a, atol=1e-6)
    assert np.allclose(combine([a, b], [c], parts), combine([b, a], [c], parts), atol=1e-6)
    assert np.allclose(combine([a, a, a], [], parts), a, atol=1e-6)


def test_less_of_a_photo_moves_away_from_it() -> None:
    a, b = vectors(2, (4, 4))
    assert combine([a], [b], (4, 4)) @ b < combine([a], [], (4, 4)) @ b


def test_combining_leaves_the_photos_as_they_are() -> None:
    a, b = vectors(2, (4, 4))
    before = a.copy(), b.copy()
    combine([a], [b], (4, 4))
    assert np.array_equal(a, before[0]) and np.array_equal(b, before[1])


def test_photos_that_cancel_out_are_refused_in_words() -> None:
    (a,) = vectors(1, (4, 0))
    with pytest.raises(QueryError, match="cancel each other out"):
        combine([a, -a], [], (4, 0))
    # Half of one photo against the whole of another: the same photo never takes itself away.
    assert np.allclose(combine([a], [a], (4, 0)), a, atol=1e-6)


def test_a_query_needs_a_photo_to_look_for() -> None:
    (a,) = vectors(1, (4, 0))
    with pytest.raises(QueryError, match="at least one photo"):
        combine([], [a], (4, 0))
    with pytest.raises(QueryError, match="at least one photo"):
        combine([], [], (4, 0))
