"""The simple rankings that models are compared with."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from photosim.imaging.phash import perceptual_hash
from photosim.training.baselines import colour_histogram, hash_vectors, raw_features, without_path
from tests.made_photos import jpeg


def test_a_histogram_holds_the_shares_of_colours() -> None:
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[0, :2] = (255, 0, 0)
    histogram = colour_histogram(pixels)
    assert histogram[0] == pytest.approx(np.sqrt(6 / 8))
    assert histogram[3 * 16] == pytest.approx(np.sqrt(2 / 8))
    assert np.linalg.norm(histogram) == pytest.approx(1)
    assert np.count_nonzero(histogram) == 2


def test_hashes_compare_by_their_hamming_distance() -> None:
    hashes = [0, (1 << 64) - 1, 0b1011, 1 << 63]
    products = hash_vectors(hashes) @ hash_vectors(hashes).T
    distances = [[(a ^ b).bit_count() for b in hashes] for a in hashes]
    np.testing.assert_allclose(products, 1 - np.array(distances) / 32, atol=1e-6)


def test_a_shrunk_photo_has_nearly_the_hash_of_the_photo() -> None:
    images = [Image.open(io.BytesIO(jpeg(number))).convert("RGB") for number in range(3)]
    hashes = [perceptual_hash(image) for image in [*images, images[0].resize((48, 32))]]
    products = hash_vectors(hashes) @ hash_vectors(hashes).T
    assert products[3, 0] > 0.7 > max(products[3, 1:3])


def test_raw_features_compare_by_the_cosine() -> None:
    features = np.array([(3, 4), (6, 8), (0, 0)], np.float16)
    np.testing.assert_allclose(raw_features(features), [(0.6, 0.8), (0.6, 0.8), (0, 0)], atol=1e-6)


def test_a_path_left_out_is_zero_and_the_others_stay() -> None:
    features = np.arange(1, 13, dtype=np.float16).reshape(2, 6)
    without = without_path(features, (3, 2, 1), 1)
    assert without.tolist() == [[1, 2, 3, 0, 0, 6], [7, 8, 9, 0, 0, 12]]
    assert features[0].tolist() == [1, 2, 3, 4, 5, 6]
