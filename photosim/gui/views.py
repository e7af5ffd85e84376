"""What the window can show: a place of the library, or the photos similar to a query. No Qt."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from photosim.engine.messages import Region
from photosim.library import Example

ALL, OFFLINE, FAILURES, FOLDER = "all", "offline", "failures", "folder"


@dataclass(frozen=True)
class Browse:
    """A place of the library: ALL, OFFLINE, FAILURES, or one FOLDER of it by its path."""

    place: str = ALL
    folder: str = ""


@dataclass(frozen=True)
class QueryItem:
    """A photo, a region of one, or a picture that is no file, as part of a query; wanted more or less.

    A photo of the library has its id, a picture its bytes until it has been read: then `example` holds
    what the search needs and `thumbnail` (JPEG) what is shown, and both go wherever the item goes.
    """

    photo_id: int | None = None
    path: str = ""
    image: bytes | None = None
    region: Region | None = None
    less: bool = False
    example: Example | None = field(default=None, compare=False, repr=False)
    thumbnail: bytes | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The file's name for people; empty for a picture without one."""
        return os.fsencode(os.path.basename(self.path)).decode("utf-8", "replace")

    @property
    def whole_photo(self) -> int | None:
        """The photo of the library that it is; None for a part of one, and for what is in no folder of it."""
        if self.region is not None:
            return None
        return self.photo_id if self.example is None else self.example.photo_id

    def examined(self, example: Example, thumbnail: bytes | None) -> QueryItem:
        return replace(self, example=example, thumbnail=thumbnail, image=None)

    def is_same_picture(self, other: QueryItem) -> bool:
        """Whether both stand for the same photo or region, more or less aside."""
        if self.region != other.region:
            return False
        if self.photo_id is not None or other.photo_id is not None:
            return self.photo_id == other.photo_id
        if self.path or other.path:
            return self.path == other.path
        if self.example is not None and other.example is not None:
            return self.example.content_hash == other.example.content_hash
        return self.image is not None and self.image == other.image


@dataclass(frozen=True)
class Similar:
    """The library by similarity to `items`. `cut`: the least similarity shown, None for all."""

    items: tuple[QueryItem, ...]
    cut: float | None = None

    @property
    def more(self) -> tuple[QueryItem, ...]:
        return tuple(item for item in self.items if not item.less)

    @property
    def less(self) -> tuple[QueryItem, ...]:
        return tuple(item for item in self.items if item.less)

    def with_items(self, added: tuple[QueryItem, ...]) -> Similar:
        """This query and more photos; one that is there already changes its side instead."""
        items = list(self.items)
        for item in added:
            for place, known in enumerate(items):
                if known.is_same_picture(item):
                    items[place] = replace(known, less=item.less)
                    break
            else:
                items.append(item)
        return replace(self, items=tuple(items))

    def without(self, place: int) -> Similar:
        return replace(self, items=self.items[:place] + self.items[place + 1 :])

    def toggled(self, place: int) -> Similar:
        items = list(self.items)
        items[place] = replace(items[place], less=not items[place].less)
        return replace(self, items=tuple(items))


View = Browse | Similar


def from_files(files: list[Path] | tuple[Path, ...]) -> tuple[QueryItem, ...]:
    return tuple(QueryItem(path=os.path.abspath(os.path.expanduser(file))) for file in files)


def to_json(view: View) -> dict[str, Any]:
    """What brings a view back at the next start; pictures that are no files are left out."""
    if isinstance(view, Browse):
        return {"place": view.place, "folder": view.folder}
    return {
        "cut": view.cut,
        "query": [
            {"id": item.photo_id, "path": item.path, "region": item.region, "less": item.less}
            for item in view.items
            if item.path
        ],
    }


def still_there(view: View, is_known: Callable[[int], bool]) -> View:
    """A view of last time without query photos that have gone since, all photos where none is left.

    `is_known` tells whether the library has a photo of this id.
    """
    if isinstance(view, Browse):
        return view
    there = tuple(
        item
        for item in view.items
        if (item.photo_id is not None and is_known(item.photo_id)) or os.path.exists(item.path)
    )
    left = replace(view, items=there)
    return left if left.more else Browse()


def from_json(value: Any) -> View:
    """The view that `to_json` wrote; all photos where it was written by another program or by hand."""
    try:
        if "query" not in value:
            place = value["place"] if value["place"] in (ALL, OFFLINE, FAILURES, FOLDER) else ALL
            return Browse(place, str(value["folder"]))
        items = tuple(
            QueryItem(
                photo_id=None if item["id"] is None else int(item["id"]),
                path=str(item["path"]),
                region=None if item["region"] is None else _region(item["region"]),
                less=bool(item["less"]),
            )
            for item in value["query"]
        )
        cut = None if value["cut"] is None else float(value["cut"])
    except (KeyError, TypeError, ValueError):
        return Browse()
    view = Similar(items, cut)
    return view if view.more else Browse()


def _region(value: Any) -> Region:
    x, y, width, height = (float(part) for part in value)
    return x, y, width, height
