"""The process that reads files for a scan: bytes, hash, pixels, thumbnail, features.

Every thread does whatever there is to do next: decode a file, or push a full batch through the network on
its own core. Decoding so overlaps inference and no core waits, without more threads than cores.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from photosim.engine.messages import (
    Begun,
    Decoded,
    FeaturesMade,
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
from photosim.model.runtime import Runtime, open_runtime


def main(connection: Connection, setup: WorkerSetup) -> None:
    """Answer Jobs until the pipe ends. The first message: by trunk, the content hashes known already."""
    known: dict[str, set[bytes]] = receive_or_exit(connection)
    trunks = [
        _Trunk(
            card.trunk,
            open_runtime(card, setup.device, threads=1),
            NetworkInput(card.input_size, card.geometry),
            set(known.get(card.trunk, ())),
        )
        for card in setup.cards
    ]
    reader = _Reader(connection, setup, trunks)
    runtime = trunks[0].runtime
    device = runtime.device
    if device.startswith("CPU, "):  # it knows only of the one thread that each call uses
        device = f"CPU, {setup.threads} thread{'s' if setup.threads != 1 else ''}"
    connection.send(Ready(device, runtime.precision, reader.batch_size, runtime.note))
    with ThreadPoolExecutor(setup.threads, thread_name_prefix="read") as pool:
        while True:
            job: Job = receive_or_exit(connection)
            reader.expect_one_more()
            pool.submit(reader.read, job).add_done_callback(_end_on_bug)


@dataclass(frozen=True, eq=False)  # each is only ever itself
class _Trunk:
    """A trunk that runs here, and the contents that need no features of it."""

    name: str
    runtime: Runtime
    wanted: NetworkInput
    known: set[bytes]


@dataclass(frozen=True)
class _Waiting:
    """A photo that waits for its batch: its inputs are for these trunks, in this order."""

    job: Job
    reading: Reading
    trunks: tuple[_Trunk, ...]


def _end_on_bug(future: Future[None]) -> None:
    """A bug ends the process, visibly: its parent tells it apart from a file that takes long."""
    error = future.exception()
    if error is not None:
        traceback.print_exception(error)
        os._exit(70)


class _Reader:
    def __init__(self, connection: Connection, setup: WorkerSetup, trunks: Sequence[_Trunk]) -> None:
        self._connection = connection
        self._read_photo = setup.reader
        self._skip_known = setup.skip_known
        self._trunks = tuple(trunks)
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._unread = 0

    @property
    def batch_size(self) -> int:
        return max(trunk.runtime.batch_size for trunk in self._trunks)

    def expect_one_more(self) -> None:
        with self._lock:
            self._unread += 1

    def read(self, job: Job) -> None:
        self._send(Begun(job.number))
        try:
            decoded = self._decode(job)
        except UnreadablePhoto as error:
            self._send(PhotoFailed(job.number, error.reason))
            decoded = None
        with self._lock:
            self._unread -= 1
            if decoded is not None:
                self._waiting.append(decoded)
            # A batch goes when it is full, and also when nothing more is on its way to fill it.
            ready = len(self._waiting) >= self.batch_size or self._unread == 0
            batch = self._waiting if ready else []
            if ready:
                self._waiting = []
        if batch:
            self._embed(batch)

    def _decode(self, job: Job) -> _Waiting | None:
        data = job.source if isinstance(job.source, bytes) else read_bytes(Path(job.source))
        identity = content_hash(data)
        with self._lock:
            trunks = tuple(trunk for trunk in self._trunks if identity not in trunk.known)
        if not trunks:
            self._send(PhotoKnown(job.number, identity))
            return None
        reading = self._read_photo(data, *(trunk.wanted for trunk in trunks))
        self._send(Decoded(job.number))
        return _Waiting(job, reading, trunks)

    def _embed(self, batch: list[_Waiting]) -> None:
        made: list[list[FeaturesMade]] = [[] for _ in batch]
        for trunk in self._trunks:
            rows = [row for row, item in enumerate(batch) if trunk in item.trunks]
            if not rows:
                continue
            inputs = [batch[row].reading.inputs[batch[row].trunks.index(trunk)] for row in rows]
            features = trunk.runtime.features(np.stack(inputs))
            for row, data in zip(rows, features, strict=True):
                made[row].append(FeaturesMade(trunk.name, trunk.runtime.precision, data))
        if self._skip_known:
            with self._lock:
                for item in batch:
                    for trunk in item.trunks:
                        trunk.known.add(item.reading.content_hash)
        for item, features_made in zip(batch, made, strict=True):
            self._send(
                PhotoRead(
                    item.job.number,
                    item.reading.content_hash,
                    item.reading.facts,
                    item.reading.phash,
                    item.reading.thumbnail,
                    tuple(features_made),
                )
            )

    def _send(self, message: Any) -> None:
        with self._sending:
            self._connection.send(message)
