"""An account at Binance USD-M: a listen key by REST, then spot's words in another envelope."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.exchange.scripted.own_binance import BinanceAccount
from tests.exchange.scripted.tongue import dump


class BinanceFutureAccount(BinanceAccount):
    """The key is in the address; nothing is said by us."""

    exchange = "binance_future"
    wrong: ClassVar[dict[str, Any]] = {"api_key": "another"}

    def opened(self, client: Any) -> None:
        if f"listenKey={self.proofs[-1]}&" in client.path:
            self.listening.append(client)

    def hear(self, client: Any, message: Any) -> None:
        raise AssertionError(f"nothing was to be said: {message}")

    def listen_key(self, headers: dict[str, str]) -> tuple[int, Any]:
        if headers["x-mbx-apikey"] != "KEY":
            return 401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
        self.proofs.append(f"key{len(self.proofs)}")
        return 200, {"listenKey": self.proofs[-1]}

    def expiry(self) -> bytes | None:
        return dump({"e": "listenKeyExpired", "E": 1, "listenKey": self.proofs[-1]})

    def report(self, filled: int) -> list[bytes]:
        said = {"e": "ORDER_TRADE_UPDATE", "E": self.now_ms, "T": self.now_ms}
        return [dump(said | {"o": self.words(filled) | {"ap": "100", "ot": "LIMIT"}})]
