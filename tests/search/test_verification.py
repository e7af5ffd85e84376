"""Exact matches come first: the best candidates are compared with the query point by point."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from photosim.catalog import Catalog, ThumbnailStore
from photosim.imaging.keypoints import VERSION
from photosim.paths import Folders
from photosim.search import verification
from photosim.search.searcher import Ranking
from photosim.search.verification import NOT_CHECKED, Checked, Verifier, in_order
from tests.prints import opened, print_on, written
from tests.search.helpers import store

NAMES = ["astronaut", "chelsea", "coffee", "coins", "motorcycle_left", "gravel"]


@dataclass(frozen=True)
class Query:
    """A photo of a query, as a program passes it on."""

    content_hash: bytes
    thumbnail: bytes | None = None


class Shelf:
    """A library of a few photos, without their files: thumbnails, and what was asked to be read again."""

    def __init__(self, folders: Folders, sample_photos: list[Path]) -> None:
        by_name = {path.stem: path for path in sample_photos}
        self.pictures = {name: opened(by_name[name]) for name in NAMES}
        self.catalog = Catalog(folders.catalog)
        folder = self.catalog.add_folder(folders.data)
        ids = store(self.catalog, folder.id, np.zeros((len(NAMES), 4), dtype=np.float16))
        self.ids = dict(zip(NAMES, map(int, ids), strict=True))
        self.path = folders.thumbnails
        self.thumbnails = ThumbnailStore(self.path)
        self.thumbnails.put_many([(self.hash(name), written(self.pictures[name])) for name in NAMES])
        self.renewed: list[int] = []
        self.verifier = Verifier(self.catalog, self.thumbnails, self._renew)

    def hash(self, name: str) -> bytes:
        photo = self.catalog.photo(self.ids[name])
        assert photo is not None
        return photo.content_hash

    def query(self, name: str) -> Query:
        return Query(self.hash(name))

    def print_of(self, name: str, ground: str = "gravel") -> Query:
        """A photo of a print, none of the library's."""
        seen = print_on(self.pictures[ground], self.pictures[name])
        return Query(b"elsewhere", written(seen))

    def ranking(self, *names: str) -> Ranking:
        names = names or tuple(NAMES)
        ids = np.array([self.ids[name] for name in names], dtype=np.int64)
        return Ranking(ids, np.linspace(0.9, 0.1, len(ids), dtype=np.float32), "exact")

    def names(self, ranking: Ranking) -> list[str]:
        by_id = {photo_id: name for name, photo_id in self.ids.items()}
        return [by_id[photo_id] for photo_id in ranking.ids.tolist()]

    def forget(self, table: str) -> None:
        connection = sqlite3.connect(self.path)
        with connection:
            connection.execute(f"DELETE FROM {table}")
        connection.close()

    def with_keypoints(self) -> set[str]:
        return {name for name in NAMES if self.thumbnails.keypoints(self.hash(name), VERSION) is not None}

    def _renew(self, photo_id: int) -> bool:
        self.renewed.append(photo_id)
        name = next(name for name, known in self.ids.items() if known == photo_id)
        self.thumbnails.put_many([(self.hash(name), written(self.pictures[name]))])
        return True

    def close(self) -> None:
        self.thumbnails.close()
        self.catalog.close()


@pytest.fixture
def shelf(folders: Folders, sample_photos: list[Path]) -> Iterator[Shelf]:
    made = Shelf(folders, sample_photos)
    yield made
    made.close()


def last(steps: Iterator[Checked]) -> Checked:
    *_, step = steps
    return step


def test_the_match_comes_first_and_the_rest_stays_in_order(shelf: Shelf) -> None:
    ranking = shelf.ranking("chelsea", "coins", "motorcycle_left", "astronaut")
    steps = list(shelf.verifier.verify(ranking, [shelf.print_of("astronaut")]))
    assert [(step.done, step.total) for step in steps] == [(done, 4) for done in range(5)]
    ordered, inliers = in_order(ranking, steps[-1].inliers)
    assert shelf.names(ordered) == ["astronaut", "chelsea", "coins", "motorcycle_left"]
    assert inliers[0] >= 20
    assert inliers[1:].tolist() == [0, 0, 0]
    # Each photo keeps its own similarity.
    np.testing.assert_array_equal(ordered.similarity, ranking.similarity[[3, 0, 1, 2]])


def test_a_photo_of_the_library_is_found_by_its_hash_alone(shelf: Shelf) -> None:
    inliers = last(shelf.verifier.verify(shelf.ranking(), [shelf.query("coins")])).inliers
    assert inliers[shelf.ids["coins"]] > 100
    assert sum(inliers.values()) == inliers[shelf.ids["coins"]]


def test_only_the_best_are_checked_and_the_others_keep_their_place(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "CANDIDATES", 2)
    ranking = shelf.ranking("chelsea", "coins", "coffee")
    step = last(shelf.verifier.verify(ranking, [shelf.query("coffee")]))
    assert step.inliers == {shelf.ids["chelsea"]: 0, shelf.ids["coins"]: 0}
    ordered, inliers = in_order(ranking, step.inliers)
    assert shelf.names(ordered) == ["chelsea", "coins", "coffee"]
    assert inliers.tolist() == [0, 0, NOT_CHECKED]


