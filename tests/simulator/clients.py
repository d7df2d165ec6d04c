"""Clients that we did not write, with nothing changed but the addresses, and ccxt's nonce.

It is the millisecond: on loopback two requests in a row may be of the same one.
"""

import asyncio
import contextlib
import json
import time
import urllib.request

import ccxt.pro


class _Nonce:
    """The millisecond, as others with the same key have it, and higher than the one before."""

    last = 0

    def __call__(self):
        self.last = max(self.last + 1, time.time_ns() // 1_000_000)
        return self.last


@contextlib.asynccontextmanager
async def ccxt_client(exchange, name, **options):
    """ccxt.pro on a simulated venue, its markets loaded."""
    keys = {"apiKey": exchange.key, "secret": exchange.secret, "rateLimit": 5}
    client = getattr(ccxt.pro, name)(keys | options)
    api, rest, ws = client.urls["api"], exchange.rest, exchange.ws
    if name == "binance":
        api.update(public=f"{rest}/api/v3", private=f"{rest}/api/v3", sapi=f"{rest}/sapi/v1")
        api.update(fapiPublic=f"{rest}/fapi/v1", dapiPublic=f"{rest}/dapi/v1")
        api["ws"].update({"spot": f"{ws}/ws", "ws-api": {"spot": f"{ws}/ws-api/v3"}})
    else:
        client.nonce = _Nonce()
        api.update(public=rest, private=rest)
        api["ws"] = dict.fromkeys(api["ws"], f"{ws}/v2")
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


async def told(client, what, watch, act, wanted, *, within_s=60.0):
    """What `watch` gives from before `act` on, until `wanted` says that it is enough.

    what: how the client calls what it then waits for.
    """
    seen = []

    async def collect():
        while not wanted(seen):
            seen.extend(await watch())

    collecting = asyncio.ensure_future(collect())
    async with asyncio.timeout(within_s):
        while not any(
            str(name).startswith(what) for one in client.clients.values() for name in one.futures
        ):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)  # until the venue has heard of it, too
    await act()
    await asyncio.wait_for(collecting, within_s)
    return seen


def get(url, method="GET", body=None, headers=None):
    """(status, answer) of a request."""
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
