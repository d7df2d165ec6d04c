"""The recordings of 2024-08-08: every frame accounted for, every value read a second way."""

import gzip
import json
from bisect import bisect_right
from decimal import Decimal

import pytest
from tests.exchange.binance import frames

from millstream.exchange import decoder
from millstream.model import Book, Refused, Resynced, Side, Stale, Ticker, Trade

CHANNELS = ("ticker", "trade", "book")


def recording(path):
    if not path.exists():
        pytest.skip(f"the recording {path.name} is not on this machine")
    with gzip.open(path) as lines:
        return [(int(ns), raw) for ns, raw in (line.rstrip().split(b" ", 1) for line in lines)]


@pytest.fixture(scope="module")
def spot():
    tape = recording(frames.SPOT)
    made = decoder("binance", ["btc/usdt"], CHANNELS)
    return tape, made, [(raw, made.feed(raw, ns)) for ns, raw in tape]


def test_every_frame_is_accounted_for(spot):
    tape, made, _ = spot
    counts = made.counts
    assert counts.frames == counts.accounted == len(tape) == 41_249
    assert (counts.malformed, counts.refused, counts.gaps, counts.buffered) == (0, 0, 0, 0)
    assert (counts.snapshots, counts.ignored) == (1, 2)
    assert counts.events == {
        "Ticker": 28_040,
        "Trade": 9_757,
        "Book": 3_449,
        "Stale": 1,
        "Resynced": 1,
    }


def test_tickers_and_trades_have_the_values_of_the_text(spot):
    checked = 0
    for raw, events in spot[2]:
        frame = json.loads(raw, parse_float=Decimal)
        data = frame.get("data")
        for event in events:
            if type(event) is Ticker:
                assert [event.bid_price, event.bid_volume] == [float(data["b"]), float(data["B"])]
                assert [event.ask_price, event.ask_volume] == [float(data["a"]), float(data["A"])]
                checked += 1
            elif type(event) is Trade:
                assert (event.price, event.volume) == (float(data["p"]), float(data["q"]))
                assert event.side is (Side.SELL if data["m"] else Side.BUY)
                assert event.exchange_ns == data["T"] * 1_000_000
                assert event.trade_id == str(data["t"])
                checked += 1
    assert checked == 37_797


def test_books_equal_a_plain_dictionary_of_decimals(spot):
    """The book read again with json and Decimal, in the simplest way there is."""
    diffs, book, last, checked = [], None, 0, 0
    served = [event for _, events in spot[2] for event in events if type(event) is Book]
    expected = iter(served)

    def apply(data):
        nonlocal last, checked
        if data["u"] <= last:
            return
        assert data["U"] <= last + 1
        for side, changes in zip(book, (data["b"], data["a"]), strict=True):
            for price, volume in changes:
                side[Decimal(price)] = Decimal(volume)
                if not side[Decimal(price)]:
                    del side[Decimal(price)]
        last = data["u"]
        event = next(expected)
        assert event.update_id == last
        if checked % 20 == 0:  # sorting every book would take a minute
            best = [sorted(book[0].items(), reverse=True)[:20], sorted(book[1].items())[:20]]
            plain = [[(float(p), float(v)) for p, v in side] for side in best]
            assert plain == [list(event.bids), list(event.asks)]
        checked += 1

    for raw, _ in spot[2]:
        frame = json.loads(raw)
        if "lastUpdateId" in frame:
            book = [
                {Decimal(price): Decimal(volume) for price, volume in frame[side]}
                for side in ("bids", "asks")
            ]
            last = frame["lastUpdateId"]
            for data in diffs:
                apply(data)
        elif "@depth" in frame["stream"]:
            if book is None:
                diffs.append(frame["data"])
            else:
                apply(frame["data"])
    assert checked == len(served) == 3_449


def test_no_book_is_crossed(spot):
    books = [event for _, events in spot[2] for event in events if type(event) is Book]
    assert all(book.bids[0][0] < book.asks[0][0] for book in books)


def test_the_best_of_a_book_is_the_ticker_of_the_same_update(spot):
    """bookTicker is an oracle: the last one at or before a book's update has its best prices."""
    ids, best, agree, books = [], [], 0, 0
    for raw, events in spot[2]:
        for event in events:
            if type(event) is Ticker:
                ids.append(json.loads(raw)["data"]["u"])
                best.append((event.bid_price, event.bid_volume, event.ask_price, event.ask_volume))
    for _, events in spot[2]:
        for event in events:
            if type(event) is Book:
                at = bisect_right(ids, event.update_id) - 1
                books += 1
                agree += at >= 0 and (*event.bids[0], *event.asks[0]) == best[at]
    assert agree == books


def test_the_end_of_the_snapshot_is_told_when_the_price_reaches_it(spot):
    kinds = [type(event) for _, events in spot[2] for event in events]
    assert kinds.count(Stale) == kinds.count(Resynced) == 1
    assert kinds.index(Resynced) < kinds.index(Stale)


def test_the_usdm_recording_is_refused_frame_by_frame_and_told_once_a_channel():
    made = decoder("binance", ["btc/usdt"], CHANNELS)
    tape = recording(frames.USDM)
    events = [event for ns, raw in tape for event in made.feed(raw, ns)]
    assert [type(event) for event in events] == [Refused] * 3
    assert made.counts.refused == made.counts.frames == 93_954
