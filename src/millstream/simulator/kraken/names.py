"""Kraken's names: assets, pairs, ids of orders and trades, times. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from millstream.model import CurrencyPair

_ALT = {"BTC": "XBT", "DOGE": "XDG"}
_LONG = {  # old assets have a letter before them: X for coins, Z for money
    "BTC": "XXBT",
    "ETH": "XETH",
    "LTC": "XLTC",
    "XRP": "XXRP",
    "DOGE": "XXDG",
    "USD": "ZUSD",
    "EUR": "ZEUR",
    "GBP": "ZGBP",
}
_DIGITS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def alt(currency: str) -> str:
    """The short name: XBT."""
    return _ALT.get(currency, currency)


def asset(currency: str) -> str:
    """The name of a balance: XXBT, ZUSD, USDT."""
    return _LONG.get(currency, currency)


def altname(pair: CurrencyPair) -> str:
    """XBTUSD."""
    return alt(pair.base) + alt(pair.quote)


def key(pair: CurrencyPair) -> str:
    """XXBTZUSD, or the short name when one of both is a new asset."""
    if pair.base in _LONG and pair.quote in _LONG:
        return asset(pair.base) + asset(pair.quote)
    return altname(pair)


class PairNames:
    """Finds a pair by any name that Kraken takes."""

    def __init__(self, pairs: Iterable[CurrencyPair]) -> None:
        self._pairs: dict[str, CurrencyPair] = {}
        for pair in pairs:
            short = f"{alt(pair.base)}/{alt(pair.quote)}"
            for name in (key(pair), altname(pair), short, str(pair), pair.base + pair.quote):
                self._pairs[name] = pair

    def find(self, name: str) -> CurrencyPair | None:
        """The pair, or None."""
        return self._pairs.get(name)


def order_id(number: int) -> str:
    """ "OXXXXX-XXXXX-XXXXXX"."""
    return _id("O", number)


def trade_id(number: int, maker: bool) -> str:
    """Of one side of a trade."""
    return _id("T", number * 2 + maker)


def number_of(text: str) -> int | None:
    """The number behind an order id; None when it is none."""
    letters = text[1:].replace("-", "")
    if len(text) != 19 or text[0] != "O" or any(one not in _DIGITS for one in letters):
        return None
    number = 0
    for letter in letters:
        number = number * len(_DIGITS) + _DIGITS.index(letter)
    return number


def _id(kind: str, number: int) -> str:
    letters = ""
    for _ in range(16):
        number, digit = divmod(number, len(_DIGITS))
        letters = _DIGITS[digit] + letters
    return f"{kind}{letters[:5]}-{letters[5:10]}-{letters[10:]}"


def iso(ns: int) -> str:
    """2026-11-21T15:00:00.123456Z."""
    days, second = divmod(ns // 1_000_000_000, 86_400)
    # Days to a date, counting from 1 March of the year 0: Howard Hinnant, "chrono-Compatible
    # Low-Level Date Algorithms".
    era, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day += 1 - (153 * month + 2) // 5
    month += 3 if month < 10 else -9
    year += era * 400 + (month <= 2)
    clock = f"{second // 3_600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return f"{year:04d}-{month:02d}-{day:02d}T{clock}.{ns // 1_000 % 1_000_000:06d}Z"


def seconds(ns: int) -> float:
    """Seconds with four decimals, as REST writes times."""
    return round(ns / 1e9, 4)


def fixed(number: Decimal, decimals: int) -> str:
    """A number with so many decimals."""
    return f"{number:.{decimals}f}"
