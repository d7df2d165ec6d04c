"""Who sends a private request, whether it is signed, whether its nonce has grown. Pure.

Source: docs.kraken.com, "Spot REST authentication" and "Websocket authentication".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping

from millstream.simulator.front import HttpRequest, Key
from millstream.simulator.kraken.problems import Problem

TOKEN_LIFE_S = 900


class Security:
    """Knows the keys, their last nonces, and the tokens that it gave."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {key.key: key for key in keys}
        self._nonces: dict[str, int] = {}
        self._tokens: dict[str, tuple[str, int]] = {}  # account, given at

    def rest(self, request: HttpRequest, given: Mapping[str, str]) -> str:
        """The account of a signed request; raises Problem."""
        owner = self._keys.get(request.headers.get("api-key", ""))
        if owner is None:
            raise Problem("EAPI:Invalid key")
        text = given.get("nonce", "")
        if not (text.isascii() and text.isdecimal() and len(text) <= 20):
            raise Problem("EAPI:Invalid nonce")
        digest = hashlib.sha256(text.encode() + request.body).digest()
        message = request.path.encode() + digest
        right = hmac.new(base64.b64decode(owner.secret), message, hashlib.sha512).digest()
        try:
            signature = base64.b64decode(request.headers.get("api-sign", ""), validate=True)
        except (binascii.Error, ValueError):
            raise Problem("EAPI:Invalid signature") from None
        if not hmac.compare_digest(right, signature):
            raise Problem("EAPI:Invalid signature")
        if int(text) <= self._nonces.get(owner.key, 0):
            raise Problem("EAPI:Invalid nonce")
        self._nonces[owner.key] = int(text)
        return owner.account

    def new_token(self, account: str, now_ns: int) -> str:
        """A token for the websocket."""
        text = f"{account} {len(self._tokens)}".encode()
        token = base64.b64encode(hashlib.sha256(text).digest()).decode().rstrip("=")
        self._tokens[token] = account, now_ns
        return token

    def of_token(self, token: object, now_ns: int, *, in_use: bool) -> str:
        """The account of a token. in_use: it lives on while its connection does; raises Problem."""
        account, given_ns = self._tokens.get(str(token), ("", 0))
        if not account or (not in_use and now_ns - given_ns > TOKEN_LIFE_S * 10**9):
            raise Problem("ESession:Invalid session")
        return account
