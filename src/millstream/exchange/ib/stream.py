"""Interactive Brokers, live, by TWS or IB Gateway on this host or near it.

No websocket and no key: TWS is logged in, and takes a client id. One session carries all channels
of a stream (`session.py` says why); each channel has its own health, figures and reconnects in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

import msgspec

from millstream.errors import ConfigError, StreamError
from millstream.exchange.ib import wire
from millstream.exchange.ib.contracts import ContractSettings, what_to_show
from millstream.exchange.ib.decode import IBDecoder
from millstream.exchange.ib.link import SeatSupervisor
from millstream.exchange.ib.session import Seat, TwsSession, load_ib_async, tws_contract
from millstream.exchange.ib.subscription import Subscription
from millstream.exchange.live import VenueSettings, VenueStream
from millstream.model import Channel, CurrencyPair, Exchange

HOST = "tws://127.0.0.1:7497"  # paper trading; 7496 live, IB Gateway 4002 and 4001

_ANEW = 1101  # a seat that is left to subscribe anew, in TWS's own number
_CANCEL = {
    Channel.TRADE: "cancelTickByTickData",
    Channel.CANDLE: "cancelHistoricalData",
}


class IBSettings(VenueSettings, frozen=True, kw_only=True):
    """subscribe_args of IBStream."""

    client_id: int = 1  # api_auth_data says it too; 0 sees the orders typed in TWS
    book_depth: int = 10  # rows of each side
    candle_interval: str = "1m"
    candle_history: int = 10  # bars to look back at each connect: a reconnect misses none of them
    market_data_type: Literal[1, 2, 3, 4] = 1  # live, frozen, delayed, delayed and frozen
    tick_by_tick: bool = False  # tickers of every quote, for a few pairs; else 4 a second
    trade_ticks: Literal["Last", "AllLast"] = "Last"  # AllLast: combinations and odd lots too
    contracts: dict[str, ContractSettings] = msgspec.field(default_factory=dict)
    ack_s: float = 60.0  # TWS acknowledges nothing but by data
    stale_s: float | dict[Channel, float] = 300.0  # stocks and currencies have nights


class IBStream(VenueStream):
    """TWS or IB Gateway as a stream.

    api_host: "tws://host:port"; api_auth_data: the client id, or {"client_id": 7}.
    subscribe_args: a mapping with any of the fields of `IBSettings`.
    """

    settings_type = IBSettings
    schemes = ("tws",)
    channels: ClassVar[dict[Channel, str]] = {
        Channel.TICKER: "best bid and ask, about four times a second",
        Channel.TRADE: "trades, tick by tick",
        Channel.BOOK: "market depth",
        Channel.CANDLE: "bars that are kept up to date",
        Channel.MY_ORDER: "the account's orders, as far as the client id may see them",
        Channel.MY_TRADE: "the account's fills, from the beginning of the day",
        Channel.MY_ORDER_BATCH: "every open order, at each connect",
    }
    venue_settings: IBSettings

    def __init__(
        self,
        exchange: Exchange | str,
        currency_pairs: Iterable[CurrencyPair | str],
        subscribe_channels: Iterable[Channel | str],
        api_key: str = "",
        api_secret: str = "",
        api_auth_data: object = None,
        api_host: str = "",
        reconnect_times: int = -1,
        subscribe_args: Mapping[str, Any] | None = None,
    ) -> None:
        load_ib_async()
        super().__init__(
            exchange,
            currency_pairs,
            subscribe_channels,
            api_key,
            api_secret,
            api_auth_data,
            api_host,
            reconnect_times,
            subscribe_args,
        )
        self._ib_decoders = {
            channel: decoder
            for channel, decoder in self._decoders.items()
            if isinstance(decoder, IBDecoder)
        }
        settings = self.venue_settings
        if settings.lifetime_s:
            raise ConfigError("lifetime_s is of no use for ib: TWS ends no session for its age.")
        host, port = address(api_host or HOST)
        self.session = TwsSession(
            host,
            port,
            _client_id(api_auth_data, settings.client_id),
            timeout_s=settings.connect_timeout_s,
            idle_s=settings.ping_idle_s,
            reply_s=settings.ping_reply_s,
        )
        self._supervisors = {
            channel: SeatSupervisor(self, channel, int(str(reconnect_times)), self.session)
            for channel in self.subscribe_channels
        }

    def decoder(self, channel: Channel) -> IBDecoder:
        """A decoder for the frames of one channel."""
        settings = self.venue_settings
        return IBDecoder(
            self.currency_pairs,
            [channel],
            candle_interval=settings.candle_interval,
            contracts=settings.contracts,
        )

    async def carry(self, channel: Channel) -> None:
        """Keep one channel connected."""
        await self.run_decoded(self.api_host or HOST, channel, None)

    # ---- what its seats call --------------------------------------------------------------------

    def look(self, channel: Channel, seat: Seat) -> None:
        """After each frame: do what the decoder asks for."""
        decoder = self._ib_decoders[channel]
        for old, subscription in decoder.resubscriptions():
            self._cancel(seat, old, subscription)
            self._ask(seat, subscription, decoder)
        if decoder.must_reconnect:
            seat.end(_ANEW, f"to subscribe anew: {decoder.must_reconnect}")

    def ask(self, channel: Channel, seat: Seat) -> None:
        """Send the channel's requests."""
        decoder = self._ib_decoders[channel]
        if channel in (Channel.MY_ORDER, Channel.MY_ORDER_BATCH):
            if seat.client_id == 0:
                seat.request("reqAutoOpenOrders", True)
            seat.request("reqAllOpenOrders")
        if channel in (Channel.MY_ORDER, Channel.MY_TRADE):
            # Of MY_ORDER too: an order may have been filled while nobody listened.
            everything = load_ib_async().ExecutionFilter()
            seat.request("reqExecutions", wire.request_id(channel, 0), everything)
        if channel is Channel.TICKER:
            seat.request("reqMarketDataType", self.venue_settings.market_data_type)
        for subscription in decoder.subscriptions(channel):
            self._ask(seat, subscription, decoder)

    def leave(self, channel: Channel, seat: Seat) -> None:
        """Cancel the channel's requests, if there is still anybody to tell."""
        for subscription in self._ib_decoders[channel].subscriptions(channel):
            self._cancel(seat, subscription.request, subscription)

    def _ask(self, seat: Seat, subscription: Subscription, decoder: IBDecoder) -> None:
        settings, request = self.venue_settings, subscription.request
        known = decoder.contract(subscription.pair)
        contract = tws_contract(known)
        match subscription.channel:
            case Channel.TICKER if settings.tick_by_tick:
                seat.request("reqTickByTickData", request, contract, "BidAsk", 0, True)
            case Channel.TICKER:
                seat.request("reqMktData", request, contract, "", False, False, [])
            case Channel.TRADE:
                kind = settings.trade_ticks
                seat.request("reqTickByTickData", request, contract, kind, 0, False)
            case Channel.BOOK:
                rows, smart = settings.book_depth, known.exchange == "SMART"
                seat.request("reqMktDepth", request, contract, rows, smart, [])
            case Channel.CANDLE:
                bar, _ = wire.BARS_OF[settings.candle_interval]
                back = wire.duration(settings.candle_interval, settings.candle_history)
                show = what_to_show(known)
                seat.request(
                    "reqHistoricalData", request, contract, "", back, bar, show, 0, 2, True, []
                )

    def _cancel(self, seat: Seat, request: int, subscription: Subscription) -> None:
        settings, channel, more = self.venue_settings, subscription.channel, []
        if channel is Channel.TICKER:
            method = "cancelTickByTickData" if settings.tick_by_tick else "cancelMktData"
        elif channel is Channel.BOOK:
            contract = self._ib_decoders[channel].contract(subscription.pair)
            method, more = "cancelMktDepth", [contract.exchange == "SMART"]
        else:
            method = _CANCEL[channel]
        try:
            seat.request(method, request, *more)
        except StreamError:
            return  # the session is gone, and the subscription with it


def address(url: str, setting: str = "api_host") -> tuple[str, int]:
    """Host and port. setting: where the address was written."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "tws" or not parts.hostname or port is None:
        raise ConfigError(f'{setting} "{url}" of ib is not an address; write it like "{HOST}".')
    return parts.hostname, port


def _client_id(auth_data: object, default: int) -> int:
    given = auth_data.get("client_id", default) if isinstance(auth_data, Mapping) else auth_data
    if given is None or given == "":
        return default
    try:
        return msgspec.convert(given, int, strict=False)
    except msgspec.ValidationError:
        raise ConfigError(
            f"api_auth_data is {auth_data!r}; ib takes its client id there, a whole number like 1."
        ) from None
