"""Local features and their geometry: whether, and where, one picture shows what another shows.

Importing it loads OpenCV: it is for those who are asked to verify.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from photosim.errors import UnreadablePhoto

VERSION = 1
"""Of what `describe` finds and `to_bytes` writes; other versions are made anew."""

MOST = 500
"""Keypoints of a picture, the strongest ones."""
RATIO = 0.8
LEAST_INLIERS = 8
"""Fewer say nothing: so many agree by chance now and then."""
_CONTRAST = 0.02
"""Half of Lowe's: a photo of a print has lost some."""
_SIDE = 384
_ERROR = 4.0
"""Pixels, at a long side of _SIDE, by which a point may miss its place."""
_ITERATIONS = 1000
_AREAS = (0.01, 100.0)
"""What a picture may grow or shrink by in the other, as areas."""
_LEAST_ANGLE = 0.1
"""Sine of the sharpest corner of an outline."""
_SQUEEZE = 8.0
"""How much more a picture may shrink one way than the other: one seen from further aside is chance."""
_HEAD = struct.Struct("<HHH")

Points = npt.NDArray[np.float32]
_Floats = npt.NDArray[np.float64]

# The photos are worked on in threads, one each: OpenCV's own would only get in one another's way.
cv2.setNumThreads(0)


@dataclass(frozen=True)
class Keypoints:
    """What is remarkable in a picture of `width` x `height` pixels, the strongest first.

    places: float32 [N, 2], x and y as fractions 0..1 of the picture; descriptors: SIFT's, uint8 [N, 128].
    """

    width: int
    height: int
    places: Points
    descriptors: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.places)

    def to_bytes(self) -> bytes:
        """132 bytes a keypoint; places are kept to 1/65535."""
        places = np.round(self.places * 65535).astype("<u2")
        head = _HEAD.pack(self.width, self.height, len(self))
        return head + places.tobytes() + self.descriptors.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Keypoints:
        """What `to_bytes` wrote. Raises ValueError for anything else."""
        if len(data) < _HEAD.size:
            raise ValueError("not the keypoints of a picture")
        width, height, count = _HEAD.unpack_from(data)
        if len(data) != _HEAD.size + count * (4 + 128) or not width or not height:
            raise ValueError("not the keypoints of a picture")
        places = np.frombuffer(data, "<u2", 2 * count, _HEAD.size).reshape(count, 2)
        descriptors = np.frombuffer(data, np.uint8, 128 * count, _HEAD.size + 4 * count)
        return cls(
            width, height, places.astype(np.float32) / np.float32(65535), descriptors.reshape(count, 128)
        )


@dataclass(frozen=True)
class Match:
    """A picture, the query, found again in another one, the result.

    query_points, result_points: float32 [N, 2], the same N places in both, as fractions 0..1 of each picture;
    outline: float32 [4, 2], where the query's corners (top left, top right, bottom right, bottom left) lie in
    the result, in fractions of it, outside 0..1 where it shows only a part.
    """

    query_points: Points
    result_points: Points
    outline: Points

    @property
    def inliers(self) -> int:
        """How many places agree."""
        return len(self.query_points)


def describe(jpeg: bytes) -> Keypoints:
    """The keypoints of a picture: SIFT (Lowe 2004), the strongest `MOST`. Same bytes, same keypoints.

    For pictures that photosim itself has written: OpenCV's decoder is not guarded as that for foreign files.
    Raises UnreadablePhoto for what is no picture.
    """
    grey = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE) if jpeg else None
    if grey is None:
        raise UnreadablePhoto("not an image")
    height, width = grey.shape
    found, descriptors = cv2.SIFT.create(nfeatures=MOST, contrastThreshold=_CONTRAST).detectAndCompute(
        grey, None
    )
    if not found:
        return Keypoints(width, height, np.empty((0, 2), np.float32), np.empty((0, 128), np.uint8))
    places = np.array([point.pt for point in found], np.float32) / np.array([width, height], np.float32)
    strongest = np.argsort([-point.response for point in found], kind="stable")[:MOST]
    return Keypoints(
        width,
        height,
        np.clip(places[strongest], 0, 1),
        # SIFT's own numbers are whole and below 256, whatever their type.
        descriptors[strongest].astype(np.uint8),
    )


