"""The trades of a strategy's robot: entries, exits, what their orders became, what is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

import pandas as pd

from millstream.model import Action, MyOrder, MyTrade, OrderStatus, PlaceOrder, Side
from millstream.robot import Market, Robot, round_down
from millstream.strategy.analysis import Signals
from millstream.strategy.exits import Exit, begin_stop, move_stop, should_exit
from millstream.strategy.interface import IStrategy
from millstream.strategy.prices import rate, stake
from millstream.strategy.provider import utc
from millstream.strategy.settings import StrategyParameters
from millstream.strategy.setup import order_types
from millstream.strategy.state import StrategyState
from millstream.strategy.timeframes import timeframe_to_ns
from millstream.strategy.trades import SETTLED, OpenTrade

IN_FORCE = "GTC"


class Broker:
    """Turns a strategy's wishes into orders, and orders' changes into trades.

    Everything it remembers is in the robot's state.
    """

    def __init__(
        self,
        robot: Robot,
        told: StrategyParameters,
        strategy: IStrategy,
        markets: Mapping[str, Market],
    ) -> None:
        self._robot, self._told = robot, told
        self._strategy, self._markets = strategy, markets
        self._types = order_types(strategy)

    @property
    def _state(self) -> StrategyState:
        state: StrategyState = self._robot.state  # another object after a snapshot
        return state

    # ---- money -------------------------------------------------------------------------------

    def tell_wallets(self) -> None:
        """Set what the strategy sees in its wallets."""
        used = self._used()
        self._strategy.wallets.set(self._told.wallet + self._state.profit - used, used)

    def _used(self) -> float:
        return sum(trade.stake_amount for trade in self._state.trades.values())

    # ---- entries -----------------------------------------------------------------------------

    def enter(self, pair: str, short: bool, tag: str | None, now: pd.Timestamp) -> Iterator[Action]:
        """Place an entry, if there is room, money, and nobody objects."""
        robot, strategy, state = self._robot, self._strategy, self._state
        most = self._told.max_open_trades
        if 0 <= most <= len(state.trades) or state.locked_until_ns.get(pair, 0) > now.value:
            return
        side = "short" if short else "long"
        price = self._rate(pair, self._told.entry_price_side, buys=not short)
        if self._types.entry == "limit":
            price = strategy.custom_entry_price(
                pair=pair, trade=None, current_time=now, proposed_rate=price,
                entry_tag=tag, side=side,
            )  # fmt: skip
        if not price > 0:  # also NaN: no quote and no candle yet
            return
        times = self._leverage(pair, now, price, tag, side)
        staked = self._stake(pair, now, price, times, tag, side)
        volume = round_down(staked * times / price, self._told.amount_step)
        if volume <= 0:
            return
        if not strategy.confirm_trade_entry(
            pair=pair, order_type=self._types.entry, amount=float(volume), rate=price,
            time_in_force=IN_FORCE, current_time=now, entry_tag=tag, side=side,
        ):  # fmt: skip
            return
        order = self._order(
            pair, Side.SELL if short else Side.BUY, self._types.entry, volume, price
        )
        state.trades[pair] = OpenTrade(
            id=state.next_trade, pair=pair, is_short=short, stake_amount=staked, leverage=times,
            fee=self._told.fee, enter_tag=tag, open_rate=price, open_ns=now.value,
            initial_stop_ratio=strategy.stoploss, entry_id=order.order_id,
            entry_order=order.order_id, ordered_ns=now.value,
        )  # fmt: skip
        state.next_trade += 1
        robot.log.info(f"{pair}: enters {side}, {volume} at {price}" + (f" ({tag})" if tag else ""))
        yield order

    def _leverage(
        self, pair: str, now: pd.Timestamp, price: float, tag: str | None, side: str
    ) -> float:
        if not self._told.futures:
            return 1.0
        wished = self._strategy.leverage(
            pair=pair, current_time=now, current_rate=price, proposed_leverage=1.0,
            max_leverage=self._told.max_leverage, entry_tag=tag, side=side,
        )  # fmt: skip
        return min(max(float(wished), 1.0), self._told.max_leverage)

    def _stake(
        self, pair: str, now: pd.Timestamp, price: float, times: float, tag: str | None, side: str
    ) -> float:
        used = self._used()
        free = self._told.wallet + self._state.profit - used
        most = self._told.max_open_trades
        proposed = stake(
            self._told.stake_amount, free, used, self._told.tradable_balance_ratio,
            most if most >= 0 else float("inf"), self._told.amend_last_stake_amount,
        )  # fmt: skip
        if proposed <= 0:
            return 0.0
        most_stake = max(0.0, (free + used) * self._told.tradable_balance_ratio - used)
        wished = self._strategy.custom_stake_amount(
            pair=pair, current_time=now, current_rate=price, proposed_stake=proposed,
            min_stake=None, max_stake=most_stake, leverage=times, entry_tag=tag, side=side,
        )  # fmt: skip
        return min(float(wished), most_stake) if wished else 0.0

    # ---- exits -------------------------------------------------------------------------------

    def exit_rate(self, trade: OpenTrade) -> float:
        """The price at which a trade could be left now; NaN: not known."""
        return self._rate(trade.pair, self._told.exit_price_side, buys=trade.is_short)

    def tend(self, trade: OpenTrade, signals: Signals, now: pd.Timestamp) -> Iterator[Action]:
        """Cancel what waits too long; leave where there is a reason."""
        if trade.has_open_orders:
            wait_ns = self._told.unfilledtimeout.ns(entry=bool(trade.entry_order))
            if wait_ns and now.value - trade.ordered_ns >= wait_ns and not trade.cancelling:
                trade.cancelling = True
                self._robot.log.info(f"{trade.pair}: an order was not filled in time; cancelled")
                yield self._robot.cancel(trade.entry_order or trade.exit_order)
            return
        price = self.exit_rate(trade)
        if not price > 0:
            return
        reason = should_exit(self._strategy, trade, signals, price, now)
        if reason is not None:
            yield from self._leave(trade, reason, price, now)

    def leave_by_force(self, trade: OpenTrade) -> Iterator[Action]:
        """Leave because somebody said so."""
        now = utc(self._state.market_ns or self._robot.now)
        price = self.exit_rate(trade)
        if price > 0:
            yield from self._leave(trade, Exit("force_exit", "force_exit"), price, now)

    def _leave(
        self, trade: OpenTrade, reason: Exit, price: float, now: pd.Timestamp
    ) -> Iterator[Action]:
        volume = round_down(trade.held, self._told.amount_step)
        if volume <= 0:
            self._close(trade)  # fees took the rest
            return
        kind = self._types.exit
        if reason.kind in ("stop_loss", "trailing_stop_loss"):
            kind = self._types.stoploss
        elif reason.kind == "force_exit":
            kind = self._types.force_exit or kind
        elif kind == "limit":
            price = self._strategy.custom_exit_price(
                pair=trade.pair, trade=trade, current_time=now, proposed_rate=price,
                current_profit=trade.calc_profit_ratio(price), exit_tag=reason.reason,
            )  # fmt: skip
        if reason.kind != "force_exit" and not self._strategy.confirm_trade_exit(
            pair=trade.pair, trade=trade, order_type=kind, amount=float(volume), rate=price,
            time_in_force=IN_FORCE, exit_reason=reason.reason, current_time=now,
        ):  # fmt: skip
            return
        side = Side.BUY if trade.is_short else Side.SELL
        order = self._order(trade.pair, side, kind, volume, price)
        trade.exit_order, trade.ordered_ns = order.order_id, now.value
        trade.exit_reason = reason.reason
        self._robot.log.info(f"{trade.pair}: leaves, {volume} at {price} ({reason.reason})")
        yield order

    def _order(self, pair: str, side: Side, kind: str, volume: Decimal, price: float) -> PlaceOrder:
        market = self._markets[pair]
        if kind == "market":
            return self._robot.at_market(side, volume, market=market)
        return self._robot.limit(side, Decimal(repr(float(price))), volume, market=market)

    def _rate(self, pair: str, side: str, buys: bool) -> float:
        provider = self._strategy.dp
        ring = provider.rings.get((pair, self._strategy.timeframe))
        last_close = ring.last_close if ring is not None else float("nan")
        return rate(provider.tickers.get(pair), side, buys, last_close)

    # ---- what became of orders ---------------------------------------------------------------

    def note_order(self, order: MyOrder) -> None:
        """One of the robot's orders changed."""
        state = self._state
        for trade in list(state.trades.values()):
            if order.order_id == trade.entry_order:
                self._note_entry(trade, order)
                return
            if order.order_id == trade.exit_order:
                trade.note_exit(order)
                left = round_down(trade.held, self._told.amount_step)
                if order.status in SETTLED and left <= 0:
                    self._close(trade)
                return

    def note_fill(self, fill: MyTrade) -> None:
        """One of the robot's orders was filled."""
        for trade in self._state.trades.values():
            trade.note_fill(fill, fill.symbol.base)

    def _note_entry(self, trade: OpenTrade, order: MyOrder) -> None:
        state, now = self._state, utc(self._state.market_ns or self._robot.now)
        trade.note_entry(order, now.value)
        if trade.entered and not trade.entry_order:
            begin_stop(trade, self._strategy.stoploss)
            if self._strategy.use_custom_stoploss:
                move_stop(self._strategy, trade, trade.open_rate, now, after_fill=True)
        elif not trade.entry_order:
            del state.trades[trade.pair]
            if order.status is OrderStatus.REJECTED:
                self._robot.log.warning(f"{trade.pair}: the entry was refused: {order.reason}")
                self._lock(trade.pair)

    def _close(self, trade: OpenTrade) -> None:
        state = self._state
        profit = trade.profit()
        state.profit += profit
        state.closed += 1
        del state.trades[trade.pair]
        self._lock(trade.pair)
        self._robot.log.info(
            f"{trade.pair}: left with {profit:+.8g} {self._told.stake_currency} "
            f"({trade.exit_reason})"
        )

    def _lock(self, pair: str) -> None:
        """No entry before the next candle: the signal that just ended would begin it again."""
        state = self._state
        length_ns = timeframe_to_ns(self._strategy.timeframe)
        at_ns = state.market_ns or self._robot.now
        state.locked_until_ns[pair] = at_ns - at_ns % length_ns + length_ns
