from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from photosim.catalog import Catalog
from photosim.paths import Folders


@pytest.fixture
def catalog(folders: Folders) -> Iterator[Catalog]:
    opened = Catalog(folders.catalog)
    yield opened
    opened.close()


@pytest.fixture
def folder_id(catalog: Catalog, tmp_path: Path) -> int:
    (tmp_path / "pictures").mkdir()
    return catalog.add_folder(tmp_path / "pictures").id
