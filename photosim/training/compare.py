"""One table of how well models rank, beside simpler rankings, on classes kept back from training.

    python -m photosim.training.compare PHOTOS [--models MODEL...] [--json FILE]

PHOTOS has a folder for each class. Prints the table as Markdown; --json writes every figure of it to a file.
A model is one of those known to the program, or a folder that holds one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load

from photosim.atomic import write_atomically
from photosim.errors import ModelError, PhotosimError
from photosim.model.card import CARD, TRUNK_WEIGHTS, ModelCard, load_card
from photosim.model.embedding import load_embedding
from photosim.model.registry import Registry
from photosim.model.runtime import open_runtime
from photosim.paths import bundled_models, library_folders
from photosim.training.baselines import raw_features, without_path
from photosim.training.evaluation import (
    evaluate_classes,
    evaluate_copies,
    score_at_top_k,
    triplet_accuracy,
)
from photosim.training.validation import (
    HARD_VIEW,
    Validation,
    ValidationSettings,
    choose_photos,
    kind_triplets,
    read_validation,
    thing_triplets,
)

DEFAULT_MODELS = ("deepranking-v1", "deepranking-v2")
FOCUSES = (0.0, 0.5, 1.0)
TRIPLETS = 10_000
TOP_K = 30

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Ranker:
    """A row of the table: embeddings [G + Q, D] of a validation's rows, of which similarity is taken."""

    name: str
    embeddings: Floats
    parts: tuple[int, int]
    focus: float


@dataclass(frozen=True)
class Tasks:
    """A validation and its triplets, those of kinds and those of things."""

    validation: Validation
    kinds: npt.NDArray[np.intp]
    things: npt.NDArray[np.intp]


def make_tasks(validation: Validation, trunk: str, count: int = TRIPLETS) -> Tasks:
    """`trunk` is the version of the model whose features decide which photos are relevant to each other.

    Raises PhotosimError where the photos kept back give no triplets.
    """
    features = validation.features[trunk]
    kinds = kind_triplets(validation, features, count)
    things = thing_triplets(validation, features, count)
    if len(kinds) == 0 or len(things) == 0:
        raise PhotosimError(
            "the photos kept back give no triplets: keep back a larger share, of two classes "
            "or more with several photos each"
        )
    return Tasks(validation, kinds, things)


def rankers(validation: Validation, models: Sequence[ModelCard]) -> Iterator[Ranker]:
    """The simple rankings, the raw features of each model of one trunk, and the models themselves: those of
    two parts at every focus of FOCUSES, and with each path of the network left out at the model's own.
    """
    yield Ranker("colour histogram", validation.histograms, (64, 0), 0.0)
    yield Ranker("perceptual hash", validation.hashes, (64, 0), 0.0)
    for card in models:
        features = validation.features[card.version]
        embedding = load_embedding(card)
        if 0 in card.parts:
            raw = raw_features(features)
            yield Ranker(f"raw features of {card.trunk}", raw, (raw.shape[1], 0), 0.0)
            yield Ranker(card.version, embedding(features), card.parts, card.focus)
            continue
        for focus in FOCUSES:
            yield Ranker(f"{card.version}, focus {focus:g}", embedding(features), card.parts, focus)
        names, sizes = paths_of(card)
        for number, name in enumerate(names):
            without = embedding(without_path(features, sizes, number))
            yield Ranker(
                f"{card.version} without {name}, focus {card.focus:g}", without, card.parts, card.focus
            )


