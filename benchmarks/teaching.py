"""A simulated user teaches photosim a rule: how well the tuned model follows it, and what it forgets.

    python benchmarks/teaching.py [PHOTOS] [--quick]

PHOTOS, `../shared/photos` unless named, has a folder for each class. The user answers the questions that the
wizard asks, by a rule it never tells: photos are alike where their *dominant colour* is the same, whatever
the object, or where their *class* is. Where both or neither are alike it says "neither", which teaches
nothing. One in five classes is never asked about. After 30, 100 and 300 usable answers a model is tuned as by
the wizard, in a process of its own; a fifth of the answers is kept back. Targets, with 100 answers: by colour
15 points more of other questions' answers ranked right; by class 5 points more, and mAP up by 0.03; mAP of
the classes never asked about down by 0.01 at most.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from common import CHECKOUT, PHOTOS, busy, real_features, temporary_folders, verdict
from PIL import Image

from photosim.errors import TeachingError
from photosim.library import Library
from photosim.model.embedding import Embedding
from photosim.teaching.judging import judge, ranked_right
from photosim.teaching.questions import Questions
from photosim.teaching.run import Failed, Finished, TuningRun
from photosim.training.evaluation import evaluate_classes

COUNTS = (30, 100, 300)
OTHERS = 1200  # some are about photos that were answered about: 1,000 of the others count
COUNTED = 1000
MEASURED = 2000
NEVER_ASKED = 0.2
_COLOURS = (
    "black",
    "grey",
    "white",
    "red",
    "orange",
    "brown",
    "yellow",
    "green",
    "cyan",
    "blue",
    "purple",
    "pink",
)

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Photos:
    """The library as columns: ids int64 [N], content hashes, features float16 [N, F], and of each photo the
    number of its class and of its colour, by rule.
    """

    ids: Numbers
    hashes: list[bytes]
    features: npt.NDArray[np.float16]
    rules: dict[str, Numbers]


@dataclass(frozen=True)
class Figures:
    """What one tuning came to: shares of answers ranked right and mAPs, before and after."""

    kept_back: int
    kept_before: float
    kept_after: float
    others_before: float
    others_after: float
    rule_before: float
    rule_after: float
    untouched_before: float
    untouched_after: float
    untouched_kind_before: float
    untouched_kind_after: float
    focus: float
    asked: int
    seconds: float


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="?", default=PHOTOS)
    parser.add_argument("--quick", action="store_true", help="one seed, and no 300 answers")
    parser.add_argument("--json", type=Path, help="write all figures into this file")
    asked = parser.parse_args(arguments)
    seeds, counts = (1, COUNTS[:2]) if asked.quick else (5, COUNTS)
    real_features(asked.photos)
    print(f"a simulated user of {asked.photos}, {seeds} seeds; {busy()}")
    found: dict[str, list[list[Figures]]] = {}
    with temporary_folders() as folders:
        source = CHECKOUT / "build" / "benchmarks" / "library"
        shutil.copytree(source, folders.data, dirs_exist_ok=True)
        with Library(folders) as library:
            library.searcher.refresh()
            photos = read_photos(library)
            for rule in photos.rules:
                others = other_answers(library, photos, rule)
                found[rule] = [
                    list(taught(library, photos, rule, others, counts, seed)) for seed in range(seeds)
                ]
                report(rule, counts, found[rule])
    if asked.json is not None:
        plain = {rule: [[vars(one) for one in seed] for seed in rows] for rule, rows in found.items()}
        asked.json.write_text(json.dumps(plain, indent=1), encoding="utf-8")
    return judged(found, counts)


def read_photos(library: Library) -> Photos:
    table = library.catalog.table()
    _, features = library.catalog.features_by_id(table.ids.tolist(), library.card.trunk)
    classes = np.unique([os.path.dirname(path) for path in table.paths], return_inverse=True)[1]
    colours = [dominant_colour(library.thumbnails.get(content_hash)) for content_hash in table.hashes]
    rules = {"colour": np.array(colours, np.int64), "class": classes.astype(np.int64)}
    return Photos(table.ids, list(table.hashes), features, rules)


def dominant_colour(thumbnail: bytes | None) -> int:
    """Of the twelve colours with a plain name the one that most of the photo's pixels have."""
    assert thumbnail is not None, "a thumbnail is missing: remove build/benchmarks and run this again"
    image = Image.open(io.BytesIO(thumbnail)).convert("RGB").resize((48, 48), Image.Resampling.BOX)
    hue, saturation, value = np.moveaxis(np.asarray(image.convert("HSV"), np.float64) / 255, 2, 0)
    degrees = 360 * hue
    bounds = [15, 40, 70, 165, 200, 260, 300, 345]
    names = ["red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "red"]
    coloured = np.array([_COLOURS.index(name) for name in names])[np.digitize(degrees, bounds)]
    coloured[(coloured == _COLOURS.index("orange")) & (value < 0.65)] = _COLOURS.index("brown")
    plain = np.where(value > 0.8, _COLOURS.index("white"), _COLOURS.index("grey"))
    seen = np.where(value < 0.2, _COLOURS.index("black"), np.where(saturation < 0.18, plain, coloured))
    return int(np.bincount(seen.ravel(), minlength=len(_COLOURS)).argmax())


def answers(questions: Questions, photos: Photos, rule: str) -> Iterator[tuple[int, int, int] | None]:
    """What the user says, as rows of anchor, positive and negative; None for "neither"."""
    labels = photos.rules[rule]
    while True:
        question = questions.next()
        rows = np.searchsorted(photos.ids, (question.anchor, question.left, question.right)).tolist()
        anchor, left, right = rows
        alike = [labels[anchor] == labels[left], labels[anchor] == labels[right]]
        yield None if alike[0] == alike[1] else (anchor, left, right) if alike[0] else (anchor, right, left)


def other_answers(library: Library, photos: Photos, rule: str) -> Numbers:
    """Answers that nobody trains on, int64 [T, 3], by questions that another user was asked."""
    library.catalog.answers.clear()
    given = answers(Questions(library, seed=12345), photos, rule)
    return np.array([next(one for one in given if one is not None) for _ in range(OTHERS)], np.int64)


def taught(
    library: Library, photos: Photos, rule: str, others: Numbers, counts: Sequence[int], seed: int
) -> Iterator[Figures]:
    """One user, who answers on after each tuning."""
    rng = np.random.default_rng(seed)
    classes = np.unique(photos.rules["class"])
    never = rng.choice(classes, round(NEVER_ASKED * len(classes)), replace=False)
    untouched = np.isin(photos.rules["class"], never)
    library.catalog.answers.clear()
    given = answers(Questions(library, photos.ids[~untouched], seed), photos, rule)
    asked = usable = 0
    touched: set[int] = set()
    for count in counts:
        while usable < count:
            one = next(given)
            asked += 1
            if one is None:
                continue
            touched.update(one)
            usable += 1
            library.catalog.answers.add(*(photos.hashes[row] for row in one), source="question")
        began = time.perf_counter()
        finished = tuned(library)
        seconds = time.perf_counter() - began
        fresh = others[~np.isin(others[:, 0], list(touched))][:COUNTED]
        yield measured(library, photos, rule, finished, fresh, untouched, asked, seconds, rng)


def tuned(library: Library) -> Finished:
    run = TuningRun(library.folders, library.card)
    while True:
        for event in run.poll(0.1):
            if isinstance(event, Failed):
                raise TeachingError(event.reason)
            if isinstance(event, Finished):
                run.cancel()
                return event


def measured(
    library: Library,
    photos: Photos,
    rule: str,
    finished: Finished,
    others: Numbers,
    untouched: npt.NDArray[np.bool_],
    asked: int,
    seconds: float,
    rng: np.random.Generator,
) -> Figures:
    before, focus = library.searcher.embedding, library.card.focus
    after, own = finished.tuned.embedding, finished.tuned.focus
    kept = finished.kept_back
    judgement = judge(before, focus, after, own, kept.features, kept.triplets)
    sample = np.sort(rng.permutation(len(photos.ids))[:MEASURED])

    def mean_ap(embedding: Embedding, rows: Numbers, labels: Numbers, at: float) -> float:
        return evaluate_classes(embedding(photos.features[rows]), labels[rows], embedding.parts, at)["mAP"]

    def both(rows: Numbers, labels: Numbers, foci: tuple[float, float]) -> tuple[float, float]:
        return mean_ap(before, rows, labels, foci[0]), mean_ap(after, rows, labels, foci[1])

    others_before = float(ranked_right(before, focus, photos.features, others).mean())
    others_after = float(ranked_right(after, own, photos.features, others).mean())
    rule_figures = both(sample, photos.rules[rule], (focus, own))
    rows = np.flatnonzero(untouched)
    at_own = both(rows, photos.rules["class"], (focus, own))
    at_kind = both(rows, photos.rules["class"], (0.0, 0.0))
    return Figures(
        judgement.kept_back,
        judgement.right_before / max(1, judgement.kept_back),
        judgement.right_after / max(1, judgement.kept_back),
        others_before,
        others_after,
        *rule_figures,
        *at_own,
        *at_kind,
        own,
        asked,
        seconds,
    )


def report(rule: str, counts: Sequence[int], rows: list[list[Figures]]) -> None:
    """A line for each number of answers: means over the seeds, and their spread."""
    print(f"\nrule: the same {rule}")
    heads = ("answers", "kept-back right", "other answers right", "mAP by the rule", "mAP never asked about")
    print(f"  {heads[0]:>8}  " + "  ".join(f"{head:>24}" for head in (*heads[1:], "the same at focus 0")))
    for place, count in enumerate(counts):
        figures = [seed[place] for seed in rows]
        cells = [
            _change([one.kept_before for one in figures], [one.kept_after for one in figures]),
            _change([one.others_before for one in figures], [one.others_after for one in figures]),
            _change([one.rule_before for one in figures], [one.rule_after for one in figures]),
            _change([one.untouched_before for one in figures], [one.untouched_after for one in figures]),
            _change(
                [one.untouched_kind_before for one in figures], [one.untouched_kind_after for one in figures]
            ),
        ]
        focus = np.mean([one.focus for one in figures])
        seconds = [one.seconds for one in figures]
        asked = np.mean([one.asked for one in figures])
        kept_back = np.mean([one.kept_back for one in figures])
        print(f"  {count:>8}  " + "  ".join(f"{cell:>24}" for cell in cells))
        print(
            f"            focus {focus:.2f}; {asked:.0f} questions asked, {kept_back:.0f} answers kept back;"
            f" trained in {np.mean(seconds):.1f} s, at most {max(seconds):.1f} s",
            flush=True,
        )


def _change(before: list[float], after: list[float]) -> str:
    return f"{np.mean(before):.3f} -> {np.mean(after):.3f} ± {np.std(np.subtract(after, before)):.3f}"


def judged(found: dict[str, list[list[Figures]]], counts: Sequence[int]) -> int:
    """The targets, at a hundred answers."""
    place = counts.index(100)
    print(f"\nwith {counts[place]} answers:")
    met = True
    for rule, name, what, target in (
        ("colour", "others", "other answers ranked right, by colour", 0.15),
        ("class", "others", "other answers ranked right, by class", 0.05),
        ("class", "rule", "mAP by class", 0.03),
        ("class", "untouched", "mAP of classes never asked about, by class", -0.01),
        ("colour", "untouched", "mAP of classes never asked about, by colour", -0.01),
        ("colour", "untouched_kind", "the same at focus 0", -0.01),
    ):
        rows = [seed[place] for seed in found[rule]]
        gain = float(
            np.mean([getattr(one, f"{name}_after") - getattr(one, f"{name}_before") for one in rows])
        )
        met = met and gain >= target
        print(f"  {what}: {gain:+.3f} (target: at least {target:+.2f}): {verdict(gain >= target)}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
