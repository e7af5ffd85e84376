"""Facts read as a camera and the user's own country write them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QLocale

from photosim.gui import facts_text
from photosim.imaging.facts import Facts

ENGLISH = QLocale("en_GB")
FACTS = Facts(
    width=6240,
    height=4160,
    format="JPEG",
    taken="2023-07-14T18:42:00",
    camera="X-T30",
    lens="XF35mmF2 R WR",
    focal_mm=35.0,
    aperture=2.0,
    exposure_s=0.002,
    iso=200,
    latitude=43.94932,
    longitude=-4.80553,
)


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("en_GB", "14 July 2023, 18:42"),
        ("de_DE", "14. Juli 2023, 18:42"),
        ("zh_CN", "2023年7月14日, 18:42"),
    ],
)
def test_a_date_is_written_as_in_the_users_country(locale: str, expected: str) -> None:
    assert facts_text.taken_text("2023-07-14T18:42:00", QLocale(locale)) == expected


def test_a_date_that_is_none_is_shown_as_it_is() -> None:
    assert facts_text.taken_text("sometime in 1987", ENGLISH) == "sometime in 1987"
    assert facts_text.moment_text("yesterday", ENGLISH) == "yesterday"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (1 / 8000, "1/8000 s"),
        (0.0333, "1/30 s"),
        (0.25, "1/4 s"),
        (0.5, "0.5 s"),
        (2.0, "2 s"),
        (1.3, "1.3 s"),
    ],
)
def test_an_exposure_time_reads_as_on_a_camera(seconds: float, expected: str) -> None:
    assert facts_text.exposure_time_text(seconds, ENGLISH) == expected


def test_all_that_is_known_has_a_row() -> None:
    assert facts_text.fact_rows(FACTS, 11_800_000, ENGLISH) == [
        ("Taken", "14 July 2023, 18:42"),
        ("Camera", "X-T30"),
        ("Lens", "XF35mmF2 R WR"),
        ("Exposure", "f/2 · 1/500 s · ISO 200 · 35 mm"),
        ("Size", "6240 × 4160 · 11.8 MB"),
        ("Place", "43.94932, -4.80553"),
    ]


def test_what_is_not_known_has_no_row() -> None:
    bare = Facts(300, 200, "PNG", None, None, None, None, None, None, None, None, None)
    assert facts_text.fact_rows(bare, None, ENGLISH) == [("Size", "300 × 200")]


def test_an_exposure_leaves_out_what_the_camera_did_not_write() -> None:
    assert facts_text.exposure_text(replace(FACTS, aperture=None, iso=0), ENGLISH) == "1/500 s · 35 mm"
    assert facts_text.exposure_text(replace(FACTS, exposure_s=0.0), ENGLISH) == "f/2 · ISO 200 · 35 mm"


def test_a_place_can_be_pasted_into_any_map_whatever_the_locale() -> None:
    assert dict(facts_text.fact_rows(FACTS, 1, QLocale("de_DE")))["Place"] == "43.94932, -4.80553"
    assert facts_text.file_size_text(11_800_000, QLocale("de_DE")) == "11,8 MB"


def test_the_parts_of_a_similarity_are_shown_only_where_the_model_has_two() -> None:
    both = facts_text.similarity_text(0.934, (0.95, 0.71), ENGLISH)
    assert both == "similarity 0.93 · kind 0.95, thing 0.71"
    assert facts_text.similarity_text(0.934, (0.934, None), ENGLISH) == "similarity 0.93"
    assert facts_text.similarity_text(None, (None, None), ENGLISH) == ""
