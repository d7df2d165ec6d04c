"""The demo's configuration: what a user would write, made from what the tape holds."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from millstream.config import (
    Config,
    GatewaySection,
    JournalSection,
    PaperSection,
    RiskSection,
    RobotSection,
    StreamSection,
)
from millstream.errors import ConfigError
from millstream.model import CurrencyPair

CANDLE_INTERVAL = "1s"
MAKER_FEE_BPS, TAKER_FEE_BPS = Decimal(0), Decimal("1.5")  # of the exchange, or on paper

# Of each base currency: the volume of an order, and the venue's price grid.
_SIZES = {
    "BTC": ("0.002", "0.01"),
    "ETH": ("0.05", "0.01"),
    "SOL": ("1", "0.01"),
}
_OTHER_SIZE = ("1", "0.00000001")


class Feed(msgspec.Struct, frozen=True):
    """What there is to subscribe to."""

    streams: tuple[str, ...]  # Binance's names: "btcusdt@bookTicker"
    pairs: tuple[CurrencyPair, ...]

    @classmethod
    def of_pairs(cls, pairs: Sequence[str]) -> Feed:
        """Everything but candles, of these pairs: an exchange makes its candles by its own clock,
        and the market of the demo is faster than that.
        """
        found = tuple(CurrencyPair.parse(pair) for pair in pairs)
        kinds = ("bookTicker", "trade", "depth@100ms")
        names = [f"{(pair.base + pair.quote).lower()}@{kind}" for pair in found for kind in kinds]
        return cls(tuple(names), found)

    @property
    def candle_interval(self) -> str:
        """The interval of its candles; the demo's own when it has none."""
        klines = [name.partition("@kline_")[2] for name in self.streams if "@kline_" in name]
        return klines[0] if klines else CANDLE_INTERVAL

    @property
    def has_candles(self) -> bool:
        """Whether the venue sends candles, or the robot has to build them from trades."""
        return any("@kline_" in name for name in self.streams)

    @property
    def channels(self) -> list[str]:
        """The channels there are frames of."""
        marks = {
            "ticker": "@bookTicker",
            "trade": "@trade",
            "book": "@depth",
            "candle": "@kline_",
        }
        return [name for name, mark in marks.items() if any(mark in one for one in self.streams)]

    def expected(self) -> list[str]:
        """The streams that will be subscribed, so that the tape waits for all of them."""
        wanted = ("bookTicker", "trade", "depth@100ms", f"kline_{self.candle_interval}")
        return [name for name in self.streams if name.partition("@")[2] in wanted]


class Place(msgspec.Struct, frozen=True):
    """Where the demo's exchange is."""

    ws: str
    rest: str
    api_key: str = ""  # of an account to trade with; "": orders are filled on paper
    api_secret: str = ""

    def __repr__(self) -> str:
        return f"Place({self.ws}, {self.rest})"


def demo_config(feed: Feed, place: Place, seed: int, candles: str = "") -> Config:
    """Two robots of two kinds on the feed's first pair, and one more quoter on each other pair.

    candles: what the crosser reads, made from trades; "": as the feed has them, or 1s.
    Raises ConfigError when the feed has no pair.
    """
    if not feed.pairs:
        raise ConfigError("the tape has no pair that the demo's robots could trade")
    first = feed.pairs[0]
    robots = [_quoter(pair) for pair in feed.pairs]
    robots.insert(1, _crosser(first, feed, candles or feed.candle_interval))
    pairs = [str(pair).lower() for pair in feed.pairs]
    market = StreamSection(
        exchange="binance",
        currency_pairs=pairs,
        subscribe_channels=feed.channels,
        api_host=place.ws,
        subscribe_args={"rest_host": place.rest, "candle_interval": feed.candle_interval},
    )
    account = StreamSection(
        exchange="binance",
        currency_pairs=pairs,
        subscribe_channels=["my_order", "my_trade"],
        api_key=place.api_key,
        api_secret=place.api_secret,
        api_host=place.ws,
        subscribe_args={"rest_host": place.rest},
    )
    gateway = GatewaySection(
        kind="simulator",
        exchange="binance",
        client="own",
        api_key=place.api_key,
        api_secret=place.api_secret,
        url=place.rest,
        reconcile_s=5,
    )
    return Config(
        robots=robots,
        streams=[market, account] if place.api_key else [market],
        gateway=gateway if place.api_key else GatewaySection(),
        seed=seed,
        risk=RiskSection(
            max_orders_per_second=200, max_open_orders=10, max_position_notional=Decimal(10_000)
        ),
        paper=PaperSection(maker_fee_bps=MAKER_FEE_BPS, taker_fee_bps=TAKER_FEE_BPS, latency_ms=5),
        journal=JournalSection(),
    )


def _quoter(pair: CurrencyPair) -> RobotSection:
    volume, tick = _SIZES.get(pair.base, _OTHER_SIZE)
    parameters: dict[str, Any] = {
        "volume": volume,
        "tick": tick,
        "most_position": str(Decimal(volume) * 4),
    }
    return _robot(f"quoter-{pair.base.lower()}", "millstream.demo.quoter:Quoter", pair, parameters)


def _crosser(pair: CurrencyPair, feed: Feed, interval: str) -> RobotSection:
    parameters = {
        "volume": _SIZES.get(pair.base, _OTHER_SIZE)[0],
        "interval": interval,
        "from_trades": not feed.has_candles,
    }
    return _robot(
        f"crosser-{pair.base.lower()}", "millstream.demo.crosser:Crosser", pair, parameters
    )


def _robot(
    name: str, class_path: str, pair: CurrencyPair, parameters: dict[str, Any]
) -> RobotSection:
    market = f"binance@{str(pair).lower()}"
    return RobotSection(name=name, robot=class_path, markets=[market], parameters=parameters)
