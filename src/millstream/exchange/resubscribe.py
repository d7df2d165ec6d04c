"""A new subscription of one pair on a connection that goes on: what heals a book or an account.

The first follows at once; while none heals, the wait doubles as it does between connections.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence

from millstream.model import CurrencyPair
from millstream.stream.backoff import delay_s
from millstream.stream.settings import StreamSettings
from millstream.stream.talk import Talk


class Resubscriber:
    """Asks anew, over the connection it was told of last.

    messages: what to send for a pair; None is the account.
    """

    def __init__(
        self, settings: StreamSettings, messages: Callable[[CurrencyPair | None], Sequence[bytes]]
    ) -> None:
        self._settings, self._messages = settings, messages
        self._talk: Talk | None = None
        self._tries: dict[CurrencyPair | None, int] = {}  # in a row
        self._waiting: dict[CurrencyPair | None, asyncio.TimerHandle] = {}

    def connected(self, talk: Talk) -> None:
        """A new connection: what was asked for on the old one is of no use."""
        self.cancel()
        self._talk = talk

    def cancel(self) -> None:
        """Ask nothing more."""
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
        self._tries.clear()
        self._talk = None

    def ask(self, pairs: Iterable[CurrencyPair | None]) -> None:
        """These want a new subscription."""
        settings = self._settings
        for pair in pairs:
            if pair in self._waiting or self._talk is None:
                continue
            tries = self._tries[pair] = self._tries.get(pair, 0) + 1
            wait_s = 0.0
            if tries > 1:
                first_s, longest_s = settings.first_delay_s, settings.longest_delay_s
                wait_s = delay_s(tries - 1, first_s, longest_s, random.random())
            loop = asyncio.get_running_loop()
            self._waiting[pair] = loop.call_later(wait_s, self._send, pair)

    def healed(self, pair: CurrencyPair | None) -> None:
        """It is exact again: the next time begins without a wait."""
        self._tries.pop(pair, None)

    def _send(self, pair: CurrencyPair | None) -> None:
        self._waiting.pop(pair, None)
        if self._talk is not None:
            for message in self._messages(pair):
                self._talk.send(message)
