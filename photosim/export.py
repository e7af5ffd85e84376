"""The library's embeddings as a file for other programs."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from photosim.atomic import write_atomically
from photosim.errors import PhotosimError
from photosim.library import Library


def export(library: Library, path: Path) -> int:
    """Write one row a photo, with its first path, as .csv or .npz; returns the number of photos.

    The npz holds `paths` (str), `embeddings` (float32 [N, D]) and `parts` (int [2], the dimensions of kind
    and thing within D), nothing pickled. Raises PhotosimError for another ending or a file that cannot be
    written; an old file stays as it was then.
    """
    writers = {".csv": _write_csv, ".npz": _write_npz}
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise PhotosimError(f"{path}: photosim exports .csv and .npz: give the file one of these endings")
    searcher = library.searcher
    searcher.refresh()
    ids, embeddings = searcher.shown_vectors()
    photos = library.catalog.photos(ids.tolist())
    still_there = np.array([photo_id in photos for photo_id in ids.tolist()], dtype=np.bool_)
    embeddings = embeddings[still_there]
    paths = [photos[photo_id].path for photo_id in ids[still_there].tolist()]
    try:
        write_atomically(
            path, lambda temporary: writer(temporary, paths, embeddings, searcher.embedding.parts)
        )
    except OSError as error:
        raise PhotosimError(
            f"{path} cannot be written ({error.strerror}): choose another place for it"
        ) from error
    return len(paths)


def _write_csv(path: Path, paths: list[str], embeddings: np.ndarray, parts: tuple[int, int]) -> None:
    names = [f"kind_{n}" for n in range(parts[0])] + [f"thing_{n}" for n in range(parts[1])]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", *names])
        for photo, row in zip(paths, embeddings, strict=True):
            writer.writerow([photo, *(f"{value:.9g}" for value in row)])


def _write_npz(path: Path, paths: list[str], embeddings: np.ndarray, parts: tuple[int, int]) -> None:
    with open(path, "wb") as file:  # a file, since savez would add its ending to the temporary name
        np.savez(
            file,
            paths=np.array(paths, dtype=np.str_),
            embeddings=embeddings,
            parts=np.array(parts, dtype=np.int64),
        )