def test_the_best_of_several_query_photos_counts(shelf: Shelf) -> None:
    more = [shelf.print_of("astronaut"), shelf.query("coffee")]
    ranking = shelf.ranking("chelsea", "coffee", "astronaut")
    step = last(shelf.verifier.verify(ranking, more))
    ordered, inliers = in_order(ranking, step.inliers)
    assert shelf.names(ordered) == ["coffee", "astronaut", "chelsea"]
    assert inliers[0] > inliers[1] > 0
    found = shelf.verifier.compare(more, shelf.ids["coffee"])
    assert found is not None
    assert (found.example, found.match.inliers) == (1, inliers[0])
    np.testing.assert_allclose(found.match.outline, [[0, 0], [1, 0], [1, 1], [0, 1]], atol=0.01)
    assert shelf.verifier.compare(more, shelf.ids["chelsea"]) is None
    assert shelf.verifier.compare(more, 12345) is None


def test_a_region_is_searched_for_by_its_own_picture(shelf: Shelf) -> None:
    """Its hash is that of the whole photo, which shows more."""
    whole = shelf.pictures["astronaut"]
    part = whole.crop((0, 0, whole.width // 2, whole.height // 2))
    region = Query(shelf.hash("astronaut"), written(part))
    found = shelf.verifier.compare([region], shelf.ids["astronaut"])
    assert found is not None
    np.testing.assert_allclose(found.match.outline, [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]], atol=0.02)


def test_keypoints_are_found_once_and_kept_beside_the_thumbnails(shelf: Shelf) -> None:
    ranking = shelf.ranking("chelsea", "coffee")
    query = [shelf.print_of("coffee")]
    first = last(shelf.verifier.verify(ranking, query)).inliers
    assert shelf.with_keypoints() == {"chelsea", "coffee"}
    shelf.forget("thumbnails")
    afresh = Verifier(shelf.catalog, shelf.thumbnails, lambda _: False)
    assert last(afresh.verify(ranking, query)).inliers == first
    shelf.forget("keypoints")
    assert last(afresh.verify(ranking, query)).inliers == dict.fromkeys(first, 0)


def test_damaged_keypoints_are_made_anew(shelf: Shelf) -> None:
    shelf.thumbnails.put_keypoints([(shelf.hash("coffee"), b"damaged")], VERSION)
    step = last(shelf.verifier.verify(shelf.ranking("coffee"), [shelf.query("coffee")]))
    assert step.inliers[shelf.ids["coffee"]] > 100
    assert shelf.thumbnails.keypoints(shelf.hash("coffee"), VERSION) != b"damaged"


@pytest.mark.parametrize("left", [None, b"no picture"])
def test_a_photo_without_a_thumbnail_is_read_again(shelf: Shelf, left: bytes | None) -> None:
    shelf.forget("thumbnails")
    if left is not None:
        shelf.thumbnails.put_many([(shelf.hash("coins"), left)])
    step = last(shelf.verifier.verify(shelf.ranking("coins"), [shelf.query("coins")]))
    assert set(shelf.renewed) == {shelf.ids["coins"]}
    assert step.inliers[shelf.ids["coins"]] > 100


def test_what_is_known_is_not_looked_at_again(shelf: Shelf) -> None:
    ranking = shelf.ranking("chelsea", "coffee", "coins")
    known = {shelf.ids["chelsea"]: 7, shelf.ids["coins"]: 0}
    *_, step = steps = list(shelf.verifier.verify(ranking, [shelf.query("coffee")], known))
    assert [one.total for one in steps] == [1, 1]
    assert step.inliers[shelf.ids["chelsea"]] == 7
    assert step.inliers[shelf.ids["coffee"]] > 100
    assert shelf.with_keypoints() == {"coffee"}


def slowed(renew: Callable[[int], bool], asked: threading.Event) -> Callable[[int], bool]:
    def slow(photo_id: int) -> bool:
        asked.wait(0.2)
        return renew(photo_id)

    return slow


def test_ending_early_ends_the_work_and_keeps_what_was_found(shelf: Shelf) -> None:
    never = threading.Event()
    verifier = Verifier(shelf.catalog, shelf.thumbnails, slowed(shelf.verifier._renew, never))
    query = [shelf.print_of("coffee")]
    shelf.forget("thumbnails")
    threads = set(threading.enumerate())
    steps = verifier.verify(shelf.ranking(), query)
    for step in steps:
        if step.done == 1:
            break
    steps.close()
    assert len(shelf.renewed) < len(NAMES)
    assert shelf.with_keypoints() and len(shelf.with_keypoints()) == len(shelf.renewed)
    assert set(threading.enumerate()) == threads


def test_nothing_to_check_is_no_error(shelf: Shelf) -> None:
    nothing = Ranking(np.empty(0, np.int64), np.empty(0, np.float32), "exact")
    step = last(shelf.verifier.verify(nothing, [shelf.query("coffee")]))
    assert step == Checked(0, 0, {})
    ordered, inliers = in_order(nothing, step.inliers)
    assert len(ordered) == len(inliers) == 0
