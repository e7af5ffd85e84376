"""Teaching a library of 100,000 photos: how long each step takes, from the next question to the new ranking.

    python benchmarks/teaching_speed.py [PHOTOS] [--count 100000] [--quick]

The photos of PHOTOS, `../shared/photos` unless named, are repeated with noise. A user answers a hundred
questions by how alike the photos' colours are laid out (the coarse path). Targets: a question in under
100 ms, though it is chosen ahead; trained in under 20 s on two cores, the start of its process included; the
whole library ranked by the model in under 2 s, while its graph is built aside.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from common import PHOTOS, busy, fill, real_features, repeated, temporary_folders, verdict

from photosim.errors import TeachingError
from photosim.library import Library
from photosim.model.embedding import unit
from photosim.teaching.questions import Question, Questions
from photosim.teaching.run import Failed, Finished, TuningRun

ANSWERS = 100
QUESTION_MS = 100
TRAIN_S = 20
RANK_S = 2


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="?", default=PHOTOS)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="5,000 photos: does it run at all")
    asked = parser.parse_args(arguments)
    count = 5_000 if asked.quick else asked.count
    features = repeated(real_features(asked.photos), count)
    print(f"{count:,} photos, {ANSWERS} answers; {busy()}")
    with temporary_folders() as folders:
        (folders.data / "photos").mkdir()
        with Library(folders) as library:
            names = [f"{number:06}.jpg" for number in range(count)]
            fill(library.catalog, folders.data / "photos", names, library.card.trunk, features)
            library.keep_model()
            met = teach(library)
    return 0 if met else 1


def teach(library: Library) -> bool:
    started = time.perf_counter()
    library.searcher.refresh()
    print(f"embeddings of the library made anew in {time.perf_counter() - started:.2f} s")
    questions = Questions(library, seed=1)
    took = [answered(library, questions) for _ in range(ANSWERS)]
    median, worst = 1000 * float(np.median(took)), 1000 * max(took)
    met = worst < QUESTION_MS
    print(
        f"a question chosen in {median:.0f} ms, at most {worst:.0f} (target: {QUESTION_MS}): {verdict(met)}"
    )

    finished, first, seconds = trained(library)
    fast = seconds < TRAIN_S
    print(
        f"first progress after {first:.1f} s, trained in {seconds:.1f} s (target: {TRAIN_S}): {verdict(fast)}"
    )

    tuned = finished.tuned
    draft = library.store.draft(library.card, tuned.embedding, tuned.focus, {}, {})
    query = library.searcher.features_of(int(library.catalog.shown_ids()[0]))
    assert query is not None
    started = time.perf_counter()
    searcher = library.searcher_for(draft)
    assert len(searcher.rank([query])) == len(library.searcher)
    seconds = time.perf_counter() - started
    ranked = seconds < RANK_S
    print(f"the library ranked by the new model after {seconds:.2f} s (target: {RANK_S}): {verdict(ranked)}")

    card = library.store.keep(draft, "Taught")
    started = time.perf_counter()
    library.use_model(card.version, searcher)
    library.searcher.rank([query])
    print(f"kept and used, with what the comparison has made: {time.perf_counter() - started:.2f} s")
    started = time.perf_counter()
    library.index()
    print(f"its graph built aside, measured and written in {time.perf_counter() - started:.1f} s")
    return met and fast and ranked


def answered(library: Library, questions: Questions) -> float:
    """Answer one question; returns the seconds it took to choose it."""
    started = time.perf_counter()
    question = questions.next()
    seconds = time.perf_counter() - started
    photos = library.catalog.photos([question.anchor, question.left, question.right])
    first, second = chosen(library, question)
    hashes = (photos[photo].content_hash for photo in (question.anchor, first, second))
    library.catalog.answers.add(*hashes, source="question")
    return seconds


def chosen(library: Library, question: Question) -> tuple[int, int]:
    """The two photos in the user's order: the one more like the anchor first."""
    ids = [question.anchor, question.left, question.right]
    found, features = library.catalog.features_by_id(ids, library.card.trunk)
    coarse = unit(features[:, -library.card.paths[-1] :].astype(np.float32))
    by_id = dict(zip(found.tolist(), coarse, strict=True))
    likeness = [float(by_id[ids[0]] @ by_id[photo]) for photo in ids[1:]]
    return (ids[1], ids[2]) if likeness[0] > likeness[1] else (ids[2], ids[1])


def trained(library: Library) -> tuple[Finished, float, float]:
    """What came of the training, the seconds until its first progress, and all of them."""
    started = time.perf_counter()
    run = TuningRun(library.folders, library.card)
    first: float | None = None
    while True:
        for event in run.poll(0.05):
            first = first or time.perf_counter() - started
            if isinstance(event, Failed):
                raise TeachingError(event.reason)
            if isinstance(event, Finished):
                seconds = time.perf_counter() - started
                run.cancel()
                return event, first, seconds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
