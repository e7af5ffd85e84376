"""The programs that measure searching run, and print a target beside each figure."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def lines(python: str, *arguments: str | Path) -> list[str]:
    done = subprocess.run(
        [python, *map(str, arguments), "--quick"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    # 1 says that a target was missed, which a busy machine does to any figure of time.
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_search_is_measured_at_every_focus_and_finds_what_exact_search_finds(
    python: str, shared: Path
) -> None:
    rows = [line for line in lines(python, "benchmarks/search.py", shared / "photos") if "(target: " in line]
    assert sum(row.startswith("re-rank") for row in rows) == 2
    recalls = [float(found[1]) for row in rows if (found := re.search(r"recall@50 ([\d.]+)", row))]
    assert len(recalls) == 10
    assert min(recalls) >= 0.98


@pytest.mark.slow
def test_a_rescan_is_measured(python: str) -> None:
    (row,) = [line for line in lines(python, "benchmarks/rescan.py") if "target: under 5 s" in line]
    assert row.endswith("met")
