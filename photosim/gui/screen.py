"""Whether a window can be opened here at all: Qt itself would end the process with lines of its own."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from pathlib import Path

from PySide6.QtCore import QLibraryInfo

from photosim.errors import PhotosimError

_ADVICE = "use the commands (photosim --help), or set QT_QPA_PLATFORM"


def require_screen() -> None:
    """Raise PhotosimError where Qt would find no screen, or not the libraries to draw on it.

    Looks at Linux alone, and there no further than at X: elsewhere there is always a screen.
    """
    if sys.platform != "linux":
        return
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    display = os.environ.get("DISPLAY", "")
    wayland = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("WAYLAND_SOCKET")
    if platform != "xcb" and (platform or wayland):
        return
    if not display:
        raise PhotosimError(f"there is no screen to open the window on: {_ADVICE}")
    plugins = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath))
    require_libraries(plugins / "platforms" / "libqxcb.so")
    _require_display(display)


def require_libraries(plugin: Path) -> None:
    """Raise PhotosimError where a library is missing that Qt's plugin needs."""
    if not plugin.exists():
        return
    try:
        ctypes.CDLL(str(plugin))  # which costs nothing: Qt loads it next
    except OSError as error:
        missing = re.match(r"(\S+)\.so\.(\d+): cannot open shared object", str(error))
        if missing is None:
            raise PhotosimError(f"the window cannot be opened: {error}") from error
        raise PhotosimError(
            f"the window cannot be opened, {missing[1]}.so.{missing[2]} is missing: install it "
            f"(on Debian and Ubuntu: sudo apt-get install {_debian_package(missing[1], missing[2])})"
        ) from error


def _debian_package(library: str, version: str) -> str:
    """The name that Debian's policy gives to the package of a shared library."""
    name = library.lower().replace("_", "-")
    return f"{name}-{version}" if name[-1].isdigit() else name + version


def _require_display(display: str) -> None:
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(os.fsencode(display), None)
    refused = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    if refused:
        raise PhotosimError(
            f"there is no screen to open the window on: the display {display} does not answer: {_ADVICE}"
        )
