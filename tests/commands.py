"""The photosim command as users run it: a program of its own."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2


def command(library: Path, *words: str | Path) -> list[str]:
    return [sys.executable, "-m", "photosim", "--data-dir", str(library), *map(str, words)]


def photosim(
    library: Path, *words: str | Path, ordinary_user: bool = False, timeout: float = 50
) -> subprocess.CompletedProcess[str]:
    """Run a command; `ordinary_user`: so that file permissions hold, also where the tests run as root."""
    return subprocess.run(
        command(library, *words),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=timeout,
        preexec_fn=_obey_permissions if ordinary_user and os.geteuid() == 0 else None,
    )


def photosim_json(library: Path, *words: str | Path) -> Any:
    """The one document of a command that must succeed."""
    done = photosim(library, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _obey_permissions() -> None:
    """Take from root what lets it read and write everything; programs started from here lack it too."""
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
