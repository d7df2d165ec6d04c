"""Which markets the streams of a session carry, and streams for those that none carries yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from millstream.config import StreamSection
from millstream.errors import ConfigError
from millstream.exchange.live import VenueStream
from millstream.model import CurrencyPair, Exchange
from millstream.robot import Market

__all__ = ["PUBLIC", "Carrier"]

PUBLIC = ["ticker", "trade"]  # of an exchange that no section of the configuration names


class Carrier:
    """Makes streams for what robots that are added want to watch.

    make: a stream that is not started, from its section. begin: starts it, from any thread.
    """

    def __init__(
        self,
        sections: Sequence[StreamSection],
        make: Callable[[StreamSection], VenueStream],
        begin: Callable[[VenueStream], None],
    ) -> None:
        self._sections = list(sections)
        self._make = make
        self._begin = begin
        self._carried = {
            Market(Exchange.parse(section.exchange), CurrencyPair.parse(pair))
            for section in sections
            for pair in section.currency_pairs
        }

    def carry(self, markets: Sequence[Market]) -> Callable[[], None]:
        """What starts the streams that these markets still need. Raises MillstreamError.

        One stream for each exchange, like the one that the configuration has for it: its channels
        and hosts, without its keys.
        """
        new: dict[Exchange, list[Market]] = {}
        for market in dict.fromkeys(markets):
            if market not in self._carried:
                new.setdefault(market.exchange, []).append(market)
        streams = [self._make(self._section(*found)) for found in new.items()]

        def start() -> None:
            for stream in streams:
                self._begin(stream)
            self._carried.update(*new.values())

        return start

    def _section(self, exchange: Exchange, markets: Sequence[Market]) -> StreamSection:
        pairs = [str(market.symbol).lower() for market in markets]
        for known in self._sections:
            if Exchange.parse(known.exchange) is exchange:
                channels = [name for name in known.subscribe_channels if not name.startswith("my_")]
                if not channels:
                    raise ConfigError(f"no stream carries market data of {exchange}")
                return msgspec.structs.replace(
                    known, currency_pairs=pairs, subscribe_channels=channels,
                    api_key="", api_secret="", api_auth_data="",
                )  # fmt: skip
        return StreamSection(
            exchange=str(exchange), currency_pairs=pairs, subscribe_channels=PUBLIC
        )
