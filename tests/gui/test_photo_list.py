"""Photos sorted and filtered by name, folder and date."""

from __future__ import annotations

import calendar
import time
from datetime import UTC, datetime

import numpy as np
import pytest

from photosim.catalog.records import PhotoTable
from photosim.gui.photo_list import BEST, FOLDER, NAME, NEWEST, OLDEST, PhotoList

MONTHS = list(calendar.month_name)[1:]


def seconds(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


def make_list(photos: list[tuple[int, int, str, str]]) -> PhotoList:
    """Photos as (id, folder id, path, day)."""
    count = len(photos)
    table = PhotoTable(
        ids=np.array([photo[0] for photo in photos], dtype=np.int64),
        folder_ids=np.array([photo[1] for photo in photos], dtype=np.int32),
        taken=np.array([seconds(photo[3]) for photo in photos]),
        copies=np.ones(count, dtype=np.int32),
        offline=np.zeros(count, dtype=np.bool_),
        paths=[photo[2] for photo in photos],
        hashes=[b"h"] * count,
    )
    return PhotoList(table, {1: "/home/anna/Pictures", 2: "/media/Camera uploads"}, MONTHS)


@pytest.fixture
def photos() -> PhotoList:
    return make_list(
        [
            (3, 1, "2023/Beach.jpg", "2023-07-14"),
            (5, 2, "apple.jpg", "2021-01-05"),
            (8, 1, "2023/anchor.jpg", "2023-07-15"),
            (9, 1, "zoo/bear.jpg", "1969-12-31"),
        ]
    )


def arranged(photos: PhotoList, sort: str, words: str = "") -> list[int]:
    rows = photos.arrange(np.arange(len(photos.table.ids)), sort, words)
    return photos.table.ids[rows].tolist()


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (NEWEST, [8, 3, 5, 9]),
        (OLDEST, [9, 5, 3, 8]),
        (NAME, [8, 5, 3, 9]),
        (FOLDER, [8, 3, 9, 5]),
        (BEST, [3, 5, 8, 9]),
    ],
)
def test_photos_come_in_the_order_asked_for(photos: PhotoList, sort: str, expected: list[int]) -> None:
    assert arranged(photos, sort) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("beach", [3]),
        ("BEAR", [9]),
        ("2023", [8, 3]),
        ("2023-07-15", [8]),
        ("july", [8, 3]),
        ("uploads", [5]),
        ("camera apple", [5]),
        ("beach apple", []),
        ("  ", [8, 3, 5, 9]),
        ("1969", [9]),
        ("home", []),  # where the library's folder lies says nothing about a photo
    ],
)
def test_the_filter_finds_words_in_path_and_date(photos: PhotoList, words: str, expected: list[int]) -> None:
    assert arranged(photos, NEWEST, words) == expected


def test_photos_that_came_after_the_table_are_left_out(photos: PhotoList) -> None:
    rows = photos.rows_of(np.array([8, 77, 3], dtype=np.int64))
    assert photos.table.ids[rows].tolist() == [8, 3]


def test_an_empty_library_has_no_photos_to_arrange() -> None:
    photos = make_list([])
    assert photos.rows_of(np.array([1], dtype=np.int64)).tolist() == []
    assert arranged(photos, NAME, "x") == []


def test_a_hundred_thousand_photos_are_filtered_while_one_types() -> None:
    count = 100_000
    photos = make_list([(n, 1 + n % 2, f"{n % 300}/IMG_{n:06}.jpg", "2020-05-05") for n in range(count)])
    arranged(photos, NEWEST, "img")  # what is made once
    begun = time.perf_counter()
    assert arranged(photos, OLDEST, "img_0999 may") == list(range(99_900, 100_000))
    assert time.perf_counter() - begun < 0.5
