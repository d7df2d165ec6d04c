"""The Exchange feed, frame by frame."""

import json

import pytest
from tests.exchange.coinbase import frames

from millstream.exchange import decoder
from millstream.model import (
    Book,
    Channel,
    CurrencyPair,
    Exchange,
    Gap,
    Refused,
    Resynced,
    Side,
    Ticker,
    Trade,
)

BAND = CurrencyPair.parse("band/gbp")
NOW = 1_618_677_900_000_000_000
TRADED_NS = 1_618_677_810_244_075_000  # 2021-04-17T16:43:30.244075Z


def made(*channels, pairs=(BAND,), **settings):
    return decoder("coinbase", pairs, channels, feed="exchange", **settings)


def fed(one, *some):
    return [event for raw in some for event in one.feed(raw, NOW)]


def kinds(events):
    return [type(event) for event in events]


def accounted(one):
    assert one.counts.frames == one.counts.accounted
    return one.counts


def match(number, product="BAND-GBP"):
    raw = frames.EXCHANGE_MATCH.replace(b"881613", str(number).encode())
    return raw.replace(b"last_match", b"match").replace(b"BAND-GBP", product.encode())


def heartbeat(last_trade_id):
    body = {"type": "heartbeat", "sequence": 9, "last_trade_id": last_trade_id}
    return json.dumps(body | {"product_id": "BAND-GBP", "time": "2021-04-17T16:43:31Z"}).encode()


def snapshot(bids, asks):
    body = {"type": "snapshot", "product_id": "BAND-GBP", "asks": asks, "bids": bids}
    return json.dumps(body, separators=(",", ":")).encode()


def update(*changes):
    body = {"type": "l2update", "product_id": "BAND-GBP", "changes": changes}
    body["time"] = "2021-04-17T16:43:30.244075Z"
    return json.dumps(body, separators=(",", ":")).encode()


def ack(**channels):
    listed = [{"name": name, "product_ids": products} for name, products in channels.items()]
    return json.dumps({"type": "subscriptions", "channels": listed}).encode()


def test_a_real_ticker_of_2021_becomes_the_best_bid_and_ask_without_volumes():
    (event,) = fed(made("ticker"), frames.EXCHANGE_TICKER)
    assert event == Ticker(NOW, Exchange.COINBASE, BAND, TRADED_NS, 14.7550, 0.0, 14.8060, 0.0)


def test_the_volumes_of_todays_ticker_are_read():
    raw = frames.EXCHANGE_TICKER.replace(
        b'"best_ask"', b'"best_bid_size":"0.1","best_ask_size":"0.2","best_ask"'
    )
    (event,) = fed(made("ticker"), raw)
    assert (event.bid_volume, event.ask_volume) == (0.1, 0.2)


def test_a_ticker_older_than_the_last_is_not_told():
    one = made("ticker")
    older = frames.EXCHANGE_TICKER.replace(b"333938798", b"333938797")
    assert kinds(fed(one, frames.EXCHANGE_TICKER, older)) == [Ticker]
    assert accounted(one).ignored == 1


def test_a_match_names_the_makers_side_and_the_trade_the_takers():
    # ticker.side of the same trade id is "buy": the taker's
    (event,) = fed(made("trade"), frames.EXCHANGE_MATCH)
    assert event == Trade(
        NOW, Exchange.COINBASE, BAND, TRADED_NS, 14.7775, 0.04, Side.BUY, "881613"
    )


def test_a_missing_trade_id_is_told():
    one = made("trade")
    events = fed(one, match(5), match(8))
    assert kinds(events) == [Trade, Gap, Trade]
    assert (events[1].expected, events[1].got, events[1].missing) == ("6", "8", 2)
    accounted(one)


def test_the_last_match_after_a_reconnect_is_told_only_when_it_is_new():
    one = made("trade")
    fed(one, match(5))
    one.restart()
    assert kinds(fed(one, match(5), match(6))) == [Trade]


