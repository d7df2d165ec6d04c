"""Kraken's signature of a private REST request. Pure: the nonce comes in.

Source: docs.kraken.com, "Spot REST authentication".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode

from millstream.errors import ConfigError
from millstream.exchange.credentials import Credentials


def secret_bytes(credentials: Credentials) -> bytes:
    """The secret's bytes; raises ConfigError when it is missing or not what the venue gave."""
    credentials.check("key", "secret")
    try:
        return base64.b64decode(credentials.secret, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError("api_secret is not base64; copy it from the venue as it is.") from None


def form(nonce: int, fields: Mapping[str, str] | None = None) -> bytes:
    """The body of a private request."""
    return urlencode({"nonce": str(nonce)} | dict(fields or {})).encode()


def headers(credentials: Credentials, path: str, nonce: int, body: bytes) -> dict[str, str]:
    """What proves that a request is ours: `path` begins with /0/private/, `body` has the nonce."""
    secret = secret_bytes(credentials)
    message = path.encode() + hashlib.sha256(str(nonce).encode() + body).digest()
    signature = base64.b64encode(hmac.new(secret, message, hashlib.sha512).digest()).decode()
    return {
        "API-Key": credentials.key,
        "API-Sign": signature,
        "Content-Type": "application/x-www-form-urlencoded",
    }
