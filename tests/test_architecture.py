"""The house keeps its shape: arrows go one way, the core knows no Qt, and starting needs no torch."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGE = CHECKOUT / "photosim"

# What each part may import of the others. errors, paths, atomic and the package itself are everybody's.
EVERYBODYS = {"__init__", "errors", "paths", "atomic"}
PARTS: dict[str, set[str]] = {
    "imaging": set(),
    "model": set(),
    "index": set(),
    "settings": set(),
    "catalog": {"imaging"},
    "engine": {"imaging", "model"},
    "search": {"catalog", "imaging", "index", "model"},
    "groups": {"catalog", "imaging", "index", "model"},
    "library": {"catalog", "engine", "imaging", "model", "search", "settings"},
    "scan": {"catalog", "engine", "imaging", "library"},
    "training": {"catalog", "engine", "imaging", "index", "library", "model", "scan"},
    "teaching": {"catalog", "engine", "imaging", "index", "library", "model", "search", "training"},
    "export": {"catalog", "library", "model"},
    "doctor": {"catalog", "imaging", "index", "library", "model"},
}
CORE = set(PARTS) | EVERYBODYS
WINDOW = {"gui"}
# The outermost: programs that put the parts together. Only they may import one another.
PROGRAMS = {"__main__", "app", "cli", "headless", "smoke"}

# torch is for a GPU and for training, in modules of their own that the rest imports when it comes to that.
OF_TORCH = {
    "photosim.model.network",
    "photosim.model.torch_runtime",
    "photosim.teaching.aspects",
    "photosim.teaching.residual",
    "photosim.teaching.trunk",
    "photosim.teaching.tuning",
    "photosim.teaching.weights",
    "photosim.training.bundle",
    "photosim.training.early",
    "photosim.training.graph",
    "photosim.training.hard_views",
    "photosim.training.kinds",
    "photosim.training.losses",
    "photosim.training.make",
    "photosim.training.projection",
    "photosim.training.start",
    "photosim.training.things",
    "photosim.training.trainer",
    "photosim.training.vision",
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(CHECKOUT).with_suffix("").parts
        yield ".".join(parts).removesuffix(".__init__"), path


def part_of(module: str) -> str:
    """photosim.imaging.reading -> imaging, photosim.app -> app, photosim -> __init__"""
    return (module.split(".") + ["__init__"])[1]


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it, for types or for use."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            assert node.module is not None
            if node.module == "photosim":
                yield from (
                    f"photosim.{alias.name}" if (PACKAGE / f"{alias.name}.py").exists() else "photosim"
                    for alias in node.names
                )
            else:
                yield node.module


def own_imports(path: Path) -> set[str]:
    return {part_of(name) for name in imported(path) if name.split(".")[0] == "photosim"}


def test_every_part_has_its_place() -> None:
    assert {part_of(name) for name, _ in modules()} <= CORE | WINDOW | PROGRAMS


def test_arrows_go_one_way() -> None:
    wrong = []
    for name, path in modules():
        part = part_of(name)
        if part in PROGRAMS:
            continue
        allowed = CORE if part in WINDOW else PARTS.get(part, set()) | EVERYBODYS
        wrong += [f"{name} imports {other}" for other in own_imports(path) - allowed - {part}]
    assert not wrong


def test_nothing_but_the_programs_imports_the_programs() -> None:
    """app.py, which makes the parts and joins them, is nobody's to import but a program's."""
    for name, path in modules():
        if part_of(name) not in PROGRAMS:
            assert not own_imports(path) & PROGRAMS, name


def test_the_core_names_no_qt() -> None:
    for name, path in modules():
        if part_of(name) in CORE:
            foreign = {module.split(".")[0] for module in imported(path)}
            assert not foreign & {"PySide6", "shiboken6"}, name


@pytest.mark.parametrize(
    "module", ["appdirs", "hnswlib", "onnx", "onnxruntime", "torchvision", "pillow_heif"]
)
def test_a_foreign_thing_is_known_to_one_module(module: str) -> None:
    knowing = {name for name, path in modules() if module in {one.split(".")[0] for one in imported(path)}}
    assert len(knowing) <= 1


def test_opencv_is_known_to_who_finds_keypoints_and_to_who_changes_photos_for_training() -> None:
    knowing = {name for name, path in modules() if "cv2" in set(imported(path))}
    assert knowing == {"photosim.imaging.keypoints", "photosim.training.changes"}


def loaded_after(python: str, code: str) -> set[str]:
    """The top-level modules that are loaded after `code` has run in a fresh Python."""
    done = subprocess.run(
        [python, "-c", f"{code}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"],
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_the_core_works_where_there_is_no_qt_and_no_torch(python: str) -> None:
    core = [name for name, _ in modules() if part_of(name) in CORE and name not in OF_TORCH]
    code = f"""
import importlib, sys
for name in ("PySide6", "shiboken6", "torch", "torchvision"):
    sys.modules[name] = None
for name in {core!r}:
    importlib.import_module(name)
"""
    loaded_after(python, code)


@pytest.mark.parametrize(
    ("start", "absent"),
    [
        (
            "import photosim.cli, photosim.library, photosim.scan.scanner",
            {"PySide6", "torch", "torchvision", "cv2"},
        ),
        ("import photosim.app", {"torch", "torchvision", "onnxruntime", "cv2"}),
        ("import photosim.imaging", {"PySide6", "torch", "onnxruntime"}),
    ],
)
def test_starting_loads_only_what_it_needs(python: str, start: str, absent: set[str]) -> None:
    assert not loaded_after(python, start) & absent


def test_a_scan_and_a_search_load_neither_torch_nor_qt(
    python: str, tmp_path: Path, sample_photos: list[Path]
) -> None:
    (tmp_path / "photos").mkdir()
    photo = tmp_path / "photos" / "photo.png"
    photo.write_bytes(sample_photos[0].read_bytes())
    arguments = ["--data-dir", str(tmp_path / "library")]
    code = f"""
from photosim.cli import run
if __name__ == "__main__":
    assert run({[*arguments, "add", str(photo.parent)]!r}) == 0
    assert run({[*arguments, "search", str(photo)]!r}) == 0
"""
    assert not loaded_after(python, code) & {"PySide6", "torch", "torchvision", "cv2"}
