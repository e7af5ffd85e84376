"""What comes out of tuning a trunk too, and how long it will take. No torch."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from photosim.model.card import TRUNK_BASE, TRUNK_CHANGES, ModelCard
from photosim.model.device import choose
from photosim.teaching.gathering import Gathered

# Photos of the library that the tuned trunk must see as before.
REHEARSED = 500
# Answers beyond these teach the embedding alone: each is about three photos, whose maps of 49 KB each, and as
# many of their views, would take hours to read and more memory than there is. With the most of all it is
# 0.5 GB. Of those left out of the training, to say when to stop, and of those kept back for the comparison,
# some are as good as all.
MOST_TRIPLETS, MOST_LEFT_OUT, MOST_KEPT_BACK = 1000, 250, 500
LEFT_OUT = 0.2
MOST_VIEWS = 1500
MOST_VIEWS_OF_ONE = 5
# Steps for few answers, and for many.
LEAST_STEPS, MOST_STEPS = 60, 240

# In the time in which the CPU's runtime reads one photo with one thread. Measured with torch 2.13 and ONNX
# Runtime 1.31 on a two-core x86-64 machine: the making of a view and its way to the last blocks, a step of
# training, both over the cores; and the decoding of a file of 12 megapixels.
_A_VIEW = 1.3
_A_STEP = 60.0
_A_DECODE = 1.2
# Seconds until torch is loaded, and for the two embeddings that are tuned first.
_BEFORE_AND_AFTER = 40.0
# A GPU takes so much less for a step; for all else the CPU has as much to do, or the disk.
_GPU_STEPS = 20.0
_TIMED_PHOTOS = 4


@dataclass(frozen=True)
class TrunkChanges:
    """A tuned trunk: its version, the one it was made from, and the file of tensors in which it differs.

    `gathered` is what it was tuned with, all features now those of the new trunk, of the photos' thumbnails:
    by them a model is judged before any photo of the library has been read again. `settings` are what was
    used, `right_before` and `right_after` the shares of left-out answers that the two trunks rank right,
    under one embedding. `unseen` answers were left out, since a thumbnail of their photos was missing.
    """

    trunk: str
    base: str
    data: bytes = field(repr=False)
    gathered: Gathered = field(repr=False)
    right_before: float
    right_after: float
    settings: dict[str, Any] = field(default_factory=dict, hash=False)
    unseen: int = 0

    @property
    def files(self) -> dict[str, bytes]:
        """What a model with this trunk has in its folder beside its embedding."""
        return {TRUNK_CHANGES: self.data}

    @property
    def entries(self) -> dict[str, Any]:
        """What the card of a model with this trunk says of it."""
        return {"trunk": self.trunk, TRUNK_BASE: self.base}


@dataclass(frozen=True)
class TrunkEstimate:
    """How long it will take, in seconds: the training, then the reading of the library in the background.

    `device` is what it was reckoned for.
    """

    training: float
    reading: float
    device: str


def can_be_tuned(card: ModelCard) -> bool:
    """Whether the model's trunk is one of two parts, whose last blocks can be tuned; nothing is opened."""
    return min(card.parts) > 0


def views_of_one(photos: int) -> int:
    """How many random views are made of each photo that an answer is about, beside the whole photo."""
    return max(1, min(MOST_VIEWS_OF_ONE, MOST_VIEWS // max(1, photos)))


def steps_in_views(steps: int, device: str) -> float:
    """How many views could be made while so many steps are trained on a device of this kind."""
    return steps * _A_STEP / _A_VIEW / (1 if device == "cpu" else _GPU_STEPS)


def steps_for(triplets: int) -> int:
    """The most training steps for so many answers."""
    return max(LEAST_STEPS, min(MOST_STEPS, 3 * triplets))


def rows_of(answers: int, kept_back: int, photos: int) -> tuple[int, int]:
    """How many photos and views of photos are read, at most, in a library of so many photos; and the most
    steps."""
    out = round(LEFT_OUT * answers)
    learned, out = min(answers - out, MOST_TRIPLETS), min(out, MOST_LEFT_OUT)
    asked = min(photos, 3 * (learned + out + min(kept_back, MOST_KEPT_BACK)))
    viewed = min(photos, 3 * learned)
    return asked + viewed * views_of_one(viewed) + min(photos - asked, REHEARSED), steps_for(learned)


def estimate(
    card: ModelCard,
    answers: int,
    kept_back: int,
    photos: int,
    device: str = "auto",
    threads: int | None = None,
) -> TrunkEstimate:
    """How long so many answers to learn from, and `kept_back` others, will take on this machine, and then
    the reading of a library of so many photos.

    Runs the model on a few pictures to know this machine, which takes a second: not for the GUI's thread.
    The rest is reckoned from that; a training that stops early takes less. Raises ModelError where the model
    is damaged.
    """
    from photosim.model.device import available_cores
    from photosim.model.onnx_runtime import OnnxRuntime

    chosen = choose(device)
    cores = threads or available_cores()
    runtime = OnnxRuntime(card, 1)
    pixels = np.zeros((_TIMED_PHOTOS, card.input_size, card.input_size, 3), np.uint8)
    runtime.features(pixels)  # the first time is slower than any other
    began = time.perf_counter()
    runtime.features(pixels)
    unit = (time.perf_counter() - began) / _TIMED_PHOTOS / cores
    read, steps = rows_of(answers, kept_back, photos)
    views = read + steps_in_views(steps, chosen.kind)
    training = _BEFORE_AND_AFTER + unit * _A_VIEW * views
    reading = photos * unit * (_A_DECODE + (1 if chosen.kind == "cpu" else 0))
    return TrunkEstimate(training, reading, chosen.name)
