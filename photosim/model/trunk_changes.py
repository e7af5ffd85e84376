"""What a tuned trunk differs in: whole tensors by name, which take the place of those of the trunk it was
made from.

A tuned trunk brings no graph of its own. The CPU's runtime opens the graph that came with the program and
gives it other constants; torch loads the weights that came with the program and gives it the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from photosim.errors import ModelError
from photosim.model.card import TRUNK_CHANGES, TRUNK_WEIGHTS, ModelCard, tuned_trunk

Floats = npt.NDArray[np.float32]


def save_changes(tensors: Mapping[str, Floats], base: str) -> tuple[str, bytes]:
    """The version of the trunk that these tensors make of the trunk `base`, and the file that keeps them."""
    data = save({name: np.ascontiguousarray(tensor, np.float32) for name, tensor in sorted(tensors.items())})
    return tuned_trunk(base, hashlib.sha256(data).hexdigest()), data


def load_changes(card: ModelCard) -> dict[str, Floats]:
    """The tensors in which the model's trunk differs from its `trunk_base`; none for a trunk of no other.

    Raises ModelError where the file is missing, damaged or foreign. Whether names and shapes are those of the
    trunk shows where they are put in its place.
    """
    if card.trunk_base is None:
        return {}
    try:
        tensors = load(card.read_file(TRUNK_CHANGES))
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise misfit(card, "it is no safetensors file") from error
    if not tensors:
        raise misfit(card, "it changes nothing")
    for name, tensor in tensors.items():
        if tensor.dtype != np.float32:
            raise misfit(card, f"{name} is not in full precision")
        if not np.isfinite(tensor).all():
            raise misfit(card, f"{name} has values that are no numbers")
    return tensors


def load_weights(
    card: ModelCard, changes: Mapping[str, Floats] | None = None
) -> dict[str, npt.NDArray[np.generic]]:
    """The trunk's weights by name, in the precision they are kept in, a tuned trunk's changes among them.

    `changes` are others than those the model has.
    Raises ModelError where a file is missing, damaged or foreign, or the changes are of another trunk.
    """
    try:
        weights: dict[str, npt.NDArray[np.generic]] = load(card.read_file(TRUNK_WEIGHTS))
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        path = card.folder / TRUNK_WEIGHTS
        raise ModelError(f"{path} does not hold the weights of its model: get the model again") from error
    for name, tensor in (load_changes(card) if changes is None else changes).items():
        if name not in weights:
            raise misfit(card, f"{card.needed_trunk} has no {name}")
        if weights[name].shape != tensor.shape:
            raise misfit(card, f"{name} has another shape in {card.needed_trunk}")
        weights[name] = tensor
    return weights


def misfit(card: ModelCard, reason: str) -> ModelError:
    """The error for a file of changes that cannot be used."""
    path = card.folder / TRUNK_CHANGES
    return ModelError(f"{path} cannot be used ({reason}): get the model again")
