"""What a photo's EXIF block says about it, checked and put into plain values."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from photosim.imaging.exif import GpsTag, Tag, Value

_LONGEST_NAME = 100
_FIRST_YEAR = 1826
_DATE = re.compile(r"(\d{4})[:/.-](\d{1,2})[:/.-](\d{1,2})(?:[ T]+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?)?")
_COMPANY = re.compile(
    r"[\s,]+(corporation|corp|company|co|ltd|inc|imaging|optical|electronics|digital camera)\b\.?.*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Facts:
    """One photo's facts; None where the file does not say, or says nonsense.

    `width` and `height` are those of the upright original in pixels, `taken` is local time as
    "2023-07-14T18:42:00", `focal_mm` in millimetres, `aperture` the f-number, `exposure_s` in seconds,
    `latitude` and `longitude` in degrees, north and east positive.
    """

    width: int
    height: int
    format: str
    taken: str | None = None
    camera: str | None = None
    lens: str | None = None
    focal_mm: float | None = None
    aperture: float | None = None
    exposure_s: float | None = None
    iso: int | None = None
    latitude: float | None = None
    longitude: float | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Facts:
        """The facts that `to_json` wrote. Raises ValueError or TypeError on anything else."""
        return cls(**json.loads(text))


def facts_from_exif(
    width: int, height: int, format: str, tags: Mapping[int, Value], place: Mapping[int, Value]
) -> Facts:
    """Facts of an upright photo of this size, from what `exif.read_tags` gave. Never raises."""
    latitude, longitude = _position(place)
    return Facts(
        width=width,
        height=height,
        format=format,
        taken=_taken(tags),
        camera=_camera(_text(tags, Tag.MAKE), _text(tags, Tag.MODEL)),
        lens=_text(tags, Tag.LENS_MODEL),
        focal_mm=_rounded(_number(tags, Tag.FOCAL_LENGTH, 0.1, 100_000)),
        aperture=_rounded(_number(tags, Tag.F_NUMBER, 0.5, 1000) or _from_apex(tags, Tag.APERTURE, 0.5)),
        exposure_s=_rounded(
            _number(tags, Tag.EXPOSURE_TIME, 1e-7, 1e6) or _from_apex(tags, Tag.SHUTTER_SPEED, -1.0)
        ),
        iso=_iso(tags),
        latitude=latitude,
        longitude=longitude,
    )


def orientation(tags: Mapping[int, Value]) -> int:
    """The EXIF orientation, 1 to 8; 1 where it is missing or nonsense."""
    value = _number(tags, Tag.ORIENTATION, 1, 8)
    return int(value) if value is not None else 1


def _number(tags: Mapping[int, Value], tag: int, lowest: float, highest: float) -> float | None:
    value = tags.get(tag)
    if not value or isinstance(value, bytes):
        return None
    # A comparison with NaN is false, which leaves it out.
    return value[0] if lowest <= value[0] <= highest else None


def _from_apex(tags: Mapping[int, Value], tag: int, factor: float) -> float | None:
    """2 to the power of factor times an APEX value: f-number (0.5) or seconds (-1)."""
    value = _number(tags, tag, -20, 30)
    return None if value is None else 2.0 ** (factor * value)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def _text(tags: Mapping[int, Value], tag: int) -> str | None:
    """One line of printable text with something to read in it."""
    value = tags.get(tag)
    if not isinstance(value, bytes):
        return None
    raw = value.split(b"\0", 1)[0]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    printable = "".join(
        " " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter
        for letter in text
        if unicodedata.category(letter) not in ("Cf", "Cs", "Co", "Cn")
    )
    line = " ".join(printable.split())[:_LONGEST_NAME].rstrip()
    return line if any(letter.isalnum() for letter in line) else None


def _camera(make: str | None, model: str | None) -> str | None:
    """Make and model as people say them: "NIKON CORPORATION" and "NIKON D70" are "NIKON D70"."""
    if make is None or model is None:
        return model or make
    if model.split()[0].casefold() in make.casefold().split() or model.casefold().startswith(make.casefold()):
        return model
    return f"{_COMPANY.sub('', make)} {model}"


def _taken(tags: Mapping[int, Value]) -> str | None:
    for tag in (Tag.DATE_TIME_ORIGINAL, Tag.DATE_TIME_DIGITIZED, Tag.DATE_TIME):
        match = _DATE.match(_text(tags, tag) or "")
        if match is None:
            continue
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
        if year < _FIRST_YEAR:
            continue
        try:
            return datetime(year, month, day, hour, minute, second).isoformat(timespec="seconds")
        except ValueError:
            continue
    return None


def _iso(tags: Mapping[int, Value]) -> int | None:
    for tag in (
        Tag.ISO,
        Tag.RECOMMENDED_EXPOSURE_INDEX,
        Tag.STANDARD_OUTPUT_SENSITIVITY,
        Tag.ISO_SPEED,
    ):
        value = _number(tags, tag, 1, 100_000_000)
        # The short field holds no more than 65535, which then means: see the other ones.
        if value is not None and not (tag == Tag.ISO and value == 65535):
            return int(value)
    return None


def _position(place: Mapping[int, Value]) -> tuple[float | None, float | None]:
    latitude = _degrees(place, GpsTag.LATITUDE, GpsTag.LATITUDE_REF, "NS", 90)
    longitude = _degrees(place, GpsTag.LONGITUDE, GpsTag.LONGITUDE_REF, "EW", 180)
    # Half a place is none, and zero by zero is what receivers write that have not found themselves yet.
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return None, None
    return latitude, longitude


def _degrees(
    place: Mapping[int, Value], tag: GpsTag, ref: GpsTag, signs: str, highest: float
) -> float | None:
    side = (_text(place, ref) or "").upper()[:1]
    parts = place.get(tag)
    if not side or side not in signs or not parts or isinstance(parts, bytes):
        return None
    degrees, minutes, seconds = (*parts, 0.0, 0.0)[:3]
    if not all(math.isfinite(part) and part >= 0 for part in (degrees, minutes, seconds)):
        return None
    if minutes > 60 or seconds > 60:
        return None
    value = degrees + minutes / 60 + seconds / 3600
    if value > highest:
        return None
    return round(value if side == signs[0] else -value, 7)
