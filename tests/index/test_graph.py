"""The neighbour graph: measured against exact search, and never believed where its files are in doubt."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from photosim.index.exact import rank_exactly
from photosim.index.graph import EF_LADDER, FOCI, RECALL_TARGET, Graph
from photosim.model.embedding import unit
from tests.programs import run_at_once

DIM = 16
THREADS = 2


def library(count: int, seed: int = 0, clusters: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Ids int64 with gaps, and unit rows float32 in clusters."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(clusters, DIM))
    rows = centres[random.integers(clusters, size=count)] + 0.3 * random.normal(size=(count, DIM))
    return np.arange(count, dtype=np.int64) * 3 + 1, unit(rows.astype(np.float32))


def recall(graph: Graph, ids: np.ndarray, matrix: np.ndarray, k: int, ef: int) -> float:
    shares = []
    for query in matrix[:: max(1, len(matrix) // 50)]:
        true = rank_exactly(ids, matrix, query, k)[0]
        shares.append(len(np.intersect1d(graph.search(query, k, ef)[0], true)) / len(true))
    return float(np.mean(shares))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A measured graph of 300 photos in a file, of key "key" and sequence number 300."""
    ids, matrix = library(300)
    graph = Graph.build("key", ids, matrix, 300, THREADS)
    graph.save(tmp_path / "graph.hnsw")
    return tmp_path / "graph.hnsw"


def load(path: Path, key: str = "key", dim: int = DIM, last_seq: int = 300) -> Graph | None:
    return Graph.load(path, key, dim, last_seq, THREADS)


