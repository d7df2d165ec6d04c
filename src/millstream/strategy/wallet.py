"""What a strategy may spend: the stake currency, free and in trades."""

from __future__ import annotations


class Wallets:
    """`self.wallets`: set by the robot before each question to its strategy; on paper."""

    def __init__(self, stake_currency: str) -> None:
        self._stake_currency = stake_currency
        self._free = self._used = 0.0

    def set(self, free: float, used: float) -> None:
        """Free and tied up from now on, in stake currency."""
        self._free, self._used = free, used

    def get_free(self, currency: str) -> float:
        """What is not in a trade; 0 for any other currency."""
        return self._free if currency == self._stake_currency else 0.0

    def get_used(self, currency: str) -> float:
        """What open trades hold; 0 for any other currency."""
        return self._used if currency == self._stake_currency else 0.0

    def get_total(self, currency: str) -> float:
        """Both together."""
        return self.get_free(currency) + self.get_used(currency)

    def get_total_stake_amount(self) -> float:
        """Both together, of the stake currency."""
        return self._free + self._used
