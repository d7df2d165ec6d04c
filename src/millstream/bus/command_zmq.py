"""Commands between processes, over sockets.

Each process binds one XPUB socket under its own name; who serves it connects to that and subscribes
to what is addressed to him. Acknowledgements go back the same way (an XSUB socket may send to its
publisher), so that a sender is answered also by those it does not listen to. A reply is a command
of its own, to `command.sender_id`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import zmq

from millstream.bus.addresses import Claim, default_root, prepare_root, socket_path
from millstream.bus.commands import (
    EVERYBODY,
    Acknowledgement,
    CommandRefused,
    CommandTimedOut,
    Incoming,
    IPCCommand,
    Outgoing,
    check_name,
    listens_to,
    pack_acknowledgement,
    pack_command,
    unpack_acknowledgement,
    unpack_command,
)
from millstream.bus.readable import Readable
from millstream.errors import BadMessage, ConfigError

Handler = Callable[[IPCCommand], Any]  # sync or async
Failure = CommandTimedOut | CommandRefused
TIMEOUT_S = 5.0
TICK_S = 0.05
CLOSING_S = 1.0  # how long `stop` waits for acknowledgements still on their way

_log = logging.getLogger(__name__)


class IPCCommandSystem:
    """One process's end of all its commands. Belongs to one event loop.

    context, root: left out, the process's own context and the user's own folder.
    on_failure: told of every command that was not acknowledged, or arrived where nobody handles it.
    on_handler_error: told of a handler that raised; left out, it is logged.
    Raises ConfigError at `start` when another process has the same name.
    """

    def __init__(
        self,
        my_id: str,
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
        root: Path | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        on_failure: Callable[[Failure], None] | None = None,
        on_handler_error: Callable[[IPCCommand, Exception], None] | None = None,
    ) -> None:
        self.my_id = check_name(my_id, "ipc_command_publisher")
        self._context = context if context is not None else zmq.Context.instance()
        self._root = root if root is not None else prepare_root(default_root())
        self._on_failure = on_failure
        self._on_handler_error = on_handler_error
        self._handlers: dict[str, Handler] = {}
        self._outgoing = Outgoing(time.time_ns(), int(timeout_s * 1e9))
        self._incoming: dict[str, Incoming] = {}
        self._listened_to: dict[str, None] = {}  # whose commands we serve, in order
        self._links: dict[str, Readable] = {}
        self._peers: set[str] = set()  # who listens to us, as their subscriptions say
        self._count = 0
        self._running = False
        self.unreadable = 0

    # ---- what a user calls ----------------------------------------------------------------------

    def register_handler(self, command_type: str, handler: Handler) -> None:
        """Call this with each command of this type; it may be async. One command at a time."""
        self._handlers[command_type] = handler

    async def send_command(
        self, target: str, command_type: str, payload: dict[str, Any] | None = None
    ) -> str:
        """Send to one process; returns the command's id. It is repeated until acknowledged."""
        command = self._command(check_name(target, "target"), command_type, payload)
        self._send(target, command)
        return command.command_id

    async def broadcast(self, command_type: str, payload: dict[str, Any] | None = None) -> str:
        """Send to every process that listens to this one now; returns the command's id."""
        command = self._command(EVERYBODY, command_type, payload)
        for peer in sorted(self._peers):
            self._send(peer, command)
        if not self._peers:
            self._fail(CommandTimedOut(command, EVERYBODY, "nobody listens to us"))
        return command.command_id

    async def connect_to_process(self, name: str) -> None:
        """Serve the commands of this process from now on; it may start later."""
        self._listened_to[check_name(name, "ipc_command_subscribers")] = None
        if self._running and name not in self._links:
            self._connect(name)

    @property
    def listeners(self) -> list[str]:
        """The processes that listen to this one now."""
        return sorted(self._peers)

    # ---- its life -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bind, connect to the peers named so far, and serve from now on."""
        if self._running:
            return
        path = socket_path(self._root / "command", self.my_id)
        self._claim = Claim(path, f'commands of "{self.my_id}"')
        socket = self._context.socket(zmq.XPUB)
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        socket.bind(f"ipc://{path}")
        self._socket = socket
        self._upstream = Readable(socket, self._on_upstream)
        self._running = True
        self._queue: asyncio.Queue[IPCCommand] = asyncio.Queue()
        for name in self._listened_to:
            self._connect(name)
        self._tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._tick())]

    async def stop(self) -> None:
        """Take no more, wait a moment for what is under way, then close.

        Commands that have come are handled first; what is still open then is told as lost.
        """
        if not self._running:
            return
        for link in self._links.values():
            link.close()
        self._links.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), CLOSING_S)
        ends = time.monotonic() + CLOSING_S
        while len(self._outgoing) and time.monotonic() < ends:
            await asyncio.sleep(TICK_S)
        self._running = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._upstream.close()
        self._claim.release()
        for failure in self._outgoing.abandon(f"{self.my_id} stopped before it was acknowledged"):
            self._fail(failure)

    # ---- sending --------------------------------------------------------------------------------

    def _command(
        self, target: str, command_type: str, payload: dict[str, Any] | None
    ) -> IPCCommand:
        if not self._running:
            raise ConfigError(f'the commands of "{self.my_id}" are not started yet, or stopped')
        if not command_type or " " in command_type:
            raise ConfigError(f'"{command_type}" is not a command type: one word, no spaces')
        self._count += 1
        now_us = time.time_ns() // 1_000
        command_id = f"{self.my_id}_{now_us}_{self._count}"
        command = IPCCommand(command_id, self.my_id, target, command_type, payload or {}, now_us)
        pack_command(target, command)  # a payload that cannot travel is refused here, unsent
        return command

    def _send(self, target: str, command: IPCCommand) -> None:
        self._put(target, self._outgoing.add(target, command, time.monotonic_ns()))

    def _put(self, target: str, command: IPCCommand) -> None:
        self._socket.send(pack_command(target, command))
        self._upstream.check()

    def _on_upstream(self, raw: bytes) -> None:
        kind, name = raw[:1], raw[1:-1].decode(errors="replace")
        if kind == b"\x01":
            self._peers.add(name)
        elif kind == b"\x00":
            self._peers.discard(name)
        else:
            self._on_acknowledgement(raw)

    def _on_acknowledgement(self, raw: bytes) -> None:
        try:
            answer = unpack_acknowledgement(raw)
        except BadMessage as error:
            self._unreadable(error)
            return
        one = self._outgoing.acknowledged(answer)
        if one is not None and not answer.handled:
            kind = one.command.command_type
            self._fail(CommandRefused(one.command, one.target, f'no handler for "{kind}" there'))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._upstream.check()
            again, lost = self._outgoing.due(time.monotonic_ns())
            for target, command in again:
                self._put(target, command)
            for failure in lost:
                self._fail(failure)

    def _fail(self, failure: Failure) -> None:
        command = failure.command
        _log.warning("%s to %s: %s", command.command_type, failure.target, failure.reason)
        if self._on_failure is not None:
            self._on_failure(failure)

    # ---- receiving ------------------------------------------------------------------------------

    def _connect(self, name: str) -> None:
        socket = self._context.socket(zmq.XSUB)
        path = socket_path(self._root / "command", name)
        socket.connect(f"ipc://{path}")
        socket.send(b"\x01" + listens_to(self.my_id))
        incoming = self._incoming.setdefault(name, Incoming())

        def on_command(raw: bytes) -> None:
            try:
                command = unpack_command(raw)
            except BadMessage as error:
                self._unreadable(error)
                return
            ready, again = incoming.take(command)
            for one in [command] if again else ready:
                handled = one.command_type in self._handlers
                answer = Acknowledgement(one.command_id, self.my_id, handled)
                socket.send(pack_acknowledgement(answer))
            for one in ready:
                self._queue.put_nowait(one)

        self._links[name] = Readable(socket, on_command)

    async def _work(self) -> None:
        while True:
            command = await self._queue.get()
            await self._handle(command)
            self._queue.task_done()

    async def _handle(self, command: IPCCommand) -> None:
        handler = self._handlers.get(command.command_type)
        if handler is None:
            _log.warning('%s sent "%s": no handler for it', command.sender_id, command.command_type)
            return
        try:
            done = handler(command)
            if inspect.isawaitable(done):
                await done
        except Exception as error:  # a user's own code: it may raise anything
            if self._on_handler_error is not None:
                self._on_handler_error(command, error)
            else:
                _log.exception("the handler of %s failed", command.command_type)

    def _unreadable(self, error: BadMessage) -> None:
        self.unreadable += 1
        if self.unreadable == 1:
            _log.warning("%s: %s", self.my_id, error)
