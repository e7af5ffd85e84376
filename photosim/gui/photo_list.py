"""A library's photos sorted and filtered, a hundred thousand of them at a time. No Qt."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from photosim.catalog.records import PhotoTable

Ids = npt.NDArray[np.int64]
Rows = npt.NDArray[np.intp]

NEWEST, OLDEST, NAME, FOLDER, BEST = "newest", "oldest", "name", "folder", "best"
SORTS = (NEWEST, OLDEST, NAME, FOLDER)


class PhotoList:
    """A PhotoTable made ready for sorting and filtering. What is dear is made when first asked for:
    about 0.3 s for 100,000 photos, so ask in a thread.

    `folders` gives the paths of folders by id, `months` the names of the twelve months for the filter.
    """

    def __init__(self, table: PhotoTable, folders: Mapping[int, str], months: Sequence[str] = ()) -> None:
        self.table = table
        self._folders = folders
        self._months = [month.casefold() for month in months]

    def prepare(self, sort: str) -> PhotoList:
        """Make now what `arrange` needs for this order; returns the list itself."""
        self._place_in(sort)
        return self

    def rows_of(self, ids: Ids) -> Rows:
        """The rows of photos; those that the table lacks are left out."""
        if not len(self.table.ids):
            return np.empty(0, dtype=np.intp)
        rows = np.minimum(np.searchsorted(self.table.ids, ids), len(self.table.ids) - 1)
        found: Rows = rows[self.table.ids[rows] == ids]
        return found

    def arrange(self, rows: Rows, sort: str, words: str = "") -> Rows:
        """Those of the rows that match the filter, in an order of SORTS; BEST leaves them in theirs."""
        if words.strip():
            rows = rows[self.matching(words)[rows]]
        if sort != BEST:
            rows = rows[np.argsort(self._place_in(sort)[rows], kind="stable")]
        return rows

    def matching(self, words: str) -> npt.NDArray[np.bool_]:
        """Which rows have every word in their path or date, bool [N]; case does not matter.

        A date reads "2023-07-14 july", so that 2023, 2023-07 and July all find it.
        """
        wanted = words.casefold().split()
        return np.fromiter(
            (all(word in text for word in wanted) for text in self._texts), np.bool_, len(self._texts)
        )

    @cached_property
    def _texts(self) -> list[str]:
        dates = (np.datetime64(0, "s") + self.table.taken.astype("timedelta64[s]")).astype("datetime64[D]")
        months = (dates.astype("datetime64[M]").astype(np.int64) % 12).tolist()
        names = self._months or [""] * 12
        days = np.datetime_as_string(dates).tolist()
        folders = {folder_id: os.path.basename(path).casefold() for folder_id, path in self._folders.items()}
        return [
            f"{folders.get(folder_id, '')}{os.sep}{path.casefold()} {day} {names[month]}"
            for folder_id, path, day, month in zip(
                self.table.folder_ids.tolist(), self.table.paths, days, months, strict=True
            )
        ]

    def _place_in(self, sort: str) -> Rows:
        """The place of every row in an order of the whole table, intp [N]."""
        if sort == NEWEST:
            return self._newest
        if sort == OLDEST:
            return self._oldest
        if sort == NAME:
            return self._by_name
        if sort == FOLDER:
            return self._by_folder
        raise ValueError(f"no such order: {sort}")

    @cached_property
    def _newest(self) -> Rows:
        return _places(np.lexsort((-self.table.ids, -self.table.taken)))

    @cached_property
    def _oldest(self) -> Rows:
        return _places(np.lexsort((self.table.ids, self.table.taken)))

    @cached_property
    def _by_name(self) -> Rows:
        keys = [name.casefold() for name in self.table.names]
        return _places(np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp))

    @cached_property
    def _by_folder(self) -> Rows:
        ranks = {
            folder_id: rank
            for rank, folder_id in enumerate(sorted(self._folders, key=self._folders.__getitem__))
        }
        keys = [
            (ranks.get(folder_id, -1), os.path.dirname(path).casefold(), path.casefold())
            for folder_id, path in zip(self.table.folder_ids.tolist(), self.table.paths, strict=True)
        ]
        return _places(np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp))


def _places(order: npt.NDArray[np.intp]) -> Rows:
    places = np.empty(len(order), dtype=np.intp)
    places[order] = np.arange(len(order))
    return places
