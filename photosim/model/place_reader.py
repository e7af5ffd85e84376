"""Reads what the places of a photo give to its features, from the last maps of a model's graph."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from photosim.model.card import ModelCard
from photosim.model.places import Floats, PlaceFeatures, average_pooled, reduced
from photosim.model.runtime import Runtime
from photosim.model.trunk_changes import load_weights

PATHS = ("kind", "thing")
"""The convolutional paths, in the order of their features; those of all other paths follow."""


class PlaceReader:
    """Splits the features of photos over their places, for one model.

    `runtime` is what runs the model anyway. On a GPU, which does not give the maps, the CPU does this: it is
    two photos at a time. Raises ModelError where the model's files are missing, damaged or not of its graph.
    """

    def __init__(self, card: ModelCard, runtime: Runtime, threads: int) -> None:
        from photosim.model.onnx_runtime import OnnxRuntime

        self.trunk = card.trunk
        self._runtime = runtime if isinstance(runtime, OnnxRuntime) else OnnxRuntime(card, threads)
        self._reductions = _load_reductions(card)

    def read(
        self, pixels: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.float16], tuple[PlaceFeatures, ...]]:
        """One photo, uint8 RGB [S, S, 3]: its features float16 [F], and the places of each convolutional
        path; no places where the graph does not give its maps."""
        batch = pixels[np.newaxis]
        maps = self._runtime.maps(batch)
        places: list[PlaceFeatures] = []
        start = 0
        for path in PATHS:
            found = maps.get(f"{path}_maps")
            if found is None:
                continue
            reduction = self._reductions.get(path)
            places.append(
                average_pooled(found[0], start) if reduction is None else reduced(found[0], reduction, start)
            )
            start += len(places[-1].values)
        return self._runtime.features(batch)[0], tuple(places)


def _load_reductions(card: ModelCard) -> dict[str, Floats]:
    """The fixed linear maps [n, C] of the paths, by path; none where features are plain means."""
    weights = load_weights(card)
    keys = {path: f"reductions.{path}.weight" for path in PATHS}
    return {path: weights[key].astype(np.float32) for path, key in keys.items() if key in weights}
