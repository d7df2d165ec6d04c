"""What an order should cost: from the quotes to the rate of an entry or an exit."""

from __future__ import annotations

from millstream.model import Ticker


def rate(ticker: Ticker | None, side: str, buys: bool, last_close: float) -> float:
    """The price for an order, by freqtrade's word for the side of the book.

    side: "same" is where an order of ours would rest, "other" where it takes; or "bid", "ask".
    Without a quote it is the last close; NaN where there is none either.
    """
    if ticker is None:
        return last_close
    if side in ("same", "other"):
        side = "bid" if buys == (side == "same") else "ask"
    price = ticker.bid_price if side == "bid" else ticker.ask_price
    return price if price > 0 else last_close


def stake(
    wanted: float | str, free: float, used: float, ratio: float, most_trades: float, amend: bool
) -> float:
    """What to put into the next trade, in stake currency; 0: there is not enough.

    wanted: an amount or "unlimited": an equal share for each of `most_trades`. ratio: how much of
    everything may be in trades. amend: take what is left when it is less.
    """
    available = max(0.0, (free + used) * ratio - used)
    if isinstance(wanted, str):
        share = available if most_trades == float("inf") else (available + used) / most_trades
        return min(share, available)
    if wanted <= available:
        return wanted
    return available if amend else 0.0
