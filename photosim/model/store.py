"""The user's own models on disk: kept, renamed, deleted, and exchanged as one file each.

A model is whole or not there. It is written into a folder beside its place, synced, and renamed; a model
that goes is renamed first, then removed. The folders of both begin with a dot: nothing takes them for models,
and what a crash leaves of them goes at the next start.

The file that people exchange is a safetensors container: the card is in its metadata, each of the model's
files is a tensor of bytes. There is no pickle in it, and never a graph: see `IMPORTABLE`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.numpy import load, save

from photosim.atomic import write_atomically
from photosim.errors import ModelError
from photosim.model.card import (
    CARD,
    EMBEDDING,
    FORMAT,
    MAX_CARD_BYTES,
    TRUNK_BASE,
    TRUNK_CHANGES,
    TRUNK_FILES,
    ModelCard,
    load_card,
    parse_card,
)
from photosim.model.embedding import Embedding, embedding_file, read_embedding
from photosim.model.registry import Registry, is_reserved
from photosim.model.trunk_changes import load_weights

SUFFIX = ".photosim"
EXPORT_FORMAT = 1
MAX_EXPORT_BYTES = 128 << 20
MAX_NAME = 80

# What an exchanged file may hold. A graph is a program for the runtime, thousands of operators in C++ that
# were never meant for hostile input: graphs come with photosim alone. A tuned trunk travels as tensors that
# take the place of those of such a graph.
IMPORTABLE = (EMBEDDING, TRUNK_CHANGES)

_MARK = "photosim"
_MAX_HEADER = 4 * MAX_CARD_BYTES
_ROOM_IN_CARD = 4096  # for another name and version
_LOCK = ".lock"
_LOCK_SECONDS = 20.0


@dataclass(frozen=True)
class Draft:
    """A tuned model in memory, not yet kept: its card, its files by name, its embedding.

    `entries` is what the card's file will say, but for the name.
    """

    card: ModelCard
    files: dict[str, bytes] = field(hash=False, repr=False)
    embedding: Embedding = field(hash=False, repr=False)
    entries: dict[str, Any] = field(hash=False, repr=False)


class ModelStore:
    """The folder of the user's own models. `registry` knows all models, these and the bundled ones.

    Any thread may call; one change at a time is made, also by other programs. Everything that cannot be
    done is a ModelError of one line.
    """

    def __init__(self, own: Path, registry: Registry) -> None:
        self._own = own
        self._registry = registry

    def tidy(self) -> None:
        """Remove what a crash left of models on their way in or out. For the start."""
        left = [*self._own.glob(".*"), *self._own.glob(f"*/.{CARD}.*")]
        left = [path for path in left if path.name != _LOCK]
        if not left:
            return
        with suppress(ModelError), self._alone(0.0):  # else another program makes one at this moment
            for path in left:
                _remove(path)

    # Making and keeping

    def draft(
        self,
        parent: ModelCard,
        embedding: Embedding,
        focus: float,
        training: Mapping[str, Any],
        metrics: Mapping[str, Any],
        files: Mapping[str, bytes] | None = None,
        entries: Mapping[str, Any] | None = None,
    ) -> Draft:
        """A model tuned from `parent`, in memory: its embedding and the focus it starts with.

        `files` and `entries` are further files of it and further entries of its card (the trunk's version
        among them), for a model whose trunk was tuned too.
        """
        now = datetime.now(UTC)
        version = _new_version(now)
        data = {EMBEDDING: embedding_file(embedding), **(files or {})}
        trunk: dict[str, Any] = {}
        if parent.trunk_base is not None and TRUNK_CHANGES not in data:
            # It needs the parent's tuned trunk, also where the parent goes.
            data[TRUNK_CHANGES] = parent.read_file(TRUNK_CHANGES)
            trunk[TRUNK_BASE] = parent.trunk_base
        card = {
            "format": FORMAT,
            "name": version,
            "version": version,
            "parent": parent.version,
            "trunk": parent.trunk,
            "parts": list(embedding.parts),
            "focus": float(focus),
            "feature_dim": parent.feature_dim,
            "input_size": parent.input_size,
            "geometry": parent.geometry,
            "paths": list(parent.paths),
            "licence": parent.licence,
            "source": parent.source,
            "made_at": now.isoformat(timespec="seconds"),
            "training": dict(training),
            "metrics": dict(metrics),
            **trunk,
            **(entries or {}),
            "files": {name: _digest(content) for name, content in data.items()},
        }
        folder = self._own / version
        made = parse_card(_as_json(card), folder / CARD, folder)
        return Draft(self._registry.with_lender(made), data, embedding, card)

    def keep(self, draft: Draft, name: str, metrics: Mapping[str, Any] | None = None) -> ModelCard:
        """Write a draft to disk under a name: the whole model or nothing. Returns its card.

        `metrics` are added to the draft's. A name that another model has is refused: see `free_name`.
        """
        name = checked_name(name)
        with self._alone():
            self._check_free(name, None)
            card = draft.entries | {"name": name, "metrics": {**draft.entries["metrics"], **(metrics or {})}}
            return self._write(card, draft.files)

    def free_name(self, wanted: str) -> str:
        """`wanted`, with a number behind it where another model or photosim's own has that name: "Mine 2"."""
        taken = self._taken(None)
        name, number = wanted, 1
        while _folded(name) in taken or is_reserved(name):
            number += 1
            name = f"{wanted[: MAX_NAME - len(str(number)) - 1].rstrip()} {number}"
        return name

    # Changing

    def rename(self, card: ModelCard, name: str) -> ModelCard:
        """Give one of the user's models another name; returns its card. The version stays."""
        name = checked_name(name)
        self._refuse_bundled(card, "renamed")
        with self._alone():
            self._check_free(name, card)
            path = card.folder / CARD
            try:
                entries = json.loads(path.read_bytes()) | {"name": name}
                data = _as_json(entries)
                write_atomically(path, lambda temporary: temporary.write_bytes(data))
            except OSError as error:
                raise _unwritten(path, error) from error
            except (ValueError, TypeError, RecursionError) as error:
                raise ModelError(f"{path} is damaged (it is not JSON): get the model again") from error
        return replace(card, name=name)

    def delete(self, card: ModelCard) -> None:
        """Remove one of the user's models from the disk; not one whose trunk another one runs.

        Whether a library ranks with it is the library's to know.
        """
        self._refuse_bundled(card, "deleted")
        with self._alone():
            for other in self._registry.cards():
                if other.lender is not None and other.lender.version == card.version:
                    raise ModelError(f"{other.name} runs the trunk of {card.name}: delete {other.name} first")
            self._take_away(card.folder, card.name)

    def delete_faulty(self, folder: Path) -> None:
        """Remove one of the user's models that cannot be used; of a link only the link goes.

        Raises ModelError for any other folder than those that the registry finds faulty at this moment.
        """
        with self._alone():
            if folder.parent != self._own or folder not in [
                fault.folder for fault in self._registry.faults()
            ]:
                raise ModelError(f"there is no model in {folder} any more that cannot be used")
            self._take_away(folder, folder.name)

    # Exchanging

    def export(self, card: ModelCard, path: Path, overwrite: bool = False) -> None:
        """Write one of the user's models as one file, whole or not at all; a file that is there stays."""
        self._refuse_bundled(card, "exported: every photosim of its age has it")
        if card.has_trunk:
            raise ModelError(f"{card.name} has a trunk's graph of its own, which no exported file carries")
        names = [name for name in card.files if name in IMPORTABLE]
        try:
            text = (card.folder / CARD).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ModelError(f"{card.folder / CARD} cannot be read: get the model again") from error
        tensors = {name: np.frombuffer(card.read_file(name), np.uint8) for name in names}
        about = {_MARK: str(EXPORT_FORMAT), "card": text, "sha256": _digest(text.encode())}
        data = save(tensors, about)
        if not overwrite and os.path.lexists(path):
            raise ModelError(f"{path} is there already: name another file")
        try:
            write_atomically(path, lambda temporary: temporary.write_bytes(data))
        except OSError as error:
            raise _unwritten(path, error) from error

    def import_(self, path: Path) -> ModelCard:
        """Keep a model that somebody exported; returns its card. Nothing of the file is believed unchecked.

        It gets a version of its own, and a number behind its name where that is taken. Refused, each with a
        line: no exported model, a damaged one, one of a newer photosim, one that is installed already, and
        one whose trunk no installed model has.
        """
        tensors, text = _opened(path)
        version = _new_version(datetime.now(UTC))
        folder = self._own / version
        card = parse_card(text, path, folder)
        entries = _entries(text, path)
        files = _checked_files(card, tensors, path)
        read_embedding(files[EMBEDDING], card, path)
        with self._alone():
            cards = self._registry.cards()
            for other in cards:
                if _same(card, other):
                    raise ModelError(f"{path}: this model is installed already, as {other.name}")
            if self._registry.with_lender(card).lender is None:
                raise ModelError(
                    f"{path}: {card.name} needs the trunk {card.needed_trunk}, which no installed model has: "
                    "update photosim, or import the model that it was made from first"
                )
            name = self.free_name(_tidied(card.name) or version)
            made = {"name": name, "version": version, "imported_version": card.version}
            return self._write(entries | made, files, lambda folder: self._check_trunk(folder, path))

    # Helpers

    def _take_away(self, folder: Path, name: str) -> None:
        """Remove a model's folder: a model until one moment, none from then on. The caller holds the lock."""
        aside = self._own / f".gone-{secrets.token_hex(4)}"
        try:
            os.replace(folder, aside)
        except FileNotFoundError:
            raise ModelError(f"there is no model {name!r} any more") from None
        except OSError as error:
            raise ModelError(
                f"{folder} cannot be removed ({error.strerror}): change its permissions"
            ) from error
        _remove(aside)

    def _check_trunk(self, folder: Path, path: Path) -> None:
        """Raise ModelError where a tuned trunk's tensors do not fit the trunk that they were made from."""
        card = self._registry.with_lender(load_card(folder))
        if card.trunk_base is None:
            return
        try:
            load_weights(card)
        except ModelError as error:
            raise ModelError(
                f"{path} is damaged (its tuned trunk is not one of {card.needed_trunk}): get the file again"
            ) from error

    def _write(
        self,
        card: Mapping[str, Any],
        files: Mapping[str, bytes],
        check: Callable[[Path], None] | None = None,
    ) -> ModelCard:
        """Put a model's folder in its place, if it passes `check`; the caller holds the lock."""
        target = self._own / card["version"]
        made = self._own / f".new-{secrets.token_hex(4)}"
        try:
            try:
                made.mkdir()
                for name, data in {**files, CARD: _as_json(card)}.items():
                    _write_synced(made / name, data)
                _sync_folder(made)
                if check is not None:
                    check(made)
                os.replace(made, target)
                _sync_folder(self._own)
            except OSError as error:
                raise _unwritten(self._own, error) from error
        finally:
            _remove(made)
        return self._registry.get(card["version"])

    @contextmanager
    def _alone(self, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
        """Hold the lock of this folder; the system frees it when the program dies."""
        lock = FileLock(self._own / _LOCK, timeout=seconds, thread_local=False)
        try:
            self._own.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            raise ModelError("another photosim changes the models at this moment: try again") from None
        except OSError as error:
            raise _unwritten(self._own, error) from error
        try:
            yield
        finally:
            lock.release()

    def _check_free(self, name: str, but: ModelCard | None) -> None:
        if _folded(name) in self._taken(but):
            raise ModelError(f"there is a model called {name!r} already: choose another name")

    def _taken(self, but: ModelCard | None) -> set[str]:
        """Names and versions of all other models: either finds a model on the command line."""
        return {
            _folded(word)
            for card in self._registry.cards()
            if but is None or card.version != but.version
            for word in (card.name, card.version)
        }

    @staticmethod
    def _refuse_bundled(card: ModelCard, what: str) -> None:
        if card.bundled:
            raise ModelError(f"{card.name} came with photosim and cannot be {what}")


def checked_name(name: str) -> str:
    """A model's name as it is kept, without space around it; raises ModelError for one that is none."""
    tidy = _tidied(name)
    if not tidy:
        raise ModelError("the model's name is empty: give it one")
    if len(tidy) > MAX_NAME:
        raise ModelError(f"the model's name is {len(tidy)} characters long: {MAX_NAME} are the most")
    if not tidy.isprintable():
        raise ModelError("the model's name has characters that cannot be shown: choose another one")
    if is_reserved(tidy):
        raise ModelError(f"{tidy!r} means the model that came with photosim: choose another name")
    return tidy


def _tidied(name: str) -> str:
    # One way of writing an accent, so that no two names look the same.
    return unicodedata.normalize("NFC", name).strip()


def _folded(name: str) -> str:
    return _tidied(name).casefold()


def _new_version(now: datetime) -> str:
    # Also the name of a folder and of caches: made here, never taken from a file.
    return f"mine-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _as_json(card: Mapping[str, Any]) -> bytes:
    return (json.dumps(card, indent=2, allow_nan=False) + "\n").encode()


def _same(card: ModelCard, other: ModelCard) -> bool:
    """Whether two models rank alike, whatever their names: the same trunk, and files of the same content."""
    ours = {name: digest for name, digest in card.files.items() if name not in TRUNK_FILES}
    theirs = {name: digest for name, digest in other.files.items() if name not in TRUNK_FILES}
    return (card.trunk, card.parts, card.focus, ours) == (other.trunk, other.parts, other.focus, theirs)


# Reading a file that may be hostile


def _opened(path: Path) -> tuple[dict[str, npt.NDArray[Any]], bytes]:
    """Tensors and card of an exported file; raises ModelError where it is no such file."""
    foreign = ModelError(f"{path} is no photosim model: choose a file that photosim has exported")
    damaged = ModelError(f"{path} is damaged or cut off: get the file again")
    try:
        if not path.exists():
            raise ModelError(f"{path} does not exist: name an exported model")
        if not path.is_file():  # a pipe would be waited for
            raise foreign
        with path.open("rb") as file:
            # Never more than a model may take, whatever the file says about itself.
            data = file.read(MAX_EXPORT_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}): check its permissions") from error
    if len(data) > MAX_EXPORT_BYTES:
        raise ModelError(f"{path} is too large for a model (over {MAX_EXPORT_BYTES >> 20} MiB)")
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= _MAX_HEADER or data[8:9] != b"{":
        raise foreign
    if 8 + length > len(data):
        raise damaged
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        raise damaged from None
    about = header.get("__metadata__")
    if not isinstance(about, dict) or not isinstance(about.get(_MARK), str):
        raise foreign
    if about[_MARK] != str(EXPORT_FORMAT):
        if about[_MARK].isdecimal() and len(about[_MARK]) < 10 and int(about[_MARK]) > EXPORT_FORMAT:
            raise ModelError(f"{path} was exported by a newer photosim: update photosim to import it")
        raise damaged
    try:
        text = about["card"].encode()
        tensors = load(data)
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError):
        raise damaged from None
    if about.get("sha256") != _digest(text):
        raise damaged
    if len(text) > MAX_CARD_BYTES:
        raise ModelError(f"{path} is too large for a model (its card is over {MAX_CARD_BYTES >> 20} MiB)")
    return tensors, text


