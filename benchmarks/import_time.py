"""How long a new Python needs until Millstream is there, and until its command has answered.

    python -m benchmarks.import_time

Each run is a process of its own, with warm files and compiled byte code; the interpreter's own
start is in every figure, and is told beside them.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from benchmarks.measure import OURS, ROOT, Figure, main
from benchmarks.rivals.process import PYTHON, here

COMMAND = Path(sys.executable).with_name("millstream")
ALL = "from millstream import *; import millstream.app"
GROUPS: dict[str, dict[str, list[str]]] = {
    "import": {
        f"{OURS}: import millstream": [sys.executable, "-c", "import millstream"],
        f"{OURS}: a session's every room": [sys.executable, "-c", ALL],
        "nothing: python -c pass": [sys.executable, "-c", "pass"],
    },
    "command": {
        f"{OURS}: millstream --help": [str(COMMAND), "--help"],
    },
}
RIVALS = {
    "cryptofeed: import cryptofeed": [str(PYTHON), "-c", "import cryptofeed"],
    "ccxt: import ccxt.pro": [str(PYTHON), "-c", "import ccxt.pro"],
}
TARGETS_S = {
    f"{OURS}: import millstream": 0.25,
    f"{OURS}: millstream --help": 0.3,
}


def measure(quick: bool, rivals: bool = True) -> list[Figure]:
    """Every start, in turn."""
    groups = {name: dict(commands) for name, commands in GROUPS.items()}
    if rivals and here():
        groups["import"].update(RIVALS)
    wall: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    for number in range(-1, 3 if quick else 9):  # the first one warms the files up
        for commands in groups.values():
            for who, command in commands.items():
                took, spent = _start(command)
                if number >= 0:
                    wall.setdefault(who, []).append(took)
                    cpu.setdefault(who, []).append(spent)
    return [
        Figure(
            what=f"{name}, {unit}",
            who=who,
            unit=unit,
            runs=runs[who],
            n=1,
            target=TARGETS_S.get(who) if runs is wall else None,
        )
        for name, commands in groups.items()
        for unit, runs in (("s wall", wall), ("s CPU", cpu))
        for who in commands
    ]


def _start(command: list[str]) -> tuple[float, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    took, after = perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main("benchmarks.import_time", measure)
