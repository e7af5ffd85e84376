"""A library ranks with the model its user chose: at once, after the next start, and in every program."""

from __future__ import annotations

import logging
import random
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from photosim.errors import ModelError
from photosim.library import Library, Move
from photosim.model.card import EMBEDDING, ModelCard
from photosim.model.embedding import Embedding, load_embedding
from photosim.paths import Folders, library_folders
from photosim.scan.control import ScanControl
from photosim.scan.scanner import scan
from photosim.search.searcher import Ranking
from tests.commands import CHECKOUT
from tests.engine import readers
from tests.made_photos import jpeg, make_photos
from tests.models import NEW, NEW_TRUNK, OLD, OLD_TRUNK, make_model, make_new, make_old
from tests.scan.libraries import figures, open_library, rows, scan_all
from tests.with_models import command_with

PHOTOS = 12


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of bundled models of this test's photosim: the old one alone."""
    folder = tmp_path / "bundled"
    make_old(folder)
    monkeypatch.setattr("photosim.library.bundled_models", lambda: folder)
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    make_photos(folder, PHOTOS)
    return folder


@pytest.fixture
def scanned(bundled: Path, photos: Path, folders: Folders) -> Folders:
    """A library of twelve photos, read with the old model."""
    with open_library(folders) as library:
        library.catalog.add_folder(photos)
        assert figures(scan_all(library)) == {"added": PHOTOS}
    return folders


def kept(library: Library, name: str, seed: int = 3) -> ModelCard:
    """A model made of the one that answers."""
    parent = library.card
    base = load_embedding(parent)
    noise = np.random.default_rng(seed)
    kind, thing = (weight + noise.normal(0, 1, weight.shape).astype(np.float32) for weight in base.weights)
    draft = library.store.draft(parent, Embedding((kind, thing), base.biases), 0.5, {}, {})
    return library.store.keep(draft, name)


def ranked(library: Library, exact: bool = True) -> Ranking:
    features = library.searcher.features_of(1)
    assert features is not None
    return library.searcher.rank([features], exact=exact)


def expected(library: Library, card: ModelCard) -> list[int]:
    """The ranking of the first photo by a model, computed straight from the stored features."""
    ((_, ids, features),) = library.catalog.features_after(card.trunk, 0)
    vectors = load_embedding(card)(features)
    similarity = vectors @ vectors[ids.tolist().index(1)]
    return [int(one) for one in ids[np.argsort(-similarity, kind="stable")]]


def trunks(folders: Folders) -> dict[str, int]:
    return dict(rows(folders, "SELECT trunk, count(*) FROM features GROUP BY trunk"))  # type: ignore[arg-type]


# The same trunk


def test_a_model_of_the_same_trunk_answers_at_once_and_after_the_next_start(scanned: Folders) -> None:
    with open_library(scanned, readers.never) as library:
        mine = kept(library, "Mine")
        before = ranked(library).ids.tolist()
        assert library.use_model("Mine")
        assert (library.card, library.next_card) == (mine, None)
        assert ranked(library).ids.tolist() == expected(library, mine) != before
        assert ranked(library, exact=False).method == "exact", "the old graph is not asked"
        library.index()
        assert ranked(library, exact=False).method == "graph"
        assert ranked(library, exact=False).ids.tolist() == expected(library, mine)
    with open_library(scanned, readers.never) as library:
        assert (library.card, library.next_card) == (mine, None)
        assert ranked(library).ids.tolist() == expected(library, mine)
        assert figures(scan_all(library)) == {"unchanged": PHOTOS}
        assert library.card == mine
        assert library.revert_to_bundled()
        assert library.card.version == OLD
        assert ranked(library).ids.tolist() == before
    assert trunks(scanned) == {OLD_TRUNK: PHOTOS}


