"""The untrained embedding."""

from __future__ import annotations

import numpy as np

from photosim.model.embedding import unit
from photosim.training.projection import half_whitened, held_out, kind_embedding, whitened


def stretched(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Positive features with a few strong directions."""
    generator = np.random.default_rng(0)
    mixed = generator.normal(size=(count, 20)) * np.linspace(3, 0.1, 20) @ generator.normal(size=(20, 30))
    return np.abs(mixed + 20).astype(np.float32)


def test_the_projection_centres_and_decorrelates() -> None:
    features = stretched(500)
    weight, bias = half_whitened(features, 8)
    assert weight.shape == (8, 30) and bias.shape == (8,)
    assert weight.flags.c_contiguous
    projected = unit(features) @ weight.T + bias
    np.testing.assert_allclose(projected.mean(axis=0), 0, atol=1e-4)
    covariance = np.cov(projected, rowvar=False)
    off_diagonal = covariance - np.diag(np.diag(covariance))
    assert np.abs(off_diagonal).max() < 1e-3 * covariance.max()


def test_the_strong_directions_are_weakened_half_way() -> None:
    features = stretched(500)
    variances = np.linalg.eigvalsh(np.cov(unit(features), rowvar=False).astype(np.float64))[::-1]
    weight, bias = half_whitened(features, 8)
    projected = unit(features) @ weight.T + bias
    expected = variances[:8] / np.sqrt(variances[:8] + variances.mean())
    np.testing.assert_allclose(projected.var(axis=0, ddof=1), expected, rtol=1e-2)


def test_the_same_features_give_the_same_projection() -> None:
    features = stretched(200)
    for first, second in zip(half_whitened(features, 5), half_whitened(features.copy(), 5), strict=True):
        np.testing.assert_array_equal(first, second)


def test_held_out_classes_are_measured_by_a_projection_that_never_saw_them() -> None:
    generator = np.random.default_rng(1)
    centres = np.abs(generator.normal(size=(12, 30))) * 3
    labels = np.repeat(np.arange(12), 15)
    features = np.abs(centres[labels] + generator.normal(size=(180, 30))).astype(np.float32)
    raw, projected = held_out(features, labels, 10)
    assert 0.2 < raw <= 1 and 0.2 < projected <= 1
    whole = kind_embedding(*half_whitened(features, 10))
    assert whole.parts == (10, 0)


def test_full_whitening_leaves_strong_directions_alike() -> None:
    """Each variance becomes v / (v + mean of all): near 1 for the strong ones, whichever of them."""
    features = stretched(500)
    variances = np.linalg.eigvalsh(np.cov(unit(features), rowvar=False))[::-1]
    weight, bias = whitened(features, 4, 0.5)
    projected = unit(features) @ weight.T + bias
    expected = variances[:4] / (variances[:4] + variances.mean())
    np.testing.assert_allclose(projected.var(axis=0, ddof=1), expected, rtol=1e-2)
