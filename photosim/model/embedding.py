"""Features to embeddings: the cheap second stage, one matrix product for a whole library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from photosim.errors import ModelError
from photosim.model.card import EMBEDDING, ModelCard

PART_NAMES = ("kind", "thing")
_LARGEST = 1e12
_ROWS = 2048  # brought to float32 at once: larger pieces cost more in memory than they save

Floats = npt.NDArray[np.float32]


class Embedding:
    """The linear embeddings of one model version, a weight [d, F] and a bias [d] for each part."""

    def __init__(self, weights: tuple[Floats, Floats], biases: tuple[Floats, Floats]) -> None:
        self.parts = (len(biases[0]), len(biases[1]))
        self.dim = sum(self.parts)
        self._weight = np.ascontiguousarray(np.concatenate(weights).T)
        self._bias = np.concatenate(biases)
        self._products = _products(weights)

    @property
    def weight(self) -> Floats:
        """[F, dim]: a unit row of features times this, plus the bias, is the embedding before its norms."""
        return self._weight

    @property
    def bias(self) -> Floats:
        """[dim], kind then thing."""
        return self._bias

    @property
    def weights(self) -> tuple[Floats, Floats]:
        """[d, F] of kind and of thing, as they were given."""
        kind = self.parts[0]
        return self._weight.T[:kind], self._weight.T[kind:]

    @property
    def biases(self) -> tuple[Floats, Floats]:
        """[d] of kind and of thing."""
        kind = self.parts[0]
        return self._bias[:kind], self._bias[kind:]

    def __call__(self, features: npt.NDArray[np.float16] | Floats) -> Floats:
        """Features [N, F], float16 or float32, to float32 [N, dim]: kind, then thing, each of unit norm.

        The features are brought to unit norm first. A photo without any feature has no direction, and
        gets the embedding of the origin.
        """
        if features.shape[1:] != self._weight.shape[:1]:
            raise ValueError(f"features must be [N, {len(self._weight)}], not {list(features.shape)}")
        embeddings: Floats = np.empty((len(features), self.dim), np.float32)
        rows: Floats = np.empty((min(len(features), _ROWS), features.shape[1]), np.float32)
        for start in range(0, len(features), _ROWS):
            some = features[start : start + _ROWS]
            np.copyto(rows[: len(some)], some)
            self._embed(rows[: len(some)], embeddings[start : start + _ROWS])
        return embeddings

    def _embed(self, rows: Floats, embeddings: Floats) -> None:
        for used, made, weight in self._products:
            embeddings[:, made] = rows[:, used] @ weight
        # The norm divides the few columns after the product, not the many before it.
        embeddings /= np.maximum(_norms(rows), np.float32(1e-12))
        embeddings += self._bias
        kind = self.parts[0]
        for part in (embeddings[:, :kind], embeddings[:, kind:]):
            part /= np.maximum(_norms(part), np.float32(1e-12))


def _products(weights: tuple[Floats, Floats]) -> list[tuple[slice, slice, Floats]]:
    """The matrix products that give kind and thing: columns of the features, of the embeddings, weight.

    Each part from the features it looks at alone, which are half of them where each has a path of its own.
    """
    used = []
    for weight in weights:
        columns = np.flatnonzero(weight.any(axis=0))
        used.append(slice(int(columns[0]), int(columns[-1]) + 1) if len(columns) else slice(0, 0))
    kind, dim = len(weights[0]), sum(len(weight) for weight in weights)
    if used[0] == used[1]:
        whole = np.concatenate(weights)[:, used[0]]
        return [(used[0], slice(0, dim), np.ascontiguousarray(whole.T))]
    places = (slice(0, kind), slice(kind, dim))
    return [
        (columns, place, np.ascontiguousarray(weight[:, columns].T))
        for columns, place, weight in zip(used, places, weights, strict=True)
        if len(weight)
    ]


def unit(rows: Floats) -> Floats:
    """The rows divided by their Euclidean norms; a row of zeros stays."""
    result: Floats = np.divide(rows, np.maximum(_norms(rows), np.float32(1e-12)))
    return result


def _norms(rows: Floats) -> Floats:
    """Euclidean norms of rows [N, D] as a column [N, 1]."""
    norms: Floats = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    return norms


def part_weights(parts: tuple[int, int], focus: float) -> tuple[float, float]:
    """How much kind and thing count at `focus` (0 kind, 1 thing), over the parts there are; sum 1."""
    if parts[0] == 0 or parts[1] == 0:
        return (1.0, 0.0) if parts[1] == 0 else (0.0, 1.0)
    return (1.0 - focus, focus)


def embedding_file(embedding: Embedding) -> bytes:
    """The safetensors file of an embedding, as `read_embedding` reads it."""
    tensors: dict[str, Floats] = {}
    for name, weight, bias in zip(PART_NAMES, embedding.weights, embedding.biases, strict=True):
        if len(bias):
            tensors |= {
                f"{name}.weight": np.ascontiguousarray(weight),
                f"{name}.bias": np.ascontiguousarray(bias),
            }
    data: bytes = save(tensors)
    return data


def load_embedding(card: ModelCard) -> Embedding:
    """The embedding of the model; raises ModelError where its file is missing, damaged or foreign."""
    return read_embedding(card.read_file(EMBEDDING), card, card.folder / EMBEDDING)


def read_embedding(data: bytes, card: ModelCard, path: Path) -> Embedding:
    """The embedding in a file's bytes, checked against its card; errors name `path`."""
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path} is damaged or no safetensors file: get the model again") from error
    weights: list[Floats] = []
    biases: list[Floats] = []
    for name, dim in zip(PART_NAMES, card.parts, strict=True):
        weights.append(_tensor(tensors, f"{name}.weight", (dim, card.feature_dim), path))
        biases.append(_tensor(tensors, f"{name}.bias", (dim,), path))
    if tensors:
        raise ModelError(f"{path} holds {sorted(tensors)[0]!r}, which no model of this format has")
    return Embedding((weights[0], weights[1]), (biases[0], biases[1]))


def _tensor(
    tensors: dict[str, npt.NDArray[np.generic]], name: str, shape: tuple[int, ...], path: Path
) -> Floats:
    """Take `name` out of `tensors`; a part of dimension 0 is not in the file."""
    if shape[0] == 0:
        return np.zeros(shape, np.float32)
    tensor = tensors.pop(name, None)
    if tensor is None or tensor.shape != shape or tensor.dtype.kind != "f":
        raise ModelError(f"{path} does not fit its card ({name} of shape {shape}): get the model again")
    with np.errstate(over="ignore"):  # a float64 too large for float32: infinite, and refused
        result = tensor.astype(np.float32)
    # Beyond the limit the squares of a product overflow, and every similarity would be no number.
    if not np.isfinite(result).all() or np.abs(result).max(initial=0) > _LARGEST:
        raise ModelError(f"{path} is damaged ({name} has values that are no numbers): get the model again")
    return result
