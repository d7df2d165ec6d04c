"""What orders put aside and what fills move, on the balances of their accounts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_DOWN, Decimal

from millstream.model import Side
from millstream.simulator.balances import Balances
from millstream.simulator.orders import ZERO, Fill, Order, Reason, Refused, VenueRules

_FINENESS = Decimal("1e-8")  # of a fee


class Money:
    """The accounts' balances by name, and the fees that an exchange takes."""

    def __init__(self, rules: VenueRules, balances: Mapping[str, Balances]) -> None:
        self._rules, self._balances = rules, balances

    def hold(self, order: Order) -> None:
        """Put aside what the rest of an order may cost; raises Refused when there is too little."""
        if order.wish.side is Side.SELL:
            amount = order.left
        else:
            amount = order.left * (order.price or order.wish.stop_price)
            if self._rules.fee_in_quote:
                amount *= 1 + self._rules.taker_fee
        self.hold_again(order, amount)

    def hold_again(self, order: Order, amount: Decimal) -> None:
        """Put aside so much; raises Refused when there is too little."""
        self._balances[order.wish.account].hold(order.pays_with, amount)
        order.held = amount

    def release(self, order: Order) -> Decimal:
        """Give back what is held for an order; returns how much it was."""
        amount, order.held = order.held, ZERO
        self._balances[order.wish.account].release(order.pays_with, amount)
        return amount

    def size_market(self, order: Order, others: Iterable[Order], lot: Decimal) -> None:
        """Size a market order by what it will meet, and see that it can be paid; raises Refused."""
        wish = order.wish
        budget = wish.quote_volume
        volume = cost = ZERO
        for other in others:
            if wish.account == other.wish.account:
                continue
            part = other.left
            if budget:
                part = min(part, ((budget - cost) / other.price).quantize(lot, ROUND_DOWN))
            else:
                part = min(part, wish.volume - volume)
            if part <= 0:
                break
            volume += part
            cost += part * other.price
        if budget:
            if volume <= 0:
                raise Refused(Reason.NO_LIQUIDITY)
            order.volume = volume
        needed = order.volume
        if wish.side is Side.BUY:
            needed = cost * (1 + self._rules.taker_fee) if self._rules.fee_in_quote else cost
        if needed > self._balances[wish.account].of(order.pays_with).free:
            raise Refused(Reason.NO_BALANCE, order.pays_with)

    def settle(
        self,
        order: Order,
        trade_id: int,
        price: Decimal,
        volume: Decimal,
        maker: bool,
        now_ns: int,
    ) -> Fill:
        """Pay for a part of an order, before that part counts as filled."""
        wish, pair = order.wish, order.wish.pair
        balances = self._balances[wish.account]
        share = order.held * volume / order.left if volume < order.left else order.held
        balances.release(order.pays_with, share)
        order.held -= share
        cost = price * volume
        rate = self._rules.maker_fee if maker else self._rules.taker_fee
        bought = wish.side is Side.BUY
        in_quote = self._rules.fee_in_quote or not bought
        fee = ((cost if in_quote else volume) * rate).quantize(_FINENESS, ROUND_DOWN)
        currency = pair.quote if in_quote else pair.base
        balances.add(pair.base, volume if bought else -volume)
        balances.add(pair.quote, -cost if bought else cost)
        balances.add(currency, -fee)
        balances.changed_ns = now_ns
        return Fill(
            *(trade_id, order.id, wish.account, pair, wish.side, price, volume),
            *(fee, currency, maker, now_ns),
        )
