"""What each venue is really sent: ccxt's own classes build the request, and nobody sends it."""

import functools
import json
from decimal import Decimal
from urllib.parse import parse_qs, urlparse

import ccxt
import msgspec
import pytest
from tests.orders.sample import order

from millstream.model import CurrencyPair, Exchange, OrderType, Side, TimeInForce
from millstream.orders.lines.ccxt.words import arguments, instrument_of
from millstream.orders.lines.venues import FACTS

E = Exchange
QUOTES = {E.KRAKEN_FUTURE: "USD", E.COINBASE: "USD"}
IDS = {
    E.BINANCE: "BTCUSDT",
    E.BINANCE_FUTURE: "BTCUSDT",
    E.KRAKEN: "XBTUSDT",
    E.KRAKEN_FUTURE: "PF_XBTUSD",
    E.COINBASE: "BTC-USD",
    E.OKX: "BTC-USDT",
    E.OKX_SWAP: "BTC-USDT-SWAP",
}
NAMES = {  # of our client id, in the venue's own words
    E.BINANCE: "newClientOrderId",
    E.BINANCE_FUTURE: "newClientOrderId",
    E.KRAKEN: "cl_ord_id",
    E.KRAKEN_FUTURE: "cliOrdId",
    E.COINBASE: "client_order_id",
    E.OKX: "clOrdId",
    E.OKX_SWAP: "clOrdId",
}
VENUES = sorted(one for one in FACTS if FACTS[one].library_name)


class Sent(Exception):
    """The request, instead of an answer."""


def market(venue):
    facts = FACTS[venue]
    quote = QUOTES.get(venue, "USDT")
    swap = facts.contracts
    return {
        "id": IDS[venue],
        "symbol": facts.symbol(CurrencyPair("BTC", quote)),
        "base": "BTC", "quote": quote, "baseId": "BTC", "quoteId": quote,
        "settle": quote if swap else None, "settleId": quote if swap else None,
        "type": "swap" if swap else "spot", "spot": not swap, "swap": swap, "future": False,
        "option": False, "margin": False, "contract": swap, "linear": swap or None,
        "inverse": False if swap else None, "active": True, "index": False,
        "contractSize": {E.OKX_SWAP: 0.01}.get(venue, 1.0) if swap else None,
        "precision": {"price": 0.1, "amount": 1.0 if venue is E.OKX_SWAP else 0.0001},
        "limits": {"amount": {"min": 0.0001}, "cost": {"min": None}},
        "info": {"orderTypes": [
            "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "STOP", "STOP_MARKET",
        ]},
    }  # fmt: skip


@functools.cache
def client(venue):
    def capture(url, method="GET", headers=None, body=None):
        raise Sent(url, body)

    kind = getattr(ccxt, FACTS[venue].library_name)
    keys = {"apiKey": "k", "secret": "c2VjcmV0c2VjcmV0", "password": "p"}
    made = kind({**keys, "options": {"createMarketBuyOrderRequiresPrice": False}})
    made.set_markets([market(venue)])
    made.fetch = capture
    made.enableRateLimit = False
    return made


def request(venue, one):
    """What would have gone over the wire for an order: its fields by name."""
    given = arguments(one, FACTS[venue], instrument_of(market(venue)))
    with pytest.raises(Sent) as caught:
        client(venue).create_order(*given)
    url, body = caught.value.args
    if body and body.startswith(("{", "[")):
        found = json.loads(body)
        return found[0] if isinstance(found, list) else found
    text = body or urlparse(url).query
    return {name: values[0] for name, values in parse_qs(text).items()}


def wished(venue, **more):
    symbol = CurrencyPair("BTC", QUOTES.get(venue, "USDT"))
    changes = {
        name: more.pop(name) for name in ("type", "stop_price", "reduce_only") if name in more
    }
    one = order("abc123", symbol=symbol, **{"price": "50000", "volume": "0.02", **more})
    return msgspec.structs.replace(one, exchange=venue, **changes)


@pytest.mark.parametrize("venue", VENUES, ids=str)
def test_our_id_price_and_volume_reach_the_venue(venue):
    sent = request(venue, wished(venue))
    assert sent[NAMES[venue]] == "abc123"
    text = json.dumps(sent).lower()
    assert "50000" in text
    assert ('"2"' if venue is E.OKX_SWAP else "0.02") in text  # contracts of 0.01
    assert "buy" in text


@pytest.mark.parametrize("venue", VENUES, ids=str)
def test_a_post_only_order_is_one(venue):
    text = json.dumps(request(venue, wished(venue, post_only=True))).lower()
    words = ("post_only", "postonly", "limit_maker", '"gtx"', '"post"', '"oflags": "post"')
    assert any(word in text for word in words)


@pytest.mark.parametrize(
    ("venue", "time"),
    [(v, t) for v in VENUES for t in sorted(FACTS[v].times) if t is not TimeInForce.GTC],
    ids=str,
)
def test_a_time_in_force_is_sent(venue, time):
    text = json.dumps(request(venue, wished(venue, tif=time))).lower()
    assert {TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok"}[time] in text


@pytest.mark.parametrize(("venue", "side"), [(v, s) for v in VENUES for s in Side], ids=str)
def test_a_market_order_is_in_base_currency(venue, side):
    facts = FACTS[venue]
    one = wished(venue, price=None, side=side)
    if facts.refuses(one.type, one.time_in_force, side is Side.BUY, False):
        return
    sent = request(venue, one)
    text = json.dumps(sent).lower()
    assert "50000" not in text
    assert ('"2"' if venue is E.OKX_SWAP else "0.02") in text
    if venue is E.OKX and side is Side.BUY:
        assert sent["tgtCcy"] == "base_ccy"


@pytest.mark.parametrize(
    ("venue", "kind", "side"),
    [
        (v, t, s)
        for v in VENUES
        for t in (OrderType.STOP, OrderType.STOP_LIMIT)
        for s in Side
        if t in FACTS[v].types
    ],
    ids=str,
)
def test_a_stop_is_a_stop_and_not_a_take_profit(venue, kind, side):
    price = "49000" if kind is OrderType.STOP_LIMIT else None
    one = wished(venue, price=price, side=side, type=kind, stop_price=Decimal(51000))
    text = json.dumps(request(venue, one)).lower()
    assert "51000" in text
    assert "stop_loss" in text or "stop-loss" in text or '"stp"' in text
    assert ("49000" in text) == (kind is OrderType.STOP_LIMIT)
    assert "reduceonly" not in text


@pytest.mark.parametrize("venue", [v for v in VENUES if FACTS[v].reduce_only], ids=str)
def test_a_reduce_only_order_is_one(venue):
    text = json.dumps(request(venue, wished(venue, reduce_only=True))).lower()
    assert '"reduceonly": "true"' in text or '"reduceonly": true' in text
