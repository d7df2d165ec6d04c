"""What TWS says of its links to Interactive Brokers, and what can still be believed then. Pure.

    said                      ticker       trade, candle     book, private channels
    1100, 2110 link lost      Stale        Stale             Stale
    1101 back, data lost      Gap, anew    Gap, anew         Gap, anew
    1102 back, data kept      Resynced     Gap, anew         Gap, anew
    2103/2105 farm lost       Stale        Stale             Stale (book only)
    2104/2106 farm back       anew         anew              anew (book only)

"Anew" is `must_reconnect`: whoever owns the connection ends it and subscribes again. After a farm's
blip subscriptions may stay silent for ever, and TWS replays nothing of what went by.
"""

from __future__ import annotations

from collections.abc import Sequence

from millstream.exchange.decoding import FrameCounts
from millstream.exchange.ib import wire
from millstream.model import Channel, Event, Exchange, Gap, Resynced, Stale

_IB = Exchange.IB
_MARKET = {Channel.TICKER, Channel.TRADE, Channel.BOOK}


class Notices:
    """TWS's links to Interactive Brokers, as far as its notices say."""

    def __init__(self, channels: Sequence[Channel], counts: FrameCounts) -> None:
        self._channels, self._counts = channels, counts
        self.restart()

    def restart(self) -> None:
        """A new connection: all is taken to be well."""
        self.must_reconnect = ""
        self._link_lost = False
        self._farms_lost: set[int] = set()  # by the code that says they are back

    def notice(self, code: int, reason: str, now_ns: int) -> list[Event]:
        """What each channel makes of a notice."""
        events = [event for one in self._channels for event in self._of(one, code, reason, now_ns)]
        if code in wire.LINK_LOST:
            self._link_lost = True
        elif code in (wire.LINK_BACK_DATA_KEPT, wire.LINK_BACK_DATA_LOST):
            self._link_lost = False
        elif code in (wire.MARKET_FARM_LOST, wire.HISTORY_FARM_LOST):
            self._farms_lost.add(code + 1)
        else:
            self._farms_lost.discard(code)
        return events

    def _of(self, channel: Channel, code: int, reason: str, now_ns: int) -> list[Event]:
        counts = self._counts
        concerned = self._farms(channel)
        if (code in wire.LINK_LOST and not self._link_lost) or code + 1 in concerned:
            counts.stale += 1
            return [Stale(now_ns, _IB, channel, None, 0, reason)]
        if code == wire.LINK_BACK_DATA_KEPT and channel is Channel.TICKER:
            counts.resynced += 1
            return [Resynced(now_ns, _IB, channel, None, 0)]
        if code in (wire.LINK_BACK_DATA_LOST, wire.LINK_BACK_DATA_KEPT):
            self.must_reconnect = reason
            counts.gaps += 1
            return [Gap(now_ns, _IB, channel, None, "", "", 0, reason)]
        if code in concerned and code in self._farms_lost:
            self.must_reconnect = reason
        return []

    def _farms(self, channel: Channel) -> set[int]:
        """The farm that a channel's data comes from, by the code that says it is back."""
        if channel in _MARKET:
            return {wire.MARKET_FARM_BACK}
        return {wire.HISTORY_FARM_BACK} if channel is Channel.CANDLE else set()
