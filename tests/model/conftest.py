"""A model's folder that a test may damage, and photos as the network takes them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import read_bytes, read_photo
from photosim.model.card import CARD, ModelCard, load_card
from photosim.paths import bundled_models

BUNDLED = bundled_models() / "deepranking-v1"


@pytest.fixture(scope="session")
def card() -> ModelCard:
    return load_card(BUNDLED, bundled=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the bundled model."""
    return Path(shutil.copytree(BUNDLED, tmp_path / "deepranking-v1"))


@pytest.fixture
def change_card(folder: Path) -> Callable[..., Path]:
    """Rewrites entries of the copied card; None as the value takes one out. Gives the folder."""

    def change(**entries: Any) -> Path:
        path = folder / CARD
        card = json.loads(path.read_text()) | entries
        path.write_text(json.dumps({key: value for key, value in card.items() if value is not None}))
        return folder

    return change


@pytest.fixture(scope="session")
def sample_pixels(sample_photos: list[Path]) -> npt.NDArray[np.uint8]:
    """scikit-image's pictures as network input, [N, 224, 224, 3]."""
    return np.stack([read_photo(read_bytes(path), NetworkInput(224)).pixels for path in sample_photos])
