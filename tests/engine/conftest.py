from __future__ import annotations

from pathlib import Path

import pytest

from photosim.engine.messages import WorkerSetup
from photosim.model.registry import Registry
from photosim.paths import bundled_models
from tests.engine import readers


@pytest.fixture(scope="session")
def setup() -> WorkerSetup:
    """The bundled model on two threads of the CPU, with a reader that marked files can kill or hang."""
    card = Registry(bundled_models(), Path("no models of one's own")).default()
    return WorkerSetup((card,), "cpu", threads=2, reader=readers.dangerous)
