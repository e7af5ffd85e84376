"""How well a model ranks: the figures of image retrieval, over classes or over queries and references.

Definitions as in Manning, Raghavan and Schuetze, "Introduction to Information Retrieval", chapter 8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from photosim.errors import PhotosimError
from photosim.model.embedding import part_weights

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

# Similarities ranked at a time: some 100 MB in all, whatever the number of items.
_BLOCK = 1 << 22


def average_precision(relevant: Bools) -> npt.NDArray[np.float64]:
    """Of each row of `relevant` [Q, N], whether the item at each rank is relevant, best rank first: the
    mean over the relevant items of the precision at their ranks. 0 where nothing is relevant.
    """
    rows, ranks = np.nonzero(relevant)
    found = np.bincount(rows, minlength=len(relevant))
    first = np.concatenate(([0], np.cumsum(found)[:-1]))
    precision = (np.arange(len(rows)) - first[rows] + 1) / (ranks + 1)
    sums = np.bincount(rows, weights=precision, minlength=len(relevant))
    return sums / np.maximum(found, 1)


def mean_average_precision(relevant: Bools) -> float:
    return float(average_precision(relevant).mean())


def precision_at_k(relevant: Bools, k: int) -> float:
    """The share of relevant items among the first k; k counts in full even where fewer were ranked."""
    return float(relevant[:, :k].sum(axis=1).mean() / k)


def recall_at_1(relevant: Bools) -> float:
    """The share of queries whose first result is relevant."""
    return float(relevant[:, 0].mean())


def mrr(relevant: Bools) -> float:
    """Mean reciprocal rank of the first relevant item; 0 for a query that has none."""
    first = relevant.argmax(axis=1)
    return float(np.where(relevant.any(axis=1), 1 / (first + 1), 0.0).mean())


def evaluate_classes(
    embeddings: Floats, labels: npt.NDArray[np.integer], parts: tuple[int, int], focus: float
) -> dict[str, float]:
    """Leave one out: every item in turn is the query, the others are ranked, those of its label relevant.

    `embeddings` [N, D] with unit parts, `labels` [N]. Items alone in their class are ranked but never
    query. Gives mAP, precision@10, recall@1 and mrr; raises PhotosimError where no class has two items.
    """
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    queries = np.flatnonzero(counts[classes] > 1)
    if len(queries) == 0:
        raise PhotosimError(
            "nothing to evaluate: no class has two photos; put photos of one kind into one folder"
        )
    blocks = _ranked(embeddings[queries], embeddings, parts, focus, own=queries)
    wanted = classes[queries]
    return _figures((wanted[rows, None] == classes[order] for rows, order in blocks), len(queries))


def evaluate_queries(
    query_embeddings: Floats,
    query_names: Sequence[str],
    reference_embeddings: Floats,
    reference_names: Sequence[str],
    parts: tuple[int, int],
    focus: float,
) -> dict[str, float]:
    """Each query ranks all references; those of its name are relevant.

    Queries whose name no reference has are left out. Gives the figures of `evaluate_classes`; raises
    PhotosimError where no query is left.
    """
    codes = {name: code for code, name in enumerate(dict.fromkeys(reference_names))}
    references = np.array([codes[name] for name in reference_names])
    classes = np.array([codes.get(name, -1) for name in query_names])
    queries = np.flatnonzero(classes >= 0)
    if len(queries) == 0:
        raise PhotosimError(
            "nothing to evaluate: no query has the name of a reference; give both files the same name"
        )
    blocks = _ranked(query_embeddings[queries], reference_embeddings, parts, focus, own=None)
    wanted = classes[queries]
    return _figures((wanted[rows, None] == references[order] for rows, order in blocks), len(queries))


def _ranked(
    queries: Floats,
    items: Floats,
    parts: tuple[int, int],
    focus: float,
    own: npt.NDArray[np.intp] | None,
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Blocks of query rows [B] and the items in order for each [B, N], best first, ties by item number.

    `own` gives each query's own item, which is left out of its order.
    """
    kind, thing = part_weights(parts, focus)
    weights = np.repeat(np.array([kind, thing], np.float32), parts)
    step = max(1, _BLOCK // max(1, len(items)))
    for start in range(0, len(queries), step):
        rows = np.arange(start, min(start + step, len(queries)))
        similarity = (queries[rows] * weights) @ items.T
        if own is not None:
            similarity[np.arange(len(rows)), own[rows]] = -np.inf
        order = np.argsort(-similarity, axis=1, kind="stable")
        yield rows, order if own is None else order[:, :-1]


def _figures(blocks: Iterator[Bools], queries: int) -> dict[str, float]:
    sums = np.zeros(4)
    for relevant in blocks:
        sums += len(relevant) * np.array(
            [
                mean_average_precision(relevant),
                precision_at_k(relevant, 10),
                recall_at_1(relevant),
                mrr(relevant),
            ]
        )
    return dict(zip(("mAP", "precision@10", "recall@1", "mrr"), (sums / queries).tolist(), strict=True))
