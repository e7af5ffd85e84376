"""The grid's list of photos: rows move as little as they can, and say what people need to know."""

from __future__ import annotations

import time

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from photosim.catalog.records import PhotoTable
from photosim.gui.grid_model import PhotoModel, Role


def table(
    count: int, copies: dict[int, int] | None = None, offline: frozenset[int] = frozenset()
) -> PhotoTable:
    ids = np.arange(1, count + 1, dtype=np.int64)
    return PhotoTable(
        ids=ids,
        folder_ids=np.ones(count, dtype=np.int32),
        taken=np.zeros(count),
        copies=np.array([(copies or {}).get(int(i), 1) for i in ids], dtype=np.int32),
        offline=np.isin(ids, list(offline)),
        paths=[f"2023/IMG_{i:04d}.jpg" for i in ids],
        hashes=[b""] * count,
    )


def changes(model: PhotoModel) -> list[str]:
    seen: list[str] = []
    model.modelReset.connect(lambda: seen.append("reset"))
    model.rowsInserted.connect(lambda _, first, last: seen.append(f"inserted {first}-{last}"))
    model.rowsRemoved.connect(lambda _, first, last: seen.append(f"removed {first}-{last}"))
    return seen


def replace(model: PhotoModel, ids: list[int], similarity: list[float] | None = None) -> None:
    ranked = None if similarity is None else np.array(similarity, dtype=np.float32)
    model.replace(np.array(ids, dtype=np.int64), ranked, frozenset())


def test_it_is_a_model_as_qt_means_it(qtmodeltester: ModelTester) -> None:
    model = PhotoModel()
    model.set_table(table(5))
    replace(model, [3, 1, 2], [0.9, 0.8, 0.7])
    qtmodeltester.check(model)


def test_cutting_a_ranked_list_removes_its_tail_and_widening_puts_it_back() -> None:
    model = PhotoModel()
    replace(model, [5, 3, 4, 1], [0.9, 0.8, 0.7, 0.6])
    seen = changes(model)
    replace(model, [5, 3], [0.9, 0.8])
    replace(model, [5, 3, 4, 1], [0.9, 0.8, 0.7, 0.6])
    replace(model, [5, 3, 4, 1], [0.5, 0.4, 0.3, 0.2])
    assert seen == ["removed 2-3", "inserted 2-3"]
    assert model.similarity(0) == pytest.approx(0.5)


def test_a_new_order_is_one_reset() -> None:
    model = PhotoModel()
    replace(model, [1, 2, 3])
    seen = changes(model)
    replace(model, [3, 2, 1])
    assert seen == ["reset"]


def test_photos_of_a_running_scan_are_added_at_the_end_and_only_once() -> None:
    model = PhotoModel()
    replace(model, [4, 2], [0.9, 0.8])
    seen = changes(model)
    model.append([2, 7, 7, 8])
    assert model.ids.tolist() == [4, 2, 7, 8]
    assert seen == ["inserted 2-3"]
    assert model.similarity(1) == pytest.approx(0.8)
    assert model.similarity(2) is None
    model.append([7, 8])
    assert seen == ["inserted 2-3"]


def test_a_photo_is_found_by_its_id_in_any_order() -> None:
    model = PhotoModel()
    assert model.row_of(1) is None
    ids = np.random.default_rng(0).permutation(np.arange(10, 1000))
    replace(model, ids.tolist())
    assert all(model.row_of(int(photo_id)) == row for row, photo_id in enumerate(ids))
    assert model.row_of(5) is None
    assert model.row_of(5000) is None


def test_what_a_screen_reader_hears_is_what_the_cell_shows() -> None:
    model = PhotoModel()
    model.set_table(table(9, copies={3: 3}, offline=frozenset({3})))
    model.replace(np.array([3, 4]), np.array([0.934, 0.5], dtype=np.float32), frozenset({3}))
    spoken = model.index(0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "IMG_0003.jpg, the query, similarity 0.93, offline, 3 copies"
    assert model.index(1).data(Qt.ItemDataRole.AccessibleTextRole) == "IMG_0004.jpg, similarity 0.50"
    assert model.index(1).data(Qt.ItemDataRole.ToolTipRole).splitlines()[0] == "IMG_0004.jpg"
    assert model.index(0).data(Role.IS_QUERY) is True


def test_a_photo_the_table_does_not_know_yet_is_shown_all_the_same() -> None:
    model = PhotoModel()
    replace(model, [77])
    assert model.index(0).data(Qt.ItemDataRole.AccessibleTextRole) == "photo"
    model.set_table(table(3))
    assert model.cell(0).copies == 1
    model.set_table(table(99))
    assert model.index(0).data(Qt.ItemDataRole.DisplayRole) == "IMG_0077.jpg"


def test_figures_for_other_photos_are_refused(qtbot: QtBot) -> None:
    model = PhotoModel()
    with pytest.raises(ValueError, match="1 similarities for 2 photos"):
        replace(model, [1, 2], [0.5])


def test_a_new_order_costs_no_paint_a_look_at_every_photo() -> None:
    count = 1_000_000
    photos = PhotoTable(
        ids=np.arange(count, dtype=np.int64),
        folder_ids=np.ones(count, dtype=np.int32),
        taken=np.zeros(count),
        copies=np.full(count, 2, dtype=np.int32),
        offline=np.zeros(count, dtype=np.bool_),
        paths=[],
        hashes=[],
    )
    model = PhotoModel()
    model.set_table(photos)
    model.replace(np.random.default_rng(0).permutation(count), None, frozenset())
    begun = time.perf_counter()
    assert all(model.cell(row).copies == 2 for row in range(100))
    assert time.perf_counter() - begun < 0.02  # a search for all of them takes ten times as long
