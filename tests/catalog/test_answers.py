"""Answers: saved at once, by content, each once; a fifth of them kept back, by anchor, for ever."""

from __future__ import annotations

import itertools
import random
import sqlite3
from pathlib import Path

import pytest

from photosim.catalog import Answers, Catalog
from photosim.catalog.schema import MIGRATIONS
from photosim.errors import LibraryError, TeachingError
from tests.catalog.rows import digest, found, put
from tests.programs import run_at_once

A, B, C, D, E = (digest(name) for name in "abcde")


def triplets(count: int, anchors: int | None = None) -> list[tuple[bytes, bytes, bytes]]:
    """Triplets, each about an anchor of its own or, in turn, about these many."""
    return [
        (digest(f"anchor {n % (anchors or count)}"), digest(f"more {n}"), digest(f"less {n}"))
        for n in range(count)
    ]


def learn(catalog: Catalog, folder: Path, *contents: str) -> None:
    """Let the library have photos of these contents."""
    folder_id = catalog.add_folder(folder).id
    put(catalog, *(found(folder_id, f"{content}.jpg", content) for content in contents))


def test_an_answer_is_there_for_the_next_program(catalog: Catalog) -> None:
    given = catalog.answers.add(A, B, C, source="question")
    neither = catalog.answers.add(D, B, C, source="question", neither=True)
    again = Catalog(catalog.path)
    assert again.answers.all() == [given, neither]
    again.close()
    assert given.triplet == (A, B, C)
    assert (given.neither, given.source, neither.neither) == (False, "question", True)
    assert given.answered_at.endswith("+00:00")


def test_the_same_answer_is_not_doubled(catalog: Catalog) -> None:
    answers = catalog.answers
    given = answers.add(A, B, C, source="question")
    assert answers.add(A, B, C, source="drag") == given
    (new,) = answers.add_many([(A, B, C), (A, B, D), (A, B, D)], "file")
    assert new == answers.all()[-1] and (new.triplet, new.source) == ((A, B, D), "file")
    assert answers.add_many([(A, B, C), (A, B, D)], "file") == []
    assert [answer.triplet for answer in answers.all()] == [(A, B, C), (A, B, D)]
    neither = answers.add(E, B, C, source="question", neither=True)
    assert answers.add(E, C, B, source="question", neither=True) == neither
    assert answers.asked() == {(A, frozenset((B, C))), (A, frozenset((B, D))), (E, frozenset((C, B)))}


def test_contradicting_answers_are_both_kept_and_counted(catalog: Catalog, pictures: Path) -> None:
    learn(catalog, pictures, "a", "b", "c", "d")
    answers = catalog.answers
    answers.add(A, B, C, source="question")
    answers.add(A, D, C, source="question")
    assert answers.counts().contradicting == 0
    answers.add(A, C, B, source="drag")
    assert answers.counts().contradicting == 2
    assert answers.counts().usable == len(answers.all()) == 3
    answers.add(D, B, C, source="question")
    answers.add(D, C, B, source="question", neither=True)  # undecided is no opposite
    assert answers.counts().contradicting == 2


def test_undo_takes_the_last_answer_back(catalog: Catalog) -> None:
    answers = catalog.answers
    assert answers.undo() is None
    first = answers.add(A, B, C, source="question")
    dragged = answers.add(A, D, C, source="drag")
    neither = answers.add(A, E, C, source="question", neither=True)
    assert answers.undo("question") == neither
    assert answers.undo("question") == first
    assert answers.undo("question") is None
    assert answers.all() == [dragged]
    assert answers.undo() == dragged
    assert answers.all() == [] and answers.asked() == set()


def test_answers_can_be_removed_one_or_all(catalog: Catalog) -> None:
    answers = catalog.answers
    first = answers.add(A, B, C, source="question")
    second = answers.add(A, D, C, source="question")
    answers.remove(first.id)
    answers.remove(first.id)
    assert answers.all() == [second]
    assert answers.clear() == 1
    assert answers.all() == []
    assert answers.add(A, B, C, source="question").id > second.id


@pytest.mark.parametrize("triplet", [(A, A, B), (A, B, A), (A, B, B), (A, B, b"")])
def test_an_answer_is_about_three_photos(catalog: Catalog, triplet: tuple[bytes, bytes, bytes]) -> None:
    with pytest.raises(TeachingError, match="three different photos"):
        catalog.answers.add(*triplet, source="grid")
    with pytest.raises(TeachingError, match="three different photos"):
        catalog.answers.add_many([(A, B, C), triplet], "file")
    assert catalog.answers.all() == []


