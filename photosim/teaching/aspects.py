"""What a trunk's features tell of a photo beside the model's own embedding: ways in which it may be similar.

A user's idea of similar is often one that training on kinds and things makes a network forget: colours and
textures, wherever they are in the photo, or how light and dark are laid out. The two shallow paths still have
both, so each gives two aspects, linear in the features as an embedding must be:

- layout: the path's features as they are, channels by places;
- appearance: the same averaged over places, for which the path's fixed reduction is undone first. Its rows
  are orthonormal, so that its transpose is its inverse on what it kept.
"""

from __future__ import annotations

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from photosim.errors import ModelError
from photosim.model.card import TRUNK_WEIGHTS, ModelCard
from photosim.model.network import PATHS, SHALLOW_CHANNELS, SHALLOW_FEATURES
from photosim.teaching.lesson import Aspect

_SHALLOW = ("fine", "coarse")


def shallow_aspects(card: ModelCard) -> tuple[Aspect, ...]:
    """The aspects that a model's shallow paths give; none for a model without such paths.

    Raises ModelError where the trunk's weights are damaged or do not fit the card.
    """
    if len(card.paths) != len(PATHS):
        return ()
    try:
        tensors = load(card.read_file(TRUNK_WEIGHTS))
        found: list[Aspect] = []
        for name in _SHALLOW:
            place = PATHS.index(name)
            start, size = sum(card.paths[:place]), card.paths[place]
            reduction = tensors[f"reductions.{name}.weight"].astype(np.float32)
            if reduction.shape != (size, SHALLOW_FEATURES):
                raise ValueError(f"a reduction of shape {reduction.shape}")
            layout = np.zeros((size, card.feature_dim), np.float32)
            layout[:, start : start + size] = np.eye(size)
            places = reduction.reshape(size, SHALLOW_CHANNELS, -1)
            appearance = np.zeros((SHALLOW_CHANNELS, card.feature_dim), np.float32)
            appearance[:, start : start + size] = places.mean(axis=2).T
            found.append(Aspect(f"layout, {name}", layout, 64, 0.0))
            found.append(Aspect(f"appearance, {name}", appearance, SHALLOW_CHANNELS, 0.5))
    except (SafetensorError, KeyError, ValueError) as error:
        raise ModelError(
            f"{card.folder / TRUNK_WEIGHTS} does not fit its card: get the model again"
        ) from error
    return tuple(found)
