"""Answers as files that people exchange: CSV with the columns anchor, positive, negative, each a path."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from photosim.atomic import write_atomically
from photosim.catalog import Catalog
from photosim.errors import TeachingError

COLUMNS = ("anchor", "positive", "negative")
MAX_ROWS = 100_000
MAX_BYTES = 32 << 20
"""What so many rows need with three long paths each."""
MAX_CELL = 32_768
NAMED = 200
"""So many of the unknown photos are looked for on the disk: each may be on a slow one."""

_MAX_LINE = 8 * MAX_CELL
_AT_ONCE = 1000
# Of unknown photos, so many folders are asked for their other name.
_FOLDERS = 1000

Triplet = tuple[bytes, bytes, bytes]
_Row = tuple[int, tuple[str, ...]]


@dataclass(frozen=True)
class UnknownPhoto:
    """A path, first met in this line, where the library has no photo; `exists`: but there is a file.

    None where that was not looked for: only the first NAMED ones are.
    """

    line: int
    path: str
    exists: bool | None


@dataclass(frozen=True)
class ReadAnswers:
    """What a file of answers says. `triplets` are content hashes, each once, in the file's order.

    Not among them are lines that name `unknown` photos, and `faulty` ones, each with its line and why.
    """

    triplets: tuple[Triplet, ...]
    unknown: tuple[UnknownPhoto, ...]
    faulty: tuple[tuple[int, str], ...]


def read_answers(path: Path, catalog: Catalog) -> ReadAnswers:
    """Read a CSV file of answers about photos of the library. No photo is opened.

    Relative paths are looked for beside the file, then in the current folder. Raises TeachingError for a file
    that cannot be read, has over MAX_ROWS lines or MAX_BYTES bytes, or is no CSV of these columns.
    """
    rows, faulty = _rows(path)
    cells = dict.fromkeys(cell for _, row in rows for cell in row)
    places = _Places(path)
    known = _known(cells, places, catalog)
    triplets: dict[Triplet, None] = {}
    unknown: dict[str, UnknownPhoto] = {}
    for line, row in rows:
        missing = [cell for cell in row if cell not in known]
        for cell in missing:
            if cell not in unknown:
                exists = _exists(places.of(cell)) if len(unknown) < NAMED else None
                unknown[cell] = UnknownPhoto(line, cell, exists)
        if missing:
            continue
        anchor, positive, negative = (known[cell] for cell in row)
        if len({anchor, positive, negative}) == 3:
            triplets[anchor, positive, negative] = None
        else:
            faulty.append((line, "its photos are not three different ones"))
    return ReadAnswers(tuple(triplets), tuple(unknown.values()), tuple(sorted(faulty)))


def write_answers(path: Path, catalog: Catalog) -> int:
    """Write the answers as such a file, with absolute paths, whole or not at all; returns how many.

    "Neither" is not among them, nor what is about photos that the library does not show (any more). Raises
    TeachingError where the file cannot be written; an old file stays as it was then.
    """
    triplets = [answer.triplet for answer in catalog.answers.all() if not answer.neither]
    paths = _paths(catalog, {digest for triplet in triplets for digest in triplet})
    rows = [
        [paths[digest] for digest in triplet]
        for triplet in triplets
        if all(digest in paths for digest in triplet)
    ]
    try:
        write_atomically(path, lambda temporary: _write(temporary, rows))
    except OSError as error:
        raise TeachingError(
            f"{path} cannot be written ({error.strerror}): choose another place for it"
        ) from error
    return len(rows)


# Reading


def _rows(path: Path) -> tuple[list[_Row], list[tuple[int, str]]]:
    """The three cells of every line that has them, and the lines that have not, with what is wrong."""
    data = _data(path)
    text = io.TextIOWrapper(
        io.BytesIO(data), encoding="utf-8-sig", newline=""
    )  # less than a whole text takes
    reader = csv.reader(_not_too_long(text, path), strict=True)
    rows: list[_Row] = []
    faulty: list[tuple[int, str]] = []
    header: list[str] | None = None
    for number, cells in enumerate(_lines(reader, path)):
        if number > MAX_ROWS:
            raise TeachingError(f"{path} has over {MAX_ROWS:,} lines: divide it into several files")
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _checked_header(cells, path)
            continue
        row = dict(zip(header, cells, strict=False))
        if len(cells) > len(header):
            faulty.append((reader.line_num, f"{len(cells)} cells for {len(header)} columns: quote paths"))
        elif not all(row.get(name, "").strip() for name in COLUMNS):
            faulty.append((reader.line_num, "a photo is missing"))
        else:
            rows.append((reader.line_num, tuple(row[name] for name in COLUMNS)))
    if header is None:
        raise TeachingError(f"{path} is empty: it needs the columns {','.join(COLUMNS)}")
    return rows, faulty


def _data(path: Path) -> bytes:
    try:
        if not path.exists():
            raise TeachingError(f"{path} does not exist: name a CSV file of answers")
        if not path.is_file():  # a pipe would be waited for
            raise TeachingError(f"{path} is no file: name a CSV file of answers")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise TeachingError(f"{path} cannot be read ({error.strerror}): check its permissions") from error
    if len(data) > MAX_BYTES:
        raise TeachingError(f"{path} is too large for answers (over {MAX_BYTES >> 20} MiB)")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TeachingError(f"{path} is not UTF-8 text: save it as CSV in UTF-8") from None
    if "\0" in text:
        raise TeachingError(f"{path} is no text: name a CSV file of answers")
    _check_separator(text, path)
    return data


def _check_separator(text: str, path: Path) -> None:
    first = text[:MAX_CELL].lstrip().split("\n", 1)[0]
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if separator in first and "," not in first:
            raise TeachingError(f"{path} is separated by {name}: save it with commas")


def _not_too_long(lines: Iterable[str], path: Path) -> Iterator[str]:
    """A line of nothing but commas would become very many cells."""
    for line in lines:
        if len(line) > _MAX_LINE:
            raise TeachingError(f"{path} is no CSV of paths: one line has over {_MAX_LINE} characters")
        yield line


def _lines(reader: Iterable[list[str]], path: Path) -> Iterator[list[str]]:
    lines = iter(reader)
    while True:
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            line = getattr(reader, "line_num", 0)
            raise TeachingError(f"{path} is no sound CSV ({error}, line {line}): mend that line") from None
        if any(len(cell) > MAX_CELL for cell in cells):
            raise TeachingError(f"{path} is no CSV of paths: one cell has over {MAX_CELL} characters")
        yield cells


def _checked_header(cells: list[str], path: Path) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    if any(names.count(name) != 1 for name in COLUMNS):
        raise TeachingError(f"{path} lacks its first line: it names the columns {','.join(COLUMNS)}")
    return names


def _known(cells: Iterable[str], places: _Places, catalog: Catalog) -> dict[str, bytes]:
    """Content hashes of those of the cells that name photos of the library."""
    known: dict[str, bytes] = {}
    real: dict[str, str] = {}
    left = iter(cells)
    while some := list(islice(left, _AT_ONCE)):
        meant = {cell: places.of(cell) for cell in some}
        found = catalog.hashes_by_path({place for each in meant.values() for place in each})
        # A folder may be in the library by another name of it.
        lacking = [cell for cell, each in meant.items() if found.keys().isdisjoint(each)]
        for cell in lacking:
            meant[cell] = [other for place in meant[cell] if (other := _other_name(place, real)) is not None]
        found |= catalog.hashes_by_path({place for cell in lacking for place in meant[cell]})
        for cell, each in meant.items():
            digest = next((found[place] for place in each if place in found), None)
            if digest is not None:
                known[cell] = digest
    return known


class _Places:
    """Where a cell may mean: as it is written, or without the space around it; beside the file, or here."""

    def __init__(self, path: Path) -> None:
        self._folders = dict.fromkeys((os.path.dirname(os.path.abspath(path)), os.getcwd()))

    def of(self, cell: str) -> list[str]:
        places: dict[str, None] = {}
        for text in dict.fromkeys((cell, cell.strip())):
            # Other users' homes are not asked for: each is a question to the system, or to another machine.
            if text == "~" or text.startswith(("~/", "~" + os.sep)):
                text = os.path.expanduser(text)
            for folder in self._folders:
                places[os.path.normpath(os.path.join(folder, text))] = None
        return list(places)


def _other_name(place: str, real: dict[str, str]) -> str | None:
    """A place with its folder's real path; None where that is the same, or not among the first _FOLDERS.

    `real` keeps those that have been asked for.
    """
    if _is_remote(place):
        return None
    folder, name = os.path.split(place)
    if folder not in real:
        if len(real) >= _FOLDERS:
            return None
        real[folder] = os.path.realpath(folder)
    return None if real[folder] == folder else os.path.join(real[folder], name)


def _exists(places: Iterable[str]) -> bool:
    return any(os.path.isfile(place) for place in places if not _is_remote(place))


def _is_remote(place: str) -> bool:
    """Whether Windows would ask another machine: somebody else's file must not make it call home."""
    return place.startswith(("\\\\", "//"))


# Writing


def _paths(catalog: Catalog, hashes: set[bytes]) -> dict[bytes, str]:
    """Where photos lie, by content hash."""
    ids = sorted(catalog.ids_by_hash(hashes).values())
    found = {}
    for start in range(0, len(ids), _AT_ONCE):
        for photo in catalog.photos(ids[start : start + _AT_ONCE]).values():
            found[photo.content_hash] = photo.path
    return found


def _write(path: Path, rows: list[list[str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