def test_answers_outlive_their_folder_and_count_again_when_it_is_back(
    catalog: Catalog, pictures: Path
) -> None:
    learn(catalog, pictures, "a", "b", "c", "d")
    catalog.answers.add(A, B, C, source="question")
    catalog.answers.add(A, E, C, source="question")  # E was never here
    catalog.answers.add(D, B, C, source="question", neither=True)
    before = catalog.answers.all()
    counts = catalog.answers.counts()
    assert (counts.usable, counts.neither, counts.gone) == (1, 1, 1)
    catalog.remove_folder(pictures)
    counts = catalog.answers.counts()
    assert (counts.usable, counts.neither, counts.gone) == (0, 1, 2)
    assert (counts.kept_back, counts.contradicting) == (0, 0)
    learn(catalog, pictures, "a", "b", "c", "d")
    counts = catalog.answers.counts()
    assert (counts.usable, counts.neither, counts.gone) == (1, 1, 1)
    assert catalog.answers.all() == before


def test_a_fifth_is_kept_back_at_any_time(catalog: Catalog) -> None:
    answers = Answers(catalog._database, random.Random(1))
    kept = 0
    for number, triplet in enumerate(triplets(200), 1):
        kept += answers.add(*triplet, source="question").kept_back
        assert abs(kept - number / 5) <= 3
    assert answers.counts().kept_back == 0  # the library knows none of these photos


def test_a_fifth_of_a_file_is_kept_back_by_anchor(catalog: Catalog) -> None:
    shares = []
    for seed in range(30):
        answers = Answers(catalog._database, random.Random(seed))
        with catalog._database.writing() as connection:
            connection.execute("DELETE FROM answer_sides")
        assert len(answers.add_many(triplets(300, anchors=30), "file")) == 300
        given = answers.all()
        sides = {(answer.anchor, answer.kept_back) for answer in given}
        assert len(sides) == 30, "an anchor on both sides"
        shares.append(sum(answer.kept_back for answer in given) / 300)
        answers.clear()
    assert all(0.1 < share < 0.3 for share in shares)
    assert 0.19 < sum(shares) / len(shares) < 0.21


@pytest.mark.parametrize("sizes", [(60, 5, 5, 5, 5), (60, 5), (30, 10, 10, 5, 5), (20, 20, 20), (30, 30)])
@pytest.mark.parametrize("seed", range(10))
def test_one_anchor_of_many_answers_is_learnt_from(
    catalog: Catalog, sizes: tuple[int, ...], seed: int
) -> None:
    answers = Answers(catalog._database, random.Random(seed))
    given = [
        (digest(f"anchor {place}"), digest(f"more {number}"), digest("less"))
        for place, size in enumerate(sizes)
        for number in range(size)
    ]
    kept = sum(answer.kept_back for answer in answers.add_many(given, "file"))
    nearest = min(
        (sum(some) for count in range(1, len(sizes)) for some in itertools.combinations(sizes, count)),
        key=lambda size: abs(size - sum(sizes) / 5),
    )
    assert kept == nearest


def search_long(answers: Answers, name: str, count: int, at_once: int = 4) -> None:
    """Say many things of the results of one photo."""
    for first in range(0, count, at_once):
        answers.add_many(
            [(digest(name), digest(f"{name} {first + n}"), digest("less")) for n in range(at_once)], "grid"
        )


