"""What a failure proves about an order."""

import ccxt
import pytest

from millstream.orders.lines.ccxt.failures import definite, is_login


@pytest.mark.parametrize(
    "error",
    [
        ccxt.ExchangeError('kraken {"error":["EOrder:Post only order"]}'),
        ccxt.ExchangeError('kraken {"error":["EAPI:Invalid signature"]}'),
        ccxt.InsufficientFunds("none left"),
    ],
)
def test_what_the_venue_refused_is_no_order(error):
    assert definite(error)


@pytest.mark.parametrize(
    "error",
    [
        ccxt.ExchangeError('kraken {"error":["EOrder:Unknown order"]}'),
        ccxt.ExchangeError('kraken {"error":["EGeneral:Internal error"]}'),
        ccxt.ExchangeNotAvailable('kraken {"error":["EService:Unavailable"]}'),
        ccxt.RequestTimeout("kraken POST"),
        ccxt.DuplicateOrderId("it is there"),
    ],
)
def test_what_only_failed_leaves_an_order_in_doubt(error):
    assert not definite(error)


def test_a_refused_signature_is_about_the_keys():
    assert is_login(ccxt.ExchangeError('kraken {"error":["EAPI:Invalid signature"]}'))
    assert not is_login(ccxt.ExchangeError('kraken {"error":["EOrder:Post only order"]}'))
