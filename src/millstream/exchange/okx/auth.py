"""Logins and signed requests that OKX accepts. Pure: the time is an argument.

What is signed is the time, the method, the path with its query, and the body, in this order.
Source: okx.com/docs-v5, "REST Authentication" and "Login".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from millstream.exchange.credentials import Credentials

LOGIN_PATH = "/users/self/verify"


def signature(secret: str, text: str) -> str:
    """HMAC-SHA256 in base64."""
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha256)).decode()


def login(credentials: Credentials, now_s: int) -> dict[str, Any]:
    """The message that logs a connection in; the venue takes it for 30 s.

    Raises ConfigError when key, secret or passphrase is missing.
    """
    credentials.check("key", "secret", "passphrase")
    return {
        "op": "login",
        "args": [
            {
                "apiKey": credentials.key,
                "passphrase": credentials.extra["passphrase"],
                "timestamp": str(now_s),
                "sign": signature(credentials.secret, f"{now_s}GET{LOGIN_PATH}"),
            }
        ],
    }


def headers(
    credentials: Credentials, time_text: str, method: str, path: str, simulated: bool = False
) -> dict[str, str]:
    """The headers of a signed request without a body.

    time_text: UTC with milliseconds, "2020-12-08T09:08:57.715Z". path: with its query.
    """
    credentials.check("key", "secret", "passphrase")
    made = {
        "OK-ACCESS-KEY": credentials.key,
        "OK-ACCESS-SIGN": signature(credentials.secret, time_text + method + path),
        "OK-ACCESS-TIMESTAMP": time_text,
        "OK-ACCESS-PASSPHRASE": credentials.extra["passphrase"],
    }
    return made | {"x-simulated-trading": "1"} if simulated else made
