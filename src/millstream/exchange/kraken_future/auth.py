"""How a private feed is asked for, and the history by REST: both signed. Pure.

Source: docs.kraken.com, "Derivatives WebSocket: sign challenge", "Futures REST authentication".
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from millstream.exchange.credentials import Credentials
from millstream.exchange.kraken.auth import secret_bytes


def sign(credentials: Credentials, challenge: str) -> str:
    """The signed challenge, or whatever else is to be signed."""
    digest = hashlib.sha256(challenge.encode()).digest()
    signature = hmac.new(secret_bytes(credentials), digest, hashlib.sha512).digest()
    return base64.b64encode(signature).decode()


def headers(credentials: Credentials, path: str, query: str) -> dict[str, str]:
    """What proves that a GET is ours: `path` begins with /api/."""
    return {"APIKey": credentials.key, "Authent": sign(credentials, query + path)}


def proof(credentials: Credentials, challenge: str) -> dict[str, str]:
    """What goes with every private request of the connection that the challenge is of."""
    return {
        "api_key": credentials.key,
        "original_challenge": challenge,
        "signed_challenge": sign(credentials, challenge),
    }
