"""A simulated exchange for tests: a process on loopback, gone when the test is over."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading

A_DAY_S = 86_400  # of a market: on a loaded machine any test may take long


@contextlib.contextmanager
def simulated_exchange(*arguments):
    """Start it; gives its first words: {"ws": …, "rest": …, "streams": […], "pairs": […]}."""
    line = ["-m", "millstream.simulator", "--market-seconds", A_DAY_S, *arguments]
    process = subprocess.Popen(
        [sys.executable, *map(str, line)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    ready = json.loads(process.stdout.readline())
    # It tells of its progress, and would wait for a reader when the pipe is full.
    reading = threading.Thread(target=process.stdout.read)
    reading.start()
    try:
        yield ready
    finally:
        process.stdin.close()
        process.wait(60)
        reading.join()
        process.stdout.close()


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
