"""Which classes a model is trained on, and which it never sees before it is measured."""

from __future__ import annotations

import random
from collections.abc import Iterable

from photosim.errors import PhotosimError


def split_classes(
    classes: Iterable[str], share: float = 0.2, seed: int = 0
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the training and of the validation classes, each sorted; `share` of them validation.

    The same names and seed give the same split, whatever their order. Where names have a slash ("clothing/
    hat"), every group before it gives its share, at least one class if it has two. Raises PhotosimError for
    fewer than two classes or a share not between 0 and 1.
    """
    names = sorted(set(classes))
    if not 0 < share < 1:
        raise PhotosimError(f"the share of validation classes must lie between 0 and 1, not {share:g}")
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.rpartition("/")[0], []).append(name)
    if max(map(len, groups.values()), default=0) < 2:
        # Folders of one class each: drawn from all of them together.
        groups = {"": names}
    if len(names) < 2:
        raise PhotosimError("a split needs at least two classes: put photos of one kind into one folder")
    source = random.Random(seed)
    validation: list[str] = []
    for _, members in sorted(groups.items()):
        wanted = min(max(1, round(share * len(members))), len(members) - 1)
        validation += source.sample(members, wanted)
    kept_back = set(validation)
    return tuple(name for name in names if name not in kept_back), tuple(sorted(validation))
