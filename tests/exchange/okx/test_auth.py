"""OKX's signatures, against what ccxt 4.5 computes for the same inputs."""

import pytest

from millstream.errors import ConfigError
from millstream.exchange.credentials import Credentials
from millstream.exchange.okx import auth

KEYS = Credentials("key-1", "secret-2", {"passphrase": "phrase 3"})


def test_a_login():
    assert auth.login(KEYS, 1538054050) == {
        "op": "login",
        "args": [
            {
                "apiKey": "key-1",
                "passphrase": "phrase 3",
                "timestamp": "1538054050",
                "sign": "LBRLYYIyXd+rLo+j+5nZl5zASroyEKi5FWtg1iydPmA=",
            }
        ],
    }


def test_a_signed_request():
    path = "/api/v5/trade/orders-pending?instType=SPOT&limit=100"
    made = auth.headers(KEYS, "2020-12-08T09:08:57.715Z", "GET", path)
    assert made == {
        "OK-ACCESS-KEY": "key-1",
        "OK-ACCESS-PASSPHRASE": "phrase 3",
        "OK-ACCESS-TIMESTAMP": "2020-12-08T09:08:57.715Z",
        "OK-ACCESS-SIGN": "xh5W2v3hy1Fqzsga5k9aa3Z7IhqjRpLUr/BGMs3uwCs=",
    }


def test_demo_trading_is_said_in_a_header():
    made = auth.headers(KEYS, "2020-12-08T09:08:57.715Z", "GET", "/", simulated=True)
    assert made["x-simulated-trading"] == "1"


def test_a_missing_passphrase_is_one_sentence():
    with pytest.raises(ConfigError, match="passphrase"):
        auth.login(Credentials("key-1", "secret-2", {}), 1)
