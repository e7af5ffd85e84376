"""Questions: about near photos, never twice, never about copies, and an end to them where all are asked."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from photosim.errors import TeachingError
from photosim.library import Library
from photosim.paths import Folders
from photosim.teaching.questions import NEIGHBOURS, Question, Questions
from tests.made_photos import jpeg, make_photos
from tests.scan.libraries import open_library, scan_all

COUNT = 30


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Thirty photos, and of the first one a copy in another size."""
    root = tmp_path_factory.mktemp("questions")
    make_photos(root / "photos", COUNT)
    copy = io.BytesIO()
    Image.open(io.BytesIO(jpeg(0))).resize((120, 80)).save(copy, "JPEG", quality=80)
    (root / "photos" / "copy.jpg").write_bytes(copy.getvalue())
    folders = Folders(data=root / "data", cache=root / "cache", logs=root / "logs")
    with open_library(folders) as opened:
        opened.catalog.add_folder(root / "photos")
        scan_all(opened)
        yield opened


@pytest.fixture
def unanswered(library: Library) -> Iterator[Library]:
    yield library
    library.catalog.answers.clear()


def named(library: Library, *names: str) -> set[int]:
    photos = library.catalog.photos(library.catalog.shown_ids().tolist()).values()
    return {photo.id for photo in photos if photo.name in names}


def answer(library: Library, question: Question) -> None:
    photos = library.catalog.photos([question.anchor, question.left, question.right])
    anchor, left, right = (
        photos[photo_id].content_hash for photo_id in (question.anchor, question.left, question.right)
    )
    library.catalog.answers.add(anchor, left, right, source="question")


def test_a_question_is_about_three_photos_near_each_other(unanswered: Library) -> None:
    searcher = unanswered.searcher
    questions = Questions(unanswered, seed=1)
    for _ in range(10):
        question = questions.next()
        features = searcher.features_of(question.anchor)
        assert features is not None
        ranking = searcher.rank([features]).ids.tolist()
        places = [ranking.index(question.left), ranking.index(question.right)]
        assert len({question.anchor, question.left, question.right}) == 3
        assert max(places) <= min(NEIGHBOURS, COUNT // 2 + 2)
        assert abs(places[0] - places[1]) <= 7


def test_nothing_is_asked_twice_nor_what_was_answered_before(unanswered: Library) -> None:
    seen = set()
    for _ in range(2):  # the second time as after a restart
        questions = Questions(unanswered, seed=3)
        for _ in range(40):
            question = questions.next()
            key = (question.anchor, frozenset((question.left, question.right)))
            assert key not in seen
            seen.add(key)
            answer(unanswered, question)


def test_two_copies_of_one_photo_are_never_asked_about_together(unanswered: Library) -> None:
    copies = named(unanswered, "photo-000.jpg", "copy.jpg")
    assert len(copies) == 2
    questions = Questions(unanswered, seed=5)
    for _ in range(200):
        question = questions.next()
        assert not copies <= {question.anchor, question.left, question.right}


def test_questions_come_from_all_over_the_library(unanswered: Library) -> None:
    questions = Questions(unanswered, seed=7)
    anchors = set()
    for _ in range(COUNT):
        question = questions.next()
        anchors.add(question.anchor)
        answer(unanswered, question)
    assert len(anchors) == COUNT  # each once, before any comes again


def test_only_chosen_photos_are_asked_about(unanswered: Library) -> None:
    chosen = unanswered.catalog.shown_ids()[4:14]
    questions = Questions(unanswered, among=chosen, seed=9)
    for _ in range(20):
        question = questions.next()
        assert {question.anchor, question.left, question.right} <= set(chosen.tolist())


def test_the_questions_of_few_photos_come_to_an_end(unanswered: Library) -> None:
    three = unanswered.catalog.shown_ids()[:3]
    questions = Questions(unanswered, among=three, seed=11)
    asked = [questions.next() for _ in range(3)]
    assert {question.anchor for question in asked} == set(three.tolist())
    with pytest.raises(TeachingError, match="every question .* asked"):
        questions.next()
    with pytest.raises(TeachingError, match="takes 3 photos, and there are 2"):
        Questions(unanswered, among=three[:2]).next()


def test_which_of_the_two_is_nearer_cannot_be_told_from_its_side(unanswered: Library) -> None:
    searcher = unanswered.searcher
    questions = Questions(unanswered, seed=13)
    nearer_left = []
    for _ in range(60):
        question = questions.next()
        features = searcher.features_of(question.anchor)
        assert features is not None
        ranking = searcher.rank([features]).ids.tolist()
        nearer_left.append(ranking.index(question.left) < ranking.index(question.right))
    assert 0.2 < np.mean(nearer_left) < 0.8
