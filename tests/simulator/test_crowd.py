"""A generated market or a tape meets our clients' orders."""

import asyncio
import json
from decimal import Decimal

import pytest
from tests.simulator.clients import ccxt_client

from millstream.errors import TapeError
from millstream.model import CurrencyPair, OrderStatus, OrderType, Side
from millstream.simulator.crowd import Crowd
from millstream.simulator.grid import grids
from millstream.simulator.orders import Wish
from millstream.simulator.running import trading_exchange
from millstream.simulator.simulation import SimulationSettings, make_server

D = Decimal
PAIR = CurrencyPair("BTC", "USDT")
STREAMS = ("btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms")


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def frame(kind, **data):
    return compact({"stream": f"btcusdt@{kind}", "data": {"s": "BTCUSDT", **data}}).encode()


@pytest.fixture
def venue():
    return make_server(SimulationSettings(pairs=("BTC/USDT",))).venue


@pytest.fixture
def crowd(venue):
    crowd = Crowd(venue, STREAMS)
    book = {"bids": [["100", "2"], ["99", "5"]], "asks": [["101", "2"], ["102", "5"]]}
    crowd.snapshot(PAIR, json.dumps(book).encode(), 1)
    return crowd


def rest(venue, side, price, volume="1"):
    wish = Wish(
        account="account1", pair=PAIR, side=side, type=OrderType.LIMIT, price=D(price),
        volume=D(volume), kind="LIMIT",
    )  # fmt: skip
    return venue.place(wish, 2)


def test_an_own_order_waits_for_those_before_it(crowd, venue):
    mine = rest(venue, Side.BUY, "100")
    crowd.frame(frame("trade", p="100", q="2", m=True), 3)
    assert mine.filled == 0
    crowd.frame(frame("trade", p="100", q="0.25", m=True), 4)
    assert mine.filled == D("0.25")


def test_a_trade_below_an_own_bid_fills_it(crowd, venue):
    mine = rest(venue, Side.BUY, "100")
    crowd.frame(frame("trade", p="99", q="4", m=True), 3)
    assert mine.status is OrderStatus.FILLED
    assert mine.fills[0].price == 100


def test_the_best_price_of_a_ticker_removes_what_the_market_had_beyond_it_but_not_ours(
    crowd, venue
):
    mine = rest(venue, Side.BUY, "100")
    crowd.frame(frame("bookTicker", b="99", B="1", a="101", A="2"), 3)
    assert venue.books[PAIR].bids.levels(5) == [(D(100), D(1)), (D(99), D(1))]
    assert mine.open


def test_a_diff_that_moves_the_whole_book_up_does_not_cross_itself(crowd, venue):
    crowd.frame(frame("depth@100ms", b=[["101", "3"]], a=[["101", "0"]]), 3)
    assert venue.books[PAIR].bids.best == 101
    assert venue.books[PAIR].asks.best == 102
    assert venue.fills == []


def test_a_frame_that_cannot_be_read_is_named(crowd):
    with pytest.raises(TapeError, match="begins with"):
        crowd.frame(b'{"stream":"btcusdt@trade","data":{"p":"x"}}', 3)


def test_a_tapes_grid_is_as_fine_as_its_numbers():
    frames = [
        frame("trade", e="trade", p="100.50000000", q="0.00300000", m=True),
        frame("bookTicker", b="100.12500000", B="1.00000000", a="101.00000000", A="2.00000000"),
    ]
    assert grids(frames) == {"BTCUSDT": (D("0.001"), D("0.001"))}


def test_a_client_trades_on_a_tape(tmp_path):
    tape = tmp_path / "tape.txt"
    first = compact({"lastUpdateId": 1, "bids": [["100.0", "2"]], "asks": [["101.0", "2"]]})
    lines = [f"1700000000000000000 {first}"]
    lines += [
        f"{1700000000000000000 + second * 10**9 // 4} "
        + frame("trade", e="trade", p="100.0", q="1.5", m=True).decode()
        for second in range(1, 40)
    ]
    tape.write_text("\n".join(lines) + "\n")

    async def story(exchange):
        async with ccxt_client(exchange, "binance") as client:
            order = await client.create_order("BTC/USDT", "limit", "buy", 1, 100.0)
            async with asyncio.timeout(60):
                while (await client.fetch_order(order["id"], "BTC/USDT"))["status"] != "closed":
                    await asyncio.sleep(0.1)

    with trading_exchange(tape=tape) as exchange:
        asyncio.run(story(exchange))
        assert sum(fill.volume for fill in exchange.truth().fills) == 1
