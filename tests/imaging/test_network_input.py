"""What a network sees of a photo, by the geometry that its card names."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from photosim.imaging.network_input import GEOMETRIES, NetworkInput
from photosim.imaging.reading import read_photo, read_region
from photosim.model import card
from tests.imaging.pictures import encoded

SQUASHED = NetworkInput(64)
TRIMMED = NetworkInput(64, "trim")


def ramp(width: int, height: int) -> Image.Image:
    """Red grows from left to right, green from top to bottom, both from 0 to 255 at the very edges."""
    red = np.linspace(0, 255, width)[None, :].repeat(height, 0)
    green = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    return Image.fromarray(np.stack((red, green, np.zeros_like(red)), axis=2).round().astype(np.uint8))


def edges(pixels: np.ndarray, channel: int) -> tuple[float, float]:
    """The colour at both ends of the axis along which it grows, as fractions of the photo."""
    line = pixels[:, :, channel].mean(axis=channel) / 255
    return float(line[0]), float(line[-1])


def test_the_card_and_the_reader_know_the_same_geometries() -> None:
    assert card.GEOMETRIES == GEOMETRIES


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("size", [(400, 100), (100, 400)])
def test_trimming_leaves_the_middle_of_the_long_side(size: tuple[int, int], format: str) -> None:
    """Four times as long as wide: half of the length is left, so that two are squashed into one."""
    reading = read_photo(encoded(ramp(*size), format), TRIMMED)
    long, short = (0, 1) if size[0] > size[1] else (1, 0)
    assert reading.pixels.shape == (64, 64, 3)
    assert edges(reading.pixels, long) == pytest.approx((0.25, 0.75), abs=0.02)
    assert edges(reading.pixels, short) == pytest.approx((0, 1), abs=0.03)
    assert reading.thumbnail == read_photo(encoded(ramp(*size), format), SQUASHED).thumbnail


def test_squashing_shows_all_of_a_photo() -> None:
    pixels = read_photo(encoded(ramp(400, 100), "PNG"), SQUASHED).pixels
    for channel in (0, 1):
        assert edges(pixels, channel) == pytest.approx((0, 1), abs=0.03)


@pytest.mark.parametrize("size", [(100, 100), (1, 1), (1, 3000), (3000, 1)])
def test_a_square_is_not_trimmed_and_a_line_leaves_something(size: tuple[int, int]) -> None:
    data = encoded(ramp(*size), "PNG")
    pixels = read_photo(data, TRIMMED).pixels
    assert pixels.shape == (64, 64, 3)
    if size[0] == size[1]:
        assert np.array_equal(pixels, read_photo(data, SQUASHED).pixels)


def test_a_region_that_a_user_drew_is_never_trimmed() -> None:
    data = encoded(ramp(400, 200), "PNG")
    for region in ((0.0, 0.0, 1.0, 1.0), (0.25, 0.0, 0.75, 0.25)):
        one, other = (read_region(data, region, wanted).pixels for wanted in (TRIMMED, SQUASHED))
        assert np.array_equal(one, other)


def test_one_decode_serves_several_networks() -> None:
    data = encoded(ramp(640, 200), "JPEG")
    wanted = (SQUASHED, NetworkInput(96, "trim"))
    together = read_photo(data, *wanted)
    assert [pixels.shape[0] for pixels in together.inputs] == [64, 96]
    for pixels, alone in zip(together.inputs, wanted, strict=True):
        apart = read_photo(data, alone).pixels
        assert np.abs(pixels.astype(int) - apart).mean() < 1.0
    assert read_photo(data).inputs == ()
