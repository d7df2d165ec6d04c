"""The recorded frames, value by value against an independent reading: plain json and Decimal."""

import gzip
import json
from bisect import insort
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.exchange.coinbase import frames

from millstream.exchange import decoder
from millstream.model import Book, Candle, CurrencyPair, MyOrder, Resynced, Ticker, Trade

NOW = 1_786_562_900_000_000_000
ALL = ["ticker", "trade", "book"]
pytestmark = pytest.mark.skipif(
    not frames.RECORDING.exists(), reason="the recorded frames are not beside this checkout"
)


def recorded():
    """The frames of the Exchange feed on 2021-04-17, with their receive times."""
    with gzip.open(frames.RECORDING, "rt") as lines:
        for line in lines:
            stamp, _, text = line.partition(": ")
            if stamp[0].isdigit():  # the others are what the client sent
                yield text.encode(), int(Decimal(stamp) * 10**9)


def ns(text):
    """A time's nanoseconds, by datetime and what it cannot hold."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    since = datetime.fromisoformat(seconds).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(seconds=1) * 10**9 + int((fraction or "0").ljust(9, "0"))


def products():
    return sorted({json.loads(raw).get("product_id", "") for raw, _ in recorded()} - {""})


def test_every_frame_of_the_recording_is_accounted_for_and_no_hole_is_seen():
    one = decoder("coinbase", products(), ALL, feed="exchange")
    for raw, received_ns in recorded():
        one.feed(raw, received_ns)
    counts = one.counts
    assert (counts.frames, counts.accounted) == (9_946, 9_946)
    assert (counts.tickers, counts.trades, counts.books) == (107, 107, 9_729)
    assert (counts.malformed, counts.refused, counts.gaps, counts.resynced) == (0, 0, 0, 10)
    assert all(topic.acknowledged and topic.last_ns for topic in one.topics())


def test_every_ticker_and_trade_of_the_recording_has_the_values_sent():
    one = decoder("coinbase", products(), ["ticker", "trade"], feed="exchange")
    takers = {}
    told = 0
    for raw, received_ns in recorded():
        plain, events = json.loads(raw), one.feed(raw, received_ns)
        if plain["type"] == "ticker":
            (event,) = events
            assert type(event) is Ticker
            prices = Decimal(str(event.bid_price)), Decimal(str(event.ask_price))
            assert prices == (Decimal(plain["best_bid"]), Decimal(plain["best_ask"]))
            takers[plain["product_id"], str(plain["trade_id"])] = plain["side"]
        elif plain["type"] in ("match", "last_match"):
            (event,) = events
            assert type(event) is Trade
            numbers = Decimal(str(event.price)), Decimal(str(event.volume))
            assert numbers == (Decimal(plain["price"]), Decimal(plain["size"]))
            # The ticker of the same trade names the taker's side.
            key = plain["product_id"], event.trade_id
            assert takers.setdefault(key, str(event.side)) == str(event.side)
        else:
            continue
        told += 1
        assert event.symbol == CurrencyPair.parse(plain["product_id"])
        assert (event.received_ns, event.exchange_ns) == (received_ns, ns(plain["time"]))
    assert told == 214


def test_every_book_of_the_recording_is_the_one_kept_in_plain_decimals():
    one = decoder("coinbase", products(), ["book"], feed="exchange", book_depth=10)
    sides = {}  # product: {"buy": {price: size}, "sell": ...}
    order = {}  # the same prices, sorted
    checked = 0
    for raw, received_ns in recorded():
        plain, events = json.loads(raw), one.feed(raw, received_ns)
        books = [event for event in events if type(event) is Book]
        product = plain.get("product_id")
        if plain["type"] == "snapshot":
            named = {"buy": plain["bids"], "sell": plain["asks"]}
            sides[product] = {
                side: {Decimal(price): Decimal(size) for price, size in levels}
                for side, levels in named.items()
            }
            order[product] = {side: sorted(levels) for side, levels in sides[product].items()}
            assert type(events[0]) is Resynced
        elif plain["type"] == "l2update":
            for side, price, size in plain["changes"]:
                levels, prices = sides[product][side], order[product][side]
                price, size = Decimal(price), Decimal(size)
                if not size:
                    if levels.pop(price, None) is not None:
                        prices.remove(price)
                else:
                    if price not in levels:
                        insort(prices, price)
                    levels[price] = size
        else:
            assert books == []
            continue
        (book,) = books
        checked += 1
        best = {"buy": order[product]["buy"][:-11:-1], "sell": order[product]["sell"][:10]}
        for side, levels in (("buy", book.bids), ("sell", book.asks)):
            known = sides[product][side]
            assert [(Decimal(str(price)), Decimal(str(size))) for price, size in levels] == [
                (price, known[price]) for price in best[side]
            ]
    assert checked == 9_729


def advanced():
    """Single frames of Advanced Trade, from wherever they were found."""
    yield from (frames.FOLDER / "recent_2026_frames.jsonl").read_bytes().splitlines()
    for path in sorted((frames.FOLDER / "nautilus").glob("ws_*.json")):
        yield path.read_bytes()
    for path in sorted((frames.FOLDER / "jkorf").glob("*.txt")):
        _, _, pushed = path.read_bytes().partition(b"\n= ")
        if pushed.strip():
            yield pushed.strip()


def test_the_example_frames_of_advanced_trade_have_the_values_sent():
    seen = []
    for raw in advanced():
        plain = json.loads(raw)
        channels = ["ticker", "trade", "book", "candle", "my_order"]
        one = decoder("coinbase", ["btc/usd", "eth/usdt"], channels)
        events = one.feed(raw, NOW)
        assert one.counts.malformed == 0, one.counts.samples
        for event in events if "events" in plain else ():
            seen.append(type(event).__name__)
            check(event, plain)
    assert {name: seen.count(name) for name in ("Ticker", "Trade", "Candle", "MyOrder")} == {
        "Ticker": 4,
        "Trade": 11,
        "Candle": 2,
        "MyOrder": 2,
    }
    assert seen.count("Book") == 1


def check(event, plain):
    said = [part for one in plain["events"] for part in (one if isinstance(one, list) else [one])]
    if type(event) is Ticker:
        (tick,) = [tick for part in said for tick in part["tickers"]]
        assert event.exchange_ns == ns(plain["timestamp"])
        for ours, theirs in (
            (event.bid_price, "best_bid"),
            (event.bid_volume, "best_bid_quantity"),
            (event.ask_price, "best_ask"),
            (event.ask_volume, "best_ask_quantity"),
        ):
            assert Decimal(repr(ours)) == Decimal(tick[theirs])
    elif type(event) is Trade:
        (match,) = [m for part in said for m in part["trades"] if m["trade_id"] == event.trade_id]
        assert Decimal(repr(event.price)) == Decimal(match["price"])
        assert Decimal(repr(event.volume)) == Decimal(match["size"])
        assert event.exchange_ns == ns(match["time"])
        assert str(event.side) != match["side"].lower()  # theirs is the maker's
    elif type(event) is Candle:
        (bar,) = [bar for part in said for bar in part["candles"]]
        assert event.open_ns == int(bar["start"]) * 10**9
        for name in ("open", "high", "low", "close", "volume"):
            assert Decimal(repr(getattr(event, name))) == Decimal(bar[name])
    elif type(event) is Book:
        (book,) = said
        for side, levels in (("bid", event.bids), ("offer", event.asks)):
            theirs = [one for one in book["updates"] if one["side"] == side]
            assert {(Decimal(repr(price)), Decimal(repr(size))) for price, size in levels} == {
                (Decimal(one["price_level"]), Decimal(one["new_quantity"])) for one in theirs
            }
    elif type(event) is MyOrder:
        (own,) = [own for part in said for own in part["orders"]]
        assert (event.venue_id, event.order_id) == (own["order_id"], own["client_order_id"])
        assert event.filled_volume == Decimal(own["cumulative_quantity"])
        assert event.volume == event.filled_volume + Decimal(own["leaves_quantity"])
        assert str(event.side) == own["order_side"].lower()
