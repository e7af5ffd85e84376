"""The advanced way: a trunk that learns from answers, is checked, kept, and reads the library anew."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

import torch

from photosim.catalog import Catalog, ThumbnailStore
from photosim.errors import TeachingError
from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import read_photo
from photosim.library import Library
from photosim.model.card import ModelCard
from photosim.model.embedding import load_embedding, unit
from photosim.model.network import DeepRanking
from photosim.model.onnx_runtime import OnnxRuntime
from photosim.model.registry import Registry
from photosim.model.store import ModelStore
from photosim.model.torch_runtime import load_network
from photosim.paths import Folders, bundled_models
from photosim.scan.control import ScanControl
from photosim.scan.scanner import run_to_end, scan
from photosim.teaching.gathering import Gathered, divide, gather
from photosim.teaching.judging import Judgement
from photosim.teaching.lesson import Lesson, Tuned, TuningProgress
from photosim.teaching.outcome import draft_of, judge_finished
from photosim.teaching.run import Finished, TuningRun
from photosim.teaching.trunk import (
    TrunkSettings,
    check_against_torch,
    front_by_torch,
    front_of,
    left_out,
    limited,
    tune_trunk,
)
from photosim.teaching.tuned_trunk import TrunkChanges, can_be_tuned, estimate
from tests.commands import CHECKOUT, command
from tests.gui.libraries import folders_in
from tests.teaching import tuners
from tests.teaching.made_library import PHOTOS, copy_of_library, redness

pytestmark = pytest.mark.timeout(300)

QUICK = TrunkSettings(steps=20, batch=8, rehearsal=8, learning_rate=3e-4, check_every=5, warm_up=2)
Training = tuple[TrunkChanges, list[TuningProgress]]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a library with answers; no test changes it."""
    folders = copy_of_library(tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("taught") / "copy")
    catalog = Catalog(folders.catalog)
    answer_by_two_groups(catalog)
    catalog.close()
    return folders.data


def answer_by_two_groups(catalog: Catalog) -> None:
    """Save 90 answers of somebody to whom the eight reddest photos are alike, and the eight bluest."""
    photos = sorted(redness(catalog).items(), key=lambda item: item[1])
    hashes = [item for item, _ in photos]
    groups = [hashes[:8], hashes[-8:]]
    random = np.random.default_rng(0)
    for _ in range(90):
        own = int(random.integers(2))
        one, two = random.choice(8, 2, replace=False)
        other = groups[1 - own][int(random.integers(8))]
        catalog.answers.add(groups[own][one], groups[own][two], other, source="question")


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return Registry(bundled_models(), Path("none of one's own")).default()


@pytest.fixture(scope="module")
def opened(base: Path) -> Iterator[tuple[Catalog, ThumbnailStore]]:
    folders = folders_in(base)
    catalog, thumbnails = Catalog(folders.catalog), ThumbnailStore(folders.thumbnails)
    yield catalog, thumbnails
    thumbnails.close()
    catalog.close()


@pytest.fixture(scope="module")
def gathered(opened: tuple[Catalog, ThumbnailStore], card: ModelCard) -> Gathered:
    # The sides of a file's answers are not drawn by chance.
    triplets = [answer.triplet for answer in opened[0].answers.all()]
    return gather(opened[0], card.trunk, divide(triplets, {}))


def unchanged(card: ModelCard, lesson: Lesson) -> Generator[TuningProgress, None, Tuned]:
    """A tuning that leaves the embedding as it is, and the trunk alone to learn."""
    embedding, kind = load_embedding(card), card.parts[0]
    weight, bias = np.ascontiguousarray(embedding.weight.T), embedding.bias
    yield TuningProgress("choosing", 1, 1, 0.1, None, 0.0, 0.0)
    return Tuned((weight[:kind], weight[kind:]), (bias[:kind], bias[kind:]), card.focus, None)


def train(
    card: ModelCard,
    opened: tuple[Catalog, ThumbnailStore],
    gathered: Gathered,
    settings: TrunkSettings = QUICK,
    threads: int = 2,
) -> Training:
    steps = tune_trunk(
        card, *opened, gathered, lambda lesson: unchanged(card, lesson), "cpu", threads, settings=settings
    )
    told: list[TuningProgress] = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return end.value, told


