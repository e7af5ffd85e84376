"""Online importance sampling of triplets: Wang et al. 2014, section 5.3 ("Triplet Sampling").

Photos stream by once. Each category keeps a buffer of fixed capacity, a weighted sample of what it has
seen, and triplets are drawn from the buffers: memory is bounded by them, not by the data.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")


class WeightedReservoir(Generic[T]):
    """A sample without replacement of a stream, each item with a chance that grows with its weight.

    The items with the largest keys u^(1/w), u uniform in 0..1 (Efraimidis and Spirakis 2006, "Weighted
    random sampling with a reservoir", algorithm A-Res).
    """

    def __init__(self, capacity: int, rng: np.random.Generator) -> None:
        if capacity < 1:
            raise ValueError(f"a reservoir holds at least one item, not {capacity}")
        self._capacity = capacity
        self._rng = rng
        self._offered = 0
        # The smallest key first; the counter keeps items themselves from being compared.
        self._heap: list[tuple[float, int, T]] = []

    def offer(self, item: T, weight: float) -> None:
        """Let an item of the stream try its luck; one of no weight has none."""
        if weight <= 0:
            return
        self._offered += 1
        # log(u) / w orders as u^(1/w) does, without becoming 0 for small weights.
        key = float(np.log1p(-self._rng.random())) / weight
        if len(self._heap) < self._capacity:
            heapq.heappush(self._heap, (key, self._offered, item))
        elif key > self._heap[0][0]:
            heapq.heapreplace(self._heap, (key, self._offered, item))

    def draw(self, rng: np.random.Generator) -> T:
        """Any of the items kept, each as likely."""
        return self._heap[int(rng.integers(len(self._heap)))][2]

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[T]:
        return (item for _, _, item in self._heap)


@dataclass(frozen=True)
class Triplet(Generic[T]):
    """The anchor is more like the positive than like the negative."""

    anchor: T
    positive: T
    negative: T


@dataclass(frozen=True)
class SamplingSettings:
    """`capacity` items a category; `relevance_cap` is the paper's T_p, `relevance_margin` its T_r;
    `out_of_class` the share of negatives from other categories; `tries` how often a draw is repeated that
    was not accepted, before it is dropped.
    """

    capacity: int = 200
    relevance_cap: float = 1.0
    relevance_margin: float = 0.1
    out_of_class: float = 0.5
    tries: int = 500


class TripletSampler(Generic[T]):
    """Draws triplets of a stream of items, each offered with its category and its total relevance.

    `relevance(i, j)` is r_ij >= 0 of two items of one category (between categories it is 0); an item's
    total relevance r_i is the sum of its r_ij over its category. Where `views` is set, an item is its own
    positive: two views of one photo are the most relevant of all, and only its negatives are others.
    """

    def __init__(
        self,
        relevance: Callable[[T, T], float],
        settings: SamplingSettings,
        rng: np.random.Generator,
        views: bool = False,
    ) -> None:
        self._relevance = relevance
        self._settings = settings
        self._rng = rng
        self._views = views
        self._buffers: dict[str, WeightedReservoir[_Entry[T]]] = {}

    def offer(self, item: T, category: str, total: float) -> None:
        """Let the next item of the stream into its category's buffer, by its total relevance r_j."""
        buffer = self._buffers.get(category)
        if buffer is None:
            buffer = self._buffers[category] = WeightedReservoir(self._settings.capacity, self._rng)
        buffer.offer(_Entry(item, total), total)

    def __len__(self) -> int:
        """How many items the buffers hold."""
        return sum(map(len, self._buffers.values()))

    def draw(self, rng: np.random.Generator) -> Triplet[T] | None:
        """A triplet, or None where the tries ran out: a category with one item, no relevant positive."""
        categories = [name for name, buffer in self._buffers.items() if len(buffer) > 0]
        if not categories:
            return None
        category = categories[int(rng.integers(len(categories)))]
        buffer = self._buffers[category]
        anchor = buffer.draw(rng)
        positive = anchor if self._views else self._relevant(anchor, buffer, rng)
        if positive is None:
            return None
        closeness = self._capped(anchor, positive) if not self._views else self._settings.relevance_cap
        if rng.random() < self._settings.out_of_class:
            negative = self._from_elsewhere(category, categories, rng)
        else:
            negative = self._relevant(anchor, buffer, rng, closeness - self._settings.relevance_margin)
        return None if negative is None else Triplet(anchor.item, positive.item, negative.item)

    def _relevant(
        self,
        anchor: _Entry[T],
        buffer: WeightedReservoir[_Entry[T]],
        rng: np.random.Generator,
        most: float | None = None,
    ) -> _Entry[T] | None:
        """Another item of the buffer, accepted with the probability min(1, r_ij / r_i); of relevance at
        most `most` where that is given. What is accepted is so in proportion to its relevance.
        """
        for _ in range(self._settings.tries):
            other = buffer.draw(rng)
            if other is anchor:
                continue
            relevance = self._capped(anchor, other)
            if most is not None and relevance > most:
                continue
            if rng.random() < min(1.0, relevance / anchor.total):
                return other
        return None

    def _from_elsewhere(
        self, category: str, categories: list[str], rng: np.random.Generator
    ) -> _Entry[T] | None:
        """An item of the other buffers, each as likely."""
        others = [name for name in categories if name != category]
        if not others:
            return None
        sizes = np.array([len(self._buffers[name]) for name in others], np.float64)
        return self._buffers[others[int(rng.choice(len(others), p=sizes / sizes.sum()))]].draw(rng)

    def _capped(self, a: _Entry[T], b: _Entry[T]) -> float:
        return min(self._relevance(a.item, b.item), self._settings.relevance_cap)


@dataclass(frozen=True, eq=False)
class _Entry(Generic[T]):
    item: T
    total: float
