"""The training loop: batches in, a better module out; it survives being killed and can be cancelled."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from photosim.atomic import write_atomically
from photosim.errors import PhotosimError

CHECKPOINT = "checkpoint.safetensors"
BEST = "best.safetensors"
METRICS = "metrics.jsonl"

BatchT = TypeVar("BatchT")


@dataclass(frozen=True)
class TrainerSettings:
    """`learning_rate` rises over `warm_up` steps and falls to nothing along a cosine by the last of `steps`.

    `weight_decay` shrinks all parameters by that share of the learning rate at each step (Loshchilov and
    Hutter 2019, "Decoupled Weight Decay Regularization"); the paper's lambda, with 0.001, is a penalty in the
    loss, which Adam would rescale. Every
    `validate_every` steps the module is measured and a checkpoint written; after `patience` measurements
    without a better one training stops.
    """

    steps: int
    learning_rate: float
    weight_decay: float = 0.001
    warm_up: int = 100
    validate_every: int = 250
    patience: int = 6
    gradient_norm: float = 5.0


@dataclass(frozen=True)
class Progress:
    """After a step: the loss of it, and the last figure of validation, higher is better."""

    step: int
    steps: int
    loss: float
    validation: float | None
    seconds: float


class Cancelled(PhotosimError):
    """Training was cancelled; its last checkpoint stays."""


class Trainer(Generic[BatchT]):
    """Trains `module` by AdamW on the loss that `loss(module, batch)` gives.

    `batches(step)` iterates over the batches from a step on, so that a resumed run sees what the
    interrupted one would have seen. `validate(module)` measures. Groups of parameters with learning rates
    of their own: `rates` maps the beginning of a parameter's name to a factor. On a GPU the loss is computed
    in mixed precision. Everything is kept below `folder`: the checkpoint (written whole or not at all), the
    best module so far, one line of JSON for each measurement.
    """

    def __init__(
        self,
        module: nn.Module,
        batches: Callable[[int], Generator[BatchT, None, None]],
        loss: Callable[[nn.Module, BatchT], Tensor],
        validate: Callable[[nn.Module], float],
        settings: TrainerSettings,
        folder: Path,
        rates: dict[str, float] | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._module = module
        self._batches = batches
        self._loss = loss
        self._validate = validate
        self._settings = settings
        self._folder = folder
        self._progress = progress
        self._cancelled = cancelled
        self._device = next(module.parameters()).device
        self._names = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
        parameters = dict(module.named_parameters())
        self._factors = [_factor(name, rates or {}) for name in self._names]
        self._optimizer = torch.optim.AdamW(
            [{"params": [parameters[name]], "lr": settings.learning_rate} for name in self._names],
            weight_decay=settings.weight_decay,
        )
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=self._device.type == "cuda")
        self.step = 0
        self.best: float | None = None
        self._best_step = 0

    def run(self) -> float | None:
        """Train to the last step or the early stop; the module then has the best weights, which are kept
        in the folder too. Returns the best validation figure.

        Raises Cancelled between batches, PhotosimError where the loss is no number any more.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._resume()
        started = time.monotonic()
        validation = self.best
        if self.step == 0 and self.best is None:
            validation = self._measure(0.0, 0.0)
        with closing(self._batches(self.step)) as batches:
            self._train(batches, validation, started)
        self._module.load_state_dict(_read(self._folder / BEST))
        return self.best

    def _train(
        self, batches: Generator[BatchT, None, None], validation: float | None, started: float
    ) -> None:
        """Steps until the last one, the early stop or a cancel."""
        total, count = 0.0, 0
        # Also false at once for a run that is resumed after its early stop.
        while self.step < self._settings.steps and self._waited() < self._settings.patience:
            if self._cancelled():
                self._save()
                raise Cancelled("training was cancelled; what it reached so far is kept")
            loss = self._take_step(next(batches))
            total, count = total + loss, count + 1
            self.step += 1
            seconds = time.monotonic() - started
            if self.step % self._settings.validate_every == 0 or self.step == self._settings.steps:
                validation = self._measure(total / count, seconds)
                total, count = 0.0, 0
            self._progress(Progress(self.step, self._settings.steps, loss, validation, seconds))

    def _take_step(self, batch: BatchT) -> float:
        scale = self._schedule()
        for group, factor in zip(self._optimizer.param_groups, self._factors, strict=True):
            group["lr"] = self._settings.learning_rate * factor * scale
        self._module.train()
        self._optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self._device.type, enabled=self._device.type == "cuda"):
            loss = self._loss(self._module, batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise PhotosimError(f"training diverged at step {self.step}: lower the learning rate")
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.unscale_(self._optimizer)
        nn.utils.clip_grad_norm_(self._module.parameters(), self._settings.gradient_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return value

    def _schedule(self) -> float:
        settings = self._settings
        rise = min(1.0, (self.step + 1) / max(1, settings.warm_up))
        return rise * (1 + math.cos(math.pi * self.step / settings.steps)) / 2

    def _measure(self, loss: float, seconds: float) -> float:
        self._module.eval()
        with torch.inference_mode():
            figure = self._validate(self._module)
        if self.best is None or figure > self.best:
            self.best, self._best_step = figure, self.step
            _write(self._folder / BEST, save(_tensors(self._module)))
        self._save()
        line = {"step": self.step, "loss": loss, "validation": figure, "seconds": round(seconds, 1)}
        with (self._folder / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return figure

    def _waited(self) -> int:
        """Measurements since the best one."""
        return (self.step - self._best_step) // self._settings.validate_every

    def _save(self) -> None:
        tensors = {f"module.{name}": tensor for name, tensor in _tensors(self._module).items()}
        for name, group in zip(self._names, self._optimizer.param_groups, strict=True):
            for key, value in self._optimizer.state.get(group["params"][0], {}).items():
                tensors[f"optimizer.{key}.{name}"] = value.detach().cpu().contiguous()
        state: dict[str, Any] = {
            "settings": asdict(self._settings),
            "step": self.step,
            "best": self.best,
            "best_step": self._best_step,
            "scale": self._scaler.get_scale(),
        }
        _write(self._folder / CHECKPOINT, save(tensors, {"state": json.dumps(state)}))

    def _resume(self) -> None:
        path = self._folder / CHECKPOINT
        if not path.exists():
            return
        from safetensors import safe_open

        tensors = _read(path)
        with safe_open(path, "pt") as file:
            state = json.loads(file.metadata()["state"])
        if state["settings"] != asdict(self._settings):
            raise PhotosimError(
                f"{path} is of a training with other settings: remove {self._folder} to begin anew"
            )
        prefix = "module."
        self._module.load_state_dict(
            {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        )
        parameters = dict(self._module.named_parameters())
        for name in self._names:
            kept = {
                key: tensors[f"optimizer.{key}.{name}"]
                for key in ("step", "exp_avg", "exp_avg_sq")
                if f"optimizer.{key}.{name}" in tensors
            }
            if kept:
                self._optimizer.state[parameters[name]] = {
                    key: value if key == "step" else value.to(self._device) for key, value in kept.items()
                }
        if self._scaler.is_enabled():
            self._scaler.load_state_dict(self._scaler.state_dict() | {"scale": state["scale"]})
        self.step, self.best, self._best_step = state["step"], state["best"], state["best_step"]


def _factor(name: str, rates: dict[str, float]) -> float:
    return next((factor for start, factor in rates.items() if name.startswith(start)), 1.0)


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}


def _write(path: Path, data: bytes) -> None:
    write_atomically(path, lambda temporary: temporary.write_bytes(data))


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load(path.read_bytes())
    except (SafetensorError, OSError, ValueError) as error:
        raise PhotosimError(f"{path} cannot be read: remove its folder to begin anew") from error
