"""Who owns an order store: one process at a time, told apart by a number that only grows.

The lease keeps a second owner out politely. Should two believe to own a store all the same (one was
frozen for longer than its lease), the unique revision of each transaction decides, and the one with
the lower epoch ends: see `store.py`.
"""

from __future__ import annotations

import os
import platform
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pymongo
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from millstream.errors import StoreError
from millstream.orders.mongo.server import Documents

__all__ = ["LEASE_S", "Lease"]

LEASE_S: Final = 10
_RELEASE_S: Final = 2.0
_WRITER: Final = "writer"


class Lease:
    """Taken when it is made, renewed by a thread of its own, given back by `release`.

    lost: called once, in that thread, when somebody else has taken it.
    Raises StoreError when another process owns the store.
    """

    def __init__(self, database: Documents, shown: str, lost: Callable[[], None]) -> None:
        self.owner = uuid.uuid4().hex
        self._state = database["state"]
        self._lost = lost
        self._stopping = threading.Event()
        self.epoch = self._take(shown)
        self._thread = threading.Thread(target=self._renew, name="orders-lease", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Let the next owner in."""
        self._stopping.set()
        self._thread.join(_RELEASE_S)
        try:
            with pymongo.timeout(_RELEASE_S):  # without a primary nobody waits for it either
                self._state.update_one(
                    {"_id": _WRITER, "owner": self.owner}, {"$set": {"until": 0}}
                )
        except PyMongoError:
            return  # it ends by itself

    def is_held(self) -> bool:
        """Ask the servers whether nobody has overtaken this owner."""
        return self._state.find_one({"_id": _WRITER, "owner": self.owner}, {"_id": 1}) is not None

    def _take(self, shown: str) -> int:
        with suppress(DuplicateKeyError):  # somebody was quicker to make it
            self._state.update_one(
                {"_id": _WRITER},
                {"$setOnInsert": {"owner": "", "epoch": 0, "until": 0}},
                upsert=True,
            )
        held = self._state.find_one({"_id": _WRITER}) or {}
        free: dict[str, Any] = {"$expr": {"$lt": [{"$toLong": "$until"}, {"$toLong": "$$NOW"}]}}
        if _is_dead(held):
            free = {"owner": held["owner"]}
        taken = self._state.find_one_and_update(
            {"_id": _WRITER, **free},
            [
                {
                    "$set": {
                        "owner": self.owner,
                        "epoch": {"$add": ["$epoch", 1]},
                        "until": _until(),
                        "host": platform.node(),
                        "boot": _boot_id(),
                        "pid": os.getpid(),
                        "process": _process(os.getpid()),
                    }
                }
            ],
            return_document=ReturnDocument.AFTER,
        )
        if taken is None:
            raise StoreError(
                f"order store {shown}: process {held.get('pid')} on {held.get('host')} owns it; "
                f"stop that one, or wait {LEASE_S} s if it is gone, or name another database"
            )
        return int(taken["epoch"])

    def _renew(self) -> None:
        while not self._stopping.wait(LEASE_S / 4):
            try:
                mine = self._state.update_one(
                    {"_id": _WRITER, "owner": self.owner}, [{"$set": {"until": _until()}}]
                )
            except PyMongoError:
                continue  # no primary: then nobody else can take it either
            if not mine.matched_count:
                self._lost()
                return


def _until() -> dict[str, Any]:
    """The end of the lease in milliseconds, by the server's clock: the hosts' may differ."""
    return {"$add": [{"$toLong": "$$NOW"}, LEASE_S * 1000]}


def _is_dead(held: dict[str, Any]) -> bool:
    """True when the owner was a process of this machine that has ended: then nobody need wait."""
    here = (platform.node(), _boot_id())
    if (held.get("host"), held.get("boot")) != here or not here[1]:
        return False
    return _process(int(held["pid"])) != held.get("process")


def _boot_id() -> str:
    """Where a process number means the same: in this boot, in this container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _process(pid: int) -> str:
    """What tells a process from a later one with the same number; "" when there is none."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if words[0] in "ZX" else words[19]  # a zombie writes nothing any more
