"""The venue's websocket language; requests and answers as its documentation shows them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.model import CurrencyPair
from millstream.simulator.binance.streams import (
    Session,
    exchange_info,
    is_futures,
    pair_of,
    stream_of,
    unwrapped,
    wrapped,
)


def ask(session, **request):
    [reply] = session.receive(json.dumps(request))
    return reply.decode()


def test_a_subscription_is_acknowledged_with_null():
    session = Session("/ws")
    streams = ["btcusdt@aggTrade", "btcusdt@depth"]
    assert ask(session, method="SUBSCRIBE", params=streams, id=1) == '{"result":null,"id":1}'
    assert list(session.streams) == streams
    told = '{"result":["btcusdt@aggTrade","btcusdt@depth"],"id":3}'
    assert ask(session, method="LIST_SUBSCRIPTIONS", id=3) == told
    gone = ask(session, method="UNSUBSCRIBE", params=["btcusdt@depth"], id=312)
    assert gone == '{"result":null,"id":312}'
    assert list(session.streams) == ["btcusdt@aggTrade"]


def test_a_misspelt_stream_is_acknowledged_too():
    told = ask(Session("/stream"), method="SUBSCRIBE", params=["btcusdt@trad"], id=1)
    assert told == '{"result":null,"id":1}'


@pytest.mark.parametrize(
    ("path", "combined", "streams"),
    [
        ("/stream?streams=btcusdt@trade/ethusdt@depth@100ms", True, 2),
        ("/stream?streams=btcusdt%40trade", True, 1),
        ("/stream", True, 0),
        ("/ws/btcusdt@trade", False, 1),
        ("/ws/btcusdt@trade/ethusdt@trade", False, 2),
        ("/ws", False, 0),
        ("/ws/", False, 0),
    ],
)
def test_paths_name_streams_and_say_whether_frames_carry_their_name(path, combined, streams):
    session = Session(path)
    assert (session.combined, len(session.streams)) == (combined, streams)


@pytest.mark.parametrize("path", ["/", "/api", "", "/streams?streams=a"])
def test_other_paths_do_not_exist(path):
    with pytest.raises(ValueError, match="nothing at"):
        Session(path)


@pytest.mark.parametrize(
    ("text", "code", "says", "number"),
    [
        ("{oops", 3, "Invalid JSON: expected value at line", None),
        ("[1]", 2, "Invalid request: missing field method", None),
        ('{"id":1}', 2, "Invalid request: missing field method", 1),
        ('{"method":"SUBSCIRBE","params":[],"id":4}', 2, "unknown variant `SUBSCIRBE`", 4),
        ('{"method":"SUBSCRIBE","params":[],"id":-1}', 2, "request ID must be", None),
        ('{"method":"SUBSCRIBE","params":[],"id":1.5}', 2, "request ID must be", None),
        ('{"method":"SUBSCRIBE","params":"btcusdt@trade","id":5}', 2, "invalid type", 5),
        ('{"method":"SUBSCRIBE","params":[7],"id":"x6"}', 2, "invalid type", "x6"),
        ('{"method":"GET_PROPERTY","params":["color"],"id":7}', 0, "Unknown property", 7),
        ('{"method":"SET_PROPERTY","params":["combined",1],"id":8}', 1, "expected Boolean", 8),
        ('{"method":"GET_PROPERTY","id":9}', 2, "property name must be a string", 9),
    ],
)
def test_what_the_venue_does_not_understand_is_answered_with_its_error(text, code, says, number):
    [reply] = Session("/ws").receive(text)
    answer = json.loads(reply)
    assert answer["error"]["code"] == code
    assert says in answer["error"]["msg"]
    assert answer.get("id") == number


def test_more_than_1024_streams_are_refused():
    session = Session("/ws")
    told = ask(session, method="SUBSCRIBE", params=[f"s{n}@trade" for n in range(1025)], id=1)
    assert "error" in json.loads(told)
    assert not session.streams


def test_the_combined_property_is_read_and_set():
    session = Session("/ws")
    assert ask(session, method="GET_PROPERTY", params=["combined"], id=2) == (
        '{"result":false,"id":2}'
    )
    ask(session, method="SET_PROPERTY", params=["combined", True], id=5)
    assert session.combined is True


@given(st.binary(max_size=60) | st.text(max_size=60) | st.just(b"[" * 5000))
def test_nothing_a_client_sends_breaks_a_session(text):
    replies = Session("/ws").receive(text)
    assert all("result" in json.loads(reply) or "error" in json.loads(reply) for reply in replies)


@pytest.mark.parametrize(
    ("bare", "stream"),
    [
        (b'{"u":1,"s":"BTCUSDT","b":"1","B":"2","a":"3","A":"4"}', b"btcusdt@bookTicker"),
        (b'{"e":"trade","E":1,"s":"ETHUSDT","t":1}', b"ethusdt@trade"),
        (b'{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":1}', b"btcusdt@depth@100ms"),
        (b'{"e":"kline","E":1,"s":"BTCUSDT","k":{"i":"1m"}}', b"btcusdt@kline_1m"),
    ],
)
def test_a_bare_frame_gets_the_name_of_its_stream_and_loses_it_again(bare, stream):
    raw = wrapped(bare)
    assert raw == b'{"stream":"%b","data":%b}' % (stream, bare)
    assert stream_of(raw) == stream
    assert unwrapped(raw, stream) == bare


@pytest.mark.parametrize("raw", [b'{"result":null,"id":1}', b"x", b"\xff", b'{"e":"new","s":"A"}'])
def test_what_is_no_frame_of_a_stream_has_no_name(raw):
    assert wrapped(raw) is None


def test_futures_frames_are_told_from_spot_frames():
    assert is_futures(b'{"stream":"a@depth","data":{"e":"depthUpdate","U":1,"u":2,"pu":0}}')
    assert is_futures(b'{"stream":"a@bookTicker","data":{"e":"bookTicker","u":5}}')
    assert not is_futures(b'{"stream":"a@bookTicker","data":{"u":5,"s":"A"}}')


@pytest.mark.parametrize(
    ("symbol", "pair"), [("BTCUSDT", "BTC/USDT"), ("ETHBTC", "ETH/BTC"), ("SOLFDUSD", "SOL/FDUSD")]
)
def test_a_symbol_is_read_as_its_pair(symbol, pair):
    assert str(pair_of(symbol)) == pair


def test_exchange_info_lists_what_is_traded():
    info = json.loads(exchange_info([CurrencyPair.BTC_USDT], 123))
    assert info["serverTime"] == 123
    assert [s["symbol"] for s in info["symbols"]] == ["BTCUSDT"]
