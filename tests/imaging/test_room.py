"""Large photos wait for each other, so that several threads together take no more memory than one alone."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from PIL import Image

from photosim.errors import UnreadablePhoto
from photosim.imaging import colour, decoding
from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import read_photo
from photosim.imaging.room import Room
from tests.imaging.pictures import encoded, quarters

SIZE = 224
INPUT = NetworkInput(SIZE)
TOGETHER_SECONDS = 0.3


class Meeting:
    """A place in the middle of a photo's reading: how many threads come to be there at the same time."""

    def __init__(self) -> None:
        self.most = 0
        self._here = 0
        self._changed = threading.Condition()

    def enter(self) -> None:
        """Wait a little for another to come, then leave."""
        with self._changed:
            self._here += 1
            self.most = max(self.most, self._here)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most > 1, TOGETHER_SECONDS)
            self._here -= 1


@pytest.fixture
def decoders(monkeypatch: pytest.MonkeyPatch) -> Meeting:
    """Where threads meet that have a decoded photo in their hands."""
    meeting = Meeting()
    original = colour.to_eight_bits

    def watched(image: Image.Image) -> Image.Image:
        meeting.enter()
        return original(image)

    monkeypatch.setattr(colour, "to_eight_bits", watched)
    return meeting


def in_threads(count: int, work: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("format", "options"),
    [("PNG", {}), ("TIFF", {}), ("JPEG", {"progressive": True})],
)
def test_photos_that_need_much_memory_are_decoded_one_after_the_other(
    format: str, options: dict[str, bool], decoders: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_room", Room(pixels=1_000_000, free=100_000))
    data = encoded(quarters(1000, 800), format, **options)
    in_threads(3, lambda: read_photo(data, INPUT))
    assert decoders.most == 1


@pytest.mark.parametrize(("format", "size"), [("PNG", (300, 300)), ("JPEG", (2400, 1600))])
def test_photos_that_need_little_memory_are_decoded_side_by_side(
    format: str, size: tuple[int, int], decoders: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A JPEG is decoded at a fraction of its size."""
    monkeypatch.setattr(decoding, "_room", Room(pixels=1_000_000, free=300_000))
    data = encoded(quarters(*size), format)
    in_threads(2, lambda: read_photo(data, INPUT))
    assert decoders.most == 2


def test_a_photo_that_cannot_be_read_leaves_its_room_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_room", Room(pixels=100_000, free=0))
    data = encoded(quarters(400, 300), "PNG")
    for _ in range(2):
        with pytest.raises(UnreadablePhoto):
            read_photo(data[:-300], INPUT)
    assert read_photo(data, INPUT).facts.width == 400


def test_a_large_photo_gets_its_turn_while_smaller_ones_go_on_coming() -> None:
    room = Room(pixels=100, free=0)
    large_is_done = threading.Event()
    first_is_in = threading.Barrier(3)

    def small() -> None:
        with room.of(40):
            first_is_in.wait()
        while not large_is_done.is_set():
            with room.of(40):
                large_is_done.wait(0.01)

    def large() -> None:
        first_is_in.wait()
        with room.of(1_000):
            large_is_done.set()

    threads = [threading.Thread(target=work) for work in (small, small, large)]
    for thread in threads:
        thread.start()
    assert large_is_done.wait(30)
    for thread in threads:
        thread.join()
