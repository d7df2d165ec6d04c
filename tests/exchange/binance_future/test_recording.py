"""The USD-M recording of 2024-08-08: every frame accounted for, every value read a second way."""

import json
from decimal import Decimal

import pytest
from tests.exchange.binance import frames
from tests.exchange.binance.test_recording import recording

from millstream.exchange.binance_future.decode import BinanceFutureDecoder
from millstream.model import Book, Channel, CurrencyPair, Gap, Resynced, Side, Ticker, Trade

CHANNELS = (Channel.TICKER, Channel.TRADE, Channel.BOOK)


@pytest.fixture(scope="module")
def usdm():
    tape = recording(frames.USDM)
    made = BinanceFutureDecoder([CurrencyPair.BTC_USDT], CHANNELS)
    return made.counts, [(raw, made.feed(raw, ns)) for ns, raw in tape]


def events_of(usdm, kind):
    return [event for _, events in usdm[1] for event in events if type(event) is kind]


def test_every_frame_is_accounted_for_without_a_gap(usdm):
    counts, _ = usdm
    assert counts.frames == counts.accounted == 93_954
    assert (counts.malformed, counts.refused, counts.gaps, counts.buffered) == (0, 0, 0, 0)
    assert counts.events["Ticker"] == 66_089
    assert counts.events["Trade"] == 21_313
    assert counts.events["Book"] + counts.ignored == 6_551
    assert events_of(usdm, Gap) == []


def test_tickers_and_trades_have_the_values_of_the_text(usdm):
    checked = 0
    for raw, events in usdm[1]:
        for event in events:
            if type(event) not in (Ticker, Trade):
                continue
            data = json.loads(raw, parse_float=Decimal)["data"]
            assert event.exchange_ns == data["T"] * 1_000_000
            if type(event) is Ticker:
                assert [event.bid_price, event.bid_volume] == [float(data["b"]), float(data["B"])]
                assert [event.ask_price, event.ask_volume] == [float(data["a"]), float(data["A"])]
            else:
                assert (event.price, event.volume) == (float(data["p"]), float(data["q"]))
                assert event.side is (Side.SELL if data["m"] else Side.BUY)
                assert event.trade_id == str(data["t"])
            checked += 1
    assert checked == 87_402


def test_books_equal_a_plain_dictionary_of_decimals_and_are_never_crossed(usdm):
    """Read again with json and Decimal; pu must be the last u from the second update on."""
    diffs, book, last, chained, checked = [], None, 0, False, 0
    served = iter(events_of(usdm, Book))

    def apply(data):
        nonlocal last, chained, checked
        if data["u"] <= last:
            return
        assert data["pu"] == last if chained else data["pu"] <= last
        for side, changes in zip(book, (data["b"], data["a"]), strict=True):
            for price, volume in changes:
                side[Decimal(price)] = Decimal(volume)
                if not side[Decimal(price)]:
                    del side[Decimal(price)]
        last, chained = data["u"], True
        event = next(served)
        assert event.update_id == last
        assert event.bids[0][0] < event.asks[0][0]
        if checked % 50 == 0:  # sorting every book would take a minute
            best = [sorted(book[0].items(), reverse=True)[:20], sorted(book[1].items())[:20]]
            plain = [[(float(p), float(v)) for p, v in side] for side in best]
            assert plain == [list(event.bids), list(event.asks)]
        checked += 1

    for raw, _ in usdm[1]:
        if b"@bookTicker" in raw[:40] or b"@trade" in raw[:40]:
            continue
        frame = json.loads(raw)
        if "lastUpdateId" in frame:
            sides = frame["bids"], frame["asks"]
            book = [{Decimal(p): Decimal(v) for p, v in side} for side in sides]
            last = frame["lastUpdateId"]
            for data in diffs:
                apply(data)
        elif book is None:
            diffs.append(frame["data"])
        else:
            apply(frame["data"])
    assert next(served, None) is None
    assert checked == 6_547


def test_one_snapshot_synced_the_book(usdm):
    assert [event.update_id for event in events_of(usdm, Resynced)] == [5123107852948]
