"""Writes that nobody waits for, one after the other, in a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

from bson.errors import BSONError
from pymongo.errors import PyMongoError

from millstream.orders.mongo.server import patiently

__all__ = ["LateWrites"]

_log = logging.getLogger(__name__)
_PATIENCE_S: Final = 60.0  # of a write that finds no primary
_MOST: Final = 1_000  # that wait


class LateWrites:
    """what: the beginning of what the log says of a write that failed, or had no room."""

    def __init__(self, name: str, what: str) -> None:
        self._what = what
        self._waiting: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def add(self, write: Callable[[], object]) -> None:
        """Do it when those before it are done; returns at once."""
        if self._waiting.qsize() > _MOST:
            _log.warning("%s: too many wait", self._what)
        else:
            self._waiting.put(write)

    def close(self, timeout_s: float) -> None:
        """Do what is left, for as long as is given."""
        self._waiting.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (write := self._waiting.get()) is not None:
            try:
                patiently(write, time.monotonic() + _PATIENCE_S)
            except (PyMongoError, BSONError, OverflowError) as error:
                _log.warning("%s: %s", self._what, error)
