"""What a photo shows is found again in a photo of its print, with points that agree and an outline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from photosim.errors import UnreadablePhoto
from photosim.imaging.keypoints import LEAST_INLIERS, MOST, Keypoints, describe, match
from tests.made_photos import jpeg
from tests.prints import CORNERS, opened, print_on, written


@pytest.fixture(scope="module")
def photos(sample_photos: list[Path]) -> dict[str, Image.Image]:
    return {path.stem: opened(path) for path in sample_photos}


def test_a_print_is_found_on_another_photo_and_its_outline_with_it(photos: dict[str, Image.Image]) -> None:
    seen = print_on(photos["gravel"], photos["astronaut"]).filter(ImageFilter.GaussianBlur(0.8))
    found = match(describe(written(photos["astronaut"])), describe(written(seen)))
    assert found is not None
    assert found.inliers == len(found.query_points) == len(found.result_points) >= 3 * LEAST_INLIERS
    np.testing.assert_allclose(found.outline, CORNERS, atol=0.02)
    for points in (found.query_points, found.result_points):
        assert points.dtype == np.float32
        assert points.min() >= 0 and points.max() <= 1


def test_matching_points_show_the_same_spot_in_both(photos: dict[str, Image.Image]) -> None:
    """Half of a photo, as fractions: what is at x there is at x / 2 in the whole."""
    whole = photos["coffee"]
    half = whole.crop((0, 0, whole.width // 2, whole.height))
    found = match(describe(written(half)), describe(written(whole)))
    assert found is not None
    np.testing.assert_allclose(found.query_points * (0.5, 1), found.result_points, atol=0.02)
    np.testing.assert_allclose(found.outline, [[0, 0], [0.5, 0], [0.5, 1], [0, 1]], atol=0.02)


def test_the_whole_is_found_in_its_part(photos: dict[str, Image.Image]) -> None:
    """The outline then reaches beyond the result."""
    whole = photos["coffee"]
    half = whole.crop((0, 0, whole.width // 2, whole.height))
    found = match(describe(written(whole)), describe(written(half)))
    assert found is not None
    np.testing.assert_allclose(found.outline, [[0, 0], [2, 0], [2, 1], [0, 1]], atol=0.05)


def test_it_is_found_turned_by_any_angle(photos: dict[str, Image.Image]) -> None:
    upright = describe(written(photos["chelsea"]))
    turned = describe(written(photos["chelsea"].transpose(Image.Transpose.ROTATE_90)))
    found = match(upright, turned)
    assert found is not None
    np.testing.assert_allclose(found.outline, [[0, 1], [0, 0], [1, 0], [1, 1]], atol=0.03)


def test_two_photos_of_one_thing_from_two_places_match(photos: dict[str, Image.Image]) -> None:
    pair = [describe(written(photos[name])) for name in ("motorcycle_left", "motorcycle_right")]
    found = match(*pair)
    assert found is not None


def test_other_photos_do_not_match(photos: dict[str, Image.Image]) -> None:
    described = {name: describe(written(photo)) for name, photo in photos.items() if "right" not in name}
    matches = [
        (one, other)
        for one in described
        for other in described
        if one != other and match(described[one], described[other]) is not None
    ]
    assert matches == []


def test_a_mirrored_photo_is_another(photos: dict[str, Image.Image]) -> None:
    mirrored = photos["coffee"].transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert match(describe(written(photos["coffee"])), describe(written(mirrored))) is None


def made(places: np.ndarray, seed: int = 0) -> Keypoints:
    """Keypoints at these places, each unlike the others; the same for the same seed."""
    descriptors = np.random.default_rng(seed).integers(0, 120, (len(places), 128), dtype=np.uint8)
    return Keypoints(300, 300, places.astype(np.float32), descriptors)


def grid() -> np.ndarray:
    across = np.linspace(0.1, 0.9, 6)
    return np.stack(np.meshgrid(across, across), axis=-1).reshape(-1, 2)


def test_places_that_only_a_mirror_or_a_squeeze_could_explain_are_no_match() -> None:
    query = made(grid())
    assert match(query, made(grid() * 0.5 + 0.2)) is not None
    assert match(query, made(grid() * (-1, 1) + (1, 0))) is None
    assert match(query, made(grid() * (1, 0.1) + (0, 0.5))) is None
    assert match(query, made(grid() * 0.04)) is None


def test_many_directions_of_one_place_count_once() -> None:
    """SIFT may give one spot several descriptors: they agree with one another whatever is shown."""
    three = np.repeat(grid()[[0, 17, 30]], 5, axis=0)
    assert match(made(three), made(three)) is None


def test_a_place_of_the_result_is_given_away_once() -> None:
    """A pattern that repeats in the query has one counterpart, not many at the same spot."""
    query = made(grid())
    same = Keypoints(300, 300, query.places, np.tile(query.descriptors[:1], (len(query), 1)))
    assert match(same, query) is None


def test_the_answer_is_the_same_each_time(photos: dict[str, Image.Image]) -> None:
    seen = written(print_on(photos["gravel"], photos["coffee"]))
    query = describe(written(photos["coffee"]))
    first, second = (match(query, describe(seen)) for _ in range(2))
    assert first is not None and second is not None
    np.testing.assert_array_equal(first.query_points, second.query_points)
    np.testing.assert_array_equal(first.outline, second.outline)


def test_keypoints_survive_being_kept(photos: dict[str, Image.Image]) -> None:
    found = describe(written(photos["coins"]))
    assert LEAST_INLIERS < len(found) <= MOST
    kept = Keypoints.from_bytes(found.to_bytes())
    assert (kept.width, kept.height) == (found.width, found.height)
    np.testing.assert_array_equal(kept.descriptors, found.descriptors)
    np.testing.assert_allclose(kept.places, found.places, atol=1 / 65535)


@pytest.mark.parametrize("change", [lambda data: b"", lambda data: data[:-1], lambda data: data + b"x"])
def test_damaged_keypoints_are_refused(change: object, photos: dict[str, Image.Image]) -> None:
    data = describe(written(photos["coins"])).to_bytes()
    with pytest.raises(ValueError):
        Keypoints.from_bytes(change(data))  # type: ignore[operator]


def test_a_picture_without_anything_remarkable_has_no_keypoints_and_matches_nothing() -> None:
    blank = describe(written(Image.new("RGB", (100, 80), "white")))
    assert len(blank) == 0
    assert match(blank, blank) is None
    assert len(Keypoints.from_bytes(blank.to_bytes())) == 0
    assert len(describe(jpeg(1, (2, 2)))) == 0


@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadablePhoto):
        describe(data)
