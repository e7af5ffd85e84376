"""How well a model ranks: over classes, over queries and references, over transformed copies, over triplets.

Definitions as in Manning, Raghavan and Schuetze, "Introduction to Information Retrieval", chapter 8, but for
recall@k, which is metric learning's, and the two measures of triplets, which are those of Wang et al. 2014,
"Learning Fine-Grained Image Similarity with Deep Ranking", section 6.

Embeddings are float32 [N, D] with parts (kind, thing) of unit norm; `parts` are the parts' dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from photosim.errors import PhotosimError
from photosim.model.embedding import part_weights

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.integer]

# Two sums of the same numbers in another order differ by some of these.
_ROUNDING = np.float32(1e-6)
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


def recall_at_k(relevant: Bools, k: int) -> float:
    """The share of queries with a relevant item among the first k (Jegou, Douze and Schmid 2011, "Product
    quantization for nearest neighbor search"), whatever the number of relevant items."""
    return float(relevant[:, :k].any(axis=1).mean())


def mrr(relevant: Bools) -> float:
    """Mean reciprocal rank of the first relevant item; 0 for a query that has none."""
    first = relevant.argmax(axis=1)
    return float(np.where(relevant.any(axis=1), 1 / (first + 1), 0.0).mean())


def evaluate_classes(
    embeddings: Floats, labels: Numbers, parts: tuple[int, int], focus: float
) -> dict[str, float]:
    """Leave one out: every item in turn is the query, the others are ranked, those of its label relevant.

    `labels` [N]. Items alone in their class are ranked but never query. Gives mAP, precision@10, recall@1,
    recall@10 and mrr; raises PhotosimError where no class has two items.
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


def evaluate_copies(
    copies: Floats,
    transformations: Sequence[str],
    originals: Numbers,
    gallery: Floats,
    parts: tuple[int, int],
    focus: float,
) -> dict[str, dict[str, float]]:
    """Each transformed copy looks for its original among the gallery.

    `copies` are embeddings [Q, D], each with the name of its transformation and the number of its original
    within `gallery` [N, D]. Gives recall@1, recall@10 and mrr for each transformation, in the order in which
    they come up, and for all copies as "overall". Raises PhotosimError where there are no copies.
    """
    if len(copies) == 0:
        raise PhotosimError("nothing to evaluate: there are no copies")
    ranks = np.empty(len(copies), np.int64)
    weighted = _weighted(copies, parts, focus)
    for rows in _blocks(len(copies), len(gallery)):
        similarity = weighted[rows] @ gallery.T
        wanted = originals[rows, None]
        own = np.take_along_axis(similarity, wanted, axis=1)
        # Of equals the one of the lower number comes first, as in `_ranked`.
        ahead = (similarity > own) | ((similarity == own) & (np.arange(len(gallery)) < wanted))
        ranks[rows] = 1 + ahead.sum(axis=1)
    names = np.array(transformations)
    figures = {name: _rank_figures(ranks[names == name]) for name in dict.fromkeys(transformations)}
    return figures | {"overall": _rank_figures(ranks)}


def triplet_accuracy(embeddings: Floats, triplets: Numbers, parts: tuple[int, int], focus: float) -> float:
    """The share of triplets whose positive is nearer to the anchor than the negative; the paper's
    "similarity precision".

    `triplets` [T, 3] are the numbers of anchor, positive and negative within `embeddings`. One whose two are
    equally near counts half, so that guessing gives 0.5. Raises PhotosimError where there are no triplets.
    """
    similarities = _similarities(embeddings, triplets, parts, focus)
    return float((1 + np.sign(similarities[:, 0] - similarities[:, 1])).mean() / 2)


def score_at_top_k(
    embeddings: Floats,
    triplets: Numbers,
    parts: tuple[int, int],
    focus: float,
    k: int = 30,
    among: int | None = None,
) -> int:
    """The triplets ranked right less those ranked wrong, of the triplets whose positive or negative is among
    the anchor's k nearest; 30 is the paper's k.

    The neighbours are the first `among` of the embeddings, or all, but for the anchor itself (the paper: a
    thousand photos of the same text query). Otherwise as for `triplet_accuracy`; equally near ones count
    neither way.
    """
    similarities = _similarities(embeddings, triplets, parts, focus)
    anchors, of_anchor = np.unique(triplets[:, 0], return_inverse=True)
    items = embeddings[:among]
    k = min(k, len(items) - 1)
    least = np.empty(len(anchors), np.float32)
    weighted = _weighted(embeddings[anchors], parts, focus)
    for rows in _blocks(len(anchors), len(items)):
        similarity = weighted[rows] @ items.T
        own = anchors[rows]
        inside = np.flatnonzero(own < len(items))
        similarity[inside, own[inside]] = -np.inf
        least[rows] = np.partition(similarity, -k, axis=1)[:, -k]
    near = similarities.max(axis=1) >= least[of_anchor] - _ROUNDING
    return int(np.sign(similarities[near, 0] - similarities[near, 1]).sum())


def _similarities(
    embeddings: Floats, triplets: Numbers, parts: tuple[int, int], focus: float
) -> npt.NDArray[np.float32]:
    """Of positive and negative to the anchor [T, 2]; raises PhotosimError where there are no triplets."""
    if len(triplets) == 0:
        raise PhotosimError("nothing to evaluate: there are no triplets")
    result = np.empty((len(triplets), 2), np.float32)
    for rows in _blocks(len(triplets), 3 * embeddings.shape[1]):
        anchors = _weighted(embeddings[triplets[rows, 0]], parts, focus)
        others = embeddings[triplets[rows, 1:]]
        result[rows] = np.einsum("td,tod->to", anchors, others)
    return result


def _weighted(queries: Floats, parts: tuple[int, int], focus: float) -> Floats:
    kind, thing = part_weights(parts, focus)
    return np.asarray(queries * np.repeat(np.array([kind, thing], np.float32), parts))


def _blocks(rows: int, columns: int) -> Iterator[npt.NDArray[np.intp]]:
    """The numbers of `rows` rows, so many at a time that with `columns` each they stay within _BLOCK."""
    step = max(1, _BLOCK // max(1, columns))
    for start in range(0, rows, step):
        yield np.arange(start, min(start + step, rows))


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
    weighted = _weighted(queries, parts, focus)
    for rows in _blocks(len(queries), len(items)):
        similarity = weighted[rows] @ items.T
        if own is not None:
            similarity[np.arange(len(rows)), own[rows]] = -np.inf
        order = np.argsort(-similarity, axis=1, kind="stable")
        yield rows, order if own is None else order[:, :-1]


def _figures(blocks: Iterator[Bools], queries: int) -> dict[str, float]:
    sums = np.zeros(len(_FIGURES))
    for relevant in blocks:
        sums += len(relevant) * np.array([figure(relevant) for figure in _FIGURES.values()])
    return dict(zip(_FIGURES, (sums / queries).tolist(), strict=True))


_FIGURES: dict[str, Callable[[Bools], float]] = {
    "mAP": mean_average_precision,
    "precision@10": lambda relevant: precision_at_k(relevant, 10),
    "recall@1": lambda relevant: recall_at_k(relevant, 1),
    "recall@10": lambda relevant: recall_at_k(relevant, 10),
    "mrr": mrr,
}


def _rank_figures(ranks: npt.NDArray[np.int64]) -> dict[str, float]:
    """Figures of queries that have one relevant item each, from its rank (1 first)."""
    return {
        "recall@1": float((ranks == 1).mean()),
        "recall@10": float((ranks <= 10).mean()),
        "mrr": float((1 / ranks).mean()),
    }
