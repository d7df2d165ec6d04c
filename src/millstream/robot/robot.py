"""The robot: subclass it, declare state and parameters, answer events with actions."""

from __future__ import annotations

import copyreg
from collections.abc import Iterable, Sequence
from decimal import Decimal
from random import Random
from typing import Any, ClassVar, Final, TypeAlias

import msgspec

from millstream.durations import parse_duration
from millstream.model import (
    Action,
    AmendOrder,
    Book,
    CancelAll,
    CancelOrder,
    Candle,
    CandleHistory,
    Connected,
    Control,
    Disconnected,
    FrameUpdate,
    Gap,
    LogLine,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    OrderType,
    PlaceOrder,
    ProducerState,
    Refused,
    Resynced,
    SetTimer,
    Side,
    Stale,
    StopTimer,
    Ticker,
    TimeInForce,
    Timer,
    Trade,
    Whitelist,
)
from millstream.robot.kept import Values, names_of
from millstream.robot.market import Market
from millstream.robot.moment import Moment

Answer: TypeAlias = Action | Iterable[Action] | None

# What `Robot` itself keeps. Whatever else is found on a robot lies outside its state.
_OWN: Final = frozenset(
    {"name", "markets", "parameters", "state", "random", "log", "_moment", "_said"}
)


class NoState(msgspec.Struct):
    """The state of a robot that declares none."""


class NoParameters(msgspec.Struct, frozen=True):
    """The parameters of a robot that takes none."""


class RobotLog:
    """`self.log`: lines that are journaled, and compared when the journal is replayed."""

    def __init__(self, said: list[Action]) -> None:
        self._said = said

    def debug(self, text: object) -> None:
        """Log what only its author wants to read."""
        self._said.append(LogLine("debug", str(text)))

    def info(self, text: object) -> None:
        """Log what happened."""
        self._said.append(LogLine("info", str(text)))

    def warning(self, text: object) -> None:
        """Log what somebody should look at."""
        self._said.append(LogLine("warning", str(text)))

    def error(self, text: object) -> None:
        """Log what went wrong."""
        self._said.append(LogLine("error", str(text)))


