"""`millstream record`: a user's own market, on a tape."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from time import monotonic, time_ns

import click
import msgspec

from millstream import __version__
from millstream.cli.ending import ending_signals
from millstream.errors import ConfigError, TapeError
from millstream.exchange import get_exchange_stream
from millstream.model import Channel, CurrencyPair
from millstream.settings import check_address
from millstream.stream.base import StreamBase
from millstream.stream.tape import TapeHeader, TapeWriter

SHOW_EVERY_S = 0.5


class Recorded(msgspec.Struct, frozen=True):
    """What is on the tape."""

    tape: str
    frames: int
    seconds: float
    bytes: int
    channels: dict[str, int]  # frames of each


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--exchange", default="binance", show_default=True)
@click.option("--pairs", default="btc/usdt", show_default=True, help="One or more, with commas.")
@click.option("--channels", default="ticker,trade,book,candle", show_default=True)
@click.option("--seconds", type=float, help="How long. Default: until Ctrl-C.")
@click.option("--candle-interval", help="Default: 1s on Binance, elsewhere the venue's own.")
@click.option("--host", default="", help="Another websocket host: ws://127.0.0.1:9443")
@click.option("--rest-host", default="", help="Another REST host: http://127.0.0.1:9080")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def record(
    out: Path,
    exchange: str,
    pairs: str,
    channels: str,
    seconds: float | None,
    candle_interval: str | None,
    host: str,
    rest_host: str,
    as_json: bool,
) -> int:
    """Record an exchange's raw frames, each with its receive time, in the file OUT.

    A name that ends in .gz or .zst is compressed. Play it with: millstream demo --tape OUT
    """
    if seconds is not None and not seconds > 0:
        raise ConfigError("--seconds takes a number above 0")
    if candle_interval is None and exchange.strip().lower() == "binance":
        candle_interval = "1s"
    if host:
        check_address("--host", host, ("ws", "wss", "tws"))
    if rest_host:
        check_address("--rest-host", rest_host, ("http", "https"))
    arguments: dict[str, str] = {}
    if candle_interval is not None:
        arguments["candle_interval"] = candle_interval
    if rest_host:
        arguments["rest_host"] = rest_host
    stream = get_exchange_stream(
        exchange, pairs.split(","), channels.split(","), api_host=host, subscribe_args=arguments
    )
    header = TapeHeader(
        exchange=str(stream.exchange),
        pairs=tuple(str(pair) for pair in stream.currency_pairs),
        channels=tuple(stream.subscribe_channels),
        started_ns=time_ns(),
        made_by=f"millstream {__version__}",
    )
    with TapeWriter(out, header) as tape:
        recorder = _Recorder(tape)
        stream.bind_tap(recorder)
        began = monotonic()
        asyncio.run(_record(stream, recorder, seconds, sys.stderr.isatty()))
        took = monotonic() - began
        if recorder.failure is not None:
            raise recorder.failure
    counts = {str(channel.channel): channel.frames for channel in stream.statistics()}
    recorded = Recorded(str(out), tape.frames, round(took, 3), out.stat().st_size, counts)
    if as_json:
        click.echo(msgspec.json.encode(recorded))
    else:
        by_channel = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        click.echo(
            f"{recorded.frames:,} frames in {took:.1f} s ({by_channel}), "
            f"{recorded.bytes:,} bytes: {out}"
        )
    return 0 if tape.frames else 1


class _Recorder:
    """Gives frames to a tape until it cannot be written any more, as on a full disk."""

    def __init__(self, tape: TapeWriter) -> None:
        self._tape = tape
        self.failure: TapeError | None = None

    def frame(self, channel: Channel, raw: bytes, received_ns: int) -> None:
        """A frame, before it is decoded."""
        if self.failure is None:
            try:
                self._tape.frame(channel, raw, received_ns)
            except TapeError as error:
                self.failure = error

    def snapshot(
        self, channel: Channel, pair: CurrencyPair, path: str, raw: bytes, received_ns: int
    ) -> None:
        """A REST answer that the channel needed."""
        if self.failure is None:
            try:
                self._tape.snapshot(channel, pair, path, raw, received_ns)
            except TapeError as error:
                self.failure = error


async def _record(
    stream: StreamBase, recorder: _Recorder, seconds: float | None, show: bool
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in ending_signals():
        loop.add_signal_handler(number, stop.set)
    running = asyncio.create_task(stream.start())
    began = monotonic()
    while not (stop.is_set() or running.done() or recorder.failure):
        passed = monotonic() - began
        if seconds is not None and passed >= seconds:
            break
        if show:
            frames = sum(channel.frames for channel in stream.statistics())
            click.echo(f"\r{passed:,.0f} s  {frames:,} frames ", nl=False, err=True)
        wait_s = SHOW_EVERY_S if seconds is None else min(SHOW_EVERY_S, seconds - passed)
        try:
            await asyncio.wait_for(stop.wait(), wait_s)
        except TimeoutError:
            continue
    await stream.stop()
    await running
    if show:
        click.echo("", err=True)
