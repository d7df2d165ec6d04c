"""PUSH and PULL sockets: nothing is dropped in silence, a full queue is said at once.

A SUB socket drops silently at its high-water mark, and what a PUB socket sends before anybody has
connected is lost. PUSH/PULL does neither: a full queue is said at once, and what was sent before
the receiver came waits for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from urllib.parse import urlsplit

import zmq
from zmq.utils.monitor import parse_monitor_message

from millstream.bus.context import Context
from millstream.bus.keys import REFUSED, Keys, Porter, refusal, tell_refusals
from millstream.bus.readable import Readable
from millstream.errors import ConfigError

QUEUE_MESSAGES = 1_000  # per socket and direction; a message is a batch of up to 128 events
_COMES_AND_GOES = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | REFUSED
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")

_log = logging.getLogger(__name__)


class Sender:
    """The sending end of an endpoint. Belongs to one thread."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        endpoint: str,
        monitor: zmq.Socket[bytes] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._socket = socket
        self._monitor = monitor
        self._there = False
        self._refused = False

    @property
    def there(self) -> bool:
        """Whether somebody listens at the other end; known of a watched sender only."""
        while self._monitor is not None:
            try:
                found = parse_monitor_message(self._monitor.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                break
            self._there = found["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED
            if found["event"] & REFUSED and not self._refused:
                self._refused = True  # it is tried again and again, and told once
                _log.warning("%s", refusal(self.endpoint))
        return self._there

    def offer(self, body: bytes) -> bool:
        """Send one message, unless the queue is full; returns whether it was taken."""
        try:
            self._socket.send(body, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def send(self, body: bytes, timeout_ms: int = 10_000) -> bool:
        """Send one message, waiting for room; returns False when there was none in time."""
        if self.offer(body):
            return True
        return bool(self._socket.poll(timeout_ms, zmq.POLLOUT)) and self.offer(body)

    def close(self) -> None:
        """Close; what was taken is still delivered while the receiver lives."""
        if self._monitor is not None:
            self._socket.disable_monitor()
            self._monitor.close(linger=0)
        self._socket.close(linger=2_000)


class Receiver:
    """The receiving end of an endpoint. Belongs to one thread."""

    def __init__(self, socket: zmq.Socket[bytes], endpoint: str) -> None:
        self.endpoint = endpoint  # with the port that was really bound
        self._socket = socket
        self._timeout_ms = -1

    def receive(self, timeout_ms: int) -> bytes | None:
        """The next message, or None when none came within `timeout_ms`."""
        socket = self._socket
        if timeout_ms != self._timeout_ms:
            self._timeout_ms = timeout_ms
            socket.rcvtimeo = timeout_ms
        try:
            return socket.recv()
        except zmq.Again:
            return None

    def follow(self, on_message: Callable[[bytes], None]) -> Readable:
        """Give each message to a function of the running event loop, from now on."""
        return Readable(self._socket, on_message)

    def close(self) -> None:
        """Close; messages not received yet are lost."""
        self._socket.close(linger=0)


class FirstThen:
    """Two receivers as one: what waits in `first` is given before anything of `then`.

    Belongs to one thread.
    """

    def __init__(self, first: Receiver, then: Receiver) -> None:
        self._first = first
        self._then = then
        self._poller = zmq.Poller()
        for receiver in (first, then):
            self._poller.register(receiver._socket, zmq.POLLIN)

    def receive(self, timeout_ms: int) -> bytes | None:
        """The next message, or None when none came within `timeout_ms`."""
        found = self._next()
        if found is None and timeout_ms and self._poller.poll(timeout_ms):
            found = self._next()
        return found

    def _next(self) -> bytes | None:
        found = self._first.receive(0)
        return found if found is not None else self._then.receive(0)


class Inbox:
    """Several receivers under names, waited for together. Belongs to one thread."""

    def __init__(self, receivers: Mapping[str, Receiver], most: int = 64) -> None:
        self._receivers = dict(receivers)
        self._most = most  # of one receiver in one turn, so that none starves the others
        self._poller = zmq.Poller()
        for receiver in self._receivers.values():
            self._poller.register(receiver._socket, zmq.POLLIN)

    def receive(self, timeout_ms: int) -> list[tuple[str, bytes]]:
        """What came under which name, in the order of the names; empty after `timeout_ms`."""
        found = self._ready()
        if not found and timeout_ms and self._poller.poll(timeout_ms):
            found = self._ready()
        return found

    def _ready(self) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        for name, receiver in self._receivers.items():
            for _ in range(self._most):
                body = receiver.receive(0)
                if body is None:
                    break
                found.append((name, body))
        return found

    def close(self) -> None:
        """Close every receiver."""
        for receiver in self._receivers.values():
            receiver.close()


class Bus:
    """Makes the two ends of an endpoint; `inproc://` endpoints meet inside one Bus.

    keys: of `tcp://` endpoints: who has none of the fleet's sends and hears nothing. None: they are
        of this machine only, and open to whoever is on it.
    """

    def __init__(self, keys: Keys | None = None) -> None:
        self._context = Context()
        self._ends: list[Sender | Receiver] = []
        self._keys = keys
        self._porter: Porter | None = None
        self._tellers: list[threading.Thread] = []

    def sender(
        self, endpoint: str, queue_messages: int = QUEUE_MESSAGES, *, watched: bool = False
    ) -> Sender:
        """Connect to an endpoint; the receiver may come later. Raises ConfigError.

        watched: `there` tells whether the receiver is, and nothing is queued for one that is not.
        """
        socket = self._context.socket(zmq.PUSH)
        socket.sndhwm = queue_messages
        socket.immediate = watched
        monitor = socket.get_monitor_socket(_COMES_AND_GOES) if watched else None
        try:
            self._connect(socket, endpoint)
        except ConfigError:
            if monitor is not None:
                monitor.close(linger=0)  # or the bus could never be closed
            raise
        sender = Sender(socket, endpoint, monitor)
        self._ends.append(sender)
        return sender

    def receiver(self, endpoint: str, queue_messages: int = QUEUE_MESSAGES) -> Receiver:
        """Bind an endpoint (`tcp://127.0.0.1:*` takes a free port). Raises ConfigError."""
        socket = self._context.socket(zmq.PULL)
        socket.rcvhwm = queue_messages
        self._bind(socket, endpoint)
        receiver = Receiver(socket, socket.getsockopt_string(zmq.LAST_ENDPOINT) or endpoint)
        self._ends.append(receiver)
        return receiver

    def caller(self, endpoint: str) -> Sender:
        """Bind an endpoint where hints are called out; who is not there misses them."""
        socket = self._context.socket(zmq.PUB)
        self._bind(socket, endpoint)
        caller = Sender(socket, endpoint)
        self._ends.append(caller)
        return caller

    def listener(self, endpoint: str) -> Receiver:
        """Connect to where hints are called out: of those that wait, only the latest is kept."""
        socket = self._context.socket(zmq.SUB)
        socket.conflate = True
        socket.subscribe(b"")
        self._connect(socket, endpoint)
        listener = Receiver(socket, endpoint)
        self._ends.append(listener)
        return listener

    def _connect(self, socket: zmq.Socket[bytes], endpoint: str) -> None:
        try:
            if self._keys is not None and _is_tcp(endpoint):
                socket.curve_serverkey = self._keys.server_public
                socket.curve_publickey = self._keys.client_public
                socket.curve_secretkey = self._keys.client_private
                self._tell_refusals(socket, endpoint)
            socket.connect(endpoint)
        except zmq.ZMQError as error:
            socket.close(linger=0)
            raise _cannot("connect to", endpoint, error) from None

    def _bind(self, socket: zmq.Socket[bytes], endpoint: str) -> None:
        try:
            if _is_tcp(endpoint):
                self._guard(socket, endpoint)
            socket.bind(endpoint)
        except zmq.ZMQError as error:
            socket.close(linger=0)
            raise _cannot("bind", endpoint, error) from None
        except ConfigError:
            socket.close(linger=0)
            raise

    def _guard(self, socket: zmq.Socket[bytes], endpoint: str) -> None:
        """Let only known clients in; without keys, only this machine."""
        if self._keys is None:
            if urlsplit(endpoint).netloc.rsplit(":", 1)[0] not in _LOOPBACK:
                raise ConfigError(
                    f'cannot bind "{endpoint}": without keys the bus listens on this machine '
                    'only; use "tcp://127.0.0.1:PORT", or bus.keys with a folder that '
                    '"millstream keys" makes'
                )
            return
        if not self._keys.server_private:
            raise ConfigError(
                f'cannot bind "{endpoint}": bus.keys are of a client, that only connects '
                "(server.private is missing); use the fleet's own folder"
            )
        if self._porter is None:  # before the first who could come
            self._porter = Porter(self._context, self._keys.clients)
        socket.curve_server = True
        socket.curve_secretkey = self._keys.server_private
        self._tell_refusals(socket, endpoint)

    def _tell_refusals(self, socket: zmq.Socket[bytes], endpoint: str) -> None:
        """A watched socket has a monitor already, and its sender tells."""
        if socket.type == zmq.PUSH and socket.immediate:
            return
        self._tellers.append(
            tell_refusals(socket.get_monitor_socket(REFUSED | zmq.EVENT_MONITOR_STOPPED), endpoint)
        )

    def close(self) -> None:
        """Close every end that is still open, once no other thread uses them any more."""
        for end in self._ends:
            end.close()
        for teller in self._tellers:  # each ends with its socket
            teller.join()
        if self._porter is not None:
            self._porter.close()
        self._context.term()

    def __enter__(self) -> Bus:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _is_tcp(endpoint: str) -> bool:
    return endpoint.startswith("tcp://")


def _cannot(verb: str, endpoint: str, error: zmq.ZMQError) -> ConfigError:
    return ConfigError(
        f'cannot {verb} "{endpoint}": {error.strerror or error}; '
        "an endpoint is inproc://NAME, ipc://FILE or tcp://127.0.0.1:PORT"
    )
