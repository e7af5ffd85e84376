"""No worker outlives the application, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest

from tests.conftest import CHECKOUT


@contextmanager
def parent(python: str, worker: str, work: str) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    program = subprocess.Popen(
        [python, "-m", "tests.engine.parent", worker, work],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert program.stdout is not None
        yield program, psutil.Process(int(program.stdout.readline()))
    finally:
        with suppress(ProcessLookupError):  # all of them have ended
            os.killpg(program.pid, signal.SIGKILL)
        program.communicate()


@pytest.mark.parametrize("worker", ["scan", "interactive"])
def test_a_worker_leaves_ctrl_c_to_its_parent_and_ends_when_that_is_killed(python: str, worker: str) -> None:
    with parent(python, worker, "idle") as (program, process):
        process.send_signal(signal.SIGINT)
        with pytest.raises(psutil.TimeoutExpired):
            process.wait(timeout=0.5)
        program.kill()
        program.wait()
        process.wait(timeout=3)


@pytest.mark.parametrize("worker", ["scan", "interactive"])
def test_a_worker_ends_when_its_parent_is_killed_while_it_decodes(python: str, worker: str) -> None:
    with parent(python, worker, "busy") as (program, process):
        program.kill()
        program.wait()
        process.wait(timeout=3)


@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.parametrize("worker", ["scan", "interactive"])
def test_a_worker_ends_after_its_parent_even_inside_a_decoder_that_holds_everything(
    python: str, worker: str
) -> None:
    with parent(python, worker, "held") as (program, process):
        program.kill()
        program.wait()
        process.wait(timeout=100)
