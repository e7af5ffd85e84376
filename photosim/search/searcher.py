"""Queries in, rankings out: keeps the embeddings and the graph of a library up to date with its catalog."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from photosim.catalog import Catalog
from photosim.errors import QueryError
from photosim.index.exact import rank_exactly
from photosim.index.graph import FOCI, RECALL_AT, Graph, GraphCard
from photosim.index.vectors import Vectors
from photosim.model.card import EMBEDDING, ModelCard
from photosim.model.device import available_cores
from photosim.model.embedding import Embedding, part_weights
from photosim.paths import Folders
from photosim.search.query import combine, weigh

Ids = npt.NDArray[np.int64]
Features = npt.NDArray[np.float16]

_State = tuple[Ids, npt.NDArray[np.float32], npt.NDArray[np.intp] | None]
"""All embeddings, and the rows of those that are shown; None where that is all of them."""

EXACT_UP_TO = 200_000
"""Photos up to which exact search ranks a whole library fast enough for a window."""

GRAPH_FIRST = 1_000
_SAVE_AFTER = 500
_CATCH_UP = 2_000
"""Rows that a search may insert into the graph before it answers: about 0.3 s."""

_EMBEDDED_AT_ONCE = 2
"""Blocks of features: while one is in the matrix product, which uses every core, another is converted."""

_SAMPLE = 100

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ranking:
    """Photos by similarity, best first: ids int64 [N], similarity float32 [N] from -1 to 1.

    `method` is "exact" (the whole library) or "graph" (its approximately nearest).
    """

    ids: Ids
    similarity: npt.NDArray[np.float32]
    method: str

    @property
    def distance(self) -> npt.NDArray[np.float32]:
        """Weighed squared Euclidean distances, float32 [N], from 0 to 4."""
        distance: npt.NDArray[np.float32] = np.clip(2 - 2 * self.similarity, 0, 4).astype(np.float32)
        return distance

    def first(self, count: int) -> Ranking:
        """Its best photos, `count` of them at most."""
        return replace(self, ids=self.ids[:count], similarity=self.similarity[:count])

    def __len__(self) -> int:
        return len(self.ids)


class Searcher:
    """Searches one library with one model. Any thread may rank; refreshing is done by one at a time."""

    def __init__(self, catalog: Catalog, folders: Folders, card: ModelCard, embedding: Embedding) -> None:
        self.card = card
        self.embedding = embedding
        self._catalog = catalog
        self._cache = folders.vectors / f"{card.version}.safetensors"
        self._graph_file = folders.index / f"{card.version}.hnsw"
        # A cache or graph belongs to this library, model and embedding, or to nobody.
        self._key = f"{catalog.library_id} {card.version} {card.files[EMBEDDING]}"
        self._vectors: Vectors | None = None
        self._state: _State | None = None
        self._shown: Ids = np.empty(0, dtype=np.int64)
        self._graph: Graph | None = None
        self._refreshing = threading.Lock()
        self._stepping = threading.Lock()
        self._building = threading.Lock()
        self._stopped = threading.Event()
        self._saved_seq = 0
        self._threads = available_cores()

    def __len__(self) -> int:
        return len(self._shown)

    # Keeping up with the catalog

    def refresh(self) -> None:
        """Load the embeddings of photos that came since the last time, and which photos are shown.

        The first call reads the cache, or makes every embedding anew: not for the GUI's thread.
        """
        with self._refreshing:
            if self._vectors is None:
                vectors = Vectors.load(self._cache, self._key, self.embedding.dim, self._catalog.last_seq())
                self._saved_seq = vectors.seq if vectors else 0
                self._vectors = vectors or Vectors(self.embedding.dim)
            if not len(self._vectors):
                self._vectors.reserve(self._catalog.count_features(self.card.trunk))
            for seq, ids, rows in self._embedded_after(self._vectors.seq):
                self._vectors.extend(ids, rows, seq)
            if len(self._vectors) != self._catalog.count_features(self.card.trunk):
                self._vectors.keep(self._catalog.ids_with_features(self.card.trunk))
            self._shown = self._catalog.shown_ids()
            ids, matrix = self._vectors.snapshot()
            shown = None
            if not np.array_equal(ids, self._shown):
                shown = np.flatnonzero(np.isin(ids, self._shown, assume_unique=True))
            self._state = (ids, matrix, shown)

    def _embedded_after(self, seq: int) -> Iterator[tuple[int, Ids, npt.NDArray[np.float32]]]:
        """Embeddings of features written after `seq`, in order: blocks of (last seq, ids, rows).

        While blocks are embedded, the next ones are read from the catalog: for a new model, the two take
        about as long.
        """
        waiting: deque[tuple[int, Ids, Future[npt.NDArray[np.float32]]]] = deque()
        with ThreadPoolExecutor(_EMBEDDED_AT_ONCE, "embed") as pool:
            for last, ids, features in self._catalog.features_after(self.card.trunk, seq):
                waiting.append((last, ids, pool.submit(self.embedding, features)))
                if len(waiting) > 2 * _EMBEDDED_AT_ONCE:
                    last, ids, rows = waiting.popleft()
                    yield last, ids, rows.result()
            for last, ids, rows in waiting:
                yield last, ids, rows.result()

    def save(self) -> None:
        """Write the cache of embeddings where enough has changed; a disk too full for it is no error."""
        with self._refreshing:
            if self._vectors is None or self._vectors.seq - self._saved_seq < _SAVE_AFTER:
                return
            try:
                self._vectors.save(self._cache, self._key)
            except OSError as error:
                _log.warning("the cache of embeddings was not written: %s", error)
                return
            self._saved_seq = self._vectors.seq

    def update_graph(self) -> GraphCard:
        """Bring the graph up to date with the catalog, measure it, and write it; returns its card.

        A graph built anew takes the old one's place when it is ready. Raises OSError where it cannot be
        written; the graph in memory serves all the same. Raises CancelledError after `stop`.
        """
        with self._building:  # whoever comes second finds it done
            return self._update_graph()

    def _update_graph(self) -> GraphCard:
        self.refresh()
        ids, matrix, _ = self._current()
        seq = self._vectors.seq if self._vectors else 0
        card = self.graph_card()
        # The sequence is greater where the last ones have been forgotten.
        if card is not None and card.seq >= seq and card.count == len(ids):
            return card  # loaded by the first search that wants it
        graph = self._load_graph()
        if graph is not None:
            graph.keep(ids)
        if graph is None or graph.outgrown:
            graph = Graph.build(self._key, ids, matrix, seq, self._threads, lambda: not self.stopped)
            if graph is None:
                raise CancelledError
        else:
            self._top_up(graph)
        self._measure(graph, ids, matrix)
        self._graph = graph
        graph.save(self._graph_file)
        return graph.card

    def stop(self) -> None:
        """End the building of a graph within a second or two, and build no other; searching goes on.

        For the end of the program, and for a model that ranks no more.
        """
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def graph_card(self) -> GraphCard | None:
        """The card of the graph on disk, where it is sound."""
        return Graph.read_card(self._graph_file, self._key, self.embedding.dim, self._catalog.last_seq())

    def shown_vectors(self) -> tuple[Ids, npt.NDArray[np.float32]]:
        """Ids int64 [N] and embeddings float32 [N, D] of the photos of the library."""
        ids, matrix, rows = self._current()
        return (ids, matrix) if rows is None else (ids[rows], matrix[rows])

    # Searching

    def features_of(self, photo_id: int) -> Features | None:
        """Stored features, float16 [F], of a photo of the library."""
        return self._catalog.features_of(photo_id, self.card.trunk)

    def query_vector(
        self, more: Sequence[Features], less: Sequence[Features], focus: float
    ) -> npt.NDArray[np.float32]:
        """The weighed query float32 [D] of features: its inner product with a photo is their similarity."""
        parts = self.embedding.parts
        vectors = self.embedding(np.stack([*more, *less])) if more else np.empty((0, self.embedding.dim))
        combined = combine(list(vectors[: len(more)]), list(vectors[len(more) :]), parts)
        return weigh(combined, parts, focus)

    def rank(
        self,
        more: Sequence[Features],
        less: Sequence[Features] = (),
        focus: float | None = None,
        k: int | None = None,
        exact: bool = True,
        among: Ids | None = None,
    ) -> Ranking:
        """The library, or the photos `among` it, ranked by similarity to a query.

        more, less: features float16 [F] each; k: how many, None for all. With `exact` False the graph
        answers, except `among` a choice of photos. Photos without features in this model's trunk are left
        out. Raises QueryError for an empty query, a k below 1 or a focus outside 0..1.
        """
        focus = self.card.focus if focus is None else focus
        if not 0.0 <= focus <= 1.0:
            raise QueryError(f"a focus of {focus} is outside 0 (same kind) to 1 (same thing)")
        if k is not None and k < 1:
            raise QueryError(f"{k} results were asked for: ask for at least 1")
        query = self.query_vector(more, less, focus)
        if not exact and among is None:
            graph = self._graph_in_step()
            if graph is not None:
                return self._rank_by_graph(graph, query, k or GRAPH_FIRST, focus)
        ids, matrix, rows = self._current()
        if among is not None:
            rows = np.flatnonzero(np.isin(ids, np.intersect1d(among, self._shown), assume_unique=True))
        found, similarity = rank_exactly(ids, matrix, query, k, rows)
        return Ranking(found, np.clip(similarity, -1.0, 1.0), "exact")

    def part_similarities(
        self, photo_id: int, more: Sequence[Features], less: Sequence[Features]
    ) -> tuple[float | None, float | None]:
        """Similarity in kind and in thing of a photo and a query; None for a part the model lacks."""
        features = self.features_of(photo_id)
        if features is None:
            return None, None
        vector = self.embedding(features[np.newaxis])[0]
        parts = self.embedding.parts
        both = [
            float(vector @ self.query_vector(more, less, focus)) if size else None
            for size, focus in zip(parts, (0.0, 1.0), strict=True)
        ]
        return both[0], both[1]

    def _graph_in_step(self) -> Graph | None:
        """The graph with all photos in it, or None where bringing it up to date would take too long."""
        # One at a time: two that add the same photos at once would leave them badly linked.
        with self._stepping:
            if self._graph is None:
                self._graph = self._load_graph()
            if self._graph is None:
                return None
            behind = self._catalog.count_features(self.card.trunk, after=self._graph.card.seq)
            if behind > _CATCH_UP:
                return None
            if behind > 0 or self._state is None:
                self._top_up(self._graph)
                self._shown = self._catalog.shown_ids()
            return self._graph

    def _rank_by_graph(self, graph: Graph, query: npt.NDArray[np.float32], k: int, focus: float) -> Ranking:
        ef = graph.card.ef_at(focus)
        wanted = k
        while True:
            ids, similarity = graph.search(query, wanted, ef)
            shown = np.isin(ids, self._shown)
            if int(shown.sum()) >= min(k, len(self._shown)) or wanted >= len(graph):
                return Ranking(ids[shown][:k], np.clip(similarity[shown][:k], -1.0, 1.0), "graph")
            wanted *= 4  # photos that are gone from the library stood in the way

    def _current(self) -> _State:
        if self._state is None:
            self.refresh()
        assert self._state is not None
        return self._state

    def _load_graph(self) -> Graph | None:
        return Graph.load(
            self._graph_file, self._key, self.embedding.dim, self._catalog.last_seq(), self._threads
        )

    def _top_up(self, graph: Graph) -> None:
        """Add what the catalog has and the graph has not."""
        for seq, ids, features in self._catalog.features_after(self.card.trunk, graph.card.seq):
            graph.add(ids, self.embedding(features), seq)

    def _measure(self, graph: Graph, ids: Ids, matrix: npt.NDArray[np.float32]) -> None:
        if not len(ids):
            return
        sample = np.random.default_rng(1).choice(len(ids), min(_SAMPLE, len(ids)), replace=False)
        parts = self.embedding.parts
        queries, exact, measured = [], [], {}
        for focus in FOCI:
            weights = part_weights(parts, focus)
            if self.stopped:
                raise CancelledError
            if weights not in measured:  # with one part every focus is the same
                weighed = np.stack([weigh(matrix[row], parts, focus) for row in sample])
                truth = [rank_exactly(ids, matrix, query, min(RECALL_AT, len(ids)))[0] for query in weighed]
                measured[weights] = (weighed, truth)
            queries.append(measured[weights][0])
            exact.append(measured[weights][1])
        graph.measure(queries, exact)
