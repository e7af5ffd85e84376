"""Tuning: learns what the answers say, forgets nothing else, and says so where it cannot."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import numpy.typing as npt
import pytest

from photosim.errors import TeachingError
from photosim.model.embedding import Embedding, unit
from photosim.teaching.judging import ranked_right
from photosim.teaching.lesson import Aspect, Lesson, Tuned, TuningProgress
from photosim.teaching.rehearsal import rehearsal_triplets
from photosim.teaching.tuning import TuningSettings, tune

Floats = npt.NDArray[np.float32]

# Made-up features: what kind a photo is of, which thing it shows, its colours, and the rest.
KIND, THING, COLOUR = slice(0, 12), slice(12, 24), slice(24, 30)
WIDTH, PHOTOS = 30, 600


def photos(seed: int = 0) -> npt.NDArray[np.float16]:
    """Features float16 [PHOTOS, WIDTH]; each group of columns is about something of its own."""
    return np.random.default_rng(seed).standard_normal((PHOTOS, WIDTH)).astype(np.float16)


def base() -> Embedding:
    """Knows kind and thing, and has hardly an eye for colours."""
    weights = []
    for columns, dimensions in ((KIND, 12), (THING, 10)):
        weight = np.zeros((dimensions, WIDTH), np.float32)
        weight[:, columns] = np.eye(dimensions, 12)
        weights.append(weight)
    return Embedding((weights[0], weights[1]), (np.full(12, 0.01, np.float32), np.zeros(10, np.float32)))


def colours() -> Aspect:
    weight = np.zeros((6, WIDTH), np.float32)
    weight[:, COLOUR] = np.eye(6)
    return Aspect("colours", weight, 6, 0.5)


def triplets(rows: Floats, columns: slice, count: int, seed: int) -> npt.NDArray[np.int64]:
    """What a user says who looks at these columns alone."""
    rng = np.random.default_rng(seed)
    seen = unit(rows[:, columns])
    made = []
    for _ in range(count):
        anchor, first, second = rng.choice(len(rows), 3, replace=False)
        nearer = seen[anchor] @ seen[first] > seen[anchor] @ seen[second]
        made.append((anchor, first, second) if nearer else (anchor, second, first))
    return np.array(made, np.int64)


def lesson(columns: slice, count: int, *aspects: Aspect) -> Lesson:
    features = photos()
    return Lesson(features, triplets(features.astype(np.float32), columns, count, 1), photos(7), aspects)


def end(steps: Generator[TuningProgress, None, Tuned]) -> tuple[list[TuningProgress], Tuned]:
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as stop:
            return told, stop.value


def right(embedding: Embedding, focus: float, columns: slice) -> float:
    """The share of a thousand answers by other photos that are ranked right."""
    features = photos(99)
    answers = triplets(features.astype(np.float32), columns, 1000, 2)
    return float(ranked_right(embedding, focus, features, answers).mean())


@pytest.mark.parametrize("count", [30, 100])
def test_an_aspect_that_the_model_had_forgotten_is_learnt(count: int) -> None:
    before = right(base(), 0.5, COLOUR)
    _, tuned = end(tune(base(), 0.5, lesson(COLOUR, count, colours())))
    assert before < 0.6
    assert right(tuned.embedding, tuned.focus, COLOUR) > before + 0.2
    assert tuned.embedding.parts == base().parts


def test_the_focus_goes_where_the_answers_point() -> None:
    _, to_kind = end(tune(base(), 0.5, lesson(KIND, 60, colours())))
    _, to_thing = end(tune(base(), 0.5, lesson(THING, 60, colours())))
    assert to_kind.focus < 0.35 < 0.65 < to_thing.focus
    assert right(to_kind.embedding, to_kind.focus, KIND) > right(base(), 0.5, KIND) + 0.1


def test_answers_about_colours_leave_the_order_of_kinds_alone() -> None:
    _, tuned = end(tune(base(), 0.5, lesson(COLOUR, 100, colours())))
    assert right(tuned.embedding, 0.0, KIND) > right(base(), 0.0, KIND) - 0.02


def test_answers_without_rhyme_or_reason_change_little() -> None:
    features = photos()
    rng = np.random.default_rng(3)
    chance = np.array([rng.choice(PHOTOS, 3, replace=False) for _ in range(100)], np.int64)
    told, tuned = end(tune(base(), 0.5, Lesson(features, chance, photos(7), (colours(),))))
    assert abs(tuned.focus - 0.5) < 0.15 and tuned.settings["chosen"]["shares"][0] > 0.8
    assert right(tuned.embedding, 0.5, KIND) > right(base(), 0.5, KIND) - 0.03
    assert tuned.accuracy is not None and 0.3 < tuned.accuracy < 0.7  # what was left out says so
    assert tuned.settings["chosen"]["residual_steps"] == 0


def test_a_direction_within_a_part_takes_many_answers_and_is_learnt_by_the_residual() -> None:
    """One of kind's twelve directions is all that this user looks at."""
    features = photos()
    values = features.astype(np.float32)[:, :1]
    rng = np.random.default_rng(5)
    made: list[tuple[int, int, int]] = []
    while len(made) < 800:
        anchor, first, second = rng.choice(PHOTOS, 3, replace=False)
        gaps = np.abs(values[[first, second], 0] - values[anchor, 0])
        made.append((anchor, first, second) if gaps[0] < gaps[1] else (anchor, second, first))
    whole = Lesson(features, np.array(made, np.int64), photos(7))
    settings = TuningSettings(residual_steps=(0, 40, 160))
    _, tuned = end(tune(base(), 0.5, whole, settings=settings))
    _, without = end(tune(base(), 0.5, whole, settings=TuningSettings(residual_steps=(0,))))
    assert tuned.settings["chosen"]["residual_steps"] > 0
    assert tuned.accuracy is not None and without.accuracy is not None
    assert tuned.accuracy > without.accuracy + 0.02


