"""The facts people look for are found, and nothing that an EXIF block says costs a photo."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from photosim.imaging.facts import Facts
from photosim.imaging.network_input import NetworkInput
from photosim.imaging.plugins import register_plugins
from photosim.imaging.reading import read_bytes, read_photo
from tests.imaging.pictures import encoded, exif_block, quarters, rationals, short, text


def facts_of(exif: bytes, format: str = "JPEG") -> Facts:
    return read_photo(encoded(quarters(96, 64), format, exif=exif), NetworkInput(32)).facts


def first(**entries: Any) -> Facts:
    names = {"make": 0x010F, "model": 0x0110, "date": 0x0132}
    return facts_of(exif_block({names[name]: value for name, value in entries.items()}))


def details(entries: dict[int, tuple[int, int, bytes]]) -> Facts:
    return facts_of(exif_block({}, entries))


def place(
    north: Any, east: Any, north_ref: str = "N", east_ref: str = "E"
) -> tuple[float | None, float | None]:
    entries = {1: text(north_ref), 2: north, 3: text(east_ref), 4: east}
    facts = facts_of(exif_block({}, None, entries))
    return facts.latitude, facts.longitude


FULL = {
    "width": 96,
    "height": 64,
    "taken": "2023-07-14T18:42:00",
    "camera": "Canon EOS 5D",
    "lens": "EF24-105mm f/4L IS USM",
    "focal_mm": 35.0,
    "aperture": 2.8,
    "exposure_s": 0.004,
    "iso": 400,
    "latitude": 48.8582222,
    "longitude": -2.2945,
}


def full_block(order: str = "<") -> bytes:
    return exif_block(
        {0x010F: text("Canon"), 0x0110: text("Canon EOS 5D"), 0x0132: text("2024:01:01 00:00:00")},
        {
            0x829A: rationals((1, 250), order=order),
            0x829D: rationals((28, 10), order=order),
            0x8827: short(400, order),
            0x9003: text("2023:07:14 18:42:00"),
            0x920A: rationals((35, 1), order=order),
            0xA434: text("EF24-105mm f/4L IS USM"),
        },
        {
            1: text("N"),
            2: rationals((48, 1), (51, 1), (296, 10), order=order),
            3: text("W"),
            4: rationals((2, 1), (17, 1), (402, 10), order=order),
        },
        order,
    )


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
def test_the_facts_are_found_in_every_format(format: str, order: str) -> None:
    register_plugins()
    facts = facts_of(full_block(order), format)
    assert facts == Facts(format=format, **FULL)


def test_facts_survive_their_json() -> None:
    facts = Facts(format="JPEG", **{**FULL, "camera": "Kamera Ä 写真"})
    assert Facts.from_json(facts.to_json()) == facts
    assert Facts.from_json(Facts(1, 2, "PNG").to_json()) == Facts(1, 2, "PNG")
    assert json.loads(facts.to_json())["taken"] == "2023-07-14T18:42:00"


@pytest.mark.parametrize("broken", ["", "null", "[]", '{"width": 1}', '{"width": 1, "size": 2}'])
def test_json_that_is_no_facts_is_refused(broken: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        Facts.from_json(broken)


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D750", "NIKON D750"),
        ("EASTMAN KODAK COMPANY", "KODAK DX4330 DIGITAL CAMERA", "KODAK DX4330 DIGITAL CAMERA"),
        ("Apple", "iPhone 7", "Apple iPhone 7"),
        ("OLYMPUS IMAGING CORP.  ", "E-P3            ", "OLYMPUS E-P3"),
        ("SONY", "", "SONY"),
        ("", "C4040Z", "C4040Z"),
        ("", "", None),
        ("----", "\t \x07", None),
        (b"Caf\xe9", b"Mod\xe8le 1", "Café Modèle 1"),
        ("A\x1b[31mB\nC", "X\u202eY", "A [31mB C XY"),
    ],
)
def test_a_camera_is_named_once(make: str | bytes, model: str | bytes, camera: str | None) -> None:
    assert first(make=text(make), model=text(model)).camera == camera


def test_a_name_without_end_is_cut() -> None:
    camera = first(model=text("x" * 60_000)).camera
    assert camera is not None
    assert len(camera) == 100


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("2023:07:14 18:42:00", "2023-07-14T18:42:00"),
        ("2023-07-14T18:42:09+02:00", "2023-07-14T18:42:09"),
        ("2023:07:14", "2023-07-14T00:00:00"),
        ("2023:7:4 8:02", "2023-07-04T08:02:00"),
        ("0000:00:00 00:00:00", None),
        ("2023:02:30 10:00:00", None),
        ("2023:07:14 25:00:00", None),
        ("0001:01:01 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("\0\0\0", None),
        ("yesterday", None),
        (b"\xff\xfe\x00\x01", None),
        ("٢٠٢٣:٠٧:١٤ 10:00:00", "2023-07-14T10:00:00"),
    ],
)
def test_a_date_is_one_or_none(written: str | bytes, taken: str | None) -> None:
    assert details({0x9003: text(written)}).taken == taken


def test_the_next_date_serves_where_the_first_is_nonsense() -> None:
    block = exif_block({0x0132: text("2020:03:04 05:06:07")}, {0x9003: text("0000:00:00 00:00:00")})
    assert facts_of(block).taken == "2020-03-04T05:06:07"
    block = exif_block(
        {0x0132: text("2020:03:04 05:06:07")}, {0x9004: text("2019:03:04 05:06:07"), 0x9003: text("")}
    )
    assert facts_of(block).taken == "2019-03-04T05:06:07"


@pytest.mark.parametrize("pair", [(0, 0), (1, 0), (0, 1), (2**32 - 1, 1)])
def test_nonsense_fractions_are_left_out(pair: tuple[int, int]) -> None:
    facts = details({tag: rationals(pair) for tag in (0x829A, 0x829D, 0x920A, 0x9201, 0x9202)})
    assert (facts.exposure_s, facts.aperture, facts.focal_mm) == (None, None, None) or pair == (0, 1)
    if pair == (0, 1):
        # Zero is a value on the scale of APEX, and one second at f/1.
        assert (facts.exposure_s, facts.aperture, facts.focal_mm) == (1.0, 1.0, None)


def test_values_that_are_no_numbers_are_left_out() -> None:
    nan = (12, 1, struct.pack("<d", float("nan")))
    infinite = (11, 1, struct.pack("<f", float("inf")))
    facts = details({0x829A: nan, 0x829D: infinite, 0x920A: text("50 mm"), 0x8827: nan, 0xA434: short(3)})
    assert facts == Facts(96, 64, "JPEG")


def test_old_cameras_write_speed_and_aperture_as_powers_of_two() -> None:
    facts = details({0x9201: (10, 1, struct.pack("<ll", 7, 1)), 0x9202: rationals((4, 1))})
    assert (facts.exposure_s, facts.aperture) == (1 / 128, 4.0)


def test_a_sensitivity_beyond_its_field_is_found_in_the_next() -> None:
    assert details({0x8827: short(65535), 0x8832: (4, 1, struct.pack("<L", 102_400))}).iso == 102_400
    assert details({0x8827: (3, 2, struct.pack("<HH", 200, 0))}).iso == 200
    assert details({0x8827: short(0)}).iso is None


class TestPlace:
    def test_south_and_west_are_negative(self) -> None:
        sydney = place(rationals((33, 1), (51, 1), (0, 1)), rationals((151, 1), (12, 1), (0, 1)), "S")
        assert sydney == pytest.approx((-33.85, 151.2))

    def test_minutes_may_carry_the_fraction(self) -> None:
        found = place(rationals((41, 1), (13218, 1000), (0, 1)), rationals((96, 1), (43, 10)), "N", "W")
        assert found == pytest.approx((41.2203, -96.0716667))

    @pytest.mark.parametrize(
        ("north", "east", "north_ref", "east_ref"),
        [
            (rationals((0, 1), (0, 1), (0, 1)), rationals((0, 1), (0, 1), (0, 1)), "N", "E"),
            (rationals((91, 1), (0, 1), (0, 1)), rationals((1, 1), (0, 1), (0, 1)), "N", "E"),
            (rationals((1, 1), (0, 1), (0, 1)), rationals((181, 1), (0, 1), (0, 1)), "N", "E"),
            (rationals((1, 1), (99, 1), (0, 1)), rationals((1, 1), (0, 1), (0, 1)), "N", "E"),
            (rationals((1, 0), (0, 0), (0, 0)), rationals((1, 1), (0, 1), (0, 1)), "N", "E"),
            (rationals((1, 1), (0, 1), (0, 1)), rationals((1, 1), (0, 1), (0, 1)), "", "E"),
            (rationals((1, 1), (0, 1), (0, 1)), rationals((1, 1), (0, 1), (0, 1)), "N", "?"),
            (text("somewhere"), rationals((1, 1), (0, 1), (0, 1)), "N", "E"),
            ((10, 1, struct.pack("<ll", -5, 1)), rationals((1, 1), (0, 1), (0, 1)), "N", "E"),
        ],
    )
    def test_nonsense_is_no_place(self, north: Any, east: Any, north_ref: str, east_ref: str) -> None:
        assert place(north, east, north_ref, east_ref) == (None, None)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0",
        exif_block({0x010F: (2, 2**32 - 1, b"\xff\xff\xff\xff"), 0x0110: text("Model")}),
        exif_block({0x010F: (99, 1, b"what"), 0x0110: text("Model")}),
        exif_block({0x0112: (3, 2**31, b"\x10\0\0\0"), 0x0110: text("Model")}),
        exif_block({0x8769: rationals((1, 0)), 0x0110: text("Model")}),
        exif_block({0x0112: short(9), 0x0110: text("Model")}),
        exif_block({0x0112: text("upright"), 0x0110: text("Model")}),
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_broken_block_costs_at_most_its_facts(exif: bytes, format: str) -> None:
    if format == "TIFF":
        # A TIFF's tags are the file's own: the block is put behind its pixels, with the pointer to it.
        data = with_exif_directory(encoded(quarters(96, 64), "TIFF"), exif[6:])
    else:
        data = encoded(quarters(96, 64), format, exif=exif)
    facts = read_photo(data, NetworkInput(32)).facts
    assert (facts.width, facts.height) == (96, 64)
    if b"Model" in exif and format != "TIFF":
        assert facts.camera == "Model"


def with_exif_directory(data: bytes, directory: bytes) -> bytes:
    """The TIFF with `directory` as its EXIF directory: its first directory copied to the end, one longer."""
    (start,) = struct.unpack_from("<L", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = data[start + 2 : start + 2 + 12 * count]
    moved = len(data) + len(data) % 2
    pointer = struct.pack("<HHLL", 0x8769, 4, 1, moved + 2 + 12 * (count + 1) + 4)
    table = struct.pack("<H", count + 1) + entries + pointer + bytes(4)
    return data[:4] + struct.pack("<L", moved) + data[8:].ljust(moved - 8, b"\0") + table + directory


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_a_block_changed_at_random_costs_at_most_its_facts(format: str) -> None:
    register_plugins()
    chance = np.random.default_rng(5)
    block = full_block()
    plain = encoded(quarters(96, 64), format, exif=block)
    for _ in range(40):
        damaged = bytearray(block)
        for position in chance.integers(6, len(block), 4):
            damaged[position] = chance.integers(0, 256)
        if format in ("AVIF", "HEIF"):
            # Their writers look into the block: it is exchanged in the finished file.
            assert block[6:] in plain
            data = plain.replace(block[6:], bytes(damaged[6:]))
        else:
            data = encoded(quarters(96, 64), format, exif=bytes(damaged))
        facts = read_photo(data, NetworkInput(32)).facts
        assert sorted((facts.width, facts.height)) == [64, 96]
        assert Facts.from_json(facts.to_json()) == facts


def test_what_cameras_wrote_is_understood(shared: Path) -> None:
    facts = {
        path.stem: read_photo(read_bytes(path), NetworkInput(32)).facts
        for path in sorted((shared / "camera").iterdir())
    }
    assert len(facts) == 40
    assert sum(fact.taken is not None for fact in facts.values()) >= 34
    canon = facts["Canon_EOS_5D"]
    assert (canon.camera, canon.taken, canon.iso) == ("Canon EOS 5D", "2005-09-25T00:31:00", 160)
    assert (canon.focal_mm, canon.aperture, canon.exposure_s) == (105.0, 5.0, 0.00625)
    assert facts["Olympus_PEN_E-P3"].camera == "OLYMPUS E-P3"
    assert facts["FujiFilm_FinePixS1Pro_(4)"].latitude == pytest.approx(54.9135)
