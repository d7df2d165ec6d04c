"""Answers each line on standard input with one round's JSON, for `process.py`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable


def serve(name: str, measure: Callable[[], dict[str, object]]) -> None:
    """Say who this is, then measure once for each line until the input closes."""
    print(json.dumps({"name": name}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(measure()), flush=True)


def lines(path: str) -> tuple[dict[str, str], list[str]]:
    """The books by symbol, and the frames as text: what a rival's websocket library gives it."""
    books, frames = {}, []
    with open(path) as file:
        for line in file:
            if line.startswith('{"stream"'):
                frames.append(line.rstrip("\n"))
            else:
                symbol, _, book = line.partition(" ")
                books[symbol] = book
    return books, frames
