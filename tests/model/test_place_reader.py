"""What the places of real photos give to the features of real models adds up to them, and to similarities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file

from photosim.errors import ModelError
from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import read_bytes, read_photo
from photosim.model.card import TRUNK_WEIGHTS, ModelCard
from photosim.model.embedding import load_embedding
from photosim.model.network import network_from
from photosim.model.onnx_runtime import OnnxRuntime
from photosim.model.place_reader import PlaceReader
from photosim.model.places import PlaceFeatures, average_pooled
from photosim.model.registry import Registry
from photosim.paths import bundled_models
from photosim.search.explanation import explain, heat
from photosim.search.query import weigh

WITHIN = 0.001
PAIRS = [(0, 1), (1, 2), (9, 10)]  # the last two are one scene, photographed twice

Photo = tuple[npt.NDArray[np.float16], tuple[PlaceFeatures, ...]]


def pixels_of(card: ModelCard, path: Path) -> npt.NDArray[np.uint8]:
    return read_photo(read_bytes(path), NetworkInput(card.input_size, card.geometry)).pixels


@pytest.fixture(scope="module")
def newest() -> ModelCard:
    """The newest bundled model, whose graph gives its last maps."""
    card = Registry(bundled_models(), Path("no models of one's own")).default()
    pixels = np.zeros((1, card.input_size, card.input_size, 3), np.uint8)
    assert set(OnnxRuntime(card, 1).maps(pixels)) == {"kind_maps", "thing_maps"}
    return card


@pytest.fixture(scope="module")
def read(newest: ModelCard) -> Callable[[Path], Photo]:
    reader = PlaceReader(newest, OnnxRuntime(newest, 1), 1)
    assert reader.trunk == newest.trunk
    return lambda path: reader.read(pixels_of(newest, path))


def check(card: ModelCard, photos: tuple[Photo, Photo], focus: float) -> None:
    """Each photo's map and rest are the similarity that a search gives."""
    embedding = load_embedding(card)
    vectors = embedding(np.stack([features for features, _ in photos]))
    similarity = float(weigh(vectors[0], embedding.parts, focus) @ vectors[1])
    for (features, places), other in zip(photos, vectors[::-1], strict=True):
        found = explain(embedding, features, places, other, focus).total
        assert float(found.places.sum()) + found.rest == pytest.approx(similarity, abs=WITHIN)


def test_the_places_of_a_photo_add_up_to_its_features(
    newest: ModelCard, read: Callable[[Path], Photo], sample_photos: list[Path]
) -> None:
    features, places = read(sample_photos[0])
    assert features.shape == (newest.feature_dim,) and features.dtype == np.float16
    side = newest.input_size // 32
    for path in places:
        assert path.values.shape[1:] == (side, side)
        np.testing.assert_allclose(path.values.sum(axis=(1, 2)), features[path.columns], atol=WITHIN)
    covered = [set(range(path.start, path.start + len(path.values))) for path in places]
    assert sum(map(len, covered)) == len(set().union(*covered))  # no column twice


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("focus", [0.0, 0.5, 1.0])
def test_the_map_and_the_rest_are_the_similarity_within_a_thousandth(
    newest: ModelCard,
    read: Callable[[Path], Photo],
    sample_photos: list[Path],
    pair: tuple[int, int],
    focus: float,
) -> None:
    check(newest, (read(sample_photos[pair[0]]), read(sample_photos[pair[1]])), focus)


def test_the_warm_places_of_two_photos_of_one_scene_are_on_its_subject(
    newest: ModelCard, read: Callable[[Path], Photo], sample_photos: list[Path]
) -> None:
    """A motorcycle before a wall of shelves."""
    left, right = (path for path in sample_photos if path.name.startswith("motorcycle"))
    embedding = load_embedding(newest)
    features, places = read(right)
    other = embedding(read(left)[0][np.newaxis])[0]
    warm = heat(explain(embedding, features, places, other, newest.focus).total)
    rows = len(warm)
    assert warm[rows // 3 : -rows // 8].mean() > 1.5 * warm[: rows // 4].mean()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch's threads wait for each other at every layer, which takes ages on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("pair", PAIRS)
def test_so_it_is_for_the_first_model_whose_features_are_plain_means(
    card: ModelCard, sample_photos: list[Path], pair: tuple[int, int]
) -> None:
    """Its graph has no maps to give; torch has."""
    network = network_from(load_file(card.folder / TRUNK_WEIGHTS))
    photos = []
    for number in pair:
        x = torch.from_numpy(pixels_of(card, sample_photos[number]))[None].permute(0, 3, 1, 2).float()
        with torch.inference_mode():
            maps = network.trunk((x - 127) / 128)[0].numpy()
        photos.append((maps.mean(axis=(1, 2)).astype(np.float16), (average_pooled(maps),)))
    check(card, (photos[0], photos[1]), 0.5)


def test_a_model_whose_graph_gives_no_maps_has_no_places(card: ModelCard, sample_photos: list[Path]) -> None:
    runtime = OnnxRuntime(card, 1)
    pixels = pixels_of(card, sample_photos[0])
    features, places = PlaceReader(card, runtime, 1).read(pixels)
    assert places == ()
    np.testing.assert_array_equal(features, runtime.features(pixels[np.newaxis])[0])


def test_damaged_weights_are_refused(card: ModelCard, folder: Path) -> None:
    from photosim.model.card import load_card

    runtime = OnnxRuntime(card, 1)
    weights = folder / TRUNK_WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match=TRUNK_WEIGHTS):
        PlaceReader(load_card(folder), runtime, 1)
