"""What is asked of Kraken, word for word."""

import json

from millstream.exchange.kraken import wire
from millstream.model import Channel, CurrencyPair


def asked(method, channel, **settings):
    return json.loads(wire.request(method, channel, [CurrencyPair.BTC_USD], 7, **settings))


def test_a_ticker_is_asked_for_at_every_change_of_bid_or_ask():
    assert asked("subscribe", Channel.TICKER) == {
        "method": "subscribe",
        "params": {
            "channel": "ticker",
            "symbol": ["BTC/USD"],
            "snapshot": True,
            "event_trigger": "bbo",
        },
        "req_id": 7,
    }


def test_a_book_is_asked_for_and_left_by_its_depth():
    assert asked("subscribe", Channel.BOOK, book_depth=11)["params"]["depth"] == 25
    assert asked("unsubscribe", Channel.BOOK, book_depth=11)["params"] == {
        "channel": "book",
        "symbol": ["BTC/USD"],
        "depth": 25,
    }


def test_only_own_trades_ask_for_fills_of_the_past():
    for channel in (Channel.MY_ORDER, Channel.MY_ORDER_BATCH, Channel.MY_TRADE):
        parameters = asked("subscribe", channel, token="T")["params"]
        assert parameters["channel"] == "executions"
        assert parameters["snap_trades"] is (channel is Channel.MY_TRADE)
        assert parameters["snap_orders"] is (channel is not Channel.MY_TRADE)
        assert parameters["token"] == "T"


def test_the_asset_class_is_said_where_it_is_set():
    parameters = asked("subscribe", Channel.TRADE, asset_class="derivatives")["params"]
    assert parameters["asset_class"] == "derivatives"


def test_many_pairs_are_asked_for_in_few_messages():
    pairs = [CurrencyPair(f"A{n}", "USD") for n in range(230)]
    parts = wire.chunks(pairs)
    assert [len(part) for part in parts] == [100, 100, 30]
    assert [pair for part in parts for pair in part] == pairs