def test_a_graph_finds_what_exact_search_finds() -> None:
    ids, matrix = library(2000)
    graph = Graph.build("key", ids, matrix, 2000, THREADS)
    assert recall(graph, ids, matrix, 10, 200) >= 0.98
    found, products = graph.search(matrix[7], 5, 100)
    assert found[0] == ids[7]
    assert products[0] == pytest.approx(1, abs=1e-5)
    assert np.all(np.diff(products) <= 0)
    assert np.allclose(products, matrix[(found - 1) // 3] @ matrix[7], atol=1e-5)
    assert (found.dtype, products.dtype) == (np.int64, np.float32)


def test_no_photos_one_photo_and_more_asked_for_than_there_are() -> None:
    ids, matrix = library(3)
    empty = Graph.build("key", ids[:0], matrix[:0], 0, THREADS)
    assert len(empty) == 0
    assert len(empty.search(matrix[0], 10, 100)[0]) == 0
    empty.add(ids[:1], matrix[:1], 1)
    assert empty.search(matrix[0], 10, 100)[0].tolist() == [1]
    three = Graph.build("key", ids, matrix, 3, THREADS)
    assert sorted(three.search(matrix[0], 10, 1)[0].tolist()) == ids.tolist()


def test_all_photos_of_a_thousand_identical_ones_are_found_or_fewer_come_back() -> None:
    """A graph of copies falls into islands: hnswlib raises where it reaches fewer than were asked for."""
    ids = np.arange(3000, dtype=np.int64)
    matrix = np.repeat(library(1)[1], 3000, axis=0)
    matrix[::2] = -matrix[::2]
    graph = Graph.build("key", ids, matrix, 3000, THREADS)
    for k in (1, 10, 1500, 2999, 3000):
        found, products = graph.search(matrix[0], k, 10)
        assert 0 < len(found) <= k
        assert len(set(found.tolist())) == len(found)
        assert np.allclose(np.abs(products), 1, atol=1e-5)


def test_a_graph_grows_beyond_the_capacity_it_was_built_with() -> None:
    ids, matrix = library(6000)
    graph = Graph.build("key", ids[:10], matrix[:10], 10, THREADS)
    for start in range(10, 6000, 499):
        graph.add(ids[start : start + 499], matrix[start : start + 499], start + 499)
    assert (len(graph), graph.card.count) == (6000, 6000)
    assert recall(graph, ids, matrix, 10, 400) >= 0.95


def test_a_loaded_graph_grows_too(saved: Path) -> None:
    ids, matrix = library(3000)
    graph = load(saved)
    assert graph is not None
    graph.add(ids[300:], matrix[300:], 3000)
    assert len(graph) == 3000
    assert graph.card.seq == 3000
    assert graph.search(matrix[2999], 1, 100)[0].tolist() == [ids[2999]]


def test_a_photo_read_again_moves_and_is_not_doubled() -> None:
    ids, matrix = library(500)
    graph = Graph.build("key", ids, matrix, 500, THREADS)
    graph.add(ids[:1], -matrix[:1], 501)
    assert len(graph) == 500
    assert graph.search(-matrix[0], 1, 200)[0].tolist() == [ids[0]]
    found = graph.search(matrix[0], 500, 500)[0]
    assert np.count_nonzero(found == ids[0]) <= 1


def test_equal_builds_give_equal_answers() -> None:
    ids, matrix = library(500)
    answers = [Graph.build("key", ids, matrix, 1, 1).search(matrix[3], 50, 100)[0].tolist() for _ in range(2)]
    assert answers[0] == answers[1]


def test_searches_while_photos_are_added() -> None:
    ids, matrix = library(4000)
    graph = Graph.build("key", ids[:500], matrix[:500], 500, THREADS)

    def add(start: int) -> None:
        graph.add(ids[start : start + 100], matrix[start : start + 100], start + 100)

    def search(row: int) -> int:
        return int(graph.search(matrix[row], 10, 100)[0][0])

    with ThreadPoolExecutor(4) as pool:
        adding = [pool.submit(add, start) for start in range(500, 4000, 100)]
        found = list(pool.map(search, range(400)))
        for future in adding:
            future.result()
    assert found == ids[:400].tolist()
    assert len(graph) == 4000


def test_ef_is_chosen_per_focus_by_recall_against_exact() -> None:
    ids, matrix = library(3000, clusters=3000)  # no clusters: the hard case
    graph = Graph.build("key", ids, matrix, 3000, THREADS)
    queries = [matrix[:40]] * len(FOCI)
    exact = [[rank_exactly(ids, matrix, query, 50)[0] for query in at] for at in queries]
    # At focus 1 the "truth" is what no graph can find: the farthest ones.
    exact[-1] = [rank_exactly(ids, matrix, -query, 50)[0] for query in queries[-1]]
    graph.measure(queries, exact)
    card = graph.card
    assert min(card.recall[:-1]) >= RECALL_TARGET
    assert set(card.ef) <= set(EF_LADDER)
    assert (card.ef[-1], card.recall[-1]) == (EF_LADDER[-1], pytest.approx(0, abs=0.5))
    assert recall(graph, ids, matrix, 50, card.ef_at(0.0)) >= 0.95


def test_between_two_measured_foci_the_wider_search_of_both_is_used() -> None:
    ids, matrix = library(100)
    card = Graph.build("key", ids, matrix, 100, THREADS).card
    stepped = type(card)(**{**card.__dict__, "ef": (10, 20, 30, 40, 50)})
    assert [stepped.ef_at(focus) for focus in FOCI] == [10, 20, 30, 40, 50]
    assert [stepped.ef_at(focus) for focus in (0.1, 0.3, 0.74, 0.99)] == [20, 30, 40, 50]


def test_a_saved_graph_answers_as_before(saved: Path) -> None:
    ids, matrix = library(300)
    graph = load(saved)
    assert graph is not None
    assert (len(graph), graph.card.seq, graph.card.key) == (300, 300, "key")
    assert recall(graph, ids, matrix, 10, 200) >= 0.99
    assert sorted(path.name for path in saved.parent.iterdir()) == ["graph.hnsw", "graph.json"]


def test_a_graph_of_another_library_model_or_time_is_refused(saved: Path) -> None:
    assert load(saved, key="another") is None
    assert load(saved, dim=DIM + 1) is None
    assert load(saved, last_seq=299) is None, "from the catalog's future"
    assert load(saved.with_name("missing.hnsw")) is None


def test_a_graph_without_its_sidecar_or_the_other_way_round_is_refused(saved: Path) -> None:
    sidecar = saved.with_suffix(".json")
    text = sidecar.read_text()
    sidecar.unlink()
    assert load(saved) is None
    sidecar.write_text(text)
    assert load(saved) is not None
    saved.unlink()
    assert load(saved) is None


def test_a_damaged_graph_never_reaches_hnswlib(saved: Path) -> None:
    whole = saved.read_bytes()
    random = np.random.default_rng(2)
    for _ in range(300):
        broken = bytearray(whole)
        broken[random.integers(len(whole))] ^= 1 << int(random.integers(8))
        saved.write_bytes(broken)
        assert load(saved) is None
    for length in (0, 1, 95, 96, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:length])
        assert load(saved) is None


def test_a_damaged_sidecar_is_not_believed_in_any_of_its_bytes(saved: Path) -> None:
    """A changed count, sequence number or ef would leave photos out without anybody noticing."""
    sidecar = saved.with_suffix(".json")
    whole = sidecar.read_bytes()
    before = json.loads(whole)
    believed = []
    for position in range(len(whole)):
        for bit in range(8):
            broken = bytearray(whole)
            broken[position] ^= 1 << bit
            sidecar.write_bytes(broken)
            graph = load(saved)
            if graph is not None and json.loads(broken) != before:
                believed.append(bytes(broken[max(0, position - 20) : position + 5]))
    assert believed == []
    for length in range(len(whole) - 1):
        sidecar.write_bytes(whole[:length])
        assert load(saved) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"format": 1}', "[" * 100_000, "\ufeff{}", "1e999"]
)
def test_a_foreign_sidecar_is_refused(saved: Path, text: str) -> None:
    saved.with_suffix(".json").write_text(text, encoding="utf-8")
    assert load(saved) is None


