"""Journals for the tests of this room: real files, small and always the same."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from millstream.journal import Journal, JournalWriter, Kind, Manifest, RobotEntry
from millstream.model import (
    Checkpoint,
    CurrencyPair,
    Exchange,
    LogLine,
    OrderType,
    Output,
    PlaceOrder,
    SetTimer,
    Side,
    Ticker,
    Trade,
)
from millstream.model.codec import encode_events

MANIFEST = Manifest(
    run_id="r1",
    started_ns=1_700_000_000_000_000_000,
    seed=7,
    millstream_version="0.1.0",
    python_version="3.11.7",
    platform="linux",
    robots=(
        RobotEntry(
            name="quoter",
            class_path="quoter:Quoter",
            parameters={"spread": 2},
            code_hash="c0de",
            source_file="quoter.py",
        ),
    ),
    tags={"ticker.1": 1, "output.1": 60},
)


def ticker(number):
    price = 100.0 + number
    pair = CurrencyPair.BTC_USDT
    return Ticker(1_000 + number, Exchange.BINANCE, pair, 0, price, 1.0, price + 1, 2.5)


def trade(number):
    pair = CurrencyPair.ETH_USDT
    return Trade(1_000 + number, Exchange.BINANCE, pair, 990, 7.5, 0.25, Side.SELL, str(number))


def order(cause, price="101.5", robot="quoter"):
    return Output(
        cause,
        robot,
        PlaceOrder(
            Exchange.BINANCE,
            CurrencyPair.BTC_USDT,
            Side.BUY,
            OrderType.LIMIT,
            Decimal("0.5"),
            Decimal(price),
            order_id=f"r1{cause}",
        ),
    )


def line(cause, text="bid moved"):
    return Output(cause, "quoter", LogLine("info", text))


def timer(cause, interval_ns=5):
    return Output(cause, "quoter", SetTimer("pulse", interval_ns))


def checkpoint(cause, state=b"\x81\xa8position\x05"):
    return Output(cause, "quoter", Checkpoint(state[:16].ljust(16, b"\0"), state))


class Quoter:
    """A handler that answers every third event, the same each time it is asked."""

    def __init__(self, change=lambda outputs: outputs):
        self.seen = []
        self._change = change

    def handle(self, sequence, event):
        self.seen.append((sequence, event))
        if sequence % 3:
            return []
        return self._change([order(sequence), line(sequence), checkpoint(sequence)])


def drive(writer, handler, batches):
    """What the robots' loop does: append, think, append."""
    for events in batches:
        first = writer.append_events(encode_events(events), len(events))
        outputs = []
        for sequence, event in enumerate(events, first):
            outputs += handler.handle(sequence, event)
        writer.append_outputs(outputs)


def small_journal(directory, close="done", batches=6, **settings):
    """A journal of a few blocks of each kind, `batches` batches of two events."""
    writer = JournalWriter(Path(directory), MANIFEST, **settings)
    drive(writer, Quoter(), [[ticker(i), trade(i)] for i in range(batches)])
    if close is not None:
        writer.close(close)
    else:
        abandon(writer)
    return Path(directory)


def abandon(writer):
    """What kill -9 does: everything is let go, nothing is said."""
    import os

    if writer._sealer is not None:
        writer._sealer.finish()
    os.close(writer._descriptor)
    os.close(writer._lock)
    writer._lock = -1


def contents(directory):
    """All blocks of a journal as (kind, first sequence, count, body)."""
    return [
        (block.kind, block.first_sequence, block.count, block.body)
        for block in Journal.open(directory).blocks()
    ]


def event_bodies(directory):
    return [body for kind, _, _, body in contents(directory) if kind is Kind.EVENTS]
