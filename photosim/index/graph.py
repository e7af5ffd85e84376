"""The nearest-neighbour graph (HNSW, Malkov and Yashunin 2016). The only user of hnswlib.

Inner products of unit vectors: hnswlib's distance is 1 - product. hnswlib crashes the process on a damaged
file, must not be extended while it searches, has a fixed capacity and raises when it finds fewer than k
neighbours; all four are dealt with here, and nothing outside knows of them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import hnswlib
import numpy as np
import numpy.typing as npt

from photosim.atomic import sha256_of, write_atomically

Ids = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float32]

FOCI = (0.0, 0.25, 0.5, 0.75, 1.0)
EF_LADDER = (200, 400, 800, 1600, 3200)
"""Not below 200, however well the library finds itself: photos from outside it are found less well."""

RECALL_TARGET = 0.98
RECALL_AT = 50
_FORMAT = 3
_ROWS_AT_ONCE = 2_000
"""Rows of a graph that is being built, added without a look at whether it is still wanted: some 0.3 s."""

_MOST_DEAD = 0.1
"""The share of forgotten photos from which a graph is built anew rather than searched around them."""


@dataclass(frozen=True)
class GraphCard:
    """What stands beside the graph's file. `ef` and `recall` are per focus of FOCI.

    `count` photos can be found; `dead` ones are forgotten, but still take room. `sha256` is of the file and
    the rest of the card.
    """

    key: str
    dim: int
    count: int
    dead: int
    seq: int
    m: int
    ef_construction: int
    ef: tuple[int, ...]
    recall: tuple[float, ...]
    sha256: str = ""
    format: int = _FORMAT

    def ef_at(self, focus: float) -> int:
        """The ef measured at the focus itself, or the larger of its two neighbours'."""
        return max(ef for ef, at in zip(self.ef, FOCI, strict=True) if abs(at - focus) < 0.25)


