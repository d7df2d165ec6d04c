"""Queues that nobody empties are told of, once a doubling."""

import asyncio
import logging

from millstream.model import Channel, CurrencyPair, Exchange, Stale, Ticker
from millstream.stream import outlet
from millstream.stream.outlet import Outlets

TICKER = Ticker(1, Exchange.OKX, CurrencyPair.BTC_USDT, 0, 1.0, 2.0, 3.0, 4.0)


class Slow:
    def __init__(self):
        self.ticker_queue, self.health_queue = asyncio.Queue(), asyncio.Queue()


def told(observer):
    return [observer.health_queue.get_nowait() for _ in range(observer.health_queue.qsize())]


def test_a_queue_that_grows_is_told_at_each_doubling_and_again_after_it_was_emptied(
    monkeypatch, caplog
):
    monkeypatch.setattr(outlet, "GROWN", 10)
    outlets, slow = Outlets(Exchange.OKX), Slow()
    outlets.bind(slow)

    def grow(count):
        outlets.publish(Channel.TICKER, [TICKER] * count)
        outlets.watch_growth(7)
        return [event.reason for event in told(slow)]

    with caplog.at_level(logging.WARNING):
        assert grow(9) == []
        assert grow(1) == ["10 events wait in ticker_queue: the observer is too slow"]
        assert grow(5) == []
        assert grow(85) == ["100 events wait in ticker_queue: the observer is too slow"]
        assert grow(50) == []  # 150: before 160
    assert "Slow 100 events wait in ticker_queue" in caplog.text
    while not slow.ticker_queue.empty():
        slow.ticker_queue.get_nowait()
    outlets.watch_growth(8)
    assert len(grow(10)) == 1


def test_the_report_is_a_stale_of_the_channel(monkeypatch):
    monkeypatch.setattr(outlet, "GROWN", 2)
    outlets, slow = Outlets(Exchange.OKX), Slow()
    outlets.bind(slow)
    outlets.publish(Channel.TICKER, [TICKER] * 2)
    outlets.watch_growth(7)
    (event,) = told(slow)
    assert (type(event), event.channel, event.received_ns) == (Stale, Channel.TICKER, 7)


def test_an_observer_without_sizes_is_left_alone():
    class Odd:
        ticker_queue = object()

    outlets = Outlets(Exchange.OKX)
    outlets.bind(Odd())
    outlets.watch_growth(7)
