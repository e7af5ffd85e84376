"""Features before they are averaged: what each place of a photo gives to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PlaceFeatures:
    """One convolutional path of a network over one photo, place by place.

    `values`, float32 [n, H, W], are what each of H x W places gives to the features from column `start` on:
    their sum over the places is features[start : start + n], but for the rounding of stored features.
    """

    start: int
    values: Floats

    @property
    def columns(self) -> slice:
        """The columns of the features that the places make."""
        return slice(self.start, self.start + len(self.values))


def average_pooled(maps: Floats, start: int = 0) -> PlaceFeatures:
    """The places of features that are the plain mean of the last maps [n, H, W]."""
    return PlaceFeatures(start, maps / np.float32(maps[0].size))


def reduced(maps: Floats, reduction: Floats, start: int) -> PlaceFeatures:
    """The places of a path whose pooled maps a linear reduction takes on, and whose result is brought to
    unit norm: maps [C, H, W], reduction [n, C].

    The norm is that of the whole photo and held fixed, so that the places add up. A path without any
    feature has places without any.
    """
    channels, height, width = maps.shape
    values = reduction @ (maps.reshape(channels, height * width) / np.float32(height * width))
    values /= max(float(np.linalg.norm(values.sum(axis=1))), 1e-12)
    return PlaceFeatures(start, np.ascontiguousarray(values.reshape(-1, height, width), np.float32))
