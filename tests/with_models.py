"""photosim with other bundled models: `python -m tests.with_models MODELS WORD...` in a program of its own.

Every photo takes a twentieth of a second to read, so that there is time to end the program in the middle.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from tests.commands import CHECKOUT


def command_with(models: Path, library: Path, *words: str | Path) -> list[str]:
    """The command line of such a program on a library."""
    return [
        sys.executable,
        "-m",
        "tests.with_models",
        str(models),
        "--data-dir",
        str(library),
        *map(str, words),
    ]


def main(models: Path, words: list[str]) -> int:
    import photosim.library
    from photosim import cli
    from photosim.engine.messages import WorkerSetup
    from photosim.model.card import ModelCard
    from tests.engine import readers

    def slowly(library: photosim.library.Library, *cards: ModelCard) -> WorkerSetup:
        return replace(WorkerSetup(cards, library.device, library.threads), reader=readers.brisk)

    photosim.library.bundled_models = lambda: models  # type: ignore[attr-defined]
    photosim.library.Library.setup_for = slowly  # type: ignore[method-assign]
    return cli.run(words)


if __name__ == "__main__":
    assert Path.cwd() == CHECKOUT
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
