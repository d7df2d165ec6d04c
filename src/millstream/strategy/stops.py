"""Stop distances for `custom_stoploss`: from another point of view to "below the current rate"."""

from __future__ import annotations


def stoploss_from_open(
    open_relative_stop: float,
    current_profit: float,
    is_short: bool = False,
    leverage: float = 1.0,
) -> float:
    """A stop told as profit since the open, as distance from the current rate; never below 0.

    open_relative_stop: -0.05 is 5 % below the open, 0.02 is 2 % above it, leverage included.
    A stop that the market has passed already is 0; what cannot be computed is 1: no stop.
    """
    moved = current_profit / leverage
    wanted = open_relative_stop / leverage
    if (not is_short and moved == -1) or (is_short and moved == 1):
        return 1.0
    sign = -1 if is_short else 1
    distance = sign * (1 - (1 + sign * wanted) / (1 + sign * moved))
    return max(distance * leverage, 0.0)


def stoploss_from_absolute(
    stop_rate: float, current_rate: float, is_short: bool = False, leverage: float = 1.0
) -> float:
    """A stop told as a price, as distance from the current rate; never below 0."""
    if current_rate == 0:
        return 1.0
    distance = 1 - stop_rate / current_rate
    if is_short:
        distance = -distance
    return max(distance * leverage, 0.0)
