"""Bytes become an upright sRGB image, no larger than it is needed, with its facts.

The one boundary where what Pillow and its plugins raise over hostile bytes becomes UnreadablePhoto.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from PIL import Image, ImageFile, TiffImagePlugin

from photosim.errors import UnreadablePhoto
from photosim.imaging import colour, containers
from photosim.imaging.exif import read_tags
from photosim.imaging.facts import Facts, facts_from_exif, orientation
from photosim.imaging.limits import DEFAULT_LIMITS, Limits
from photosim.imaging.plugins import PILLOW_ERRORS, NotAnImage, open_image, register_plugins
from photosim.imaging.room import Room

_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")
_JPEG_SCALES = (8, 4, 2)
_TRUNCATED = "truncated: the end of the file is missing"
# What Pillow, its plugins and libheif say when the bytes end too early.
_TRUNCATION = (
    *("truncat", "not enough image data", "broken data stream"),
    *("unexpected end", "end of file", "end-of-file"),
)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)
_FREE_PIXELS = 16_000_000  # 64 MB a thread, which nobody waits for
_room = Room(DEFAULT_LIMITS.max_pixels, _FREE_PIXELS)

# How many times smaller than the upright original (width, height) an image may be decoded.
Reduction = Callable[[int, int], float]


@dataclass(frozen=True)
class Decoded:
    """An upright RGB image, at least as large as was asked for, and the facts of the original."""

    image: Image.Image
    facts: Facts


def decode(data: bytes, reduction: Reduction, limits: Limits) -> Decoded:
    """Decode the first frame of a photo at a scale of at least 1 / `reduction`.

    Raises UnreadablePhoto where the bytes are no image, too large for `limits`, or not decodable to the
    last pixel.
    """
    if not data:
        raise UnreadablePhoto("empty file")
    if len(data) > limits.max_bytes:
        raise too_many_bytes(limits)
    if data.startswith(_JPEG_XL):
        raise UnreadablePhoto("a JPEG XL photo, which photosim cannot read")
    if containers.is_cut_short(data):
        raise UnreadablePhoto(_TRUNCATED)
    register_plugins()
    with _hostile_bytes():
        try:
            return _decode(data, data, reduction, limits)
        except PILLOW_ERRORS:
            plain = containers.without_metadata(data)
            if plain is None:
                raise
            with suppress(*PILLOW_ERRORS):
                return _decode(plain, data, reduction, limits)
            raise


def too_many_bytes(limits: Limits) -> UnreadablePhoto:
    return UnreadablePhoto(f"larger than {limits.max_bytes / (1 << 20):.0f} MB")


def _decode(data: bytes, original: bytes, reduction: Reduction, limits: Limits) -> Decoded:
    """Decode `data`, which is `original` or the same without metadata that broke a plugin."""
    image = open_image(data)
    _check_pixels(image, limits)
    if image.format == "JPEG":
        return _decode_jpeg(image, original, reduction)
    with _room.of(image.width * image.height):
        return _decode_other(image, original, reduction)


def _check_pixels(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    if width * height > limits.max_pixels:
        megapixels = f"{limits.max_pixels / 1e6:g}"
        raise UnreadablePhoto(f"larger than {megapixels} megapixels: {width} x {height}")


def _decode_jpeg(image: ImageFile.ImageFile, data: bytes, reduction: Reduction) -> Decoded:
    tags, place = read_tags(containers.jpeg_exif(data))
    turn = orientation(tags)
    width, height = image.size
    upright = (height, width) if turn in _SIDEWAYS else (width, height)
    allowed = reduction(*upright)
    for scale in _JPEG_SCALES:
        if allowed >= scale:
            # Pillow takes the largest scale that leaves at least this size.
            image.draft(None, (max(1, width // scale), max(1, height // scale)))
            break
    # In one piece: the decoder then works without the interpreter's lock from start to end.
    image.decodermaxblock = len(data)
    # A progressive one's coefficients are all in memory, whatever its scale.
    pixels = width * height if "progressive" in image.info else image.width * image.height
    with _room.of(pixels):
        image.load()
        remaining = allowed * max(image.size) / max(width, height)
        finished = _finish(image, turn, remaining)
    return Decoded(finished, facts_from_exif(*upright, "JPEG", tags, place))


def _decode_other(image: ImageFile.ImageFile, data: bytes, reduction: Reduction) -> Decoded:
    image.load()
    # A PNG's EXIF block may follow its pixels, and a plugin may have turned the image already.
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags, place = read_tags(data)
        turn = 1
    else:
        tags, place = read_tags(_exif_block(image))
        turn = orientation(tags)
    width, height = image.size
    upright = (height, width) if turn in _SIDEWAYS else (width, height)
    allowed = reduction(*upright)
    facts = facts_from_exif(*upright, image.format or "", tags, place)
    return Decoded(_finish(image, turn, allowed), facts)


def _exif_block(image: Image.Image) -> bytes:
    block = image.info.get("exif")
    if isinstance(block, bytes):
        return block
    # ImageMagick and older cameras' software write it into PNGs as text: three lines, then hexadecimal.
    profile = image.info.get("Raw profile type exif")
    if isinstance(profile, str):
        try:
            return bytes.fromhex("".join(profile.split("\n")[3:]))
        except ValueError:
            return b""
    return b""


def _finish(image: Image.Image, turn: int, allowed: float) -> Image.Image:
    """Reduce, convert and turn a loaded image, in the order that handles the fewest pixels."""
    profile = image.info.get("icc_profile")
    flat = colour.to_eight_bits(image)
    # Averaging whole blocks of pixels is the fast half of a good reduction; the slow half, done by the
    # caller, gets twice the pixels that it needs.
    factor = min(int(allowed / 2), *flat.size)
    if factor >= 2:
        flat = colour.reduce(flat, factor)
    flat = colour.to_srgb(flat, profile)
    return flat.transpose(_UPRIGHT[turn]) if turn in _UPRIGHT else flat


@contextmanager
def _hostile_bytes() -> Iterator[None]:
    """Whatever is raised over the bytes of one photo, in words that fit a list of failures."""
    try:
        yield
    except UnreadablePhoto:
        raise
    except NotAnImage:
        raise UnreadablePhoto("not an image photosim can read") from None
    except MemoryError as error:
        raise UnreadablePhoto("needs more memory than is free") from error
    except Image.DecompressionBombError as error:
        raise UnreadablePhoto("too many pixels for a photo") from error
    except PILLOW_ERRORS as error:
        text = str(error).lower()
        if isinstance(error, EOFError) or any(sign in text for sign in _TRUNCATION):
            raise UnreadablePhoto(_TRUNCATED) from error
        raise UnreadablePhoto("damaged: it cannot be decoded") from error
