"""The process that reads files for a scan: bytes, hash, pixels, thumbnail, features.

Every thread does whatever there is to do next: decode a file, or push a full batch through the network on
its own core. Decoding so overlaps inference and no core waits, without more threads than cores.
"""

from __future__ import annotations

import os
import threading
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from photosim.engine.messages import (
    Begun,
    Decoded,
    Job,
    PhotoFailed,
    PhotoKnown,
    PhotoRead,
    Ready,
    WorkerSetup,
)
from photosim.engine.process import receive_or_exit
from photosim.errors import UnreadablePhoto
from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import Reading, content_hash, read_bytes
from photosim.model.card import load_card
from photosim.model.runtime import Runtime, open_runtime


def main(connection: Connection, setup: WorkerSetup) -> None:
    """Answer Jobs until the pipe ends. The first message is the set of content hashes known already."""
    card = load_card(setup.model, setup.bundled)
    runtime = open_runtime(card, setup.device, threads=1)
    known: set[bytes] = receive_or_exit(connection)
    reader = _Reader(connection, setup, runtime, NetworkInput(card.input_size, card.geometry), known)
    device = runtime.device
    if device.startswith("CPU, "):  # it knows only of the one thread that each call uses
        device = f"CPU, {setup.threads} thread{'s' if setup.threads != 1 else ''}"
    connection.send(Ready(device, runtime.precision, runtime.batch_size, runtime.note))
    with ThreadPoolExecutor(setup.threads, thread_name_prefix="read") as pool:
        while True:
            job: Job = receive_or_exit(connection)
            reader.expect_one_more()
            pool.submit(reader.read, job).add_done_callback(_end_on_bug)


def _end_on_bug(future: Future[None]) -> None:
    """A bug ends the process, visibly: its parent tells it apart from a file that takes long."""
    error = future.exception()
    if error is not None:
        traceback.print_exception(error)
        os._exit(70)


class _Reader:
    def __init__(
        self,
        connection: Connection,
        setup: WorkerSetup,
        runtime: Runtime,
        wanted: NetworkInput,
        known: set[bytes],
    ) -> None:
        self._connection = connection
        self._read_photo = setup.reader
        self._skip_known = setup.skip_known
        self._runtime = runtime
        self._wanted = wanted
        self._known = known
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._waiting: list[tuple[Job, Reading]] = []
        self._unread = 0

    def expect_one_more(self) -> None:
        with self._lock:
            self._unread += 1

    def read(self, job: Job) -> None:
        self._send(Begun(job.number))
        try:
            reading = self._decode(job)
        except UnreadablePhoto as error:
            self._send(PhotoFailed(job.number, error.reason))
            reading = None
        with self._lock:
            self._unread -= 1
            if reading is not None:
                self._waiting.append((job, reading))
            # A batch goes when it is full, and also when nothing more is on its way to fill it.
            ready = len(self._waiting) >= self._runtime.batch_size or self._unread == 0
            batch = self._waiting if ready else []
            if ready:
                self._waiting = []
        if batch:
            self._embed(batch)

    def _decode(self, job: Job) -> Reading | None:
        data = read_bytes(Path(job.path))
        identity = content_hash(data)
        with self._lock:
            known = identity in self._known
        if known:
            self._send(PhotoKnown(job.number, identity))
            return None
        reading = self._read_photo(data, self._wanted)
        self._send(Decoded(job.number))
        return reading

    def _embed(self, batch: list[tuple[Job, Reading]]) -> None:
        features = self._runtime.features(np.stack([reading.pixels for _, reading in batch]))
        if self._skip_known:
            with self._lock:
                self._known.update(reading.content_hash for _, reading in batch)
        for (job, reading), row in zip(batch, features, strict=True):
            self._send(
                PhotoRead(
                    job.number,
                    reading.content_hash,
                    reading.facts,
                    reading.phash,
                    reading.thumbnail,
                    row,
                )
            )

    def _send(self, message: Any) -> None:
        with self._sending:
            self._connection.send(message)
