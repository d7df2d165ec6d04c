"""The REST side: the few questions that a market stream's client asks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Answers(Protocol):
    """Who knows the answers."""

    @property
    def market_ns(self) -> int:
        """The time of the market being played."""
        ...

    def depth(self, symbol: str, limit: int) -> tuple[int, bytes]:
        """(HTTP status, body) of a request for a book."""
        ...

    def exchange_info(self) -> bytes:
        """What is traded."""
        ...


class QuietServer(uvicorn.Server):
    """uvicorn inside a loop that is not its own: signals are its owner's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


def rest_application(exchange: Answers) -> Starlette:
    """The paths there are, each with its answer or the venue's error."""

    async def ping(request: Request) -> Response:
        return _json(200, b"{}")

    async def server_time(request: Request) -> Response:
        return _json(200, b'{"serverTime":%d}' % (exchange.market_ns // 1_000_000))

    async def exchange_info(request: Request) -> Response:
        return _json(200, exchange.exchange_info())

    async def depth(request: Request) -> Response:
        symbol = request.query_params.get("symbol", "")
        limit = request.query_params.get("limit", "100")
        if not symbol:
            message = b"Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
            return _json(400, b'{"code":-1102,"msg":"%b"}' % message)
        if not limit.isdecimal() or not 1 <= int(limit[:9]) <= 99_999_999:
            message = b"Illegal characters found in parameter 'limit'."
            return _json(400, b'{"code":-1100,"msg":"%b"}' % message)
        return _json(*exchange.depth(symbol, min(int(limit[:9]), 5_000)))

    return Starlette(
        routes=[
            Route("/api/v3/ping", ping),
            Route("/api/v3/time", server_time),
            Route("/api/v3/exchangeInfo", exchange_info),
            Route("/api/v3/depth", depth),
        ]
    )


def _json(status: int, body: bytes) -> Response:
    return Response(body, status, media_type="application/json")
