"""Train the model that ships, from a folder of photos to the files of `resources/models`.

    python -m photosim.training.make PHOTOS [--folder FOLDER] [--work FOLDER] [--steps N]

PHOTOS has a folder for each category; a fifth of the categories is never trained on. The work folder keeps
what is done: a run that was interrupted is gone on with by the same command.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load_file, save_file

from photosim.atomic import write_atomically
from photosim.errors import PhotosimError
from photosim.imaging.network_input import TRIM, NetworkInput
from photosim.model.card import ModelCard, load_card
from photosim.model.device import available_cores
from photosim.model.embedding import unit
from photosim.model.network import SHALLOW_FEATURES, TRUNK_FEATURES, DeepRanking
from photosim.paths import bundled_models
from photosim.training.bundle import (
    BundleFacts,
    check_folder,
    over_features,
    principal_directions,
    set_reduction,
    write_bundle,
)
from photosim.training.changes import one_thread_each
from photosim.training.early import Early, Pixels, early_runner
from photosim.training.evaluation import evaluate_classes
from photosim.training.hard_views import HardViewRecall
from photosim.training.kinds import KindPart, drawn_triplets, kind_batches, kind_loss
from photosim.training.memory import keep_freed_memory
from photosim.training.photos import PhotoSet, find_photos, readable
from photosim.training.projection import half_whitened, whitened
from photosim.training.relevance import kind_relevance, total_relevance
from photosim.training.sampling import SamplingSettings, TripletSampler
from photosim.training.split import split_classes
from photosim.training.start import network_of, part_pixels, pooled_features, whole_pixels
from photosim.training.things import ThingBatch, ThingBatches, ThingLoss, ThingPairLoss, ThingPart
from photosim.training.trainer import Cancelled, Progress, Trainer, TrainerSettings

Floats = npt.NDArray[np.float32]
Parts = tuple[tuple[Floats, Floats], tuple[Floats, Floats]]

TRAINING = "training.json"
VERSION = "deepranking-v2"
TRUNK = "dual-lite0-256-1"
START = "deepranking-v1"
SHAPE = NetworkInput(256, TRIM)
FEATURE_SIZES = (768, 768, 256, 256)
FOCUS = 0.5


TRIPLETS, PAIRS = "triplets", "pairs"


@dataclass(frozen=True)
class Settings:
    """How long, how much and with which chances.

    `parts` are the dimensions of kind and thing as they ship; thing is trained with `thing_dimensions`, then
    whitened and cut to its own: the first directions hold nearly all of it, and kind needs more of them.
    `balance` is the similarity of any two photos as things that a constant gives them.

    `loss` is the triplet hinge, with `margin` between squared distances, `softness` and `memory` as of
    `ThingLoss`; or, to compare, the contrastive loss with `pair_margin` as the distance of what differs.
    """

    steps: int = 2200
    batch: int = 48
    parts: tuple[int, int] = (320, 192)
    thing_dimensions: int = 256
    balance: float = 0.25
    learning_rate: float = 3e-4
    margin: float = 0.5
    softness: float = 0.1
    memory: int = 4096
    loss: str = TRIPLETS
    validate_every: int = 250
    queries: int = 400
    pair_margin: float = 1.0
    kind_steps: int = 400
    kind_draws: int = 20_000
    seed: int = 0


# New layers learn faster than those that ImageNet taught.
RATES = {"fine": 5.0, "coarse": 5.0, "embedding": 5.0}


@dataclass(frozen=True)
class KindFeatures:
    """The pretrained trunk's pooled features float32 [N, 1280]: of the training photos, of a random part of
    each, and of the validation photos."""

    training: Floats
    parts: Floats
    validation: Floats


class Making:
    """One training from photos to a model's folder, its state below `work`."""

    def __init__(
        self,
        training: PhotoSet,
        validation: PhotoSet,
        work: Path,
        settings: Settings,
        say: Callable[[str], None],
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Raises PhotosimError where `work` holds another training, or a set of photos is empty."""
        keep_freed_memory()
        one_thread_each()
        self._threads = available_cores()
        torch.set_num_threads(self._threads)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._settings = settings
        self._work = work
        self._say = say
        self._cancelled = cancelled
        work.mkdir(parents=True, exist_ok=True)
        self.training, self.validation = training, validation
        self._keep_to_one_training()
        self.start: ModelCard = load_card(bundled_models() / START, bundled=True)
        network = network_of(self.start, FEATURE_SIZES, settings.seed)
        self.network: DeepRanking = network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.requires_grad_(False)
        self._early: Early = early_runner(self.network.early, SHAPE.size, self._device, self._threads)

    def _keep_to_one_training(self) -> None:
        """Settings and photos of the training are kept; one with others must not go on with its state."""
        if not len(self.training) or not len(self.validation):
            raise PhotosimError("too few photos that can be read: every category needs several")
        digest = hashlib.sha256()
        for photos in (self.training, self.validation):
            for path, category in zip(photos.paths, photos.categories, strict=True):
                digest.update(f"{category}/{path.name} {path.stat().st_size}\n".encode())
        mine = {"settings": description_of(self._settings), "photos": digest.hexdigest()}
        path = self._work / TRAINING
        if not path.exists():
            text = json.dumps(mine, indent=2)
            write_atomically(path, lambda temporary: temporary.write_text(text))
        elif json.loads(path.read_text()) != mine:
            raise PhotosimError(
                f"{self._work} holds a training of other photos or settings: name another --work folder"
            )

    def kind_features(self, photos: PhotoSet, name: str, parts: bool = False) -> Floats:
        """The pretrained trunk's pooled features of photos, or of a random part of each, float32 [N, 1280];
        read once, then kept.
        """
        path = self._work / f"{name}.safetensors"
        if path.exists():
            rows = load_file(path)["features"]
            if len(rows) == len(photos):
                return rows.astype(np.float32)

        def pixels(numbers: range) -> Pixels:
            if parts:
                return part_pixels(photos, numbers, SHAPE, self._threads, self._settings.seed)
            return whole_pixels(photos, numbers, SHAPE, self._threads)

        counter = self._counter(f"{name} photos")
        rows = pooled_features(self.network.kind, self._early, len(photos), pixels, counter)
        write_atomically(path, lambda temporary: save_file({"features": rows}, temporary))
        return rows

    def train_things(self, features: Floats) -> ThingPart:
        """`features` [N, 1280] of the training photos say which of them look alike."""
        settings = self._settings
        totals = total_relevance(features, self.training.categories)
        sampler = TripletSampler(
            kind_relevance(features), SamplingSettings(), np.random.default_rng(settings.seed), views=True
        )
        for number, category in enumerate(self.training.categories):
            sampler.offer(number, category, float(totals[number]))
        part = ThingPart(self.network, settings.thing_dimensions)
        part.begin_with(*half_whitened(features, settings.thing_dimensions))
        part = part.requires_grad_(True).to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        size = SHAPE.size
        trainer = Trainer(
            part,
            ThingBatches(self.training, sampler, settings.batch, size, settings.seed, self._threads),
            self._thing_loss(),
            HardViewRecall(self.validation, self._early, SHAPE, settings.queries, 1, self._threads),
            TrainerSettings(
                steps=settings.steps,
                learning_rate=settings.learning_rate,
                validate_every=settings.validate_every,
                patience=8,
            ),
            self._work / "things",
            rates=RATES,
            progress=self._progress("things"),
            cancelled=self._cancelled,
        )
        best = trainer.run()
        self._say(f"things: recall@1 of hard views {best:.4f}")
        part.requires_grad_(False)
        trained: ThingPart = part
        return trained

    def _thing_loss(self) -> Callable[[torch.nn.Module, ThingBatch], torch.Tensor]:
        settings = self._settings
        if settings.loss == PAIRS:
            return ThingPairLoss(self._early, settings.pair_margin)
        return ThingLoss(self._early, settings.margin, settings.softness, settings.memory)

    def train_kinds(self, features: Floats, parts: Floats, validation: Floats) -> tuple[Floats, Floats]:
        """Reduced unit features, [N, F], of the training photos, of parts of them, and of the validation
        photos, to the kind embedding's weight [d, F] and bias [d].

        Parts of photos are for the principal components alone: they show more of the world than the photos,
        each of which shows one thing in its middle.
        """
        settings = self._settings
        weight, bias = half_whitened(np.concatenate((features, parts)), settings.parts[0])
        scale = np.linalg.norm(features @ weight.T + bias, axis=1).mean()
        part = KindPart(weight / scale, bias / scale)
        rng = np.random.default_rng(settings.seed)
        sampler = TripletSampler(kind_relevance(features), SamplingSettings(), rng)
        for number, total in enumerate(total_relevance(features, self.training.categories)):
            sampler.offer(number, self.training.categories[number], float(total))
        triplets = drawn_triplets(sampler, settings.kind_draws, rng)
        labels = np.unique(self.validation.categories, return_inverse=True)[1]
        rows = torch.from_numpy(validation)

        def validate(module: torch.nn.Module) -> float:
            embeddings: Floats = module(rows).numpy()
            return evaluate_classes(embeddings, labels, (settings.parts[0], 0), 0.0)["mAP"]

        trainer = Trainer(
            part,
            kind_batches(triplets, 256, settings.seed),
            kind_loss(features),
            validate,
            TrainerSettings(settings.kind_steps, 1e-3, warm_up=20, validate_every=100),
            self._work / "kinds",
            progress=self._progress("kinds"),
            cancelled=self._cancelled,
        )
        self._say(f"kinds: mAP of the validation categories {trainer.run():.4f}")
        state = part.embedding
        return state.weight.detach().numpy().copy(), state.bias.detach().numpy().copy()

    def finish(self, part: ThingPart, kinds: KindFeatures) -> Parts:
        """Give the network its reductions; weight and bias over all features, of kind and of thing."""
        directions = {"kind": principal_directions(kinds.training, FEATURE_SIZES[0])}
        paths = self._thing_paths(part)
        for size, (name, rows) in zip(FEATURE_SIZES[1:], paths.items(), strict=True):
            directions[name] = principal_directions(rows, size)
        for name, matrix in directions.items():
            set_reduction(self.network, name, matrix)
        kind, kind_bias = self.train_kinds(
            *(
                unit(unit(rows) @ directions["kind"].T)
                for rows in (kinds.training, kinds.parts, kinds.validation)
            )
        )
        whole, thing_bias = self._whitened_thing(part, paths)
        ends = np.cumsum((TRUNK_FEATURES, SHALLOW_FEATURES, SHALLOW_FEATURES))
        thing = {
            name: block @ directions[name].T
            for name, block in zip(paths, np.split(whole, ends[:-1], axis=1), strict=True)
        }
        return (
            over_features({"kind": kind}, kind_bias, FEATURE_SIZES),
            over_features(thing, thing_bias, FEATURE_SIZES),
        )

    def _whitened_thing(self, part: ThingPart, paths: dict[str, Floats]) -> tuple[Floats, Floats]:
        """The trained embedding over the joined paths followed by whitening, fitted to the training photos.

        Training leaves a few directions in which most photos differ little from each other; whitened, they
        count no more than the rest.
        """
        weight, bias = (tensor.detach().cpu().numpy() for tensor in part.embedding.parameters())
        rows = np.concatenate([unit(block) for block in paths.values()], axis=1) @ weight.T + bias
        # The norms differ by a twentieth only: their mean stands for each.
        norm = np.linalg.norm(rows, axis=1).mean()
        turn, shift = whitened(rows, self._settings.parts[1] - 1, 0.5)
        weight, bias = turn @ weight / norm, turn @ (bias / norm) + shift
        return self._balanced(weight, bias, rows @ turn.T / norm + shift)

    def _balanced(self, weight: Floats, bias: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """The same embedding with one more dimension, a constant: it ranks the same, its similarities lie
        closer together. Without it, thing outweighs kind in the middle of the dial.
        """
        share = self._settings.balance
        constant = np.sqrt(share / (1 - share)) * np.linalg.norm(rows, axis=1).mean()
        return np.pad(weight, ((0, 1), (0, 0))), np.append(bias, np.float32(constant)).astype(np.float32)

    def _thing_paths(self, part: ThingPart) -> dict[str, Floats]:
        """Features of the training photos on the paths of the thing part, each float32 [N, ...]."""
        counter = self._counter("training photos, the thing part's paths")
        pieces: list[list[Floats]] = []
        with torch.inference_mode():
            for start in range(0, len(self.training), 16):
                numbers = range(start, min(start + 16, len(self.training)))
                pixels = whole_pixels(self.training, numbers, SHAPE, self._threads)
                tensors = part.paths(self._early(pixels), torch.from_numpy(pixels).to(self._device))
                pieces.append([tensor.float().cpu().numpy() for tensor in tensors])
                counter(numbers.stop, len(self.training))
        columns = [np.concatenate(column) for column in zip(*pieces, strict=True)]
        return dict(zip(("thing", "fine", "coarse"), columns, strict=True))

    def _progress(self, name: str) -> Callable[[Progress], None]:
        def show(progress: Progress) -> None:
            if progress.step % 10 == 0:
                figure = "" if progress.validation is None else f", validation {progress.validation:.4f}"
                self._say(
                    f"{name}: step {progress.step} of {progress.steps}, loss {progress.loss:.4f}{figure}, "
                    f"{progress.seconds:.0f} s"
                )

        return show

    def _counter(self, what: str) -> Callable[[int, int], None]:
        def show(done: int, total: int) -> None:
            if self._cancelled():
                raise Cancelled("training was cancelled")
            if done % 800 == 0 or done == total:
                self._say(f"{what}: {done} of {total} read")

        return show


def make(
    root: Path,
    folder: Path,
    work: Path,
    settings: Settings,
    sets: str,
    say: Callable[[str], None],
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Train and write the model. Raises PhotosimError with a line that says what to do."""
    check_folder(folder)
    photos = find_photos(root)
    # Divided before anything is read: a damaged file must not decide which categories are kept back.
    training, validation = (readable(photos.of(set(names))) for names in split_classes(photos.categories))
    for path, reason in (*training[1], *validation[1]):
        say(f"{path}: {reason}: left out")
    making = Making(training[0], validation[0], work, settings, say, cancelled)
    kinds = KindFeatures(
        making.kind_features(making.training, "training"),
        making.kind_features(making.training, "parts-of-training", parts=True),
        making.kind_features(making.validation, "validation"),
    )
    parts = making.finish(making.train_things(kinds.training), kinds)
    facts = BundleFacts(
        VERSION,
        TRUNK,
        SHAPE,
        FOCUS,
        making.start.licence,
        f"{making.start.source}; trained further by photosim, see docs/model-card.md",
        training=description(making, settings, sets),
    )
    write_bundle(folder, making.network.cpu(), parts, facts)
    say(f"written: {folder}")


def description_of(settings: Settings) -> dict[str, object]:
    return vars(settings) | {"parts": list(settings.parts)}


def description(making: Making, settings: Settings, sets: str) -> dict[str, object]:
    """What the card says of the training."""
    return {
        "sets": sets,
        "photos": len(making.training),
        "categories": len(set(making.training.categories)),
        "validation photos": len(making.validation),
        "validation categories": sorted(set(making.validation.categories)),
        "settings": description_of(settings),
        "method": (
            "thing: late blocks, shallow paths and embedding by the triplet hinge loss over random views; "
            "kind: late blocks as ImageNet taught them, embedding by triplets of importance-sampled photos"
        ),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--folder", type=Path, default=bundled_models() / VERSION)
    parser.add_argument("--work", type=Path, default=Path("build/model"))
    parser.add_argument("--sets", default="not said", help="what the photos are, and their licences")
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--loss", choices=(TRIPLETS, PAIRS), default=TRIPLETS, help="for the thing part")
    options = parser.parse_args(arguments)
    stopped = threading.Event()
    # The batch at hand is finished and a checkpoint written; the second signal ends it at once.
    signal.signal(signal.SIGINT, lambda *_: stopped.set() if not stopped.is_set() else sys.exit(130))
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    settings = Settings(steps=options.steps, loss=options.loss)
    try:
        make(options.photos, options.folder, options.work, settings, options.sets, _say, stopped.is_set)
    except Cancelled:
        _say("interrupted; the same command goes on")
        return 130
    except PhotosimError as error:
        _say(f"error: {error}")
        return 1
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
