"""An account at OKX swaps: spot's, in contracts."""

from __future__ import annotations

from tests.exchange.scripted.own_okx import OkxAccount


class OkxSwapAccount(OkxAccount):
    """Eight contracts are one of base currency."""

    exchange = "okx_swap"
    instrument = ("BTC-USDT-SWAP", "SWAP")
    unit = 8
