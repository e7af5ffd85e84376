"""Which files are photos by their name."""

from __future__ import annotations

# JPEG XL photos are listed as failures with their reason instead of passed over.
UNREADABLE_SUFFIXES = frozenset({".jxl"})

# Pictures only: no icons and cursors, no vector or scientific formats, though a query may be any image.
PHOTO_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
        *(".heic", ".heics", ".heif", ".heifs", ".hif", ".avif", ".avifs"),
        *(".png", ".apng", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
        *UNREADABLE_SUFFIXES,
        *(".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
        *(".tga", ".pbm", ".pgm", ".ppm", ".pnm", ".pfm", ".pcx", ".psd", ".qoi", ".sgi", ".ras", ".pcd"),
    }
)


def is_photo_name(name: str) -> bool:
    """Whether a file of this name (or path) is a photo by its suffix, in any case."""
    dot = name.rfind(".")
    return dot > 0 and name[dot:].lower() in PHOTO_SUFFIXES
