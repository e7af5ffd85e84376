"""An embedding without training: half-whitened principal components of the trunk's features."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from photosim.model.embedding import Embedding, unit
from photosim.training.evaluation import evaluate_classes

Floats = npt.NDArray[np.float32]


def half_whitened(features: npt.NDArray[np.float16] | Floats, dimensions: int) -> tuple[Floats, Floats]:
    """Weight [d, F] and bias [d] of the linear embedding fitted to `features` [N, F]: half way to whitening,
    each principal direction divided by the fourth root of its variance. See `whitened`.
    """
    return whitened(features, dimensions, 0.25)


def whitened(
    features: npt.NDArray[np.float16] | Floats, dimensions: int, power: float
) -> tuple[Floats, Floats]:
    """Weight [d, F] and bias [d]: the first principal directions of the unit features [N, F], each divided by
    its variance to this power, 0.5 for full whitening (Jegou and Chum 2012, "Negative evidences and
    co-occurrences in image retrieval: the benefit of PCA and whitening").

    The mean variance is added to each, for the small ones are mostly noise, which would be amplified.
    """
    rows = unit(features.astype(np.float32)).astype(np.float64)
    mean = rows.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.cov(rows, rowvar=False))
    directions = vectors.T[::-1][:dimensions]
    # The sign of a direction is arbitrary: fixed, so that the same features give the same file.
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(dimensions), largest])[:, None]
    scale = (variances[::-1][:dimensions] + variances.mean()) ** -power
    # Row by row in memory, as safetensors silently takes it to be.
    weight = np.ascontiguousarray(directions * scale[:, None])
    return weight.astype(np.float32), (-weight @ mean).astype(np.float32)


def kind_embedding(weight: Floats, bias: Floats) -> Embedding:
    """An embedding of one part."""
    nothing = (np.zeros((0, weight.shape[1]), np.float32), np.zeros(0, np.float32))
    return Embedding((weight, nothing[0]), (bias, nothing[1]))


def held_out(
    features: npt.NDArray[np.float16] | Floats, labels: npt.NDArray[np.integer], dimensions: int
) -> tuple[float, float]:
    """mAP of the raw features and of the projection, on classes the projection was not fitted to.

    The classes are split in two; each half is measured with a projection fitted to the other. Mean of both.
    """
    values = np.random.default_rng(0).permutation(np.unique(labels))
    first = np.isin(labels, values[: len(values) // 2])
    raw, projected = [], []
    for fitted, measured in ((first, ~first), (~first, first)):
        embedding = kind_embedding(*half_whitened(features[fitted], dimensions))
        rows = features[measured]
        plain = unit(rows.astype(np.float32))
        raw.append(evaluate_classes(plain, labels[measured], (plain.shape[1], 0), 0.0)["mAP"])
        projected.append(evaluate_classes(embedding(rows), labels[measured], embedding.parts, 0.0)["mAP"])
    return float(np.mean(raw)), float(np.mean(projected))