@pytest.fixture(scope="module")
def trained(card: ModelCard, opened: tuple[Catalog, ThumbnailStore], gathered: Gathered) -> Training:
    return train(card, opened, gathered)


@pytest.fixture(scope="module")
def changes(trained: Training) -> TrunkChanges:
    return trained[0]


def test_it_tells_how_far_it_is(trained: Training) -> None:
    told = trained[1]
    phases = list(dict.fromkeys(step.phase for step in told))
    assert phases == ["choosing", "reading", "training"]
    for phase in phases:
        steps = [step.step for step in told if step.phase == phase]
        assert steps == sorted(steps)
    training = [step for step in told if step.phase == "training"]
    assert all(np.isfinite(step.loss) and step.accuracy is not None for step in training)
    assert training[-1].step <= QUICK.steps


def test_left_out_answers_are_ranked_better_and_the_rest_of_the_library_much_as_before(
    changes: TrunkChanges, gathered: Gathered, trained: Training
) -> None:
    assert changes.right_after > changes.right_before + 0.05
    lessons = changes.gathered.lesson, gathered.lesson
    after, before = (unit(lesson.rehearsal.astype(np.float32)) for lesson in lessons)
    assert len(after) == PHOTOS - 16
    assert np.einsum("ij,ij->i", after, before).mean() > 0.9


def test_its_features_are_those_that_the_kept_model_gives(
    changes: TrunkChanges,
    gathered: Gathered,
    card: ModelCard,
    opened: tuple[Catalog, ThumbnailStore],
    tmp_path: Path,
) -> None:
    model = keep(changes, card, tmp_path)
    assert (model.trunk, model.trunk_base) == (changes.trunk, card.trunk)
    assert set(model.files) == {"embedding.safetensors", "trunk_changes.safetensors"}
    shape = NetworkInput(card.input_size, card.geometry)
    for found in (
        (changes.gathered.lesson.features, gathered.hashes),
        (
            changes.gathered.kept_back.features,
            gathered.kept_back.hashes,
        ),
    ):
        pixels = [read_photo(opened[1].get(item), shape).pixels for item in found[1][:4]]
        features = OnnxRuntime(model, 1).features(np.stack(pixels)).astype(np.float32)
        np.testing.assert_allclose(found[0][:4].astype(np.float32), features, atol=4e-3)


def keep(changes: TrunkChanges, parent: ModelCard, own: Path) -> ModelCard:
    store = ModelStore(own, Registry(bundled_models(), own))
    return store.keep(store.draft(parent, *tuned_of(parent), {}, {}, changes.files, changes.entries), "Mine")


def tuned_of(card: ModelCard) -> tuple[object, float]:
    return load_embedding(card), card.focus


def test_kept_back_answers_teach_nothing(
    card: ModelCard, opened: tuple[Catalog, ThumbnailStore], gathered: Gathered
) -> None:
    """With others kept back, of the same photos, the same trunk comes out."""
    settings = replace(QUICK, steps=10)
    turned = replace(gathered.kept_back, triplets=gathered.kept_back.triplets[:, [0, 2, 1]])
    ours = train(card, opened, gathered, settings, threads=1)[0]
    theirs = train(card, opened, replace(gathered, kept_back=turned), settings, threads=1)[0]
    assert ours.trunk == theirs.trunk


def test_a_training_that_diverges_is_dropped(
    card: ModelCard, opened: tuple[Catalog, ThumbnailStore], gathered: Gathered
) -> None:
    with pytest.raises(TeachingError, match="diverged and was dropped"):
        train(card, opened, gathered, replace(QUICK, learning_rate=1e30))


def test_a_training_that_makes_nothing_better_is_dropped(
    card: ModelCard, opened: tuple[Catalog, ThumbnailStore], gathered: Gathered
) -> None:
    with pytest.raises(TeachingError, match="ranks no more of the answers right"):
        train(card, opened, gathered, replace(QUICK, learning_rate=0.0, steps=3))


