"""The pipeline wastes nothing of the cores it has."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.commands import CHECKOUT


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_scan_does_with_its_share_of_the_cores_what_they_can_do(python: str) -> None:
    done = subprocess.run(
        [python, "benchmarks/pipeline.py", "--quick"], cwd=CHECKOUT, capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr
    shares = re.search(r"the scan used (\d+)%, (\d+)% lay idle", done.stdout)
    measured = re.search(r"pipeline: ([\d.]+) photos/s of ([\d.]+) possible", done.stdout)
    assert shares and measured, done.stdout
    # What else runs on the machine is not the pipeline's fault; a core that lies idle is.
    used, idle = (int(share) / 100 for share in shares.groups())
    reached, possible = (float(figure) for figure in measured.groups())
    assert reached / (possible * used) > 0.75, done.stdout
    assert idle < 0.2, done.stdout
