"""Kraken's signature, against what ccxt 4.5.90 computes for the same key, nonce and path."""

import base64

import pytest

from millstream.errors import ConfigError
from millstream.exchange.credentials import Credentials
from millstream.exchange.kraken import auth, wire

SECRET = base64.b64encode(b"a secret of some bytes").decode()
NONCE = 1700000000123


def test_the_signature_is_that_of_ccxt():
    body = auth.form(NONCE)
    assert body == b"nonce=1700000000123"
    assert auth.headers(Credentials("KEY", SECRET), wire.TOKEN_PATH, NONCE, body) == {
        "API-Key": "KEY",
        "API-Sign": (
            "PP38eYLWrvYcgioWq14djwFKSNeYu+pU1OqOU1YuxrO3lnvEgM33b5Y5kAiyWXuxly3L212E+r19LUPn5mKRhg=="
        ),
        "Content-Type": "application/x-www-form-urlencoded",
    }


@pytest.mark.parametrize(
    ("key", "secret", "words"),
    [("", SECRET, "api_key"), ("KEY", "", "api_secret"), ("KEY", "not base64!", "not base64")],
)
def test_a_missing_or_mangled_secret_is_refused_without_showing_it(key, secret, words):
    with pytest.raises(ConfigError, match=words) as caught:
        auth.secret_bytes(Credentials(key, secret))
    assert not secret or secret not in str(caught.value)


def test_the_signature_of_a_question_about_orders_is_that_of_ccxt():
    body = auth.form(NONCE, {"txid": "OK4GJX-KSTLS-7DZZO5"})
    signed = auth.headers(Credentials("KEY", SECRET), wire.ORDERS_PATH, NONCE, body)
    assert body == b"nonce=1700000000123&txid=OK4GJX-KSTLS-7DZZO5"
    assert signed["API-Sign"] == (
        "QO6T7lTNXKIRhjHP4+9Df+sMe+Iq5WjJEkGxB5ajBL7TfjGbCLwYKSesMLC5gGESi0IsOjEyrcYnsQkYqJKTcA=="
    )
