"""A simulated exchange for tests: a process on loopback, gone when the test is over."""

from __future__ import annotations

import contextlib
import json
import signal
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


@contextlib.contextmanager
def trading_venue(*arguments):
    """`millstream simulate` as a process, for orders; gives {"rest": …, "ws": …, "keys": […], …}.

    For one in a thread of the test itself: `millstream.simulator.running.trading_exchange`.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "millstream", "simulate", "--json", *map(str, arguments)],
        stdout=subprocess.PIPE,
    )
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
