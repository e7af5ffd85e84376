"""A model's folder: the card that describes it, and its files, read whole and checked before any use.

A folder holds `card.json`, `embedding.safetensors` (the linear embeddings), and the trunk twice:
`trunk.safetensors` (weights for torch) and `trunk.onnx` (the same as a graph for the CPU). A model fine-tuned
in its embeddings alone may leave the trunk out: it runs that of another installed model of the same trunk
version. One whose trunk is tuned too has `trunk_changes.safetensors` instead, the tensors that differ, and
runs the trunk of an installed model of its `trunk_base` with these in their place: see
`photosim.model.trunk_changes`. Models are files that people exchange, so nothing in them is believed before
it has been checked.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from photosim.errors import ModelError

CARD = "card.json"
EMBEDDING = "embedding.safetensors"
TRUNK_WEIGHTS = "trunk.safetensors"
TRUNK_GRAPH = "trunk.onnx"
TRUNK_FILES = (TRUNK_WEIGHTS, TRUNK_GRAPH)
TRUNK_CHANGES = "trunk_changes.safetensors"
TRUNK_BASE = "trunk_base"
"""The card's key for the trunk version that a tuned trunk was made from."""

FORMAT = 1
MAX_CARD_BYTES = 1 << 20
MAX_FILE_BYTES = 256 << 20
# float16 features may take 4 KB a photo.
MAX_FEATURES = 2048
MAX_PART = 1024
# Lists and objects within each other: far more than a card has, far fewer than Python can follow.
MAX_DEPTH = 32
# How a photo becomes the square that the trunk sees: see photosim.imaging.network_input.
GEOMETRIES = ("squash", "trim")

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_T = TypeVar("_T")


@dataclass(frozen=True)
class ModelCard:
    """One version of a model. `parts` are the dimensions of kind and thing within its embeddings.

    `paths` are the lengths of the unit vectors that its features are joined of, one where nothing is known.
    `trunk_base` is the trunk that a tuned one was made from, None for a trunk of no other. `lender` is the
    installed model whose trunk this one runs, for want of its own: of the same trunk version, or of
    `trunk_base`.
    """

    name: str
    version: str
    trunk: str
    parts: tuple[int, int]
    focus: float
    feature_dim: int
    input_size: int
    bundled: bool
    folder: Path
    parent: str | None
    licence: str
    source: str
    metrics: dict[str, Any] = field(hash=False)
    files: dict[str, str] = field(hash=False)
    geometry: str = GEOMETRIES[0]
    paths: tuple[int, ...] = ()
    trunk_base: str | None = None
    lender: ModelCard | None = field(default=None, repr=False)

    def read_file(self, name: str) -> bytes:
        """The bytes of one of the model's files; raises ModelError unless they are what the card says."""
        if name not in self.files and self.lender is not None and name in TRUNK_FILES:
            return self.lender.read_file(name)
        if name not in self.files:
            needed = f" of its own, and no other has the trunk {self.needed_trunk} that it needs"
            advice = "update photosim, or get a complete copy of the model"
            raise ModelError(
                f"the model {self.version} has no {name}{needed if name in TRUNK_FILES else ''}: {advice}"
            )
        path = self.folder / name
        if self.lender is not None and name in TRUNK_FILES and not path.exists():
            path = self.lender.folder / name
        data = _read(path, MAX_FILE_BYTES)
        if hashlib.sha256(data).hexdigest() != self.files[name]:
            raise ModelError(f"{path} is damaged or was changed (its checksum differs): get the model again")
        return data

    @property
    def needed_trunk(self) -> str:
        """The version of the trunk whose files it runs: of a tuned trunk the one it was made from."""
        return self.trunk_base or self.trunk

    @property
    def has_trunk(self) -> bool:
        """Whether the trunk's files lie in this model's own folder; they are not opened."""
        return all(name in self.files and (self.folder / name).exists() for name in TRUNK_FILES)

    def can_lend_to(self, other: ModelCard) -> bool:
        """Whether this model's trunk is the one that `other` was made for, by the checksums of both cards."""
        same = (self.trunk, self.feature_dim, self.input_size, self.geometry) == (
            other.needed_trunk,
            other.feature_dim,
            other.input_size,
            other.geometry,
        )
        return (
            same
            and self.has_trunk
            and all(other.files.get(name, self.files[name]) == self.files[name] for name in TRUNK_FILES)
        )


def load_card(folder: Path, bundled: bool = False) -> ModelCard:
    """Read and check `folder`'s card; the files it names are checked when they are read.

    Raises ModelError where the card is missing, damaged, foreign or of a newer format.
    """
    path = folder / CARD
    return parse_card(_read(path, MAX_CARD_BYTES), path, folder, bundled)


