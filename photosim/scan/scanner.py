"""A scan: what has changed on disk, read by the worker, written to the catalog in batches."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from photosim.catalog import (
    Catalog,
    FileFailed,
    FileFound,
    KnownFile,
    NewPhoto,
    Recorded,
    ThumbnailStore,
    TrunkFeatures,
    printable,
)
from photosim.catalog.thumbnails import BYTES_PER_PHOTO
from photosim.engine.messages import FeaturesMade, Job, Outcome, PhotoFailed, PhotoRead
from photosim.engine.scan_engine import ScanEngine
from photosim.errors import PhotosimError
from photosim.library import Library
from photosim.scan.control import ScanControl
from photosim.scan.lock import scan_lock
from photosim.scan.walk import FileSeen, walk

BATCH_FILES = 32
BATCH_SECONDS = 0.5
LOOK_SECONDS = 2.0
_ROW_BYTES = 1_500  # a photo's rows in the catalog beside its features: facts, places, indexes
_RATE_SECONDS = 10.0
_POLL_SECONDS = 0.1

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScanSummary:
    """What a scan did, in files; `seconds` from its start to its end. `finished` is False if cancelled."""

    added: int = 0
    changed: int = 0
    moved: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: int = 0
    seconds: float = 0.0
    finished: bool = True


@dataclass(frozen=True)
class ScanProgress:
    """How far a scan is. `phase` is "walking", "reading", "moving", "indexing" or "done".

    `done` and `total` count the files to be read, `known` those that were read before; while "moving" they
    count photos that are read again because they lack the features of the library's model, `to` being the
    version of the one it moves to, if it does. `new_ids` are photos that came to the library since the last
    progress. `expected_bytes` is the disk space that catalog and thumbnails will take in the end.
    """

    phase: str
    done: int = 0
    total: int = 0
    known: int = 0
    failed: int = 0
    photos_per_second: float = 0.0
    seconds_left: float | None = None
    new_ids: tuple[int, ...] = ()
    expected_bytes: int = 0
    device: str = ""
    note: str | None = None
    paused: bool = False
    to: str | None = None
    summary: ScanSummary | None = None


@dataclass(frozen=True)
class _FileToRead:
    """A file to read. `again`: it has not changed, its photo lacks features."""

    folder_id: int
    root: str
    seen: FileSeen
    known: KnownFile | None
    again: bool = False

    @property
    def path(self) -> str:
        return os.path.join(self.root, self.seen.path)


def scan(library: Library, control: ScanControl, retry_failed: bool = False) -> Iterator[ScanProgress]:
    """Bring the library up to date with its folders; each progress is also a point to stop.

    Folders added meanwhile are scanned too. What has been read is kept whatever happens: closing the
    generator, cancelling, or a crash loses at most the batch on its way. A library on its way to another
    model is brought further there, and the model takes over when all photos have been read for it.

    Raises ScanRunning where another scan is running, LibraryError where the catalog cannot be written.
    """
    with scan_lock(library.folders.scan_lock):
        run = _Scan(library, control)
        library.follow()
        library.keep_model()
        if retry_failed:
            library.catalog.clear_failures()
        yield from run.steps()


class _Scan:
    def __init__(self, library: Library, control: ScanControl) -> None:
        self._library = library
        self._catalog: Catalog = library.catalog
        self._thumbnails: ThumbnailStore = library.thumbnails
        self._control = control
        self._scanned: set[int] = set()
        self._target = library.target_card  # the model for which photos are read again
        self._tried: set[tuple[str, int, str]] = set()  # read again for a trunk, whatever came of it
        self._looked = time.monotonic()  # for folders added while photos are read again
        self._begun = time.monotonic()
        self._sum = ScanSummary()
        self._known = 0
        self._gone: dict[int, int] = {}
        self._progress = ScanProgress("walking")
        self._new_ids: list[int] = []
        self._left: set[int] = set()  # folders that left the library during the scan

    def steps(self) -> Iterator[ScanProgress]:
        try:
            while not self._control.cancelled:
                yield from self._scan_folders()
                yield from self._read_again()
                if self._folder_waits():
                    continue
                yield from self._read_thumbnails()
                yield from self._end_move()
                if self._library.target_card.version == self._target.version:
                    break  # else the user chose another model meanwhile
        finally:
            self._thumbnails.remove_many(self._catalog.forget_old_orphans())
        self._count_removed()
        yield replace(
            self._now("done"),
            summary=replace(
                self._sum,
                seconds=round(time.monotonic() - self._begun, 3),
                finished=not self._control.cancelled,
            ),
        )

    def _scan_folders(self) -> Iterator[ScanProgress]:
        """Read what is new or changed in every folder, those added meanwhile too."""
        while not self._control.cancelled:
            self._catalog.check_online()
            folders = [
                folder
                for folder in self._catalog.folders()
                if folder.online and folder.id not in self._scanned
            ]
            if not folders:
                break
            to_read: list[_FileToRead] = []
            for folder in folders:
                yield from self._compare(folder.id, folder.path, to_read)
            yield from self._read(to_read)
            if not self._control.cancelled:
                for folder in folders:
                    self._catalog.mark_scanned(folder.id)
                    self._scanned.add(folder.id)
                yield from self._index()

    def _folder_waits(self) -> bool:
        return not self._control.cancelled and bool(self._catalog.online_folder_ids() - self._scanned)

    # Comparing with the catalog

    def _compare(self, folder_id: int, root: str, to_read: list[_FileToRead]) -> Iterator[ScanProgress]:
        """Walk one folder; drop what has gone, add what is to be read to `to_read`."""
        known = self._catalog.known_files(folder_id)
        own = frozenset((str(self._library.folders.data), str(self._library.folders.cache)))
        problems: list[FileFailed] = []
        unlisted: list[str] = []
        reported = time.monotonic()
        try:
            for seen in walk(root, own, unlisted):
                if self._control.cancelled:
                    return
                before = known.pop(seen.path, None)
                if seen.problem is not None:
                    path = printable(seen.path)
                    before = before or known.pop(path, None)
                    if before != KnownFile(seen.size, seen.modified_ns, None):
                        problems.append(
                            FileFailed(folder_id, path, seen.size, seen.modified_ns, seen.problem)
                        )
                elif before is None or (before.size, before.modified_ns) != (seen.size, seen.modified_ns):
                    to_read.append(_FileToRead(folder_id, root, seen, before))
                elif before.photo_id is not None:
                    self._count("unchanged")
                    self._known += 1
                if time.monotonic() - reported > _POLL_SECONDS:
                    reported = time.monotonic()
                    self._progress = replace(self._progress, total=len(to_read))
                    yield self._now("walking")
        except OSError as error:
            _log.warning("%s cannot be listed: %s", root, error)  # it went away after it was looked at
            return
        if problems:
            self._catalog.record([], problems)
            self._count("failed", len(problems))
        hidden = tuple(below + os.sep for below in unlisted)
        gone = [path for path in known if not path.startswith(hidden)]
        if gone and not self._still_online(folder_id):
            return  # its drive was unplugged while it was walked: nothing has been deleted
        for photo_id in self._catalog.remove_files(folder_id, gone):
            self._gone[photo_id] = self._gone.get(photo_id, 0) + 1

    def _still_online(self, folder_id: int) -> bool:
        self._catalog.check_online()
        return any(folder.id == folder_id and folder.online for folder in self._catalog.folders())

    # Reading

    def _read(self, to_read: list[_FileToRead]) -> Iterator[ScanProgress]:
        if not to_read or self._control.cancelled:
            return
        self._progress = replace(
            self._progress,
            total=self._progress.done + len(to_read),
            known=self._known,
            expected_bytes=self._expected_bytes(len(to_read)),
        )
        yield self._now("reading")
        yield from self._read_files(to_read)

    def _read_files(self, to_read: Sequence[_FileToRead]) -> Iterator[ScanProgress]:
        """Read files for every model that answers now or next, as far as it lacks them."""
        library = self._library
        with_thumbnail = self._thumbnails.hashes()
        known = {
            card.trunk: self._catalog.hashes_with_features(card.trunk) & with_thumbnail
            for card in library.reading_cards
        }
        files = dict(enumerate(to_read))
        engine = ScanEngine(library.setup_for(*library.reading_cards), known)
        try:
            yield from self._drive(
                engine, self._jobs(files), lambda batch: self._write(batch, files, with_thumbnail)
            )
        finally:
            engine.close()

    def _jobs(self, files: dict[int, _FileToRead]) -> Iterator[Job]:
        for number, file in files.items():
            if file.again:
                if self._folder_added() or self._library.target_card.trunk != self._target.trunk:
                    return  # new photos come first; the rest is still known to be missing
                self._tried.add((self._target.trunk, file.folder_id, file.seen.path))
            if file.folder_id in self._left:
                self._progress = replace(self._progress, done=self._progress.done + 1)
            else:
                yield Job(number, file.path)

    def _folder_added(self) -> bool:
        """Whether a folder waits to be scanned, looked at now and then; the choice of a model as well."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return False
        self._looked = time.monotonic()
        self._library.follow()
        return self._folder_waits()

    def _drive(
        self, engine: ScanEngine, jobs: Iterator[Job], write: Callable[[Sequence[Outcome]], None]
    ) -> Iterator[ScanProgress]:
        """Have all jobs done, and their outcomes written in batches."""
        waiting = True
        batch: list[Outcome] = []
        last_written = time.monotonic()
        rate = _Rate()
        while (waiting or engine.in_flight or batch) and not self._control.cancelled:
            while waiting and engine.room and not self._control.paused:
                job = next(jobs, None)
                if job is None:
                    waiting = False
                else:
                    engine.submit(job)
            if engine.in_flight:
                batch += engine.outcomes(_POLL_SECONDS)
            elif self._control.paused:
                self._control.wait_while_paused(_POLL_SECONDS)
            if engine.ready is not None:
                self._progress = replace(self._progress, device=engine.ready.device, note=engine.ready.note)
            waited = time.monotonic() - last_written > BATCH_SECONDS
            if batch and (len(batch) >= BATCH_FILES or waited or not engine.in_flight):
                write(batch)
                self._progress = replace(self._progress, done=self._progress.done + len(batch))
                rate.count(len(batch), self._control.paused)
                last_written, batch = time.monotonic(), []
                yield self._at_rate(rate)
            elif waited:
                # A sign of life, so that whoever listens can stop the scan here.
                last_written = time.monotonic()
                yield self._at_rate(rate)
        if batch:
            write(batch)
            self._progress = replace(self._progress, done=self._progress.done + len(batch))

    def _write(
        self, batch: Sequence[Outcome], files: dict[int, _FileToRead], with_thumbnail: set[bytes]
    ) -> None:
        """One batch: thumbnails first, so that no photo of the catalog lacks one, then one transaction."""
        found: list[FileFound] = []
        failed: list[FileFailed] = []
        for outcome in batch:
            file = files[outcome.number]
            seen = file.seen
            if file.again:
                self._count("unchanged", -1)  # as which it was counted before it was read
            if isinstance(outcome, PhotoFailed):
                if not os.path.lexists(file.path):
                    continue  # deleted during the scan: no failure, it is simply not there
                failed.append(
                    FileFailed(file.folder_id, seen.path, seen.size, seen.modified_ns, outcome.reason)
                )
                continue
            new = None
            if isinstance(outcome, PhotoRead):
                new = NewPhoto(
                    outcome.content_hash, outcome.facts, outcome.phash, _for_catalog(outcome.features)
                )
            found.append(
                FileFound(file.folder_id, seen.path, seen.size, seen.modified_ns, outcome.content_hash, new)
            )
        made = {item.content_hash: item.thumbnail for item in batch if isinstance(item, PhotoRead)}
        self._thumbnails.put_many((key, jpeg) for key, jpeg in made.items() if key not in with_thumbnail)
        places = {(files[o.number].folder_id, files[o.number].seen.path): files[o.number] for o in batch}
        kept = self._catalog.record(found, failed)
        if len(kept) < len(found):
            self._forget_the_rest(found, kept)
        for recorded in kept:
            before = recorded.photo_id_before
            if before == recorded.photo_id:
                self._count("unchanged")  # touched, not changed
                continue
            self._new_ids.append(recorded.photo_id)
            if self._gone.get(recorded.photo_id, 0):
                self._gone[recorded.photo_id] -= 1
                self._count("moved")
            elif before is not None or places[(recorded.file.folder_id, recorded.file.path)].known:
                self._count("changed")
            else:
                self._count("added")
        self._count("failed", len(failed))

    def _forget_the_rest(self, found: list[FileFound], kept: list[Recorded]) -> None:
        """Their folder was removed from the library meanwhile: read no more of it, keep no thumbnails."""
        lost = {file.content_hash for file in found} - {recorded.file.content_hash for recorded in kept}
        self._thumbnails.remove_many(item for item in lost if self._catalog.photo_by_hash(item) is None)
        self._left |= {file.folder_id for file in found} - {folder.id for folder in self._catalog.folders()}

    # Photos that lack features of the library's model, because it moves to another one

    def _read_again(self) -> Iterator[ScanProgress]:
        """Read them again, those within reach, until they are done or somebody adds a folder."""
        while not self._folder_waits() and not self._control.cancelled:
            self._target = self._library.target_card
            again = self._files_to_read_again()
            if not again:
                break
            self._begin_moving()
            yield self._now("moving")
            yield from self._read_files(again)
            self._catalog.check_online()  # a drive may have been unplugged meanwhile

    def _end_move(self) -> Iterator[ScanProgress]:
        """Let the next model take over when nothing is left to read for it; what the last one left goes."""
        if self._control.cancelled:
            return
        next_card = self._library.next_card
        if next_card is not None and next_card.version == self._target.version and self._within_reach():
            yield self._now("indexing")
            self._library.take_over(self._target)
        elif self._progress.phase == "moving":  # photos were read again, but for the model that answers
            yield from self._index()
        self._library.forget_other_models()

    def _files_to_read_again(self) -> list[_FileToRead]:
        """One file for each photo that lacks features and can be reached, if there is one not tried yet."""
        files: dict[int, _FileToRead] = {}
        for file in self._catalog.files_to_read(self._target.trunk):
            place = (self._target.trunk, file.folder_id, file.path)
            if file.photo_id in files or place in self._tried or file.folder_id in self._left:
                continue
            seen = FileSeen(file.path, file.size, file.modified_ns)
            known = KnownFile(file.size, file.modified_ns, file.photo_id)
            files[file.photo_id] = _FileToRead(file.folder_id, file.root, seen, known, again=True)
        return list(files.values())

    def _begin_moving(self) -> None:
        """Count photos from here on, those that are done from an earlier scan too."""
        share = self._catalog.share_with_features(self._library.target_card.trunk)
        card = self._library.next_card
        self._progress = replace(
            self._progress,
            done=0,
            total=share.total - share.done,
            known=share.done,
            expected_bytes=self._expected_bytes(0),
            seconds_left=None,
            to=None if card is None else card.version,
        )

    def _read_thumbnails(self) -> Iterator[ScanProgress]:
        """Give photos out of reach provisional features, so that they are found until they are back."""
        if self._control.cancelled:
            return
        card = self._target
        lacking = self._catalog.offline_without_features(card.trunk)
        if not lacking:
            return
        thumbnails = self._thumbnails.hashes()
        photos = {photo_id: key for photo_id, key in lacking if key in thumbnails}
        if not photos:
            return
        self._begin_moving()
        yield self._now("moving")

        def jobs() -> Iterator[Job]:
            for photo_id, key in photos.items():
                jpeg = self._thumbnails.get(key)
                if jpeg is not None:
                    yield Job(photo_id, jpeg)

        def write(batch: Sequence[Outcome]) -> None:
            read = [outcome for outcome in batch if isinstance(outcome, PhotoRead)]
            self._catalog.record_provisional(
                (outcome.number, features) for outcome in read for features in _for_catalog(outcome.features)
            )

        engine = ScanEngine(replace(self._library.setup_for(card), skip_known=False), {})
        try:
            yield from self._drive(engine, jobs(), write)
        finally:
            engine.close()

    def _within_reach(self) -> bool:
        """Whether any photo is, so that a model does not take over by thumbnails alone.

        An empty library has nothing to wait for.
        """
        counts = self._catalog.counts()
        return counts.photos == 0 or counts.offline < counts.photos

    def _expected_bytes(self, new: int) -> int:
        """Disk space of the library with `new` photos more: catalog, thumbnails, embeddings and graph."""
        # The rows of a model that goes leave their room to others, but not to the disk.
        features = sum(2 * card.feature_dim for card in self._library.reading_cards)
        dim = sum(self._library.target_card.parts)
        vectors = 2 * 4 * dim + 200  # the cache of embeddings, and the graph with its links
        per_photo = BYTES_PER_PHOTO + _ROW_BYTES + features + vectors
        return (self._catalog.counts().photos + new) * per_photo

    # Indexing and reporting

    def _index(self) -> Iterator[ScanProgress]:
        yield self._now("indexing")
        self._library.index()

    def _count(self, what: str, by: int = 1) -> None:
        self._sum = replace(self._sum, **{what: getattr(self._sum, what) + by})

    def _count_removed(self) -> None:
        self._count("removed", sum(self._gone.values()))

    def _at_rate(self, rate: _Rate) -> ScanProgress:
        per_second = rate.per_second()
        left = self._progress.total - self._progress.done
        self._progress = replace(
            self._progress,
            photos_per_second=per_second,
            seconds_left=left / per_second if per_second > 0 else None,
        )
        return self._now(self._progress.phase)

    def _now(self, phase: str) -> ScanProgress:
        self._progress = replace(
            self._progress,
            phase=phase,
            failed=self._sum.failed,
            new_ids=tuple(self._new_ids),
            paused=self._control.paused,
        )
        self._new_ids = []
        return self._progress


def _for_catalog(features: Sequence[FeaturesMade]) -> tuple[TrunkFeatures, ...]:
    return tuple(TrunkFeatures(one.trunk, one.precision, one.data) for one in features)


class _Rate:
    """Files per second over the last seconds in which the scan was not paused."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    def count(self, files: int, paused: bool) -> None:
        now = time.monotonic()
        if paused:
            self._counts = deque([(now, 0)])
            return
        self._counts.append((now, files))
        while len(self._counts) > 2 and now - self._counts[0][0] > _RATE_SECONDS:
            self._counts.popleft()

    def per_second(self) -> float:
        begun = self._counts[0][0]
        seconds = self._counts[-1][0] - begun
        return sum(count for _, count in list(self._counts)[1:]) / seconds if seconds > 0 else 0.0


def run_to_end(steps: Iterator[ScanProgress]) -> ScanSummary:
    """Drive a scan without watching it; returns its summary."""
    summary = None
    for progress in steps:
        summary = progress.summary
    if summary is None:
        raise PhotosimError("the scan ended without a summary")
    return summary
