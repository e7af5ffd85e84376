"""What the comparison shows is what both models rank: real photos, a real catalog, two real embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from photosim.library import Library
from photosim.model.embedding import Embedding, load_embedding
from photosim.search.searcher import Searcher
from photosim.teaching.comparison import (
    COPY,
    QUERIES,
    SHOWN,
    RankingPair,
    compare,
    compare_answered,
    own_queries,
    ranking_pair,
    share_unchanged,
    untouched_sample,
)
from photosim.teaching.gathering import gather
from photosim.teaching.judging import judgement_of
from photosim.teaching.lesson import Tuned
from tests.teaching.made_library import PHOTOS, answer_by_redness, copy_of_library

pytestmark = pytest.mark.timeout(120)

JUDGEMENT = judgement_of(np.array([True, False]), np.array([True, True]))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compared")


@pytest.fixture
def library(base: Path, tmp_path: Path) -> Iterator[Library]:
    with Library(copy_of_library(base, tmp_path / "copy"), "cpu", 1) as library:
        yield library


def tuned(library: Library, strength: float, seed: int = 0, focus: float | None = None) -> Searcher:
    """A searcher of the library's model with its embedding changed by chance."""
    embedding = load_embedding(library.card)
    random = np.random.default_rng(seed)
    weight = embedding.weight.T
    weight = weight + random.normal(size=weight.shape).astype(np.float32) * weight.std() * strength
    kind = embedding.parts[0]
    changed = Embedding((weight[:kind], weight[kind:]), (embedding.bias[:kind], embedding.bias[kind:]))
    card = replace(library.card, version="mine-test", focus=library.card.focus if focus is None else focus)
    return Searcher(library.catalog, library.folders, card, changed)


def test_the_pair_is_what_both_searchers_rank_without_the_query(library: Library) -> None:
    after = tuned(library, 3.0)
    query = int(library.catalog.shown_ids()[5])
    pair = ranking_pair(library.searcher, after, query)
    assert pair is not None and pair.query == query
    features = library.searcher.features_of(query)
    assert features is not None
    before_all = library.searcher.rank([features]).ids.tolist()
    assert before_all[0] == query
    assert list(pair.before) == before_all[1 : 1 + SHOWN]
    assert list(pair.after) == after.rank([features]).ids.tolist()[1 : 1 + SHOWN]
    assert list(pair.places) == [before_all.index(photo) for photo in pair.after]
    assert pair.before != pair.after


def test_risen_are_those_that_moved_up_wherever_they_came_from() -> None:
    pair = RankingPair(1, before=(2, 3, 4), after=(3, 9, 2), places=(2, 40, 1))
    assert pair.risen == {3, 9}


def test_the_same_model_changes_nothing(library: Library) -> None:
    same = tuned(library, 0.0)
    ids = library.catalog.shown_ids()
    pair = ranking_pair(library.searcher, same, int(ids[0]))
    assert pair is not None and pair.before == pair.after and not pair.risen
    assert share_unchanged(library.searcher, same, ids) == 1.0


def test_the_more_a_model_was_changed_the_fewer_of_the_nearest_stay(library: Library) -> None:
    ids = library.catalog.shown_ids()
    shares = [share_unchanged(library.searcher, tuned(library, strength), ids) for strength in (0.1, 1, 30)]
    assert all(share is not None for share in shares)
    assert shares == sorted(shares, reverse=True)  # type: ignore[type-var]
    assert shares[0] > 0.8 and shares[-1] < 0.7  # type: ignore[operator]
    other_focus = tuned(library, 0.0, focus=1.0)
    assert share_unchanged(library.searcher, other_focus, ids) < 1.0  # type: ignore[operator]


def test_near_copies_are_left_out_on_both_sides(library: Library, tmp_path: Path) -> None:
    """A library full of one photo's copies would keep its ten nearest whatever a model did."""
    ids, matrix = library.searcher.shown_vectors()
    query = int(ids[3])
    row = matrix[3]
    twin = int(ids[7])
    searcher = library.searcher
    features = searcher.features_of(query)
    assert features is not None
    # The same features under another id, as a photo saved again would have them.
    searcher._state = (ids, np.where((ids == twin)[:, None], row, matrix), None)
    pair = ranking_pair(searcher, tuned(library, 1.0), query)
    assert pair is not None
    assert twin not in pair.before and twin not in pair.after
    assert float(searcher.rank([features]).similarity[1]) > COPY


