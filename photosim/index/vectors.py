"""The embeddings of a whole library in memory, with a cache file so that a start need not make them anew."""

from __future__ import annotations

import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from photosim.atomic import write_atomically

Ids = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float32]

_PIECE = 4096


class Vectors:
    """Rows of embeddings by photo id: ids int64 [N] ascending, matrix float32 [N, D].

    `seq` is the number of the last features row they were made from: later rows are still to come.
    Reading (`snapshot`) and extending may happen in different threads.
    """

    def __init__(self, dim: int, seq: int = 0) -> None:
        self.dim = dim
        self.seq = seq
        self._ids: Ids = np.empty(0, dtype=np.int64)
        self._matrix: Matrix = np.empty((0, dim), dtype=np.float32)
        self._count = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._count

    def snapshot(self) -> tuple[Ids, Matrix]:
        """Ids and rows as they are now; later additions do not show in what was handed out."""
        with self._lock:
            return self._ids[: self._count], self._matrix[: self._count]

    def extend(self, ids: Ids, rows: Matrix, seq: int) -> None:
        """Add rows, or put them in the place of those the same photos had; `seq` is the last one's."""
        with self._lock:
            old = self._ids[: self._count]
            order = np.argsort(ids, kind="stable")
            ids, rows = ids[order], rows[order]
            if len(ids) and (not len(old) or ids[0] > old[-1]) and np.all(np.diff(ids) > 0):
                self._append(ids, rows)
            elif len(ids):
                self._merge(old, ids, rows)
            self.seq = seq

    def reserve(self, count: int) -> None:
        """Make room for `count` rows in all, so that many additions need not move what is there."""
        with self._lock:
            if count > len(self._ids):
                self._grow(count)

    def keep(self, ids: Ids) -> None:
        """Drop all rows but those of these photos."""
        with self._lock:
            rows = np.flatnonzero(np.isin(self._ids[: self._count], ids))
            # New arrays, as in _merge.
            self._ids, self._matrix = self._ids[rows], self._matrix[rows]
            self._count = len(rows)

    def _append(self, ids: Ids, rows: Matrix) -> None:
        needed = self._count + len(ids)
        if needed > len(self._ids):
            self._grow(max(needed, 1024, len(self._ids) * 3 // 2))
        self._ids[self._count : needed] = ids
        self._matrix[self._count : needed] = rows
        self._count = needed

    def _grow(self, capacity: int) -> None:
        grown_ids = np.empty(capacity, dtype=np.int64)
        grown = np.empty((capacity, self.dim), dtype=np.float32)
        grown_ids[: self._count] = self._ids[: self._count]
        grown[: self._count] = self._matrix[: self._count]
        self._ids, self._matrix = grown_ids, grown

    def _merge(self, old: Ids, ids: Ids, rows: Matrix) -> None:
        # New arrays: whoever holds a snapshot must not see rows move. The last row of an id wins.
        all_ids = np.concatenate([old, ids])
        all_rows = np.concatenate([self._matrix[: self._count], rows])
        self._ids, last = np.unique(all_ids[::-1], return_index=True)
        self._matrix = all_rows[::-1][last]
        self._count = len(self._ids)

    def save(self, path: Path, key: str) -> None:
        """Write a cache file that `load` accepts for the same key alone; raises OSError where it cannot."""
        ids, matrix = self.snapshot()
        about = {"key": key, "seq": str(self.seq)}
        about["crc32"] = _checksum(about, ids, matrix)
        tensors: dict[str, np.ndarray[Any, Any]] = {"ids": ids, "vectors": matrix}
        try:
            write_atomically(path, lambda temporary: save_file(tensors, temporary, about))
        except SafetensorError as error:  # what it makes of a full disk
            raise OSError(str(error)) from error

    @classmethod
    def load(cls, path: Path, key: str, dim: int, last_seq: int) -> Vectors | None:
        """The vectors of a cache file, or None where it is missing, damaged, or of another library or model.

        `last_seq` is the catalog's: a cache from its future (a catalog restored from a copy) is refused.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                about = file.metadata() or {}
                seq = int(about.get("seq", "-1"))
                if about.get("key") != key or not 0 <= seq <= last_seq:
                    return None
                ids, matrix = file.get_tensor("ids"), _in_pieces(file.get_slice("vectors"))
                crc32 = about.pop("crc32", "")
        except (OSError, SafetensorError, ValueError):
            return None
        if ids.dtype != np.int64 or matrix.dtype != np.float32 or matrix.shape != (len(ids), dim):
            return None
        if crc32 != _checksum(about, ids, matrix):
            return None
        vectors = cls(dim, seq)
        vectors._ids, vectors._matrix, vectors._count = ids, matrix, len(ids)
        return vectors


def _in_pieces(rows: Any) -> Matrix:
    """Read the rows of a safetensors slice, letting other threads run in between.

    Read at once, 100,000 photos would hold the interpreter, and with it the window, for 70 ms.
    """
    shape = rows.get_shape()
    if len(shape) != 2 or rows.get_dtype() != "F32":
        raise ValueError(f"rows of shape {shape} are no embeddings")
    matrix: Matrix = np.empty(shape, dtype=np.float32)
    for start in range(0, shape[0], _PIECE):
        end = min(start + _PIECE, shape[0])  # slices may not reach over the end
        matrix[start:end] = rows[start:end]
    return matrix


def _checksum(about: dict[str, str], ids: Ids, matrix: Matrix) -> str:
    """Of everything in the file: a wrong bit would find photos by another embedding than theirs."""
    crc32 = zlib.crc32(repr(sorted(about.items())).encode())
    for array in (ids, matrix):
        crc32 = zlib.crc32(np.ascontiguousarray(array).data, crc32)
    return str(crc32)