class Graph:
    """Neighbours of a vector among many, approximately. Labels are photo ids."""

    def __init__(self, card: GraphCard, index: hnswlib.Index, threads: int) -> None:
        self._card = card
        self._index = index
        self._threads = threads
        self._lock = threading.Lock()
        index.set_num_threads(threads)

    @classmethod
    def build(
        cls,
        key: str,
        ids: Ids,
        matrix: Matrix,
        seq: int,
        threads: int,
        go_on: Callable[[], bool] = lambda: True,
    ) -> Graph | None:
        """A graph of ids int64 [N] and unit rows float32 [N, D]; ef not yet measured.

        Takes seconds for a large library: `go_on` is asked now and then. None where it says no.
        """
        m, ef_construction = _effort(len(ids))
        index = hnswlib.Index(space="ip", dim=matrix.shape[1])
        index.init_index(
            max_elements=_capacity(len(ids)), M=m, ef_construction=ef_construction, random_seed=1
        )
        card = GraphCard(
            key=key,
            dim=matrix.shape[1],
            count=0,
            dead=0,
            seq=0,
            m=m,
            ef_construction=ef_construction,
            ef=(EF_LADDER[0],) * len(FOCI),
            recall=(0.0,) * len(FOCI),
        )
        graph = cls(card, index, threads)
        for start in range(0, len(ids), _ROWS_AT_ONCE):
            if not go_on():
                return None
            rows = slice(start, start + _ROWS_AT_ONCE)
            graph.add(ids[rows], matrix[rows], 0)
        graph._card = replace(graph._card, seq=seq)
        return graph

    @classmethod
    def load(cls, path: Path, key: str, dim: int, last_seq: int, threads: int) -> Graph | None:
        """The graph of a file, or None where it is missing or in doubt in any way: build it again then."""
        card = cls.read_card(path, key, dim, last_seq)
        if card is None:
            return None
        index = hnswlib.Index(space="ip", dim=dim)
        index.load_index(str(path), max_elements=_capacity(card.count + card.dead))
        return cls(card, index, threads)

    @classmethod
    def read_card(cls, path: Path, key: str, dim: int, last_seq: int) -> GraphCard | None:
        """The card of a sound graph file, which is read for its checksum but not loaded; None in doubt.

        Loading 100,000 photos takes a tenth of a second in which hnswlib lets no other thread run.
        """
        try:
            about = json.loads(_sidecar(path).read_text(encoding="utf-8"))
            if not isinstance(about, dict) or about.get("format") != _FORMAT:
                return None
            card = GraphCard(**{**about, "ef": tuple(about["ef"]), "recall": tuple(about["recall"])})
            sound = (
                card.key == key
                and card.dim == dim
                and card.seq <= last_seq
                and len(card.ef) == len(card.recall) == len(FOCI)
                and card.sha256 == _checksum(card, path)
            )
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return card if sound else None

    @property
    def card(self) -> GraphCard:
        return self._card

    def __len__(self) -> int:
        return self._card.count

    @property
    def outgrown(self) -> bool:
        """Whether the library is no longer the one the graph was made for: build it anew.

        It may have become so large that the graph needs more effort, or lost too many photos.
        """
        card = self._card
        too_many_dead = card.dead > _MOST_DEAD * (card.count + card.dead)
        return too_many_dead or _effort(card.count) != (card.m, card.ef_construction)

    def add(self, ids: Ids, matrix: Matrix, seq: int) -> None:
        """Insert rows, or move those whose ids are there already; `seq` is the last one's."""
        with self._lock:
            needed = self._index.get_current_count() + len(ids)
            if needed > self._index.get_max_elements():
                self._index.resize_index(_capacity(needed))
            if len(ids):
                self._index.add_items(matrix, ids, num_threads=self._threads)
            count = self._index.get_current_count() - self._card.dead
            self._card = replace(self._card, count=count, seq=seq)

    def keep(self, ids: Ids) -> None:
        """Forget all photos but these: they are not found any more."""
        with self._lock:
            labels = np.array(self._index.get_ids_list(), dtype=np.int64)
            for label in np.setdiff1d(labels, ids).tolist():
                with contextlib.suppress(RuntimeError):  # forgotten before
                    self._index.mark_deleted(label)
            count = len(np.intersect1d(labels, ids))
            self._card = replace(self._card, count=count, dead=len(labels) - count)

    def search(self, query: npt.NDArray[np.float32], k: int, ef: int) -> tuple[Ids, npt.NDArray[np.float32]]:
        """Up to k neighbours of `query` float32 [D], best first: ids int64, inner products float32.

        Fewer come back where the graph does not reach more, also with the largest ef.
        """
        k = min(k, self._card.count)
        if k == 0:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        with self._lock:
            for wider in (max(ef, k), 4 * max(ef, k), self._card.count):
                self._index.set_ef(min(wider, self._card.count))
                try:
                    labels, distances = self._index.knn_query(query[np.newaxis], k=k, num_threads=1)
                except RuntimeError:  # fewer than k were reached
                    continue
                return labels[0].astype(np.int64), (1.0 - distances[0]).astype(np.float32)
        return self.search(query, k // 2, ef)

    def measure(self, queries: Sequence[Matrix], exact: Sequence[Sequence[Ids]]) -> None:
        """Choose ef per focus by recall@50 against exact search, and keep both in the card.

        queries: for each focus of FOCI the weighed queries float32 [q, D];
        exact: for each focus and query the ids of the true neighbours.
        """
        chosen: list[tuple[int, float]] = []
        for at_focus, truth in zip(queries, exact, strict=True):
            for ef in EF_LADDER:
                recall = self._recall(at_focus, truth, ef)
                if recall >= RECALL_TARGET:
                    break
            chosen.append((ef, recall))
        self._card = replace(
            self._card,
            ef=tuple(ef for ef, _ in chosen),
            recall=tuple(round(recall, 4) for _, recall in chosen),
        )

    def _recall(self, queries: Matrix, truth: Sequence[Ids], ef: int) -> float:
        shares = [
            len(np.intersect1d(self.search(query, len(true), ef)[0], true)) / max(1, len(true))
            for query, true in zip(queries, truth, strict=True)
        ]
        return float(np.mean(shares))

    def save(self, path: Path) -> None:
        """Write the graph, then its sidecar. A crash between the two leaves a mismatch, hence a rebuild."""
        with self._lock:
            write_atomically(path, self._write)
            self._card = replace(self._card, sha256=_checksum(self._card, path))
            text = json.dumps(asdict(self._card), indent=1)
            write_atomically(_sidecar(path), lambda temporary: temporary.write_text(text, encoding="utf-8"))

    def _write(self, path: Path) -> None:
        self._index.save_index(str(path))
        # hnswlib does not look whether its writes succeed: a full disk leaves a short file.
        if path.stat().st_size != self._index.index_file_size():
            raise OSError(errno.ENOSPC, "the graph could not be written whole", str(path))


def _sidecar(path: Path) -> Path:
    return path.with_suffix(".json")


def _checksum(card: GraphCard, path: Path) -> str:
    """Of the graph's file and of all that the card says about it."""
    said = json.dumps(asdict(replace(card, sha256="")), sort_keys=True)
    return hashlib.sha256(f"{sha256_of(path)} {said}".encode()).hexdigest()


def _capacity(count: int) -> int:
    return max(1024, count + count // 4)


def _effort(count: int) -> tuple[int, int]:
    """M and ef_construction: recall falls with the library's size unless both grow."""
    if count <= 200_000:
        return 16, 100
    if count <= 600_000:
        return 24, 200
    return 32, 300
