"""A connection that takes the place of another without a hole.

It is opened beside the old one, and its frames are held. When its data has begun, both go on for
a moment, so that nothing falls between them; then the old one is closed, its last frames are read,
and the held ones follow. What both sent comes twice and in order: the decoder drops what it knows.
"""

from __future__ import annotations

import asyncio

from millstream.errors import StreamError
from millstream.model import Channel
from millstream.stream.link import Link
from millstream.stream.receiver import Receiver
from millstream.stream.settings import StreamSettings
from millstream.stream.websocket import OnFrame

MAX_HELD = 200_000  # frames


class Replacement:
    """One attempt to replace a connection: `get_ready`, then `take_over`."""

    def __init__(
        self, link: Link, receiver: Receiver, channel: Channel, settings: StreamSettings
    ) -> None:
        self.link = link
        self._receiver, self._settings = receiver, settings
        self._private = channel.private
        self._probe = receiver.probe()
        self._held: list[tuple[bytes, int]] = []

    async def get_ready(self, old: Link) -> None:
        """Open it and wait for its data. Raises StreamError when it ends before that."""
        await self.link.open(self._hold)
        waited_s = 0.0
        while not (self._has_data() or old.is_over or len(self._held) >= MAX_HELD):
            if waited_s >= self._settings.first_data_s:
                break  # quiet pairs: they have sent nothing on either
            await asyncio.sleep(0.02)
            waited_s += 0.02
            self._check()
        if not old.is_over:
            await asyncio.sleep(self._settings.overlap_s)
        self._check()

    def take_over(self, receive: OnFrame) -> None:
        """The old one has ended: hand on what was held, and what comes from now on."""
        self._receiver.replaced()
        held, self._held = self._held, []
        for raw, received_ns in held:
            receive(raw, received_ns)
        self.link.give_to(receive)

    def _hold(self, raw: bytes, received_ns: int) -> None:
        self._held.append((raw, received_ns))
        self._probe.frame(raw, received_ns)

    def _has_data(self) -> bool:
        """Whatever has sent on the old connection has sent on the new one."""
        here = {(topic.pair, topic.channel): topic for topic in self._probe.topics()}
        for topic in self._receiver.topics():
            new = here.get((topic.pair, topic.channel))
            if new is None or new.last_ns or (self._private and new.acknowledged):
                continue
            if topic.last_ns or not new.acknowledged:
                return False
        return True

    def _check(self) -> None:
        if self.link.is_over:
            raise StreamError("the new connection ended before it had replaced the old one.")
        for topic in self._probe.topics():
            if topic.refused:
                raise StreamError(f"the new connection was refused: {topic.refused}")
