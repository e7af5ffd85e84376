"""Which disk a folder lies on, so that an unplugged drive is not taken for deleted photos."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_BY_UUID = Path("/dev/disk/by-uuid")


def volume_of(path: str) -> str:
    """A name of the volume that holds `path`, the same after the drive has been away; "" if unknown.

    Windows reports the volume's serial number as the device. Linux numbers devices by the order of
    plugging in, so the file system's UUID is looked up there where there is one.
    """
    try:
        device = os.stat(path).st_dev
    except OSError:
        return ""
    if sys.platform == "linux":
        uuid = _uuid(device)
        if uuid:
            return uuid
    return f"device {device}"


def _uuid(device: int) -> str | None:
    try:
        for link in _BY_UUID.iterdir():
            if os.stat(link).st_rdev == device:
                return link.name
    except OSError:
        pass
    return None


def is_online(path: str, volume: str, has_places: bool) -> bool:
    """Whether the folder's photos can be reached now.

    A mount point stays behind as an empty folder when its drive is unplugged: an empty folder on another
    volume than the photos were seen on means "away", on the same volume it means "deleted".
    """
    try:
        with os.scandir(path) as entries:
            empty = next(entries, None) is None
    except OSError:
        return False
    return not (empty and has_places and volume_of(path) != volume)
