"""One door to every venue."""

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

from millstream.errors import ConfigError, UnknownName
from millstream.exchange import Decoder, decoder, get_exchange_stream
from millstream.exchange.factory import VENUES
from millstream.model import Channel, CurrencyPair, Exchange


@pytest.mark.parametrize("exchange", [Exchange.BINANCE, "binance", "Binance"])
@pytest.mark.parametrize("pair", [CurrencyPair.BTC_USDT, "btc/usdt"])
@pytest.mark.parametrize("channel", [Channel.TICKER, "ticker"])
def test_names_and_members_are_the_same(exchange, pair, channel):
    assert isinstance(decoder(exchange, [pair], [channel]), Decoder)
    stream = get_exchange_stream(exchange, [pair], [channel])
    assert (stream.exchange, stream.currency_pairs) == (Exchange.BINANCE, [CurrencyPair.BTC_USDT])
    assert stream.subscribe_channels == [Channel.TICKER]


@pytest.mark.parametrize("call", [decoder, get_exchange_stream])
@pytest.mark.parametrize(
    ("exchange", "words"),
    [(Exchange.KRAKEN, "kraken.*offered now: binance"), ("binanse", 'Did you mean "binance"')],
)
def test_a_venue_we_have_not_is_one_sentence_with_those_we_have(call, exchange, words, monkeypatch):
    monkeypatch.delitem(VENUES, Exchange.KRAKEN, raising=False)
    with pytest.raises(UnknownName, match=words):
        call(exchange, ["btc/usd"], ["ticker"])


def test_settings_reach_the_decoder():
    made = decoder("binance", ["btc/usdt"], ["candle"], candle_interval="5m")
    made.feed(b'{"stream":"btcusdt@kline_1m","data":{}}', 1)
    assert made.counts.ignored == 1


def test_a_decoder_loads_no_sockets():
    code = (
        "import sys; from millstream.exchange import decoder; "
        "decoder('binance', ['btc/usdt'], ['ticker']); "
        "sys.exit('picows' in sys.modules or 'asyncio' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0


@pytest.mark.parametrize("venue", VENUES)
def test_every_stream_is_made_with_the_same_words(venue):
    folder, name, _ = VENUES[venue]
    made = inspect.signature(getattr(import_module(f"{folder}.stream"), name))
    assert list(made.parameters) == list(inspect.signature(get_exchange_stream).parameters)


@pytest.mark.parametrize(
    ("exchange", "host", "settings", "words"),
    [
        ("binance", "127.0.0.1:9000", {}, "^api_host: "),
        ("kraken", "tws://127.0.0.1:9000", {}, "^api_host: "),
        ("ib", "ws://127.0.0.1:9000", {}, "^api_host: "),
        ("binance", "", {"rest_host": "localhost"}, r"^subscribe_args\.rest_host: "),
        ("kraken", "", {"public_url": "https://x"}, r"^subscribe_args\.public_url: "),
        ("kraken_future", "", {"url": "x"}, r"^subscribe_args\.url: "),
    ],
)
def test_an_address_that_nothing_could_connect_to_makes_no_stream(exchange, host, settings, words):
    with pytest.raises(ConfigError, match=words):
        get_exchange_stream(
            exchange, ["btc/usd"], ["ticker"], api_host=host, subscribe_args=settings
        )
