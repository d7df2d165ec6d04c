"""`millstream producers`: whom a bot follows and who follows it, frame by frame."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from millstream.cli.ending import ending_signals
from millstream.errors import ConfigError, StreamError
from millstream.frames.settings import ApiServerSection, ConsumerSection
from millstream.model import Event, ProducerState
from millstream.settings import explain, parse_values, read_text
from millstream.stream import rest

if TYPE_CHECKING:
    from millstream.frames.client import FrameClient

REFRESH_S = 0.5  # on a terminal
LINES_EVERY_S = 2.0
_STYLES = {"connected": "green", "refused": "bold red", "waiting": "yellow"}


class FrameRow(msgspec.Struct, frozen=True):
    """One frame of a producer, or of our own."""

    pair: str
    timeframe: str
    candle_type: str
    rows: int
    age_s: float | None  # since it was analyzed; None: not told
    state: str = "fresh"  # "stale": older than max_age; "gap": rows are missing


class ProducerRow(msgspec.Struct, frozen=True):
    """One producer that we follow."""

    producer: str
    state: str  # "connected", "waiting", "disconnected", "refused"
    reason: str  # why it is not connected
    wire: str  # "freqtrade", "millstream"; "": not connected yet
    pairs: int
    frames: list[FrameRow]
    updates: int
    gaps: int
    repairs: int
    bytes: int
    malformed: int
    connections: int


class FollowerRow(msgspec.Struct, frozen=True):
    """One follower of ours."""

    name: str  # its address
    wire: str
    messages: int
    bytes: int
    queued: int
    conflated: int


class Standing(msgspec.Struct, frozen=True):
    """Both directions of one bot."""

    producers: list[ProducerRow]
    followers: list[FollowerRow]
    frames: list[FrameRow]  # of our own
    api_server: str  # "running", "" where there is none, or why it cannot be asked

    @property
    def whole(self) -> bool:
        """Everybody who should be there is."""
        connected = all(row.state == "connected" for row in self.producers)
        return connected and self.api_server in ("", "running")


@click.command()
@click.option("--config", type=click.Path(path_type=Path), required=True, help="Of the bot.")
@click.option("--seconds", type=float, help="How long. Default: until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON every 2 s.")
def producers(config: Path, seconds: float | None, as_json: bool) -> int:
    """Show the producers that a bot follows, and who follows it.

    Connects to each producer of external_message_consumer as the bot does, and asks the running bot
    of api_server about its followers. Updates, gaps, repairs and bytes of a producer are those of
    this connection, since this command began: those of a running session are on its own screen and
    in its journal. Exit code 1: a producer was not connected at the end, or the bot did not answer.
    """
    if seconds is not None and not seconds > 0:
        raise ConfigError("--seconds takes a number above 0")
    server, consumer = load_ends(config)
    try:
        from millstream.frames.client import FrameClient
    except ImportError as error:
        raise ConfigError(
            f'shared frames need pandas: pip install "millstream[strategy]" ({error})'
        ) from None
    told = _Told()
    client = FrameClient(consumer, told.take)
    standing = asyncio.run(_watch(client, server, told, seconds, as_json))
    return 0 if standing.whole else 1


def load_ends(path: Path) -> tuple[ApiServerSection, ConsumerSection]:
    """The sections of a producer and a consumer in a configuration of either kind.

    Raises ConfigError.
    """
    values = parse_values(read_text(path), str(path), os.environ)
    found = values if isinstance(values, dict) else {}
    try:
        server = msgspec.convert(found.get("api_server", {}), ApiServerSection, strict=False)
        consumer = msgspec.convert(
            found.get("external_message_consumer", {}), ConsumerSection, strict=False
        )
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {explain(error)}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    if not (server.enabled or consumer.enabled):
        raise ConfigError(
            f"{path}: neither follows nor serves: enable external_message_consumer or api_server"
        )
    return server, consumer


class _Told:
    """How each producer stands, and why."""

    def __init__(self) -> None:
        self.states: dict[str, ProducerState] = {}

    def take(self, events: Sequence[Event]) -> None:
        """Note what is about a whole producer; frames are asked for when they are shown."""
        for event in events:
            if isinstance(event, ProducerState) and not event.pair:
                self.states[event.producer] = event


async def _watch(
    client: FrameClient,
    server: ApiServerSection,
    told: _Told,
    seconds: float | None,
    as_json: bool,
) -> Standing:
    stop, began = asyncio.Event(), monotonic()
    for number in ending_signals():
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    context, show, every_s = _display(as_json)
    await client.start()
    try:
        with context:
            while True:
                left_s = every_s if seconds is None else seconds - (monotonic() - began)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), max(0.0, min(every_s, left_s)))
                standing = await _standing(client, server, told)
                show(standing)
                over = seconds is not None and monotonic() - began >= seconds
                if stop.is_set() or over:
                    return standing
    finally:
        await client.stop()


async def _standing(client: FrameClient, server: ApiServerSection, told: _Told) -> Standing:
    now_ns = time_ns()
    rows = []
    for follower in client.followers:
        figures = follower.figures
        state = told.states.get(figures.name)
        held = follower.held
        frames = [
            FrameRow(
                *key[1:],
                status.rows,
                _age_s(status.analyzed_ns or status.received_ns, now_ns),
                status.state,
            )
            for key in sorted(held.keys(figures.name))
            if (status := held.status(*key)) is not None
        ]
        rows.append(
            ProducerRow(
                producer=figures.name,
                state=state.state if state is not None else "waiting",
                reason=state.reason if state is not None and not figures.connected else "",
                wire=figures.wire,
                pairs=figures.pairs,
                frames=frames,
                updates=figures.updates,
                gaps=figures.gaps,
                repairs=figures.repairs,
                bytes=figures.bytes,
                malformed=figures.malformed,
                connections=figures.connections,
            )
        )
    followers, frames, answer = await _ask(server, now_ns)
    return Standing(rows, followers, frames, answer)


async def _ask(
    server: ApiServerSection, now_ns: int
) -> tuple[list[FollowerRow], list[FrameRow], str]:
    """(followers, own frames, "running" or why it cannot be asked) of the running bot."""
    if not server.enabled:
        return [], [], ""
    any_address = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    host = any_address.get(server.listen_ip_address, server.listen_ip_address)
    scheme = "https" if server.certificate_file else "http"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{server.listen_port}"
    if server.tokens:
        shown = f"Bearer {server.tokens[0]}"
    else:
        pair = f"{server.username}:{server.password}".encode()
        shown = f"Basic {base64.b64encode(pair).decode()}"
    try:
        raw = await rest.request(
            "GET", f"{url}/api/v1/followers", headers={"Authorization": shown}, timeout_s=2.0
        )
        answer: dict[str, Any] = msgspec.json.decode(raw)
        followers = msgspec.convert(answer["followers"], list[FollowerRow])
        frames = [
            FrameRow(
                one["pair"], one["timeframe"], one["candle_type"], one["rows"],
                _age_s(one["analyzed_ns"], now_ns),
            )
            for one in answer["frames"]
        ]  # fmt: skip
    except StreamError as error:
        return [], [], str(error)
    except (msgspec.MsgspecError, KeyError, TypeError):
        return [], [], f"{url} is not a Millstream"
    return followers, frames, "running"


def _age_s(analyzed_ns: int, now_ns: int) -> float | None:
    return (now_ns - analyzed_ns) / 1e9 if analyzed_ns else None


def _display(
    as_json: bool,
) -> tuple[AbstractContextManager[object], Callable[[Standing], None], float]:
    if as_json:
        return nullcontext(), lambda told: click.echo(msgspec.json.encode(told)), LINES_EVERY_S
    if not sys.stdout.isatty():
        return nullcontext(), _lines, LINES_EVERY_S
    live = Live(console=Console(), auto_refresh=False)
    return live, lambda told: live.update(_tables(told), refresh=True), REFRESH_S


def _lines(told: Standing) -> None:
    for row in told.producers:
        reason = f" ({row.reason})" if row.reason else ""
        click.echo(
            f"producer {row.producer}: {row.state}{reason}, {row.wire or 'no'} wire, "
            f"{len(row.frames)} frames, {row.updates} updates, {row.gaps} gaps, "
            f"{row.repairs} repairs, {row.bytes:,} bytes"
        )
        for frame in row.frames:
            click.echo(f"  {_frame(frame)}")
    if told.api_server:
        click.echo(f"own frames: {told.api_server}, {len(told.followers)} followers")
        for frame in told.frames:
            click.echo(f"  {_frame(frame)}")
    for one in told.followers:
        click.echo(
            f"  follower {one.name}: {one.wire} wire, {one.messages} messages, "
            f"{one.bytes:,} bytes, {one.queued} queued, {one.conflated} conflated"
        )


def _frame(frame: FrameRow) -> str:
    age = "age -" if frame.age_s is None else f"age {frame.age_s:,.1f} s"
    return (
        f"{frame.pair} {frame.timeframe} {frame.candle_type}: {frame.rows} rows, {age}, "
        f"{frame.state}"
    )


def _tables(told: Standing) -> Group:
    parts: list[Table | str] = []
    for row in told.producers:
        style = _STYLES.get(row.state, "red")
        table = Table(box=None, header_style="dim", title_justify="left")
        table.title = (
            f"producer {row.producer}: [{style}]{row.state}[/] {row.reason} "
            f"{row.updates:,} updates, {row.gaps:,} gaps, {row.repairs:,} repairs, "
            f"{row.bytes:,} bytes"
        )
        parts.append(_with_frames(table, row.frames))
    if told.api_server:
        table = Table(box=None, header_style="dim", title_justify="left")
        table.title = f"own frames: {told.api_server}"
        parts.append(_with_frames(table, told.frames))
        followers = Table(box=None, header_style="dim")
        for name in ("follower", "wire", "messages", "bytes", "queued", "conflated"):
            followers.add_column(name, justify="left" if name in ("follower", "wire") else "right")
        for one in told.followers:
            counts = (one.messages, one.bytes, one.queued, one.conflated)
            followers.add_row(one.name, one.wire, *(f"{count:,}" for count in counts))
        parts.append(followers)
    return Group(*parts)


def _with_frames(table: Table, frames: Sequence[FrameRow]) -> Table:
    for name in ("pair", "timeframe", "type"):
        table.add_column(name)
    for name in ("rows", "age"):
        table.add_column(name, justify="right")
    table.add_column("state")
    for frame in frames:
        age = "-" if frame.age_s is None else f"{frame.age_s:,.1f} s"
        key = (frame.pair, frame.timeframe, frame.candle_type)
        table.add_row(*key, f"{frame.rows:,}", age, frame.state)
    return table
