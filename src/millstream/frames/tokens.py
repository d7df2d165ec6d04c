"""Who may come in: tokens, logins, and how often somebody may be wrong. Time is an argument."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections import OrderedDict
from typing import Any, Final

import jwt

from millstream.frames.settings import ApiServerSection

FULL: Final = "full"
READ_ONLY: Final = "read-only"
REFUSED: Final = "refused"
WAIT: Final = "wait"
ACCESS_S: Final = 15 * 60
REFRESH_S: Final = 30 * 86_400
WRONG_AT_ONCE: Final = 10  # refusals that an address may have before it has to wait
SECONDS_A_REFUSAL: Final = 6.0
ADDRESSES: Final = 10_000
LONG: Final = 16  # characters of a token that nobody guesses, however often he may try


class Gate:
    """Checks what visitors show; every comparison takes the same time.

    secret: signs the tokens of a login.
    """

    def __init__(self, section: ApiServerSection, secret: str) -> None:
        self._full = [token.encode() for token in section.tokens]
        self._read_only = [token.encode() for token in section.read_only_tokens]
        self._user = section.username.encode()
        self._password = section.password.encode()
        self._secret = secret
        self._refusals = Refusals()

    def admit(self, shown: str, address: str, now_s: float) -> str:
        """ "full" or "read-only"; "refused"; or "wait": too many wrong ones came from there.

        A long token is let in whoever else was wrong at its address: a consumer shall not stand
        outside because somebody guesses next to it. A short one can be guessed, so it has to wait
        like a wrong one, and nobody learns from the answer whether it was right.
        """
        access = self.token(shown, now_s)
        must_wait = self.must_wait(address, now_s)
        if access is not None and (len(shown) >= LONG or not must_wait):
            return access
        if must_wait:
            return WAIT
        self.refused(address, now_s)
        return REFUSED

    def must_wait(self, address: str, now_s: float) -> bool:
        """An address was wrong too often to be listened to now."""
        return self._refusals.must_wait(address, now_s)

    def refused(self, address: str, now_s: float) -> None:
        """An address was wrong once more."""
        self._refusals.add(address, now_s)

    def token(self, shown: str, now_s: float) -> str | None:
        """ "full" or "read-only" for a token of the configuration or an access token; else None."""
        given = shown.encode(errors="surrogateescape")
        full = read_only = False
        for known in self._full:
            full |= hmac.compare_digest(known, given)
        for known in self._read_only:
            read_only |= hmac.compare_digest(known, given)
        if full:
            return FULL
        if read_only:
            return READ_ONLY
        return FULL if given and self._user_of(shown, "access", now_s) is not None else None

    def basic(self, shown: str) -> bool:
        """Whether the text behind "Basic " is our user's name and password."""
        try:
            user, _, password = base64.b64decode(shown, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return False
        right = hmac.compare_digest(user, self._user)
        right &= hmac.compare_digest(password, self._password)
        return right and bool(self._user) and bool(self._password)

    def login(self, now_s: float) -> dict[str, str]:
        """Tokens for who has shown name and password."""
        user = self._user.decode()
        return {
            "access_token": self._sign(user, "access", now_s, ACCESS_S),
            "refresh_token": self._sign(user, "refresh", now_s, REFRESH_S),
        }

    def refresh(self, shown: str, now_s: float) -> dict[str, str] | None:
        """A new access token for a refresh token; None: it is none."""
        user = self._user_of(shown, "refresh", now_s)
        if user is None:
            return None
        return {"access_token": self._sign(user, "access", now_s, ACCESS_S)}

    def _sign(self, user: str, kind: str, now_s: float, lasts_s: int) -> str:
        claims = {
            "identity": {"u": user},
            "exp": int(now_s) + lasts_s,
            "iat": int(now_s),
            "type": kind,
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def _user_of(self, shown: str, kind: str, now_s: float) -> str | None:
        checks: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
        try:
            claims = jwt.decode(shown, self._secret, algorithms=["HS256"], options=checks)
            user, until = claims["identity"]["u"], claims["exp"]
            good = claims["type"] == kind and isinstance(until, int | float) and until > now_s
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
            return None
        return str(user) if good and user else None


class Refusals:
    """How often each address was refused: a few times at once, then one in a while."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, tuple[float, float]] = OrderedDict()  # (count, when)

    def must_wait(self, address: str, now_s: float) -> bool:
        """It has been wrong too often to be listened to now."""
        return self._count(address, now_s) >= WRONG_AT_ONCE

    def add(self, address: str, now_s: float) -> None:
        """It was wrong once more."""
        count = self._count(address, now_s) + 1
        self._wrong[address] = (count, now_s)
        self._wrong.move_to_end(address)
        while len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)

    def _count(self, address: str, now_s: float) -> float:
        count, when = self._wrong.get(address, (0.0, now_s))
        return max(0.0, count - (now_s - when) / SECONDS_A_REFUSAL)
