"""What the network can run on, found without torch."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from dataclasses import dataclass
from typing import Literal

from photosim.errors import ModelError

Kind = Literal["cpu", "cuda", "mps"]
REQUESTS = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class DeviceInfo:
    """`name` as people know it; `note` says why it is not the one that was asked for."""

    kind: Kind
    name: str
    note: str | None = None


def available_cores() -> int:
    """The processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def find_devices() -> list[DeviceInfo]:
    """What this machine has, best first, the CPU last."""
    found = []
    cuda = _cuda_name()
    if cuda is not None:
        found.append(DeviceInfo("cuda", cuda))
    if sys.platform == "darwin" and platform.machine() == "arm64":
        found.append(DeviceInfo("mps", "Apple GPU"))
    found.append(DeviceInfo("cpu", "CPU"))
    return found


def check_request(requested: str) -> None:
    """Raise ModelError unless `requested` is a word that `choose` takes; looks at no hardware."""
    if requested not in REQUESTS:
        raise ModelError(f"there is no device {requested!r}: use auto, cpu, cuda or mps")


def choose(requested: str) -> DeviceInfo:
    """The device for "auto", "cpu", "cuda" or "mps"; the CPU, with a note, for a GPU that is not there.

    Raises ModelError for any other word.
    """
    check_request(requested)
    if requested == "cpu":
        return DeviceInfo("cpu", "CPU")
    devices = find_devices()
    if requested == "auto":
        return devices[0]
    for device in devices:
        if device.kind == requested:
            return device
    name = "NVIDIA" if requested == "cuda" else "Apple"
    return DeviceInfo("cpu", "CPU", f"this machine has no {name} GPU that can be used: the CPU does the work")


def _cuda_name() -> str | None:
    """The first GPU's name as NVIDIA's driver gives it; None without a driver or a GPU."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return None
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value < 1:
        return None
    device = ctypes.c_int(0)
    name = ctypes.create_string_buffer(256)
    if driver.cuDeviceGet(ctypes.byref(device), 0) != 0 or driver.cuDeviceGetName(name, 256, device) != 0:
        return "NVIDIA GPU"
    return name.value.decode("utf-8", "replace")
