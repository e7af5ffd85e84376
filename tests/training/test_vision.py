"""torchvision loads beside any torch, and only when training asks for it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import photosim

pytest.importorskip("torch", reason="torch is not installed")


def test_the_transforms_work() -> None:
    """In a process of its own, for torchvision is imported once only."""
    program = """
import torch
from photosim.training.vision import transforms
change = transforms.Compose([
    transforms.RandomResizedCrop(32), transforms.RandomPerspective(p=1.0), transforms.ColorJitter(0.4),
    transforms.GaussianBlur(3),
])
photo = torch.arange(3 * 64 * 48, dtype=torch.int32).remainder(256).to(torch.uint8).reshape(3, 64, 48)
print(tuple(change(photo).shape))
"""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (result.stdout, result.stderr) == ("(3, 32, 32)\n", "")


def test_no_other_module_imports_torchvision() -> None:
    package = Path(photosim.__file__).parent
    importers = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.partition(".")[0] == "torchvision" for name in names):
                importers.add(path.relative_to(package).as_posix())
    assert importers == {"training/vision.py"}
