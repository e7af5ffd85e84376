"""A photo's facts as people read them: dates by the user's locale, exposures as on a camera."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QDate, QDateTime, QLocale, Qt, QTime

if TYPE_CHECKING:
    from photosim.imaging.facts import Facts

SEPARATOR = " · "


def taken_text(taken: str, locale: QLocale) -> str:
    """`taken` (ISO 8601, local time) as "14 July 2023, 18:42"; the text itself where it is no date.

    The weekday is left out of the locale's long form, since a photo's date is looked at, not planned with.
    """
    try:
        moment = datetime.fromisoformat(taken)
    except ValueError:
        return taken
    date = QDate(moment.year, moment.month, moment.day)
    day = locale.toString(date, _long_date_without_weekday(locale))
    clock = QTime(moment.hour, moment.minute, moment.second)
    time = locale.toString(clock, locale.timeFormat(QLocale.FormatType.ShortFormat))
    return f"{day}, {time}"


def moment_text(moment: str, locale: QLocale) -> str:
    """A moment of the catalog (ISO 8601, with or without an offset) in the user's own time zone."""
    stamp = QDateTime.fromString(moment, Qt.DateFormat.ISODate)
    if not stamp.isValid():
        return moment
    return locale.toString(stamp.toLocalTime(), QLocale.FormatType.ShortFormat)


def _long_date_without_weekday(locale: QLocale) -> str:
    long_form = locale.dateFormat(QLocale.FormatType.LongFormat)
    return long_form.replace("dddd", "").strip(" ,.،、")


def exposure_time_text(seconds: float, locale: QLocale) -> str:
    """0.002 as "1/500 s", 2.0 as "2 s"; from 0.3 s on as a decimal number, as cameras show it."""
    if seconds < 0.3:
        return f"1/{round(1 / seconds)} s"
    return f"{_short(seconds, locale)} s"


def exposure_text(facts: Facts, locale: QLocale) -> str:
    """ "f/2 · 1/500 s · ISO 200 · 35 mm" of what is known; "" where nothing is."""
    parts = []
    if facts.aperture and facts.aperture > 0:
        parts.append(f"f/{_short(facts.aperture, locale)}")
    if facts.exposure_s and facts.exposure_s > 0:
        parts.append(exposure_time_text(facts.exposure_s, locale))
    if facts.iso and facts.iso > 0:
        parts.append(f"ISO {facts.iso}")
    if facts.focal_mm and facts.focal_mm > 0:
        parts.append(f"{_short(facts.focal_mm, locale)} mm")
    return SEPARATOR.join(parts)


def file_size_text(size: int, locale: QLocale) -> str:
    """`size` in bytes as "11.8 MB" (powers of 1000, as file managers and drives count)."""
    return locale.formattedDataSize(size, 1, QLocale.DataSizeFormat.DataSizeSIFormat)


def dimensions_text(width: int, height: int) -> str:
    return f"{width} × {height}"


def place_text(latitude: float, longitude: float) -> str:
    """Decimal degrees to about a metre, as every map takes them: a point whatever the locale."""
    return f"{latitude:.5f}, {longitude:.5f}"


def similarity_text(
    similarity: float | None, parts: tuple[float | None, float | None], locale: QLocale, points: int = 0
) -> str:
    """ "similarity 0.93", and with a model of two parts "similarity 0.93 · kind 0.95, thing 0.71".

    Before it, where the photo is an exact match, how many points agree: "23 matching points".
    """
    if similarity is None:
        return ""
    if points:
        said = QCoreApplication.translate("FactsText", "{count} matching points").format(
            count=locale.toString(points)
        )
        return f"{said}{SEPARATOR}{similarity_text(similarity, parts, locale)}"
    total = QCoreApplication.translate("FactsText", "similarity {figure}").format(
        figure=locale.toString(similarity, "f", 2)
    )
    kind, thing = parts
    if kind is None or thing is None:
        return total
    split = QCoreApplication.translate("FactsText", "kind {kind}, thing {thing}").format(
        kind=locale.toString(kind, "f", 2), thing=locale.toString(thing, "f", 2)
    )
    return f"{total}{SEPARATOR}{split}"


def path_text(path: str) -> str:
    """A path for the eye: bytes of a name that are not valid UTF-8 become replacement characters."""
    return os.fsencode(path).decode("utf-8", errors="replace")


def fact_rows(facts: Facts, size: int | None, locale: QLocale) -> list[tuple[str, str]]:
    """Label and value of what is known about a photo; `size` is its file's, in bytes."""
    rows = []
    if facts.taken:
        rows.append((QCoreApplication.translate("FactsText", "Taken"), taken_text(facts.taken, locale)))
    if facts.camera:
        rows.append((QCoreApplication.translate("FactsText", "Camera"), facts.camera))
    if facts.lens:
        rows.append((QCoreApplication.translate("FactsText", "Lens"), facts.lens))
    if exposure := exposure_text(facts, locale):
        rows.append((QCoreApplication.translate("FactsText", "Exposure"), exposure))
    extent = dimensions_text(facts.width, facts.height)
    if size is not None:
        extent += SEPARATOR + file_size_text(size, locale)
    rows.append((QCoreApplication.translate("FactsText", "Size"), extent))
    if facts.latitude is not None and facts.longitude is not None:
        place = place_text(facts.latitude, facts.longitude)
        rows.append((QCoreApplication.translate("FactsText", "Place"), place))
    return rows


def _short(number: float, locale: QLocale) -> str:
    """At most one decimal, and none where it is 0: 2.8, 2, 35."""
    rounded = round(number, 1)
    return locale.toString(rounded, "f", 0 if rounded == int(rounded) else 1)