def parse_card(data: bytes, path: Path, folder: Path, bundled: bool = False) -> ModelCard:
    """A card from its bytes, checked as by `load_card`; errors name `path`. Nothing is opened."""
    try:
        card = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged (it is not JSON): get the model again") from error
    if not isinstance(card, dict) or "format" not in card:
        raise ModelError(f"{path} is not the card of a photosim model")
    number = _value(card, "format", int, path)
    if number > FORMAT and not _is_unusable(number):
        raise ModelError(f"{path} was made by a newer photosim (format {number}): update photosim to use it")
    for key, value in card.items():
        if _is_unusable(value):
            raise _faulty(path, key)
    parts = _value(card, "parts", list, path)
    files = _value(card, "files", dict, path)
    result = ModelCard(
        name=_value(card, "name", str, path),
        version=_value(card, "version", str, path),
        trunk=_value(card, "trunk", str, path),
        parts=(parts[0], parts[1]) if len(parts) == 2 else (0, 0),
        focus=float(_value(card, "focus", (int, float), path)),
        feature_dim=_value(card, "feature_dim", int, path),
        input_size=_value(card, "input_size", int, path),
        bundled=bundled,
        folder=folder,
        parent=None if card.get("parent") is None else _value(card, "parent", str, path),
        licence=_value(card, "licence", str, path),
        source=_value(card, "source", str, path),
        metrics=_value(card, "metrics", dict, path),
        files=files,
        geometry=_value(card, "geometry", str, path) if "geometry" in card else GEOMETRIES[0],
        paths=tuple(_value(card, "paths", list, path)) if "paths" in card else (),
        trunk_base=None if card.get(TRUNK_BASE) is None else _value(card, TRUNK_BASE, str, path),
    )
    _check(result, number, path)
    return result


def tuned_trunk(base: str, digest: str) -> str:
    """The version of the trunk that a file of changes, by its SHA-256 in hexadecimal, makes of `base`.

    Changes that differ in anything give another version: features of one never pass for those of another.
    """
    return f"{base}.u{digest[:12]}"


def _tuned_wrongly(card: ModelCard) -> bool:
    """Whether a trunk that is tuned, or that says so, is not what its changes make of its base."""
    if card.trunk_base is None:
        return TRUNK_CHANGES in card.files
    own_trunk = any(name in card.files for name in TRUNK_FILES)
    return own_trunk or card.trunk != tuned_trunk(card.trunk_base, str(card.files.get(TRUNK_CHANGES, "")))


def _check(card: ModelCard, number: int, path: Path) -> None:
    faults = {
        "format": number < 1,
        "name": not 0 < len(card.name) <= 80 or not card.name.isprintable(),
        "version": not _VERSION.fullmatch(card.version),
        "trunk": not _VERSION.fullmatch(card.trunk),
        "parts": (
            any(type(part) is not int or not 0 <= part <= MAX_PART for part in card.parts)
            or sum(card.parts) == 0
        ),
        "focus": not 0 <= card.focus <= 1,
        "feature_dim": not 0 < card.feature_dim <= MAX_FEATURES,
        "input_size": not 32 <= card.input_size <= 1024 or card.input_size % 32 != 0,
        "geometry": card.geometry not in GEOMETRIES,
        "paths": (
            any(type(path) is not int or path < 1 for path in card.paths)
            or sum(card.paths) not in (0, card.feature_dim)
        ),
        "files": any(
            Path(name).name != name or not isinstance(digest, str) or not _SHA256.fullmatch(digest)
            for name, digest in card.files.items()
        ),
        TRUNK_BASE: _tuned_wrongly(card),
    }
    for key, faulty in faults.items():
        if faulty:
            raise _faulty(path, key)


def _is_unusable(value: Any) -> bool:
    """Whether an entry has a number in it that no finite float is, or is nested deeper than any card's.

    JSON knows no limit of either; but numbers are computed with, and cards compared and sent to workers.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, (int, float)) and not abs(item) <= sys.float_info.max:  # NaN is not either
                return True
            if isinstance(item, (list, dict)):
                inner += item.values() if isinstance(item, dict) else item
        level = inner
    return bool(level)


def _value(card: dict[str, Any], key: str, kind: type[_T] | tuple[type[_T], ...], path: Path) -> _T:
    value = card.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _faulty(path, key)
    return value


def _faulty(path: Path, key: str) -> ModelError:
    # A key of a foreign file may be as long as the file.
    return ModelError(
        f"{path} is damaged (its entry {key[:40]!r} is missing or impossible): get the model again"
    )


def _read(path: Path, limit: int) -> bytes:
    try:
        if not path.is_file():
            raise ModelError(f"{path} is missing: get the model again")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise ModelError(f"cannot read {path} ({error.strerror}): check its permissions") from error
    if len(data) > limit:
        raise ModelError(f"{path} is too large for a file of a model (over {limit >> 20} MiB)")
    return data
