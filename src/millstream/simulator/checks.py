"""What an exchange refuses whatever its book and its accounts say. Pure."""

from __future__ import annotations

from decimal import Decimal

from millstream.model import OrderType
from millstream.simulator.orders import PairRules, Reason, Refused, Wish


def check(wish: Wish, rules: PairRules, last_price: Decimal) -> None:
    """Raises Refused when a wish breaks a rule of its pair. last_price: 0 before any trade."""
    stop = wish.type in (OrderType.STOP, OrderType.STOP_LIMIT)
    limit = wish.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    by_quote = wish.type is OrderType.MARKET and wish.quote_volume > 0
    for wanted, number in ((limit, wish.price), (stop, wish.stop_price)):
        if wanted and number <= 0:
            raise Refused(Reason.BAD_REQUEST, "price")
        if wanted and number % rules.tick:
            raise Refused(Reason.PRICE_TICK)
    if not by_quote:
        if wish.volume <= 0:
            raise Refused(Reason.BAD_REQUEST, "volume")
        if wish.volume < rules.min_volume:
            raise Refused(Reason.VOLUME_MINIMUM)
        if wish.volume % rules.lot:
            raise Refused(Reason.VOLUME_LOT)
    price = wish.price or wish.stop_price or last_price
    worth = wish.quote_volume if by_quote else price * wish.volume
    if price and worth < rules.min_notional:
        raise Refused(Reason.NOTIONAL_MINIMUM)
