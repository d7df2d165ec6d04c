"""How a session of Binance's WebSocket API gets the user data: a few words after the connect."""

from __future__ import annotations

import msgspec

from millstream.exchange.binance import auth
from millstream.exchange.binance.account_wire import Answer
from millstream.exchange.decoding import UNREADABLE
from millstream.stream.talk import LoginRefused, Talk

_answer = msgspec.json.Decoder(Answer).decode


class Login:
    """Asks for the user data with one key; an Ed25519 key logs the session on first."""

    def __init__(self, key: str, secret: str, sign: auth.Signer, recv_window_ms: int) -> None:
        self._key, self._sign, self._recv_window_ms = key, sign, recv_window_ms
        self._logs_on = auth.is_key_pair(secret)

    async def __call__(self, talk: Talk, now_ms: int) -> None:
        """Raises LoginRefused with the venue's reason."""
        signed = self._key, now_ms, self._sign, self._recv_window_ms
        if self._logs_on:
            talk.send(auth.logon_request(*signed))
            await _granted(talk, auth.LOGON_ID)
            talk.send(auth.subscribe_request())
        else:
            talk.send(auth.signed_subscribe_request(*signed))
        await _granted(talk, auth.SUBSCRIBE_ID)


async def _granted(talk: Talk, request: str) -> None:
    def is_answer(raw: bytes) -> bool:
        try:
            return _answer(raw).id == request
        except UNREADABLE:
            return False

    answer = _answer(await talk.receive(is_answer))
    if answer.status != 200:
        why = answer.error
        text = f"{why.msg} (code {why.code})" if why is not None else f"status {answer.status}"
        raise LoginRefused(f"Binance refused {request}: {text}.")
