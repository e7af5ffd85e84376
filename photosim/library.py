"""One library with all its parts, opened in the right order: what the window and the commands share."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from photosim.catalog import ActiveModel, Catalog, Photo, ThumbnailStore
from photosim.engine.interactive import InteractiveWorker
from photosim.engine.messages import Region, WorkerSetup
from photosim.errors import ModelError, QueryError, UnreadablePhoto
from photosim.imaging.reading import check_region, content_hash, read_bytes
from photosim.model.card import ModelCard
from photosim.model.device import REQUESTS, available_cores, check_request
from photosim.model.embedding import Embedding, load_embedding
from photosim.model.registry import Registry
from photosim.model.store import Draft, ModelStore
from photosim.paths import Folders, bundled_models
from photosim.search.searcher import Searcher
from photosim.settings import Settings

if TYPE_CHECKING:
    from photosim.search.verification import Verifier

_FORGOTTEN_AT_ONCE = 500
_NEWEST_BUNDLED = ""
"""The wish for whatever bundled model is the newest, today and after the next update."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Example:
    """A photo, or a region of one, as part of a query. `features` are float16 [F], of the trunk `trunk`.

    `photo_id` is the photo of the library with the same content, if any; `thumbnail` is JPEG where the
    photo had to be read.
    """

    features: npt.NDArray[np.float16]
    photo_id: int | None
    content_hash: bytes
    trunk: str
    thumbnail: bytes | None = None


@dataclass(frozen=True)
class Move:
    """How far a library is on its way to another model: photos that have what it needs, and all photos."""

    to: str
    done: int
    total: int


