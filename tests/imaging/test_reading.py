"""What a user may expect of any photo: upright, in its colours, fast, or a plain reason why not."""

from __future__ import annotations

import errno
import io
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from photosim.errors import QueryError, UnreadablePhoto
from photosim.imaging import colour as colours
from photosim.imaging.formats import is_photo_name
from photosim.imaging.limits import Limits
from photosim.imaging.network_input import NetworkInput
from photosim.imaging.plugins import register_plugins
from photosim.imaging.reading import (
    THUMBNAIL_SIDE,
    content_hash,
    preview,
    read_bytes,
    read_photo,
    read_region,
)
from tests.imaging.pictures import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    corners,
    encoded,
    exif_block,
    quarters,
    rationals,
    short,
    text,
)

SIZE = 224
INPUT = NetworkInput(SIZE)
CHECKOUT = Path(__file__).parents[2]


def reason(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(UnreadablePhoto) as caught:
        read_photo(data, INPUT, limits=limits or Limits())
    return caught.value.reason


def assert_quarters(pixels: np.ndarray, tolerance: int = 12) -> None:
    found = np.array(corners(pixels), dtype=int)
    assert np.abs(found - np.array([RED, GREEN, BLUE, YELLOW])).max() <= tolerance, found


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of_size(width: int, height: int) -> bytes:
    """A black PNG of one bit a pixel, whose few bytes stand for many."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compressobj()
    packed = b"".join(rows.compress(bytes((width + 7) // 8 + 1)) for _ in range(height)) + rows.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", packed)
        + png_chunk(b"IEND", b"")
    )


def with_png_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """The PNG with a chunk put in right behind its header."""
    return data[:33] + png_chunk(kind, content) + data[33:]


class TestReading:
    def test_everything_kept_of_a_photo_comes_from_its_bytes(self) -> None:
        data = encoded(quarters(1600, 1200), "JPEG", quality=92)
        reading = read_photo(data, INPUT)
        assert reading.content_hash == content_hash(data)
        assert len(reading.content_hash) == 16
        assert (reading.facts.width, reading.facts.height, reading.facts.format) == (1600, 1200, "JPEG")
        assert reading.pixels.shape == (SIZE, SIZE, 3)
        assert reading.pixels.dtype == np.uint8
        assert reading.pixels.flags.c_contiguous
        assert_quarters(reading.pixels)
        with Image.open(io.BytesIO(reading.thumbnail)) as thumbnail:
            assert (thumbnail.format, thumbnail.size) == ("JPEG", (THUMBNAIL_SIDE, 288))
            assert_quarters(np.asarray(thumbnail))
        assert 0 <= reading.phash < 1 << 64

    def test_the_same_bytes_give_the_same_reading(self, sample_photos: list[Path]) -> None:
        for path in sample_photos:
            data = read_bytes(path)
            one, other = read_photo(data, INPUT), read_photo(data, INPUT)
            assert np.array_equal(one.pixels, other.pixels)
            assert (one.thumbnail, one.phash, one.facts) == (other.thumbnail, other.phash, other.facts)

    def test_several_threads_read_as_one_does(self, sample_photos: list[Path]) -> None:
        photos = [read_bytes(path) for path in sample_photos]
        alone = [read_photo(data, INPUT).thumbnail for data in photos]
        together: dict[int, list[bytes]] = {}

        def work(number: int) -> None:
            together[number] = [read_photo(data, INPUT).thumbnail for data in photos]

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [together[number] for number in range(4)] == [alone] * 4

    def test_a_small_photo_is_not_enlarged_for_its_thumbnail(self) -> None:
        reading = read_photo(encoded(quarters(100, 60), "PNG"), INPUT)
        with Image.open(io.BytesIO(reading.thumbnail)) as thumbnail:
            assert thumbnail.size == (100, 60)
        assert reading.pixels.shape == (SIZE, SIZE, 3)

    @pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 3000), (9, 4000), (4000, 230), (17, 33)])
    @pytest.mark.parametrize("format", ["JPEG", "PNG"])
    def test_odd_proportions_are_read(self, size: tuple[int, int], format: str) -> None:
        reading = read_photo(encoded(quarters(*size), format), INPUT)
        assert (reading.facts.width, reading.facts.height) == size
        assert reading.pixels.shape == (SIZE, SIZE, 3)
        with Image.open(io.BytesIO(reading.thumbnail)) as thumbnail:
            assert max(thumbnail.size) == min(max(size), THUMBNAIL_SIDE)

    def test_reduced_decoding_keeps_what_the_network_sees(self, sample_photos: list[Path]) -> None:
        """Against plain Pillow: open, resize, from a photo large enough to be decoded at an eighth."""
        photo = Image.open(sample_photos[0]).convert("RGB").resize((3200, 2400), Image.Resampling.BICUBIC)
        data = encoded(photo, "JPEG", quality=92)
        plain = np.asarray(Image.open(io.BytesIO(data)).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        difference = np.abs(read_photo(data, INPUT).pixels.astype(int) - plain)
        assert difference.mean() < 2.0

    def test_the_perceptual_hash_survives_scaling_and_recompression(self, sample_photos: list[Path]) -> None:
        hashes = []
        for path in sample_photos:
            photo = Image.open(path).convert("RGB")
            original = read_photo(encoded(photo, "JPEG", quality=95), INPUT).phash
            smaller = photo.resize((photo.width * 2 // 3, photo.height * 2 // 3))
            copy = read_photo(encoded(smaller, "JPEG", quality=60), INPUT).phash
            assert (original ^ copy).bit_count() <= 8
            hashes.append(original)
        apart = [(a ^ b).bit_count() for i, a in enumerate(hashes) for b in hashes[:i]]
        assert np.median(apart) > 20

    def test_a_photo_of_one_colour_has_a_steady_hash(self) -> None:
        for colour in ("black", "white", (90, 120, 30)):
            assert read_photo(encoded(Image.new("RGB", (500, 300), colour), "JPEG"), INPUT).phash == 0


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
    def test_every_orientation_stands_upright(self, orientation: int, format: str) -> None:
        register_plugins()
        turned_back = {
            1: None,
            2: Image.Transpose.FLIP_LEFT_RIGHT,
            3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_90,
            7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270,
        }[orientation]
        stored = quarters(1000, 600)
        if turned_back is not None:
            stored = stored.transpose(turned_back)
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = encoded(stored, format, exif=exif.tobytes())
        reading = read_photo(data, INPUT)
        assert (reading.facts.width, reading.facts.height) == (1000, 600)
        assert_quarters(reading.pixels)
        with Image.open(io.BytesIO(reading.thumbnail)) as thumbnail:
            assert thumbnail.size == (384, 230)
            assert_quarters(np.asarray(thumbnail))
        pixels, facts = preview(data, 300)
        assert pixels.shape == (180, 300, 3)
        assert facts == reading.facts
        assert_quarters(pixels)

    def test_the_eight_examples_are_one_picture(self, shared: Path) -> None:
        for kind, size in (("Landscape", (1800, 1200)), ("Portrait", (1200, 1800))):
            readings = [
                read_photo(read_bytes(shared / "orientation" / f"{kind}_{number}.jpg"), INPUT)
                for number in range(1, 9)
            ]
            assert {(reading.facts.width, reading.facts.height) for reading in readings} == {size}
            assert len({reading.phash for reading in readings}) == 1
            first = readings[0].pixels.astype(int)
            assert all(np.abs(reading.pixels - first).mean() < 6 for reading in readings)


class TestColours:
    def test_grey_becomes_rgb(self) -> None:
        pixels = read_photo(encoded(Image.new("L", (300, 200), 90), "JPEG"), INPUT).pixels
        assert corners(pixels) == [(90, 90, 90)] * 4

    def test_one_bit_becomes_black_and_white(self) -> None:
        page = Image.new("1", (300, 200), 1)
        page.paste(0, (0, 0, 150, 200))
        pixels = read_photo(encoded(page, "PNG"), INPUT).pixels
        assert corners(pixels) == [(0, 0, 0), (255, 255, 255)] * 2

    def test_a_palette_gives_its_colours(self) -> None:
        assert_quarters(read_photo(encoded(quarters().quantize(8), "PNG"), INPUT).pixels)
        assert_quarters(read_photo(encoded(quarters(), "GIF"), INPUT).pixels)

    def test_what_is_transparent_shows_white(self) -> None:
        picture = quarters(400, 400).convert("RGBA")
        picture.paste((0, 0, 0, 0), (0, 0, 200, 200))
        for data in (
            encoded(picture, "PNG"),
            encoded(picture, "WEBP", lossless=True),
            encoded(picture, "GIF"),
            encoded(picture.quantize(16), "PNG"),
            encoded(picture.convert("LA"), "PNG"),
        ):
            found = corners(read_photo(data, INPUT).pixels)
            assert found[0] == (255, 255, 255)
            assert found[1] != (255, 255, 255)

    def test_a_transparent_colour_of_a_png_shows_white(self) -> None:
        picture = Image.new("RGB", (200, 200), BLUE)
        picture.paste((1, 2, 3), (0, 0, 100, 200))
        found = corners(read_photo(encoded(picture, "PNG", transparency=(1, 2, 3)), INPUT).pixels)
        assert found == [(255, 255, 255), BLUE] * 2

    def test_half_transparent_is_half_white(self) -> None:
        pixels = read_photo(encoded(Image.new("RGBA", (300, 300), (0, 0, 0, 128)), "PNG"), INPUT).pixels
        assert abs(int(pixels[9, 9, 0]) - 127) <= 1

    def test_printing_inks_are_not_inverted(self) -> None:
        """Adobe stores CMYK in JPEGs inverted, and not in TIFFs."""
        inks = Image.new("CMYK", (300, 300), (0, 200, 200, 20))
        for data in (encoded(inks, "JPEG", quality=95), encoded(inks, "TIFF")):
            red, green, blue = corners(read_photo(data, INPUT).pixels)[0]
            assert red > 200
            assert green < 80
            assert blue < 80

    @pytest.mark.parametrize("format", ["PNG", "TIFF"])
    def test_sixteen_bits_keep_their_brightness(self, format: str) -> None:
        values = np.full((200, 300), 100 * 257, dtype=np.uint16)
        pixels = read_photo(encoded(Image.fromarray(values), format), INPUT).pixels
        assert corners(pixels) == [(100, 100, 100)] * 4

    @pytest.mark.parametrize(
        ("values", "grey"),
        [
            (np.full((200, 300), 0.5, dtype=np.float32), 128),
            (np.full((200, 300), 60.0, dtype=np.float32), 60),
            (np.full((200, 300), 60 * 257, dtype=np.int32), 60),
            (np.full((200, 300), np.nan, dtype=np.float32), 0),
        ],
    )
    def test_wide_values_become_grey(self, values: np.ndarray, grey: int) -> None:
        pixels = read_photo(encoded(Image.fromarray(values), "TIFF"), INPUT).pixels
        assert corners(pixels) == [(grey, grey, grey)] * 4

    @pytest.mark.parametrize(
        "picture",
        [
            Image.fromarray(np.arange(320 * 200, dtype=np.uint16).reshape(320, 200)),
            Image.fromarray(np.arange(320 * 200, dtype=np.float32).reshape(320, 200) - 30_000),
            Image.fromarray(
                np.arange(4 * 327 * 201, dtype=np.uint32).view(np.uint8).reshape(-1, 201, 16)[:, :, :4].copy()
            ),
        ],
    )
    def test_a_photo_handled_in_strips_looks_as_in_one_piece(
        self, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def handled() -> tuple[np.ndarray, np.ndarray]:
            flat = colours.to_eight_bits(picture)
            return np.asarray(flat), np.asarray(colours.reduce(flat, 7))

        whole = handled()
        monkeypatch.setattr(colours, "_STRIP_PIXELS", 2_000)
        assert all(np.array_equal(one, other) for one, other in zip(whole, handled(), strict=True))
        assert np.array_equal(whole[1], np.asarray(colours.to_eight_bits(picture).reduce(7)))

    def test_values_at_both_ends_of_what_a_float_holds_become_black_and_white(self) -> None:
        values = np.full((200, 300), 3e38, dtype=np.float32)
        values[:, :150] = -3e38
        pixels = read_photo(encoded(Image.fromarray(values), "TIFF"), INPUT).pixels
        assert corners(pixels) == [(0, 0, 0), (255, 255, 255)] * 2

    def test_lab_and_luma_become_rgb(self) -> None:
        luma = quarters().convert("YCbCr")
        assert_quarters(read_photo(encoded(luma, "TIFF"), INPUT).pixels)
        lab = Image.new("LAB", (300, 300), (255, 128, 128))
        red, green, blue = corners(read_photo(encoded(lab, "TIFF"), INPUT).pixels)[0]
        assert min(red, green, blue) > 240

    def test_a_wide_gamut_is_brought_into_srgb(self) -> None:
        """A profile whose red is sRGB's green: colours that ignore it come out wrong, and at once visibly."""
        swapped = swapped_profile()
        found = corners(read_photo(encoded(quarters(), "JPEG", icc_profile=swapped), INPUT).pixels)
        assert found[0][1] > 150 > found[0][0]
        assert found[1][0] > 120 > found[1][1]
        alpha = quarters().convert("RGBA")
        assert corners(read_photo(encoded(alpha, "PNG", icc_profile=swapped), INPUT).pixels)[0][1] > 150

    @pytest.mark.parametrize("profile", [b"junk" * 50, b"\0" * 200, b"x"])
    def test_a_broken_profile_is_passed_over(self, profile: bytes) -> None:
        for format in ("JPEG", "PNG", "WEBP"):
            assert_quarters(read_photo(encoded(quarters(), format, icc_profile=profile), INPUT).pixels)

    def test_a_profile_of_another_kind_of_image_is_passed_over(self) -> None:
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
        assert_quarters(read_photo(encoded(quarters(), "JPEG", icc_profile=lab), INPUT).pixels)


def swapped_profile() -> bytes:
    """sRGB's profile with the primaries of red and green exchanged and another name."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile = bytearray(
        bytes(profile).replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    )
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "xRGB".encode("utf-16-be"))


class TestFormats:
    @pytest.mark.parametrize(
        "format",
        [
            "JPEG",
            "PNG",
            "GIF",
            "WEBP",
            "BMP",
            "TIFF",
            "AVIF",
            "HEIF",
            "JPEG2000",
            "TGA",
            "PPM",
            "PCX",
            "SGI",
            "QOI",
            "ICO",
            "ICNS",
            "DDS",
            "MPO",
        ],
    )
    def test_every_format_is_read(self, format: str) -> None:
        register_plugins()
        reading = read_photo(encoded(quarters(256, 256), format), INPUT)
        assert reading.facts.width >= 256
        assert_quarters(reading.pixels, tolerance=40)

    def test_the_first_picture_of_several_counts(self) -> None:
        first, second = quarters(300, 200), Image.new("RGB", (300, 200), "black")
        for format in ("GIF", "WEBP", "PNG", "TIFF", "MPO", "AVIF"):
            data = encoded(first, format, save_all=True, append_images=[second, second])
            assert_quarters(read_photo(data, INPUT).pixels, tolerance=30)

    def test_photos_of_phones_and_browsers_are_read(self, shared: Path) -> None:
        for path in sorted((shared / "formats").iterdir()):
            if path.suffix == ".jxl":
                assert "JPEG XL" in reason(read_bytes(path))
                continue
            reading = read_photo(read_bytes(path), INPUT)
            assert min(reading.facts.width, reading.facts.height) > 50, path.name
        phone = read_photo(read_bytes(shared / "formats" / "IMG_2682.heic"), INPUT).facts
        assert (phone.width, phone.height, phone.camera) == (4032, 3024, "Apple iPhone 7")
        assert (phone.taken, phone.iso, phone.aperture) == ("2019-03-21T11:04:22", 20, 1.8)
        assert (phone.latitude, phone.longitude) == pytest.approx((41.2203, -96.071625))

    def test_a_photo_is_known_by_its_name(self) -> None:
        for name in ("a.jpg", "B.JPEG", "x.y.HEIC", "é.avif", "photo.tif", "a.jxl", "\udcff.png"):
            assert is_photo_name(name), name
        for name in ("a.txt", "jpg", ".jpg", "a.mp4", "a.eps", "a.jpg.part", "", "a."):
            assert not is_photo_name(name), name


class TestRegion:
    def test_a_region_is_cut_from_the_upright_photo(self) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        data = encoded(
            quarters(2400, 1600).transpose(Image.Transpose.ROTATE_90), "JPEG", quality=92, exif=exif
        )
        for region, colour in (
            ((0.0, 0.0, 0.5, 0.5), RED),
            ((0.5, 0.0, 0.5, 0.5), GREEN),
            ((0.0, 0.5, 0.5, 0.5), BLUE),
            ((0.5, 0.5, 0.5, 0.5), YELLOW),
        ):
            reading = read_region(data, region, INPUT)
            assert np.abs(np.array(corners(reading.pixels)) - colour).max() <= 6
            assert (reading.facts.width, reading.facts.height) == (2400, 1600)
            assert reading.content_hash == content_hash(data)
            with Image.open(io.BytesIO(reading.thumbnail)) as thumbnail:
                assert thumbnail.size == (384, 256)

    def test_a_small_region_is_decoded_finely(self) -> None:
        """Stripes of four pixels: seen at an eighth of the scale they would be one grey."""
        stripes = np.zeros((2400, 3200, 3), dtype=np.uint8)
        stripes[:, (np.arange(3200) // 4) % 2 == 0] = 255
        data = encoded(Image.fromarray(stripes), "JPEG", quality=92)
        assert read_photo(data, INPUT).pixels.std() < 40
        part = read_region(data, (0.5, 0.5, 0.05, 0.05), INPUT)
        assert part.pixels.std() > 90
        with Image.open(io.BytesIO(part.thumbnail)) as thumbnail:
            assert thumbnail.size == (160, 120)

    def test_the_whole_photo_as_a_region_is_the_photo(self, sample_photos: list[Path]) -> None:
        data = read_bytes(sample_photos[0])
        whole, region = read_photo(data, INPUT), read_region(data, (0.0, 0.0, 1.0, 1.0), INPUT)
        assert np.array_equal(whole.pixels, region.pixels)

    @pytest.mark.parametrize(
        "region",
        [
            (-0.1, 0.0, 0.5, 0.5),
            (0.0, 0.0, 0.0, 0.5),
            (0.6, 0.0, 0.5, 0.5),
            (0.0, 0.9, 0.5, 0.2),
            (0.5, 0.0, 0.500002, 1.0),
            (1.0, 0.0, 0.0000005, 1.0),
            (float("nan"), 0.0, 1.0, 1.0),
            (0.0, 0.0, float("inf"), 1.0),
        ],
    )
    def test_a_region_outside_the_photo_is_refused(self, region: tuple[float, float, float, float]) -> None:
        with pytest.raises(QueryError, match=f"the region {region[0]:g},{region[1]:g},.* is not within"):
            read_region(encoded(quarters(), "JPEG"), region, INPUT)

    def test_a_region_may_end_a_rounding_beyond_the_photo(self) -> None:
        region = (1 / 3, 0.0, 2 / 3 + 5e-7, 1.0)
        assert read_region(encoded(quarters(), "JPEG"), region, INPUT).pixels.shape == (SIZE, SIZE, 3)

    def test_the_thinnest_region_is_read(self) -> None:
        reading = read_region(encoded(quarters(50, 50), "PNG"), (0.999, 0.999, 0.001, 0.001), INPUT)
        assert np.abs(reading.pixels[SIZE // 2, SIZE // 2].astype(int) - YELLOW).max() <= 3


class TestPreview:
    def test_a_preview_fits_its_side(self) -> None:
        pixels, facts = preview(encoded(quarters(2000, 1000), "JPEG", quality=95), 900)
        assert pixels.shape == (450, 900, 3)
        assert pixels.dtype == np.uint8
        assert (facts.width, facts.height) == (2000, 1000)
        assert_quarters(pixels)

    @pytest.mark.parametrize("format", ["JPEG", "PNG"])
    def test_a_preview_is_never_enlarged(self, format: str) -> None:
        pixels, _ = preview(encoded(quarters(320, 200), format), 5000)
        assert pixels.shape == (200, 320, 3)


class TestFiles:
    def test_a_photo_is_read_whole(self, tmp_path: Path) -> None:
        data = encoded(quarters(), "JPEG")
        path = tmp_path / "a.jpg"
        path.write_bytes(data)
        assert read_bytes(path) == data

    def refused(self, path: Path, limits: Limits | None = None) -> str:
        with pytest.raises(UnreadablePhoto) as caught:
            read_bytes(path, limits or Limits())
        return caught.value.reason

    def test_what_is_not_there_or_no_file_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "empty.jpg").touch()
        (tmp_path / "folder.jpg").mkdir()
        assert self.refused(tmp_path / "empty.jpg") == "empty file"
        assert self.refused(tmp_path / "folder.jpg") == "a folder, not a file"
        assert self.refused(tmp_path / "gone.jpg") == "no longer there"
        assert self.refused(tmp_path / "a\0b.jpg") == "not a possible file name"

    def test_links_that_lead_nowhere_say_so(self, tmp_path: Path) -> None:
        (tmp_path / "broken.jpg").symlink_to(tmp_path / "gone.jpg")
        (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
        assert self.refused(tmp_path / "broken.jpg") == "a link to a file that is not there"
        assert self.refused(tmp_path / "loop.jpg") == "a link that leads to itself"

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this file system")
    @pytest.mark.timeout(5)
    def test_a_pipe_is_never_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.jpg")
        assert self.refused(tmp_path / "pipe.jpg") == "not a regular file"

    @pytest.mark.parametrize(
        ("number", "said"),
        [
            (errno.EACCES, "no permission to read it"),
            (errno.EPERM, "no permission to read it"),
            (errno.ENXIO, "not a regular file"),
            (errno.EIO, "cannot be read from the disk (Input/output error)"),
        ],
    )
    def test_what_the_system_refuses_says_so(
        self, number: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The system's answer is made up, because tests may run as root, whom nothing is refused."""

        def refuse(path: Path, flags: int) -> int:
            raise OSError(number, os.strerror(number), path)

        monkeypatch.setattr(os, "open", refuse)
        assert self.refused(tmp_path / "private.jpg") == said

    def test_a_file_too_large_is_not_read(self, tmp_path: Path) -> None:
        path = tmp_path / "huge.jpg"
        with path.open("wb") as file:
            file.truncate(3 << 20)
        assert self.refused(path, Limits(max_bytes=1 << 20)) == "larger than 1 MB"
        assert reason(bytes(3 << 20), Limits(max_bytes=1 << 20)) == "larger than 1 MB"

    @pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX alone")
    def test_a_name_that_is_no_text_is_a_name(self, tmp_path: Path) -> None:
        name = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
        try:
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT)
        except OSError:
            pytest.skip("this file system takes UTF-8 names alone")
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"content")
        assert read_bytes(Path(os.fsdecode(name))) == b"content"


