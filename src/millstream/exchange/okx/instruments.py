"""What the instruments of one market are: whose pair, and how much base currency a size. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from millstream.errors import UnknownName
from millstream.exchange.okx import wire
from millstream.exchange.okx.account import BadOrder
from millstream.exchange.okx.contracts import SPOT, Contract, Units, contract
from millstream.model import CurrencyPair, Exchange


class _Answer(wire.Word, frozen=True):
    data: list[wire.Instrument]
    code: str = ""


_answer = msgspec.json.Decoder(_Answer).decode


class Instruments:
    """The instruments of spot, whose sizes are base currency, or of swaps, which are contracts."""

    def __init__(self, exchange: Exchange, pairs: Sequence[CurrencyPair]) -> None:
        self.spot = exchange is Exchange.OKX
        self.kind = "SPOT" if self.spot else "SWAP"  # the venue's name of this market
        self.units = {pair: Units(SPOT if self.spot else None) for pair in pairs}
        self._suffix = "" if self.spot else "-SWAP"
        self._contracts: dict[str, Contract] = {}

    @property
    def unknown(self) -> bool:
        """True until the contracts are known that sizes are counted in."""
        missing = any(not units.known for units in self.units.values())
        return not self.spot and (missing or not self._contracts)

    def name(self, pair: CurrencyPair) -> str:
        """A pair's instrument: "BTC-USDT-SWAP"."""
        return wire.symbol(pair, self._suffix)

    def take(self, raw: bytes) -> bool:
        """Learn from REST's answer; False: there is nothing in it. Raises what msgspec raises."""
        answer = _answer(raw)
        if answer.code not in ("", "0"):
            return False
        for instrument in answer.data:
            worth = contract(instrument)
            if worth is not None:
                self.learn(instrument.instId, worth)
        return True

    def learn(self, instrument: str, worth: Contract) -> None:
        """From now on this is its contract."""
        self._contracts[instrument] = worth
        for pair, units in self.units.items():
            if self.name(pair) == instrument and not self.spot:
                units.set(worth)

    def learn_from(self, other: Instruments) -> None:
        """Take over what others know."""
        for instrument, worth in other._contracts.items():
            self.learn(instrument, worth)

    def find(self, instrument: str) -> tuple[CurrencyPair, Contract] | None:
        """The pair and contract of an own order's instrument; None: of another market.

        Raises BadOrder while the contract is not known.
        """
        if not instrument.endswith(self._suffix):
            return None
        try:
            pair = CurrencyPair.parse(instrument.removesuffix(self._suffix))
        except UnknownName:
            return None
        if self.spot:
            return pair, SPOT
        worth = self._contracts.get(instrument)
        if worth is None:
            raise BadOrder(f"an order of {instrument[:40]}, whose contract is not known")
        return pair, worth