def test_the_sample_holds_no_photo_of_any_answer(library: Library) -> None:
    answers = answer_by_redness(library.catalog, 8)
    touched = {one for answer in answers for one in answer.triplet}
    ids = library.catalog.shown_ids()
    sample = untouched_sample(library.catalog, ids)
    hashes = {photo.content_hash for photo in library.catalog.photos(sample.tolist()).values()}
    assert len(sample) == len(hashes) == PHOTOS - len(touched)
    assert not hashes & touched
    few = untouched_sample(library.catalog, ids, 20)
    assert len(few) == 20 and not np.array_equal(few, np.sort(few))


def test_too_few_untouched_photos_give_no_share(library: Library) -> None:
    ids = library.catalog.shown_ids()
    assert share_unchanged(library.searcher, tuned(library, 0.1), ids[:19]) is None


def test_the_queries_shown_are_the_latest_kept_back_anchors_and_the_one_asked_last(
    library: Library,
) -> None:
    answers = answer_by_redness(library.catalog, 60)
    by_hash = {photo.content_hash: photo.id for photo in library.catalog.photos(range(PHOTOS + 1)).values()}
    latest = list(dict.fromkeys(by_hash[one.anchor] for one in reversed(answers) if one.kept_back))
    assert own_queries(answers, library.catalog) == latest[:QUERIES]
    other = next(photo for photo in by_hash.values() if photo not in latest)
    assert own_queries(answers, library.catalog, [other]) == [*latest[: QUERIES - 1], other]
    assert own_queries(answers, library.catalog, [latest[0]]) == latest[:QUERIES]


def test_where_nothing_was_kept_back_the_anchors_learned_from_are_shown(library: Library) -> None:
    answers = [replace(one, kept_back=False) for one in answer_by_redness(library.catalog, 6)]
    gone = replace(answers[-1], anchor=b"no photo of this")
    assert len(own_queries([*answers, gone], library.catalog)) == QUERIES
    assert own_queries([], library.catalog) == []


def test_the_whole_comparison(library: Library) -> None:
    answer_by_redness(library.catalog, 10)
    ids = library.catalog.shown_ids().tolist()
    comparison = compare(library, tuned(library, 2.0), JUDGEMENT, [ids[0], ids[9], 10_000])
    assert comparison.judgement is JUDGEMENT and not comparison.answered_alone
    assert [pair.query for pair in comparison.pairs] == [ids[0], ids[9]]
    assert comparison.unchanged is not None and 0 < comparison.unchanged < 1


def test_with_another_trunk_the_photos_of_the_answers_are_ranked_by_what_it_sees(library: Library) -> None:
    """The new trunk here is the old one with its features in another order, which the embedding undoes."""
    answers = answer_by_redness(library.catalog, 30)
    gathered = gather(library.catalog, library.card.trunk, answers)
    turned = replace(
        gathered,
        lesson=replace(gathered.lesson, features=gathered.lesson.features[:, ::-1]),
        kept_back=replace(gathered.kept_back, features=gathered.kept_back.features[:, ::-1]),
    )
    old = load_embedding(library.card)
    weight, kind = old.weight.T[:, ::-1], old.parts[0]
    same = Tuned((weight[:kind], weight[kind:]), (old.bias[:kind], old.bias[kind:]), library.card.focus, None)
    queries = [*own_queries(answers, library.catalog), 10_000]
    comparison = compare_answered(library, same, turned, JUDGEMENT, queries)
    assert comparison.answered_alone and comparison.unchanged is None
    assert [pair.query for pair in comparison.pairs] == queries[:-1]
    about = {digest for answer in answers for digest in answer.triplet}
    ids = np.array(sorted(library.catalog.ids_by_hash(about).values()))
    for pair in comparison.pairs:
        features = library.searcher.features_of(pair.query)
        assert features is not None
        expected = library.searcher.rank([features], among=ids).ids.tolist()[1 : 1 + SHOWN]
        assert list(pair.before) == list(pair.after) == expected
    changed = compare_answered(library, replace(same, focus=1.0), turned, JUDGEMENT, queries)
    assert any(pair.risen for pair in changed.pairs)
