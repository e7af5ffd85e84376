"""What a training came to, by the answers it never saw: real answers, a real catalog, a real model store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from photosim.errors import TeachingError
from photosim.library import Library
from photosim.model.embedding import load_embedding
from photosim.teaching.gathering import Gathered, gather
from photosim.teaching.judging import judge
from photosim.teaching.lesson import Tuned
from photosim.teaching.outcome import draft_of, features_by_hash, judge_finished
from photosim.teaching.run import Finished
from photosim.teaching.tuned_trunk import TrunkChanges
from tests.teaching.made_library import answer_by_redness, copy_of_library

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outcome")


@pytest.fixture
def library(base: Path, tmp_path: Path) -> Iterator[Library]:
    with Library(copy_of_library(base, tmp_path / "copy"), "cpu", 1) as library:
        answer_by_redness(library.catalog, 60)
        yield library


@pytest.fixture
def gathered(library: Library) -> Gathered:
    return gather(library.catalog, library.card.trunk, library.catalog.answers.all())


def changed(library: Library, backwards: bool = False) -> Tuned:
    """The library's model with its embedding changed by chance, for features in order or backwards."""
    old = load_embedding(library.card)
    weight = old.weight.T + np.random.default_rng(0).normal(size=old.weight.T.shape) * old.weight.std()
    weight = weight.astype(np.float32)[:, :: -1 if backwards else 1]
    kind = old.parts[0]
    biases = old.bias[:kind], old.bias[kind:]
    return Tuned((weight[:kind], weight[kind:]), biases, 0.25, 0.8, {"steps": 7})


def test_it_is_judged_by_the_answers_kept_back(library: Library, gathered: Gathered) -> None:
    tuned = changed(library)
    finished = Finished(tuned, gathered.kept_back, gathered.tally)
    judgement = judge_finished(library.catalog, library.card, finished)
    old, kept = load_embedding(library.card), gathered.kept_back
    assert judgement == judge(old, library.card.focus, tuned.embedding, 0.25, kept.features, kept.triplets)
    assert judgement.kept_back == library.catalog.answers.counts().kept_back > 5
    draft = draft_of(library.store, library.card, finished, judgement)
    kept_card = library.store.keep(draft, "Red")
    assert kept_card.metrics["right_after"] == judgement.right_after
    assert (kept_card.parent, kept_card.focus) == (library.card.version, 0.25)
    assert draft.entries["training"] == {"steps": 7, "answers": gathered.tally.training}


def test_with_a_tuned_trunk_each_model_judges_by_what_it_sees(library: Library, gathered: Gathered) -> None:
    """The new trunk gives the same features backwards, and the new embedding takes them so."""
    expected = judge_finished(
        library.catalog, library.card, Finished(changed(library), gathered.kept_back, gathered.tally)
    )
    kept = replace(gathered.kept_back, features=gathered.kept_back.features[:, ::-1])
    trunk = TrunkChanges("new-trunk", library.card.trunk, b"", replace(gathered, kept_back=kept), 0.6, 0.7)
    finished = Finished(changed(library, backwards=True), kept, gathered.tally, trunk)
    assert judge_finished(library.catalog, library.card, finished) == expected


def test_a_photo_that_was_forgotten_meanwhile_is_told_of(library: Library) -> None:
    hashes = list(library.catalog.ids_by_hash([answer.anchor for answer in library.catalog.answers.all()]))
    features = features_by_hash(library.catalog, library.card.trunk, hashes[::-1])
    ids = library.catalog.ids_by_hash(hashes)
    assert np.array_equal(features[0], library.searcher.features_of(ids[hashes[-1]]))
    with pytest.raises(TeachingError, match="train again"):
        features_by_hash(library.catalog, library.card.trunk, [*hashes, b"gone"])
