"""Currency pairs: what is traded against what. An open set."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import ClassVar

import msgspec

from millstream.errors import UnknownName

_CURRENCY = re.compile(r"[A-Z0-9]{1,20}")


# One is made of each event that is decoded: no collector need look at two texts, and a hash is
# asked for once.
class CurrencyPair(msgspec.Struct, frozen=True, array_like=True, order=True, gc=False):
    """A base currency priced in a quote currency; ``CurrencyPair.parse("btc/usdt")``.

    The pairs below have names of their own; any other pair is made by `parse`.
    """

    base: str  # what is bought or sold: "BTC"
    quote: str  # what it is priced in: "USDT"

    ADA_USD: ClassVar[CurrencyPair]
    ADA_USDT: ClassVar[CurrencyPair]
    BNB_USDT: ClassVar[CurrencyPair]
    BTC_EUR: ClassVar[CurrencyPair]
    BTC_USD: ClassVar[CurrencyPair]
    BTC_USDC: ClassVar[CurrencyPair]
    BTC_USDT: ClassVar[CurrencyPair]
    DOGE_USD: ClassVar[CurrencyPair]
    DOGE_USDT: ClassVar[CurrencyPair]
    ETH_BTC: ClassVar[CurrencyPair]
    ETH_EUR: ClassVar[CurrencyPair]
    ETH_USD: ClassVar[CurrencyPair]
    ETH_USDC: ClassVar[CurrencyPair]
    ETH_USDT: ClassVar[CurrencyPair]
    LTC_USD: ClassVar[CurrencyPair]
    LTC_USDT: ClassVar[CurrencyPair]
    SOL_USD: ClassVar[CurrencyPair]
    SOL_USDC: ClassVar[CurrencyPair]
    SOL_USDT: ClassVar[CurrencyPair]
    USDT_USD: ClassVar[CurrencyPair]
    USDT_USDC: ClassVar[CurrencyPair]
    XRP_USD: ClassVar[CurrencyPair]
    XRP_USDT: ClassVar[CurrencyPair]

    @staticmethod
    @lru_cache(maxsize=65_536)
    def parse(text: str) -> CurrencyPair:
        """The pair written as ``btc/usdt``, ``BTC_USDT`` or ``btc-usdt``, in any case.

        Raises UnknownName when the text is not two currencies joined by / _ or -.
        """
        parts = re.split(r"[/_-]", text.strip().upper())
        if len(parts) != 2 or not all(_CURRENCY.fullmatch(part) for part in parts):
            raise UnknownName(f'"{text}" is not a currency pair; write base/quote, like "btc/usdt"')
        return CurrencyPair(parts[0], parts[1])

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}"


for _name in [name for name in CurrencyPair.__annotations__ if "_" in name]:
    setattr(CurrencyPair, _name, CurrencyPair.parse(_name))
