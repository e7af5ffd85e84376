"""What marking and moving photos of a ranking says about them, without a window."""

from __future__ import annotations

import numpy as np
import pytest

from photosim.gui.grid_drag import Lift, lift, lifted
from photosim.gui.ranking_answers import (
    AT_ONCE,
    Comparison,
    Content,
    Ranked,
    marked_less,
    marked_more,
    moved_up,
    photos_of,
    triplets,
)

BITS = 8
RANKED = Ranked(anchor=1, ids=np.array([1, 2, 3, 4, 5, 6], dtype=np.int64), more=(1,))


def content(photo: int, phash: int | None = None) -> Content:
    """Hashes of different photos lie sixteen bits or more apart."""
    return Content(bytes([photo]), (0xFFFF << (photo * 8)) % (1 << 64) if phash is None else phash)


CONTENTS = {photo: content(photo) for photo in range(1, 7)}


def said(comparisons: list[Comparison], contents: dict[int, Content] = CONTENTS) -> list[tuple[int, ...]]:
    """(anchor, positive, negative) as ids, which are the hashes here."""
    return [tuple(photo[0] for photo in found) for found in triplets(1, comparisons, contents, BITS)]


def test_more_is_more_than_the_photo_directly_above() -> None:
    assert said(marked_more(RANKED, [4])) == [(1, 4, 3)]


def test_the_best_result_teaches_nothing_by_being_marked_more() -> None:
    assert said(marked_more(RANKED, [2])) == []
    assert said(marked_more(RANKED, [1])) == []  # nor does the query itself


def test_photos_that_are_marked_more_too_are_passed_over() -> None:
    assert said(marked_more(RANKED, [4, 3])) == [(1, 3, 2), (1, 4, 2)]
    assert said(marked_more(Ranked(1, RANKED.ids, more=(1, 3)), [4])) == [(1, 4, 2)]


def test_less_is_less_than_the_photo_directly_below() -> None:
    assert said(marked_less(RANKED, [3])) == [(1, 4, 3)]
    assert said(marked_less(RANKED, [3, 4])) == [(1, 5, 3), (1, 5, 4)]
    assert said(marked_less(RANKED, [6])) == []
    assert said(marked_less(RANKED, [1])) == []


def test_one_marked_more_and_one_marked_less_are_compared_with_each_other() -> None:
    assert said(marked_less(Ranked(1, RANKED.ids, more=(1, 5)), [3])) == [(1, 4, 3), (1, 5, 3)]
    assert said(marked_more(Ranked(1, RANKED.ids, more=(1,), less=(3,)), [6])) == [(1, 6, 5), (1, 6, 3)]


def test_a_photo_that_changes_sides_is_compared_with_what_stays() -> None:
    both = Ranked(1, RANKED.ids, more=(1, 4, 5))
    assert said(marked_less(both, [4])) == [(1, 5, 4)]


def test_moving_up_is_more_than_the_first_photo_that_was_passed() -> None:
    assert said(moved_up(RANKED, [5], before=3)) == [(1, 5, 3)]
    assert said(moved_up(RANKED, [5, 6], before=3)) == [(1, 5, 3), (1, 6, 3)]


def test_exact_matches_say_nothing_of_likeness() -> None:
    matched = Ranked(1, RANKED.ids, more=(1,), matches=frozenset({2, 3}))
    assert said(marked_more(matched, [4])) == []
    assert said(moved_up(matched, [5], before=2)) == [(1, 5, 4)]
    assert said(moved_up(matched, [3], before=2)) == []


def test_copies_are_never_compared() -> None:
    near_anchor = CONTENTS | {3: content(3, CONTENTS[1].phash ^ 0b111)}
    assert said(marked_more(RANKED, [4]), near_anchor) == [(1, 4, 2)]
    assert said(marked_more(RANKED, [3]), near_anchor) == []
    near_photo = CONTENTS | {3: content(3, CONTENTS[4].phash ^ 0b111)}
    assert said(marked_more(RANKED, [4]), near_photo) == [(1, 4, 2)]
    same = CONTENTS | {3: Content(CONTENTS[4].content_hash, 0)}
    assert said(marked_more(RANKED, [4]), same) == [(1, 4, 2)]


def test_photos_that_have_gone_are_passed_over() -> None:
    without = {photo: known for photo, known in CONTENTS.items() if photo != 3}
    assert said(marked_more(RANKED, [4]), without) == [(1, 4, 2)]
    assert said(marked_more(RANKED, [3]), without) == []
    assert triplets(9, marked_more(RANKED, [4]), CONTENTS, BITS) == []


def test_many_photos_at_once_make_few_answers() -> None:
    many = Ranked(0, np.arange(500, dtype=np.int64), more=(0,), less=tuple(range(300, 400)))
    comparisons = marked_more(many, list(range(100, 250)))
    assert len({comparison.photo for comparison in comparisons}) == AT_ONCE
    assert len(comparisons) <= 6 * AT_ONCE
    assert len(photos_of(0, comparisons)) < 20 * AT_ONCE


@pytest.mark.parametrize(
    ("carried", "place", "fixed", "wanted"),
    [
        ([4], 1, 0, Lift((4,), 2)),
        ([4], 0, 1, Lift((4,), 2)),  # behind the query, which stays first
        ([4], 3, 0, None),  # where it is already
        ([4], 4, 0, None),
        ([4], 6, 0, None),  # nothing goes down
        ([2, 5], 3, 0, Lift((5,), 4)),
        ([3, 4], 2, 0, None),
        ([4, 5], 3, 0, None),
        ([4, 6], 3, 0, Lift((6,), 5)),  # next to where the first of them stands
        ([6], 5, 0, None),
        ([], 0, 0, None),
        ([99], 0, 0, None),
    ],
)
def test_a_drop_moves_up_what_stands_below_it(
    carried: list[int], place: int, fixed: int, wanted: Lift | None
) -> None:
    assert lift(RANKED.ids, carried, place, fixed) == wanted


def test_what_is_moved_keeps_its_order() -> None:
    ids = RANKED.ids
    assert ids[lifted(ids, Lift((6, 4), 2))].tolist() == [1, 4, 6, 2, 3, 5]
    assert ids[lifted(ids, Lift((2,), 99))].tolist() == [1, 3, 4, 5, 6, 2]
