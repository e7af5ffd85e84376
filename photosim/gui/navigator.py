"""What the grid shows and how one gets there: views, their history, sorting, filtering and cutting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QObject, Signal

from photosim.gui.catalog_feed import CatalogFeed, Snapshot
from photosim.gui.grid import PhotoGrid
from photosim.gui.grid_drag import Lift, lifted
from photosim.gui.grid_header import GridHeader
from photosim.gui.history import History, Visit
from photosim.gui.nothing_note import Nothing
from photosim.gui.photo_list import BEST, NEWEST, PhotoList
from photosim.gui.query_bar import QueryBar, count_from, least_shown
from photosim.gui.query_runner import Answer, QueryRunner
from photosim.gui.query_strip import StripItem
from photosim.gui.ranking_answers import Ranked
from photosim.gui.tasks import Task, TaskRunner
from photosim.gui.views import FAILURES, FOLDER, OFFLINE, Browse, QueryItem, Similar, View
from photosim.library import Library
from photosim.search.searcher import GRAPH_FIRST, Ranking

Ids = npt.NDArray[np.int64]
Similarities = npt.NDArray[np.float32]
NOTHING: Ids = np.empty(0, dtype=np.int64)


class Navigator(QObject):
    """Shows views in the grid, its header and the query bar. A query becomes a view once it is answered."""

    left = Signal()
    """The user goes on to another query or place: what was said of the one before is out of date."""
    opened = Signal(object)
    """View: it is what the window is about from now on; its photos may still be on their way."""
    shown = Signal(object)
    """View: its photos are in the grid."""
    nothing_shown = Signal(object)
    """Nothing: why the view shown has no photos; None: it has some."""
    all_counted = Signal(int)
    """The whole library is in the grid: so many photos."""
    history_changed = Signal()
    problem = Signal(str)
    """A query that could not be answered, or not for all of its photos: one line."""

    def __init__(
        self,
        library: Library,
        tasks: TaskRunner,
        feed: CatalogFeed,
        runner: QueryRunner,
        grid: PhotoGrid,
        header: GridHeader,
        bar: QueryBar,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._library, self._tasks, self._feed, self._runner = library, tasks, feed, runner
        self._grid, self._header, self._bar = grid, header, bar
        self.history = History()
        self.sort = NEWEST
        self.focus = library.card.focus
        self.exact_first = False
        self._ranked_sort = BEST
        self._words = ""
        self._cut: float | None = None
        self._asked: Similar | None = None
        self._asked_as_step = True
        self._answer: Answer | None = None
        self._listing: Task | None = None
        self._listed: tuple[Ids, Similarities | None] = (NOTHING, None)
        # What each move changed of the list: from which row on, and what stood there before.
        self._unmoved: list[tuple[int, Ids, Similarities]] = []
        self._restoring: Visit | None = None
        self._scanning = False
        runner.answered.connect(self._answered)
        runner.verified.connect(self._verified)
        feed.changed.connect(self._library_read)

    # Going somewhere

    @property
    def view(self) -> View | None:
        """What the window shows, or is about to show."""
        if self._asked is not None:
            return self._asked
        return self._current_view

    @property
    def _current_view(self) -> View | None:
        return None if self.history.current is None else self.history.current.view

    @property
    def query(self) -> Similar | None:
        """The query shown or just asked, None while browsing."""
        view = self.view
        return view if isinstance(view, Similar) else None

    def go(self, view: View) -> None:
        """Show a view as a step of its own: back leads to where one was."""
        if self.history.current is not None:
            self.left.emit()
        if isinstance(view, Similar):
            self._ask(view, as_step=True)
        elif self._asked is not None or view != self.view:
            self._drop_question()
            self._leave()
            self.history.visit(view)
            self._open(view, None)

    def find(self, items: tuple[QueryItem, ...]) -> None:
        """A new query of the whole library: the filter that found its photos goes, the cut stays."""
        if items:
            if self._words:
                self._words = ""
                self._header.show_filter("")
            self.go(Similar(items, self._cut))

    def add(self, items: tuple[QueryItem, ...]) -> None:
        """Add photos to the query, or begin one with them."""
        query = self.query
        if query is None or not items:
            self.find(items)
        else:
            self.go(query.with_items(items))

    def remove(self, place: int) -> None:
        """Take a photo out of the query; without its last one the library is shown again."""
        query = self.query
        if query is None:
            return
        left = query.without(place)
        self.go(left if left.items else Browse())

    def toggle(self, place: int) -> None:
        if self.query is not None:
            self.go(self.query.toggled(place))

    def go_back(self) -> None:
        self._walk(self.history.back)

    def go_forward(self) -> None:
        self._walk(self.history.forward)

    # How it is shown

    def set_focus(self, focus: float) -> None:
        """From 0 (same kind) to 1 (same thing): ranks anew."""
        self.focus = focus
        query = self.query
        if query is not None:
            self._ask(query, as_step=False)

    def use_model(self, focus: float) -> None:
        """Another model answers, which has a focus of its own: ranks anew, with its embeddings."""
        self._runner.library_changed()
        self.set_focus(focus)

    def set_cut(self, cut: float | None) -> None:
        """Show photos of at least this similarity; at once, for nothing is searched anew."""
        self._cut = cut
        if self._asked is not None:
            self._asked = replace(self._asked, cut=cut)
        elif self.query is not None:
            self.history.amend(replace(self.query, cut=cut))
            self._show_cut()

    def set_exact_first(self, on: bool) -> None:
        """Put photos first that show the very same thing as the query: compared point by point when asked."""
        self.exact_first = on
        if self.query is None or self._asked is not None or self._answer is None:
            return
        if on:
            self._runner.verify(self._answer)
        else:
            self._runner.stop_verifying()
        self._list()

    def matching_points(self, photo_id: int) -> int:
        """How many points of a photo agree with the query; 0 where none were looked for or found."""
        if not self.exact_first or self._answer is None:
            return 0
        return self._answer.inliers.get(photo_id, 0)

    def set_sort(self, sort: str) -> None:
        if sort == BEST or isinstance(self._current_view, Similar):
            self._ranked_sort = sort
        else:
            self.sort = sort
            self._feed.prepare_for(sort)
        self._list()

    def set_filter(self, words: str) -> None:
        self._words = words
        self._list()

    # The ranking as the user sees it, and moves it about

    @property
    def ranked(self) -> Ranked | None:
        """What is shown, where that is a ranking in its order for a query that begins with a photo of the
        library; None for all else."""
        view, query, answer = self._current_view, self.query, self._answer
        if not isinstance(view, Similar) or query is None or answer is None or answer.ranking is None:
            return None
        anchor = view.more[0].whole_photo if view.more else None
        if anchor is None or self._ranked_sort != BEST or self._restoring is not None:
            return None
        if not query.more or query.more[0].whole_photo != anchor:
            return None  # another query is on its way
        more = tuple(item.whole_photo for item in query.more if item.whole_photo is not None)
        less = tuple(item.whole_photo for item in query.less if item.whole_photo is not None)
        matches = answer.inliers if self.exact_first else {}
        found = frozenset(photo_id for photo_id, inliers in matches.items() if inliers)
        return Ranked(anchor, self._grid.shown_ids(), more, less, found)

    def move_up(self, up: Lift) -> None:
        """Show photos of the ranking further up, until it is ranked or arranged again."""
        ids, similarity = self._listed
        if similarity is None:
            return
        order = lifted(ids, up)
        changed = np.flatnonzero(order != np.arange(len(order)))
        if not len(changed):
            return
        rows = slice(int(changed[0]), int(changed[-1]) + 1)
        self._unmoved.append((rows.start, ids[rows].copy(), similarity[rows].copy()))
        self._listed = (ids[order], similarity[order])
        self._show_cut()

    def take_back_move(self) -> None:
        """Show the ranking as it was before the last move, where that is still known."""
        ids, similarity = self._listed
        if not self._unmoved or similarity is None:
            return
        start, ids_before, similarity_before = self._unmoved.pop()
        rows = slice(start, start + len(ids_before))
        ids, similarity = ids.copy(), similarity.copy()
        ids[rows], similarity[rows] = ids_before, similarity_before
        self._listed = (ids, similarity)
        self._show_cut()

    # What comes from outside

    def set_scanning(self, scanning: bool) -> None:
        """While a scan runs, photos are added at the end; after it they are put in order."""
        self._scanning = scanning

    def add_found(self, ids: list[int]) -> None:
        """Photos that a scan just found."""
        self._runner.library_changed()
        if self._shows_all:
            self._grid.append_photos(ids)
            self._say()

    @property
    def _shows_all(self) -> bool:
        return self.view == Browse() and not self._words.strip()

    def tell_all_count(self) -> None:
        """Emit `all_counted` again where the grid shows the whole library."""
        if self._shows_all and self._restoring is None:
            self.all_counted.emit(len(self._grid.shown_ids()))

    def reload(self) -> None:
        """Show the present view with what the catalog and the searcher know by now."""
        self._runner.library_changed()
        self._feed.read()

    def _library_read(self, snapshot: Snapshot) -> None:
        self._grid.set_table(snapshot.photos.table)
        if self.query is None:
            self._list()
        elif self._asked is None:
            at_top = self._grid.verticalScrollBar().value() == 0 and not self._grid.selected_ids()
            if at_top or not self._scanning:
                self._ask(self.query, as_step=False)

    # Queries

    def _ask(self, query: Similar, as_step: bool) -> None:
        # A change of the dial while a new query is on its way belongs to that query.
        self._asked_as_step = as_step or (self._asked is not None and self._asked_as_step)
        self._asked = query
        self._show_items(query.items)
        self._runner.ask(query.items, self.focus)

    def _drop_question(self) -> None:
        self._asked = None
        self._runner.cancel()

    def _answered(self, answer: Answer) -> None:
        asked, self._asked = self._asked, None
        if asked is None:
            return
        for problem in answer.problems:
            self.problem.emit(problem)
        if answer.ranking is None:
            query = self.query
            self._show_items(query.items if query is not None else ())
            if self.history.current is None:
                self.go(Browse())
            return
        view = replace(asked, items=answer.items)
        before, self._answer = self._answer, answer
        if self.exact_first:
            self._runner.verify(answer)
        if self._asked_as_step or self.history.current is None:
            self._leave()
            self.history.visit(view)
            self._open(view, None)
        else:
            self.history.amend(view)
            self._show_items(view.items)
            # Asked again because something else in the catalog has changed: what was moved stays there.
            if not self._unmoved or not _same_order(before, answer):
                self._list()

    def _verified(self, answer: Answer) -> None:
        for problem in answer.problems:
            self.problem.emit(problem)
        self._answer = answer
        self._list()

    @property
    def _ranking(self) -> Ranking | None:
        """In the order that is wanted, as far as it is known."""
        if self._answer is None:
            return None
        if self.exact_first and self._answer.matched is not None:
            return self._answer.matched
        return self._answer.ranking

    @property
    def _descending(self) -> bool:
        """Whether the list falls in similarity from its first photo to its last."""
        as_ranked = self._answer is None or self._ranking is self._answer.ranking
        return self._ranked_sort == BEST and as_ranked and not self._unmoved

    # Views

    def _walk(self, step: Callable[[], Visit | None]) -> None:
        self._drop_question()
        self._leave()
        visit = step()
        if visit is None:
            return
        self.left.emit()
        self._answer = None
        self._open(visit.view, visit)
        if isinstance(visit.view, Similar):
            self._cut = visit.view.cut
            self._ask(visit.view, as_step=False)

    def _leave(self) -> None:
        if self.history.current is None or self._restoring is not None:
            return
        selected = self._grid.selected_ids()
        self.history.leave(
            self._grid.verticalScrollBar().value(),
            self._grid.current_id(),
            tuple(selected) if len(selected) <= 1000 else (),
        )

    def _open(self, view: View, visit: Visit | None) -> None:
        self._restoring = visit or Visit(view)
        self._show_items(view.items if isinstance(view, Similar) else ())
        self.history_changed.emit()
        self.opened.emit(view)
        if isinstance(view, Browse):
            self._answer = None
            self._bar.set_ranking(None)
        self._list()

    def _show_items(self, items: tuple[QueryItem, ...]) -> None:
        self._bar.strip.set_items([StripItem(item.name, item.less, item.thumbnail) for item in items])

    # The list of the present view

    def _list(self) -> None:
        """Sort and filter in a thread, then show; a ranking as it is takes no thread."""
        if self._listing is not None:
            self._listing.cancel()
            self._listing = None
        view = self._current_view
        ranked = isinstance(view, Similar)
        sort, words = self._ranked_sort if ranked else self.sort, self._words
        self._header.set_sort(sort, ranked)
        if view is None or (isinstance(view, Browse) and view.place == FAILURES):
            return
        snapshot = self._feed.snapshot
        if isinstance(view, Similar):
            ranking = self._ranking
            if ranking is None:
                return
            if (sort == BEST and not words.strip()) or snapshot is None:
                self._show_list(ranking.ids, ranking.similarity)
                return
            photos = snapshot.photos
            self._listing = self._tasks.run(
                lambda: sort_ranking(photos, ranking, sort, words),
                lambda listed: self._show_list(*listed),
                pool="list",
            )
        elif snapshot is not None:
            browse = view
            self._listing = self._tasks.run(
                lambda: list_place(self._library, snapshot, browse, sort, words),
                lambda ids: self._show_list(ids, None),
                pool="list",
            )

    def _show_list(self, ids: Ids, similarity: Similarities | None) -> None:
        self._listing = None
        self._listed = (ids, similarity)
        self._unmoved = []
        if similarity is not None:
            query = self.query
            descending = similarity if self._descending else np.sort(similarity)[::-1]
            self._bar.set_ranking(descending, query.cut if query is not None else None)
            self._show_cut()
            return
        if self._scanning and self._restoring is None and not self._words:
            self._grid.append_photos(ids[~np.isin(ids, self._grid.shown_ids())].tolist())
        else:
            self._grid.show_photos(ids)
        self._now_shown()

    def _show_cut(self) -> None:
        """Show of the listed ranking what the cut leaves."""
        ids, similarity = self._listed
        if similarity is None or self._answer is None:
            return
        cut = self._bar.cut_value
        if self._descending:
            count = count_from(similarity, cut)
            ids, similarity = ids[:count], similarity[:count]
        elif cut is not None:
            left = similarity >= least_shown(cut)
            ids, similarity = ids[left], similarity[left]
        self._grid.show_photos(ids, similarity, self._answer.query_ids)
        self._now_shown()

    def _now_shown(self) -> None:
        visit, self._restoring = self._restoring, None
        if visit is not None:
            self._restore(visit)
        self._say()
        self.shown.emit(self.view)

    def _restore(self, visit: Visit) -> None:
        """Bring back how a view was left; a new one starts at its top."""
        if visit.photo_id is not None:
            self._grid.select_id(visit.photo_id)
        elif isinstance(visit.view, Similar) or visit.selected:
            self._grid.clearSelection()
        if len(visit.selected) > 1:
            chosen = QItemSelection()
            model = self._grid.model()
            for photo_id in visit.selected:
                row = self._grid.position_of(photo_id)
                if row is not None:
                    chosen.select(model.index(row, 0), model.index(row, 0))
            self._grid.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._grid.verticalScrollBar().setValue(visit.scroll)

    # Words

    def _say(self) -> None:
        count = len(self._grid.shown_ids())
        photos = (
            self.tr("1 photo")
            if count == 1
            else self.tr("{count} photos").format(count=self._grid.locale().toString(count))
        )
        view = self._current_view
        words = self._words.strip()
        detail = self.tr(" with “{words}”").format(words=words) if words else ""
        if isinstance(view, Similar):
            title = self.tr("{photos} like {names}").format(photos=photos, names=self._names(view.more))
            if view.less:
                detail = self.tr(", less like {names}").format(names=self._names(view.less)) + detail
            self._header.say(title, *self._with_method(detail + self._about_matches()))
        elif view is not None:
            place = self._place(view)
            self._header.say(photos, (self.tr(" in {place}").format(place=place) if place else "") + detail)
        self.tell_all_count()
        self.nothing_shown.emit(None if count or view is None else self._why_nothing(view))

    def _about_matches(self) -> str:
        if not self.exact_first or self._answer is None or self._ranked_sort != BEST:
            return ""
        if self._runner.verifying:
            return self.tr(" · looking for exact matches…")
        if not self._answer.verified:
            return ""
        matches = sum(
            inliers > 0 and photo_id not in self._answer.query_ids
            for photo_id, inliers in self._answer.inliers.items()
        )
        if matches == 0:
            return self.tr(" · no exact match")
        if matches == 1:
            return self.tr(" · 1 exact match")
        return self.tr(" · {count} exact matches").format(count=self._grid.locale().toString(matches))

    def _with_method(self, detail: str) -> tuple[str, str]:
        ranking = self._answer.ranking if self._answer is not None else None
        if ranking is None or ranking.method != "graph":
            return detail, ""  # all photos were compared, as everybody expects
        first = self._grid.locale().toString(GRAPH_FIRST)
        return (
            detail + self.tr(" · the nearest {count}, approximately").format(count=first),
            self.tr("In a library this large the index finds the nearest photos, nearly all of them."),
        )

    def _why_nothing(self, view: View) -> Nothing:
        ids, similarity = self._listed
        if similarity is not None and len(ids):
            return Nothing(self.tr("No photo is that similar"), self.tr("Move the similarity slider left."))
        words = self._words.strip()
        if words:
            return Nothing(self.tr("Nothing matches “{words}”").format(words=words), filtered=True)
        if isinstance(view, Browse) and view.place == OFFLINE:
            return Nothing(
                self.tr("No photo is offline"),
                self.tr("Photos on drives that are not connected are listed here."),
            )
        if self._scanning:
            return Nothing(self.tr("No photos yet"), self.tr("They appear here as they are read."))
        if isinstance(view, Browse) and view.place == FOLDER:
            return Nothing(self.tr("No photos in this folder"))
        return Nothing(self.tr("No photos in the library’s folders"))

    def _names(self, items: tuple[QueryItem, ...]) -> str:
        names = []
        for item in items[:3]:
            name = item.name or self.tr("a picture")
            names.append(self.tr("a part of {name}").format(name=name) if item.region is not None else name)
        if len(items) > len(names):
            names.append(self.tr("{count} more").format(count=len(items) - len(names)))
        return self.tr(" and ").join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]

    def _place(self, view: Browse) -> str:
        if view.place == FOLDER:
            return view.folder
        return self.tr("folders that are not connected") if view.place == OFFLINE else ""


def _same_order(one: Answer | None, other: Answer) -> bool:
    if one is None or one.ranking is None or other.ranking is None:
        return False
    return np.array_equal(one.ranking.ids, other.ranking.ids)


def list_place(library: Library, snapshot: Snapshot, view: Browse, sort: str, words: str) -> Ids:
    """The photos of a place, sorted and filtered: int64 [N]."""
    photos = snapshot.photos
    if view.place == FOLDER:
        folder = snapshot.folder(view.folder)
        ids = library.catalog.shown_ids(folder.id) if folder is not None else NOTHING
        rows = photos.rows_of(ids)
    elif view.place == OFFLINE:
        rows = np.flatnonzero(photos.table.offline)
    else:
        rows = np.arange(len(photos.table.ids))
    found: Ids = photos.table.ids[photos.arrange(rows, sort, words)]
    return found


def sort_ranking(photos: PhotoList, ranking: Ranking, sort: str, words: str) -> tuple[Ids, Similarities]:
    """A ranking in another order, and filtered: ids int64 [N], their similarity float32 [N]."""
    rows = photos.rows_of(ranking.ids)
    known = np.isin(ranking.ids, photos.table.ids)
    by_row = np.zeros(len(photos.table.ids), dtype=np.float32)
    by_row[rows] = ranking.similarity[known]
    arranged = photos.arrange(rows, sort, words)
    return photos.table.ids[arranged], by_row[arranged]
