"""One connection from its opening to its end: limits, login, subscription, keepalive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from millstream.stream import websocket
from millstream.stream.limits import Allowance, HostLimits, Limits
from millstream.stream.outbox import Outbox
from millstream.stream.settings import StreamSettings
from millstream.stream.talk import Keepalive, Prepare, Talk, encoded
from millstream.stream.websocket import Connection, OnFrame

Message: TypeAlias = "str | bytes | dict[str, Any] | Sequence[str | bytes | dict[str, Any]] | None"
Subscribe: TypeAlias = Callable[[], Awaitable[Message]]
Callback: TypeAlias = Callable[[], object]  # may be async
Host: TypeAlias = str | Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a channel is connected, each time anew."""

    host: Host
    subscribe: Subscribe | None = None
    prepare: Prepare | None = None
    keepalive: Keepalive | None = None
    on_connected: Callback | None = None
    on_disconnected: Callback | None = None


class Link:
    """A connection that was opened by a plan. `open` once, then `ended` and `close`."""

    def __init__(
        self, plan: Plan, settings: StreamSettings, limits: Limits, allowed: HostLimits
    ) -> None:
        self._plan, self._settings = plan, settings
        self._limits, self._allowed = limits, allowed
        self._messages = Allowance(allowed.messages) if allowed.messages is not None else None
        self._connection: Connection | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._why = ""  # why we hung up
        self._place = ""  # the host and its port
        self.began_ns = 0
        self.heard_ns = 0  # when the keepalive was answered last

    async def open(self, receive: OnFrame, paused: bool = False) -> None:
        """Connect, log in, subscribe; frames go to `receive`. Raises StreamError."""
        plan, settings = self._plan, self._settings
        host = plan.host if isinstance(plan.host, str) else await plan.host()
        self._place = urlsplit(host).netloc
        await asyncio.sleep(self._limits.connect(self._place, self._allowed, time.monotonic_ns()))
        talk = Talk() if plan.prepare is not None else None
        receive = self._answers_eaten(receive)
        self._connection = connection = await websocket.connect(
            host,
            talk.on_frame if talk is not None else receive,
            timeout_s=settings.connect_timeout_s,
            ping_idle_s=settings.ping_idle_s,
            ping_reply_s=settings.ping_reply_s,
            max_frame_bytes=settings.max_frame_bytes,
        )
        outbox = Outbox(connection, self._wait_s, asyncio.get_running_loop().call_later)
        self.began_ns = time.time_ns()
        if paused:
            connection.pause_reading()
        if talk is not None and plan.prepare is not None:
            talk.open(connection, outbox)
            ended = asyncio.ensure_future(connection.ended())
            ended.add_done_callback(lambda _: talk.ended())
            try:
                await plan.prepare(talk)
            finally:
                ended.cancel()
            talk.pass_on(receive)
            connection.give_to(receive)
        await self._send(outbox, await plan.subscribe() if plan.subscribe is not None else None)
        if plan.keepalive is not None:
            self._keeper = asyncio.create_task(self._keep(connection, plan.keepalive))

    def give_to(self, receive: OnFrame) -> None:
        """Frames go there from now on."""
        if self._connection is not None:
            self._connection.give_to(self._answers_eaten(receive))

    async def ended(self) -> tuple[int, str]:
        """Wait for the end; the close code and the reason."""
        assert self._connection is not None
        code, reason = await self._connection.ended()
        return code, self._why or reason

    @property
    def is_over(self) -> bool:
        """The connection has ended, or never was."""
        return self._connection is None or self._connection.is_over

    async def close(self) -> None:
        """Say goodbye and hang up."""
        if self._keeper is not None:
            self._keeper.cancel()
        if self._connection is not None:
            await self._connection.close()

    def pause_reading(self) -> None:
        """Read nothing more until `resume_reading`."""
        if self._connection is not None:
            self._connection.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._connection is not None:
            self._connection.resume_reading()

    async def _send(self, outbox: Outbox, message: Message) -> None:
        if message is None:
            return
        messages = [message] if isinstance(message, (str, bytes, dict)) else message
        for number, one in enumerate(messages):
            if number:
                await asyncio.sleep(self._settings.message_pause_s)
            await asyncio.sleep(outbox.put(encoded(one)))

    def _wait_s(self) -> float:
        """Until the next message may be sent: on this connection, and to this host."""
        now_ns = time.monotonic_ns()
        own_s = self._messages.take(now_ns) if self._messages is not None else 0.0
        return max(own_s, self._limits.message(self._place, self._allowed, now_ns))

    def _answers_eaten(self, receive: OnFrame) -> OnFrame:
        keepalive = self._plan.keepalive
        if keepalive is None or not keepalive.answer:
            return receive
        answer = keepalive.answer

        def on_frame(raw: bytes, received_ns: int) -> None:
            self.heard_ns = received_ns
            if raw != answer:
                receive(raw, received_ns)

        return on_frame

    async def _keep(self, connection: Connection, keepalive: Keepalive) -> None:
        """Send the text ping; hang up when nothing at all comes back, where an answer is due."""
        while True:
            await asyncio.sleep(keepalive.every_s)
            sent_ns = time.time_ns()
            connection.send(keepalive.message)
            if not keepalive.answer:
                continue
            await asyncio.sleep(self._settings.ping_reply_s)
            if self.heard_ns < sent_ns and not connection.reading_paused:
                self._why = f"{websocket.NO_ANSWER} within {self._settings.ping_reply_s:g} s"
                connection.hang_up()
                return
