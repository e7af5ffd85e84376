"""The loop: it learns, stops early, goes on after a kill as if nothing had been, and can be cancelled."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from photosim.errors import PhotosimError
from photosim.training.trainer import BEST, CHECKPOINT, METRICS, Cancelled, Progress, Trainer, TrainerSettings

TARGET = torch.tensor([[1.0, -2.0, 0.5]])


def line_batches(step: int) -> Iterator[Tensor]:
    for number in itertools.count(step):
        yield torch.randn(16, 3, generator=torch.Generator().manual_seed(number))


def line_loss(module: nn.Module, batch: Tensor) -> Tensor:
    return (module(batch) - batch @ TARGET.T).square().mean()


def closeness(module: nn.Module) -> float:
    return -float((module.weight.detach() - TARGET).square().sum())


def line() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(3, 1, bias=False)


def trainer(folder: Path, module: nn.Module, steps: int = 60, **changes: Any) -> Trainer[Tensor]:
    settings = TrainerSettings(steps, 0.05, weight_decay=0.0, warm_up=5, validate_every=10, patience=3)
    arguments: dict[str, Any] = {"validate": closeness, "loss": line_loss, "batches": line_batches}
    return Trainer(module, settings=settings, folder=folder, **(arguments | changes))


def test_training_learns_and_says_so(tmp_path: Path) -> None:
    module, seen = line(), list[Progress]()
    before = closeness(module)
    best = trainer(tmp_path, module, progress=seen.append).run()
    assert best == pytest.approx(closeness(module)) and best > before / 4
    lines = [json.loads(row) for row in (tmp_path / METRICS).read_text().splitlines()]
    assert [row["step"] for row in lines] == [0, 10, 20, 30, 40, 50, 60]
    assert lines[-1]["loss"] < lines[1]["loss"]
    assert [progress.step for progress in seen] == list(range(1, 61))
    assert {progress.steps for progress in seen} == {60}


class Killed(BaseException):
    """What a process that is killed does not get to catch."""


def killed_at(step: int) -> Callable[[Progress], None]:
    def progress(progress: Progress) -> None:
        if progress.step == step:
            raise Killed

    return progress


def test_a_killed_run_goes_on_to_the_very_same_weights(tmp_path: Path) -> None:
    whole = line()
    trainer(tmp_path / "whole", whole).run()
    for step in (27, 43):
        with pytest.raises(Killed):
            trainer(tmp_path / "killed", line(), progress=killed_at(step)).run()
    resumed, steps = line(), list[int]()
    trainer(tmp_path / "killed", resumed, progress=lambda progress: steps.append(progress.step)).run()
    assert steps[0] == 41  # from the last checkpoint
    torch.testing.assert_close(resumed.weight, whole.weight, rtol=0, atol=0)


def test_training_stops_where_validation_gets_no_better_and_gives_the_best(tmp_path: Path) -> None:
    module = line()
    figures = iter([0.1, 0.5, 0.4, 0.3, 0.2, 0.9])
    at_best: list[Tensor] = []

    def validate(measured: nn.Module) -> float:
        figure = next(figures)
        if figure == 0.5:
            at_best.append(measured.weight.detach().clone())
        return figure

    run = trainer(tmp_path, module, validate=validate)
    assert run.run() == 0.5
    assert run.step == 40
    assert torch.equal(module.weight, at_best[0])
    assert (tmp_path / BEST).exists()
    # The same call again finds it done, and trains no further.
    again = line()
    assert trainer(tmp_path, again, validate=validate).run() == 0.5
    assert torch.equal(again.weight, at_best[0])
    assert next(figures) == 0.9


def test_cancelling_ends_it_between_batches_and_keeps_what_was_reached(tmp_path: Path) -> None:
    steps: list[int] = []
    with pytest.raises(Cancelled):
        trainer(
            tmp_path,
            line(),
            progress=lambda progress: steps.append(progress.step),
            cancelled=lambda: len(steps) == 7,
        ).run()
    assert steps == list(range(1, 8))
    further: list[int] = []
    trainer(tmp_path, line(), progress=lambda progress: further.append(progress.step)).run()
    assert further[0] == 8


def test_a_loss_that_is_no_number_ends_it_with_the_step(tmp_path: Path) -> None:
    with pytest.raises(PhotosimError, match="diverged at step 0"):
        trainer(tmp_path, line(), loss=lambda module, batch: module(batch).mean() * float("nan")).run()


def test_a_checkpoint_of_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    trainer(tmp_path, line()).run()
    settings = TrainerSettings(steps=99, learning_rate=0.05)
    with pytest.raises(PhotosimError, match="other settings"):
        Trainer(line(), line_batches, line_loss, closeness, settings, tmp_path).run()


@pytest.mark.parametrize("damage", [b"", b"\x08\x00\x00\x00\x00\x00\x00\x00{}garbage"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / CHECKPOINT).write_bytes(damage)
    with pytest.raises(PhotosimError, match=CHECKPOINT):
        trainer(tmp_path, line()).run()


def test_parameters_by_name_learn_at_rates_of_their_own(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.ModuleDict({"slow": nn.Linear(3, 1), "fast": nn.Linear(3, 1)})
    before = {name: part.weight.detach().clone() for name, part in module.items()}

    def loss(both: nn.Module, batch: Tensor) -> Tensor:
        return sum(
            ((part(batch) - batch @ TARGET.T).square().mean() for part in both.values()), torch.zeros(())
        )

    trainer(tmp_path, module, loss=loss, validate=lambda _: 0.0, rates={"slow": 0.0, "fast": 1.0}).run()
    # The best is the start here, so what moved is read from the checkpoint.
    from safetensors.torch import load_file

    kept = load_file(tmp_path / CHECKPOINT)
    assert torch.equal(kept["module.slow.weight"], before["slow"])
    assert not torch.equal(kept["module.fast.weight"], before["fast"])