@pytest.mark.parametrize("seed", range(30))
def test_a_long_search_leaves_most_to_learn_from(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(catalog._database, "writing_through", catalog._database.writing)
    answers = Answers(catalog._database, random.Random(seed))
    search_long(answers, "long", 40)
    for triplet in triplets(5):
        answers.add(*triplet, source="question" if seed % 2 else "grid")
    assert sum(answer.kept_back for answer in answers.all()) <= 0.2 * 45
    for triplet in triplets(60)[5:]:
        answers.add(*triplet, source="question")
    assert abs(sum(answer.kept_back for answer in answers.all()) - 0.2 * 100) <= 4


def test_whoever_answers_in_results_alone_has_something_kept_back(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog._database, "writing_through", catalog._database.writing)
    often = [0] * 30
    shares = []
    for seed in range(30):
        answers = Answers(catalog._database, random.Random(seed))
        with catalog._database.writing() as connection:
            connection.execute("DELETE FROM answer_sides")
        for place in range(30):
            search_long(answers, f"search {place}", 2 + place % 7, at_once=1)
        given = answers.all()
        shares.append(sum(answer.kept_back for answer in given) / len(given))
        kept = {answer.anchor for answer in given if answer.kept_back}
        often = [count + (digest(f"search {place}") in kept) for place, count in enumerate(often)]
        answers.clear()
    assert all(0.1 < share < 0.25 for share in shares)
    assert all(count < 25 for count in often), "the order decides"


def test_every_anchor_may_be_kept_back_whatever_the_order_of_questions(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two thousand answers, about whose chances alone this is: the disk need not confirm each.
    monkeypatch.setattr(catalog._database, "writing_through", catalog._database.writing)
    # A rule such as "every fifth" would test on the same kind of question that a regular asker puts fifth.
    often = [0] * 10
    for seed in range(200):
        answers = Answers(catalog._database, random.Random(seed))
        with catalog._database.writing() as connection:
            connection.execute("DELETE FROM answer_sides")
        for place, triplet in enumerate(triplets(10)):
            often[place] += answers.add(*triplet, source="question").kept_back
        answers.clear()
    assert all(5 <= count <= 80 for count in often), often


def test_an_anchor_stays_on_its_side_for_ever(catalog: Catalog) -> None:
    sides = {answer[0]: catalog.answers.add(*answer, source="question").kept_back for answer in triplets(60)}
    assert len(set(sides.values())) == 2
    for anchor, side in sides.items():
        assert catalog.answers.add(anchor, B, C, source="drag").kept_back == side
    while catalog.answers.undo() is not None:
        pass
    catalog.answers.add_many(triplets(60), "file")
    assert {answer.anchor: answer.kept_back for answer in catalog.answers.all()} == sides
    catalog.answers.clear()
    again = Catalog(catalog.path)
    again.answers.add_many([(anchor, D, E) for anchor in reversed(list(sides))], "file")
    assert {answer.anchor: answer.kept_back for answer in again.answers.all()} == sides
    again.close()


def test_an_anchor_that_a_model_has_met_elsewhere_stays_on_that_side(catalog: Catalog) -> None:
    given = triplets(60)
    taken = {triplet[0]: number % 2 == 0 for number, triplet in enumerate(given[:40])}
    before = catalog.answers.add(*given[0], source="question").kept_back
    catalog.answers.settle(taken)
    catalog.answers.settle({anchor: not side for anchor, side in taken.items()})
    catalog.answers.add_many(given, "file")
    sides = {answer.anchor: answer.kept_back for answer in catalog.answers.all()}
    assert {anchor: sides[anchor] for anchor in taken} == taken | {given[0][0]: before}
    assert catalog.answers.sides() == sides


def test_what_was_answered_with_neither_takes_no_side(catalog: Catalog) -> None:
    for anchor, left, right in triplets(20):
        assert not catalog.answers.add(anchor, left, right, source="question", neither=True).kept_back
    with catalog._database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM answer_sides").fetchone() == (0,)


def test_processes_that_answer_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    """The window's wizard, and a file read by a command beside it."""
    catalog = Catalog(tmp_path / "catalog.sqlite3")
    script = """
from pathlib import Path
from photosim.catalog import Catalog
catalog = Catalog(Path(sys.argv[1]))
ready()
for number in range(150):
    anchor = (number % 50).to_bytes(16, "big")
    answer = catalog.answers.add(anchor, (100 + number).to_bytes(16, "big"), b"less", source="question")
    print(answer.id, answer.kept_back)
catalog.close()
"""
    first, second = run_at_once(script, [[catalog.path]] * 2)
    assert first == second
    given = catalog.answers.all()
    assert len(given) == 150
    assert len({(answer.anchor, answer.kept_back) for answer in given}) == 50
    assert catalog.check() is None
    catalog.close()


def test_a_full_disk_loses_no_answer(catalog: Catalog) -> None:
    kept = [catalog.answers.add(*triplet, source="question") for triplet in triplets(50)]
    with catalog._database.reading() as connection:  # SQLite's own way to a full disk
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 5}")
    with pytest.raises(LibraryError, match=r"catalog\.sqlite3: .*full: free some disk space"):
        catalog.answers.add_many(triplets(5000, anchors=700), "file")
    assert catalog.answers.all() == kept
    assert catalog.check() is None
    with catalog._database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    catalog.answers.add_many(triplets(5000, anchors=700), "file")  # space was made: it goes on
    assert len(catalog.answers.all()) == 5000


def test_a_volume_that_is_full_keeps_every_answer_it_took(drive: Path) -> None:
    catalog = Catalog(drive / "catalog.sqlite3")
    taken = 0
    with pytest.raises(LibraryError, match="free some disk space|free space"):
        for number in itertools.count():
            catalog.answers.add(digest(f"{number}"), b"more" * 200, b"less" * 200, source="question")
            taken += 1
    assert taken > 30
    catalog.close()
    again = Catalog(drive / "catalog.sqlite3")
    assert len(again.answers.all()) == taken
    again.close()


def test_a_library_of_before_answers_keeps_all_and_takes_answers(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    connection = sqlite3.connect(path)
    for _, script in MIGRATIONS[:2]:
        connection.executescript(script)
    connection.executescript(
        "UPDATE library SET model = 'deepranking-v2', trunk = 'v2'; PRAGMA user_version = 2;"
    )
    connection.close()
    catalog = Catalog(path)
    active = catalog.active_model()
    assert active is not None and active.version == "deepranking-v2"
    assert catalog.answers.all() == []
    assert catalog.answers.add(A, B, C, source="question").id == 1
    catalog.close()
