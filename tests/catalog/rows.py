"""Rows as a scan would write them, without the photos."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from photosim.catalog import Catalog, FileFailed, FileFound, NewPhoto, TrunkFeatures
from photosim.imaging.facts import Facts

TRUNK = "trunk-1"


def digest(content: str) -> bytes:
    return hashlib.blake2b(content.encode(), digest_size=16).digest()


def features(content: str, dim: int = 8) -> npt.NDArray[np.float16]:
    """Features that depend on the content alone, float16 [dim]."""
    seed = int.from_bytes(digest(content)[:4], "little")
    return np.random.default_rng(seed).normal(size=dim).astype(np.float16)


def photo(content: str, taken: str | None = None, dim: int = 8, trunk: str = TRUNK) -> NewPhoto:
    made = TrunkFeatures(trunk, "fp32", features(content, dim))
    return NewPhoto(digest(content), Facts(640, 480, "JPEG", taken=taken), (1 << 64) - 1, (made,))


def found(
    folder_id: int,
    path: str,
    content: str,
    *,
    known: bool = False,
    size: int = 1000,
    modified_ns: int = 1_700_000_000_000_000_000,
    taken: str | None = None,
    dim: int = 8,
    trunk: str = TRUNK,
) -> FileFound:
    """A file of a scan; `known` where the scan had its content's features already."""
    new = None if known else photo(content, taken, dim, trunk)
    return FileFound(folder_id, path, size, modified_ns, digest(content), new)


def failed(folder_id: int, path: str, reason: str = "truncated") -> FileFailed:
    return FileFailed(folder_id, path, 10, 1_700_000_000_000_000_000, reason)


def put(catalog: Catalog, *files: FileFound) -> list[int]:
    """Record files; returns the ids of their photos, in the same order."""
    return [recorded.photo_id for recorded in catalog.record(files, [])]
