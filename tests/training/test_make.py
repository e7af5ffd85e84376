"""The whole way from a folder of photos to a model's files, real but short."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from photosim.imaging.reading import read_bytes, read_photo
from photosim.model.card import CARD, load_card
from photosim.model.embedding import load_embedding
from photosim.model.onnx_runtime import OnnxRuntime
from photosim.training.make import SHAPE, Settings, make
from tests.made_photos import make_photos

SETTINGS = Settings(
    steps=2,
    batch=4,
    parts=(8, 6),
    thing_dimensions=8,
    validate_every=1,
    queries=4,
    memory=8,
    kind_steps=2,
    kind_draws=200,
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for number in range(6):
        (root / f"kind{number}").mkdir()
        make_photos(root / f"kind{number}", 4, first=10 * number)
    (root / "kind0" / "damaged.jpg").write_bytes(b"no photo")
    return root


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_folder_of_photos_becomes_a_model_that_embeds(photos: Path, tmp_path: Path) -> None:
    said: list[str] = []
    folder = tmp_path / "deepranking-v2"
    make(photos, folder, tmp_path / "work", SETTINGS, "made by a test", said.append)
    assert any("damaged.jpg" in line and "left out" in line for line in said)
    card = load_card(folder)
    assert card.parts == (8, 6) and card.input_size == SHAPE.size and card.geometry == SHAPE.geometry
    training = json.loads((folder / CARD).read_text())["training"]
    assert training["sets"] == "made by a test"
    assert training["photos"] + training["validation photos"] == 24
    photo = min((photos / "kind1").iterdir())
    pixels = read_photo(read_bytes(photo), SHAPE).pixels[None]
    features = OnnxRuntime(card, threads=1).features(pixels)
    embedding = load_embedding(card)(features)
    np.testing.assert_allclose(np.linalg.norm(embedding[:, :8]), 1, atol=1e-5)
    # What is done is not done again.
    again = list[str]()
    make(photos, folder, tmp_path / "work", SETTINGS, "made by a test", again.append)
    assert not any("step" in line for line in again)
    assert load_card(folder).files == card.files
