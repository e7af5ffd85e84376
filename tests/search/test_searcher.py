"""Searching a library: always in step with the catalog, whichever way the answer is found."""

from __future__ import annotations

import sqlite3
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from photosim.catalog import Catalog
from photosim.errors import QueryError
from photosim.index.graph import FOCI, Graph
from photosim.model.embedding import unit
from photosim.paths import Folders
from photosim.search.searcher import GRAPH_FIRST, Ranking
from tests.search.helpers import TRUNK, clustered, identity, searcher, store

BOTH = (6, 4)


def similarities(rows: np.ndarray, query: np.ndarray, parts: tuple[int, int], focus: float) -> np.ndarray:
    """The design's similarity, written out."""
    kind, thing = (
        unit(rows.astype(np.float32)[:, part]) @ unit(query.astype(np.float32)[np.newaxis, part])[0]
        for part in (slice(0, parts[0]), slice(parts[0], None))
    )
    return (1 - focus) * kind + focus * thing


def test_distance_is_two_minus_twice_the_similarity_and_stays_from_0_to_4() -> None:
    similarity = np.array([1.0000001, 1, 0.25, 0, -1, -1.0000001], dtype=np.float32)
    distance = Ranking(np.arange(6), similarity, "exact").distance
    assert distance.tolist() == [0, 0, 1.5, 2, 4, 4]
    assert distance.dtype == np.float32


@pytest.mark.parametrize("focus", [0.0, 0.3, 0.5, 1.0])
def test_the_library_is_ranked_by_the_designs_similarity(
    catalog: Catalog, folders: Folders, folder_id: int, focus: float
) -> None:
    rows = clustered(200, BOTH)
    ids = store(catalog, folder_id, rows)
    ranking = searcher(catalog, folders, BOTH).rank([rows[17]], focus=focus)
    expected = similarities(rows, rows[17], BOTH, focus)
    assert len(ranking) == 200
    assert ranking.method == "exact"
    assert np.allclose(ranking.similarity, np.sort(expected)[::-1], atol=1e-5)
    assert ranking.similarity[0] == pytest.approx(1, abs=1e-5)
    assert np.allclose(expected[np.searchsorted(ids, ranking.ids)], ranking.similarity, atol=1e-5)


