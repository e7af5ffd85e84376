"""torchvision, the only module that imports it. Nothing that starts, scans or searches imports this one.

A torchvision built for CUDA beside a torch built without it cannot load its compiled operators, and its
import then stops at registering what they compute for abstract tensors. The transforms and the networks
need none of these operators: given the schemas of the two that are named at import, all else works.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

_NMS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def _compiled_operators_load() -> bool:
    """Whether torchvision's compiled part loads, which registers its operators with torch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True
    libraries = [path for path in Path(spec.origin).parent.glob("_C.*") if path.suffix in (".so", ".pyd")]
    try:
        for library in libraries:
            torch.ops.load_library(library)  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return bool(libraries)


if not _compiled_operators_load():
    # Kept for as long as the process runs: with the library object the schemas would go.
    _library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for _operator in ("nms", "qnms"):
        _library.define(f"{_operator}{_NMS}")  # type: ignore[no-untyped-call]

import torchvision.transforms.v2 as transforms  # noqa: E402

__all__ = ["transforms"]
