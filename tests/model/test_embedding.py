"""From features to what photos are compared by."""

from __future__ import annotations

import numpy as np
import pytest

from photosim.model.card import ModelCard, load_card
from photosim.model.embedding import Embedding, load_embedding, part_weights
from photosim.paths import bundled_models


def random(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_each_part_has_unit_norm_and_kind_comes_first() -> None:
    embedding = Embedding((random(4, 10), random(3, 10)), (random(4), random(3)))
    features = random(5, 10)
    result = embedding(features)
    assert embedding.parts == (4, 3)
    assert result.shape == (5, embedding.dim) and result.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(result[:, :4], axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(result[:, 4:], axis=1), 1, rtol=1e-5)
    by_hand = random(4, 10) @ (features[2] / np.linalg.norm(features[2])) + random(4)
    np.testing.assert_allclose(result[2, :4], by_hand / np.linalg.norm(by_hand), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "thing"),
    [
        (slice(0, 4), slice(4, 10)),
        (slice(2, 7), slice(5, 6)),
        (slice(0, 10), slice(0, 10)),
        (slice(0, 0), slice(3, 10)),
        (slice(0, 0), slice(0, 0)),
    ],
)
def test_features_that_a_part_does_not_look_at_change_nothing(kind: slice, thing: slice) -> None:
    """Columns of zeros are left out of the product, over any number of rows."""
    weights = [np.zeros((size, 10), np.float32) for size in (4, 3)]
    for weight, used in zip(weights, (kind, thing), strict=True):
        weight[:, used] = random(*weight.shape)[:, used]
    biases = (random(4), random(3))
    features = random(4099, 10)
    plain = features / np.linalg.norm(features, axis=1, keepdims=True)
    result = Embedding((weights[0], weights[1]), biases)(features)
    for weight, bias, columns in zip(weights, biases, (slice(0, 4), slice(4, 7)), strict=True):
        rows = plain @ weight.T + bias
        expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        np.testing.assert_allclose(result[:, columns], expected, atol=1e-5)


def test_the_bundled_models_parts_look_at_features_of_their_own() -> None:
    """What makes a new model of the same trunk rank a library in half the time."""
    embedding = load_embedding(load_card(bundled_models() / "deepranking-v2"))
    sizes = [used.stop - used.start for used, _, _ in embedding._products]
    assert sum(sizes) == len(embedding.weight) and len(sizes) == 2


def test_features_of_another_trunk_are_refused() -> None:
    embedding = Embedding((np.zeros((4, 10), np.float32), random(3, 10)), (random(4), random(3)))
    with pytest.raises(ValueError, match=r"must be \[N, 10\]"):
        embedding(random(5, 12))


def test_the_bundled_embedding_maps_stored_features(card: ModelCard) -> None:
    embedding = load_embedding(card)
    assert embedding.parts == card.parts
    features = np.abs(random(6, card.feature_dim))
    stored = embedding(features.astype(np.float16))
    assert stored.shape == (6, 256)
    np.testing.assert_allclose(np.einsum("ij,ij->i", stored, embedding(features)), 1, atol=1e-4)


def test_a_black_photo_without_features_has_an_embedding(card: ModelCard) -> None:
    result = load_embedding(card)(np.zeros((1, card.feature_dim), np.float16))
    assert np.linalg.norm(result[0]) == pytest.approx(1, abs=1e-5)


def test_no_photos_give_no_embeddings(card: ModelCard) -> None:
    assert load_embedding(card)(np.zeros((0, card.feature_dim), np.float16)).shape == (0, 256)


def test_the_focus_weighs_the_parts_there_are() -> None:
    assert part_weights((256, 256), 0.25) == (0.75, 0.25)
    assert part_weights((256, 0), 0.9) == (1.0, 0.0)
    assert part_weights((0, 256), 0.1) == (0.0, 1.0)