def match(query: Keypoints, result: Keypoints) -> Match | None:
    """Where the query is seen in the result, as one plane seen from another place; None where it is not.

    Root-SIFT descriptors (Arandjelovic and Zisserman 2012) are paired by Lowe's ratio test, and a homography
    is fitted by MAGSAC++ (Barath et al. 2020). One that mirrors, folds or squeezes the query out of shape,
    or that fewer than LEAST_INLIERS places agree with, is none. Same arguments, same answer.
    """
    at, to = _pairs(query, result)
    if len(at) < LEAST_INLIERS:
        return None
    query_size = np.array([query.width, query.height], np.float64)
    result_size = np.array([result.width, result.height], np.float64)
    # In pixels of pictures of one size, so that one bound serves all.
    query_scale, result_scale = query_size * _SIDE / query_size.max(), result_size * _SIDE / result_size.max()
    source = query.places[at].astype(np.float64) * query_scale
    target = result.places[to].astype(np.float64) * result_scale
    homography, agreeing = cv2.findHomography(
        source, target, cv2.USAC_MAGSAC, _ERROR, maxIters=_ITERATIONS, confidence=0.999
    )
    if homography is None:
        return None
    inliers = agreeing.ravel().astype(bool)
    inliers &= _first_of_each(source) & _first_of_each(target)
    if int(inliers.sum()) < LEAST_INLIERS:
        return None
    outline = _outline(np.asarray(homography, np.float64), query_scale)
    if outline is None or not _is_a_view(outline, query_scale):
        return None
    return Match(
        query.places[at[inliers]], result.places[to[inliers]], (outline / result_scale).astype(np.float32)
    )


def _pairs(query: Keypoints, result: Keypoints) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows of the query and of the result that resemble each other far more than any other: int [M] each."""
    none = np.empty(0, np.intp)
    if len(query) < LEAST_INLIERS or len(result) < LEAST_INLIERS:
        return none, none
    # OpenCV's matcher makes an object of every pair; one matrix product does the same in a fifth of the time.
    alike = _root(query.descriptors) @ _root(result.descriptors).T
    rows = np.arange(len(query))
    nearest = alike.argmax(axis=1)
    first = alike[rows, nearest]
    alike[rows, nearest] = -1.0
    second = alike.max(axis=1)
    kept = np.flatnonzero((2 - 2 * first) < RATIO**2 * (2 - 2 * second))
    # A place of the result belongs to the one of the query that is most like it.
    kept = kept[np.argsort(-first[kept], kind="stable")]
    _, once = np.unique(nearest[kept], return_index=True)
    kept = np.sort(kept[once])
    return kept, nearest[kept]


def _root(descriptors: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Root-SIFT: float32 [N, 128] of unit norm, whose inner product is the Hellinger kernel of SIFT's."""
    numbers = descriptors.astype(np.float32)
    root: npt.NDArray[np.float32] = np.sqrt(numbers / np.maximum(numbers.sum(axis=1, keepdims=True), 1e-6))
    return root


def _first_of_each(places: _Floats) -> npt.NDArray[np.bool_]:
    """Which of these are the first at their place: SIFT gives one place several directions."""
    _, first = np.unique(np.round(places), axis=0, return_index=True)
    firsts = np.zeros(len(places), np.bool_)
    firsts[first] = True
    return firsts


def _outline(homography: _Floats, size: _Floats) -> _Floats | None:
    """Where the corners of a picture come to lie: [4, 2]; None where one is beyond the horizon."""
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64) * size
    mapped = np.column_stack([corners, np.ones(4)]) @ homography.T
    depth = mapped[:, 2]
    if not np.all(np.isfinite(mapped)) or not np.all(depth * depth[0] > 0):
        return None
    return mapped[:, :2] / depth[:, np.newaxis]


def _is_a_view(outline: _Floats, size: _Floats) -> bool:
    """Whether a picture of this size can look so: not mirrored, not folded, not out of all proportion."""
    sides = np.roll(outline, -1, axis=0) - outline
    lengths = np.linalg.norm(sides, axis=1)
    if lengths.min() < 1.0:
        return False
    following = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    if (turns / (lengths * np.roll(lengths, -1))).min() < _LEAST_ANGLE:
        return False  # not convex, or not turning as the picture's own corners do
    across, down = (sides[0] - sides[2]) / 2, (sides[1] - sides[3]) / 2
    most, least = np.linalg.svd(np.column_stack([across, down]) / size, compute_uv=False)
    return bool(most <= _SQUEEZE * least and _AREAS[0] <= most * least <= _AREAS[1])
