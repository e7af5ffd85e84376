"""Transformed copies: each transformation as named, the same for the same photo."""

from __future__ import annotations

import numpy as np
import pytest

from photosim.training.changes import Pixels
from photosim.training.copies import TRANSFORMATIONS, transformed_copy

RED = np.full((120, 160, 3), (220, 30, 30), np.uint8)
BLUE = np.full((90, 90, 3), (30, 30, 220), np.uint8)


def textured(width: int, height: int, seed: int = 0) -> Pixels:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    rows, columns = np.arange(height) * 8 // height, np.arange(width) * 8 // width
    return np.ascontiguousarray(coarse[rows][:, columns])


def test_the_transformations_are_those_of_the_validation() -> None:
    assert list(TRANSFORMATIONS) == ["crop", "perspective", "rotation", "blur", "jpeg", "light", "print"]
    with pytest.raises(KeyError):
        transformed_copy(RED, "mirror", BLUE, 0)


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_a_copy_depends_on_photo_and_seed_alone(name: str) -> None:
    photo, other = textured(160, 120), textured(90, 120, 1)
    before = photo.copy(), other.copy()
    copy = transformed_copy(photo, name, other, 3)
    assert copy.dtype == np.uint8 and copy.ndim == 3 and copy.shape[2] == 3
    np.testing.assert_array_equal(transformed_copy(photo, name, other, 3), copy)
    np.testing.assert_array_equal(photo, before[0])
    np.testing.assert_array_equal(other, before[1])
    assert copy.shape != photo.shape or np.abs(copy.astype(int) - photo).mean() > 1
    seeds = {transformed_copy(photo, name, other, seed).tobytes() for seed in range(20)}
    assert len(seeds) == 1 if name in ("blur", "jpeg") else len(seeds) > 1


@pytest.mark.parametrize("name", TRANSFORMATIONS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (3, 5)])
def test_photos_of_any_shape_have_copies(name: str, shape: tuple[int, int]) -> None:
    odd = textured(shape[1], shape[0])
    for seed in range(5):
        copy = transformed_copy(odd, name, odd, seed)
        assert min(copy.shape) > 0


def test_a_crop_is_half_of_the_area_of_the_photos_own_pixels() -> None:
    columns, rows = np.meshgrid(np.arange(160), np.arange(120))
    photo = np.stack((columns, rows, np.zeros_like(rows)), axis=2).astype(np.uint8)
    crop = transformed_copy(photo, "crop", BLUE, 0)
    assert crop.shape[0] * crop.shape[1] == pytest.approx(160 * 120 / 2, rel=0.02)
    assert crop.shape[1] / crop.shape[0] == pytest.approx(160 / 120, rel=0.03)
    x, y = crop[0, 0, :2].tolist()
    assert np.abs(crop.astype(int) - photo[y : y + crop.shape[0], x : x + crop.shape[1]]).max() <= 1


def test_rotation_and_perspective_leave_black_corners_and_the_middle() -> None:
    for name in ("rotation", "perspective"):
        for seed in range(8):
            copy = transformed_copy(RED, name, BLUE, seed)
            assert copy.shape == RED.shape
            assert copy[40:70, 55:90, 0].min() == 220
            black = (copy.max(axis=2) == 0).mean()
            assert 0.03 < black < 0.65


def test_a_print_covers_about_half_of_a_phones_picture() -> None:
    for photo in (RED, RED.transpose(1, 0, 2)):
        for seed in range(10):
            copy = transformed_copy(np.ascontiguousarray(photo), "print", BLUE, seed).astype(int)
            assert sorted(copy.shape) == [3, 360, 480]
            assert (copy.shape[1] > copy.shape[0]) == (photo.shape[1] > photo.shape[0])
            red = (copy[..., 0] > copy[..., 2] + 40).mean()
            assert 0.35 < red < 0.55
            edge = np.concatenate((copy[0], copy[-1], copy[:, 0], copy[:, -1]))
            assert (edge[:, 2] > edge[:, 0]).mean() > 0.6


def test_light_changes_colours_and_nothing_else() -> None:
    photo = textured(160, 120)
    lit = transformed_copy(photo, "light", BLUE, 1)
    # A table a channel: equal colours before are equal after.
    for channel in range(3):
        for level in np.unique(photo[..., channel]):
            assert len(np.unique(lit[..., channel][photo[..., channel] == level])) == 1
