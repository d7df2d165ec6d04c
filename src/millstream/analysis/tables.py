"""The tables of an analysis: their columns, what each means, and which rows are the same row.

This page is the schema: every keeper makes its tables from it, and `docs/analysis.md` is held to
it by a test.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec

__all__ = ["LAYOUT", "TABLES", "Column", "Row", "Table"]

LAYOUT: Final = 1  # of all tables together; another number, another file
Row: TypeAlias = tuple[Any, ...]  # text, int, float, bool or None, in the order of the columns
Kind: TypeAlias = Literal["text", "integer", "real", "truth", "json"]


class Column(msgspec.Struct, frozen=True):
    """One column; "json" is text that holds JSON."""

    name: str
    kind: Kind
    meaning: str


class Table(msgspec.Struct, frozen=True):
    """One table.

    grows: rows of a run are only ever added, ascending by `sequence`; otherwise all rows of a run
        take the place of those that were there.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    grows: bool
    columns: tuple[Column, ...]


def _columns(text: str) -> tuple[Column, ...]:
    """Columns from lines of "name kind meaning"; every table begins with its run."""
    lines = ["run_id text the session's name, from its manifest", *text.strip().splitlines()]
    return tuple(Column(*line.split(None, 2)) for line in lines)  # type: ignore[arg-type]


