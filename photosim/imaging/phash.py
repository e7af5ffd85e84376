"""A perceptual hash: 64 bits that change little where a photo is scaled, recompressed or retouched."""

from __future__ import annotations

import numpy as np
from PIL import Image

NEAR_COPY_BITS = 8
"""Photos whose hashes differ in at most so many bits are near copies."""

_SIDE = 32
_BITS = 64


def perceptual_hash(image: Image.Image) -> int:
    """The hash of an upright image as an unsigned number of 64 bits.

    The DCT hash of Zauner 2010, *Implementation and Benchmarking of Perceptual Image Hash Functions*:
    grey, 32 x 32, cosine transform, the 64 lowest frequencies against their median; the constant term,
    which says only how bright the photo is, is left out. Near copies differ in few bits (NEAR_COPY_BITS),
    different photos in about 32; an image of one colour has the hash 0.
    """
    grey = np.asarray(image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX), dtype=np.float64)
    frequencies = (_COSINES @ grey @ _COSINES.T)[_ROWS, _COLUMNS]
    # Rounded, so that the last bits of a sum do not decide where a photo has no such frequency.
    frequencies = np.round(frequencies, 3)
    bits = frequencies > np.median(frequencies)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _cosines() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The matrix of the cosine transform (DCT-II, orthonormal), [frequency, sample]."""
    frequency = np.arange(_SIDE)[:, None]
    sample = np.arange(_SIDE)[None, :]
    matrix = np.cos(np.pi * (2 * sample + 1) * frequency / (2 * _SIDE)) * np.sqrt(2 / _SIDE)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, dtype=np.float64)


_COSINES = _cosines()
_LOWEST = sorted((u + v, u, v) for u in range(_SIDE) for v in range(_SIDE))[1 : _BITS + 1]
_ROWS = [u for _, u, _ in _LOWEST]
_COLUMNS = [v for _, _, v in _LOWEST]
