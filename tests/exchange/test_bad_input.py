"""What a user may get wrong before anything is connected: one sentence that says what is accepted.

A wrong key is told by the venue: `test_contract_own.py`.
"""

import pytest

from millstream.errors import MillstreamError
from millstream.exchange import get_exchange_stream

PRIVATE = ["binance", "binance_future", "kraken", "kraken_future", "coinbase", "okx", "okx_swap"]


def said(*arguments, **named):
    """What is said about it, which is one line."""
    with pytest.raises(MillstreamError) as error:
        get_exchange_stream(*arguments, **named)
    text = str(error.value)
    assert "\n" not in text
    return text


def test_an_unknown_exchange():
    text = said("binanse", ["btc/usdt"], ["ticker"])
    assert "binanse" in text
    assert "binance" in text


@pytest.mark.parametrize("exchange", [*PRIVATE, "ib"])
def test_an_unknown_channel(exchange):
    text = said(exchange, ["btc/usdt"], ["tickr"])
    assert "tickr" in text
    assert "ticker" in text


@pytest.mark.parametrize("exchange", [*PRIVATE, "ib"])
def test_a_pair_that_is_none(exchange):
    assert "btc usdt" in said(exchange, ["btc usdt"], ["ticker"])


@pytest.mark.parametrize("exchange", PRIVATE)
@pytest.mark.parametrize("channel", ["my_order", "my_trade", "my_order_batch"])
def test_missing_keys_for_a_private_channel(exchange, channel):
    assert "api_key" in said(exchange, ["btc/usdt"], [channel])


@pytest.mark.parametrize(
    ("exchange", "args"), [("kraken_future", {}), ("coinbase", {"feed": "exchange"})]
)
def test_a_channel_that_the_venue_lacks(exchange, args):
    text = said(exchange, ["btc/usd"], ["candle"], subscribe_args=args)
    assert "candle" in text
    assert "ticker" in text


@pytest.mark.parametrize("exchange", [*PRIVATE, "ib"])
def test_an_unknown_setting(exchange):
    text = said(exchange, ["btc/usdt"], ["ticker"], subscribe_args={"stale": 5})
    assert "stale_s" in text
