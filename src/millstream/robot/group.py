"""The robots of one loop, and the one way an event reaches them.

The same `handle` runs live and in a replay: nothing in here knows which of the two it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import msgspec

from millstream.errors import ConfigError, RobotError
from millstream.model import (
    Action,
    AmendOrder,
    AnyEvent,
    Book,
    CancelAll,
    CancelOrder,
    Candle,
    CandleHistory,
    Checkpoint,
    Control,
    CurrencyPair,
    Event,
    Exchange,
    FrameUpdate,
    LogLine,
    MarketEvent,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    Output,
    PlaceOrder,
    ProducerState,
    PublishFrame,
    PublishWhitelist,
    RobotFailed,
    SessionEnd,
    SetTimer,
    StopTimer,
    StreamEvent,
    Ticker,
    Timer,
    Trade,
    Whitelist,
)
from millstream.model.actions import OutputBody
from millstream.model.codec import encode_canonical, why_unreadable
from millstream.robot.control import Hire, obey, stand
from millstream.robot.moment import Moment
from millstream.robot.raised import RAISED, raised
from millstream.robot.robot import Answer, Robot
from millstream.robot.seat import Seat
from millstream.robot.setup import RobotSetup
from millstream.robot.timers import Timers

CHECKPOINT_EVERY_EVENTS = 8_192

_ACTIONS = (
    PlaceOrder, CancelOrder, CancelAll, AmendOrder, SetTimer, StopTimer, LogLine,
    PublishFrame, PublishWhitelist,
)  # fmt: skip


# whose market, which robot, its callback, and what it has said without answering it
_Route: TypeAlias = tuple[Exchange, Seat, Callable[[Any], Answer], list[Action]]


class RobotGroup:
    """All robots of one loop. `handle` is the only door.

    run_id: six letters or digits, the head of every order id. seed: of `self.random`.
    whole: a checkpoint holds all it takes to go on from it, and a failure its event, state and
        trace; False for journals of before that. packed: a checkpoint also holds what only
        `kept.py` packs; False, too. hire: who finds the robot that a command adds.
    """

    def __init__(
        self,
        run_id: str,
        seed: int,
        checkpoint_every_events: int = CHECKPOINT_EVERY_EVENTS,
        *,
        whole: bool = True,
        packed: bool = True,
        hire: Hire | None = None,
    ) -> None:
        self._moment = Moment(run_id, seed)
        self.timers = Timers()
        self.revision = 0  # the latest change of the order store that it was told
        self._whole, self._packed = whole, packed
        self._hire = hire
        self._seats: dict[str, Seat] = {}
        self._routes: dict[type[Event], dict[CurrencyPair, list[_Route]]] = {}
        self._checkpoint_every = checkpoint_every_events
        self._started = False
        self._reroute()

    def add(self, setup: RobotSetup) -> Robot:
        """Seat a robot.

        Raises ConfigError: name taken; RobotError: its code fails, or its state cannot be stored.
        """
        if setup.name in self._seats:
            raise ConfigError(f'two robots are called "{setup.name}"; give each its own name')
        try:
            robot = setup.robot(setup.name, setup.markets, setup.parameters, self._moment)
        except RAISED as error:  # a robot's code may raise anything
            raise RobotError(f'robot "{setup.name}" cannot begin: {raised(error)}') from error
        try:
            encode_canonical(robot.state)
        except (TypeError, NotImplementedError, msgspec.MsgspecError) as error:
            raise RobotError(
                f'the state of robot "{setup.name}" cannot be stored: {error}; '
                "use numbers, text, Decimal, lists, dicts and structs"
            ) from error
        try:
            self._seats[setup.name] = Seat(robot, setup.entry, setup.standing)
        except Exception as error:  # it may have put anything in the place of what is ours
            raise RobotError(f'robot "{setup.name}" cannot be kept: {raised(error)}') from error
        self._reroute()
        return robot

    def restore(self, name: str, made: Checkpoint) -> None:
        """A robot that was just added stands as it did at a checkpoint, and was started then.

        Raises RobotError when the checkpoint does not hold all it takes.
        """
        self._seats[name].restore(made, self._checkpoint_every)
        self.timers.restore(name, made.alarms)
        self.revision = made.revision
        self._started = True
        self._reroute()

    def remove(self, name: str) -> None:
        """Take a robot's seat away, and its timers."""
        del self._seats[name]
        self.timers.forget(name)
        self._reroute()

    @property
    def seats(self) -> Sequence[Seat]:
        """The robots in the order they were added."""
        return list(self._seats.values())

    @property
    def sequence(self) -> int:
        """The journal's number of the event in hand."""
        return self._moment.sequence

    def seat(self, name: str) -> Seat | None:
        """A robot's seat, or None."""
        return self._seats.get(name)

    def handle(self, sequence: int, event: AnyEvent) -> list[Output]:
        """What the robots answer to one event, in the order of the robots."""
        return self.handle_all(sequence, (event,))

    def handle_all(self, first: int, events: Sequence[AnyEvent]) -> list[Output]:
        """The same for events one after the other, whose sequences begin with `first`.

        This runs a million times a second in a replay, so it calls nothing that it need not.
        """
        moment = self._moment
        answered: list[Output] = []
        outputs: list[Output] = []  # of the event in hand
        for sequence, event in enumerate(events, first):
            moment.sequence, moment.now_ns, moment.orders = sequence, event.received_ns, 0
            if not self._started:
                self._start(outputs)
            routes = self._routes.get(type(event))
            if routes is None:
                self._handle_other(event, outputs)
            else:
                market: MarketEvent = event  # type: ignore[assignment]  # only these have routes
                for exchange, seat, callback, said in routes.get(market.symbol, ()):
                    if exchange is market.exchange:
                        try:
                            answer = callback(event)
                        except RAISED as error:  # a robot's code may raise anything
                            self._add(seat, self._fail(seat, error), outputs)
                        else:
                            if answer is not None or said:
                                self._take(seat, answer, outputs)
            if outputs:
                self.timers.follow(outputs, event.received_ns)
            if not sequence % self._checkpoint_every:
                self._checkpoint(outputs, sequence // self._checkpoint_every)
            if outputs:
                answered += outputs
                outputs = []
        return answered

    def _handle_other(self, event: AnyEvent, outputs: list[Output]) -> None:
        match event:
            case MyOrder() | MyTrade():
                self.revision = max(self.revision, event.revision)
                self._ask_one(event.robot, event, outputs)
            case Timer():
                self.timers.went_off(event)
                self._ask_one(event.robot, event, outputs)
            case MyOrderBatch():
                for seat in self._seats.values():
                    if any(market.exchange is event.exchange for market in seat.robot.markets):
                        self._ask_seat(seat, event, outputs)
            case FrameUpdate() | Whitelist() | ProducerState():
                for seat in self._seats.values():
                    if seat.standing == "running":
                        self._ask_seat(seat, event, outputs)
            case StreamEvent():
                for seat in self._seats.values():
                    if seat.standing == "running" and _concerns(event, seat.robot):
                        self._ask_seat(seat, event, outputs)
            case Control() if event.request:
                obey(self, event, self._hire, outputs)
            case Control():
                for name in [event.robot] if event.robot else list(self._seats):
                    if (told := self._seats.get(name)) is not None:
                        stand(told, event)
                        self.tell(told, event, outputs)
            case SessionEnd():
                self.timers.follow(outputs, event.received_ns)
                self._checkpoint(outputs)
            case _:
                raise RobotError(f"no way to a robot for {type(event).__name__}")

    def _start(self, outputs: list[Output]) -> None:
        self._started = True
        for seat in self._seats.values():
            self._ask(seat, seat.start, None, outputs)

    def tell(self, seat: Seat, event: Control, outputs: list[Output]) -> None:
        """A robot whose standing or parameters a command changed hears of it."""
        self._reroute()
        if event.command in ("stop", "remove") and seat.standing == "stopped":
            outputs.append(Output(self._moment.sequence, seat.robot.name, CancelAll()))
        self._ask_seat(seat, event, outputs)

    def begin(self, seat: Seat, outputs: list[Output]) -> None:
        """Start a robot that was added to a running session."""
        self._ask(seat, seat.start, None, outputs)

    def _ask_one(self, name: str, event: Event, outputs: list[Output]) -> None:
        seat = self._seats.get(name)
        if seat is not None and seat.standing != "failed":
            self._ask_seat(seat, event, outputs)

    def _ask_seat(self, seat: Seat, event: Event, outputs: list[Output]) -> None:
        callback = seat.callback(type(event))
        if callback is not None and seat.standing != "failed":
            self._ask(seat, callback, event, outputs)

    def _ask(
        self, seat: Seat, callback: Callable[[Any], Answer], event: Any, outputs: list[Output]
    ) -> None:
        try:
            answer = callback(event)
        except RAISED as error:  # a robot's code may raise anything
            self._add(seat, self._fail(seat, error), outputs)
        else:
            self._take(seat, answer, outputs)

    def _take(self, seat: Seat, answer: Answer, outputs: list[Output]) -> None:
        """Add what a robot answered; it fails when that is no answer."""
        try:
            answered = self._actions(seat, answer)
        except RAISED as error:  # a generator runs only here
            answered = self._fail(seat, error)
        self._add(seat, answered, outputs)

    def _add(self, seat: Seat, answered: list[OutputBody], outputs: list[Output]) -> None:
        sequence, name = self._moment.sequence, seat.robot.name
        outputs.extend([Output(sequence, name, body) for body in answered])
        seat.robot._said.clear()

    def _actions(self, seat: Seat, answer: Answer) -> list[OutputBody]:
        if answer is None:
            given: Iterable[Action] = ()
        else:
            given = (answer,) if isinstance(answer, msgspec.Struct) else answer
        actions = list(given)  # a generator runs here, and may log
        answered: list[Action] = list(seat.robot._said)
        for action in actions:
            if not isinstance(action, _ACTIONS):
                raise RobotError(
                    f"answered {action!r:.100}; an answer is an action, a list of them, or None"
                )
            if isinstance(action, PlaceOrder):
                if seat.standing == "stopped":
                    continue
                if not action.order_id:
                    order_id = self._moment.next_order_id()
                    action = msgspec.structs.replace(action, order_id=order_id)
            answered.append(action)
        for one in answered:
            # Here it ends its robot. Beside others' answers it would end all, and their journal.
            if why := why_unreadable(one):
                raise RobotError(f"answered a {type(one).__name__} that cannot be journaled: {why}")
        return [*answered]

    def _fail(self, seat: Seat, error: BaseException) -> list[OutputBody]:
        failed = seat.fail(error, self._moment.sequence)
        self._reroute()
        if not self._whole:
            failed = RobotFailed(failed.error)
        said = [line for line in seat.robot._said if not why_unreadable(line)]
        return [*said, failed, CancelAll()]

    def _checkpoint(self, outputs: list[Output], number: int = 0) -> None:
        for name, seat in self._seats.items():
            try:
                made = self._made(seat, number)
            except RAISED as error:  # its state may be anything by now
                if seat.standing != "failed":
                    self._add(seat, self._fail(seat, error), outputs)
                    self.timers.forget(name)
                try:
                    made = self._made(seat, number)
                except Exception as again:  # it ends its robot alone, however broken that is
                    made = seat.broken(again)
            outputs.append(Output(self._moment.sequence, name, made))

    def _made(self, seat: Seat, number: int) -> Checkpoint:
        if not self._whole:
            return seat.proof()
        alarms = self.timers.of(seat.robot.name)
        events = self._checkpoint_every if self._packed else 0
        return seat.checkpoint(alarms, self.revision, number, events)

    def _reroute(self) -> None:
        """Market events go to the robots that are running."""
        self._routes = {kind: {} for kind in (Ticker, Trade, Book, Candle, CandleHistory)}
        for kind, by_symbol in self._routes.items():
            for seat in self._seats.values():
                callback = seat.callback(kind)
                if callback is None or seat.standing != "running":
                    continue
                for market in seat.robot.markets:
                    route = (market.exchange, seat, callback, seat.robot._said)
                    by_symbol.setdefault(market.symbol, []).append(route)


def _concerns(event: StreamEvent, robot: Robot) -> bool:
    return any(
        market.exchange is event.exchange and event.symbol in (None, market.symbol)
        for market in robot.markets
    )
