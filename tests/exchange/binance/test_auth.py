"""Signatures beside those that ccxt 4.5.90 computes for the same inputs."""

import builtins

import msgspec
import pytest

from millstream.errors import ConfigError
from millstream.exchange.binance import auth

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
PEM = (
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
    "-----END PRIVATE KEY-----\n"
)  # the bytes 0 to 31
NOW_MS = 1499827319559

# ccxt.binance({...}).sign("myTrades", ["private"], "GET", {...}) with the nonce NOW_MS; the same of
# ccxt.binanceusdm and "userTrades".
QUERY = "timestamp=1499827319559&symbol=LTCBTC&startTime=1499827000000&limit=1000&recvWindow=10000"
REST = {
    SECRET: "e7867f82540e8df9cd125e780a7e1230cf61f8be4b99ccf0b9dc7f9bdc73cab9",
    PEM: "H5Fw566rKV6H7O%2FNqfWaWMG5ozyQxsvzS2OpUSmlCvD%2FeRL%2B4x7VLx8D401mNCO73XVEb7wqKUTyE"
    "%2BUXlNXODw%3D%3D",
}
# ccxt.pro.binance({...}).sign_params({"recvWindow": 5000}) with the same nonce.
WS_API = {
    SECRET: "e272787f858fe175d42f29d9b855d65a49dddfccb3f79f6ff5f8827b5208545d",
    PEM: "bFdZ56HCl93E+KMao87eWvMuHYnLGBYoE+Ztdx3PvrOxKZ4eyakRsMorRT063h1xOM4ln5EnCrjOjvWLDstSBw==",
}


@pytest.mark.parametrize("secret", [SECRET, PEM], ids=["hmac", "ed25519"])
def test_a_rest_query_is_signed_as_ccxt_signs_it(secret):
    parameters = {"symbol": "LTCBTC", "startTime": 1499827000000, "limit": 1000}
    made = auth.signed_query(parameters | {"recvWindow": 10000}, NOW_MS, auth.signer(secret))
    assert made == f"{QUERY}&signature={REST[secret]}"


@pytest.mark.parametrize("secret", [SECRET, PEM], ids=["hmac", "ed25519"])
def test_a_request_of_the_websocket_api_is_signed_as_ccxt_signs_it(secret):
    request = auth.signed_subscribe_request(KEY, NOW_MS, auth.signer(secret), 5000)
    assert msgspec.json.decode(request) == {
        "id": "subscribe",
        "method": "userDataStream.subscribe.signature",
        "params": {
            "apiKey": KEY,
            "recvWindow": 5000,
            "timestamp": NOW_MS,
            "signature": WS_API[secret],
        },
    }


def test_a_text_is_percent_encoded_before_it_is_signed():
    seen = []
    auth.signed_query({"newClientOrderId": "é /+"}, 1, lambda text: seen.append(text) or "a+/=")
    assert seen == ["timestamp=1&newClientOrderId=%C3%A9%20%2F%2B"]


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----", "cannot be read"),
        (
            "-----BEGIN PRIVATE KEY-----\n"
            "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n"
            "AQEBAQGhRANCAARv8Dsqv0r2PHjQXp6hOYEt3l1mOq1BtTjxVREMyCDaJQ1Q6qEJ7x3fz0Z6p6UyiK5Qq0U0\n"
            "aW0W2S0AAAAAAAAA\n-----END PRIVATE KEY-----",
            "PEM key",
        ),
    ],
)
def test_a_key_that_cannot_be_used_is_one_sentence_that_does_not_show_it(secret, words):
    with pytest.raises(ConfigError, match=words) as caught:
        auth.signer(secret)
    assert "nonsense" not in str(caught.value)


def test_a_key_of_another_kind_is_refused():
    ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
    from cryptography.hazmat.primitives import serialization as form

    plain = form.NoEncryption()
    other = ec.generate_private_key(ec.SECP256R1())
    pem = other.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, plain).decode()
    with pytest.raises(ConfigError, match="takes Ed25519"):
        auth.signer(pem)


def test_without_the_package_for_keys_the_sentence_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"millstream\[live\]"):
        auth.signer(PEM)
    auth.signer(SECRET)
