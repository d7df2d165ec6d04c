"""Which contract stands for a pair, and which pair for a contract. Pure.

EUR/USD is a currency pair (CASH at IDEALPRO), BTC/USD a coin (CRYPTO at PAXOS). Anything else is
named in `subscribe_args`: {"contracts": {"aapl/usd": {"sec_type": "STK"}}}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from millstream.errors import ConfigError
from millstream.model import Channel, CurrencyPair

_CASH = {
    *("AUD", "CAD", "CHF", "CNH", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "KRW"),
    *("MXN", "NOK", "NZD", "PLN", "RUB", "SEK", "SGD", "TRY", "USD", "ZAR"),
}
_COINS = {"AAVE", "ADA", "AVAX", "BCH", "BTC", "DOGE", "ETH", "LINK", "LTC", "SOL", "SUI", "XRP"}
_EXCHANGES = {"STK": "SMART", "CASH": "IDEALPRO", "CRYPTO": "PAXOS", "CFD": "SMART"}
_NOT_IN_A_NAME = re.compile(r"[^A-Z0-9]+")


class ContractSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A contract as TWS knows it; what is left empty comes from the pair."""

    sec_type: str  # "STK", "CASH", "CRYPTO", "FUT", "IND", "CFD", ...
    exchange: str = ""  # "SMART" for stocks
    primary_exchange: str = ""  # "NASDAQ": settles which of several listings is meant
    symbol: str = ""  # where it is not the pair's base: "BRK B"
    currency: str = ""  # where it is not the pair's quote
    local_symbol: str = ""
    expiry: str = ""  # of a future: "202703"
    multiplier: str = ""
    con_id: int = 0


def contract_of(pair: CurrencyPair, given: Mapping[str, ContractSettings]) -> ContractSettings:
    """The contract of a pair, with nothing left empty that TWS needs."""
    named = {CurrencyPair.parse(name): contract for name, contract in given.items()}
    contract = named.get(pair) or _known(pair)
    return msgspec.structs.replace(
        contract,
        exchange=contract.exchange or _EXCHANGES.get(contract.sec_type, ""),
        symbol=contract.symbol or pair.base,
        currency=contract.currency or pair.quote,
    )


def _known(pair: CurrencyPair) -> ContractSettings:
    if pair.base in _CASH and pair.quote in _CASH:
        return ContractSettings(sec_type="CASH")
    if pair.base in _COINS and pair.quote in _CASH:
        return ContractSettings(sec_type="CRYPTO")
    raise ConfigError(
        f'ib has no contract for "{pair}" of its own; name it in subscribe_args, like '
        f'{{"contracts": {{"{str(pair).lower()}": {{"sec_type": "STK", "exchange": "SMART"}}}}}}.'
    )


def check(channel: Channel, pair: CurrencyPair, contract: ContractSettings) -> None:
    """Raise ConfigError for what Interactive Brokers does not offer."""
    if channel is Channel.TRADE and contract.sec_type in ("CASH", "CFD"):
        raise ConfigError(
            f'ib has no public trades of "{pair}": a {contract.sec_type} contract is traded '
            "against quotes; accepted for it: ticker, book, candle."
        )


def what_to_show(contract: ContractSettings) -> str:
    """What a contract's bars are made of."""
    if contract.sec_type in ("CASH", "CFD"):
        return "MIDPOINT"
    return "AGGTRADES" if contract.sec_type == "CRYPTO" else "TRADES"


class Pairs:
    """Pairs of the contracts that own orders and fills name: the subscribed ones by their own name.

    A contract nobody subscribed to gets a name from its symbol; one that expires or has an option's
    strike from its local symbol, since many share the symbol.
    """

    def __init__(self, contracts: Mapping[CurrencyPair, ContractSettings]) -> None:
        self._known = {
            (one.sec_type, one.symbol, one.currency, one.local_symbol): pair
            for pair, one in contracts.items()
        }

    def find(self, sec_type: str, symbol: str, currency: str, local_symbol: str) -> CurrencyPair:
        """The pair of a contract."""
        for local in (local_symbol, ""):
            if (pair := self._known.get((sec_type, symbol, currency, local))) is not None:
                return pair
        name = symbol if sec_type in ("STK", "CASH", "CRYPTO", "CFD", "IND") else local_symbol
        base = _NOT_IN_A_NAME.sub("", (name or symbol).upper())
        return CurrencyPair(base, currency.upper())
