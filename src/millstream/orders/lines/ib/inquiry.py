"""Everything that TWS tells of orders, fills and what an account holds, asked at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any

from millstream.model import CurrencyPair
from millstream.orders.lines.answers import Evidence
from millstream.orders.lines.ib.tws import Tws, sentence
from millstream.orders.lines.ib.words import (
    Contracts,
    balances_of,
    fill_of,
    first_versions,
    order_of,
)
from millstream.orders.machine import is_open

__all__ = ["evidence"]

_log = logging.getLogger(__name__)


async def evidence(
    tws: Tws, contracts: Contracts, account: str, symbols: Sequence[CurrencyPair], holdings: bool
) -> Evidence:
    """What TWS says now. Raises nothing: what could not be asked is named in it."""
    asked_ns, unread = time.time_ns(), tws.unread
    failures: list[str] = []
    listed: list[Any] = []
    fills: list[Any] = []
    held: dict[str, Decimal] | None = None

    async def attempt(name: str, question: Callable[[], Awaitable[Any]]) -> Any:
        if failures:  # without a connection, one sentence is enough
            return None
        try:
            return await question()
        except Exception as error:
            failures.append(f"{name}: {sentence(error)}")
            return None

    await attempt("connection", tws.connect)
    listed += await attempt("open orders", tws.open_orders) or []
    listed += await attempt("ended orders", tws.completed_orders) or []
    fills += await attempt("executions", lambda: tws.executions(account)) or []
    if holdings and (told := await attempt("balances", tws.balances)) is not None:
        rows, positions = ([one for one in part if account in ("", one.account)] for part in told)
        held = balances_of(rows, positions)
    if tws.unread > unread:
        failures.append("a message of TWS cannot be read")
    now_ns = time.time_ns()
    try:
        seen = [order_of(one, contracts, now_ns) for one in listed]
        own = [fill_of(one, contracts) for one in first_versions(fills)]
    except Exception:
        _log.exception("ib: its lists cannot be read")
        seen, own, failures = [], [], [*failures, "its lists cannot be read"]
    return Evidence(
        asked_ns,
        time.time_ns(),
        frozenset(symbols),
        tuple(one for one in seen if is_open(one)),
        tuple(one for one in seen if not is_open(one)),
        tuple(one for one in own if one is not None),
        held,
        "; ".join(failures),
    )
