"""What a model is compared with: simpler rankings, each as embeddings of one part.

All are compared by inner product, as a model's embeddings are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from photosim.model.embedding import unit

# 4 x 4 x 4 colours.
_LEVELS = 4
_HASH_BYTES = 8

Floats = npt.NDArray[np.float32]


def colour_histogram(pixels: npt.NDArray[np.uint8]) -> Floats:
    """The shares [64] of 64 colours in uint8 RGB [H, W, 3], square-rooted, so that the inner product is
    Bhattacharyya's coefficient."""
    levels = pixels.reshape(-1, 3).astype(np.intp) * _LEVELS // 256
    colours = (levels[:, 0] * _LEVELS + levels[:, 1]) * _LEVELS + levels[:, 2]
    return np.sqrt(np.bincount(colours, minlength=_LEVELS**3) / len(colours)).astype(np.float32)


def hash_vectors(hashes: Sequence[int]) -> Floats:
    """Perceptual hashes as unit vectors [N, 64]: their inner product is 1 - Hamming distance / 32."""
    data = b"".join(value.to_bytes(_HASH_BYTES, "big") for value in hashes)
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).reshape(-1, 8 * _HASH_BYTES)
    return np.where(bits == 1, np.float32(0.125), np.float32(-0.125))


def raw_features(features: npt.NDArray[np.float16]) -> Floats:
    """A trunk's features [N, F] as they are, of unit norm: compared by the cosine."""
    return unit(features.astype(np.float32))


def without_path(
    features: npt.NDArray[np.float16], sizes: Sequence[int], path: int
) -> npt.NDArray[np.float16]:
    """Features [N, F] with those of one path zero; `sizes` are the dimensions of the paths, in order."""
    first = sum(sizes[:path])
    result = features.copy()
    result[:, first : first + sizes[path]] = 0
    return result
