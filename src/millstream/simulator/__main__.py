"""A simulated exchange as a process: `python -m millstream.simulator --exchange binance`.

Prints JSON, one object a line: first {"ready":true,"ws":…,"rest":…,"streams":[…],"pairs":[…]}, then
{"progress":0.37,"frames":1234,"market_ns":…} at most five times a second, at the end of the tape
{"done":true,"frames":{"btcusdt@trade":9757,…},"unsent":0,"skipped":1,"snapshots_served":1}.
Then it stays, quiet, until its standard input closes (so that it dies with its parent) or it gets
SIGTERM or SIGINT. Cannot it start: {"error":"…"} and exit code 2.

With --trade the exchange takes orders, as that of `millstream simulate` does; "ready" has "keys"
then, and the market begins at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import select
import signal
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import msgspec

from millstream.errors import ConfigError, MillstreamError
from millstream.simulator.market import Market, MarketSettings
from millstream.simulator.player import parse_speed
from millstream.simulator.recording import Recording, check_exchange
from millstream.simulator.server import ExchangeServer, Progress, Source
from millstream.simulator.simulation import SimulationSettings, keys_of, make_server
from millstream.stream.tape import read_tape

_TOLD_EVERY_S = 0.2
_FASTEST = 1_000


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(message)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(prog="python -m millstream.simulator", description=__doc__)
    parser.add_argument("--exchange", default="binance")
    parser.add_argument("--tape", help="the recording to play, instead of a generated market")
    parser.add_argument("--market-seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--candle-interval", default="1s")
    parser.add_argument("--speed", default="1", help='1 as recorded, 10 ten times that, or "max"')
    parser.add_argument("--expect", default="", help="begin when these streams are subscribed")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rest-port", type=int, default=0)
    parser.add_argument("--trade", action="store_true", help="take orders")
    parser.add_argument("--maker-fee-bps", type=Decimal, help="of those who trade")
    parser.add_argument("--taker-fee-bps", type=Decimal)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Runs until told to end; returns the exit code."""
    try:
        options = _options(arguments)
        speed = parse_speed(options.speed)
        if options.trade:
            asyncio.run(_trade(_simulation(options, speed)))
            return 0
        check_exchange(options.exchange)
        source = _source(options)
        expect = tuple(name for name in options.expect.split(",") if name)
        asyncio.run(_serve(source, speed, expect, options.port, options.rest_port))
    except MillstreamError as error:
        _print({"error": str(error)})
        return 2
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # nobody listens any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _source(options: argparse.Namespace) -> Source:
    if options.tape:
        return Recording(read_tape(options.tape))
    if not 0 < options.market_seconds <= 31 * 86_400:
        raise ConfigError("--market-seconds takes a number above 0, at most 31 days")
    settings = MarketSettings(
        seconds=options.market_seconds, candle_interval=options.candle_interval
    )
    return Market(random.Random(options.seed), settings)


async def _serve(
    source: Source, speed: float, expect: tuple[str, ...], port: int, rest_port: int
) -> None:
    server = ExchangeServer(source, speed=speed, expect=expect, port=port, rest_port=rest_port)
    await server.start()
    ready = {
        "ready": True,
        "ws": server.ws_url,
        "rest": server.rest_url,
        "streams": source.streams,
        "pairs": [str(pair) for pair in source.pairs],
    }
    skipped = 0
    if isinstance(source, Recording):
        skipped = source.skipped
        if source.warning:
            ready["warning"] = source.warning
    _print(ready)
    ended = asyncio.create_task(_told_to_end())
    playing = asyncio.create_task(server.play(_print_progress))
    try:
        await asyncio.wait({ended, playing}, return_when=asyncio.FIRST_COMPLETED)
        if playing.done():
            played = playing.result()
            _print(
                {
                    "done": True,
                    "frames": played.frames,
                    "unsent": played.unsent,
                    "skipped": skipped,
                    "snapshots_served": played.snapshots_served,
                }
            )
            await ended
    finally:
        playing.cancel()
        ended.cancel()
        await server.stop()


def _simulation(options: argparse.Namespace, speed: float) -> SimulationSettings:
    """The venue that takes orders; without rate limits: its market may be faster than a day is."""
    if speed > _FASTEST:
        raise ConfigError(f"--speed takes a number up to {_FASTEST} where orders are taken")
    return SimulationSettings(
        exchange=options.exchange,
        seed=options.seed,
        tape=Path(options.tape) if options.tape else None,
        speed=speed,
        limits=False,
        rest_port=options.rest_port,
        ws_port=options.port,
        market_seconds=options.market_seconds,
        maker_fee_bps=options.maker_fee_bps,
        taker_fee_bps=options.taker_fee_bps,
    )


async def _trade(settings: SimulationSettings) -> None:
    server = make_server(settings)
    await server.start()
    _print(
        {
            "ready": True,
            "ws": server.ws_url,
            "rest": server.rest_url,
            "streams": [],
            "pairs": [str(pair) for pair in server.venue.pairs],
            "keys": [
                msgspec.structs.asdict(key) for key in keys_of(settings.exchange, settings.accounts)
            ],
        }
    )
    ended = asyncio.create_task(_told_to_end())
    try:
        while not ended.done() and not server.ended.is_set():
            _print_progress(server.progress)
            await asyncio.wait({ended}, timeout=_TOLD_EVERY_S)
        if not ended.done():
            _print_progress(server.progress)
            _print({"done": True, "frames": {}, "unsent": 0})
            await ended
    finally:
        ended.cancel()
        await server.stop()


async def _told_to_end() -> None:
    """Returns when standard input closes or a signal comes."""
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)

    def watch_parent() -> None:
        with contextlib.suppress(OSError):  # it may have been closed before we began
            while os.read(0, 4096):
                pass
        with contextlib.suppress(RuntimeError):  # the loop may have ended first
            loop.call_soon_threadsafe(end.set)

    threading.Thread(target=watch_parent, name="parent", daemon=True).start()
    await end.wait()


def _print_progress(progress: Progress) -> None:
    """Tell, unless the reader is so slow that telling would hold up the market."""
    if select.select([], [sys.stdout], [], 0)[1]:
        _print(msgspec.structs.asdict(progress))


def _print(message: dict[str, object]) -> None:
    sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
