"""Answers that come from the grid: photos of a ranking marked more or less like the query, or moved up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from photosim.catalog import Catalog
from photosim.errors import PhotosimError
from photosim.gui.grid import PhotoGrid
from photosim.gui.grid_drag import Lift
from photosim.gui.navigator import Navigator
from photosim.gui.photo_actions import PhotoActions
from photosim.gui.ranking_answers import (
    Comparison,
    Content,
    Ranked,
    marked_less,
    marked_more,
    moved_up,
    photos_of,
    triplets,
)
from photosim.gui.tasks import TaskRunner
from photosim.imaging.phash import NEAR_COPY_BITS

POOL = "answers"
UNDOABLE = 200


@dataclass(frozen=True)
class Kept:
    """Answers just saved, by their ids, and how many usable ones the catalog has now.

    `known` counts those that had been given before.
    """

    ids: tuple[int, ...]
    known: int
    total: int
    moved: bool


class GridAnswers(QObject):
    """Turns what the user says of a ranking into answers, tells of each, and takes it back when asked to.

    Only in a ranking in its own order whose query begins with a photo of the library, which is the anchor.
    """

    said = Signal(str)
    """A line about what was kept, or taken back."""
    kept = Signal(str)
    """A line about what `undo` takes back: answers, or a move that was none."""
    failed = Signal(str)
    undoable = Signal(bool)
    movable = Signal(bool)
    """Photos can be moved up in what is shown."""

    def __init__(
        self,
        catalog: Catalog,
        tasks: TaskRunner,
        navigator: Navigator,
        grid: PhotoGrid,
        photo_actions: PhotoActions,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._catalog, self._tasks = catalog, tasks
        self._navigator, self._grid = navigator, grid
        self._done: list[Kept] = []
        photo_actions.marking.connect(self._marked)
        grid.moved_up.connect(self._moved)
        navigator.shown.connect(lambda _: self._look())
        navigator.opened.connect(lambda _: self._look())

    def undo(self) -> None:
        """Take back the answers that were kept last in this window, and the move that made them."""
        if not self._done:
            return
        last = self._done.pop()
        self.undoable.emit(bool(self._done))
        if last.moved:
            self._navigator.take_back_move()
        if not last.ids:
            self.said.emit(self.tr("Moved back"))
            return
        # What was marked has become part of the query: a step of its own, which may not be the last any more.
        query_stays = "" if last.moved else self.tr("; the query stays as it is, Back undoes that")

        def gone(total: int) -> None:
            self.said.emit(
                (
                    self.tr("Answer taken back ({total} left)").format(total=self._number(total))
                    if len(last.ids) == 1
                    else self.tr("{count} answers taken back ({total} left)").format(
                        count=self._number(len(last.ids)), total=self._number(total)
                    )
                )
                + query_stays
            )

        self._tasks.run(lambda: forget(self._catalog, last.ids), gone, self._not_undone(last), pool=POOL)

    def _not_undone(self, last: Kept) -> Callable[[Exception], None]:
        def failed(error: Exception) -> None:
            self._report(error)
            self._done.append(last)  # to be tried again
            self.undoable.emit(True)

        return failed

    def close(self) -> None:
        """Wait until what was said has been saved."""
        self._tasks.finish(POOL)

    def _look(self) -> None:
        movable = self._navigator.ranked is not None
        self._grid.set_movable(movable)
        self.movable.emit(movable)

    def _marked(self, photos: list[int], less: bool) -> None:
        ranked = self._navigator.ranked
        if ranked is not None:
            found = marked_less(ranked, photos) if less else marked_more(ranked, photos)
            self._keep(ranked, found, moved=False)

    def _moved(self, up: Lift) -> None:
        ranked = self._navigator.ranked
        if ranked is None:
            return
        found = moved_up(ranked, up.photos, up.before)
        self._navigator.move_up(up)
        self._keep(ranked, found, moved=True)

    def _keep(self, ranked: Ranked, comparisons: Sequence[Comparison], moved: bool) -> None:
        if not comparisons and not moved:
            return
        self._tasks.run(
            lambda: keep(self._catalog, ranked.anchor, comparisons, "drag" if moved else "grid", moved),
            self._kept,
            lambda error: self._not_kept(error, moved),
            pool=POOL,
        )

    def _not_kept(self, error: Exception, moved: bool) -> None:
        if moved:
            self._navigator.take_back_move()
        self._report(error)

    def _report(self, error: Exception) -> None:
        if not isinstance(error, PhotosimError):
            raise error
        self.failed.emit(str(error))

    def _kept(self, kept: Kept) -> None:
        if kept.ids or kept.moved:
            self._done = [*self._done, kept][-UNDOABLE:]
            self.undoable.emit(True)
            self.kept.emit(self._line(kept))
        elif kept.known:
            self.said.emit(self._line(kept))

    def _line(self, kept: Kept) -> str:
        total = self._number(kept.total)
        if len(kept.ids) > 1:
            return self.tr("Kept as {count} answers too ({total} so far)").format(
                count=self._number(len(kept.ids)), total=total
            )
        if kept.ids and kept.moved:
            return self.tr("Moved up for now, and kept as an answer ({total} so far)").format(total=total)
        if kept.ids:
            return self.tr("Kept as an answer too ({total} so far)").format(total=total)
        if kept.known:
            return self.tr("That answer is kept already ({total} so far)").format(total=total)
        return self.tr("Moved up for now; copies of one photo are no answer")

    def _number(self, number: int) -> str:
        return self._grid.locale().toString(number)


def keep(
    catalog: Catalog, anchor: int, comparisons: Sequence[Comparison], source: str, moved: bool = False
) -> Kept:
    """Save what comparisons with an anchor say, except about copies: all of it or, on an error, nothing.

    Raises LibraryError. Not for the GUI's thread: the answers are on the disk when it returns.
    """
    ids = photos_of(anchor, comparisons)
    phashes = catalog.phashes(ids)
    contents = {
        photo_id: Content(photo.content_hash, phashes[photo_id])
        for photo_id, photo in catalog.photos(ids).items()
        if photo_id in phashes
    }
    answers = catalog.answers
    said = triplets(anchor, comparisons, contents, NEAR_COPY_BITS)
    new = answers.add_many(said, source) if said else []
    return Kept(tuple(answer.id for answer in new), len(said) - len(new), answers.counts().usable, moved)


def forget(catalog: Catalog, answer_ids: Sequence[int]) -> int:
    """Take answers back; returns how many usable ones are left."""
    for answer_id in answer_ids:
        catalog.answers.remove(answer_id)
    return catalog.answers.counts().usable
