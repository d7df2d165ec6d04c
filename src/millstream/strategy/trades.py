"""An open trade: what was bought or sold short, at what price, and what it is worth."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pandas as pd

from millstream.model import MyOrder, MyTrade, OrderStatus

SETTLED = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED}
)
_NOTHING = Decimal(0)


class OpenTrade(msgspec.Struct, kw_only=True):
    """One trade of one pair, from its entry order to its last fill. Part of the robot's state.

    Strategies read it by freqtrade's names too.
    """

    id: int
    pair: str
    is_short: bool
    stake_amount: float  # in stake currency
    leverage: float
    fee: float  # of each side's value, as a ratio
    enter_tag: str | None
    open_rate: float  # of what is filled; before that the wished price
    open_ns: int  # by the market's time
    initial_stop_ratio: float  # of the open rate: -0.1
    stop_loss: float = 0.0  # the price; 0: not set yet
    stop_moved: bool = False  # by trailing or custom_stoploss, away from its first place
    max_rate: float = 0.0
    min_rate: float = 0.0
    entered: Decimal = _NOTHING  # filled volume of the entry, in base currency
    exited: Decimal = _NOTHING  # of all exits
    base_fees: Decimal = _NOTHING  # fees that were taken out of what was bought
    entry_id: str = ""  # the entry order, also when it is settled
    entry_order: str = ""  # the same while it is open; "": none is
    exit_order: str = ""
    ordered_ns: int = 0  # when the open order was placed, by the market's time
    cancelling: bool = False
    exit_reason: str = ""
    exit_value: float = 0.0  # in quote currency, before fees
    exited_before: Decimal = _NOTHING  # by exits that are settled
    value_before: float = 0.0

    @property
    def amount(self) -> float:
        """What is held, in base currency."""
        return float(self.held)

    @property
    def held(self) -> Decimal:
        """What is held, exactly."""
        return self.entered - self.base_fees - self.exited

    @property
    def entry_side(self) -> str:
        """ "buy" or "sell": how it began."""
        return "sell" if self.is_short else "buy"

    @property
    def exit_side(self) -> str:
        """ "buy" or "sell": how it ends."""
        return "buy" if self.is_short else "sell"

    @property
    def trade_direction(self) -> str:
        """ "long" or "short"."""
        return "short" if self.is_short else "long"

    @property
    def open_date_utc(self) -> pd.Timestamp:
        """When it was filled first."""
        return pd.Timestamp(self.open_ns, tz="UTC")

    @property
    def open_date(self) -> pd.Timestamp:
        """The same as `open_date_utc`."""
        return self.open_date_utc

    @property
    def date_entry_fill_utc(self) -> pd.Timestamp:
        """The same as `open_date_utc`."""
        return self.open_date_utc

    @property
    def is_open(self) -> bool:
        """True: it is in the strategy's hand."""
        return True

    @property
    def has_open_orders(self) -> bool:
        """An order of it has not settled yet."""
        return bool(self.entry_order or self.exit_order)

    @property
    def nr_of_successful_entries(self) -> int:
        """1 once something was filled."""
        return int(self.entered > 0)

    @property
    def initial_stop_loss_pct(self) -> float:
        """The stop's first distance, as a ratio."""
        return self.initial_stop_ratio

    def calc_profit_ratio(self, rate: float) -> float:
        """The profit at a price as a ratio of the stake, both fees and leverage counted."""
        if self.open_rate <= 0:
            return 0.0
        sign = -1.0 if self.is_short else 1.0
        opened = self.open_rate * (1 + sign * self.fee)
        closed = rate * (1 - sign * self.fee)
        return sign * (closed / opened - 1) * self.leverage

    def calc_profit(self, rate: float) -> float:
        """The profit at a price in stake currency, both fees counted."""
        return self._profit(self.amount, self.amount * rate)

    def profit(self) -> float:
        """What it brought in stake currency once it is closed."""
        return self._profit(float(self.exited), self.exit_value)

    def _profit(self, amount: float, value: float) -> float:
        sign = -1.0 if self.is_short else 1.0
        opened = amount * self.open_rate
        return sign * (value - opened) - self.fee * (value + opened)

    def note_entry(self, order: MyOrder, now_ns: int) -> None:
        """What its entry order stands at now."""
        if order.filled_volume > 0:
            if not self.entered:
                self.open_ns = now_ns
            self.entered = order.filled_volume
            self.open_rate = float(order.average_price or order.price or self.open_rate)
            self.stake_amount = float(self.entered) * self.open_rate / self.leverage
        if order.status in SETTLED:
            self.entry_order, self.cancelling = "", False

    def note_exit(self, order: MyOrder) -> None:
        """What its exit order stands at now."""
        price = float(order.average_price or order.price or 0)
        self.exited = self.exited_before + order.filled_volume
        self.exit_value = self.value_before + float(order.filled_volume) * price
        if order.status in SETTLED:
            self.exited_before, self.value_before = self.exited, self.exit_value
            self.exit_order, self.cancelling = "", False

    def note_fill(self, fill: MyTrade, base: str) -> None:
        """A fill's fee, where the venue takes it out of what was bought."""
        if fill.order_id == self.entry_id and fill.fee_currency == base and not self.is_short:
            self.base_fees += fill.fee
