"""OKX swaps' tongue: spot's, in contracts whose worth REST tells."""

from __future__ import annotations

from typing import Any

from tests.exchange.scripted.okx import Okx
from tests.exchange.scripted.tongue import dump


class OkxSwap(Okx):
    """A contract is an eighth: exact as a float."""

    exchange = "okx_swap"
    suffix = "-SWAP"
    contract = 0.125

    def rest(self, venue: Any, path: str) -> tuple[int, bytes]:
        words = {"ctMult": "1", "ctType": "linear", "ctVal": "0.125"}
        data = [{"instId": self.name(pair)} | words for pair in venue.pairs]
        return 200, dump({"code": "0", "msg": "", "data": data})
