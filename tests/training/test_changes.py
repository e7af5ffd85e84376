"""Known changes of a photo do what their names say, and leave the photo as it was."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from photosim.training.changes import (
    Pixels,
    area,
    as_jpeg,
    blurred,
    bordered,
    captioned,
    coarsened,
    covered,
    glared,
    noisy,
    projected,
    rectangle,
    region,
    relit,
    saturated,
    shaded,
    shaken,
    tilted,
    trim_box,
)

WIDTH, HEIGHT = 96, 64


def photo(seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Something at every scale: soft colours with noise over them."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 216, (4, 6, 3)).repeat(height // 4, axis=0).repeat(width // 6, axis=1)
    return np.asarray(coarse + rng.integers(-20, 20, coarse.shape), np.uint8)


def grey(level: int) -> Pixels:
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


def differing(a: Pixels, b: Pixels) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def detail(pixels: Pixels, axis: int) -> float:
    return float(np.abs(np.diff(pixels.astype(int), axis=axis)).mean())


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "relit": lambda pixels: relit(pixels, 0.5, 1.2, 0.9, (1.1, 1, 0.9)),
    "saturated": lambda pixels: saturated(pixels, 0.3),
    "shaded": lambda pixels: shaded(pixels, (0.5, 1, 1, 1)),
    "glared": lambda pixels: glared(pixels, 0.5, 0.5, 0.2, 1),
    "blurred": lambda pixels: blurred(pixels, 2),
    "shaken": lambda pixels: shaken(pixels, 7, 30),
    "coarsened": lambda pixels: coarsened(pixels, 30),
    "noisy": lambda pixels: noisy(pixels, 10, 5),
    "as_jpeg": lambda pixels: as_jpeg(pixels, 20),
    "covered": lambda pixels: covered(pixels, grey(0)[:10, :10], 3, 4),
    "captioned": lambda pixels: captioned(pixels, "Holiday", 0.1, 0.5, 0.2, (255, 0, 0)),
    "projected": lambda pixels: projected(
        pixels, rectangle(0, 0, WIDTH, HEIGHT), rectangle(10, 5, 40, 30), grey(128)
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_changes_a_copy_and_does_the_same_every_time(name: str) -> None:
    pixels = photo()
    before = pixels.copy()
    changed = CHANGES[name](pixels)
    assert changed.dtype == np.uint8
    assert changed.shape == pixels.shape
    assert differing(changed, before) > 0.5
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_array_equal(CHANGES[name](pixels), changed)


# Geometry


def test_the_trim_leaves_the_square_root_of_the_proportions() -> None:
    assert trim_box(400, 100) == pytest.approx((100, 0, 200, 100))
    assert trim_box(100, 400) == pytest.approx((0, 100, 100, 200))
    assert trim_box(70, 70) == pytest.approx((0, 0, 70, 70))


def test_a_region_is_those_very_pixels() -> None:
    pixels = photo()
    np.testing.assert_array_equal(region(pixels, 10, 20, 30, 25, (30, 25)), pixels[20:45, 10:40])
    halved = region(pixels, 0, 0, WIDTH, HEIGHT, (WIDTH // 2, HEIGHT // 2)).astype(float)
    blocks = pixels.reshape(HEIGHT // 2, 2, WIDTH // 2, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - blocks).max() <= 1
    assert region(pixels, 5.2, 5.2, 0.1, 0.1, (8, 8)).shape == (8, 8, 3)


def test_a_photo_projected_onto_its_own_place_stays() -> None:
    pixels = photo()
    whole = rectangle(0, 0, WIDTH, HEIGHT)
    np.testing.assert_array_equal(projected(pixels, whole, whole, grey(0)), pixels)
    moved = projected(pixels, whole, whole + np.array((8, 4), np.float32), grey(7))
    np.testing.assert_array_equal(moved[4:, 8:], pixels[:-4, :-8])
    assert (moved[:4] == 7).all() and (moved[:, :8] == 7).all()


def test_a_print_made_small_does_not_flicker() -> None:
    """Stripes one pixel wide, drawn at a quarter of the size, are grey and not black or white."""
    stripes = np.zeros((200, 200, 3), np.uint8)
    stripes[:, ::2] = 255
    small = projected(stripes, rectangle(0, 0, 200, 200), rectangle(3, 3, 50, 50), grey(0))
    inside = small[6:50, 6:50].astype(int)
    assert inside.min() > 90 and inside.max() < 165


def test_a_tilted_print_has_the_shape_that_a_camera_sees() -> None:
    np.testing.assert_allclose(tilted(40, 30, 0, 0, 0), rectangle(-20, -15, 40, 30), atol=1e-5)
    quarter = tilted(40, 30, 0, 0, 90)
    np.testing.assert_allclose(quarter, [(15, -20), (15, 20), (-15, 20), (-15, -20)], atol=1e-4)
    assert area(tilted(40, 30, 0, 0, 37)) == pytest.approx(1200, rel=1e-5)
    upper_left, upper_right, lower_right, lower_left = tilted(40, 30, 40, 0, 0)
    heights = (lower_left - upper_left)[1], (lower_right - upper_right)[1]
    assert max(heights) > 1.3 * min(heights)  # one side is nearer
    assert area(tilted(40, 30, 40, 0, 0)) < 1100


def test_the_area_is_that_of_the_rectangle() -> None:
    assert area(rectangle(3, 4, 5, 6)) == pytest.approx(30)


# Light and colour


def test_exposure_is_in_stops_and_balance_a_gain_for_each_channel() -> None:
    assert relit(grey(60), exposure=1)[0, 0].tolist() == [120, 120, 120]
    assert relit(grey(200), exposure=1)[0, 0].tolist() == [255, 255, 255]
    assert relit(grey(100), balance=(1.5, 1, 0.5))[0, 0].tolist() == [150, 100, 50]
    assert relit(grey(128), gamma=2)[0, 0, 0] == pytest.approx(255 * (128 / 255) ** 2, abs=1)
    assert relit(grey(28), contrast=2)[0, 0].tolist() == [0, 0, 0]
    assert relit(grey(148), contrast=0.5)[0, 0, 0] == pytest.approx(127.5 + 20.5 / 2, abs=1)
    np.testing.assert_array_equal(relit(photo()), photo())


def test_without_saturation_all_channels_are_the_brightness() -> None:
    pixels = np.full((4, 4, 3), (200, 100, 50), np.uint8)
    without = saturated(pixels, 0)[0, 0].tolist()
    assert without == pytest.approx([0.299 * 200 + 0.587 * 100 + 0.114 * 50] * 3, abs=1)
    np.testing.assert_array_equal(saturated(pixels, 1), pixels)


def test_shade_and_glare_fall_where_they_are_said_to() -> None:
    dark = shaded(grey(100), (0.5, 1, 1, 1))
    assert dark[0, 0, 0] == 50 and dark[-1, -1, 0] == 100
    bright = glared(grey(100), 0.25, 0.75, 0.1, 0.5)
    row, column = np.unravel_index(bright[..., 0].argmax(), (HEIGHT, WIDTH))
    assert (column / WIDTH, row / HEIGHT) == pytest.approx((0.25, 0.75), abs=0.03)
    assert bright[0, -1, 0] == 100


# Sharpness and noise


def test_blur_takes_detail_away_and_motion_takes_it_along_its_line() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert detail(blurred(noise, 2), 1) < 0.2 * detail(noise, 1)
    across = shaken(noise, 9, 0)
    assert detail(across, 1) < 0.3 * detail(noise, 1)
    assert detail(across, 0) > 0.8 * detail(across, 1) * 2
    down = shaken(noise, 9, 90)
    assert detail(down, 0) < 0.3 * detail(noise, 0)


def test_a_coarse_photo_keeps_its_size_and_has_no_more_to_tell() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    assert detail(coarsened(noise, 24), 1) < 0.2 * detail(noise, 1)
    np.testing.assert_array_equal(coarsened(noise, 96), noise)
    np.testing.assert_array_equal(coarsened(noise, 500), noise)


def test_noise_is_gaussian_of_the_sigma_asked_for() -> None:
    noise = noisy(np.full((200, 300, 3), 128, np.uint8), 10, 3).astype(float) - 128
    assert noise.mean() == pytest.approx(0, abs=0.2)
    assert noise.std() == pytest.approx(10, rel=0.02)
    assert differing(noisy(grey(128), 10, 3), noisy(grey(128), 10, 4)) > 5
    assert noisy(np.zeros((1200, 1200, 3), np.uint8), 10, 3).shape == (1200, 1200, 3)  # more than one table


def test_jpeg_loses_more_at_lower_quality() -> None:
    pixels = saturated(photo(), 0)
    assert differing(as_jpeg(pixels, 15), pixels) > 1.5 * differing(as_jpeg(pixels, 85), pixels)


# What is put over it


def test_borders_and_patches_lie_where_they_belong() -> None:
    pixels = photo()
    framed = bordered(pixels, 0.1, (255, 0, 0))
    assert framed.shape == (HEIGHT + 12, WIDTH + 12, 3)
    np.testing.assert_array_equal(framed[6:-6, 6:-6], pixels)
    assert (framed[:6] == (255, 0, 0)).all()
    patch = grey(0)[:10, :20]
    under = covered(pixels, patch, 5, 7)
    assert (under[7:17, 5:25] == 0).all()
    under[7:17, 5:25] = pixels[7:17, 5:25]
    np.testing.assert_array_equal(under, pixels)


def test_a_caption_is_as_high_as_asked_and_stands_on_its_line() -> None:
    written = captioned(np.zeros((200, 300, 3), np.uint8), "HIM", 0.1, 0.5, 0.2, (255, 255, 255))
    rows: npt.NDArray[np.intp] = np.flatnonzero(written.any(axis=(1, 2)))
    assert rows[-1] == pytest.approx(100, abs=8)
    assert len(rows) == pytest.approx(40, abs=14)
    assert not written[:, :25].any()
