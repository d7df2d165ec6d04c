"""The account's frames to own orders and fills, of spot and of futures. Pure.

A decoder of one channel hears all the account says and gives only its channel's events. After a
connect Binance repeats nothing: the stream asks REST (`rest.py`) and gives the answers to the
account (`account.py`).

    frame                                        MY_ORDER     MY_TRADE     MY_ORDER_BATCH
    executionReport, ORDER_TRADE_UPDATE          MyOrder      MyTrade      remembered
    TRADE_LITE                                   -            MyTrade if early_fills
    eventStreamTerminated, listenKeyExpired      the subscription is over: `over` says why
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import msgspec

from millstream.exchange.binance import account_wire as words
from millstream.exchange.binance.account import Account, BadOrder
from millstream.exchange.decoding import (
    ACKNOWLEDGEMENT,
    UNREADABLE,
    FrameCounts,
    SnapshotRequest,
    Topic,
    unreadable_reason,
)
from millstream.model import Channel, CurrencyPair, Event, Exchange, Refused

NOT_OURS = "an order of a pair that was not asked for"
OF_NO_USE = "an account event that is neither order nor fill"

_envelope = msgspec.json.Decoder(words.Envelope).decode
_report = msgspec.json.Decoder(words.Report).decode
_update = msgspec.json.Decoder(words.OrderTradeUpdate).decode
_lite = msgspec.json.Decoder(words.TradeLite).decode

Handler: TypeAlias = Callable[[bytes, int], list[Event]]


class PrivateDecoder:
    """Own orders or own fills of one account.

    exchange: BINANCE or BINANCE_FUTURE, which name types of orders differently.
    pairs: orders of other pairs are counted as ignored; their symbols cannot be split safely.
    early_fills: futures: give a fill at its early notice, before its fee is known (fee 0 of "").
    """

    def __init__(
        self,
        exchange: Exchange,
        pairs: Iterable[CurrencyPair],
        channel: Channel,
        *,
        early_fills: bool = False,
    ) -> None:
        self.channel = channel
        self.over = ""  # why the venue ended the subscription; "" while it has not
        self.wants_replacement = False
        self.account = Account(exchange, pairs, channel)
        self._exchange = exchange
        self._early_fills = early_fills
        self._topic = Topic(None, channel, acknowledged=True)  # the login did it
        self._counts = FrameCounts()
        self._handlers: dict[str | None, Handler] = {
            "executionReport": lambda raw, ns: self._on_report(_report(raw), ns),
            "ORDER_TRADE_UPDATE": lambda raw, ns: self._on_report(_update(raw).o, ns),
            "TRADE_LITE": lambda raw, ns: self._on_early_fill(_lite(raw), ns),
            "eventStreamTerminated": lambda raw, ns: self._on_end("eventStreamTerminated"),
            "listenKeyExpired": lambda raw, ns: self._on_end("listenKeyExpired"),
            "serverShutdown": lambda raw, ns: self._on_end("serverShutdown"),
        }

    # ---- what every decoder does ----------------------------------------------------------------

    @property
    def counts(self) -> FrameCounts:
        """Where every frame fed so far went."""
        return self._counts

    def topics(self) -> list[Topic]:
        """The one subscription, of no pair in particular."""
        return [self._topic]

    def feed(self, raw: bytes, received_ns: int) -> list[Event]:
        """The events of one frame; an empty list when it has none. Never raises."""
        self._counts.frames += 1
        try:
            if not raw.isascii():
                raw.decode()  # fields that nobody reads must be text, too
            return self._frame(raw, received_ns)
        except UNREADABLE as error:
            self._counts.reject(unreadable_reason(error), str(error), raw)
        except (BadOrder, ArithmeticError) as error:
            reason = str(error) if isinstance(error, BadOrder) else "an impossible number"
            self._counts.reject(reason, str(error), raw)
        return []

    def feed_snapshot(self, pair: CurrencyPair, raw: bytes, received_ns: int) -> list[Event]:
        """Nothing: there are no books here."""
        self._counts.frames += 1
        self._counts.pass_over("a snapshot of a pair without a book")
        return []

    def snapshot_requests(self) -> list[SnapshotRequest]:
        """None."""
        return []

    def restart(self) -> None:
        """A new connection begins; what is known of orders and fills stays."""
        self.over = ""
        self.wants_replacement = False
        self._topic.restart()
        self._topic.acknowledged = True

    def replaced(self) -> None:
        """The next frame comes from a new connection that took over from the old one."""
        self.over, self.wants_replacement = "", False

    def end(self, reason: str) -> None:
        """The subscription is over, or soon will be: another connection is wanted."""
        self.over, self.wants_replacement = reason, True

    # ---- frames ---------------------------------------------------------------------------------

    def _frame(self, raw: bytes, received_ns: int) -> list[Event]:
        seen = _envelope(raw)
        body = bytes(seen.event) or bytes(seen.data)
        if body:
            seen, raw = _envelope(body), body
        if seen.error is not None:
            return self._on_refusal(seen.error, raw, received_ns)
        handler = self._handlers.get(seen.e)
        if handler is not None:
            self._topic.last_ns = received_ns
            self._topic.updates += 1
            return handler(raw, received_ns)
        self._counts.ignore(OF_NO_USE if seen.e is not None else ACKNOWLEDGEMENT)
        return []

    def _on_report(self, report: words.Report, received_ns: int) -> list[Event]:
        pair = self.account.pair(report.s)
        if pair is None:
            self._counts.ignore(NOT_OURS)
            return []
        return self._given(self.account.report(report, pair, received_ns))

    def _on_early_fill(self, lite: words.TradeLite, received_ns: int) -> list[Event]:
        pair = self.account.pair(lite.s)
        if pair is None or not self._early_fills:
            early = "a fill's early notice; the fill with its fee follows"
            self._counts.ignore(NOT_OURS if pair is None else early)
            return []
        return self._given(self.account.early_fill(lite, pair, received_ns))

    def _on_end(self, reason: str) -> list[Event]:
        self.end(reason)
        self._counts.ignore("the venue's notice that the subscription ends")
        return []

    def _on_refusal(self, failure: words.Failure, raw: bytes, received_ns: int) -> list[Event]:
        text = f"{failure.msg} (code {failure.code})"
        self._topic.refused = text
        self._counts.refuse("the venue refused a request", text, raw)
        self._counts.refusals += 1
        return [Refused(received_ns, self._exchange, self.channel, None, text)]

    def _given(self, events: list[Event]) -> list[Event]:
        self._counts.own(events)
        return events
