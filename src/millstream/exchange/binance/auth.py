"""Signatures that Binance accepts, and the requests that carry them. Pure.

An API secret is a text for HMAC-SHA256, or an Ed25519 private key in PEM form, which alone may log
on to a websocket session. What is signed is percent-encoded first: asked for since 2026-01-15.
Source: developers.binance.com, "Request security" of the REST API and of the WebSocket API.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import quote, urlencode

import msgspec

from millstream.errors import ConfigError

Signer: TypeAlias = Callable[[str], str]  # the signature of a text

LOGON_ID, SUBSCRIBE_ID = "logon", "subscribe"  # of our requests


def is_key_pair(secret: str) -> bool:
    """True when the secret is a private key in PEM form."""
    return "-----BEGIN" in secret


def signer(secret: str) -> Signer:
    """What signs with this secret: HMAC in hexadecimal, or Ed25519 in base64.

    Raises ConfigError for a key of another kind, or when the package for keys is not installed.
    """
    if not is_key_pair(secret):
        key = secret.encode()
        return lambda text: hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise ConfigError(
            "api_secret is a PEM key, which needs the package cryptography: "
            'pip install "millstream[live]".'
        ) from None
    try:
        pair = load_pem_private_key(secret.strip().encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(
            "api_secret looks like a PEM key and cannot be read; give the whole private key, "
            "not encrypted."
        ) from None
    if not isinstance(pair, Ed25519PrivateKey):
        raise ConfigError("api_secret is a PEM key of another kind; Binance takes Ed25519 here.")
    return lambda text: b64encode(pair.sign(text.encode())).decode()


def signed_query(parameters: Mapping[str, str | int], timestamp_ms: int, sign: Signer) -> str:
    """A REST query with its time and signature."""
    query = urlencode({"timestamp": timestamp_ms, **parameters}, quote_via=quote)
    return f"{query}&signature={quote(sign(query), safe='')}"


def signed_parameters(
    key: str, timestamp_ms: int, sign: Signer, recv_window_ms: int
) -> dict[str, str | int]:
    """The parameters of a signed request of the WebSocket API."""
    parameters: dict[str, str | int] = {
        "apiKey": key,
        "recvWindow": recv_window_ms,
        "timestamp": timestamp_ms,
    }
    text = "&".join(f"{name}={value}" for name, value in sorted(parameters.items()))
    return {**parameters, "signature": sign(text)}


def logon_request(key: str, timestamp_ms: int, sign: Signer, recv_window_ms: int) -> bytes:
    """Logs a session on; Ed25519 only."""
    parameters = signed_parameters(key, timestamp_ms, sign, recv_window_ms)
    return _request(LOGON_ID, "session.logon", parameters)


def subscribe_request() -> bytes:
    """Asks for the user data of a session that is logged on."""
    return _request(SUBSCRIBE_ID, "userDataStream.subscribe", None)


def signed_subscribe_request(
    key: str, timestamp_ms: int, sign: Signer, recv_window_ms: int
) -> bytes:
    """Asks for the user data without a logon; any kind of key."""
    parameters = signed_parameters(key, timestamp_ms, sign, recv_window_ms)
    return _request(SUBSCRIBE_ID, "userDataStream.subscribe.signature", parameters)


def _request(name: str, method: str, parameters: dict[str, str | int] | None) -> bytes:
    request: dict[str, object] = {"id": name, "method": method}
    if parameters is not None:
        request["params"] = parameters
    return msgspec.json.encode(request)