def _entries(text: bytes, path: Path) -> dict[str, Any]:
    """All entries of a checked card; raises ModelError where they could not be written again."""
    try:
        entries: dict[str, Any] = json.loads(text)
        if len(_as_json(entries)) < MAX_CARD_BYTES - _ROOM_IN_CARD:
            return entries
    except (ValueError, RecursionError):
        pass
    raise ModelError(f"{path} is damaged (its card holds what no card does): get the file again")


def _checked_files(card: ModelCard, tensors: Mapping[str, npt.NDArray[Any]], path: Path) -> dict[str, bytes]:
    """The model's files, those of its card and no others, each with the card's checksum."""
    for name in tensors:
        if name not in IMPORTABLE:
            raise ModelError(f"{path} holds {name!r}, which no exported model has: it is refused")
    for name in card.files:
        # A trunk's checksums say which trunk is to be lent.
        if name not in tensors and name not in TRUNK_FILES:
            raise ModelError(f"{path} is damaged ({name} is missing): get the file again")
    if EMBEDDING not in tensors:
        raise ModelError(f"{path} is damaged ({EMBEDDING} is missing): get the file again")
    files = {}
    for name, tensor in tensors.items():
        if tensor.dtype != np.uint8 or tensor.ndim != 1:
            raise ModelError(f"{path} is damaged ({name} is no file): get the file again")
        data = tensor.tobytes()
        if card.files.get(name) != _digest(data):
            raise ModelError(f"{path} is damaged or was changed (the checksum of {name} differs)")
        files[name] = data
    return files


# Writing


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """So that the names in it survive a power cut; a system without this keeps them by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there and can be: else the next start tries again."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _unwritten(path: Path, error: OSError) -> ModelError:
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return ModelError(f"the disk of {path} is full: free some space and try again; nothing was kept")
    return ModelError(f"{path} cannot be written ({error.strerror}): check its folder and permissions")
