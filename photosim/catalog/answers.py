"""What a user answered: of an anchor and two photos, which is more like the anchor, or neither."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from photosim.catalog.database import Database
from photosim.errors import TeachingError

SOURCES = ("question", "grid", "drag", "file")
KEPT_BACK_SHARE = 0.2

# No anchor is more likely kept back than not: what lacks is not made up by all that come next in a row.
_AT_MOST = 0.5
# Sources whose answers come many to an anchor, a photo that was looked for; how many at least to expect.
_OF_QUERIES = ("grid", "drag")
_EXPECTED = 5

Triplet = tuple[bytes, bytes, bytes]

_KNOWN = "(SELECT count(*) FROM photos WHERE content_hash IN (answers.anchor, positive, negative)) = 3"
_COLUMNS = (
    "id, answers.anchor, positive, negative, neither, source, coalesce(kept_back, 0), answered_at"
    " FROM answers LEFT JOIN answer_sides ON answer_sides.anchor = answers.anchor"
)
_ONE = f"SELECT {_COLUMNS} WHERE answers.anchor = ? AND positive = ? AND negative = ? AND neither = ?"


@dataclass(frozen=True)
class Answer:
    """One answer, its photos by their content hashes: the anchor is more like `positive` than `negative`.

    With `neither`, it is like neither of the two, which stand in no particular order. What is `kept_back`
    is never trained on. `answered_at` is ISO 8601 in UTC.
    """

    id: int
    anchor: bytes
    positive: bytes
    negative: bytes
    neither: bool
    source: str
    kept_back: bool
    answered_at: str

    @property
    def triplet(self) -> Triplet:
        return self.anchor, self.positive, self.negative


@dataclass(frozen=True)
class AnswerCounts:
    """How many answers there are: `usable` + `neither` + `gone` is all of them.

    `gone` are those about a photo that the catalog does not know (any more). `kept_back` and `contradicting`
    (an answer whose opposite was given as well; both are kept) are parts of `usable`.
    """

    usable: int
    neither: int
    kept_back: int
    contradicting: int
    gone: int


class Answers:
    """The answers in a catalog. They are about contents: folders may be renamed, removed and added again.

    About a fifth of the answers is kept back, by anchor: the side of an anchor is drawn with its first answer
    and stays for ever, also when its answers go, because a model may have been trained on them. An anchor
    that gets many more answers later moves the share, then: those that come after it make up for that.

    Every method may be called from any thread, and raises LibraryError where the catalog cannot be read or
    written; a change is on the disk when its method returns.
    """

    def __init__(self, database: Database, generator: random.Random | None = None) -> None:
        self._database = database
        self._random = generator or random.Random()

    def add(
        self, anchor: bytes, positive: bytes, negative: bytes, *, source: str, neither: bool = False
    ) -> Answer:
        """Save an answer and return it; the same answer given before is returned in its place.

        Raises TeachingError unless they are three different photos.
        """
        triplet = _checked((anchor, positive, negative), neither, source)
        with self._database.writing_through() as connection:
            known = connection.execute(_ONE, (*triplet, neither)).fetchone()
            if known is not None:
                return _answer(known)
            self._insert(connection, [triplet], neither, source)
            return _answer(connection.execute(_ONE, (*triplet, neither)).fetchone())

    def add_many(self, triplets: Sequence[Triplet], source: str) -> list[Answer]:
        """Save answers, all of them or, on an error, none; returns those that had not been given before.

        Raises TeachingError where one of them is not about three different photos.
        """
        checked = list(dict.fromkeys(_checked(triplet, False, source) for triplet in triplets))
        with self._database.writing_through() as connection:
            known = set(
                connection.execute("SELECT anchor, positive, negative FROM answers WHERE NOT neither")
            )
            (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM answers").fetchone()
            new = [triplet for triplet in checked if triplet not in known]
            self._insert(connection, new, False, source)
            rows = connection.execute(f"SELECT {_COLUMNS} WHERE id > ? ORDER BY id", (last,))
            return [_answer(row) for row in rows]

    def undo(self, source: str | None = None) -> Answer | None:
        """Remove the last answer (of this source) and return it; None where there is none."""
        with self._database.writing_through() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} WHERE source = coalesce(?, source) ORDER BY id DESC LIMIT 1", (source,)
            ).fetchone()
            if row is None:
                return None
            connection.execute("DELETE FROM answers WHERE id = ?", (row[0],))
        return _answer(row)

    def has(self, source: str) -> bool:
        """Whether there is an answer of this source, for `undo` to take back."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT EXISTS (SELECT 1 FROM answers WHERE source = ?)", (source,))
            return bool(row.fetchone()[0])

    def remove(self, answer_id: int) -> None:
        """Remove an answer; one that has gone already is no error."""
        with self._database.writing_through() as connection:
            connection.execute("DELETE FROM answers WHERE id = ?", (answer_id,))

    def clear(self) -> int:
        """Remove all answers; returns how many there were."""
        with self._database.writing_through() as connection:
            return connection.execute("DELETE FROM answers").rowcount

    def all(self) -> list[Answer]:
        """Every answer, also "neither" and those about photos that have gone, the oldest first."""
        with self._database.reading() as connection:
            return [_answer(row) for row in connection.execute(f"SELECT {_COLUMNS} ORDER BY id")]

    def asked(self) -> set[tuple[bytes, frozenset[bytes]]]:
        """The questions that have an answer, "neither" too: each an anchor and the pair it was asked with."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT anchor, positive, negative FROM answers")
            return {(anchor, frozenset(pair)) for anchor, *pair in rows}

    def sides(self) -> dict[bytes, bool]:
        """Every anchor that has a side, and whether that is the kept-back one."""
        with self._database.reading() as connection:
            return _sides(connection)

    def settle(self, sides: Mapping[bytes, bool]) -> None:
        """Give anchors the side on which a model has met them; those that have one keep it."""
        with self._database.writing_through() as connection:
            connection.executemany("INSERT OR IGNORE INTO answer_sides VALUES (?, ?)", sides.items())

    def counts(self) -> AnswerCounts:
        with self._database.reading() as connection:
            row = connection.execute(
                f"""
                WITH seen AS (
                    SELECT answers.anchor, positive, negative, neither, coalesce(kept_back, 0) AS kept_back,
                        {_KNOWN} AS known
                    FROM answers LEFT JOIN answer_sides ON answer_sides.anchor = answers.anchor
                )
                SELECT
                    coalesce(sum(NOT neither AND known), 0),
                    coalesce(sum(neither), 0),
                    coalesce(sum(NOT neither AND known AND kept_back), 0),
                    coalesce(sum(NOT neither AND known AND EXISTS (
                        SELECT 1 FROM answers AS opposite WHERE opposite.anchor = seen.anchor
                            AND opposite.positive = seen.negative AND opposite.negative = seen.positive
                            AND NOT opposite.neither
                    )), 0),
                    coalesce(sum(NOT neither AND NOT known), 0)
                FROM seen
                """
            ).fetchone()
        return AnswerCounts(*row)

    def _insert(
        self, connection: sqlite3.Connection, triplets: Sequence[Triplet], neither: bool, source: str
    ) -> None:
        """Insert answers that are not there yet; anchors that come up with them get their side."""
        if not neither:
            self._draw(connection, Counter(triplet[0] for triplet in triplets), source)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        connection.executemany(
            "INSERT INTO answers (anchor, positive, negative, neither, source, answered_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [(*triplet, neither, source, now) for triplet in triplets],
        )

    def _draw(self, connection: sqlite3.Connection, coming: Mapping[bytes, int], source: str) -> None:
        """Give new anchors their side, by how many answers about each are `coming`.

        It is drawn by chance alone, so that no order of questions decides it, but by a chance that makes up
        for what is lacking: there is about a fifth at nearly any time, not only in the long run.
        """
        sides = _sides(connection)
        usable, kept = connection.execute(
            "SELECT count(*), coalesce(sum(kept_back), 0) FROM answers"
            " JOIN answer_sides ON answer_sides.anchor = answers.anchor WHERE NOT neither"
        ).fetchone()
        usable += sum(coming.values())
        kept += sum(count for anchor, count in coming.items() if sides.get(anchor))
        new = [anchor for anchor in coming if anchor not in sides]
        if source == "file":  # all is known: no chance is needed but that of the order
            self._random.shuffle(new)
            drawn = nearest_fifth({anchor: coming[anchor] for anchor in new}, kept, usable)
        else:
            drawn = set()
            for anchor in new:
                lacking = KEPT_BACK_SHARE * usable - kept
                if self._random.random() < _chance(connection, lacking, coming[anchor], source):
                    drawn.add(anchor)
                    kept += coming[anchor]
        connection.executemany(
            "INSERT INTO answer_sides VALUES (?, ?)", [(anchor, anchor in drawn) for anchor in new]
        )


def nearest_fifth(sizes: Mapping[bytes, int], kept: int, total: int) -> set[bytes]:
    """Of anchors with so many answers each, those to keep back so that about a fifth of `total` is.

    They are gone through in the mapping's order. Each is taken that has no more answers than are still
    lacking, `kept` being kept back anyway; then, of the others, the one with the fewest if that comes nearer
    to a fifth, or if nothing would be kept back and it has no more than half of all answers.
    """
    chosen: set[bytes] = set()
    lacking = KEPT_BACK_SHARE * total - kept
    for anchor, size in sizes.items():
        if size <= lacking:
            chosen.add(anchor)
            lacking -= size
    rest = [anchor for anchor in sizes if anchor not in chosen]
    if rest:
        smallest = min(rest, key=lambda anchor: sizes[anchor])
        alone = not kept and not chosen and 2 * sizes[smallest] <= total
        if sizes[smallest] < 2 * lacking or alone:
            chosen.add(smallest)
    return chosen


def _chance(connection: sqlite3.Connection, lacking: float, coming: int, source: str) -> float:
    """How likely a new anchor is to be kept back, where so many answers are lacking there.

    A photo that was looked for may get many answers, one after the other. It is kept back only where as many
    are lacking as such a photo has got so far: else one long search would leave little to learn from.
    """
    if source not in _OF_QUERIES:
        return min(lacking / coming, _AT_MOST)
    marks = ", ".join("?" * len(_OF_QUERIES))
    answers, anchors = connection.execute(
        f"SELECT count(*), count(DISTINCT anchor) FROM answers WHERE NOT neither AND source IN ({marks})",
        _OF_QUERIES,
    ).fetchone()
    return _AT_MOST if lacking >= max(_EXPECTED, coming, answers / max(anchors, 1)) else 0.0


def _sides(connection: sqlite3.Connection) -> dict[bytes, bool]:
    return {
        anchor: bool(kept_back)
        for anchor, kept_back in connection.execute("SELECT anchor, kept_back FROM answer_sides")
    }


def _checked(triplet: Triplet, neither: bool, source: str) -> Triplet:
    if source not in SOURCES:
        raise ValueError(f"no source of answers: {source}")
    anchor, positive, negative = triplet
    if not all(triplet) or len(set(triplet)) != 3:
        raise TeachingError("an answer is about three different photos: choose others")
    # In one order, so that the same pair is not answered with "neither" twice.
    return (anchor, max(positive, negative), min(positive, negative)) if neither else triplet


def _answer(row: tuple[int, bytes, bytes, bytes, int, str, int, str]) -> Answer:
    answer_id, anchor, positive, negative, neither, source, kept_back, answered_at = row
    return Answer(answer_id, anchor, positive, negative, bool(neither), source, bool(kept_back), answered_at)
