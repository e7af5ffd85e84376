"""Linear maps of features, which an embedding is made of, and how they are turned, whitened and shortened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photosim.model.embedding import unit
from photosim.teaching.lesson import Aspect

Floats = npt.NDArray[np.float32]

_FLOOR = 0.05  # of the mean variance, added before whitening: the smallest directions are noise


@dataclass(frozen=True)
class LinearMap:
    """A linear map of unit features: weight float32 [F, d] and bias float32 [d]."""

    weight: Floats
    bias: Floats

    def __call__(self, rows: Floats) -> Floats:
        return np.asarray(rows @ self.weight + self.bias)

    def scaled(self, factor: float) -> LinearMap:
        return LinearMap(self.weight * np.float32(factor), self.bias * np.float32(factor))


def of_unit_size(found: LinearMap, rows: Floats) -> LinearMap:
    """The map scaled so that the mean squared norm of its values over `rows` [M, F] is 1."""
    size = float(np.sqrt(np.square(found(rows)).sum(axis=1).mean()))
    return found.scaled(1 / (size or 1.0))


def aspect_map(aspect: Aspect, rows: Floats) -> LinearMap | None:
    """The aspect centred, turned to its principal directions and whitened on unit rows [M, F], of unit size;
    None where the photos do not differ in it.
    """
    values = rows @ aspect.weight.T
    mean = values.mean(axis=0)
    covariance = np.cov(values, rowvar=False).astype(np.float64)
    variances, vectors = np.linalg.eigh(np.atleast_2d(covariance))
    variances, vectors = variances[::-1][: aspect.dimensions], vectors[:, ::-1][:, : aspect.dimensions]
    variances = np.maximum(variances, 0)
    if variances.sum() < 1e-12:
        return None
    scale = (variances + _FLOOR * variances.mean()) ** -aspect.whitening
    turned = (vectors * scale).astype(np.float32)
    return of_unit_size(LinearMap(aspect.weight.T @ turned, -(mean @ turned).astype(np.float32)), rows)


def joined(maps: list[LinearMap], shares: Floats) -> LinearMap:
    """One map whose inner products are those of `maps`, each counting with its share."""
    parts = [one.scaled(float(np.sqrt(share))) for one, share in zip(maps, shares, strict=True)]
    return LinearMap(
        np.concatenate([one.weight for one in parts], axis=1), np.concatenate([one.bias for one in parts])
    )


def shortened(found: LinearMap, rows: Floats, dimensions: int) -> LinearMap:
    """The map turned to the directions that hold most of its unit values over `rows` [M, F], `dimensions` of
    them: inner products change least.
    """
    if len(found.bias) <= dimensions:
        return found
    values = unit(found(rows)).astype(np.float64)
    vectors = np.linalg.eigh(values.T @ values)[1][:, ::-1][:, :dimensions].astype(np.float32)
    return LinearMap(found.weight @ vectors, found.bias @ vectors)
