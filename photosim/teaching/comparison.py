"""A library ranked by two models: what a tuning changed for the user's own photos, and for all others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from photosim.catalog import Answer, Catalog
from photosim.index.exact import rank_exactly
from photosim.library import Library
from photosim.search.query import weigh
from photosim.search.searcher import Ranking, Searcher
from photosim.teaching.gathering import Gathered
from photosim.teaching.judging import Judgement
from photosim.teaching.lesson import Tuned

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

QUERIES, SHOWN = 3, 7
NEAREST, SAMPLE = 10, 100

LEAST_SAMPLE = 20
"""Of fewer untouched photos no share is told."""

COPY = 0.98
"""From this similarity on, by the model before, a photo counts as a copy: it is near whatever is taught."""

_BLOCK = 25
_CHUNK = 500


@dataclass(frozen=True)
class RankingPair:
    """The photos ranked first for one query, by the model before and by the one after; neither the query
    nor copies of it. `places` are those that the photos of `after` had before, from 1 on; `risen` of them
    came up.
    """

    query: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    places: tuple[int, ...]

    @property
    def risen(self) -> frozenset[int]:
        """Those of `after` that stand nearer to the top than before."""
        ranked = zip(self.after, self.places, strict=True)
        return frozenset(photo for place, (photo, was) in enumerate(ranked, 1) if was > place)


@dataclass(frozen=True)
class Comparison:
    """`unchanged` is the share of the ten nearest that stay, over photos that no answer touched; None where
    there are too few of those. `answered_alone`: the rankings are of the photos of the answers, no others.
    """

    judgement: Judgement
    pairs: tuple[RankingPair, ...]
    unchanged: float | None
    answered_alone: bool = False


def compare(
    library: Library, draft_searcher: Searcher, judgement: Judgement, queries: Sequence[int]
) -> Comparison:
    """Compare the model that answers in `library` with another one of the same trunk, each at its own focus.

    queries: ids of the photos to show rankings of (see `own_queries`); those without features are left out.
    Takes some 0.3 s for 100,000 photos once both searchers have their embeddings: not for the GUI's thread.
    """
    searcher = library.searcher
    for one in (searcher, draft_searcher):
        one.refresh()
    pairs = (ranking_pair(searcher, draft_searcher, query) for query in queries)
    untouched = untouched_sample(library.catalog, searcher.shown_vectors()[0])
    return Comparison(
        judgement,
        tuple(pair for pair in pairs if pair is not None),
        share_unchanged(searcher, draft_searcher, untouched),
    )


def compare_answered(
    library: Library,
    tuned: Tuned,
    gathered: Gathered,
    judgement: Judgement,
    queries: Sequence[int],
) -> Comparison:
    """Compare the model that answers in `library` with one of another trunk, over the photos of the answers.

    `gathered` has their features by the new trunk: no other photo has been seen by it yet.
    """
    catalog, searcher = library.catalog, library.searcher
    rows = dict(zip(gathered.hashes, gathered.lesson.features, strict=True))
    rows |= dict(zip(gathered.kept_back.hashes, gathered.kept_back.features, strict=True))
    by_id = {photo_id: rows[digest] for digest, photo_id in catalog.ids_by_hash(rows).items()}
    found, old = catalog.features_by_id(sorted(by_id), searcher.card.trunk)
    order = np.argsort(found)
    ids, first = found[order], searcher.embedding(old[order])
    second = tuned.embedding(np.stack([by_id[photo] for photo in ids.tolist()])) if len(ids) else first

    def ranking(matrix: Floats, parts: tuple[int, int], focus: float, row: int) -> Ranking:
        return Ranking(*rank_exactly(ids, matrix, weigh(matrix[row], parts, focus)), "exact")

    pairs = [
        paired(
            query,
            ranking(first, searcher.embedding.parts, searcher.card.focus, row),
            ranking(second, tuned.embedding.parts, tuned.focus, row),
        )
        for query in queries
        for row in np.flatnonzero(ids == query).tolist()
    ]
    return Comparison(judgement, tuple(pairs), None, answered_alone=True)


def own_queries(answers: Sequence[Answer], catalog: Catalog, asked: Iterable[int] = ()) -> list[int]:
    """Photos whose rankings tell the user most, three at most, chosen before anyone has seen the rankings.

    The anchors last answered about among those kept back, which the model has not learned from, the last one
    giving way to the photo `asked` for last in the window; then anchors that it has learned from.
    """
    kept, learned = (
        _latest(catalog, [answer.anchor for answer in answers if answer.kept_back is side])
        for side in (True, False)
    )
    own = list(asked)[:1]
    wanted = [*kept[: QUERIES - len(own)], *own, *kept, *learned]
    return list(dict.fromkeys(wanted))[:QUERIES]


def _latest(catalog: Catalog, anchors: Sequence[bytes]) -> list[int]:
    """The ids of the last few anchors that are in the library, the latest first."""
    found: list[int] = []
    for anchor in dict.fromkeys(reversed(anchors)):
        photo = catalog.photo_by_hash(anchor)
        if photo is not None:
            found.append(photo.id)
        if len(found) == QUERIES:
            break
    return found


def ranking_pair(before: Searcher, after: Searcher, query: int) -> RankingPair | None:
    """The photos nearest to a photo by two models; None where it has no features."""
    features = before.features_of(query)
    if features is None:
        return None
    return paired(query, before.rank([features]), after.rank([features]))


def paired(query: int, before: Ranking, after: Ranking, shown: int = SHOWN) -> RankingPair:
    """The first photos of two whole rankings for a query, without it and its copies."""
    copies = {query, *before.ids[before.similarity >= COPY].tolist()}
    first, second = _without(before.ids, copies), _without(after.ids, copies)[:shown]
    places = [
        int(np.flatnonzero(first == photo)[0]) + 1 if photo in first else len(first) for photo in second
    ]
    return RankingPair(query, tuple(first[:shown].tolist()), tuple(second.tolist()), tuple(places))


def _without(ids: Ids, left_out: set[int]) -> Ids:
    return ids[~np.isin(ids, list(left_out))]


def untouched_sample(catalog: Catalog, ids: Ids, count: int = SAMPLE, seed: int = 0) -> Ids:
    """Up to `count` of the photos `ids` by chance that no answer is about, int64."""
    touched = set(chain.from_iterable(answer.triplet for answer in catalog.answers.all()))
    order = np.random.default_rng(seed).permutation(ids)
    found: list[int] = []
    for start in range(0, len(order), _CHUNK):
        chunk = order[start : start + _CHUNK].tolist()
        photos = catalog.photos(chunk)
        found += [one for one in chunk if one in photos and photos[one].content_hash not in touched]
        if len(found) >= count:
            break
    return np.array(found[:count], np.int64)


def share_unchanged(before: Searcher, after: Searcher, photos: Ids) -> float | None:
    """The mean share of the ten nearest to each of `photos` by one model that are so by the other one too.

    Copies are left out on both sides. None for fewer photos than LEAST_SAMPLE, or a library of so few that
    ten of them are no choice.
    """
    ids, first, second = _shared_rows(before, after)
    rows = np.flatnonzero(np.isin(ids, photos))
    if len(rows) < LEAST_SAMPLE or len(ids) < 5 * NEAREST:
        return None
    shares: list[float] = []
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        one, other = _similarities(before, first, block), _similarities(after, second, block)
        copies = one >= COPY
        copies[np.arange(len(block)), block] = True
        one[copies], other[copies] = -np.inf, -np.inf
        for nearest, now in zip(_nearest(one), _nearest(other), strict=True):
            shares.append(len(np.intersect1d(nearest, now)) / NEAREST)
    return float(np.mean(shares))


def _shared_rows(before: Searcher, after: Searcher) -> tuple[Ids, Floats, Floats]:
    """The photos that both models rank, ascending, and their embeddings by each; a scan may be on its way."""
    ids, first = before.shown_vectors()
    others, second = after.shown_vectors()
    if np.array_equal(ids, others):
        return ids, first, second
    both, rows, other_rows = np.intersect1d(ids, others, assume_unique=True, return_indices=True)
    return both, first[rows], second[other_rows]


def _similarities(searcher: Searcher, matrix: Floats, rows: npt.NDArray[np.intp]) -> Floats:
    """float32 [len(rows), N]: of some rows of a library's embeddings to all of them, at the model's focus."""
    return weigh(matrix[rows], searcher.embedding.parts, searcher.card.focus) @ matrix.T


def _nearest(similarities: Floats) -> npt.NDArray[np.intp]:
    return np.argpartition(-similarities, NEAREST, axis=1)[:, :NEAREST]
