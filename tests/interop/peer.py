"""A process with a real freqtrade in it."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".freqtrade" / "bin" / "python"
needs_freqtrade = pytest.mark.skipif(
    not PYTHON.exists(), reason="no freqtrade in .freqtrade: `make test` installs it"
)


class Freqtrade:
    """One process; its parts are told what to do by name."""

    def __init__(self):
        self._process = subprocess.Popen(
            [PYTHON, "-W", "ignore", Path(__file__).parent / "freqtrade_peer.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._read() == "ready"

    def _read(self):
        line = self._process.stdout.readline()
        assert line, "freqtrade has ended"
        return json.loads(line)

    def __call__(self, name, do, **arguments):
        self._process.stdin.write(json.dumps([name, do, arguments]) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self):
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
