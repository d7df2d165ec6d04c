"""`millstream streams`: how each subscription of a configuration stands."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from time import monotonic, time_ns
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.live import Live
from rich.text import Text

from millstream.cli.ending import ending_signals
from millstream.errors import ConfigError
from millstream.exchange import get_exchange_stream
from millstream.exchange.live import VenueStream
from millstream.screen.tables import FittingTable
from millstream.settings import StreamSection, explain, parse_values, read_text
from millstream.stream.figures import Figures, Rates, figures

REFRESH_S = 0.5  # on a terminal
LINES_EVERY_S = 2.0
STYLES = {"live": "green", "stale": "red", "refused": "bold red", "waiting": "yellow"}


@click.command()
@click.option("--config", type=click.Path(path_type=Path), required=True, help="Has streams.")
@click.option("--seconds", type=float, help="How long. Default: until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array every 2 s.")
@click.option("--metrics", type=int, help="Answer Prometheus on this port of 127.0.0.1.")
def streams(config: Path, seconds: float | None, as_json: bool, metrics: int | None) -> int:
    """Connect the streams of a configuration and show how each subscription stands.

    Exit code 1: a subscription was not live at the end.
    """
    if seconds is not None and not seconds > 0:
        raise ConfigError("--seconds takes a number above 0")
    made = [_stream(section) for section in load_streams(config)]
    if metrics is not None:
        from millstream.stream.metrics import serve_metrics

        port = serve_metrics(made, metrics)
        click.echo(f"metrics: http://127.0.0.1:{port}/metrics", err=True)
    rows = asyncio.run(_watch(made, seconds, as_json))
    return 0 if all(row.state == "live" for row in rows) else 1


def load_streams(path: Path) -> list[StreamSection]:
    """The streams of a configuration of robots, or of services; raises ConfigError."""
    values = parse_values(read_text(path), str(path), os.environ)
    found = list(_sections(values)) if isinstance(values, dict) else []
    if not found:
        raise ConfigError(f'{path}: has no streams; write {{"streams": [...]}}')
    try:
        return msgspec.convert(found, list[StreamSection], strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: streams: {explain(error)}") from None


def _sections(values: dict[str, Any]) -> list[Any]:
    found = list(values.get("streams", []))
    for key, service in values.items():
        if key.startswith("service.") and isinstance(service, dict):
            for setting in _objects([service.get("setting")]):
                apis, streams = _objects(setting.get("apis")), _objects(setting.get("streams"))
                found += [_with_keys(stream, apis) for stream in streams]
    return found


def _objects(values: Any) -> list[dict[str, Any]]:
    """The objects of a list; `millstream run` tells what else is in it."""
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []


def _with_keys(stream: dict[str, Any], apis: list[dict[str, Any]]) -> dict[str, Any]:
    """A service's stream, with the keys that its apis have for its exchange."""
    for api in apis:
        if not stream.get("api_key") and api.get("exchange") == stream.get("exchange"):
            return stream | {key: value for key, value in api.items() if value}
    return stream


def _stream(section: StreamSection) -> VenueStream:
    return get_exchange_stream(
        section.exchange,
        section.currency_pairs,
        section.subscribe_channels,
        section.api_key,
        section.api_secret,
        section.api_auth_data,
        section.api_host,
        section.reconnect_times,
        section.subscribe_args,
    )


async def _watch(made: list[VenueStream], seconds: float | None, as_json: bool) -> list[Figures]:
    stop, rates, began = asyncio.Event(), Rates(), monotonic()
    loop = asyncio.get_running_loop()
    for number in ending_signals():
        loop.add_signal_handler(number, stop.set)
    running = asyncio.gather(*(stream.start() for stream in made))
    context, show, every_s = _display(as_json)
    rows: list[Figures] = []
    with context:
        while not (stop.is_set() or running.done()):
            left_s = every_s if seconds is None else seconds - (monotonic() - began)
            if left_s <= 0:
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), min(every_s, left_s))
            rows = figures(made, rates, time_ns())
            show(rows)
    await asyncio.gather(*(stream.stop() for stream in made))
    await running
    return rows


def _display(
    as_json: bool,
) -> tuple[AbstractContextManager[object], Callable[[list[Figures]], None], float]:
    if as_json:
        return nullcontext(), lambda rows: click.echo(msgspec.json.encode(rows)), LINES_EVERY_S
    if not sys.stdout.isatty():
        return nullcontext(), _lines, LINES_EVERY_S
    live = Live(console=Console(), auto_refresh=False)
    return live, lambda rows: live.update(_table(rows), refresh=True), REFRESH_S


def _table(rows: list[Figures]) -> FittingTable:
    table = FittingTable(
        *("exchange", "channel", "pair", "state", "age >", "updates/s >", "gaps >"),
        *("reconnects >", "malformed >", "dropped >"),
        left_out=("malformed", "dropped", "reconnects", "gaps", "updates/s", "exchange"),
    )
    for row in rows:
        table.add_row(
            *(row.exchange, row.channel, row.pair or "-"),
            Text(row.state, STYLES.get(row.state, "")),
            *(_age(row), _rate(row), str(row.gaps), str(row.reconnects)),
            *(str(row.malformed), str(row.dropped)),
        )
    return table


def _lines(rows: list[Figures]) -> None:
    for row in rows:
        click.echo(
            f"{row.exchange} {row.channel} {row.pair or '-'}: {row.state}, age {_age(row)}, "
            f"{_rate(row)} updates/s, {row.gaps} gaps, {row.reconnects} reconnects"
        )


def _age(row: Figures) -> str:
    return "-" if row.age_s is None else f"{row.age_s:.1f} s"


def _rate(row: Figures) -> str:
    return "-" if row.rate is None else f"{row.rate:,.1f}"
