"""Signatures against what ccxt 4.5.90 computes of the same inputs."""

import builtins

import pytest

from millstream.errors import ConfigError
from millstream.exchange.coinbase import auth

serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")

NAME = "organizations/o-1/apiKeys/k-1"
NONCE = "00112233445566778899aabbccddeeff"
NOW_S = 1786562853
URI = "GET api.coinbase.com/api/v3/brokerage/orders/historical/batch"

# Exchange.jwt(claims, pem, "sha256", False, {"kid": NAME, "nonce": NONCE, "alg": "ES256"})
BY_CCXT = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6Im9yZ2FuaXphdGlvbnMvby0xL2FwaUtleXMvay0xIiwibm9uY2Ui"
    "OiIwMDExMjIzMzQ0NTU2Njc3ODg5OWFhYmJjY2RkZWVmZiJ9.eyJzdWIiOiJvcmdhbml6YXRpb25zL28tMS9hcGlLZXlzL2st"
    "MSIsImlzcyI6ImNkcCIsIm5iZiI6MTc4NjU2Mjg1MywiZXhwIjoxNzg2NTYyOTczfQ.xxMldG6y5jGSbfOgLgNzi-nVW5YvQ4"
    "sXxA7YTmF6Lvgr_u06DnpKmx7GN9CN8MV1wvOzTKnk9fpmtz4AzOiQPw"
)
BY_CCXT_WITH_URI = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6Im9yZ2FuaXphdGlvbnMvby0xL2FwaUtleXMvay0xIiwibm9uY2Ui"
    "OiIwMDExMjIzMzQ0NTU2Njc3ODg5OWFhYmJjY2RkZWVmZiJ9.eyJzdWIiOiJvcmdhbml6YXRpb25zL28tMS9hcGlLZXlzL2st"
    "MSIsImlzcyI6ImNkcCIsIm5iZiI6MTc4NjU2Mjg1MywiZXhwIjoxNzg2NTYyOTczLCJ1cmkiOiJHRVQgYXBpLmNvaW5iYXNlL"
    "mNvbS9hcGkvdjMvYnJva2VyYWdlL29yZGVycy9oaXN0b3JpY2FsL2JhdGNoIn0.P03jtC625zEqsPsLYGbbggNnN0-Qd56hW"
    "q0gFxcs1cgy8v7KpbCsqeuLauzynddZfXmeGv65aR1GE6btMA4Adg"
)


def private_key(curve=None):
    """A key of no worth: its number is a sentence."""
    number = int.from_bytes(b"millstream test key, worth nothi", "big")
    return pem(ec.derive_private_key(number, (curve or ec.SECP256R1)()))


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def test_a_token_is_the_one_that_ccxt_makes_of_the_same_claims():
    assert auth.token(NAME, private_key(), NOW_S, NONCE) == BY_CCXT


def test_a_token_for_rest_names_its_request():
    assert auth.token(NAME, private_key(), NOW_S, NONCE, URI) == BY_CCXT_WITH_URI


def test_a_key_with_its_line_breaks_written_out_is_the_same_key():
    escaped = private_key().replace("\n", "\\n")
    assert auth.token(NAME, escaped, NOW_S, NONCE) == BY_CCXT


def test_another_nonce_makes_another_token():
    assert auth.token(NAME, private_key(), NOW_S, NONCE[::-1]) != BY_CCXT


def test_the_login_of_the_exchange_feed_is_the_one_that_ccxt_makes():
    # ccxt.pro.coinbaseexchange(...).authenticate() with its nonce() at NOW_S
    assert auth.login("key-1", "phrase-1", "c2VjcmV0IG9mIHRoZSBleGNoYW5nZSBmZWVk", NOW_S) == {
        "key": "key-1",
        "passphrase": "phrase-1",
        "timestamp": "1786562853",
        "signature": "JvkfYPnZHYgi8zeZPV5I+F6WNBQqztAhM2rGTvdzNB4=",
    }


@pytest.mark.parametrize("kind", ["text", "ed25519", "another curve"])
def test_what_is_no_ecdsa_key_is_refused_without_being_shown(kind):
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    secret = {
        "text": "wrong secret",
        "ed25519": pem(ed25519.Ed25519PrivateKey.from_private_bytes(b"k" * 32)),
        "another curve": private_key(ec.SECP384R1),
    }[kind]
    with pytest.raises(ConfigError, match="ECDSA") as caught:
        auth.token(NAME, secret, NOW_S, NONCE)
    assert secret[:12] not in str(caught.value).replace("-----BEGIN", "")


def test_a_secret_that_is_no_base64_is_refused_without_being_shown():
    with pytest.raises(ConfigError, match="base64") as caught:
        auth.login("key-1", "phrase-1", "not base64!", NOW_S)
    assert "not base64!" not in str(caught.value)


def test_without_the_package_the_message_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"pip install 'millstream\[live\]'"):
        auth.token(NAME, "", NOW_S, NONCE)