class Robot:
    """Business logic: one event at a time in, actions out.

    Everything the robot remembers lives in `self.state`, an instance of its `State` struct, so that
    it can be hashed, stored and compared. Everything it is told lives in `self.parameters`.
    A callback returns one action, several, or nothing.
    """

    State: ClassVar[type[msgspec.Struct]] = NoState
    Parameters: ClassVar[type[msgspec.Struct]] = NoParameters

    tunable: ClassVar[bool] = True  # False: what is made of its parameters at the start stays

    # A subclass annotates these two with its own structs: `state: MyState`.
    state: Any
    parameters: Any

    def __init__(
        self, name: str, markets: tuple[Market, ...], parameters: msgspec.Struct, moment: Moment
    ) -> None:
        self.name = name
        self.markets = markets
        self.parameters = parameters
        self.state = self.initial_state()
        self.random = Random(f"{moment.seed}:{name}")  # the same numbers in every replay
        self._moment = moment
        self._said: list[Action] = []  # during the event in hand; the group takes them
        self.log = RobotLog(self._said)

    def initial_state(self) -> msgspec.Struct:
        """The state before the first event; override it where that depends on parameters."""
        return self.State()

    @classmethod
    def other_files(cls, parameters: msgspec.Struct) -> Sequence[str]:
        """Files beside its own that define what it does: guarded and hashed with it."""
        return ()

    # ---- what a checkpoint holds beside the state ----------------------------------------------

    def _values(self) -> Values:
        """Packs its state and what lies outside of it."""
        return Values(names_of(type(self), type(self.state)))

    def _hidden(self) -> list[str]:
        """The names of what it keeps outside its state."""
        slots = copyreg._slotnames(type(self))  # type: ignore[attr-defined]  # as pickle does
        return [name for name in (*vars(self), *slots) if name not in _OWN and hasattr(self, name)]

    def _outside(self) -> dict[str, Any]:
        """What that is. Raises RobotError when it cannot be said."""
        return {name: getattr(self, name) for name in self._hidden()}

    def _put_outside(self, kept: dict[str, Any]) -> None:
        """Keep this outside its state, and nothing else."""
        for name in set(self._hidden()) - kept.keys():
            delattr(self, name)
        for name, value in kept.items():
            object.__setattr__(self, name, value)

    # ---- what a robot knows ------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The time of the event in hand, nanoseconds since 1970 UTC. There is no other clock."""
        return self._moment.now_ns

    @property
    def market(self) -> Market:
        """The first of its markets."""
        return self.markets[0]

    # ---- what a robot can wish ---------------------------------------------------------------

    def every(self, interval: str, name: str = "") -> None:
        """Ask for a `Timer` event each `interval` ("5s"), called `name` (default: the interval)."""
        self._said.append(SetTimer(name or interval, parse_duration(interval)))

    def after(self, delay: str, name: str = "") -> None:
        """Ask for one `Timer` event after `delay` ("5s"), called `name` (default: the delay)."""
        self._said.append(SetTimer(name or delay, parse_duration(delay), repeat=False))

    def stop_timer(self, name: str) -> None:
        """Ask for no more `Timer` events by this name."""
        self._said.append(StopTimer(name))

    def limit(
        self,
        side: Side,
        price: Decimal,
        volume: Decimal,
        *,
        market: Market | None = None,
        post_only: bool = False,
        time_in_force: TimeInForce = TimeInForce.GTC,
        stop_price: Decimal | None = None,
        reduce_only: bool = False,
    ) -> PlaceOrder:
        """A limit order whose id is known at once. `market`: default the first one.

        stop_price: it becomes a limit order only when the market trades there.
        """
        at = market or self.market
        kind = OrderType.LIMIT if stop_price is None else OrderType.STOP_LIMIT
        return PlaceOrder(
            at.exchange, at.symbol, side, kind, volume, price,
            time_in_force, post_only, self._moment.next_order_id(), stop_price, reduce_only,
        )  # fmt: skip

    def at_market(
        self,
        side: Side,
        volume: Decimal,
        *,
        market: Market | None = None,
        stop_price: Decimal | None = None,
        reduce_only: bool = False,
    ) -> PlaceOrder:
        """A market order whose id is known at once. `market`: default the first one.

        stop_price: it becomes a market order only when the market trades there.
        """
        at = market or self.market
        kind = OrderType.MARKET if stop_price is None else OrderType.STOP
        return PlaceOrder(
            at.exchange, at.symbol, side, kind, volume,
            order_id=self._moment.next_order_id(),
            stop_price=stop_price,
            reduce_only=reduce_only,
        )  # fmt: skip

    def cancel(self, order_id: str) -> CancelOrder:
        """The wish to cancel one order."""
        return CancelOrder(order_id)

    def amend(
        self, order_id: str, *, price: Decimal | None = None, volume: Decimal | None = None
    ) -> AmendOrder:
        """The wish for another price or volume of one order; None: as it is."""
        return AmendOrder(order_id, price, volume)

    def cancel_all(self) -> CancelAll:
        """The wish to cancel every open order of this robot."""
        return CancelAll()

    # ---- what a robot may answer -------------------------------------------------------------
    # Only callbacks that a subclass overrides are called.

    def on_start(self) -> Answer:
        """Called with the first event of the session, before it."""

    def on_ticker(self, ticker: Ticker) -> Answer:
        """The best bid and ask of one of its markets changed."""

    def on_trade(self, trade: Trade) -> Answer:
        """Somebody traded on one of its markets."""

    def on_book(self, book: Book) -> Answer:
        """The book of one of its markets changed."""

    def on_candle(self, candle: Candle) -> Answer:
        """A candle of one of its markets changed or closed."""

    def on_history(self, history: CandleHistory) -> Answer:
        """Past candles of one of its markets, to warm up with."""

    def on_frame(self, frame: FrameUpdate) -> Answer:
        """Rows of another bot's analyzed dataframe."""

    def on_whitelist(self, whitelist: Whitelist) -> Answer:
        """The pairs that another bot analyzes changed."""

    def on_producer_state(self, state: ProducerState) -> Answer:
        """Another bot, or one of its frames, stands otherwise now."""

    def on_my_order(self, order: MyOrder) -> Answer:
        """One of its own orders changed."""

    def on_my_trade(self, trade: MyTrade) -> Answer:
        """One of its own orders was filled, wholly or in part."""

    def on_my_order_batch(self, batch: MyOrderBatch) -> Answer:
        """Every open order of the account on one of its venues: it overwrites what was known."""

    def on_timer(self, timer: Timer) -> Answer:
        """A timer it asked for went off."""

    def on_control(self, control: Control) -> Answer:
        """Somebody gave it a command."""

    def on_connected(self, event: Connected) -> Answer:
        """A stream of one of its markets is open."""

    def on_disconnected(self, event: Disconnected) -> Answer:
        """A stream of one of its markets ended."""

    def on_gap(self, gap: Gap) -> Answer:
        """Something is missing in a stream of one of its markets."""

    def on_stale(self, stale: Stale) -> Answer:
        """A stream of one of its markets is silent."""

    def on_resynced(self, event: Resynced) -> Answer:
        """A stream of one of its markets is exact again."""

    def on_refused(self, refused: Refused) -> Answer:
        """A venue refused a subscription of one of its markets."""