_SESSIONS: Final = Table(
    "sessions", "one row for each journal", ("run_id",), False,
    _columns("""
        directory text where its journal was read
        started_ns integer when the session was set up
        first_event_ns integer when its first event came
        last_event_ns integer when its last event came
        events integer how many, which is the sequence of the last
        closed truth whether it ended in good order
        close_reason text why it ended
        equal truth whether its replay gave what was recorded
        answers integer recorded answers that were compared and found equal
        unverified integer answers to its last events that were not recorded any more
        difference json the first one: sequence, event, robot, kind, field, recorded, replayed
        damage text what is wrong with the journal's bytes; empty: nothing
        notes json what a reader should know besides, a list of sentences
        seed integer of the robots' random numbers
        millstream_version text that recorded it
        python_version text that recorded it
        platform text on which it ran
        config json the configuration, without secrets"""),
)  # fmt: skip
_ROBOTS: Final = Table(
    "robots", "one row for each robot of a session", ("run_id", "robot"), False,
    _columns("""
        robot text its name
        class_path text where its class is written
        markets json what it watches, a list
        parameters json what it was told
        source_file text the name of its file
        code_hash text of the code that was recorded
        code_changed truth whether the code that replayed it is another
        standing text running, paused, stopped or failed, at the end
        error text of a failed robot
        decisions integer events that it answered with an action
        orders integer that it wished
        fills integer of its orders"""),
)  # fmt: skip
_EVENTS: Final = Table(
    "events", "one row for everything that happened", ("run_id", "sequence"), True,
    _columns("""
        sequence integer the journal's number of the event
        received_ns integer when its bytes came in, by our clock
        kind text ticker, trade, book, candle, gap, my_order, timer, control, frame, …
        exchange text the venue; null where it concerns none
        symbol text BASE/QUOTE
        robot text whose order, timer or command it is
        order_id text of an own order or fill
        exchange_ns integer the venue's own time; null: it sent none
        bid_price real best bid, of a ticker or a book
        bid_volume real at that price, in base currency
        ask_price real best ask
        ask_volume real at that price, in base currency
        price real of a trade, a fill or an order; the close of a candle
        volume real in base currency
        side text buy or sell; of a public trade the taker's
        body json the other fields of the event; null for tickers, trades and books"""),
)  # fmt: skip
_STATES: Final = Table(
    "states", "a robot's state around each of its decisions", ("run_id", "sequence", "robot"), True,
    _columns("""
        sequence integer of the event that it answered
        robot text who decided
        received_ns integer when that event came in
        before json its state before the event
        after json its state after it"""),
)  # fmt: skip
_ACTIONS: Final = Table(
    "actions", "what robots answered, as recorded", ("run_id", "sequence", "number"), True,
    _columns("""
        sequence integer of the event that was answered
        number integer among the answers to that event, from 1
        received_ns integer when that event came in
        robot text who answered
        kind text place_order, cancel_order, cancel_all, set_timer, stop_timer, publish_frame, …
        order_id text of an order placed or canceled
        exchange text of an order placed
        symbol text of an order placed
        side text buy or sell
        price real of a limit order
        volume real in base currency
        body json every field of the action; decimals exact, as text"""),
)  # fmt: skip
_LOG: Final = Table(
    "log", "what robots logged", ("run_id", "sequence", "number"), True,
    _columns("""
        sequence integer of the event that was answered
        number integer among the answers to that event, from 1
        received_ns integer when that event came in
        robot text who logged
        level text debug, info, warning, error
        text text the line; of a robot that failed, its error"""),
)  # fmt: skip
_ORDERS: Final = Table(
    "orders", "each order, its life and how long each step took", ("run_id", "order_id"), False,
    _columns("""
        order_id text ours
        robot text who wished it
        sequence integer of the event that caused it; null: no robot of this journal wished it
        cause text the kind of that event
        exchange text the venue
        symbol text BASE/QUOTE
        side text buy or sell
        type text market, limit, …
        time_in_force text gtc, ioc, fok
        post_only truth reject rather than take
        price real its limit; null for a market order
        volume real in base currency
        status text as it stood last; wished: it never reached the order store
        reason text of a refusal, rejection or cancel
        refused_by text risk: our own limits; venue; null: nobody
        venue_id text the venue's own id
        filled_volume real in base currency
        average_price real of what is filled
        fee real paid; of all its fills, in fee_currency
        fee_currency text of its last fill
        bid_price real best bid when it was decided
        ask_price real best ask when it was decided
        mid_price real half way between both
        event_ns integer when the event that caused it came in
        durable_ns integer event and decision were on disk, risk was about to judge
        sent_ns integer the intent was on disk, the order about to be marked sent and sent
        acknowledged_ns integer the venue's first word was known
        first_fill_ns integer the first fill was known
        filled_ns integer the fill that completed it was known
        ended_ns integer it could not fill any more
        event_to_durable_ns integer durable_ns - event_ns
        durable_to_sent_ns integer sent_ns - durable_ns
        sent_to_acknowledged_ns integer acknowledged_ns - sent_ns
        acknowledged_to_filled_ns integer first_fill_ns - acknowledged_ns"""),
)  # fmt: skip
_STEPS: Final = Table(
    "order_steps", "every change of every order", ("run_id", "revision"), False,
    _columns("""
        revision integer the order store's number of the change
        order_id text whose
        robot text who wished it
        step text the status it came to, or cancel_wished
        happened_ns integer when the order store was told
        since_event_ns integer since the event that caused the order came in
        filled_volume real so far, in base currency
        reason text of a refusal, rejection or cancel
        sequence integer of the event by which its robot heard of it; null: it never did
        body json the order as it stood then; decimals exact, as text"""),
)  # fmt: skip
_FILLS: Final = Table(
    "fills", "every execution of an own order", ("run_id", "revision"), False,
    _columns("""
        revision integer the order store's number of the change
        sequence integer of the event by which its robot heard of it; null: it never did
        received_ns integer when we learned of it
        exchange_ns integer the venue's own time; null: it sent none
        robot text whose order
        order_id text of which order
        trade_id text the venue's
        exchange text the venue
        symbol text BASE/QUOTE
        side text buy or sell
        price real in quote currency
        volume real in base currency
        fee real positive: paid
        fee_currency text of the fee
        liquidity text maker or taker
        mid_price real half way between best bid and ask when its robot heard of it
        position real of this robot on this market after it and its fee, in base currency
        synthetic truth derived from an order's change: the venue sends no fills
        body json every field; decimals exact, as text"""),
)  # fmt: skip

TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        _SESSIONS, _ROBOTS, _EVENTS, _STATES, _ACTIONS, _LOG, _ORDERS, _STEPS, _FILLS,
    )
}  # fmt: skip
