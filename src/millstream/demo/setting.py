"""The demo's configuration: what a user would write, made from what the tape holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from millstream.config import (
    Config,
    JournalSection,
    PaperSection,
    RiskSection,
    RobotSection,
    StreamSection,
)
from millstream.errors import ConfigError
from millstream.model import CurrencyPair

CANDLE_INTERVAL = "1s"

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


def demo_config(feed: Feed, ws: str, rest: str, seed: int) -> Config:
    """Two robots of two kinds on the feed's first pair, and one more quoter on each other pair.

    ws, rest: the addresses of the demo's exchange. Raises ConfigError when the feed has no pair.
    """
    if not feed.pairs:
        raise ConfigError("the tape has no pair that the demo's robots could trade")
    first = feed.pairs[0]
    robots = [_quoter(pair) for pair in feed.pairs]
    robots.insert(1, _crosser(first, feed))
    return Config(
        robots=robots,
        streams=[
            StreamSection(
                exchange="binance",
                currency_pairs=[str(pair).lower() for pair in feed.pairs],
                subscribe_channels=feed.channels,
                api_host=ws,
                subscribe_args={"rest_host": rest, "candle_interval": feed.candle_interval},
            )
        ],
        seed=seed,
        risk=RiskSection(
            max_orders_per_second=200, max_open_orders=10, max_position_notional=Decimal(10_000)
        ),
        paper=PaperSection(maker_fee_bps=Decimal(0), taker_fee_bps=Decimal("1.5"), latency_ms=5),
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


def _crosser(pair: CurrencyPair, feed: Feed) -> RobotSection:
    parameters = {
        "volume": _SIZES.get(pair.base, _OTHER_SIZE)[0],
        "interval": feed.candle_interval,
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
