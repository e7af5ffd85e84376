"""From features to what photos are compared by."""

from __future__ import annotations

import numpy as np
import pytest

from photosim.model.card import ModelCard
from photosim.model.embedding import Embedding, load_embedding, part_weights


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
