"""Gathering: the features that the answers need and no others, kept-back ones apart, clear refusals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from photosim.catalog import Answer, Catalog
from photosim.errors import TeachingError
from photosim.teaching.gathering import check, divide, gather
from tests.catalog.rows import TRUNK, digest, features, found, put

Triplet = tuple[bytes, bytes, bytes]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """A library of a hundred photos, whose contents are "0" to "99"."""
    opened = Catalog(tmp_path / "catalog.sqlite3")
    (tmp_path / "pictures").mkdir()
    folder_id = opened.add_folder(tmp_path / "pictures").id
    put(opened, *(found(folder_id, f"{number}.jpg", str(number)) for number in range(100)))
    yield opened
    opened.close()


def triplet(anchor: int, positive: int, negative: int) -> Triplet:
    return digest(str(anchor)), digest(str(positive)), digest(str(negative))


def answer(
    anchor: int, positive: int, negative: int, *, kept_back: bool = False, neither: bool = False
) -> Answer:
    return Answer(0, *triplet(anchor, positive, negative), neither, "question", kept_back, "")


def many(count: int, kept_back: int, anchors: int | None = None) -> list[Answer]:
    """So many answers, about as many anchors or these few; the first ones kept back."""
    anchors = anchors or count
    return [
        answer(number % anchors, 40 + number, 41 + number, kept_back=number % anchors < kept_back)
        for number in range(count)
    ]


def test_answers_become_rows_of_the_features_they_are_about(catalog: Catalog) -> None:
    answers = [
        answer(1, 2, 3),
        answer(1, 4, 2),
        answer(5, 2, 6, kept_back=True),
        answer(7, 8, 9, neither=True),
    ]
    gathered = gather(catalog, TRUNK, answers)
    for arrays, hashes, expected in (
        (gathered.lesson, gathered.hashes, answers[:2]),
        (gathered.kept_back, gathered.kept_back.hashes, answers[2:3]),
    ):
        assert arrays.features.dtype == np.float16 and arrays.triplets.dtype == np.int64
        assert [tuple(hashes[row] for row in rows) for rows in arrays.triplets] == [
            one.triplet for one in expected
        ]
        known = {digest(str(number)): features(str(number)) for number in range(100)}
        assert np.array_equal(arrays.features, np.array([known[one] for one in hashes]))
    assert (gathered.tally.training, gathered.tally.usable, gathered.tally.neither, gathered.tally.gone) == (
        2,
        3,
        1,
        0,
    )


def test_what_is_rehearsed_is_a_sample_that_no_answer_is_about(catalog: Catalog) -> None:
    answers = [answer(1, 2, 3), answer(4, 5, 6, kept_back=True)]
    gathered = gather(catalog, TRUNK, answers, rehearsal=50, seed=3)
    rows = {row.tobytes() for row in gathered.lesson.rehearsal}
    assert gathered.lesson.rehearsal.shape == (50, 8) and len(rows) == 50
    assert rows <= {features(str(number)).tobytes() for number in range(100) if not 1 <= number <= 6}
    again = gather(catalog, TRUNK, answers, rehearsal=50, seed=3)
    assert np.array_equal(again.lesson.rehearsal, gathered.lesson.rehearsal)
    other = gather(catalog, TRUNK, answers, rehearsal=50, seed=4)
    assert not np.array_equal(other.lesson.rehearsal, gathered.lesson.rehearsal)
    assert len(gather(catalog, TRUNK, answers).lesson.rehearsal) == 94


def test_answers_about_photos_that_have_gone_are_counted_and_left_out(catalog: Catalog) -> None:
    answers = [answer(1, 2, 3), answer(1, 1000, 3), answer(1000, 2, 3, kept_back=True)]
    gathered = gather(catalog, TRUNK, answers)
    assert (gathered.tally.usable, gathered.tally.gone) == (1, 2)
    (folder,) = catalog.folders()
    catalog.remove_folder(folder.path)
    gathered = gather(catalog, TRUNK, answers)
    assert (gathered.tally.usable, gathered.tally.gone) == (0, 3)
    assert gathered.lesson.triplets.shape == (0, 3) and len(gathered.lesson.rehearsal) == 0
    with pytest.raises(TeachingError, match="no answers so far"):
        check(gathered)


def test_a_photo_without_features_of_this_trunk_has_gone_for_it(catalog: Catalog) -> None:
    put(catalog, found(catalog.folders()[0].id, "new.jpg", "new", trunk="another trunk"))
    answers = [answer(1, 2, 3), replace(answer(1, 2, 4), positive=digest("new"))]
    assert gather(catalog, TRUNK, answers).tally.gone == 1


def test_contradicting_answers_are_counted_and_both_learnt_from(catalog: Catalog) -> None:
    answers = [answer(1, 2, 3), answer(1, 3, 2), answer(1, 2, 4), answer(9, 5, 6, neither=True)]
    gathered = gather(catalog, TRUNK, answers)
    assert (gathered.tally.contradicting, gathered.tally.training) == (2, 3)


def test_training_begins_at_twenty_answers(catalog: Catalog) -> None:
    check(gather(catalog, TRUNK, many(20, kept_back=4)))
    undecided = [answer(50, 60 + number, 61, neither=True) for number in range(30, 38)]
    with pytest.raises(TeachingError, match="^19 answers so far: training begins at 20$"):
        check(gather(catalog, TRUNK, many(19, kept_back=4) + undecided))
    with pytest.raises(TeachingError, match="^1 answer so far"):
        check(gather(catalog, TRUNK, many(1, kept_back=0)))


@pytest.mark.parametrize(
    ("answers", "refusal"),
    [
        (many(30, kept_back=0, anchors=1), "all 30 answers are about one photo"),
        (many(30, kept_back=1, anchors=1), "all 30 answers are about one photo"),
        (many(30, kept_back=0, anchors=3), "about 3 photos alone.*answer questions about more"),
        (many(24, kept_back=2, anchors=3), "about 3 photos alone.*answer questions about more"),
    ],
)
def test_answers_that_are_all_alike_are_refused(
    catalog: Catalog, answers: list[Answer], refusal: str
) -> None:
    with pytest.raises(TeachingError, match=refusal):
        check(gather(catalog, TRUNK, answers))


def test_answers_between_photos_that_look_the_same_are_refused(catalog: Catalog) -> None:
    folder_id = catalog.folders()[0].id
    copies = [found(folder_id, f"copy-{name}.jpg", f"copy-{name}") for name in "ab"]
    same = features("copy").tobytes()
    put(catalog, *copies)
    with catalog._database.writing() as connection:
        hashes = [one.content_hash for one in copies]
        connection.execute(
            "UPDATE features SET data = ?"
            " WHERE photo_id IN (SELECT id FROM photos WHERE content_hash IN (?, ?))",
            (same, *hashes),
        )
    answers = [
        replace(answer(number, 50, 51, kept_back=number < 4), positive=hashes[0], negative=hashes[1])
        for number in range(25)
    ]
    with pytest.raises(TeachingError, match="look the same to the model"):
        check(gather(catalog, TRUNK, answers))


def test_a_fifth_of_a_files_anchors_is_kept_back() -> None:
    triplets = [triplet(number % 250, 1000 + number, 2000 + number) for number in range(500)]
    answers = divide(triplets * 2, {})
    assert [one.triplet for one in answers] == triplets
    sides = {(one.anchor, one.kept_back) for one in answers}
    assert len(sides) == 250
    assert sum(one.kept_back for one in answers) == 100
    # The same in another order, and for nearly all anchors of which the next file says more.
    assert {(one.anchor, one.kept_back) for one in divide(triplets[::-1], {})} == sides
    grown = divide([triplet(number % 400, 1000 + number, 2000 + number) for number in range(800)], {})
    assert len(sides - {(one.anchor, one.kept_back) for one in grown}) <= 250 // 20


@pytest.mark.parametrize("anchors", [2, 3, 5, 10, 20])
@pytest.mark.parametrize("start", range(0, 200, 20))
def test_of_few_anchors_some_are_kept_back_and_some_not(anchors: int, start: int) -> None:
    answers = divide([triplet(start + n % anchors, 1000 + n, 2000 + n) for n in range(60)], {})
    assert sum(one.kept_back for one in answers) == max(12, 60 // anchors)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((60, 5, 5, 5, 5), 15),
        ((60, 5), 5),
        ((5, 60), 5),
        ((20, 10, 10, 10, 10), 10),
        ((1, *[3] * 33), 20),
        ((60,), 0),
    ],
)
@pytest.mark.parametrize("start", range(0, 200, 20))
def test_an_anchor_of_many_answers_is_learnt_from(sizes: tuple[int, ...], expected: int, start: int) -> None:
    triplets = [
        triplet(start + place, 1000 + number, 2000)
        for place, size in enumerate(sizes)
        for number in range(size)
    ]
    assert abs(sum(one.kept_back for one in divide(triplets, {})) - expected) <= 1


def test_an_anchor_of_a_file_keeps_the_side_it_has_in_the_library() -> None:
    triplets = [triplet(number, 1000 + number, 2000 + number) for number in range(50)]
    sides = {digest(str(number)): number < 5 for number in range(40)}
    answers = divide(triplets, sides)
    assert all(one.kept_back == sides[one.anchor] for one in answers if one.anchor in sides)
    assert sum(one.kept_back for one in answers) == 10


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_large_library_is_not_read_through(tmp_path: Path) -> None:
    """300 answers in a library of 100,000: under a second."""
    count, dim = 100_000, 2048
    catalog = Catalog(tmp_path / "catalog.sqlite3")
    (tmp_path / "pictures").mkdir()
    folder_id = catalog.add_folder(tmp_path / "pictures").id
    random = np.random.default_rng(0)
    with catalog._database.writing() as connection:
        for number in range(count):
            connection.execute(
                "INSERT INTO photos (id, content_hash, facts, phash) VALUES (?, ?, '{}', 0)",
                (number + 1, digest(str(number))),
            )
            connection.execute(
                "INSERT INTO places VALUES (?, ?, ?, 1, 1)", (folder_id, f"{number}.jpg", number + 1)
            )
            connection.execute(
                "INSERT INTO features (photo_id, trunk, precision, data) VALUES (?, ?, 'fp32', ?)",
                (number + 1, TRUNK, random.bytes(dim * 2)),
            )
    numbers = random.permutation(count)[:900].reshape(300, 3).tolist()
    answers = [answer(*row, kept_back=place < 60) for place, row in enumerate(numbers)]
    started = time.perf_counter()
    gathered = gather(catalog, TRUNK, answers)
    seconds = time.perf_counter() - started
    print(f"gathered in {seconds:.2f} s")
    assert (gathered.tally.training, len(gathered.lesson.rehearsal)) == (240, 4000)
    assert seconds < 1
    catalog.close()
