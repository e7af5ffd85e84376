"""The folders that one can teach from: the library's, and those below them that hold photos. No Qt."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from photosim.catalog.records import Folder, PhotoTable
from photosim.gui.sidebar import distinct_names

AT_MOST = 500
"""A longer list is of no use: of more folders the largest are listed."""


@dataclass(frozen=True)
class FolderChoice:
    """The library's folder `folder_id`, or what lies `below` it, a path relative to it.

    `path` is the whole path, and `photos` counts those in it and in its own folders.
    """

    folder_id: int
    below: str
    name: str
    path: str
    photos: int


def top_choices(folders: Sequence[Folder]) -> list[FolderChoice]:
    """The library's folders alone."""
    names = distinct_names([folder.path for folder in folders])
    return [
        FolderChoice(folder.id, "", name, folder.path, folder.photos)
        for folder, name in zip(folders, names, strict=True)
    ]


def folder_choices(
    folders: Sequence[Folder], table: PhotoTable, at_most: int = AT_MOST
) -> list[FolderChoice]:
    """The library's folders, each followed by those below it by their paths, `at_most` of these in all.

    A photo of several places counts where its first one is. Some 0.1 s for 100,000 photos: ask in a thread.
    """
    direct = Counter(
        (folder_id, path.rpartition(os.sep)[0])
        for folder_id, path in zip(table.folder_ids.tolist(), table.paths, strict=True)
    )
    counts: Counter[tuple[int, str]] = Counter()
    for (folder_id, below), photos in direct.items():
        while below:
            counts[folder_id, below] += photos
            below = below.rpartition(os.sep)[0]
    choices = []
    listed = {place for place, _ in counts.most_common(at_most)}
    for top in top_choices(folders):
        choices.append(top)
        choices += [
            FolderChoice(
                top.folder_id,
                below,
                os.path.join(top.name, below),
                os.path.join(top.path, below),
                counts[top.folder_id, below],
            )
            for folder_id, below in sorted(listed, key=lambda place: place[1].split(os.sep))
            if folder_id == top.folder_id
        ]
    return choices
