"""Journals to measure with: a manifest, a small robot, and a session written as the loop does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import cycle, islice
from pathlib import Path

import msgspec

from millstream.journal import JournalWriter, Manifest
from millstream.model import (
    CurrencyPair,
    Event,
    Exchange,
    PlaceOrder,
    SessionEnd,
    Side,
    Ticker,
    Trade,
)
from millstream.model.codec import encode_events
from millstream.robot import Market, Robot, RobotGroup, robo_loop
from millstream.robot.robot import NoParameters
from millstream.robot.setup import RobotSetup

BATCH = 64  # what the publisher puts in a message when it is busy
PAIRS = ("btc/usdt", "eth/usdt", "sol/usdt")


def manifest() -> Manifest:
    """A manifest that names nothing of this machine."""
    return Manifest(
        run_id="bench1",
        started_ns=1_723_161_600_000_000_000,
        seed=1,
        millstream_version="0",
        python_version="3",
        platform="bench",
        settings={"whole_checkpoints": True},  # as sessions write them
    )


class Small(msgspec.Struct):
    events: int = 0
    last_price: float = 0.0
    orders: int = 0


class SmallRobot(Robot):
    """Counts, keeps the last price, and places an order at every thousandth event."""

    State = Small

    def on_ticker(self, ticker: Ticker) -> PlaceOrder | None:
        state = self.state
        state.last_price = ticker.bid_price
        return self._counted()

    def on_trade(self, trade: Trade) -> PlaceOrder | None:
        state = self.state
        state.last_price = trade.price
        return self._counted()

    def _counted(self) -> PlaceOrder | None:
        state = self.state
        state.events += 1
        if state.events % 1_000:
            return None
        state.orders += 1
        return self.limit(Side.BUY, Decimal("60000.00"), Decimal("0.001"))


def small_robots() -> RobotGroup:
    """A group with the small robot on three pairs."""
    robots = RobotGroup("bench1", 1)
    markets = tuple(Market(Exchange.BINANCE, CurrencyPair.parse(pair)) for pair in PAIRS)
    robots.add(RobotSetup("small", SmallRobot, markets, NoParameters()))
    return robots


def batches(events: Sequence[Event], size: int = BATCH) -> list[bytes]:
    """Events as the bus carries them."""
    return [encode_events(events[at : at + size]) for at in range(0, len(events), size)]


class _Batches:
    """The robo endpoint's receiver, with everything already in it."""

    def __init__(self, bodies: Iterator[bytes]) -> None:
        self._bodies = bodies

    def receive(self, timeout_ms: int) -> bytes | None:
        return next(self._bodies, None) or encode_events([SessionEnd(0, "the end")])


class _Wishes:
    def send(self, body: bytes, timeout_ms: int = 0) -> bool:
        return True


def write_session(
    folder: Path, bodies: list[bytes], count: int, told: Manifest | None = None
) -> int:
    """The journal of a session of `count` batches, the given ones again and again."""
    journal = JournalWriter(folder, told or manifest())
    robo_loop(_Batches(islice(cycle(bodies), count)), small_robots(), journal, _Wishes(), lambda: 0)
    journal.close("the end")
    return journal.next_sequence - 1
