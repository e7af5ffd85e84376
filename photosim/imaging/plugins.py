"""Pillow's plugins: which of them open a stranger's bytes, and how."""

from __future__ import annotations

import io
import logging
import re
import struct
import warnings
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from PIL import Image, ImageFile, JpegImagePlugin

from photosim.imaging.limits import DEFAULT_LIMITS

# EPS would start Ghostscript on a stranger's program, WMF draws on Windows alone; the others are only
# recognised by Pillow, without pixels.
_REFUSED = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "IPTC"})

# What hostile bytes have been seen to raise inside Pillow and its plugins. Anything else is a bug.
PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    BufferError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

_WARNINGS: Any = ("ignore", None, Warning, re.compile(r"PIL\.|pillow_heif"), 0)


class NotAnImage(Exception):
    """No plugin knows the beginning of these bytes."""


class _Plugin(NamedTuple):
    format: str
    open: Callable[[io.BytesIO, str], ImageFile.ImageFile]
    accept: Callable[[bytes], bool | str] | None


def register_plugins() -> None:
    """Make Pillow ready: all its plugins, pillow-heif, and nothing of theirs on standard error.

    May be called again at any time, from any thread.
    """
    _plugins()
    if _WARNINGS not in warnings.filters:
        # Their warnings concern metadata that is read here by other means. Temporary filters
        # (warnings.catch_warnings) are no way out: they are shared by all threads.
        warnings.filterwarnings("ignore", module=_WARNINGS[3].pattern)


def open_image(data: bytes) -> ImageFile.ImageFile:
    """The image in these bytes, its header read and nothing decoded.

    Pillow's own `Image.open` is not used because its pixel limit is a global variable and half of it is
    only a warning; the caller checks `size`.

    Raises NotAnImage where no plugin knows the bytes, else one of PILLOW_ERRORS.
    """
    first_error: Exception | None = None
    for plugin in _plugins():
        try:
            # A text instead of True says that the format is known and its decoder missing.
            if plugin.accept is None or plugin.accept(data[:16]) is True:
                return plugin.open(io.BytesIO(data), "")
        except PILLOW_ERRORS as error:
            if plugin.accept is not None:
                first_error = first_error or error
    raise first_error or NotAnImage


@lru_cache(maxsize=1)
def _plugins() -> tuple[_Plugin, ...]:
    """Those that know a photo by its beginning first, then those that must try."""
    # Imported here: the window reads no photo itself and should not wait for libheif.
    import pillow_heif

    Image.init()
    # The caller checks what the header says. Some plugins check once more, when they find the pixels, and
    # refuse twice this number: that is to be the same limit.
    Image.MAX_IMAGE_PIXELS = DEFAULT_LIMITS.max_pixels // 2
    pillow_heif.register_heif_opener()
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    opened = {format: Image.OPEN[format] for format in Image.ID if format not in _REFUSED}
    # Pillow's own JPEG opener also turns JPEGs with several pictures into MPO files: here the first one
    # is wanted, and it is a JPEG.
    opened["JPEG"] = (JpegImagePlugin.JpegImageFile, opened["JPEG"][1])
    plugins = [_Plugin(format, factory, accept) for format, (factory, accept) in opened.items()]
    return tuple(sorted(plugins, key=lambda plugin: plugin.accept is None))
