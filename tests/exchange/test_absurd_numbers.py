"""A number that no journal can hold: its frame is malformed, where it would end a whole batch."""

import pytest

from millstream.exchange import decoder
from millstream.exchange.ib.wire import request_id
from millstream.model import Channel
from millstream.model.codec import encode_events

HUGE = "9" * 30


def tws(*fields):
    return "".join(f"{field}\0" for field in fields).encode()


def okx_book(number):
    return (
        '{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":'
        '[["60001.0","0.1","0","1"]],"bids":[["60000.0","0.1","0","1"]],"ts":"1597026383085",'
        f'"checksum":0,"seqId":{number},"prevSeqId":-1}}]}}'
    ).encode()


def tws_quote(second):
    return tws(99, request_id(Channel.TICKER, 0), 3, second, 1.1, 1.2, 3, 4, 0)


def tws_trade(second):
    return tws(99, request_id(Channel.TRADE, 0), 1, second, 200.5, 3, 0, "NASDAQ", "")


def tws_bar(second):
    return tws(90, request_id(Channel.CANDLE, 0), 5, second, 1.1, 1.2, 1.3, 1.0, 1.1, 9)


def tws_bar_of(trades):
    return tws(90, request_id(Channel.CANDLE, 0), trades, 1795190280, 1.1, 1.2, 1.3, 1.0, 1.1, 9)


STOCK = {"contracts": {"aapl/usd": {"sec_type": "STK"}}}


@pytest.mark.parametrize(
    ("venue", "pair", "channel", "settings", "frame", "usual"),
    [
        ("okx", "btc/usdt", "book", {}, okx_book, 7),
        ("ib", "eur/usd", "ticker", {}, tws_quote, 1795190290),
        ("ib", "aapl/usd", "trade", STOCK, tws_trade, 1795190290),
        ("ib", "eur/usd", "candle", {}, tws_bar, 1795190280),
        ("ib", "eur/usd", "candle", {}, tws_bar_of, 5),
    ],
)
def test_an_absurd_number_is_malformed(venue, pair, channel, settings, frame, usual):
    made = decoder(venue, [pair], [channel], **settings)
    encode_events(made.feed(frame(HUGE), 1))
    assert made.counts.malformed == 1
    assert encode_events(made.feed(frame(usual), 2)) > encode_events([])