class Library:
    """The catalog, thumbnails, settings, model, searcher and interactive worker of one library.

    `card` is the model that answers. `next_card` is the one that takes its place once a scan has read all
    photos for it, None where the library has the model it should have: the one that the user chose, and
    where nobody chose, the newest bundled one. A chosen model that is gone is forgiven: a bundled one
    answers then. `store` keeps the user's own models.

    Raises LibraryError or ModelError, with nothing left open, where one of them cannot be had.
    """

    def __init__(self, folders: Folders, device: str | None = None, threads: int | None = None) -> None:
        folders.create()
        self.folders = folders
        self.settings = Settings(folders.settings)
        self.registry = Registry(bundled_models(), folders.models)
        self.store = ModelStore(folders.models, self.registry)
        self.store.tidy()
        if device is not None:
            check_request(device)
        kept = self.settings.get("device", "auto")
        self.device: str = device or (kept if kept in REQUESTS else "auto")
        self.threads = threads or available_cores()
        self.catalog = Catalog(folders.catalog)
        self._missed: str | None = None  # the chosen model that is gone, once that has been said
        try:
            self._wish = self.catalog.wish()
            self.card, self.next_card = self._choose_models()
            self.thumbnails = ThumbnailStore(folders.thumbnails)
        except BaseException:
            self.catalog.close()
            raise
        self._lock = threading.Lock()
        self._changing_model = threading.Lock()
        self._searcher: Searcher | None = None
        self._coming: Searcher | None = None  # whose graph is made while another one answers
        self._ending = False
        self._worker: InteractiveWorker | None = None
        self._verifier: Verifier | None = None

    @property
    def worker_setup(self) -> WorkerSetup:
        return self.setup_for(self.card)

    def setup_for(self, *cards: ModelCard) -> WorkerSetup:
        """What a worker needs to run models, each of another trunk, on this library's device."""
        return WorkerSetup(cards, self.device, self.threads)

    # The model

    @property
    def target_card(self) -> ModelCard:
        """The model for which a scan reads photos: the next one, else the active one."""
        return self.next_card or self.card

    @property
    def reading_cards(self) -> tuple[ModelCard, ...]:
        """The models whose trunks a new photo is read for: the target's, and what answers until then."""
        target = self.target_card
        return (target,) if target.trunk == self.card.trunk else (target, self.card)

    def moving(self) -> Move | None:
        """How far the library is on its way to the next model; None where there is none."""
        if self.next_card is None:
            return None
        share = self.catalog.share_with_features(self.next_card.trunk)
        return Move(self.next_card.version, share.done, share.total)

    def keep_model(self) -> None:
        """Write down which model answers, where nothing has: a newer bundled one will find it so.

        Also where no model here can use what the one written down left: what is read from now on is ours.
        """
        active = self.catalog.active_model()
        if active is None or active.trunk != self.card.trunk:
            self.catalog.set_active_model(ActiveModel(self.card.version, self.card.trunk))

    def use_model(self, version_or_name: str, searcher: Searcher | None = None) -> bool:
        """Rank with this model from now on, and after the next start; returns whether it answers already.

        A model of the same trunk does at once: exact search over its embeddings, until `index` has made its
        graph. For one of another trunk a scan has to read the photos, and the one there is answers until
        then. `searcher` may be one of `searcher_for`, which has the embeddings in memory. Blocks for seconds:
        not for the GUI's thread. Raises ModelError, with nothing changed, where there is no such model, it
        is damaged, or its trunk is not installed.
        """
        card = self.registry.get(version_or_name)
        newest = card.version == self.registry.default().version
        return self._wish_for(card, _NEWEST_BUNDLED if newest else card.version, searcher)

    def revert_to_bundled(self) -> bool:
        """Rank with the newest bundled model, as if none had ever been chosen; see `use_model`."""
        return self._wish_for(self.registry.default(), _NEWEST_BUNDLED, None)

    def _wish_for(self, card: ModelCard, wish: str, searcher: Searcher | None) -> bool:
        if not _has_trunk(card):
            raise ModelError(
                f"{card.name} needs the trunk {card.needed_trunk}, which no installed model has: "
                "update photosim, or import the model that it was made from"
            )
        embedding = load_embedding(card)  # damage shows before anything is changed
        self.follow()
        if not self.has_features_for(card):
            with self._changing_model:
                self.catalog.set_wish(wish)
                self._wish, self.next_card = wish, card
            return False
        if searcher is None or searcher.card.version != card.version or searcher.stopped:
            searcher = self.searcher_for(card, embedding)
        searcher.card = card  # a draft's had no name yet
        searcher.refresh()
        with self._changing_model:
            self.catalog.set_wish(wish, ActiveModel(card.version, card.trunk))
            self._wish = wish
            if card.version == self.card.version:
                self.next_card = None
            else:
                _log.info("%s takes over from %s", card.version, self.card.version)
                self._use(card, None, searcher)
        return True

    def has_features_for(self, card: ModelCard) -> bool:
        """Whether this model could answer at once: no photo has to be read again for its trunk."""
        if card.trunk == self.card.trunk:
            return True
        share = self.catalog.share_with_features(card.trunk)
        return share.done == share.total

    def index(self) -> None:
        """Bring the active model's graph up to date and write what a start needs of it: some 15 s for 100,000
        photos of a model that has just been chosen. Searching goes on, exactly, and by the graph once it is
        there. A disk too full for it is no error; where another model answers meanwhile, or the library is to
        be closed, it ends early.
        """
        self._make_graph(self.searcher)

    def stop_indexing(self) -> None:
        """Let whoever builds a graph end within a second or two, and nobody begin another: for the end."""
        with self._lock:
            self._ending = True
            for searcher in (self._searcher, self._coming):
                if searcher is not None:
                    searcher.stop()

    def _make_graph(self, searcher: Searcher) -> bool:
        """Write embeddings and graph of a searcher; returns whether it came to an end."""
        if self._ending:
            return False
        try:
            searcher.update_graph()
        except CancelledError:
            return False
        except OSError as error:
            _log.warning("the graph was not written: %s", error)
        searcher.save()
        return True

    def take_over(self, card: ModelCard) -> None:
        """Let `card`, the next model, answer from now on. For the scan that has read all photos within reach.

        Its embeddings and its graph are made while the old model still answers. Queries go to the one or to
        the other, never to both; a crash before the catalog says so leaves the old one, after it the new
        one. Nothing happens where the user has chosen another one meanwhile. Raises ModelError where the new
        model is damaged.
        """
        searcher = self._coming = self.searcher_for(card)
        if not self._make_graph(searcher):
            return
        with self._changing_model:
            next_card = self.next_card
            if next_card is None or next_card.version != card.version or self.catalog.wish() != self._wish:
                return
            self.catalog.set_active_model(ActiveModel(card.version, card.trunk))
            _log.info("%s takes over from %s", card.version, self.card.version)
            self._use(card, None, searcher)

    def follow(self) -> bool:
        """See what another program has chosen or let take over; returns whether another model answers now."""
        if not self._is_behind():
            return False
        with self._changing_model:
            self._wish = self.catalog.wish()
            card, next_card = self._choose_models()
            if card.version == self.card.version:
                self.next_card = next_card
                return False
            self._use(card, next_card, None)
            return True

    def _is_behind(self) -> bool:
        active = self.catalog.active_model()
        changed = active is not None and active.version != self.card.version
        return changed or self.catalog.wish() != self._wish

    def rename_model(self, version_or_name: str, name: str) -> ModelCard:
        """Give one of the user's models another name; raises ModelError where that cannot be."""
        renamed = self.store.rename(self.registry.get(version_or_name), name)
        with self._changing_model:
            if renamed.version == self.card.version:
                self.card = replace(self.card, name=renamed.name)
                if self._searcher is not None:
                    self._searcher.card = self.card
            if self.next_card is not None and renamed.version == self.next_card.version:
                self.next_card = replace(self.next_card, name=renamed.name)
        return renamed

    def delete_model(self, version_or_name: str) -> ModelCard:
        """Remove one of the user's models; returns the card it had.

        Raises ModelError for a bundled one, the one that answers or is to, and one that others need.
        """
        self.follow()
        card = self.registry.get(version_or_name)
        if card.version == self.card.version and not card.bundled:
            raise ModelError(f"{card.name} ranks this library: choose another model first")
        if self.next_card is not None and card.version == self.next_card.version and not card.bundled:
            raise ModelError(f"this library is on its way to {card.name}: choose another model first")
        self.store.delete(card)
        self._remove_caches({card.version})
        return card

    def delete_faulty_model(self, folder: Path) -> None:
        """Remove one of the user's models that cannot be used, by the folder that `registry.faults()` names.

        Raises ModelError where it can be used after all, or answers or is to, read before it was damaged.
        """
        self.follow()
        if any(card is not None and card.folder == folder for card in (self.card, self.next_card)):
            raise ModelError(f"{folder.name} ranks this library or is to: choose another model first")
        self.store.delete_faulty(folder)

    def forget_other_models(self) -> None:
        """Delete features of other trunks, and other models' embeddings and graphs, unless the library is on
        its way to another trunk.

        The bundled models' of the same trunk stay: one click goes back to them.
        """
        self.follow()
        while self.next_card is None and self.catalog.forget_features(_FORGOTTEN_AT_ONCE):
            pass
        if self.next_card is not None:
            return
        active = self.card
        kept = {card.version for card in self.registry.cards() if card.bundled and card.trunk == active.trunk}
        self._remove_caches({path.stem for path in self._caches()} - kept - {active.version})

    def _remove_caches(self, versions: set[str]) -> None:
        for path in list(self._caches()):
            if path.stem in versions:
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    _log.warning("%s was not removed: %s", path, error)

    def _caches(self) -> Iterator[Path]:
        """The files of embeddings and graphs, each named by its model's version."""
        yield from self.folders.vectors.glob("*.safetensors")
        for suffix in ("hnsw", "json"):
            yield from self.folders.index.glob(f"*.{suffix}")

    def _choose_models(self) -> tuple[ModelCard, ModelCard | None]:
        """The model that answers by what the catalog has, and the one to move to, if any."""
        default = self.registry.default()
        cards = [card for card in self.registry.cards() if _has_trunk(card)]
        active = self.catalog.active_model()
        wished = self._wished(cards, default)
        # A library of before this was kept has features all the same.
        trunks = self.catalog.trunks() if active is None else [active.trunk]
        candidates = [card for trunk in trunks for card in reversed(cards) if card.trunk == trunk]
        # The same version, else the newest bundled one of the same trunk, else any.
        candidates.sort(key=lambda card: (active is None or card.version != active.version, not card.bundled))
        if not candidates:
            return wished or default, None  # nothing here can use what there is: all is read anew
        card = candidates[0]
        if wished is not None:
            return (wished, None) if wished.trunk == card.trunk else (card, wished)
        moves = card.bundled and card.version != default.version
        return card, default if moves else None

    def _wished(self, cards: list[ModelCard], default: ModelCard) -> ModelCard | None:
        """The model that the user chose, where one has been chosen and it is there."""
        if self._wish is None:
            return None
        if self._wish == _NEWEST_BUNDLED:
            return default
        for card in cards:
            if card.version == self._wish:
                return card
        if self._missed != self._wish:
            self._missed = self._wish
            _log.warning("the model %s is gone or has no trunk here: a bundled one answers", self._wish)
        return None

    def _use(self, card: ModelCard, next_card: ModelCard | None, searcher: Searcher | None) -> None:
        with self._lock:
            # The worker runs the trunk, and knows nothing of what becomes of its features. The files of
            # a tuned trunk are the model's own, and would go with it.
            same = card.trunk == self.card.trunk and self.card.trunk_base is None
            before = None if same else self._worker
            if self._searcher is not None and self._searcher is not searcher:
                self._searcher.stop()
            self.card, self.next_card, self._searcher = card, next_card, searcher
            if before is not None:
                self._worker = InteractiveWorker(self.setup_for(card))
                self._worker.warm()
        if before is not None:
            before.retire()

    # Searching

    @property
    def searcher(self) -> Searcher:
        """Searches with the active model; made at the first use, its embeddings at its first refresh."""
        with self._lock:
            if self._searcher is None:
                self._searcher = Searcher(self.catalog, self.folders, self.card, load_embedding(self.card))
            return self._searcher

    def searcher_for(self, model: ModelCard | Draft, embedding: Embedding | None = None) -> Searcher:
        """Searches the library with another model, which stays inactive: a draft, or an installed one.

        Its embeddings are made at the first refresh, in memory: nothing is written unless it is told to.
        Raises ModelError where the model is damaged.
        """
        if isinstance(model, Draft):
            return Searcher(self.catalog, self.folders, model.card, model.embedding)
        return Searcher(self.catalog, self.folders, model, embedding or load_embedding(model))

    @property
    def worker(self) -> InteractiveWorker:
        """The worker for queries and previews; its process starts with the first request."""
        with self._lock:
            if self._worker is None:
                self._worker = InteractiveWorker(self.worker_setup)
            return self._worker

    def stop_worker(self) -> None:
        """End the worker; what was asked of it is cancelled, the next request starts another."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def use_device(self, device: str) -> None:
        """Work on another device ("auto", "cpu", "cuda" or "mps") from the next scan and query on."""
        self.device = device
        self.stop_worker()

    def example(self, source: Path | bytes, region: Region | None = None) -> Example:
        """A photo as part of a query, from the library where it is there, else read by the worker.

        Blocks until it is read: not for the GUI's thread. Raises QueryError, naming the file, where it
        cannot be read or the region is not within it.
        """
        name = "the picture" if isinstance(source, bytes) else str(source)
        if isinstance(source, Path):
            source = Path(os.path.abspath(os.path.expanduser(source)))
        if region is not None:
            check_region(region)
        if isinstance(source, Path) and not os.path.lexists(source) and not self._remembers(source):
            raise QueryError(f"{name} does not exist: name another photo")
        try:
            photo = self._known_photo(source)
            if region is None and photo is not None:
                searcher = self.searcher
                features = searcher.features_of(photo.id)
                if features is not None:
                    return Example(features, photo.id, photo.content_hash, searcher.card.trunk)
            examined = self.worker.examine(source, region).result()
        except UnreadablePhoto as error:
            raise QueryError(f"{name}: {error.reason}: choose another photo") from error
        return Example(
            examined.features,
            None if photo is None or region is not None else photo.id,
            examined.content_hash,
            examined.trunk,
            examined.thumbnail,
        )

    def _remembers(self, source: Path) -> bool:
        """Whether the library knows a photo of this path, its drive unplugged, say."""
        return self.catalog.photo_by_path(str(source)) is not None

    def _known_photo(self, source: Path | bytes) -> Photo | None:
        """The library's photo with the same content; an unchanged file is not opened."""
        if isinstance(source, bytes):
            return self.catalog.photo_by_hash(content_hash(source))
        photo = self.catalog.photo_by_path(str(source))
        if photo is not None and _unchanged(str(source), photo):
            return photo
        return self.catalog.photo_by_hash(content_hash(read_bytes(source)))

    @property
    def verifier(self) -> Verifier:
        """Compares photos point by point; made, and OpenCV loaded, at the first use."""
        from photosim.search.verification import Verifier

        with self._lock:
            if self._verifier is None:
                self._verifier = Verifier(self.catalog, self.thumbnails, self.renew_thumbnail)
            return self._verifier

    def renew_thumbnail(self, photo_id: int) -> bool:
        """Read a photo again for its thumbnail; False where it is offline or has changed since its scan.

        Blocks until it is read: not for the GUI's thread. Raises UnreadablePhoto.
        """
        photo = self.catalog.photo(photo_id)
        if photo is None or photo.offline:
            return False
        try:
            examined = self.worker.examine(Path(photo.path)).result()
        except CancelledError:  # the window is closing
            return False
        if examined.content_hash != photo.content_hash:
            return False
        self.thumbnails.put_many([(photo.content_hash, examined.thumbnail)])
        return True

    def remove_folder(self, path: str) -> int:
        """Forget a folder and what is known of its photos; returns how many photos went.

        Raises LibraryError for a folder that is not in the library.
        """
        hashes = self.catalog.remove_folder(path)
        self.thumbnails.remove_many(hashes)
        return len(hashes)

    def close(self) -> None:
        with self._lock:
            if self._worker is not None:
                self._worker.close()
            if self._searcher is not None:
                self._searcher.save()
            self.thumbnails.close()
            self.catalog.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _has_trunk(card: ModelCard) -> bool:
    return card.has_trunk or card.lender is not None


def _unchanged(path: str, photo: Photo) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return True  # offline: what is remembered of it answers
    return any(
        place.path == path and place.size == status.st_size and abs(place.modified - status.st_mtime) < 1e-6
        for place in photo.places
    )
