"""A simulated exchange for tests: a process on loopback, gone when the test is over."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys


@contextlib.contextmanager
def simulated_exchange(*arguments):
    """Start it; gives its first words: {"ws": …, "rest": …, "streams": […], "pairs": […]}."""
    process = subprocess.Popen(
        [sys.executable, "-m", "millstream.simulator", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.communicate(timeout=20)
