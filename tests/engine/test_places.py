"""The worker tells what the places of a photo give to its features, for photos, regions and thumbnails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from photosim.engine.interactive import InteractiveWorker
from photosim.engine.messages import WorkerSetup
from photosim.errors import PhotosimError, UnreadablePhoto
from photosim.imaging.network_input import NetworkInput
from photosim.model.card import ModelCard
from photosim.model.registry import Registry
from photosim.paths import bundled_models
from tests.engine import readers
from tests.made_photos import jpeg

PATIENCE = 30.0


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return Registry(bundled_models(), Path("no models of one's own")).default()


@pytest.fixture(scope="module")
def worker(setup: WorkerSetup) -> Iterator[InteractiveWorker]:
    worker = InteractiveWorker(setup)
    worker.examine(jpeg(0)).result(PATIENCE)
    yield worker
    worker.close()


def test_the_features_are_those_that_a_search_compares(worker: InteractiveWorker, card: ModelCard) -> None:
    read = worker.places(jpeg(1)).result(PATIENCE)
    assert read.trunk == card.trunk
    np.testing.assert_array_equal(read.features, worker.examine(jpeg(1)).result(PATIENCE).features)
    assert read.seen == NetworkInput(card.input_size, card.geometry).part_of(96, 64)


def test_places_add_up_to_the_features(worker: InteractiveWorker, card: ModelCard) -> None:
    read = worker.places(jpeg(2)).result(PATIENCE)
    assert len(read.places) == 2, f"the graph of {card.version} does not give its maps"
    for path in read.places:
        np.testing.assert_allclose(path.values.sum(axis=(1, 2)), read.features[path.columns], atol=0.001)


def test_a_region_is_seen_as_far_as_its_edges(worker: InteractiveWorker, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(3))
    region = (0.1, 0.2, 0.6, 0.3)
    read = worker.places(path, region).result(PATIENCE)
    assert read.seen == region
    examined = worker.examine(path, region).result(PATIENCE)
    np.testing.assert_array_equal(read.features, examined.features)
    thumbnail = worker.places(examined.thumbnail).result(PATIENCE)
    assert thumbnail.features.shape == read.features.shape


def test_what_cannot_be_read_is_refused_by_a_worker_that_stays(
    worker: InteractiveWorker, tmp_path: Path
) -> None:
    worker.examine(jpeg(0)).result(PATIENCE)
    pid = worker.pid
    for request in (
        worker.places(tmp_path / "nowhere.jpg"),
        worker.places(b"no image"),
        worker.places(jpeg(1), (0.5, 0.5, 0.9, 0.9)),
    ):
        with pytest.raises(PhotosimError):
            request.result(PATIENCE)
    assert worker.pid == pid


def test_a_photo_that_kills_the_worker_fails_alone(setup: WorkerSetup) -> None:
    worker = InteractiveWorker(setup)
    try:
        bad, after = worker.places(jpeg(2) + readers.KILL), worker.places(jpeg(3))
        with pytest.raises(UnreadablePhoto, match="crashed the reader"):
            bad.result(PATIENCE)
        assert after.result(PATIENCE).features.any()
    finally:
        worker.close()


def test_an_explanation_nobody_waits_for_any_more_is_not_worked_on(worker: InteractiveWorker) -> None:
    first = worker.examine(jpeg(4) + readers.SLOW)
    given_up = worker.places(jpeg(5))
    last = worker.places(jpeg(6))
    assert given_up.cancel()
    first.result(PATIENCE)
    last.result(PATIENCE)
    assert given_up.cancelled()
