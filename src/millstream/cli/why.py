"""`millstream why`: one order on one screen."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import get_terminal_size
from textwrap import TextWrapper
from typing import Any

import click
import msgspec

from millstream.analysis.explanation import Cause, Explanation, Told
from millstream.analysis.folders import newest_session, the_journal
from millstream.analysis.stores import STORE_HELP
from millstream.analysis.why import explain

_SESSIONS = Path("sessions")
_LEVELS = 3  # of a book
_CHANGES = 12  # of a state
_WIDTH = 60  # letters of a value


@click.command()
@click.argument("order")
@click.argument("journal", required=False, type=click.Path(path_type=Path))
@click.option("--store", default="", help=STORE_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def why(order: str, journal: Path | None, store: str, as_json: bool) -> int:
    """Explain ORDER: the market its robot saw, its state, the action, risk, each step and fill.

    ORDER is an order's id or the beginning of one. JOURNAL is a session's folder or its journal;
    default: the newest session in sessions/. The journal is replayed up to the decision; nothing
    had to be logged.
    """
    explanation = explain(_journal(journal), order, store)
    if as_json:
        click.echo(msgspec.json.encode(explanation))
    else:
        click.echo("\n".join(_fitted(_screen(explanation))))
    return 0


def _fitted(lines: Iterable[str]) -> Iterable[str]:
    """On a terminal, long lines go on below their own text; elsewhere they are left whole."""
    if not sys.stdout.isatty():
        return lines
    wrap = TextWrapper(max(40, get_terminal_size().columns), subsequent_indent=" " * 10)
    return (part for line in lines for part in wrap.wrap(line))


def _journal(given: Path | None) -> Path:
    if given is None:
        return newest_session(_SESSIONS)
    return the_journal(given)


def _screen(found: Explanation) -> Iterator[str]:
    yield f"order {found.order_id} of robot {found.robot}: {found.status}"
    yield f"  in {found.journal}"
    if found.cause is not None:
        yield from _cause(found.cause)
    yield f"risk      {found.risk}"
    yield "steps"
    width = max((len(step.step) for step in found.steps), default=0)
    for step in found.steps:
        yield f"  {_when(step)}  {step.step:<{width}}  {step.detail}".rstrip()
    for note in found.notes:
        yield f"note: {note}"


def _cause(cause: Cause) -> Iterator[str]:
    event = cause.event
    yield f"event     {cause.sequence} at {_clock(cause.event_ns)}: {_fields(event)}"
    yield "market    as the robot saw it"
    if cause.ticker is not None:
        yield f"  ticker  {_quote(cause.ticker)}{_age(cause, cause.ticker)}"
    if cause.trade is not None:
        trade = cause.trade
        line = f"{trade['side']} {trade['volume']} at {trade['price']}"
        yield f"  trade   {line}{_age(cause, trade)}"
    if cause.book is not None:
        bids = _levels(cause.book["bids"])
        yield f"  book    {bids} | {_levels(cause.book['asks'])}{_age(cause, cause.book)}"
    if not (cause.ticker or cause.trade or cause.book):
        yield "  nothing of this market had come"
    count = len(cause.changed)
    yield f"state     {count} fields changed" if count != 1 else "state     1 field changed"
    for change in cause.changed[:_CHANGES]:
        yield f"  {change.field}: {_short(change.before)} -> {_short(change.after)}"
    if count > _CHANGES:
        yield f"  … and {count - _CHANGES} more: --json has them all"
    yield f"action    {_fields(cause.action, leave_out=('order_id',))}"


def _quote(ticker: dict[str, Any]) -> str:
    bid = f"{ticker['bid_price']} x {ticker['bid_volume']}"
    return f"bid {bid}, ask {ticker['ask_price']} x {ticker['ask_volume']}"


def _levels(levels: list[list[float]]) -> str:
    return "  ".join(f"{price} x {volume}" for price, volume in levels[:_LEVELS]) or "empty"


def _age(cause: Cause, event: dict[str, Any]) -> str:
    """How old an event was when the robot decided."""
    age_ns = cause.event_ns - event["received_ns"]
    return f"   {_span(age_ns)} before" if age_ns > 0 else ""


def _when(step: Told) -> str:
    since = "" if step.since_event_ns is None else f"+{_span(step.since_event_ns)}"
    return f"{_clock(step.happened_ns)} {since:>10}"


def _clock(ns: int) -> str:
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest // 1_000:06d}Z"


def _span(ns: int) -> str:
    if abs(ns) < 1_000_000:
        return f"{ns / 1_000:.0f} µs"
    return f"{ns / 1_000_000:.1f} ms" if abs(ns) < 1_000_000_000 else f"{ns / 1e9:.2f} s"


def _fields(message: dict[str, Any], leave_out: tuple[str, ...] = ()) -> str:
    hidden = {"kind", "received_ns", "exchange_ns", "bids", "asks", *leave_out}
    told = (
        f"{key} {_short(value)}"
        for key, value in message.items()
        if key not in hidden and value not in (None, False)
    )
    return f"{message['kind']} ({', '.join(told)})"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
