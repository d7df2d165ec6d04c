"""What orders need to know of TWS: its address, and which contract stands for a pair. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from millstream.exchange.ib.contracts import ContractSettings, Pairs, contract_of
from millstream.exchange.ib.session import tws_contract
from millstream.exchange.ib.stream import address
from millstream.model import CurrencyPair


def tws_address(url: str, *, sandbox: bool) -> tuple[str, int]:
    """Host and port of "tws://host:port"; without it TWS's own, for paper trading if `sandbox`."""
    return address(url or f"tws://127.0.0.1:{7497 if sandbox else 7496}", "gateway.url")


class TradedContracts:
    """Contracts of pairs: those that streams name, and currencies and coins of their own.

    named: `subscribe_args.contracts` of each stream.
    """

    def __init__(self, named: Iterable[Mapping[str, Any]]) -> None:
        self._given: dict[str, ContractSettings] = {}
        for one in named:
            self._given |= msgspec.convert(dict(one), dict[str, ContractSettings])
        pairs = [CurrencyPair.parse(name) for name in self._given]
        self._pairs = Pairs({pair: contract_of(pair, self._given) for pair in pairs})

    def contract(self, pair: CurrencyPair) -> Any:
        """The contract, as ib_async has it. Raises ConfigError when the pair names none."""
        return tws_contract(contract_of(pair, self._given))

    def pair(self, sec_type: str, symbol: str, currency: str, local_symbol: str) -> CurrencyPair:
        """The pair of a contract."""
        return self._pairs.find(sec_type, symbol, currency, local_symbol)