def test_a_save_that_does_not_fit_on_the_disk_leaves_the_old_graph(saved: Path) -> None:
    """hnswlib does not look whether its writes succeed, and would put half a graph in its place."""
    script = """
import errno, resource
from pathlib import Path
from photosim.index.graph import Graph
from tests.index.test_graph import library
ready()
graph = Graph.build("key", *library(500, seed=1), 300, 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    graph.save(Path(sys.argv[1]))
except OSError as error:
    print(error.errno == errno.ENOSPC, error)
print(len(graph.search(library(1)[1][0], 5, 100)[0]))
"""
    (said,) = run_at_once(script, [[saved]])
    assert said.startswith("True") and "could not be written whole" in said
    assert said.endswith("5\n"), "the graph in memory serves all the same"
    old = load(saved)
    assert old is not None and len(old) == 300
    assert sorted(path.name for path in saved.parent.iterdir()) == ["graph.hnsw", "graph.json"]


def test_a_save_killed_at_any_moment_leaves_the_old_graph_the_new_one_or_none(saved: Path) -> None:
    script = """
import os, signal
from pathlib import Path
import numpy as np
import photosim.atomic
from photosim.index.graph import Graph
from tests.index.test_graph import library
ready()
left = int(sys.argv[2])
def die_in_time(function):
    def stepping(*arguments):
        global left
        left -= 1
        if left < 0:
            print("dying", flush=True)
            os._exit(0)
        return function(*arguments)
    return stepping
ids, matrix = library(500, seed=1)
graph = Graph.build("key", ids, matrix, 300, 1)
os.fsync, os.replace = die_in_time(os.fsync), die_in_time(os.replace)
graph.save(Path(sys.argv[1]))
"""
    files = {path.name: path.read_bytes() for path in saved.parent.iterdir()}
    counts = []
    for steps in range(5):
        for name, content in files.items():
            (saved.parent / name).write_bytes(content)
        run_at_once(script, [[saved, steps]])
        graph = load(saved)
        counts.append(None if graph is None else len(graph))
    assert counts == [300, 300, None, None, 500]


def test_a_larger_library_asks_for_a_stronger_graph() -> None:
    ids, matrix = library(10)
    graph = Graph.build("key", ids, matrix, 10, THREADS)
    assert not graph.outgrown
    graph._card = type(graph.card)(**{**graph.card.__dict__, "count": 200_001})
    assert graph.outgrown
