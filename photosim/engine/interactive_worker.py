"""The small process that serves the window: queries, regions, explanations, previews; one at a time."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from photosim.engine.messages import (
    Examined,
    ExamineRequest,
    PlacesRead,
    PlacesRequest,
    Preview,
    PreviewRequest,
    Ready,
    Refused,
    WorkerSetup,
)
from photosim.engine.process import receive_or_exit
from photosim.errors import PhotosimError
from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import content_hash, preview, read_bytes, read_region
from photosim.model.place_reader import PlaceReader
from photosim.model.runtime import Runtime, open_runtime


def main(connection: Connection, setup: WorkerSetup) -> None:
    """Answer ExamineRequests, PlacesRequests and PreviewRequests, in order, until the pipe ends."""
    card = setup.cards[0]
    runtime = open_runtime(card, setup.device, threads=setup.threads)
    wanted = NetworkInput(card.input_size, card.geometry)
    reader: PlaceReader | None = None
    connection.send(Ready(runtime.device, runtime.precision, runtime.batch_size, runtime.note))
    while True:
        request = receive_or_exit(connection)
        try:
            if isinstance(request, ExamineRequest):
                connection.send(_examine(request, setup, runtime, wanted))
            elif isinstance(request, PlacesRequest):
                reader = reader or PlaceReader(card, runtime, setup.threads)
                connection.send(_places(request, setup, reader, wanted))
            else:
                connection.send(_preview(request))
        except PhotosimError as error:
            connection.send(Refused(str(error)))


def _bytes(source: str | bytes) -> bytes:
    return source if isinstance(source, bytes) else read_bytes(Path(source))


def _examine(request: ExamineRequest, setup: WorkerSetup, runtime: Runtime, wanted: NetworkInput) -> Examined:
    data = _bytes(request.source)
    if request.region is None:
        reading = setup.reader(data, wanted)
    else:
        reading = read_region(data, request.region, wanted)
    features = runtime.features(reading.pixels[np.newaxis])[0]
    trunk = setup.cards[0].trunk
    return Examined(trunk, content_hash(data), reading.facts, reading.thumbnail, features)


def _places(
    request: PlacesRequest, setup: WorkerSetup, reader: PlaceReader, wanted: NetworkInput
) -> PlacesRead:
    data = _bytes(request.source)
    if request.region is None:
        reading = setup.reader(data, wanted)
        seen = wanted.part_of(reading.facts.width, reading.facts.height)
    else:
        reading = read_region(data, request.region, wanted)
        seen = request.region
    features, places = reader.read(reading.pixels)
    return PlacesRead(reader.trunk, features, places, seen)


def _preview(request: PreviewRequest) -> Preview:
    pixels, facts = preview(_bytes(request.source), request.max_side)
    return Preview(pixels, facts)
