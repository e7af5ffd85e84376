"""What a training came to: judged by the answers kept back from it, and a draft of a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from photosim.catalog import Catalog
from photosim.errors import TeachingError
from photosim.model.card import ModelCard
from photosim.model.embedding import load_embedding
from photosim.model.store import Draft, ModelStore
from photosim.teaching.judging import Features, Judgement, judgement_of, ranked_right
from photosim.teaching.run import Finished


def judge_finished(catalog: Catalog, parent: ModelCard, finished: Finished) -> Judgement:
    """Rank the kept-back answers by the model that a training began with and by what came of it.

    With a tuned trunk their photos have other features than before, which are read from the catalog. Raises
    ModelError where the parent is damaged, TeachingError where one of the photos has just been forgotten.
    """
    kept_back, tuned = finished.kept_back, finished.tuned
    features = kept_back.features
    if finished.trunk is not None:
        features = features_by_hash(catalog, parent.trunk, kept_back.hashes)
    return judgement_of(
        ranked_right(load_embedding(parent), parent.focus, features, kept_back.triplets),
        ranked_right(tuned.embedding, tuned.focus, kept_back.features, kept_back.triplets),
        kept_back.triplets[:, 0],
    )


def draft_of(store: ModelStore, parent: ModelCard, finished: Finished, judgement: Judgement) -> Draft:
    """The model that came of a training, in memory, with what it was made of and what it is worth."""
    tuned, trunk = finished.tuned, finished.trunk
    training = {**tuned.settings, "answers": finished.tally.training}
    if trunk is not None:
        training["trunk"] = trunk.settings
    return store.draft(
        parent,
        tuned.embedding,
        tuned.focus,
        training,
        {
            "kept_back": judgement.kept_back,
            "right_before": judgement.right_before,
            "right_after": judgement.right_after,
        },
        files=None if trunk is None else trunk.files,
        entries=None if trunk is None else trunk.entries,
    )


def features_by_hash(catalog: Catalog, trunk: str, hashes: Sequence[bytes]) -> Features:
    """Stored features float16 [N, F] of contents; raises TeachingError where one has none."""
    ids = catalog.ids_by_hash(hashes)
    found, features = catalog.features_by_id(list(ids.values()), trunk)
    rows = {photo_id: row for row, photo_id in enumerate(found.tolist())}
    try:
        order = [rows[ids[digest]] for digest in hashes]
    except KeyError as error:
        raise TeachingError(
            "a photo of the answers was forgotten while the model was trained: train again"
        ) from error
    return features[np.array(order, np.intp)]