class TestBadBytes:
    def test_what_is_no_image_says_so(self) -> None:
        assert reason(b"") == "empty file"
        for data in (
            bytes(10_000),
            b"hello\n" * 500,
            b"<!DOCTYPE html>" * 50,
            b"%PDF-1.4\n" * 50,
            b"\x7fELF" * 99,
        ):
            assert reason(data) == "not an image photosim can read"

    def test_a_program_in_a_picture_is_not_run(self) -> None:
        drawing = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
        assert reason(drawing) == "not an image photosim can read"

    @pytest.mark.parametrize(
        ("format", "options"),
        [
            ("JPEG", {}),
            ("JPEG", {"progressive": True}),
            ("PNG", {}),
            ("GIF", {}),
            ("WEBP", {}),
            ("AVIF", {}),
            ("HEIF", {}),
            ("TIFF", {}),
            ("BMP", {}),
            ("JPEG2000", {}),
        ],
    )
    @pytest.mark.parametrize("kept", [0.3, 0.7, 0.95])
    def test_a_photo_cut_short_is_truncated(
        self, format: str, options: dict[str, bool], kept: float, sample_photos: list[Path]
    ) -> None:
        register_plugins()
        with Image.open(sample_photos[0]) as photo:
            data = encoded(photo.convert("RGB"), format, **options)
        assert reason(data[: int(len(data) * kept)]).startswith("truncated")

    def test_a_phone_photo_cut_short_is_truncated(self, shared: Path) -> None:
        """libheif would paint the missing tiles and say nothing."""
        data = read_bytes(shared / "formats" / "IMG_2682.heic")
        for kept in (0.1, 0.5, 0.99):
            assert reason(data[: int(len(data) * kept)]).startswith("truncated")

    @pytest.mark.timeout(10)
    def test_a_bomb_is_refused_by_its_header(self) -> None:
        assert reason(png_of_size(60_000, 60_000)) == "larger than 400 megapixels: 60000 x 60000"

    def test_the_limit_on_pixels_holds_for_every_format(self) -> None:
        register_plugins()
        limits = Limits(max_pixels=10_000)
        for format in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "HEIF", "JPEG2000", "TGA", "QOI"):
            data = encoded(quarters(128, 128), format)
            assert reason(data, limits) == "larger than 0.01 megapixels: 128 x 128", format

    @pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
    def test_a_large_photo_within_the_limit_is_read_without_a_warning(self, format: str) -> None:
        """Pillow alone would warn from 89 megapixels on and refuse from 179."""
        width = height = 13_500
        if format == "PNG":
            data = png_of_size(width, height)
        elif format == "TIFF":
            data = encoded(Image.new("1", (width, height)), format, compression="tiff_adobe_deflate")
        else:
            data = encoded(Image.new("RGB", (width, height)), format, lossless=True, quality=0, method=0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert read_photo(data, INPUT).facts.width == width

    @pytest.mark.parametrize(
        ("kind", "content"),
        [
            (b"zTXt", b"comment\0\0" + zlib.compress(bytes(1 << 26))),
            (b"tEXt", b"comment\0" + b"a" * (70 << 20)),
            (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(1 << 26))),
            (b"iCCP", b"profile\0\0" + zlib.compress(bytes(1 << 26))),
            (b"iCCP", b"profile\0\7" + zlib.compress(b"junk")),
            (b"iCCP", b""),
            (b"pHYs", b"\0"),
            (b"gAMA", b""),
        ],
    )
    def test_bombs_and_rubbish_beside_the_pixels_of_a_png_cost_no_photo(
        self, kind: bytes, content: bytes
    ) -> None:
        assert_quarters(read_photo(with_png_chunk(encoded(quarters(), "PNG"), kind, content), INPUT).pixels)

    @pytest.mark.parametrize(
        ("marker", "content"),
        [
            (0xE0, b"JFIF\0"),
            (0xE1, b"Exif\0\0" + b"\xff" * 40),
            (0xE1, b"Exif\0\0"),
            (0xE2, b"ICC_PROFILE\0"),
            (0xE2, b"ICC_PROFILE\0\1\2part"),
            (0xE2, b"MPF\0II*\0\xff\xff\xff\xff"),
            (0xED, b"Photoshop 3.0\x008BIM\x04"),
            (0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\0\x01x"),
            (0xEE, b"Adobe"),
            (0xFE, b"\0\xff comment"),
        ],
    )
    def test_rubbish_beside_the_pixels_of_a_jpeg_costs_no_photo(self, marker: int, content: bytes) -> None:
        data = encoded(quarters(), "JPEG", quality=92)
        segment = struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
        assert_quarters(read_photo(data[:2] + segment + data[2:], INPUT).pixels)

    def test_damaged_files_are_read_or_refused(self, shared: Path, capfd: pytest.CaptureFixture[str]) -> None:
        files = sorted((shared / "damaged").iterdir())
        assert len(files) > 100
        for path in files:
            try:
                read_photo(read_bytes(path), INPUT)
            except UnreadablePhoto as error:
                assert error.reason and error.reason[0].islower() and not error.reason.endswith("."), (
                    path.name
                )
        assert capfd.readouterr() == ("", "")

    def test_bytes_changed_at_random_are_read_or_refused(self) -> None:
        register_plugins()
        chance = np.random.default_rng(20)
        limits = Limits(max_pixels=4_000_000)
        exif = exif_block({0x0112: short(6)}, {0x9003: text("2020:01:02 03:04:05")}, {2: rationals((1, 0))})
        seeds = [
            encoded(quarters(96, 64), format, **({"exif": exif} if format in ("JPEG", "PNG", "WEBP") else {}))
            for format in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "HEIF", "TGA", "JPEG2000")
        ]
        refused = 0
        for seed in seeds:
            for _ in range(60):
                data = bytearray(seed)
                for position in chance.integers(0, min(len(data), chance.choice([80, 10_000])), 3):
                    data[position] = chance.integers(0, 256)
                try:
                    assert read_photo(bytes(data), INPUT, limits=limits).pixels.shape == (SIZE, SIZE, 3)
                except UnreadablePhoto:
                    refused += 1
        assert 0 < refused < 60 * len(seeds)


def test_reading_photos_loads_no_window_and_no_network() -> None:
    """A worker process starts fast because this package needs neither."""
    program = (
        "import sys, photosim.imaging.reading\n"
        "heavy = {'torch', 'torchvision', 'onnxruntime', 'PySide6', 'pillow_heif'} & set(sys.modules)\n"
        "sys.exit(str(sorted(heavy)) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
