"""The tasks models are measured by: photos kept back, copies of them, triplets."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from photosim.errors import PhotosimError
from photosim.model.card import load_card
from photosim.model.runtime import open_runtime
from photosim.paths import bundled_models
from photosim.training.copies import TRANSFORMATIONS
from photosim.training.split import split_classes
from photosim.training.validation import (
    HARD_VIEW,
    VIEWS,
    Validation,
    ValidationSettings,
    choose_photos,
    kind_triplets,
    read_validation,
    thing_triplets,
)
from tests.made_photos import jpeg, make_photos

CLASSES = [f"class-{letter}" for letter in "abcdefghij"]
EACH = 6


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten classes of six photos each."""
    folder = tmp_path_factory.mktemp("validation") / "photos"
    for number, name in enumerate(CLASSES):
        make_photos(folder / name, EACH, first=number * EACH)
    return folder


@pytest.fixture(scope="module")
def validation(root: Path) -> Validation:
    """Without a model: histograms and hashes alone are read."""
    return read_validation(choose_photos(root, ValidationSettings(share=0.4, gallery=40)), [])


def test_photos_kept_back_come_first_and_others_fill_the_gallery(root: Path) -> None:
    chosen = choose_photos(root, ValidationSettings(share=0.4, gallery=40))
    assert chosen.classes == split_classes(CLASSES, 0.4)[1]
    assert chosen.held_out == 4 * EACH
    assert set(chosen.gallery.categories[: chosen.held_out]) == set(chosen.classes)
    assert not set(chosen.gallery.categories[chosen.held_out :]) & set(chosen.classes)
    assert len(set(chosen.gallery.paths)) == len(chosen.gallery) == 40
    # What prints lie on is in no result, and of no class kept back.
    assert len(chosen.backgrounds) == 20
    assert not set(chosen.backgrounds) & set(chosen.gallery.paths)
    assert choose_photos(root, ValidationSettings(share=0.4, gallery=40)) == chosen
    others = choose_photos(root, ValidationSettings(share=0.4, gallery=40, seed=1))
    assert others.classes != chosen.classes
    # A gallery smaller than what is kept back holds all of that, one too large what there is.
    assert len(choose_photos(root, ValidationSettings(share=0.4, gallery=2)).gallery) == 24
    assert len(choose_photos(root, ValidationSettings(share=0.4, gallery=500)).gallery) == 60


