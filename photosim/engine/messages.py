"""What travels through the pipe between the application and its workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photosim.imaging.facts import Facts
from photosim.imaging.reading import Reading, read_photo
from photosim.model.card import ModelCard
from photosim.model.places import PlaceFeatures

Region = tuple[float, float, float, float]
"""x, y, width and height as fractions 0..1 of the upright photo."""

Reader = Callable[..., Reading]
"""Like `read_photo`: bytes, then one NetworkInput for each network."""


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker needs to start. `cards`: the models whose trunks it runs, each trunk once; `reader`: what
    decodes a file.

    The interactive worker runs the first model. With `skip_known` a content read once is not read again under
    another name.
    """

    cards: tuple[ModelCard, ...]
    device: str
    threads: int
    reader: Reader = read_photo
    skip_known: bool = True


@dataclass(frozen=True)
class Ready:
    """The worker has its model: `device` as shown to people, `note` where it fell back to another."""

    device: str
    precision: str
    batch_size: int
    note: str | None


@dataclass(frozen=True)
class Job:
    """A file to read, or the bytes of a picture that is none; `number` comes back with its outcome."""

    number: int
    source: str | bytes


@dataclass(frozen=True)
class Begun:
    """The file is being decoded from now on: whatever befalls the worker may be its doing."""

    number: int


@dataclass(frozen=True)
class Decoded:
    """The file is harmless and waits for its batch."""

    number: int


@dataclass(frozen=True)
class FeaturesMade:
    """What one trunk gives for a photo, `data` float16 [F], and the precision it was computed in."""

    trunk: str
    precision: str
    data: npt.NDArray[np.float16]


@dataclass(frozen=True)
class PhotoRead:
    """A photo decoded, with the features of those trunks that had none of it. `thumbnail` is JPEG."""

    number: int
    content_hash: bytes
    facts: Facts
    phash: int
    thumbnail: bytes
    features: tuple[FeaturesMade, ...]


@dataclass(frozen=True)
class PhotoKnown:
    """A file whose content every trunk has seen before, under this or another name."""

    number: int
    content_hash: bytes


@dataclass(frozen=True)
class PhotoFailed:
    number: int
    reason: str


Outcome = PhotoRead | PhotoKnown | PhotoFailed


@dataclass(frozen=True)
class ExamineRequest:
    """Features, thumbnail and facts of one photo, or of a region of it. `source`: a path or the bytes."""

    source: str | bytes
    region: Region | None


@dataclass(frozen=True)
class Examined:
    """The answer to an ExamineRequest. `features` are float16 [F], of `trunk`; `thumbnail` is JPEG."""

    trunk: str
    content_hash: bytes
    facts: Facts
    thumbnail: bytes
    features: npt.NDArray[np.float16]


@dataclass(frozen=True)
class PlacesRequest:
    """What the places of a photo, or of a region of it, give to its features."""

    source: str | bytes
    region: Region | None


@dataclass(frozen=True)
class PlacesRead:
    """The answer to a PlacesRequest, for the model whose trunk version is `trunk`.

    `features` are float16 [F]; `places` are those of each convolutional path, none where the model gives no
    maps; `seen` is the part of the upright photo that they are spread over.
    """

    trunk: str
    features: npt.NDArray[np.float16]
    places: tuple[PlaceFeatures, ...]
    seen: Region


@dataclass(frozen=True)
class PreviewRequest:
    source: str | bytes
    max_side: int


@dataclass(frozen=True)
class Preview:
    """Upright RGB pixels, uint8 [H, W, 3], neither side above the one asked for."""

    pixels: npt.NDArray[np.uint8]
    facts: Facts


@dataclass(frozen=True)
class Refused:
    """A request that could not be met, and why, in words for the user."""

    reason: str
