"""Small programs beside the test's own process, started together and told when to go."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def run_at_once(script: str, arguments: Sequence[Sequence[str]], timeout: float = 50) -> list[str]:
    """Run `script` once for each of `arguments`; returns what each printed.

    The script calls `ready()` when it has imported what it needs: all go on at the same moment. A program
    that fails, fails the test with what it said.
    """
    prelude = "import sys\ndef ready():\n    print(flush=True)\n    sys.stdin.readline()\n"
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", prelude + script, *map(str, values)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
        )
        for values in arguments
    ]
    try:
        for program in programs:
            assert program.stdout is not None
            program.stdout.readline()
        for program in programs:
            if program.poll() is None and program.stdin is not None:
                program.stdin.write("go\n")
                program.stdin.flush()
        said = [program.communicate(timeout=timeout) for program in programs]
    finally:
        for program in programs:
            program.kill()
            program.wait()
            for stream in (program.stdin, program.stdout, program.stderr):
                if stream is not None:
                    stream.close()
    for program, (_, errors) in zip(programs, said, strict=True):
        assert program.returncode == 0, errors
    return [output for output, _ in said]