def test_a_file_that_lies_in_two_places_is_in_the_gallery_once(root: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(root, tmp_path / "photos")
    kept_back, other = split_classes(CLASSES, 0.4)[1][0], split_classes(CLASSES, 0.4)[0][0]
    twice = sorted((folder / kept_back).iterdir())[0]
    shutil.copy(twice, folder / other / "again.jpg")
    shutil.copy(twice, folder / kept_back / "again.jpg")
    chosen = choose_photos(folder, ValidationSettings(share=0.4, gallery=500))
    assert chosen.held_out == 24 and len(chosen.gallery) == 60
    assert folder / other / "again.jpg" not in chosen.gallery.paths


def test_every_photo_kept_back_has_every_copy(validation: Validation) -> None:
    made = (*TRANSFORMATIONS, *[HARD_VIEW] * VIEWS)
    assert validation.gallery == 40 and validation.held_out == 24
    assert validation.transformations == made * 24
    assert validation.originals.tolist() == np.arange(24).repeat(len(made)).tolist()
    rows = 40 + 24 * len(made)
    assert validation.histograms.shape == validation.hashes.shape == (rows, 64)
    assert np.bincount(validation.labels).tolist() == [EACH] * 4
    assert validation.failures == ()


def test_copies_are_of_their_originals(validation: Validation) -> None:
    """A perceptual hash hardly minds JPEG: the copies' rows belong where `originals` says."""
    products = validation.hashes @ validation.hashes[: validation.gallery].T
    for number, (name, original) in enumerate(
        zip(validation.transformations, validation.originals, strict=True)
    ):
        if name in ("jpeg", "blur"):
            assert products[validation.gallery + number].argmax() == original


def test_the_same_photos_give_the_same_copies_in_other_company(root: Path, validation: Validation) -> None:
    again = read_validation(choose_photos(root, ValidationSettings(share=0.4, gallery=40)), [], copied=3)
    # The first, the middle one and the last of those kept back.
    assert again.originals.tolist() == np.array([0, 12, 23]).repeat(len(TRANSFORMATIONS) + VIEWS).tolist()
    for original in (0, 12, 23):
        before = validation.gallery + np.flatnonzero(validation.originals == original)
        now = again.gallery + np.flatnonzero(again.originals == original)
        np.testing.assert_array_equal(again.histograms[now], validation.histograms[before])


def test_photos_that_cannot_be_read_are_left_out_and_named(root: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(root, tmp_path / "photos")
    training, validation = split_classes(CLASSES, 0.4)
    (folder / validation[1] / "photo-aaa.jpg").touch()
    (folder / validation[2] / "photo-aaa.jpg").write_bytes(jpeg(3)[:200])
    for name in training:  # prints lie on others, then
        (folder / name / "photo-aaa.jpg").write_bytes(b"no photo")
    seen: list[tuple[int, int]] = []
    got = read_validation(
        choose_photos(folder, ValidationSettings(share=0.4, gallery=40)),
        [],
        progress=lambda done, total: seen.append((done, total)),
    )
    assert len(got.failures) >= 2
    assert {path.parent.name for path, _ in got.failures} >= {validation[1], validation[2]}
    assert got.held_out == 24 and np.bincount(got.labels).tolist() == [EACH] * 4
    assert got.gallery == len(got.chosen.gallery) == 40 - len(got.failures)
    assert len(got.histograms) == got.gallery + len(got.originals)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert all(done <= total for done, total in seen)


def test_nothing_to_measure_is_said(tmp_path: Path) -> None:
    make_photos(tmp_path / "one", 2)
    with pytest.raises(PhotosimError, match="at least two classes"):
        choose_photos(tmp_path, ValidationSettings())
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "broken.jpg").touch()
    seed = next(seed for seed in range(9) if split_classes(["one", "two"], 0.2, seed)[1] == ("two",))
    with pytest.raises(PhotosimError, match=r"none of the photos kept back.*empty file"):
        read_validation(choose_photos(tmp_path, ValidationSettings(seed=seed)), [])


def test_triplets_of_kinds_are_two_of_a_class_and_one_of_another(validation: Validation) -> None:
    triplets = kind_triplets(validation, validation.histograms.astype(np.float16), 500)
    assert len(triplets) == 500
    assert triplets.max() < validation.held_out
    classes = validation.labels[triplets]
    assert (classes[:, 0] == classes[:, 1]).all()
    assert (classes[:, 0] != classes[:, 2]).all()
    assert (triplets[:, 0] != triplets[:, 1]).all()
    again = kind_triplets(validation, validation.histograms.astype(np.float16), 500)
    np.testing.assert_array_equal(again, triplets)
    assert len(np.unique(triplets[:, 0])) > 15


def test_positives_are_the_more_likely_the_more_alike_they_are(validation: Validation) -> None:
    """Photo 1 alone has anything of photo 0: no other one is ever its positive."""
    features = np.zeros((len(validation.histograms), 30), np.float16)
    features[np.arange(2, 24), validation.labels[2:]] = 1
    features[:2, 20] = 1
    triplets = kind_triplets(validation, features, 300)
    of_first = triplets[triplets[:, 0] == 0]
    assert len(of_first) > 0
    assert set(of_first[:, 1].tolist()) == {1}


def test_triplets_of_things_are_two_views_of_a_photo_and_one_of_another(validation: Validation) -> None:
    triplets = thing_triplets(validation, validation.histograms.astype(np.float16), 600)
    assert len(triplets) == 600
    assert {validation.transformations[row - validation.gallery] for row in triplets.ravel()} == {HARD_VIEW}
    photos = validation.originals[triplets - validation.gallery]
    assert (photos[:, 0] == photos[:, 1]).all() and (triplets[:, 0] != triplets[:, 1]).all()
    assert (photos[:, 0] != photos[:, 2]).all()
    same_class = validation.labels[photos[:, 0]] == validation.labels[photos[:, 2]]
    assert 0.35 < same_class.mean() < 0.6


def test_triplets_of_things_need_photos_that_have_views(root: Path) -> None:
    few = read_validation(choose_photos(root, ValidationSettings(share=0.4, gallery=40)), [], copied=3)
    trunk = few.histograms.astype(np.float16)
    triplets = thing_triplets(few, trunk, 40)
    assert 0 < len(triplets) <= 40
    assert set(few.originals[triplets - few.gallery].ravel().tolist()) <= {0, 12, 23}
    one = read_validation(choose_photos(root, ValidationSettings(share=0.4, gallery=40)), [], copied=1)
    assert thing_triplets(one, trunk, 40).shape == (0, 3)


def test_a_model_reads_copies_as_it_reads_photos(root: Path) -> None:
    card = load_card(bundled_models() / "deepranking-v1")
    runtime = open_runtime(card, "cpu")
    chosen = choose_photos(root, ValidationSettings(share=0.2, gallery=1))
    got = read_validation(chosen, [(card, runtime)], copied=1)
    features = got.features[card.version].astype(np.float32)
    assert features.shape == (12 + len(TRANSFORMATIONS) + VIEWS, card.feature_dim)
    jpeg_copy = features[12 + list(TRANSFORMATIONS).index("jpeg")]
    assert np.linalg.norm(features[:12] - jpeg_copy, axis=1).argmin() == 0
