"""A real mongod, as a replica set of one or three members on loopback.

The binary: MONGOD, or the one that `make` installs in `.mongod`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

ROOT = Path(__file__).parent.parent
PATIENCE_S = 60


def binary():
    """The path of mongod, or None."""
    if given := os.environ.get("MONGOD"):
        return Path(given)
    found = sorted(ROOT.glob(".mongod/lib/python3*/site-packages/fiftyone/db/bin/mongod"))
    return found[0] if found else None


def why_not():
    """Why no mongod can be started here; "": it can."""
    found = binary()
    if found is None:
        return "mongod is not installed: make .mongod/done, or set MONGOD"
    return "" if found.is_file() else f"MONGOD: {found} is not there"


class Member:
    """One mongod."""

    def __init__(self, place, port, oplog_mib, replica_set, options=()):
        self.port, self._log = port, place / "log"
        self.user = ""  # "name:password@" as soon as it has one
        place.mkdir(exist_ok=True)
        (place / "data").mkdir(exist_ok=True)
        self._command = [
            str(binary()), "--bind_ip", "127.0.0.1", "--port", str(port),
            "--dbpath", str(place / "data"), "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25",
            "--setParameter", "diagnosticDataCollectionEnabled=false", "--logpath", str(self._log),
        ]  # fmt: skip
        if replica_set:
            self._command += ["--replSet", "rs0", "--oplogSize", str(oplog_mib)]
        self._command += options
        if oplog_mib < 10:  # to be rolled over: it is only cut back to the last checkpoint
            self._command += ["--syncdelay", "1"]
        self._process = None
        self.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self):
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def freeze(self):
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)

    def client(self):
        return MongoClient(
            f"mongodb://{self.user}{self.address}/?directConnection=true",
            serverSelectionTimeoutMS=2_000,
        )

    def wait_until_up(self):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                with self.client() as client:
                    client.admin.command("ping")
                    return
            except PyMongoError:
                assert time.monotonic() < deadline, self._log.read_text()[-2000:]
                time.sleep(0.05)


class ReplicaSet:
    """Members that have elected a primary, or one that stands alone (`replica_set=False`).

    options: of the command line. user: of one member that has a key file, and its password.
    """

    def __init__(self, members=1, oplog_mib=64, replica_set=True, options=(), user=()):
        self._place = Path(tempfile.mkdtemp(prefix="mongod-"))
        self.members = [
            Member(self._place / str(number), port, oplog_mib, replica_set, options)
            for number, port in enumerate(_free_ports(members))
        ]
        for member in self.members:
            member.wait_until_up()
        if replica_set:
            self._initiate(user)

    def _initiate(self, user):
        with self.members[0].client() as client:
            client.admin.command(
                "replSetInitiate",
                {
                    "_id": "rs0",
                    "members": [{"_id": n, "host": m.address} for n, m in enumerate(self.members)],
                    "settings": {"electionTimeoutMillis": 1_000, "heartbeatIntervalMillis": 300},
                },
            )
            if user:
                self.primary()
                client.admin.command("createUser", user[0], pwd=user[1], roles=["root"])
                self.members[0].user = ":".join(user) + "@"
        self.wait_until_whole()

    def url(self, database=""):
        hosts = ",".join(member.address for member in self.members)
        user = self.members[0].user
        source = "&authSource=admin" if user else ""
        return f"mongodb://{user}{hosts}/{database}?replicaSet=rs0{source}"

    def client(self):
        return MongoClient(self.url())

    def primary(self):
        """The member that is the primary now; waits for one that most members agree on."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            for member in self.members:
                with suppress(PyMongoError), member.client() as client:
                    if client.admin.command("hello")["isWritablePrimary"]:
                        return member
            assert time.monotonic() < deadline, "no primary was elected"
            time.sleep(0.05)

    def wait_until_whole(self):
        """Return when one member is the primary and all others follow it."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with suppress(PyMongoError), self.primary().client() as client:
                found = client.admin.command("replSetGetStatus")["members"]
                if sorted(one["state"] for one in found) == [1] + [2] * (len(self.members) - 1):
                    return
            assert time.monotonic() < deadline, "the members do not find together"
            time.sleep(0.1)

    def states(self):
        """What each member says it is: for a message."""
        said = []
        for member in self.members:
            try:
                with member.client() as client:
                    found = client.admin.command("replSetGetStatus")
                said.append(f"{member.port} {found['myState']} term {found['term']}")
            except PyMongoError as error:
                said.append(f"{member.port} {type(error).__name__}")
        return ", ".join(said)

    def stop(self):
        for member in self.members:
            member.kill()
        shutil.rmtree(self._place, ignore_errors=True)


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        with closing(one):
            pass
    return ports