def paths_of(card: ModelCard) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The names of the network's paths and their dimensions within its features, in order.

    None for a network that has no more than one. Raises ModelError where the weights do not fit the card.
    """
    from photosim.model.network import PATHS

    weights = load(card.read_file(TRUNK_WEIGHTS))
    sizes = [weights[key].shape[0] for path in PATHS if (key := f"reductions.{path}.weight") in weights]
    if not sizes:
        return (), ()
    if len(sizes) != len(PATHS) or sum(sizes) != card.feature_dim:
        raise ModelError(f"{card.folder / TRUNK_WEIGHTS} does not fit its card: get the model again")
    return PATHS, tuple(sizes)


def measure(ranker: Ranker, tasks: Tasks) -> dict[str, Any]:
    """Every figure of one row: "kinds" (see `evaluate_classes`), "copies" and "hard views" (see
    `evaluate_copies`), and "triplets": accuracy and score of both sorts together, and of each."""
    validation, rows = tasks.validation, ranker.embeddings
    settings = (ranker.parts, ranker.focus)
    held_out = evaluate_classes(rows[: validation.held_out], validation.labels, *settings)
    copies, gallery = rows[validation.gallery :], rows[: validation.gallery]
    names = np.array(validation.transformations)
    hard = names == HARD_VIEW
    found = {
        sort: evaluate_copies(
            copies[some], names[some].tolist(), validation.originals[some], gallery, *settings
        )
        for sort, some in (("copies", ~hard), ("hard views", hard))
    }
    triplets: dict[str, float] = {}
    both = np.concatenate((tasks.kinds, tasks.things))
    for name, some in (("", both), ("kinds ", tasks.kinds), ("things ", tasks.things)):
        triplets[f"{name}accuracy"] = triplet_accuracy(rows, some, *settings)
        triplets[f"{name}score@{TOP_K}"] = score_at_top_k(rows, some, *settings, TOP_K, validation.gallery)
    return {
        "name": ranker.name,
        "focus": ranker.focus,
        "kinds": held_out,
        "copies": found["copies"],
        "hard views": found["hard views"]["overall"],
        "triplets": triplets,
    }


def report(tasks: Tasks, rows: list[dict[str, Any]], models: Sequence[ModelCard]) -> dict[str, Any]:
    """Everything that was measured, and on what, ready for JSON."""
    validation = tasks.validation
    return {
        "models": [card.version for card in models],
        "seed": validation.chosen.seed,
        "classes": list(validation.chosen.classes),
        "photos": validation.held_out,
        "copies": sum(name != HARD_VIEW for name in validation.transformations),
        "hard views": sum(name == HARD_VIEW for name in validation.transformations),
        "gallery": {
            "photos": validation.gallery,
            "of training classes": validation.gallery - validation.held_out,
        },
        "triplets": {"kinds": len(tasks.kinds), "things": len(tasks.things)},
        "rows": rows,
    }


def add_metrics(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Write what was measured into the card of a model that is there already."""
    path = folder / CARD
    card = json.loads(path.read_text(encoding="utf-8")) | {"metrics": metrics}
    text = json.dumps(card, indent=2) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def markdown(figures: dict[str, Any]) -> str:
    """The tables of a report: all rankings, then recall of each transformation."""
    gallery = figures["gallery"]
    count = sum(figures["triplets"].values())
    lines = [
        f"{figures['photos']} photos of {len(figures['classes'])} classes kept back; {figures['copies']} "
        f"transformed copies look for their originals among {gallery['photos']} photos, "
        f"{gallery['of training classes']} of them of classes the models were trained on, and so do "
        f"{figures['hard views']} hard views; {count} triplets.",
        "",
    ]
    columns = ["", "mAP", "precision@10", "recall@1", "copies recall@1", "triplet accuracy", f"score@{TOP_K}"]
    lines += _table(
        columns,
        [
            [
                row["name"],
                *(f"{row['kinds'][key]:.3f}" for key in ("mAP", "precision@10", "recall@1")),
                f"{row['copies']['overall']['recall@1']:.3f}",
                f"{row['triplets']['accuracy']:.3f}",
                str(row["triplets"][f"score@{TOP_K}"]),
            ]
            for row in figures["rows"]
        ],
    )
    changes = list(figures["rows"][0]["copies"])
    lines += ["", "recall@1 of copies and hard views, and accuracy for triplets of kinds and of things:", ""]
    lines += _table(
        ["", *changes, "hard view", "kinds", "things"],
        [
            [
                row["name"],
                *(f"{row['copies'][name]['recall@1']:.3f}" for name in changes),
                f"{row['hard views']['recall@1']:.3f}",
                *(f"{row['triplets'][f'{sort} accuracy']:.3f}" for sort in ("kinds", "things")),
            ]
            for row in figures["rows"]
        ],
    )
    return "\n".join(lines)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *("---:" for _ in columns[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows)]


def find_models(names: Sequence[str], registry: Registry) -> list[ModelCard]:
    """Each a folder that holds a model, or a name the registry knows; raises ModelError for another."""
    cards = []
    for name in names:
        folder = Path(name)
        cards.append(load_card(folder) if (folder / CARD).is_file() else registry.get(name))
    return cards


def _present(names: Sequence[str], registry: Registry) -> list[ModelCard]:
    """Of the models compared by default those that are there; of the others it is said that they are not."""
    cards = []
    for name in names:
        try:
            cards.append(registry.get(name))
        except ModelError as error:
            _say(f"left out: {error}")
    return cards


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m photosim.training.compare", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="a folder for each class")
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="names, or folders that hold a model")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to a file")
    parser.add_argument("--card", type=Path, metavar="FOLDER", help="write the figures into a model's card")
    parser.add_argument("--gallery", type=int, default=5000, help="photos among which copies search (5000)")
    parser.add_argument("--copied", type=int, metavar="N", help="photos of which copies are made (all)")
    parser.add_argument("--share", type=float, default=0.2, help="of the classes kept back (0.2)")
    parser.add_argument("--seed", type=int, default=0, help="which classes are kept back (0)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps or auto (cpu)")
    options = parser.parse_args(arguments)
    try:
        _compare(options)
    except PhotosimError as error:
        _say(f"compare: {error}")
        return 1
    return 0


def _compare(options: argparse.Namespace) -> None:
    if options.gallery < 2 or (options.copied is not None and options.copied < 2):
        raise PhotosimError("both the gallery and the photos that are copied must be two or more")
    registry = Registry(bundled_models(), library_folders().models)
    cards = find_models(options.models, registry) if options.models else _present(DEFAULT_MODELS, registry)
    settings = ValidationSettings(options.share, options.seed, options.gallery, options.copied)
    figures = compared(options.photos, cards, settings, options.device)
    print(markdown(figures))
    if options.json is not None:
        text = json.dumps(figures, indent=2)
        write_atomically(options.json, lambda path: path.write_text(text))
    if options.card is not None:
        add_metrics(options.card, figures)


def compared(
    root: Path, cards: Sequence[ModelCard], settings: ValidationSettings, device: str = "cpu"
) -> dict[str, Any]:
    """The report of these models and the simpler rankings, on the photos below a folder.

    The first model's features decide on relevance: the pretrained trunk, unless other models are named.
    Raises PhotosimError where there is nothing to measure.
    """
    chosen = choose_photos(root, settings)
    opened = [(card, open_runtime(card, device)) for card in cards]
    validation = read_validation(chosen, opened, settings.copied, _progress)
    for path, reason in validation.failures:
        _say(f"{path}: {reason}; left out")
    tasks = make_tasks(validation, cards[0].version)
    return report(tasks, [measure(ranker, tasks) for ranker in rankers(validation, cards)], cards)


def _progress(done: int, total: int) -> None:
    end = "\n" if done == total else "\r"
    print(f"{done} of {total} photos and copies read", end=end, file=sys.stderr, flush=True)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
