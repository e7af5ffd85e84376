"""The window's tests: one QApplication, watched from the first test on."""

from __future__ import annotations

import pytest

from tests.leaks import watch_qt

watch_qt()


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    return ["photosim"]
