"""What the catalog keeps while a library moves from one trunk to another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from photosim.catalog import ActiveModel, Catalog, FileFound, TrunkFeatures
from tests.catalog.rows import TRUNK, digest, features, found, photo, put

NEXT = "trunk-2"


def both(folder_id: int, path: str) -> FileFound:
    """A file read for both trunks at once."""
    made = photo(path)
    more = TrunkFeatures(NEXT, "fp32", features(path, 12))
    return replace(found(folder_id, path, path), new=replace(made, features=(*made.features, more)))


def provisional(content: str) -> TrunkFeatures:
    return TrunkFeatures(NEXT, "fp32", -features(content, 12))


@pytest.fixture
def folder_id(catalog: Catalog, pictures: Path) -> int:
    return catalog.add_folder(pictures).id


@pytest.fixture
def away(catalog: Catalog, tmp_path: Path) -> int:
    """A folder with two photos, c and d, whose drive has been unplugged."""
    (tmp_path / "drive").mkdir()
    folder_id = catalog.add_folder(tmp_path / "drive").id
    put(catalog, found(folder_id, "c.jpg", "c"), found(folder_id, "d.jpg", "d"))
    (tmp_path / "drive").rename(tmp_path / "unplugged")
    assert catalog.check_online()
    return folder_id


def test_no_model_answers_until_one_is_chosen(catalog: Catalog) -> None:
    assert catalog.active_model() is None
    catalog.set_active_model(ActiveModel("model-1", TRUNK))
    catalog.set_active_model(ActiveModel("model-2", NEXT))
    assert catalog.active_model() == ActiveModel("model-2", NEXT)


def test_files_of_photos_without_features_are_listed_those_out_of_reach_not(
    catalog: Catalog, folder_id: int, pictures: Path, away: int
) -> None:
    put(catalog, found(folder_id, "a.jpg", "a"), both(folder_id, "b.jpg"), found(folder_id, "copy.jpg", "a"))
    listed = catalog.files_to_read(NEXT)
    assert [(file.root, file.path) for file in listed] == [
        (str(pictures), "a.jpg"),
        (str(pictures), "copy.jpg"),
    ]
    assert len({file.photo_id for file in listed}) == 1
    assert (listed[0].folder_id, listed[0].size) == (folder_id, 1000)
    assert catalog.files_to_read(TRUNK) == []
    assert [key for _, key in catalog.offline_without_features(NEXT)] == [digest("c"), digest("d")]
    share = catalog.share_with_features(NEXT)
    assert (share.done, share.total) == (1, 4)
    assert catalog.count_features(TRUNK) == 4 and catalog.count_features(NEXT) == 1
    last = catalog.last_seq()
    put(catalog, both(folder_id, "e.jpg"))
    assert catalog.count_features(TRUNK, after=last) == catalog.count_features(NEXT, after=last) == 1


def test_provisional_features_serve_while_a_photo_is_away_and_are_made_again(
    catalog: Catalog, away: int, tmp_path: Path
) -> None:
    c, d = (photo_id for photo_id, _ in catalog.offline_without_features(NEXT))
    catalog.record_provisional([(c, provisional("c")), (d, provisional("d")), (999, provisional("gone"))])
    assert catalog.offline_without_features(NEXT) == []
    assert catalog.share_with_features(NEXT).done == 2
    assert catalog.ids_with_features(NEXT).tolist() == [c, d]
    assert catalog.hashes_with_features(NEXT) == set()
    assert catalog.hashes_with_features(TRUNK) == {digest("c"), digest("d")}
    (tmp_path / "unplugged").rename(tmp_path / "drive")
    catalog.check_online()
    assert [file.photo_id for file in catalog.files_to_read(NEXT)] == [c, d]
    assert catalog.share_with_features(NEXT).done == 0
    real = TrunkFeatures(NEXT, "fp16", features("c", 12))
    put(catalog, replace(found(away, "c.jpg", "c"), new=replace(photo("c"), features=(real,))))
    assert [file.photo_id for file in catalog.files_to_read(NEXT)] == [d]
    stored = catalog.features_of(c, NEXT)
    assert stored is not None and np.array_equal(stored, real.data)
    catalog.record_provisional([(c, provisional("c"))])  # too late
    stored = catalog.features_of(c, NEXT)
    assert stored is not None and np.array_equal(stored, real.data)
    assert catalog.hashes_with_features(NEXT) == {digest("c")}


def test_only_features_of_other_trunks_than_the_active_ones_are_forgotten(
    catalog: Catalog, folder_id: int
) -> None:
    ids = put(catalog, *(both(folder_id, f"{number}.jpg") for number in range(5)))
    assert catalog.forget_features(100) == 0, "no model is active: nothing is known to be superfluous"
    catalog.set_active_model(ActiveModel("model-2", NEXT))
    assert [catalog.forget_features(2) for _ in range(4)] == [2, 2, 1, 0]
    assert catalog.trunks() == [NEXT]
    assert catalog.ids_with_features(NEXT).tolist() == ids


def test_no_question_of_a_move_reads_the_features_themselves(catalog: Catalog) -> None:
    """They are nearly all of the catalog: a question that turns them over takes seconds, not milliseconds."""
    asked: list[str] = []
    with catalog._database.reading() as lent:
        lent.set_trace_callback(asked.append)
    catalog.share_with_features(NEXT)
    catalog.files_to_read(NEXT)
    catalog.offline_without_features(NEXT)
    catalog.hashes_with_features(NEXT)
    catalog.ids_with_features(NEXT)
    catalog.count_features(NEXT, after=1)
    catalog.trunks()
    with catalog._database.reading() as lent:
        lent.set_trace_callback(None)
        plans = [
            (row[3], statement)
            for statement in asked
            if statement.startswith("SELECT")
            for row in lent.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
    assert len(asked) >= 7
    for step, statement in plans:
        touches = step.startswith(("SCAN features", "SEARCH features", "SCAN f ", "SEARCH f "))
        if touches and "features_provisional" not in step:
            assert "COVERING INDEX" in step, f"{step}: {statement}"
