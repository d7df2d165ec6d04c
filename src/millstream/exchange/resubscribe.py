"""A new subscription of one pair on a connection that goes on: what heals a book or an account.

The first follows at once; while none heals, the wait doubles as it does between connections. After
`MOST_TRIES` in a row that healed nothing, only a new connection may help.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from millstream.model import CurrencyPair
from millstream.stream.backoff import delay_s
from millstream.stream.settings import StreamSettings
from millstream.stream.talk import Talk

MOST_TRIES: Final = 6


class Resubscriber:
    """Asks anew, over the connection that serves.

    messages: what to send for a pair; None is the account.
    give_up: called with what could not be healed, when only a new connection may help.
    """

    def __init__(
        self,
        settings: StreamSettings,
        messages: Callable[[CurrencyPair | None], Sequence[bytes]],
        give_up: Callable[[CurrencyPair | None], None],
    ) -> None:
        self._settings, self._messages, self._give_up = settings, messages, give_up
        self._talks: list[Talk] = []  # the connection that serves, and one that is to replace it
        self._tries: dict[CurrencyPair | None, int] = {}  # in a row
        self._waiting: dict[CurrencyPair | None, asyncio.TimerHandle] = {}

    def connected(self, talk: Talk) -> None:
        """A new connection: instead of the last one, or beside it until that has ended."""
        if self._talk() is None:  # what was asked for on the old one is of no use
            self.cancel()
        # Whoever was to replace it and failed is forgotten: a venue may refuse them for months.
        self._talks = [one for one in self._talks if not one.is_over]
        self._talks.append(talk)

    def cancel(self) -> None:
        """Ask nothing more."""
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
        self._tries.clear()
        self._talks.clear()

    def ask(self, pairs: Iterable[CurrencyPair | None]) -> None:
        """These want a new subscription."""
        settings = self._settings
        for pair in pairs:
            if pair in self._waiting or self._talk() is None:
                continue
            tries = self._tries[pair] = self._tries.get(pair, 0) + 1
            if tries > MOST_TRIES:
                del self._tries[pair]
                self._give_up(pair)
                continue
            wait_s = 0.0
            if tries > 1:
                first_s, longest_s = settings.first_delay_s, settings.longest_delay_s
                wait_s = delay_s(tries - 1, first_s, longest_s, random.random())
            loop = asyncio.get_running_loop()
            self._waiting[pair] = loop.call_later(wait_s, self._send, pair)

    def healed(self, pair: CurrencyPair | None) -> None:
        """It is exact again: nothing is to be asked, and the next time begins without a wait."""
        self._tries.pop(pair, None)
        timer = self._waiting.pop(pair, None)
        if timer is not None:
            timer.cancel()

    def _send(self, pair: CurrencyPair | None) -> None:
        self._waiting.pop(pair, None)
        talk = self._talk()
        if talk is not None:
            for message in self._messages(pair):
                talk.send(message)

    def _talk(self) -> Talk | None:
        """Over the connection that serves; one that is to replace it has its own snapshots."""
        while self._talks and self._talks[0].is_over:
            del self._talks[0]
        return self._talks[0] if self._talks else None