def test_a_runtime_that_computes_something_else_is_found_out(
    changes: TrunkChanges, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.numpy import load

    tensors = load(changes.data)
    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (16, card.input_size, card.input_size, 3), dtype=np.uint8)
    gallery = changes.gathered.lesson.features
    check_against_torch(card, tensors, pixels, gallery, 2)
    # A graph that takes the changes and computes without them.
    monkeypatch.setattr("photosim.model.onnx_runtime.with_constants", lambda graph, _: graph)
    larger = {name: tensor * np.float32(1.2) for name, tensor in tensors.items()}
    with pytest.raises(TeachingError, match="other features on the CPU than in training"):
        check_against_torch(card, larger, pixels, gallery, 2)


def test_a_gpu_sees_the_same_before_the_tuned_blocks(card: ModelCard) -> None:
    """By torch, as on a GPU, and by ONNX Runtime."""
    network, place = load_network(card), torch.device("cpu")
    assert isinstance(network, DeepRanking)
    pixels = np.random.default_rng(2).integers(0, 256, (3, 256, 256, 3), dtype=np.uint8)
    for blocks in (1, 2):
        ours = front_by_torch(network, blocks, place)(pixels)
        theirs = front_of(card, network, blocks, place, 1)(pixels)
        for one, other in zip(ours, theirs, strict=True):
            assert one.dtype == other.dtype and one.shape == other.shape
            torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-2)


def test_photos_without_a_thumbnail_are_done_without(
    card: ModelCard, opened: tuple[Catalog, ThumbnailStore], gathered: Gathered, tmp_path: Path
) -> None:
    """Of an answer's photos one is missing, and one of those to rehearse with."""
    catalog, thumbnails = opened
    gone = gathered.hashes[0]
    about = {*gathered.hashes, *gathered.kept_back.hashes}
    free = min(thumbnails.hashes() - about)
    fewer = ThumbnailStore(tmp_path / "thumbnails.sqlite3")
    try:
        fewer.put_many((item, thumbnails.get(item)) for item in thumbnails.hashes() - {gone, free})
        changes = train(card, (catalog, fewer), gathered)[0]
        with pytest.raises(TeachingError, match="thumbnails are missing"):
            fewer.remove_many(about)
            train(card, (catalog, fewer), gathered)
    finally:
        fewer.close()
    sides = (
        (gathered.lesson.triplets, gathered.hashes),
        (gathered.kept_back.triplets, gathered.kept_back.hashes),
    )
    assert changes.unseen == sum(
        gone in [hashes[row] for row in triplet] for triplets, hashes in sides for triplet in triplets
    )
    assert 0 < changes.unseen < 45
    assert gone not in (*changes.gathered.hashes, *changes.gathered.kept_back.hashes)
    assert len(changes.gathered.lesson.rehearsal) == PHOTOS - 16 - 1


