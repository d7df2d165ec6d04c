"""How a private feed is asked for: the venue's challenge, signed. Pure.

Source: docs.kraken.com, "Derivatives WebSocket: sign challenge".
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from millstream.exchange.credentials import Credentials
from millstream.exchange.kraken.auth import secret_bytes


def sign(credentials: Credentials, challenge: str) -> str:
    """The signed challenge."""
    digest = hashlib.sha256(challenge.encode()).digest()
    signature = hmac.new(secret_bytes(credentials), digest, hashlib.sha512).digest()
    return base64.b64encode(signature).decode()


def proof(credentials: Credentials, challenge: str) -> dict[str, str]:
    """What goes with every private request of the connection that the challenge is of."""
    return {
        "api_key": credentials.key,
        "original_challenge": challenge,
        "signed_challenge": sign(credentials, challenge),
    }
