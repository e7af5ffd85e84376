"""A similarity is the sum of what the places of a photo give to it, and of what belongs to no place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from photosim.model.embedding import Embedding
from photosim.model.places import PlaceFeatures, average_pooled, reduced
from photosim.search.explanation import Split, area_around, explain, heat
from photosim.search.query import weigh

Floats = npt.NDArray[np.float32]
WITHIN = 0.001


def random(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def maps(seed: int, channels: int, side: int = 8) -> Floats:
    """Last maps as a network with ReLU6 gives them."""
    return np.clip(random(seed, channels, side, side), 0, 6)


def unit(vector: Floats) -> Floats:
    return vector / np.float32(np.linalg.norm(vector))


class TwoParts:
    """As deepranking-v2, but small: two reduced paths, and two over the whole photo."""

    def __init__(self) -> None:
        self.reductions = random(1, 24, 40), random(2, 24, 40)
        weights = random(3, 12, 64) * 0.4, random(4, 12, 64) * 0.4
        weights[0][:, 24:] = 0  # kind knows of one path alone
        self.embedding = Embedding(weights, (random(5, 12) * 0.1, random(6, 12) * 0.1))

    def photo(self, seed: int) -> tuple[npt.NDArray[np.float16], list[PlaceFeatures]]:
        both = maps(seed, 40), maps(seed + 100, 40)
        paths = [
            unit(reduction @ path.mean(axis=(1, 2)))
            for reduction, path in zip(self.reductions, both, strict=True)
        ]
        shallow = [unit(random(seed + 200 + number, 8)) for number in range(2)]
        features = np.concatenate([*paths, *shallow]).astype(np.float16)
        places = [
            reduced(path, reduction, start)
            for path, reduction, start in zip(both, self.reductions, (0, 24), strict=True)
        ]
        return features, places


def test_places_add_up_to_the_features_of_their_path() -> None:
    features, places = TwoParts().photo(7)
    for path in places:
        np.testing.assert_allclose(path.values.sum(axis=(1, 2)), features[path.columns], atol=WITHIN)


@pytest.mark.parametrize("focus", [0.0, 0.3, 0.5, 1.0])
def test_the_map_and_the_rest_are_the_similarity_from_either_photo(focus: float) -> None:
    model = TwoParts()
    query, result = model.photo(10), model.photo(11)
    embeddings = model.embedding(np.stack([query[0], result[0]]))
    similarity = float(weigh(embeddings[0], model.embedding.parts, focus) @ embeddings[1])
    for (features, places), other in ((result, embeddings[0]), (query, embeddings[1])):
        found = explain(model.embedding, features, places, other, focus)
        assert found.total.places.shape == (8, 8)
        assert found.total.from_places + found.total.rest == pytest.approx(similarity, abs=WITHIN)
        assert found.total.similarity == pytest.approx(similarity, abs=WITHIN)


def test_each_part_is_split_by_itself() -> None:
    model = TwoParts()
    query, result = model.photo(20), model.photo(21)
    embeddings = model.embedding(np.stack([query[0], result[0]]))
    kind, thing = explain(model.embedding, result[0], result[1], embeddings[0], 0.5).parts
    assert kind is not None and thing is not None
    assert kind.similarity == pytest.approx(float(embeddings[0, :12] @ embeddings[1, :12]), abs=WITHIN)
    assert thing.similarity == pytest.approx(float(embeddings[0, 12:] @ embeddings[1, 12:]), abs=WITHIN)
    assert kind.whole == 0  # the paths over the whole photo are not in it
    assert abs(thing.whole) > 0.01


def test_a_model_with_one_part_whose_features_are_plain_means() -> None:
    """As deepranking-v1: no norm of its paths, the norm of all features, one part, any focus."""
    embedding = Embedding((random(1, 6, 30), np.zeros((0, 30), np.float32)), (random(2, 6), random(3, 0)))
    photos = [maps(seed, 30, 7) for seed in (4, 5)]
    features = np.stack([photo.mean(axis=(1, 2)) for photo in photos]).astype(np.float16)
    embeddings = embedding(features)
    similarity = float(embeddings[0] @ embeddings[1])
    found = explain(embedding, features[1], [average_pooled(photos[1])], embeddings[0], 0.9)
    assert found.parts[1] is None
    assert found.total.places.shape == (7, 7)
    assert found.total.whole == 0
    assert found.total.similarity == pytest.approx(similarity, abs=WITHIN)


def test_a_place_gives_what_the_similarity_loses_without_it() -> None:
    """With every norm held, a place taken out of the maps costs just its own contribution."""
    embedding = Embedding((random(1, 6, 30), np.zeros((0, 30), np.float32)), (random(2, 6), random(3, 0)))
    photo = maps(4, 30, 4)
    features = photo.mean(axis=(1, 2)).astype(np.float16)
    other = embedding(maps(5, 30, 4).mean(axis=(1, 2))[np.newaxis])[0]
    before = explain(embedding, features, [average_pooled(photo)], other, 0).total
    photo[:, 2, 1] = 0
    after = explain(embedding, features, [average_pooled(photo)], other, 0).total
    lost = before.places - after.places
    assert lost[2, 1] == pytest.approx(before.places[2, 1], abs=1e-6)
    lost[2, 1] = 0
    assert not lost.any()


def test_a_photo_without_any_feature_is_explained_by_the_bias_alone() -> None:
    model = TwoParts()
    features = np.zeros(64, np.float16)
    places = [reduced(np.zeros((40, 8, 8), np.float32), random(1, 24, 40), 0)]
    other = model.embedding(model.photo(3)[0][np.newaxis])[0]
    found = explain(model.embedding, features, places, other, 0.5).total
    assert not found.places.any()
    own = model.embedding(features[np.newaxis])[0]
    assert found.bias == pytest.approx(float(weigh(own, model.embedding.parts, 0.5) @ other), abs=WITHIN)


def test_heat_is_full_at_the_hottest_place_and_none_where_a_place_speaks_against() -> None:
    warm = heat(Split(np.array([[0.3, 0.1], [-0.2, 0.0]], np.float32), 0.1, 0.0))
    np.testing.assert_allclose(warm, [[1, 1 / 3], [0, 0]], atol=1e-6)


def test_what_all_photos_have_in_common_warms_no_place() -> None:
    warm = heat(Split(np.array([[0.5, 0.2], [0.2, 0.2]], np.float32), 0.0, -0.8))
    np.testing.assert_allclose(warm, [[1, 0], [0, 0]], atol=1e-6)
    assert not heat(Split(np.full((2, 2), -0.1, np.float32), 0.0, 0.9)).any()


def test_no_place_is_hot_where_photos_are_hardly_similar() -> None:
    warm = heat(Split(np.array([[0.01, -0.1], [0.0, -0.2]], np.float32), 0.1, 0.1))
    assert warm.max() < 0.1


def spots() -> Floats:
    """Two hot areas of 8 x 8 places, apart from each other."""
    warm = np.full((8, 8), 0.1, np.float32)
    warm[1:4, 1:4] = 0.9
    warm[2, 2] = 1.0
    warm[6:8, 4:8] = 0.7
    return warm


def test_the_area_around_a_point_is_the_hot_one_that_it_lies_in() -> None:
    assert area_around(spots(), 0.2, 0.3) == pytest.approx((1 / 8, 1 / 8, 3 / 8, 3 / 8))
    assert area_around(spots(), 0.99, 0.99) == pytest.approx((4 / 8, 6 / 8, 4 / 8, 2 / 8))


def test_the_area_around_a_cold_point_or_a_single_place_is_a_quarter_of_the_side() -> None:
    assert area_around(spots(), 0.8, 0.3) == pytest.approx((0.6875, 0.1875, 0.25, 0.25))
    alone = np.zeros((8, 8), np.float32)
    alone[0, 7] = 1
    x, y, width, height = area_around(alone, 0.95, 0.05)
    assert (width, height) == (0.25, 0.25)
    assert (x, y) == pytest.approx((0.75, 0))


def test_an_area_that_would_be_the_whole_photo_is_narrowed_to_what_is_warmer() -> None:
    warm = np.full((8, 8), 0.6, np.float32)
    warm[2:6, 3:7] = 1.0
    assert area_around(warm, 0.6, 0.4) == pytest.approx((3 / 8, 2 / 8, 4 / 8, 4 / 8))


def test_an_area_never_leaves_the_photo() -> None:
    for warmth in (spots(), np.zeros((8, 8), np.float32), np.ones((3, 5), np.float32)):
        for x in (0.0, 0.5, 1.0):
            for y in (0.0, 0.5, 1.0):
                left, top, width, height = area_around(warmth, x, y)
                assert left >= 0 and top >= 0
                assert left + width <= 1 + 1e-9 and top + height <= 1 + 1e-9