def test_a_trade_that_two_heartbeats_know_and_we_do_not_is_a_gap():
    one = made("trade")
    events = fed(one, match(5), heartbeat(7), heartbeat(7))
    assert kinds(events) == [Trade, Gap]
    assert (events[1].expected, events[1].got, events[1].missing) == ("6", "8", 2)
    assert kinds(fed(one, match(8))) == [Trade]
    accounted(one)


def test_a_trade_that_comes_after_its_heartbeat_is_no_gap():
    one = made("trade")
    assert kinds(fed(one, match(5), heartbeat(6), match(6), heartbeat(6))) == [Trade, Trade]


def test_a_snapshot_and_an_update_become_the_book_as_it_stands():
    one = made("book")
    events = fed(
        one,
        snapshot([["14.7", "1"], ["14.6", "2"]], [["14.8", "12.77"]]),
        update(["buy", "14.7", "0.00"], ["sell", "14.75", "3"]),
    )
    assert kinds(events) == [Resynced, Book, Book]
    assert (events[2].bids, events[2].asks) == (((14.6, 2.0),), ((14.75, 3.0), (14.8, 12.77)))
    assert (events[1].exchange_ns, events[2].exchange_ns) == (0, TRADED_NS)
    accounted(one)


def test_a_crossed_book_is_never_served_and_asked_for_anew():
    one = made("book")
    events = fed(one, snapshot([["14.7", "1"]], [["14.8", "1"]]), update(["buy", "14.9", "1"]))
    assert kinds(events) == [Resynced, Book, Gap]
    assert one.resubscriptions() == [BAND]
    assert fed(one, update(["buy", "14.9", "0"])) == []
    accounted(one)


def test_a_crossed_snapshot_is_not_served():
    one = made("book")
    assert kinds(fed(one, snapshot([["14.9", "1"]], [["14.8", "1"]]))) == [Gap]
    accounted(one)


def test_the_acknowledgement_marks_what_it_lists_and_refuses_what_it_lacks():
    one = made("book", pairs=[BAND, CurrencyPair.parse("xyz/gbp")])
    (event,) = fed(one, ack(level2_batch=["BAND-GBP"], heartbeat=["BAND-GBP"]))
    assert (type(event), event.channel, str(event.symbol)) == (Refused, Channel.BOOK, "XYZ/GBP")
    assert [topic.acknowledged for topic in one.topics()] == [True, False]


def test_an_error_that_names_a_product_refuses_that_one():
    one = made("ticker", pairs=[BAND, CurrencyPair.parse("xyz/gbp")])
    reason = b'"message":"Failed to subscribe","reason":"XYZ-GBP is not a valid product"'
    (event,) = fed(one, b'{"type":"error",' + reason + b"}")
    assert (type(event), str(event.symbol)) == (Refused, "XYZ/GBP")
    assert event.reason == "Failed to subscribe: XYZ-GBP is not a valid product"
    assert [topic.refused != "" for topic in one.topics()] == [False, True]


@pytest.mark.parametrize("channel", ["ticker", "trade", "book"])
def test_another_product_is_ignored(channel):
    one = made(channel, pairs=[CurrencyPair.BTC_USD])
    some = [frames.EXCHANGE_TICKER, match(5), snapshot([], []), update(["buy", "1", "1"])]
    assert fed(one, *some) == []
    assert accounted(one).ignored == 4


def test_an_update_that_cannot_be_read_ends_its_book_since_no_number_will_miss_it():
    one = made("book")
    good = update(["buy", "14.70", "2"])
    assert kinds(fed(one, snapshot([["14.7", "1"]], [["14.8", "1"]]), good))[-1] is Book
    assert kinds(fed(one, good.replace(b'"2"', b'"two"'))) == [Gap]
    assert fed(one, good) == []
    assert one.resubscriptions() == [BAND]
    assert kinds(fed(one, snapshot([["14.7", "1"]], [["14.8", "1"]]))) == [Resynced, Book]
    assert accounted(one).malformed == 1
