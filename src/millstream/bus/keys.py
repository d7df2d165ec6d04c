"""Keys of a fleet: who may speak on its `tcp://` endpoints, and that nobody else can read along.

CURVE, as ZeroMQ has it (https://rfc.zeromq.org/spec/26). A folder holds them, one key per file:

    server.public    what every part must find at the other end
    server.private   who binds endpoints needs it
    client.public    this host's own
    client.private
    clients/*.public who is let in; take one away and start again: that one is not any more

Private files are for their owner alone, and no key is ever in a message, a log or a repr.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Final

import msgspec
import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from millstream.errors import ConfigError

__all__ = ["Keys", "Porter", "add_client", "load_keys", "make_keys", "tell_refusals"]

REFUSED: Final = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)
_PORTERS_DOOR: Final = "inproc://zeromq.zap.01"  # where the sockets of a context ask
_ASKS: Final = 7  # frames of a question with a CURVE key; the key is the last one
_OWNER_ONLY: Final = 0o600

_log = logging.getLogger(__name__)


class Keys(msgspec.Struct, frozen=True):
    """What a folder of keys holds."""

    server_public: bytes
    server_private: bytes  # b"": this host may not bind
    client_public: bytes
    client_private: bytes
    clients: frozenset[bytes]  # public keys of who is let in

    def __repr__(self) -> str:
        return f"Keys({len(self.clients)} clients)"


def make_keys(folder: Path) -> None:
    """Make the keys of a new fleet. Raises ConfigError when there are some in `folder`."""
    if _found(folder):
        raise ConfigError(f"there are keys in {folder} already; name another folder")
    server_public, server_private = zmq.curve_keypair()
    _make_client(folder, folder / "clients" / "fleet.public", server_public)
    _write(folder / "server.private", server_private)


def add_client(folder: Path, name: str) -> Path:
    """Make a folder of keys for a host that only connects, and let it in; returns the folder.

    Raises ConfigError when there are no keys in `folder`, or a client of this name.
    """
    if not name.isidentifier() or name == "clients":
        raise ConfigError(f'"{name}" is no name for a client; use letters, digits and _')
    known = folder / "clients" / f"{name}.public"
    if known.exists():
        raise ConfigError(f'"{name}" has keys in {folder} already; choose another name')
    server_public = _read(folder, "server.public")
    _make_client(folder / name, known, server_public)
    return folder / name


def load_keys(folder: str) -> Keys | None:
    """The keys in a folder; "": None. Raises ConfigError when they are missing or not private."""
    if not folder:
        return None
    place = Path(folder)
    may_bind = (place / "server.private").exists()
    return Keys(
        _read(place, "server.public"),
        _read(place, "server.private") if may_bind else b"",
        _read(place, "client.public"),
        _read(place, "client.private"),
        frozenset(
            _read(place, f"clients/{file.name}")
            for file in sorted((place / "clients").glob("*.public"))
        ),
    )


def _found(folder: Path) -> bool:
    return any(folder.glob("*.public")) or any(folder.glob("*.private"))


def _make_client(folder: Path, known: Path, server_public: bytes) -> None:
    public, private = zmq.curve_keypair()
    for file, key in {
        folder / "server.public": server_public,
        folder / "client.public": public,
        folder / "client.private": private,
        known: public,
    }.items():
        _write(file, key)


def _write(file: Path, key: bytes) -> None:
    """A new file that only its owner may read, from its first byte on."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        try:
            os.write(opened, key + b"\n")
        finally:
            os.close(opened)
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from None


def _read(folder: Path, name: str) -> bytes:
    file = folder / name
    try:
        if name.endswith(".private") and file.stat().st_mode & 0o077:
            raise ConfigError(
                f'bus.keys: others may read {file}; run "chmod 600 {file}", or make new keys'
            )
        key = file.read_bytes().strip()
        zmq.curve_public(key)  # of any key: it says whether this can be one
    except OSError as error:
        raise ConfigError(
            f'bus.keys: cannot read {file}: {error.strerror}; "millstream keys {folder}" makes '
            "the keys of a fleet, and all its hosts need the same folder"
        ) from None
    except (zmq.ZMQError, ValueError):
        raise ConfigError(
            f"bus.keys: {file} is no key; copy the folder again from where it was made"
        ) from None
    return key


class Porter:
    """Lets in who has a known key; one for all bound sockets of a context, on its own thread."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], clients: frozenset[bytes]) -> None:
        self._context = context
        self._clients = frozenset(z85.decode(key) for key in clients)
        self._turned_away: set[str] = set()
        self._door = context.socket(zmq.REP)
        self._door.bind(_PORTERS_DOOR)
        self._thread = threading.Thread(target=self._run, name="porter", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._door as door:
            while len(question := door.recv_multipart()) > 1:
                door.send_multipart(self._answer(question))

    def _answer(self, question: list[bytes]) -> list[bytes]:
        """As https://rfc.zeromq.org/spec/27 has it."""
        version, request, _, address, *_ = question
        known = len(question) == _ASKS and question[-1] in self._clients
        if not known:
            self._tell(address.decode(errors="replace"))
        verdict = (b"200", b"welcome") if known else (b"400", b"not known here")
        return [version, request, *verdict, b"", b""]

    def _tell(self, address: str) -> None:
        if address not in self._turned_away:  # it comes again and again
            self._turned_away.add(address)
            _log.warning("bus: %s was turned away: its key is not among our clients", address)

    def close(self) -> None:
        """End, once nobody binds any more."""
        with self._context.socket(zmq.REQ) as bell:
            bell.connect(_PORTERS_DOOR)
            bell.send(b"")
            self._thread.join()


def tell_refusals(monitor: zmq.Socket[bytes], endpoint: str) -> threading.Thread:
    """Log each way in which the keys of an endpoint's two ends do not fit, once; ends with it."""

    def run() -> None:
        told: set[int] = set()
        with monitor:
            while True:
                event = parse_monitor_message(monitor.recv_multipart())["event"]
                if event == zmq.EVENT_MONITOR_STOPPED:
                    return
                if event not in told:
                    told.add(event)
                    _log.warning("%s", refusal(endpoint))

    thread = threading.Thread(target=run, name="keys", daemon=True)
    thread.start()
    return thread


def refusal(endpoint: str) -> str:
    """What is said when two ends did not come to terms."""
    return (
        f"bus: {endpoint}: the other end has no keys, or others than we have, and nothing passes; "
        "bus.keys has to be the same fleet's on both hosts"
    )
