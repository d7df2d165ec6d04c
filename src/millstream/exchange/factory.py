"""One door to every venue: a live stream or a pure decoder by the venue's name.

A venue's modules are imported when the venue is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from millstream.errors import UnknownName
from millstream.exchange.decoding import Decoder
from millstream.model import Channel, CurrencyPair, Exchange

if TYPE_CHECKING:  # a decoder alone needs no sockets
    from millstream.exchange.live import VenueStream

# Each venue's folder has a `stream.py` and a `decode.py`; here are the classes in them.
VENUES: Final[dict[Exchange, tuple[str, str, str]]] = {
    Exchange.BINANCE: ("millstream.exchange.binance", "BinanceStream", "BinanceDecoder"),
    Exchange.BINANCE_FUTURE: (
        "millstream.exchange.binance_future",
        "BinanceFutureStream",
        "BinanceFutureDecoder",
    ),
    Exchange.COINBASE: ("millstream.exchange.coinbase", "CoinbaseStream", "CoinbaseDecoder"),
    Exchange.KRAKEN: ("millstream.exchange.kraken", "KrakenStream", "KrakenDecoder"),
    Exchange.KRAKEN_FUTURE: (
        "millstream.exchange.kraken_future",
        "KrakenFutureStream",
        "KrakenFutureDecoder",
    ),
    Exchange.OKX: ("millstream.exchange.okx", "OkxStream", "OkxDecoder"),
    Exchange.OKX_SWAP: ("millstream.exchange.okx_swap", "OkxSwapStream", "OkxSwapDecoder"),
    Exchange.IB: ("millstream.exchange.ib", "IBStream", "IBDecoder"),
}


def get_exchange_stream(
    exchange: Exchange | str,
    currency_pairs: Iterable[CurrencyPair | str],
    subscribe_channels: Iterable[Channel | str],
    api_key: str = "",
    api_secret: str = "",
    api_auth_data: object = None,
    api_host: str = "",
    reconnect_times: int = -1,
    subscribe_args: Mapping[str, Any] | None = None,
) -> VenueStream:
    """A venue's live stream, not started yet.

    api_host: another websocket host than the venue's own, like "ws://127.0.0.1:9000".
    reconnect_times: -1 for ever, 0 never, n at most n times in a row.
    subscribe_args: the venue's own settings; its stream class lists them.
    Raises UnknownName for a venue we have not, ConfigError for a channel it does not offer.
    """
    venue = _exchange(exchange)
    folder, stream_class, _ = VENUES[venue]
    stream = getattr(import_module(f"{folder}.stream"), stream_class)(
        venue,
        list(currency_pairs),
        list(subscribe_channels),
        api_key,
        api_secret,
        api_auth_data,
        api_host,
        reconnect_times,
        subscribe_args,
    )
    return cast("VenueStream", stream)


def decoder(
    exchange: Exchange | str,
    pairs: Iterable[CurrencyPair | str],
    channels: Iterable[Channel | str],
    **settings: Any,
) -> Decoder:
    """A venue's pure decoder: `feed(raw, received_ns)` gives the events of a frame.

    settings: the venue's own, like book_depth; its decoder class lists them.
    Raises UnknownName for a venue we have not, ConfigError for a setting it refuses.
    """
    folder, _, decoder_class = VENUES[_exchange(exchange)]
    made = getattr(import_module(f"{folder}.decode"), decoder_class)(
        [CurrencyPair.parse(pair) if isinstance(pair, str) else pair for pair in pairs],
        [Channel.parse(channel) for channel in channels],
        **settings,
    )
    return cast("Decoder", made)


def _exchange(name: Exchange | str) -> Exchange:
    venue = name if isinstance(name, Exchange) else Exchange.parse(name)
    if venue not in VENUES:
        offered = ", ".join(str(exchange) for exchange in VENUES)
        raise UnknownName(f'exchange "{venue}" comes with a later release; offered now: {offered}.')
    return venue
