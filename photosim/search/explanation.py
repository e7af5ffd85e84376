"""Why two photos are similar: their similarity split over the places of one of them.

With average pooling the inner product of a part with another photo's is a sum over places, once the norms
are held fixed: a part is e = (W f / |f| + b) / |W f / |f| + b|, and the features f of a convolutional path
are the sum of what its places give. What belongs to no place (paths over the whole photo, the bias) is the
rest.
This is class activation mapping (Zhou et al. 2016, "Learning Deep Features for Discriminative Localization")
with the other photo in the place of a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photosim.model.embedding import Embedding, part_weights
from photosim.model.places import PlaceFeatures

Floats = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]
"""x, y, width and height as fractions."""

LEAST_SIDE = 0.25
"""Of a photo, the side of the smallest region that is worth searching for."""
_LEAST_HEAT = 0.5
"""Similarity that the hottest place would make if all places were as hot."""
_WARM = 0.25
"""Places that belong to an area are at least as warm as this,"""
_AS_WARM = (0.5, 0.6, 0.7, 0.8, 0.9)
"""and have this share of the warmth of the place asked about: the first that does not give half a photo."""
_MOST_OF_IT = 0.5


@dataclass(frozen=True)
class Split:
    """A similarity as a sum: `places` float32 [H, W], what belongs to no place of the photo, and the bias.

    `whole` comes from the paths that see the photo as a whole, for instance its colours; `bias` is the same
    for every photo but for a norm.
    """

    places: Floats
    whole: float
    bias: float

    @property
    def from_places(self) -> float:
        return float(self.places.sum())

    @property
    def rest(self) -> float:
        return self.whole + self.bias

    @property
    def similarity(self) -> float:
        return self.from_places + self.rest


@dataclass(frozen=True)
class Explanation:
    """What makes a photo similar to another one: `total` is weighed by the focus, `parts` are those of kind
    and thing by themselves, None for a part that the model lacks."""

    total: Split
    parts: tuple[Split | None, Split | None]


def explain(
    embedding: Embedding,
    features: npt.NDArray[np.float16],
    places: Sequence[PlaceFeatures],
    other: Floats,
    focus: float,
) -> Explanation:
    """Split the similarity of a photo to `other` over the places of the photo.

    features: those of the photo, [F]; places: its convolutional paths, all of the same height and width, at
    least one; other: the embedding float32 [dim] of the photo it is compared with, each part of unit norm and
    not weighed. The total is the similarity at `focus`, within the rounding of the features.
    """
    row = features.astype(np.float32)
    norm = max(float(np.linalg.norm(row)), 1e-12)
    of_no_place = row.copy()
    for path in places:
        of_no_place[path.columns] = 0
    splits: list[Split | None] = []
    start = 0
    for size in embedding.parts:
        part = slice(start, start + size)
        start += size
        if not size:
            splits.append(None)
            continue
        weight, bias = embedding.weight[:, part], embedding.bias[part]
        length = max(float(np.linalg.norm(row @ weight / np.float32(norm) + bias)), 1e-12)
        # What one unit of each feature adds to the part's inner product.
        worth = weight @ other[part] / np.float32(norm * length)
        by_place = sum(np.tensordot(worth[path.columns], path.values, axes=1) for path in places)
        splits.append(
            Split(
                np.asarray(by_place, np.float32),
                float(of_no_place @ worth),
                float(bias @ other[part]) / length,
            )
        )
    return Explanation(_weigh(splits, embedding.parts, focus), (splits[0], splits[1]))


def _weigh(splits: Sequence[Split | None], parts: tuple[int, int], focus: float) -> Split:
    weighed = [
        (weight, split)
        for weight, split in zip(part_weights(parts, focus), splits, strict=True)
        if split is not None
    ]
    return Split(
        np.sum([np.float32(weight) * split.places for weight, split in weighed], axis=0, dtype=np.float32),
        sum(weight * split.whole for weight, split in weighed),
        sum(weight * split.bias for weight, split in weighed),
    )


def heat(split: Split) -> Floats:
    """How much each place adds beside the hottest one, float32 [H, W] from 0 to 1.

    Places that make the photos less similar are cold. A bias below 0 is shared out evenly first: it takes
    from every place what photos have in common anyway. Where no place adds much (half of what each adds to
    the similarity of a photo with itself), none is hot.
    """
    count = split.places.size
    places = split.places + np.float32(min(split.bias, 0.0) / count)
    hottest = max(float(places.max()), _LEAST_HEAT / count)
    result: Floats = np.clip(places / np.float32(hottest), 0, 1)
    return result


def area_around(warmth: Floats, x: float, y: float) -> Box:
    """The warm area around a point of a heat map [H, W]: a box, all in fractions of the map.

    It holds the warm places that are connected with the point, and is at least LEAST_SIDE wide and high. An
    area that would be most of the photo is narrowed to its warmer places: it could as well be the photo.
    """
    row, column = _cell(y, warmth.shape[0]), _cell(x, warmth.shape[1])
    box = (0.0, 0.0, 1.0, 1.0)
    for share in _AS_WARM:
        box = _box(_connected(warmth, row, column, max(_WARM, share * float(warmth[row, column]))), warmth)
        if box[2] * box[3] <= _MOST_OF_IT:
            break
    return box


def _connected(warmth: Floats, row: int, column: int, least: float) -> set[tuple[int, int]]:
    """The places as warm as `least` that are connected with one, side by side; that one always."""
    found = {(row, column)}
    reached = [(row, column)] if warmth[row, column] >= least else []
    while reached:
        at = reached.pop()
        for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            near = (at[0] + down, at[1] + right)
            inside = 0 <= near[0] < warmth.shape[0] and 0 <= near[1] < warmth.shape[1]
            if inside and near not in found and warmth[near] >= least:
                found.add(near)
                reached.append(near)
    return found


def _box(places: set[tuple[int, int]], warmth: Floats) -> Box:
    height, width = warmth.shape
    rows, columns = [row for row, _ in places], [column for _, column in places]
    left, across = _at_least(min(columns) / width, (max(columns) + 1) / width)
    top, down = _at_least(min(rows) / height, (max(rows) + 1) / height)
    return left, top, across, down


def _cell(fraction: float, count: int) -> int:
    return min(max(int(fraction * count), 0), count - 1)


def _at_least(start: float, end: float) -> tuple[float, float]:
    """Start and length of a stretch within 0..1, widened about its middle to LEAST_SIDE."""
    length = max(end - start, LEAST_SIDE)
    start = min(max((start + end - length) / 2, 0.0), 1 - length)
    return start, length