def test_a_draft_ranks_without_being_the_librarys_model_and_is_not_embedded_twice(
    scanned: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_library(scanned, readers.never) as library:
        base = load_embedding(library.card)
        draft = library.store.draft(
            library.card, Embedding((-base.weights[0], base.weights[1]), base.biases), 0.5, {}, {}
        )
        searcher = library.searcher_for(draft)
        features = library.searcher.features_of(1)
        assert features is not None
        ranking = searcher.rank([features])
        assert len(ranking) == PHOTOS and library.card.version == OLD
        assert not list(scanned.models.glob("*/card.json"))
        mine = library.store.keep(draft, "Mine")
        monkeypatch.setattr(Embedding, "__call__", None)
        assert library.use_model(mine.version, searcher)
        monkeypatch.undo()
        assert library.searcher is searcher and searcher.card == mine
        assert np.array_equal(ranked(library).ids, ranking.ids)


def test_searching_goes_on_while_the_model_changes(scanned: Folders) -> None:
    """Every answer is wholly of the one model or of the other, and none is missing."""
    with open_library(scanned, readers.never) as library:
        mine = kept(library, "Mine")
        features = library.catalog.features_of(1, OLD_TRUNK)
        assert features is not None
        allowed = [tuple(expected(library, card)) for card in (library.card, mine)]
        found: set[tuple[int, ...]] = set()
        failed: list[BaseException] = []
        done = threading.Event()

        def search() -> None:
            try:
                while not done.is_set():
                    found.add(tuple(library.searcher.rank([features]).ids.tolist()))
            except BaseException as error:  # noqa: BLE001  it belongs to the test
                failed.append(error)

        searching = threading.Thread(target=search)
        searching.start()
        for _ in range(20):
            library.use_model("Mine")
            library.index()
            library.revert_to_bundled()
        done.set()
        searching.join()
    assert not failed
    assert found <= set(allowed) and len(found) == 2


def test_a_library_about_to_be_closed_builds_no_graph(scanned: Folders) -> None:
    with open_library(scanned, readers.never) as library:
        mine = kept(library, "Mine")
        library.use_model("Mine")
        library.stop_indexing()
        library.index()
        assert len(ranked(library)) == PHOTOS
    assert not (scanned.index / f"{mine.version}.hnsw").exists()
    with open_library(scanned, readers.never) as library:
        library.index()
        assert ranked(library, exact=False).method == "graph"


def test_a_model_that_cannot_be_used_changes_nothing(scanned: Folders) -> None:
    with open_library(scanned, readers.never) as library:
        mine = kept(library, "Mine")
        (mine.folder / EMBEDDING).write_bytes(b"no embedding")
        make_model(scanned.models, "lost", "trunk-9", with_trunk=False)
        for name, says in (
            ("Mine", "is damaged"),
            ("lost", "needs the trunk trunk-9"),
            ("x", "no model 'x'"),
        ):
            with pytest.raises(ModelError, match=says):
                library.use_model(name)
        assert (library.card.version, library.next_card, library.catalog.wish()) == (OLD, None, None)


def test_a_chosen_model_that_is_gone_is_replaced_by_the_bundled_one(
    scanned: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    with open_library(scanned, readers.never) as library:
        mine = kept(library, "Mine")
        library.use_model("Mine")
    shutil.rmtree(mine.folder)
    with caplog.at_level(logging.WARNING), open_library(scanned, readers.never) as library:
        assert (library.card.version, library.next_card) == (OLD, None)
        assert f"{mine.version} is gone" in caplog.text
        assert len(ranked(library)) == PHOTOS
        scan_all(library)
        assert not library.follow()
        assert caplog.text.count("is gone") == 1


def test_another_program_sees_the_choice(scanned: Folders) -> None:
    with open_library(scanned, readers.never) as window, open_library(scanned, readers.never) as command:
        mine = kept(command, "Mine")
        ranked(window)
        assert not window.follow()
        command.use_model("Mine")
        assert window.follow() and not window.follow()
        assert window.card == mine
        assert ranked(window).ids.tolist() == expected(window, mine)
        window.revert_to_bundled()
        assert command.follow() and command.card.version == OLD


def test_the_newest_bundled_model_is_a_choice_that_moves_on_and_an_older_one_stays(
    scanned: Folders, bundled: Path
) -> None:
    with open_library(scanned) as library:
        kept(library, "Mine")
        library.use_model("Mine")
        library.use_model(OLD)
    make_model(bundled, "colours-v3", OLD_TRUNK, with_trunk=False, seed=9)
    with open_library(scanned) as library:
        assert (library.card.version, library.next_card) == ("colours-v3", None)
        library.use_model(OLD)
        assert library.card.version == OLD
    with open_library(scanned) as library:
        assert (library.card.version, library.next_card) == (OLD, None)
        scan_all(library)
        assert library.card.version == OLD


# Another trunk


@pytest.fixture
def two_trunks(scanned: Folders, bundled: Path) -> Folders:
    """The same library, moved to the new bundled model; a model of one's own runs the old one's trunk."""
    make_new(bundled)
    make_model(scanned.models, "mine-old", OLD_TRUNK, with_trunk=False, seed=5)
    with open_library(scanned) as library:
        scan_all(library)
        assert library.card.version == NEW
    return scanned


def test_a_model_of_another_trunk_answers_once_the_photos_are_read_for_it(two_trunks: Folders) -> None:
    with open_library(two_trunks) as library:
        assert not library.use_model("mine-old")
        assert (library.card.version, library.moving()) == (NEW, Move("mine-old", 0, PHOTOS))
        assert len(ranked(library)) == PHOTOS
    with open_library(two_trunks) as library:
        assert library.next_card is not None and library.next_card.version == "mine-old"
        steps = list(scan(library, ScanControl()))
        assert {step.to for step in steps if step.phase == "moving"} == {"mine-old"}
        assert (library.card.version, library.next_card) == ("mine-old", None)
        assert ranked(library).ids.tolist() == expected(library, library.card)
    assert trunks(two_trunks) == {OLD_TRUNK: PHOTOS}
    with open_library(two_trunks) as library:
        assert (library.card.version, library.next_card) == ("mine-old", None)
        assert not library.revert_to_bundled()
        scan_all(library)
        assert library.card.version == NEW
    assert trunks(two_trunks) == {NEW_TRUNK: PHOTOS}


def test_choosing_again_in_the_middle_stops_the_reading(two_trunks: Folders) -> None:
    """Back to the model that answers, and then on to it again: what was read is not read twice."""
    with open_library(two_trunks, readers.brisk) as library:
        library.use_model("mine-old")
        for step in scan(library, ScanControl()):
            if step.phase == "moving" and step.done and library.next_card is not None:
                assert library.revert_to_bundled(), "it answers already"
        assert (library.card.version, library.next_card) == (NEW, None)
        assert trunks(two_trunks) == {NEW_TRUNK: PHOTOS}, "what nobody wants any more is forgotten"


def test_choosing_a_third_model_in_the_middle_of_a_scan_moves_to_that_one(
    two_trunks: Folders, bundled: Path
) -> None:
    make_model(two_trunks.models, "third", "third-1", size=64, cell=16)
    with open_library(two_trunks, readers.brisk) as library:
        library.use_model("mine-old")
        chosen = False
        for step in scan(library, ScanControl()):
            if step.phase == "moving" and step.done and not chosen:
                chosen = True
                assert not library.use_model("third")
        assert chosen and (library.card.version, library.next_card) == ("third", None)
        assert trunks(two_trunks) == {"third-1": PHOTOS}
        assert ranked(library).ids.tolist() == expected(library, library.card)


def test_a_choice_made_by_another_program_reaches_a_scan_that_runs(
    two_trunks: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photosim.scan.scanner.LOOK_SECONDS", 0.0)
    with open_library(two_trunks, readers.brisk) as library, open_library(two_trunks) as other:
        library.use_model("mine-old")
        for step in scan(library, ScanControl()):
            if step.phase == "moving" and step.done:
                other.revert_to_bundled()
        assert (library.card.version, library.next_card) == (NEW, None)


def test_a_choice_at_the_last_moment_is_not_run_over(
    two_trunks: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The graph of the next model is being built when the user goes back."""
    with open_library(two_trunks) as library:
        library.use_model("mine-old")
        make_graph = Library.searcher_for

        def in_between(self: Library, *arguments: object) -> object:
            monkeypatch.undo()
            self.revert_to_bundled()
            return make_graph(self, *arguments)  # type: ignore[arg-type]

        steps = scan(library, ScanControl())
        for step in steps:
            if step.phase == "indexing" and library.next_card is not None:
                monkeypatch.setattr(Library, "searcher_for", in_between)
        assert (library.card.version, library.next_card) == (NEW, None)
        assert library.catalog.wish() == ""


def test_photos_that_come_while_a_model_is_awaited_are_found(two_trunks: Folders, photos: Path) -> None:
    with open_library(two_trunks) as library:
        library.use_model("mine-old")
        (photos / "late.jpg").write_bytes(jpeg(99))
        scan_all(library)
        assert library.card.version == "mine-old"
        assert len(ranked(library)) == PHOTOS + 1


def test_an_empty_library_has_nothing_to_wait_for(bundled: Path, folders: Folders) -> None:
    make_new(bundled)
    make_model(folders.models, "mine-old", OLD_TRUNK, with_trunk=False, seed=5)
    with open_library(folders) as library:
        assert library.use_model("mine-old")
    with open_library(folders) as library:
        assert (library.card.version, library.next_card) == ("mine-old", None)


# Renaming and deleting


def test_the_model_that_answers_can_be_renamed(scanned: Folders) -> None:
    with open_library(scanned) as library:
        mine = kept(library, "Mine")
        library.use_model("Mine")
        ranked(library)
        library.rename_model("Mine", "Yours")
        assert library.card == replace(mine, name="Yours") == library.searcher.card
    with open_library(scanned) as library:
        assert library.card.name == "Yours"


def test_a_model_in_use_is_not_deleted(two_trunks: Folders) -> None:
    with open_library(two_trunks) as library, open_library(two_trunks) as other:
        kept(library, "Mine")
        library.use_model("Mine")
        for one in (library, other):
            with pytest.raises(ModelError, match="Mine ranks this library: choose another model first"):
                one.delete_model("Mine")
        library.use_model("mine-old")
        for one in (library, other):
            with pytest.raises(ModelError, match="is on its way to mine-old: choose another"):
                one.delete_model("mine-old")
        library.revert_to_bundled()
        library.delete_model("Mine")
        with pytest.raises(ModelError, match="came with photosim"):
            library.delete_model(OLD)
        assert [card.version for card in library.registry.cards()] == [OLD, NEW, "mine-old"]


def test_embeddings_and_graphs_are_kept_of_the_active_and_the_bundled_model(scanned: Folders) -> None:
    with open_library(scanned) as library:
        first, second = kept(library, "First", 1), kept(library, "Second", 2)
        for card in (first, second):
            library.use_model(card.version)
            library.index()
        assert {path.stem for path in scanned.index.iterdir()} == {OLD, first.version, second.version}
        scan_all(library)
        assert {path.stem for path in scanned.index.iterdir()} == {OLD, second.version}
        library.revert_to_bundled()
        library.delete_model("Second")
        assert {path.stem for path in scanned.index.iterdir()} == {OLD}


# A program that ends in the middle


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killing_a_program_that_changes_models_leaves_a_library_that_answers(
    scanned: Folders, bundled: Path, tmp_path: Path
) -> None:
    root = scanned.data
    with open_library(scanned) as library:
        versions = {library.card.version, kept(library, "Mine").version, kept(library, "Yours", 4).version}
        library.store.export(library.registry.get("Mine"), tmp_path / "mine.photosim")
        library.delete_model("Mine")
        mine = library.store.import_(tmp_path / "mine.photosim")
        versions.add(mine.version)
    moments = random.Random()
    began = time.monotonic()
    subprocess.run(command_with(bundled, root, "models", "use", "Mine"), cwd=CHECKOUT, check=True)
    whole = time.monotonic() - began
    seen = set()
    for number in range(14):
        name = ("Yours", OLD, "Mine")[number % 3]
        program = subprocess.Popen(
            command_with(bundled, root, "models", "use", name),
            cwd=CHECKOUT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        # The choice, its embeddings and its graph are made in the last third of it.
        threading.Event().wait(moments.uniform(0.5, 1.2) * whole)
        program.send_signal(signal.SIGKILL)
        program.communicate()
        with open_library(library_folders(root), readers.never) as library:
            assert library.catalog.check() is None
            assert library.registry.faults() == []
            assert library.card.version in versions and library.next_card is None
            seen.add(library.card.version)
            assert ranked(library).ids.tolist() == expected(library, library.card)
            assert ranked(library, exact=False).ids.tolist() == expected(library, library.card)
    assert len(seen) > 1, "no program came far enough to change anything"
