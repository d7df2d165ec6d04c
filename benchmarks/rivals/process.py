"""A rival in a process of its own: started once, asked for one round after the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from benchmarks.measure import ROOT

PYTHON = ROOT / ".bench" / "bin" / "python"


class Rival:
    """A script of this folder, run by .bench's Python; `round` lets it work once."""

    def __init__(self, script: str, *arguments: object) -> None:
        self._script = script
        command = [PYTHON, Path(__file__).parent / f"{script}.py", *arguments]
        self._process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.name = str(self._answer()["name"])

    def round(self) -> dict[str, Any]:
        """What it measured this time."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"a rival ended before its time: {self._script}")
        return msgspec.json.decode(line, type=dict[str, Any])

    def __enter__(self) -> Rival:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def here() -> bool:
    """Whether .bench is there; says so once when it is not."""
    if PYTHON.exists():
        return True
    print("no rivals: .bench is not there; `make bench` makes it", file=sys.stderr)
    return False