def test_a_large_library_is_embedded_in_pieces_and_none_is_lost(
    catalog: Catalog, folders: Folders, folder_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces are embedded side by side, and more are added to those that are there."""
    monkeypatch.setattr(Catalog.features_after, "__defaults__", (7,))
    rows = clustered(200, BOTH)
    found = searcher(catalog, folders, BOTH)
    for part in (rows[:100], rows[100:101], rows[101:]):
        store(catalog, folder_id, part, name=f"{len(part)}")
        found.refresh()
    ranking = found.rank([rows[17]])
    expected = similarities(rows, rows[17], BOTH, 0.5)
    assert np.allclose(ranking.similarity, np.sort(expected)[::-1], atol=1e-5)
    ids, vectors = found.shown_vectors()
    assert np.allclose(vectors @ found.query_vector([rows[17]], [], 0.5), expected, atol=1e-5)


def test_a_graph_nobody_waits_for_any_more_is_not_finished(
    catalog: Catalog, folders: Folders, folder_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photosim.index.graph._ROWS_AT_ONCE", 10)
    rows = clustered(200, BOTH)
    store(catalog, folder_id, rows)
    found = searcher(catalog, folders, BOTH)
    found.refresh()
    add = Graph.add
    added = []

    def add_and_stop(self: Graph, ids: np.ndarray, matrix: np.ndarray, seq: int) -> None:
        add(self, ids, matrix, seq)
        added.append(len(ids))
        if len(added) == 3:
            found.stop()

    monkeypatch.setattr(Graph, "add", add_and_stop)
    with pytest.raises(CancelledError):
        found.update_graph()
    assert sum(added) == 30
    assert not list(folders.index.iterdir())
    assert found.rank([rows[17]], exact=False).method == "exact"
    monkeypatch.undo()
    again = searcher(catalog, folders, BOTH)
    card = again.update_graph()
    assert (card.count, card.seq) == (200, catalog.last_seq())
    assert again.rank([rows[17]], exact=False).method == "graph"


def test_the_focus_changes_what_is_similar(catalog: Catalog, folders: Folders, folder_id: int) -> None:
    rows = np.zeros((3, 4), dtype=np.float16)
    rows[0] = [1, 0, 1, 0]
    rows[1] = [1, 0, 0, 1]  # the same kind
    rows[2] = [0, 1, 1, 0]  # the same thing
    query, kind, thing = store(catalog, folder_id, rows).tolist()
    found = searcher(catalog, folders, (2, 2))
    assert found.rank([rows[0]], focus=0.2).ids.tolist() == [query, kind, thing]
    assert found.rank([rows[0]], focus=0.8).ids.tolist() == [query, thing, kind]
    assert found.part_similarities(kind, [rows[0]], []) == (pytest.approx(1), pytest.approx(0))
    assert found.rank([rows[0]], [rows[1]], focus=0.5).ids.tolist() == [query, thing, kind]


def test_a_model_of_one_part_ignores_the_focus(catalog: Catalog, folders: Folders, folder_id: int) -> None:
    rows = clustered(100, (8, 0))
    ids = store(catalog, folder_id, rows)
    found = searcher(catalog, folders, (8, 0))
    rankings = [found.rank([rows[0]], focus=focus) for focus in (None, 0.0, 0.4, 1.0)]
    for ranking in rankings:
        assert np.array_equal(ranking.ids, rankings[0].ids)
        assert np.array_equal(ranking.similarity, rankings[0].similarity)
    kind, thing = found.part_similarities(int(ids[1]), [rows[0]], [])
    assert kind is not None and thing is None


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"k": 0}, "ask for at least 1"),
        ({"k": -3}, "ask for at least 1"),
        ({"focus": 1.1}, "a focus of 1.1 is outside"),
        ({"focus": -0.1}, "outside 0"),
        ({"focus": float("nan")}, "outside 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    catalog: Catalog, folders: Folders, arguments: dict[str, float], why: str
) -> None:
    row = clustered(1, BOTH)[0]
    found = searcher(catalog, folders, BOTH)
    with pytest.raises(QueryError, match=why):
        found.rank([row], **arguments)
    with pytest.raises(QueryError, match="at least one photo"):
        found.rank([])
    with pytest.raises(QueryError, match="at least one photo"):
        found.rank([], [row])


def test_an_empty_library_has_no_results(catalog: Catalog, folders: Folders) -> None:
    found = searcher(catalog, folders, BOTH)
    row = clustered(1, BOTH)[0]
    assert len(found.rank([row])) == 0
    found.update_graph()
    for exact in (True, False):
        assert len(found.rank([row], k=5, exact=exact)) == 0


def test_equal_photos_keep_their_order(catalog: Catalog, folders: Folders, folder_id: int) -> None:
    rows = np.repeat(clustered(2, BOTH), 20, axis=0)
    ids = store(catalog, folder_id, rows)
    found = searcher(catalog, folders, BOTH)
    for k in (None, 5, 20, 30):
        assert found.rank([rows[0]], k=k).ids.tolist() == ids.tolist()[:k]


def test_photos_that_come_during_a_scan_are_found_after_a_refresh(
    catalog: Catalog, folders: Folders, folder_id: int
) -> None:
    rows = clustered(60, BOTH)
    store(catalog, folder_id, rows[:20], "first")
    found = searcher(catalog, folders, BOTH)
    found.refresh()
    assert len(found) == 20
    later = store(catalog, folder_id, rows[20:], "second")
    found.refresh()
    assert len(found) == 60
    assert found.rank([rows[30]], k=1).ids.tolist() == [later[10]]


@pytest.mark.parametrize("exact", [True, False])
def test_photos_that_are_gone_are_never_found(
    catalog: Catalog, folders: Folders, folder_id: int, exact: bool
) -> None:
    rows = clustered(400, BOTH)
    ids = store(catalog, folder_id, rows)
    found = searcher(catalog, folders, BOTH)
    found.update_graph()
    # All the nearest ones go: the graph must look further than what it was asked for.
    nearest = found.rank([rows[0]], k=200).ids
    names = {photo_id: f"photo {number}.jpg" for number, photo_id in enumerate(ids.tolist())}
    catalog.remove_files(folder_id, [names[photo_id] for photo_id in nearest.tolist()])
    found.refresh()
    for searching in (found, searcher(catalog, folders, BOTH)):
        ranking = searching.rank([rows[0]], k=50, exact=exact)
        assert ranking.method == ("exact" if exact else "graph")
        assert len(ranking) == 50
        assert np.intersect1d(ranking.ids, nearest).tolist() == []
    assert len(found.rank([rows[0]], exact=exact)) == 200
    assert np.array_equal(found.shown_vectors()[0], np.setdiff1d(ids, nearest))
    catalog.remove_folder(catalog.folders()[0].path)
    found.refresh()
    assert len(found.rank([rows[0]], exact=exact)) == 0


def test_features_read_again_count_in_every_answer(
    catalog: Catalog, folders: Folders, folder_id: int
) -> None:
    rows = clustered(300, BOTH)
    ids = store(catalog, folder_id, rows)
    found = searcher(catalog, folders, BOTH)
    found.update_graph()
    rows[5] = -rows[5]
    store(catalog, folder_id, rows[:10])
    found.refresh()
    for exact in (True, False):
        ranking = found.rank([rows[5]], k=1, exact=exact)
        assert ranking.ids.tolist() == [ids[5]]
        assert ranking.similarity[0] == pytest.approx(1, abs=1e-5)


def test_the_graph_answers_with_the_photos_that_came_after_it(
    catalog: Catalog, folders: Folders, folder_id: int
) -> None:
    rows = clustered(600, BOTH)
    store(catalog, folder_id, rows[:500], "first")
    found = searcher(catalog, folders, BOTH)
    found.update_graph()
    later = store(catalog, folder_id, rows[500:], "second")
    for searching in (found, searcher(catalog, folders, BOTH)):
        ranking = searching.rank([rows[540]], k=10, exact=False)
        assert ranking.method == "graph"
        assert ranking.ids[0] == later[40]
    assert found.update_graph().count == 600


def test_the_graph_agrees_with_exact_search_at_every_focus(
    catalog: Catalog, folders: Folders, folder_id: int
) -> None:
    parts = (16, 16)
    rows = clustered(3000, parts)
    store(catalog, folder_id, rows)
    found = searcher(catalog, folders, parts)
    card = found.update_graph()
    assert min(card.recall) >= 0.98
    for focus in (*FOCI, 0.1, 0.6, 0.9):
        shared = []
        for row in rows[::100]:
            exact = found.rank([row], focus=focus, k=50)
            graph = found.rank([row], focus=focus, k=50, exact=False)
            shared.append(len(np.intersect1d(exact.ids, graph.ids)))
            assert np.all(np.diff(graph.similarity) <= 0)
        assert np.mean(shared) / 50 >= 0.95


def test_without_a_number_the_graph_gives_its_first_thousand(
    catalog: Catalog, folders: Folders, folder_id: int
) -> None:
    rows = clustered(GRAPH_FIRST + 300, BOTH)
    store(catalog, folder_id, rows)
    found = searcher(catalog, folders, BOTH)
    found.update_graph()
    assert len(found.rank([rows[0]], exact=False)) == GRAPH_FIRST
    assert len(found.rank([rows[0]])) == GRAPH_FIRST + 300


def test_without_a_graph_exact_search_answers_and_says_so(
    catalog: Catalog, folders: Folders, folder_id: int
) -> None:
    rows = clustered(50, BOTH)
    store(catalog, folder_id, rows)
    assert searcher(catalog, folders, BOTH).rank([rows[0]], k=5, exact=False).method == "exact"


def test_a_choice_of_photos_is_ranked_exactly(catalog: Catalog, folders: Folders, folder_id: int) -> None:
    rows = clustered(100, BOTH)
    ids = store(catalog, folder_id, rows)
    found = searcher(catalog, folders, BOTH)
    found.update_graph()
    among = np.array([ids[50], ids[3], ids[3], 10**9, ids[70]])  # unordered, one twice, one unknown
    catalog.remove_files(folder_id, ["photo 70.jpg"])
    found.refresh()
    ranking = found.rank([rows[3]], among=among, exact=False)
    assert ranking.ids.tolist() == [ids[3], ids[50]]
    assert ranking.method == "exact"
    assert len(found.rank([rows[3]], among=np.empty(0, dtype=np.int64))) == 0


def test_photos_of_another_trunk_are_left_out(catalog: Catalog, folders: Folders, folder_id: int) -> None:
    rows = clustered(10, BOTH)
    store(catalog, folder_id, rows)
    found = searcher(catalog, folders, BOTH)
    other = catalog.photos(catalog.shown_ids())
    assert len(other) == 10
    connection = sqlite3.connect(catalog.path)
    with connection:
        connection.execute("UPDATE features SET trunk = 'trunk-0' WHERE seq > 6")
    connection.close()
    assert len(found.rank([rows[0]])) == 6
    assert found.features_of(max(other)) is None
    assert found.part_similarities(max(other), [rows[0]], []) == (None, None)


def test_the_cache_of_embeddings_is_used_and_brought_up_to_date(
    catalog: Catalog, folders: Folders, folder_id: int
) -> None:
    rows = clustered(700, BOTH)
    store(catalog, folder_id, rows[:600], "first")
    first = searcher(catalog, folders, BOTH)
    first.refresh()
    first.save()
    (cache,) = folders.vectors.iterdir()
    written = cache.stat().st_mtime_ns
    store(catalog, folder_id, rows[600:], "second")

    again = searcher(catalog, folders, BOTH)
    again.refresh()
    again.save()  # a hundred rows are not worth another file
    assert cache.stat().st_mtime_ns == written
    assert len(again) == 700
    expected = identity(BOTH)(rows)
    assert np.allclose(again.shown_vectors()[1], expected, atol=1e-6)

    cache.write_bytes(cache.read_bytes()[:-7])
    damaged = searcher(catalog, folders, BOTH)
    assert np.array_equal(damaged.shown_vectors()[1], again.shown_vectors()[1])


def test_removing_the_photos_added_last_costs_no_cache_and_no_new_graph(
    catalog: Catalog, folders: Folders, folder_id: int, tmp_path: Path
) -> None:
    (tmp_path / "more").mkdir()
    rows = clustered(700, BOTH)
    store(catalog, folder_id, rows[:650])
    more = catalog.add_folder(tmp_path / "more")
    gone = store(catalog, more.id, rows[650:], "more")
    first = searcher(catalog, folders, BOTH)
    first.update_graph()
    first.save()
    written = {path: path.stat().st_mtime_ns for path in folders.vectors.iterdir()}
    catalog.remove_folder(more.path)

    again = searcher(catalog, folders, BOTH)
    card = again.update_graph()
    assert (card.count, card.dead) == (650, 50), "built anew for a few"
    again.save()
    assert len(again) == 650
    assert {path: path.stat().st_mtime_ns for path in written} == written
    found = searcher(catalog, folders, BOTH).rank([rows[660]], k=650, exact=False)
    assert found.method == "graph" and len(found) == 650
    assert not np.isin(found.ids, gone).any()


def test_a_folder_removed_and_added_again_leaves_no_trace_in_the_index(
    catalog: Catalog, folders: Folders, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    rows = clustered(400, BOTH)
    for _ in range(3):
        folder = catalog.add_folder(tmp_path / "photos")
        store(catalog, folder.id, rows)
        found = searcher(catalog, folders, BOTH)
        card = found.update_graph()
        assert card.count == 400
        assert card.dead <= 40
        assert min(card.recall) >= 0.98
        assert len(found.shown_vectors()[0]) == 400
        catalog.remove_folder(folder.path)


def test_a_new_model_of_the_same_trunk_uses_nothing_of_the_old_ones_caches(
    catalog: Catalog, folders: Folders, folder_id: int
) -> None:
    rows = clustered(600, BOTH)
    store(catalog, folder_id, rows)
    old = searcher(catalog, folders, BOTH)
    old.update_graph()
    old.save()
    for about in ({"version": "model-2"}, {"digest": "1" * 64}):
        new = searcher(catalog, folders, (4, 6), **about)
        assert new.graph_card() is None
        assert np.allclose(new.shown_vectors()[1], identity((4, 6))(rows), atol=1e-6)


def test_a_damaged_graph_is_built_again(catalog: Catalog, folders: Folders, folder_id: int) -> None:
    rows = clustered(300, BOTH)
    ids = store(catalog, folder_id, rows)
    searcher(catalog, folders, BOTH).update_graph()
    (graph,) = folders.index.glob("*.hnsw")
    whole = graph.read_bytes()
    graph.write_bytes(whole[: len(whole) // 2])
    again = searcher(catalog, folders, BOTH)
    assert again.graph_card() is None
    assert again.rank([rows[0]], k=1, exact=False).method == "exact"
    again.update_graph()
    assert again.graph_card() is not None
    ranking = again.rank([rows[0]], k=1, exact=False)
    assert (ranking.method, ranking.ids.tolist()) == ("graph", [ids[0]])


def test_an_up_to_date_graph_is_not_written_again(catalog: Catalog, folders: Folders, folder_id: int) -> None:
    store(catalog, folder_id, clustered(300, BOTH))
    searcher(catalog, folders, BOTH).update_graph()
    written = {path: path.stat().st_mtime_ns for path in folders.index.iterdir()}
    searcher(catalog, folders, BOTH).update_graph()
    assert {path: path.stat().st_mtime_ns for path in folders.index.iterdir()} == written


def test_searches_go_on_while_a_scan_writes(catalog: Catalog, folders: Folders, folder_id: int) -> None:
    rows = clustered(1000, BOTH)
    store(catalog, folder_id, rows[:200], "start")
    found = searcher(catalog, folders, BOTH)
    found.update_graph()

    def write(start: int) -> None:
        store(catalog, folder_id, rows[start : start + 50], f"from {start}")
        found.refresh()

    def search(row: int) -> float:
        ranking = found.rank([rows[row]], k=5, exact=row % 2 == 0)
        assert len(ranking) == 5
        return float(ranking.similarity[0])

    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(write, start) for start in range(200, 1000, 50)]
        best = list(pool.map(search, range(200)))
        for future in writing:
            future.result()
    assert min(best) > 0.9999
    found.refresh()
    assert len(found) == 1000
    assert found.features_of(int(catalog.shown_ids()[0])) is not None
    assert catalog.hashes_with_features(TRUNK)
