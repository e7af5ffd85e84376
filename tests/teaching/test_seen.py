"""Answers whose photos have lost their thumbnails, more answers than can be read, thumbnails made anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from photosim.errors import TeachingError, WorkerError
from photosim.library import Library
from photosim.paths import Folders
from photosim.teaching import thumbnails
from photosim.teaching.gathering import Gathered, KeptBack, Tally, divide, gather
from photosim.teaching.lesson import Lesson, TuningProgress
from photosim.teaching.run import Failed, TuningRun
from photosim.teaching.seen import narrowed, sample_hashes, sampled, seen_alone
from photosim.teaching.thumbnails import renew_for_trunk, thumbnail_of
from photosim.teaching.tuned_trunk import MOST_KEPT_BACK, MOST_LEFT_OUT, MOST_TRIPLETS, REHEARSED, rows_of
from tests.teaching import tuners
from tests.teaching.made_library import PHOTOS, answer_by_redness, copy_of_library

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def folders(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Folders:
    return copy_of_library(tmp_path_factory.mktemp("made"), tmp_path / "copy")


@pytest.fixture
def library(folders: Folders) -> Iterator[Library]:
    with Library(folders, "cpu", 1) as library:
        answer_by_redness(library.catalog, 40)
        yield library


def gathered_from(library: Library) -> Gathered:
    # The sides of a file's answers are not drawn by chance.
    triplets = [answer.triplet for answer in library.catalog.answers.all()]
    return gather(library.catalog, library.card.trunk, divide(triplets, {}))


def answered(gathered: Gathered) -> list[tuple[bytes, ...]]:
    sides = (gathered.lesson, gathered.hashes), (gathered.kept_back, gathered.kept_back.hashes)
    return [tuple(hashes[row] for row in triplet) for side, hashes in sides for triplet in side.triplets]


def test_answers_about_photos_without_a_thumbnail_are_left_out_and_counted(library: Library) -> None:
    gathered = gathered_from(library)
    gone = gathered.hashes[3]
    library.thumbnails.remove_many([gone])
    seen, unseen = seen_alone(gathered, library.thumbnails.hashes())
    assert unseen > 0
    assert answered(seen) == [triplet for triplet in answered(gathered) if gone not in triplet]
    assert unseen == len(answered(gathered)) - len(answered(seen))
    # Each photo has kept its own features.
    for one, other in ((seen, gathered), (seen.kept_back, gathered.kept_back)):
        rows, before = (item.lesson if isinstance(item, Gathered) else item for item in (one, other))
        places = [other.hashes.index(item) for item in one.hashes]
        np.testing.assert_array_equal(rows.features, before.features[places])


def test_with_all_thumbnails_nothing_changes(library: Library) -> None:
    gathered = gathered_from(library)
    assert seen_alone(gathered, library.thumbnails.hashes()) == (gathered, 0)


def test_too_few_that_can_be_seen_are_refused_before_anything_is_tuned(
    library: Library, folders: Folders
) -> None:
    library.thumbnails.remove_many(list(library.thumbnails.hashes())[3:])
    run = TuningRun(folders, library.card, trunk=True, device="cpu", threads=1, tuner=tuners.at_once)
    try:
        events = run.poll(60)
        while not isinstance(events[-1], Failed):
            events += run.poll(60)
    finally:
        run.cancel()
    assert not any(isinstance(event, TuningProgress) for event in events)
    assert isinstance(events[-1], Failed)
    assert "of the 40 answers are about photos whose thumbnails are missing" in events[-1].reason


def test_without_a_kept_back_answer_there_is_nothing_to_judge_by(library: Library) -> None:
    gathered = gathered_from(library)
    kept_back = {gathered.kept_back.hashes[row] for row in gathered.kept_back.triplets[:, 0]}
    with pytest.raises(TeachingError, match="thumbnails are missing"):
        seen_alone(gathered, library.thumbnails.hashes() - kept_back)


def test_photos_without_a_thumbnail_are_not_rehearsed_with(library: Library) -> None:
    gathered = gathered_from(library)
    about = set(chain.from_iterable(answered(gathered)))
    free = sorted(library.thumbnails.hashes() - about)
    having = library.thumbnails.hashes() - set(free[:2])
    assert set(sample_hashes(library.catalog, gathered, having, 500, 0)) == set(free[2:])
    few = sample_hashes(library.catalog, gathered, having, 3, 0)
    assert len(few) == 3 and few == sample_hashes(library.catalog, gathered, having, 3, 0)


def test_more_answers_than_can_be_read_are_limited_before_a_photo_is() -> None:
    random = np.random.default_rng(0)
    count = 30_000
    hashes = tuple(number.to_bytes(4) for number in range(count))
    features = np.arange(count, dtype=np.float32).reshape(-1, 1).astype(np.float16)
    triplets = random.permutation(count).reshape(-1, 3)
    none = np.zeros((0, 3), np.int64)
    lesson = Lesson(features, triplets, features[:0])
    gathered = Gathered(lesson, hashes, KeptBack(features[:0], none, ()), Tally(10_000, 0, 0, 0, 0))
    chosen = sampled(triplets, MOST_TRIPLETS, random)
    assert len(np.unique(chosen, axis=0)) == MOST_TRIPLETS
    fewer = narrowed(gathered, chosen, none)
    assert len(fewer.hashes) == len(fewer.lesson.features) == 3 * MOST_TRIPLETS
    expected = [tuple(hashes[row] for row in triplet) for triplet in chosen]
    assert answered(fewer) == expected


def test_the_estimate_counts_what_is_read() -> None:
    most = 3 * (MOST_TRIPLETS + MOST_LEFT_OUT + MOST_KEPT_BACK) + 3 * MOST_TRIPLETS + REHEARSED
    assert rows_of(10_000, 2500, 100_000)[0] == rows_of(9000, 2000, 100_000)[0] == most
    # 100 to learn from, with 5 views of each photo, 25 left out of the training, 30 kept back.
    assert rows_of(125, 30, 100_000) == (3 * (100 * (1 + 5) + 25 + 30) + REHEARSED, 240)
    assert rows_of(125, 30, 60)[0] == 60 * (1 + 5)  # there are no more photos than that


def test_an_emptied_cache_is_filled_again_with_what_a_trunk_needs(library: Library) -> None:
    asked = set(chain.from_iterable(answered(gathered_from(library))))
    library.thumbnails.remove_many(library.thumbnails.hashes())
    told = list(renew_for_trunk(library))
    assert [step[0] for step in told] == list(range(1, len(told) + 1)) and told[0][1] == len(told)
    assert asked <= library.thumbnails.hashes()
    assert len(library.thumbnails.hashes()) == len(told) == PHOTOS  # the others to rehearse with
    assert list(renew_for_trunk(library)) == []


def test_no_more_thumbnails_are_made_than_one_training_takes(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "MOST_TRIPLETS", 2)
    monkeypatch.setattr(thumbnails, "MOST_LEFT_OUT", 0)
    monkeypatch.setattr(thumbnails, "MOST_KEPT_BACK", 0)
    monkeypatch.setattr(thumbnails, "REHEARSED", 4)
    answers = [answer for answer in library.catalog.answers.all() if not answer.kept_back]
    library.thumbnails.remove_many(library.thumbnails.hashes())
    latest = {item for answer in answers[-2:] for item in answer.triplet}
    assert len(list(renew_for_trunk(library))) == len(latest) + 4
    assert latest <= library.thumbnails.hashes()


def test_photos_that_cannot_be_read_now_are_passed_over(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One has changed on the disk, and at another the worker dies."""
    photos = sorted(library.catalog.photos(library.catalog.shown_ids().tolist()).values(), key=str)
    changed, deadly = photos[:2]
    path = Path(changed.path)
    content, renew = path.read_bytes(), library.renew_thumbnail

    def renewed(photo_id: int) -> bool:
        if photo_id == deadly.id:
            raise WorkerError("a worker process died")
        return renew(photo_id)

    library.thumbnails.remove_many(library.thumbnails.hashes())
    monkeypatch.setattr(library, "renew_thumbnail", renewed)
    path.write_bytes(b"no photo")
    try:
        assert thumbnail_of(library, changed) is None
        assert thumbnail_of(library, deadly) is None
        assert thumbnail_of(library, photos[2]) is not None
        assert len(list(renew_for_trunk(library))) == PHOTOS - 1
    finally:
        path.write_bytes(content)
    assert len(library.thumbnails.hashes()) == PHOTOS - 2


def test_kept_back_answers_are_narrowed_too(library: Library) -> None:
    gathered = gathered_from(library)
    fewer = narrowed(gathered, gathered.lesson.triplets, gathered.kept_back.triplets[:1])
    assert answered(fewer) == answered(gathered)[: len(gathered.lesson.triplets) + 1]
    assert len(fewer.kept_back.hashes) == len(fewer.kept_back.features) == 3
    assert replace(fewer.lesson, rehearsal=gathered.lesson.rehearsal).aspects == gathered.lesson.aspects