def test_no_more_answers_are_read_than_there_is_memory_for(
    card: ModelCard,
    opened: tuple[Catalog, ThumbnailStore],
    gathered: Gathered,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("photosim.teaching.trunk.MOST_TRIPLETS", 10)
    monkeypatch.setattr("photosim.teaching.trunk.MOST_LEFT_OUT", 4)
    monkeypatch.setattr("photosim.teaching.trunk.MOST_KEPT_BACK", 3)
    lesson = gathered.lesson.triplets
    fewer, learned, out = limited(gathered, lesson[:50], lesson[50:], 0)
    assert (len(learned), len(out), len(fewer.kept_back.triplets)) == (10, 4, 3)
    given = {tuple(gathered.hashes[row] for row in triplet) for triplet in lesson[:50]}
    assert {tuple(fewer.hashes[row] for row in triplet) for triplet in learned} <= given
    assert set(np.unique((*learned, *out))) == set(range(len(fewer.hashes)))


def test_a_trunk_of_one_part_cannot_be_tuned(
    opened: tuple[Catalog, ThumbnailStore], gathered: Gathered
) -> None:
    card = Registry(bundled_models(), Path("none")).get("deepranking-v1")
    assert not can_be_tuned(card)
    with pytest.raises(TeachingError, match="cannot be tuned"):
        train(card, opened, gathered)


def test_all_answers_of_an_anchor_are_on_one_side() -> None:
    random = np.random.default_rng(4)
    triplets = random.integers(0, 30, (100, 3))
    learned, out = left_out(triplets, random)
    assert not set(learned[:, 0]) & set(out[:, 0])
    assert len(learned) + len(out) == 100 and 15 <= len(out) <= 35
    with pytest.raises(TeachingError, match="one photo"):
        left_out(np.array([[1, 2, 3], [1, 3, 4]]), random)


def test_an_estimate_grows_with_what_there_is_to_do(card: ModelCard) -> None:
    few, many = estimate(card, 30, 5, 1000, "cpu", 2), estimate(card, 300, 60, 100_000, "cpu", 2)
    assert few.device == "CPU"
    assert 0 < few.training < many.training and 0 < few.reading < many.reading / 20


def test_cancel_ends_it_within_a_second_and_leaves_nothing(
    base: Path, card: ModelCard, tmp_path: Path
) -> None:
    folders = folders_in(Path(shutil.copytree(base, tmp_path / "copy")))
    files = {path for path in folders.data.rglob("*") if path.is_file()}
    run = TuningRun(folders, card, trunk=True, device="cpu", threads=1, tuner=tuners.at_once)
    try:
        phases: set[str] = set()
        while "reading" not in phases:
            events = run.poll(0.5)
            assert all(isinstance(event, TuningProgress) for event in events), events
            phases |= {event.phase for event in events if isinstance(event, TuningProgress)}
    finally:
        began = time.monotonic()
        run.cancel()
    assert time.monotonic() - began < 1
    left = {path for path in folders.data.rglob("*") if path.is_file()} - files
    assert not {path for path in left if not path.name.endswith(("-wal", "-shm"))}


def test_a_kept_model_reads_the_library_anew_and_then_answers(
    changes: TrunkChanges, card: ModelCard, base: Path, tmp_path: Path
) -> None:
    """Chosen, killed while it reads, resumed, taken over, searched with, taken to another library."""
    target = Path(shutil.copytree(base, tmp_path / "library"))
    folders = folders_in(target)
    with Library(folders, "cpu") as library:
        tuned = run_unchanged(card, changes)
        finished = Finished(tuned, changes.gathered.kept_back, changes.gathered.tally, changes)
        judgement = judge_finished(library.catalog, card, finished)
        assert isinstance(judgement, Judgement) and judgement.kept_back == len(
            changes.gathered.kept_back.triplets
        )
        mine = library.store.keep(draft_of(library.store, card, finished, judgement), "Mine")
        library.use_model("Mine")
        assert library.next_card is not None and library.next_card.version == mine.version
        assert library.card.version == card.version  # which answers until all photos have been read
        assert len(library.searcher.rank([features_of(library, 0)])) == PHOTOS

    program = subprocess.Popen(
        command(target, "--device", "cpu", "scan"),
        cwd=CHECKOUT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until and program.poll() is None and not read_so_far(folders, mine):
            time.sleep(0.05)
    finally:
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()
    before = read_so_far(folders, mine)
    assert before > 0

    with Library(folders, "cpu") as library:
        assert run_to_end(scan(library, ScanControl())).failed == 0
        assert library.card.version == mine.version and library.next_card is None
        assert library.catalog.trunks() == [mine.trunk]
        ranking = library.searcher.rank([features_of(library, 3)])
        assert len(ranking) == PHOTOS and ranking.ids[0] == library.catalog.shown_ids()[3]
        file = tmp_path / "mine.photosim"
        library.store.export(library.card, file)
        pixels = np.zeros((1, card.input_size, card.input_size, 3), np.uint8)
        expected = OnnxRuntime(library.card, 1).features(pixels)
    own = tmp_path / "elsewhere"
    theirs = ModelStore(own, Registry(bundled_models(), own)).import_(file)
    assert theirs.trunk == mine.trunk
    np.testing.assert_array_equal(OnnxRuntime(theirs, 1).features(pixels), expected)


def run_unchanged(card: ModelCard, changes: TrunkChanges) -> Tuned:
    steps = unchanged(card, changes.gathered.lesson)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        tuned: Tuned = end.value
        return tuned


def features_of(library: Library, place: int) -> np.ndarray:
    found = library.searcher.features_of(int(library.catalog.shown_ids()[place]))
    assert found is not None
    return found


def read_so_far(folders: Folders, card: ModelCard) -> int:
    catalog = Catalog(folders.catalog)
    try:
        return catalog.count_features(card.trunk)
    finally:
        catalog.close()
