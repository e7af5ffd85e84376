"""Queries of several photos, and views that come back at the next start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from photosim.gui.views import (
    FOLDER,
    Browse,
    QueryItem,
    Similar,
    from_files,
    from_json,
    still_there,
    to_json,
)

FLOWER = QueryItem(photo_id=1, path="/photos/flower.jpg")
BOAT = QueryItem(photo_id=2, path="/photos/boat.jpg")


def test_photos_are_added_each_once() -> None:
    query = Similar((FLOWER,)).with_items((BOAT, FLOWER))
    assert query.items == (FLOWER, BOAT)


def test_less_like_a_photo_that_is_there_changes_its_side() -> None:
    query = Similar((FLOWER, BOAT)).with_items((QueryItem(photo_id=2, path="/photos/boat.jpg", less=True),))
    assert [item.photo_id for item in query.more] == [1]
    assert [item.photo_id for item in query.less] == [2]


def test_a_part_of_a_photo_is_another_picture_than_the_photo() -> None:
    part = QueryItem(photo_id=1, path="/photos/flower.jpg", region=(0.1, 0.1, 0.5, 0.5))
    assert len(Similar((FLOWER,)).with_items((part,)).items) == 2


def test_two_pictures_without_a_file_are_told_apart() -> None:
    query = Similar((QueryItem(image=b"one"),)).with_items((QueryItem(image=b"two"), QueryItem(image=b"one")))
    assert len(query.items) == 2


def test_taking_away_and_changing_sides() -> None:
    query = Similar((FLOWER, BOAT), cut=0.4)
    assert query.without(0).items == (BOAT,)
    assert query.toggled(1).items[1].less
    assert query.toggled(1).toggled(1) == query
    assert query.without(0).cut == 0.4


@pytest.mark.parametrize(
    "view",
    [
        Browse(),
        Browse(FOLDER, "/photos/holiday"),
        Similar((FLOWER, QueryItem(photo_id=2, path="/b.jpg", less=True)), cut=0.52),
        Similar((QueryItem(path="/elsewhere/c.jpg"),)),
        Similar((QueryItem(photo_id=1, path="/photos/flower.jpg", region=(0.0, 0.25, 0.5, 0.75)),)),
    ],
)
def test_a_view_comes_back_from_the_settings(view: Browse | Similar) -> None:
    assert from_json(json.loads(json.dumps(to_json(view)))) == view


@pytest.mark.parametrize(
    "written",
    [
        {},
        [],
        None,
        {"place": "moon", "folder": ""},
        {"query": [{"id": "x"}], "cut": None},
        {"query": [], "cut": None},
        {"query": [{"id": 1, "path": "/a", "region": [0, 0], "less": False}], "cut": None},
    ],
)
def test_settings_written_by_hand_lead_to_all_photos(written: object) -> None:
    assert from_json(written) == Browse()


def test_a_picture_from_a_browser_is_not_kept_over_a_restart() -> None:
    assert from_json(to_json(Similar((QueryItem(image=b"bytes"),)))) == Browse()


def test_a_file_is_named_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (item,) = from_files([Path("a.jpg")])
    assert item.path == str(tmp_path / "a.jpg") and item.name == "a.jpg"
    (nobody,) = from_files([Path("~nosuchuser/a.jpg")])  # a file may be called so
    assert nobody.path == str(tmp_path / "~nosuchuser" / "a.jpg")


def test_a_view_of_last_time_does_without_photos_that_have_gone(tmp_path: Path) -> None:
    (tmp_path / "there.jpg").touch()
    known = QueryItem(photo_id=7, path=str(tmp_path / "offline.jpg"))
    there = QueryItem(path=str(tmp_path / "there.jpg"))
    gone = QueryItem(photo_id=8, path=str(tmp_path / "gone.jpg"))
    view = Similar((known, there, gone), 0.5)
    assert still_there(view, lambda photo_id: photo_id == 7) == Similar((known, there), 0.5)
    assert still_there(Similar((gone,)), lambda photo_id: photo_id == 7) == Browse()
    assert still_there(Browse(), lambda photo_id: False) == Browse()
