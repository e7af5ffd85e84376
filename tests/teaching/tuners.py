"""Tunings that do what the real one hardly ever does: hang, die, diverge, or end at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator

import numpy as np

from photosim.errors import TeachingError
from photosim.model.embedding import PART_NAMES, Embedding
from photosim.teaching.lesson import Lesson, Tuned, TuningProgress

Steps = Generator[TuningProgress, None, Tuned]


def progress(step: int, steps: int = 3) -> TuningProgress:
    return TuningProgress("training", step, steps, 1.0 / step, 0.5, 0.1 * step, 0.1 * (steps - step))


def at_once(base: Embedding, focus: float, lesson: Lesson) -> Steps:
    """Three steps to the opposite of the base's embedding."""
    for step in (1, 2, 3):
        yield progress(step)
    split = base.parts[0]
    weight, bias = -base.weight.T.copy(), -base.bias
    return Tuned(
        weights=(weight[:split], weight[split:]),
        biases=(bias[:split], bias[split:]),
        focus=0.25,
        accuracy=0.75,
        settings={"parts": list(PART_NAMES), "answers": len(lesson.triplets)},
    )


def endless(base: Embedding, focus: float, lesson: Lesson) -> Steps:
    step = 0
    while True:
        step += 1
        yield progress(step, 1 << 30)
        time.sleep(0.02)


def busy(base: Embedding, focus: float, lesson: Lesson) -> Steps:
    """A step that never comes to its end."""
    yield progress(1)
    large = np.ones((2000, 2000), np.float32)
    while True:
        large = large @ large * 0


def killed(base: Embedding, focus: float, lesson: Lesson) -> Steps:
    yield progress(1)
    os.kill(os.getpid(), signal.SIGKILL)
    yield progress(2)
    raise AssertionError("not reached")


def faulty(base: Embedding, focus: float, lesson: Lesson) -> Steps:
    yield progress(1)
    raise RuntimeError("a bug")


def diverging(base: Embedding, focus: float, lesson: Lesson) -> Steps:
    yield progress(1)
    raise TeachingError("the training diverged: answer more questions, then try again")
