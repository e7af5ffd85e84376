"""Validation classes are drawn once and for all."""

from __future__ import annotations

import pytest

from photosim.errors import PhotosimError
from photosim.training.split import split_classes

CLASSES = [f"objects/{number:03}" for number in range(100)] + [f"clothing/{number}" for number in range(10)]


def test_every_class_is_on_one_side_and_a_fifth_of_each_group_validates() -> None:
    training, validation = split_classes(CLASSES)
    assert sorted(training + validation) == sorted(CLASSES)
    assert sum(name.startswith("objects/") for name in validation) == 20
    assert sum(name.startswith("clothing/") for name in validation) == 2


def test_the_split_depends_on_the_names_and_the_seed_alone() -> None:
    assert split_classes(reversed(CLASSES * 3)) == split_classes(CLASSES)
    assert split_classes(CLASSES, seed=1) != split_classes(CLASSES, seed=0)
    # This very split is what the bundled model's figures were measured on.
    assert split_classes("abcdefghij") == (("a", "b", "c", "d", "e", "f", "h", "i"), ("g", "j"))


def test_small_folders_keep_something_on_both_sides() -> None:
    assert split_classes(["a", "b"], 0.01)[1] != ()
    assert split_classes(["a", "b"], 0.99)[0] != ()
    assert len(split_classes(["x/a", "y/b", "z/c"], 0.3)[1]) == 1
    training, validation = split_classes(["x/a", "y/b", "y/c"])
    assert "x/a" in training
    assert len(validation) == 1


def test_what_cannot_be_split_is_said() -> None:
    with pytest.raises(PhotosimError, match="at least two classes"):
        split_classes(["one"])
    with pytest.raises(PhotosimError, match="at least two classes"):
        split_classes([])
    for share in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(PhotosimError, match="between 0 and 1"):
            split_classes(CLASSES, share)