def test_strength_is_fixed_below_fifty_answers_and_chosen_from_fifty() -> None:
    told, few = end(tune(base(), 0.5, lesson(COLOUR, 49, colours())))
    assert few.accuracy is None and {step.phase for step in told} == {"training"}
    told, enough = end(tune(base(), 0.5, lesson(COLOUR, 50, colours())))
    assert enough.accuracy is not None
    assert [step.phase for step in told][0] == "choosing" and told[-1].phase == "training"
    assert enough.settings["chosen"]["penalty"] in TuningSettings().penalties


def test_progress_counts_up_to_its_end_with_finite_losses() -> None:
    told, _ = end(tune(base(), 0.5, lesson(COLOUR, 80, colours())))
    for phase in ("choosing", "training"):
        steps = [step for step in told if step.phase == phase]
        assert [step.step for step in steps] == sorted({step.step for step in steps})
        assert steps[-1].step == steps[-1].steps
    assert all(np.isfinite(step.loss) for step in told)
    assert told[-1].loss < [step for step in told if step.phase == "training"][0].loss


def test_the_same_answers_give_the_same_model() -> None:
    first, second = (end(tune(base(), 0.5, lesson(COLOUR, 60, colours())))[1] for _ in range(2))
    assert first.focus == second.focus
    for one, other in zip((*first.weights, *first.biases), (*second.weights, *second.biases), strict=True):
        assert np.array_equal(one, other)


def test_a_model_of_one_part_learns_with_that_part() -> None:
    whole = base()
    nothing = (np.zeros((0, WIDTH), np.float32), np.zeros(0, np.float32))
    kind = Embedding((whole.weight[:, :12].T.copy(), nothing[0]), (whole.bias[:12], nothing[1]))
    _, tuned = end(tune(kind, 0.3, lesson(COLOUR, 60, colours())))
    assert tuned.embedding.parts == (12, 0) and tuned.focus == 0.3
    assert right(tuned.embedding, 0.0, COLOUR) > right(kind, 0.0, COLOUR) + 0.1


@pytest.mark.parametrize("count", [30, 60])
def test_features_that_are_no_numbers_end_in_one_clear_line(count: int) -> None:
    broken = lesson(COLOUR, count)
    broken.features[:] = np.nan
    with pytest.raises(TeachingError, match="diverged and was dropped"):
        end(tune(base(), 0.5, broken))


def test_a_library_without_other_photos_can_be_taught() -> None:
    features = photos()[:40]
    answers = triplets(features.astype(np.float32), COLOUR, 60, 1)
    _, tuned = end(tune(base(), 0.5, Lesson(features, answers, features[:0], (colours(),))))
    assert np.isfinite(tuned.embedding.weight).all()


def test_an_aspect_that_all_photos_share_is_left_out() -> None:
    nothing = Aspect("nothing", np.zeros((4, WIDTH), np.float32), 4, 0.5)
    _, tuned = end(tune(base(), 0.5, lesson(KIND, 30, nothing)))
    assert len(tuned.settings["chosen"]["shares"]) == 1


def test_what_is_rehearsed_is_what_is_known() -> None:
    rows = unit(photos().astype(np.float32)[:, KIND] + 1)
    drawn = rehearsal_triplets(rows, 200, seed=1)
    assert 100 <= len(drawn) <= 200
    anchor, positive, negative = (rows[drawn[:, column]] for column in range(3))
    nearer = np.einsum("td,td->t", anchor, positive - negative)
    assert (nearer > 0).all()
    # Importance: positives are nearer than photos drawn at random would be.
    chance = np.einsum(
        "td,td->t", anchor, rows[np.random.default_rng(2).permutation(len(rows))[: len(drawn)]]
    )
    assert np.einsum("td,td->t", anchor, positive).mean() > chance.mean() + 0.05
    assert len(rehearsal_triplets(rows[:3], 50, seed=1)) == 0
