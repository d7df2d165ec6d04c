"""The key of the account's stream: made at each connect, renewed while it lasts.

It lives 60 minutes, is one for the whole account, and making it again only makes it live longer.
So it is never given back: another channel may use it.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from millstream.errors import StreamError
from millstream.exchange.binance.rest import AccountRest
from millstream.exchange.binance_future.wire import LISTEN_KEY_PATH, ListenKey, private_path
from millstream.exchange.decoding import UNREADABLE
from millstream.stream.talk import LoginRefused

_log = logging.getLogger(__name__)


async def address(host: str, account: AccountRest, early_fills: bool) -> str:
    """Where the account's stream is now; raises LoginRefused when the venue gives no key."""
    try:
        raw = await account.request("POST", LISTEN_KEY_PATH)
    except StreamError as error:
        if " answered 4" not in str(error):
            raise
        raise LoginRefused(f"Binance gave no listen key: {error}") from None
    try:
        key = msgspec.json.decode(raw, type=ListenKey).listen_key
    except UNREADABLE as error:
        raise StreamError(f"Binance's listen key is not readable: {error}.") from None
    return host + private_path(key, early_fills)


async def keep_alive(account: AccountRest, every_s: float) -> None:
    """Renew the key for ever.

    A key that cannot be renewed ends soon, without a word on the stream: ask for a connection with
    a new one, at once.
    """
    while True:
        await asyncio.sleep(every_s)
        try:
            await account.request("PUT", LISTEN_KEY_PATH)
        except StreamError as error:
            _log.warning("the listen key was not renewed (%s); connecting anew", error)
            account.decoder.end("the listen key was not renewed")
