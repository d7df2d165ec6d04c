"""Coinbase's signatures: tokens of Advanced Trade, and the login of the Exchange feed. Pure.

Time and nonce come in as arguments. A token is good for two minutes, so each subscribe gets a new
one; while the connection lives it is not needed again.
Source: docs.cdp.coinbase.com, "Coinbase API key authentication", and Exchange, "WebSocket
authentication".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import msgspec

from millstream.errors import ConfigError
from millstream.exchange.coinbase.exchange_wire import VERIFY_PATH

LIFETIME_S = 120
# The order of P-256: of a signature's two forms, the one with the lower s is given.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_WANTED = (
    "api_secret of coinbase is not an ECDSA private key in PEM; Advanced Trade wants the key of a "
    'CDP API key made with the signature algorithm "ECDSA", from its -----BEGIN to its -----END.'
)


def token(key_name: str, private_key: str, now_s: int, nonce: str, uri: str = "") -> str:
    """A JSON web token, signed by ES256.

    key_name: "organizations/.../apiKeys/..."; private_key: its PEM, "\\n" for a new line is read.
    uri: "GET api.coinbase.com/path" for a REST request, without its query; "" for a subscribe.
    Raises ConfigError when the key is none, or the package `cryptography` is missing.
    """
    header = {"alg": "ES256", "typ": "JWT", "kid": key_name, "nonce": nonce}
    claims: dict[str, Any] = {
        "sub": key_name,
        "iss": "cdp",
        "nbf": now_s,
        "exp": now_s + LIFETIME_S,
    }
    if uri:
        claims["uri"] = uri
    return signed(header, claims, private_key)


def signed(header: dict[str, Any], claims: dict[str, Any], private_key: str) -> str:
    """A token of exactly these; the same input always gives the same token."""
    text = f"{_base64(msgspec.json.encode(header))}.{_base64(msgspec.json.encode(claims))}"
    return f"{text}.{_base64(_es256(text.encode(), private_key))}"


def login(key: str, passphrase: str, secret: str, now_s: int) -> dict[str, str]:
    """What a subscribe to the Exchange feed carries where it wants a login; secret in base64."""
    try:
        mac_key = base64.b64decode(secret, validate=True)
    except binascii.Error:
        raise ConfigError(
            "api_secret of coinbase is not base64; copy it whole as the Exchange showed it."
        ) from None
    text = f"{now_s}GET{VERIFY_PATH}"
    signature = hmac.digest(mac_key, text.encode(), hashlib.sha256)
    return {
        "key": key,
        "passphrase": passphrase,
        "timestamp": str(now_s),
        "signature": base64.b64encode(signature).decode(),
    }


def _es256(text: bytes, private_key: str) -> bytes:
    """r and s, 32 bytes each, by the deterministic way of RFC 6979."""
    try:  # only private channels need the package, and it takes a while to import
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ec, utils
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise ConfigError(
            "the private channels of coinbase need the package cryptography; "
            "install it with: pip install 'millstream[live]'."
        ) from None
    pem = private_key.replace("\\n", "\n").strip().encode()
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(_WANTED) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ConfigError(_WANTED)
    algorithm = ec.ECDSA(SHA256(), deterministic_signing=True)
    r, s = utils.decode_dss_signature(key.sign(text, algorithm))
    return r.to_bytes(32, "big") + min(s, _ORDER - s).to_bytes(32, "big")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
