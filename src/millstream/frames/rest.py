"""The REST calls beside the websocket: what a consumer's user asks a producer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millstream.frames.candles_answer import pair_candles
from millstream.frames.freqtrade_wire import iso, last_rows
from millstream.frames.producer import Producer
from millstream.frames.tokens import FULL, REFUSED, WAIT, Gate

PREFIX: Final = "/api/v1"
Answer: TypeAlias = Callable[[Request], Awaitable[Response]]


class Rest:
    """Answers. `now`: seconds since 1970. `config`: without secrets."""

    def __init__(
        self,
        producer: Producer,
        gate: Gate,
        strategy: str,
        timeframe: str,
        version: str,
        config: Mapping[str, Any],
        now: Callable[[], float],
    ) -> None:
        self._producer, self._gate = producer, gate
        self._strategy, self._timeframe, self._version = strategy, timeframe, version
        self._config, self._now = config, now

    def routes(self) -> list[Route]:
        """The paths there are."""
        return [
            Route(f"{PREFIX}/ping", self._ping),
            Route(f"{PREFIX}/token/login", self._login, methods=["POST"]),
            Route(f"{PREFIX}/token/refresh", self._refresh, methods=["POST"]),
            Route(f"{PREFIX}/version", self._guarded(self._tell_version)),
            Route(f"{PREFIX}/show_config", self._guarded(self._show_config, full=True)),
            Route(f"{PREFIX}/whitelist", self._guarded(self._whitelist)),
            Route(f"{PREFIX}/pair_candles", self._guarded(self._pair_candles)),
            Route(f"{PREFIX}/health", self._guarded(self._health)),
            Route(f"{PREFIX}/followers", self._guarded(self._followers, full=True)),
        ]

    def _guarded(self, answer: Answer, full: bool = False) -> Answer:
        async def guarded(request: Request) -> Response:
            address, now_s = _address(request), self._now()
            scheme, _, shown = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() == "bearer":
                access = self._gate.admit(shown.strip(), address, now_s)
            elif self._gate.must_wait(address, now_s):
                access = WAIT  # a password may be short
            elif scheme.lower() == "basic" and self._gate.basic(shown):
                access = FULL
            else:
                self._gate.refused(address, now_s)
                access = REFUSED
            if access == WAIT:
                return _json({"detail": "Too many wrong attempts"}, 429)
            if access == REFUSED:
                return _json({"detail": "Unauthorized"}, 401)
            if full and access != FULL:
                return _json({"detail": "This token may only read frames and pairs"}, 403)
            return await answer(request)

        return guarded

    def _unauthorized(self, request: Request) -> Response:
        self._gate.refused(_address(request), self._now())
        return _json({"detail": "Unauthorized"}, 401)

    async def _ping(self, request: Request) -> Response:
        return _json({"status": "pong"})

    async def _login(self, request: Request) -> Response:
        if self._gate.must_wait(_address(request), self._now()):
            return _json({"detail": "Too many wrong attempts"}, 429)
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic" or not self._gate.basic(shown):
            return self._unauthorized(request)
        return _json(self._gate.login(self._now()))

    async def _refresh(self, request: Request) -> Response:
        if self._gate.must_wait(_address(request), self._now()):
            return _json({"detail": "Too many wrong attempts"}, 429)
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        token = self._gate.refresh(shown.strip(), self._now()) if scheme else None
        return _json(token) if token is not None else self._unauthorized(request)

    async def _tell_version(self, request: Request) -> Response:
        return _json({"version": f"millstream {self._version}".strip()})

    async def _show_config(self, request: Request) -> Response:
        return _json(
            {
                "bot_name": "millstream",
                "version": self._version,
                "strategy": self._strategy,
                "timeframe": self._timeframe,
                **self._config,
            }
        )

    async def _whitelist(self, request: Request) -> Response:
        pairs = list(self._producer.pairs)
        return _json({"whitelist": pairs, "length": len(pairs), "method": ["StaticPairList"]})

    async def _pair_candles(self, request: Request) -> Response:
        pair = request.query_params.get("pair", "")
        timeframe = request.query_params.get("timeframe", self._timeframe)
        told = request.query_params.get("limit", "")
        if not pair or (told and not told.isdecimal()):
            return _json({"detail": "pair is missing, or limit is no number"}, 422)
        found = [f for key, f in self._producer.frames.items() if key[:2] == (pair, timeframe)]
        if not found:
            key = (pair, timeframe, self._producer.default_key[1])
            return _json(pair_candles(key, None, 0, self._strategy))
        frame = found[0]
        first = last_rows(len(frame), int(told[:9]) if told else None)
        rows = frame.rows.between(first, len(frame))
        return _json(pair_candles(frame.key, rows, frame.analyzed_ns, self._strategy))

    async def _health(self, request: Request) -> Response:
        analyzed = [frame.analyzed_ns for frame in self._producer.frames.values()]
        last = max(analyzed, default=0)
        seconds = last // 1_000_000_000
        return _json(
            {
                "last_process": iso(last) if last else None,
                "last_process_ts": seconds if last else None,
                "frames": len(analyzed),
                "followers": len(self._producer.followers),
            }
        )

    async def _followers(self, request: Request) -> Response:
        """Ours: who follows, and what there is to follow."""
        frames = [
            {
                "pair": pair, "timeframe": timeframe, "candle_type": candle_type,
                "rows": len(frame), "sequence": frame.sequence, "analyzed_ns": frame.analyzed_ns,
            }
            for (pair, timeframe, candle_type), frame in self._producer.frames.items()
        ]  # fmt: skip
        followers = sorted(
            (follower.figures for follower in self._producer.followers), key=lambda one: one.name
        )
        return _json({"followers": followers, "frames": frames})


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
