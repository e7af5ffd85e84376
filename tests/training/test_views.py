"""Views are quick, the same for the same generator, and show their photo in many ways."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from photosim.training.changes import Pixels
from photosim.training.views import hard_view, mild_view

SIZE = 64


def chequered(width: int, height: int, *colours: tuple[int, int, int]) -> Pixels:
    rows, columns = np.indices((height, width)) // 16
    return np.array(colours, np.uint8)[(rows + columns) % len(colours)]


RED = chequered(160, 120, (200, 40, 40), (240, 90, 60))
BLUE = chequered(120, 160, (30, 30, 200), (60, 90, 240))


def mild(photo: Pixels, rng: np.random.Generator) -> Pixels:
    return mild_view(photo, rng, SIZE)


def hard(photo: Pixels, rng: np.random.Generator) -> Pixels:
    return hard_view(photo, BLUE, rng, SIZE)


@pytest.mark.parametrize("view", [mild, hard])
def test_the_same_generator_gives_the_same_views_and_leaves_the_photos_alone(
    view: Callable[[Pixels, np.random.Generator], Pixels],
) -> None:
    red, blue = RED.copy(), BLUE.copy()
    first, second = np.random.default_rng(5), np.random.default_rng(5)
    views = [view(red, first) for _ in range(50)]
    for one in views:
        np.testing.assert_array_equal(one, view(red, second))
        assert one.shape == (SIZE, SIZE, 3) and one.dtype == np.uint8
    assert len({one.tobytes() for one in views}) == 50
    np.testing.assert_array_equal(red, RED)
    np.testing.assert_array_equal(blue, BLUE)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (7, 5), (2000, 30)])
def test_a_photo_of_any_shape_has_views(shape: tuple[int, int]) -> None:
    odd = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    rng = np.random.default_rng(1)
    for _ in range(60):
        assert mild_view(odd, rng, SIZE).shape == (SIZE, SIZE, 3)
        assert hard_view(odd, BLUE, rng, SIZE).shape == (SIZE, SIZE, 3)
        assert hard_view(RED, odd, rng, SIZE).shape == (SIZE, SIZE, 3)


def test_a_mild_view_shows_most_of_the_photo_and_nothing_else() -> None:
    """A photo whose red is its column and whose green its row says which part a view shows."""
    columns, rows = np.meshgrid(np.linspace(60, 200, 200), np.linspace(60, 200, 200))
    scale = np.stack((columns, rows, np.full_like(rows, 128)), axis=2).astype(np.uint8)
    rng = np.random.default_rng(0)
    shares, mirrored = [], 0
    for _ in range(200):
        view = mild_view(scale, rng, SIZE).astype(float)
        # The light's change is the same everywhere: its scale is read off the blue, which is even.
        width, height = np.ptp(view[SIZE // 2, :, 0]), np.ptp(view[:, SIZE // 2, 1])
        shares.append(width * height / 140**2)
        mirrored += view[SIZE // 2, 0, 0] > view[SIZE // 2, -1, 0]
    assert 0.5 < np.median(shares) < 1.0
    assert mirrored == 0
    flipped = [mild_view(scale, rng, SIZE, flip=True).astype(float) for _ in range(200)]
    assert 60 < sum(view[32, 0, 0] > view[32, -1, 0] for view in flipped) < 140


def test_hard_views_are_on_the_background_in_four_to_five_of_ten() -> None:
    """Blue shows around the print, which covers three to nine tenths of the view."""
    rng = np.random.default_rng(0)
    blue_shares = []
    for _ in range(400):
        view = hard_view(RED, BLUE, rng, SIZE).astype(int)
        blue_shares.append(float((view[..., 2] > view[..., 0] + 20).mean()))
    on_background = np.array(blue_shares)[np.array(blue_shares) > 0.25]
    assert 0.25 < len(on_background) / 400 < 0.6
    assert on_background.max() < 0.8


def test_the_photo_is_seen_in_nearly_every_hard_view() -> None:
    rng = np.random.default_rng(0)
    photo = np.zeros((120, 160, 3), np.uint8)
    photo[:] = (250, 60, 60)
    seen = []
    for _ in range(300):
        view = hard_view(photo, np.full_like(photo, (60, 60, 250)), rng, SIZE).astype(int)
        seen.append((view[..., 0] > view[..., 2] + 15).mean() > 0.15)
    assert np.mean(seen) > 0.9  # in black and white nobody can tell


@pytest.mark.timeout(30)
def test_a_view_takes_a_few_milliseconds_at_most() -> None:
    """Training needs two a photo; two milliseconds on an idle machine, more where others work beside."""
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (240, 320, 3), dtype=np.uint8) for _ in range(4)]
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        start = time.thread_time()
        for number in range(200):
            hard_view(photos[number % 4], photos[(number + 1) % 4], rng, 256)
        assert (time.thread_time() - start) / 200 < 0.008
    finally:
        cv2.setNumThreads(threads)
