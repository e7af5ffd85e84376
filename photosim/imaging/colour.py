"""Any of Pillow's modes becomes sRGB over white."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

# Profiles are a few kilobytes, those of printing inks below one megabyte or two.
_LARGEST_PROFILE = 4 << 20
_STRIP_PIXELS = 16_000_000  # ordinary photos are done in one piece
_WHITE = (255, 255, 255)
_PROFILE_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}

_Values = npt.NDArray[Any]


def to_eight_bits(image: Image.Image) -> Image.Image:
    """The image in a mode of eight bits a channel that can be averaged: L, LA, RGB, RGBA, CMYK or LAB."""
    mode = image.mode
    if mode in ("LA", "RGBA", "CMYK", "LAB"):
        return image
    if mode.startswith("I;16"):
        return _by_strips(image, lambda values: (values >> 8).astype(np.uint8))
    if mode in ("I", "F"):
        return _from_wide_values(image)
    if image.has_transparency_data:
        return image.convert("RGBA")
    if mode in ("L", "RGB"):
        return image
    return image.convert("L" if mode == "1" else "RGB")


def reduce(image: Image.Image, factor: int) -> Image.Image:
    """The image with each block of `factor` x `factor` pixels averaged, the transparent ones not counted."""
    if image.mode not in ("LA", "RGBA"):
        return image.reduce(factor)
    # Pillow would make a copy as large as the image first.
    reduced = Image.new(image.mode, (-(-image.width // factor), -(-image.height // factor)))
    for top, strip in _strips(image, factor):
        reduced.paste(strip.reduce(factor), (0, top // factor))
    return reduced


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB in sRGB's colours, over white, of an image from `to_eight_bits` and its ICC profile.

    A profile that is broken or belongs to another kind of image is passed over.
    """
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    if alpha is not None:
        image = image.convert(image.mode[:-1])
    image = _apply_profile(image, profile)
    if alpha is None:
        return image
    page = Image.new("RGB", image.size, _WHITE)
    page.paste(image, mask=alpha)
    return page


def _from_wide_values(image: Image.Image) -> Image.Image:
    """Grey of integers of up to 32 bits or of floats, whose white is not written in the file."""
    ends = [
        (float(values.min()), float(values.max()))
        for values in (_finite(np.asarray(strip)) for _, strip in _strips(image))
    ]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    for white in (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0):
        if low >= 0 and high <= white:
            low, high = 0.0, white
            break
    if high <= low:
        high = low + 1
    scale = 255.0 / (high - low)
    return _by_strips(image, lambda values: ((_finite(values) - low) * scale + 0.5).astype(np.uint8))


def _finite(values: _Values) -> npt.NDArray[np.float32]:
    numbers = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    # So that the difference of two values is a value.
    return numbers.clip(-1e38, 1e38)


def _by_strips(image: Image.Image, to_grey: Callable[[_Values], npt.NDArray[np.uint8]]) -> Image.Image:
    """The image in mode L, without ever holding all of it as an array: that takes several times its size."""
    grey = Image.new("L", image.size)
    for top, strip in _strips(image):
        grey.paste(Image.fromarray(to_grey(np.asarray(strip))), (0, top))
    return grey


def _strips(image: Image.Image, factor: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """Some rows at a time, a multiple of `factor`, from the top; with them the number of the first one."""
    rows = max(1, _STRIP_PIXELS // (image.width * factor)) * factor
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _apply_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode == "LAB" or (isinstance(profile, bytes) and 0 < len(profile) <= _LARGEST_PROFILE):
        try:
            transform = _transform(profile if image.mode != "LAB" else None, image.mode)
            if transform is not None:
                return ImageCms.applyTransform(image, transform) or image
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            if image.mode == "LAB":
                raise
    return image.convert("RGB")


@lru_cache(maxsize=16)
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The way from this profile (None: CIE Lab itself) to sRGB; None where there is nothing to do.

    Transforms may be used by several threads at once: littlecms keeps no state in them.
    """
    if profile is None:
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    else:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != _PROFILE_SPACES[mode]:
            return None
        if "sRGB" in (source.profile.profile_description or ""):
            return None
    return ImageCms.buildTransform(source, _srgb(), mode, "RGB")


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
