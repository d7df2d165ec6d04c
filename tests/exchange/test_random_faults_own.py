"""Own orders under random faults from a seed: each fill once, and nothing ever goes back.

Each venue's account is filled twice while the connection is cut, frames come twice, come late,
cannot be read, and an old state is told again.
"""

from __future__ import annotations

import asyncio
import os
import random

import pytest
from tests.exchange.test_contract_own import ACCOUNTS, Told, run
from tests.stream.loopback import until

from millstream.model import MyOrder, MyTrade, OrderStatus

SEED = int(os.environ.get("MILLSTREAM_SEED", "20261121"))
FAULTS = ("cut", "cut", "again", "old", "garbled", "silent fill")


async def trouble(account, server, chance):
    """Both fills, among faults in an order by chance."""
    steps = ["fill", "fill", *(chance.choice(FAULTS) for _ in range(8))]
    chance.shuffle(steps)
    for step in steps:
        connected = [one for one in server.clients if one not in server.gone]
        if step == "fill" and account.filled < 2:
            account.fill()
        elif step == "silent fill" and account.filled < 2:
            account.filled += 1  # its report is lost with the connection
            for client in connected:
                client.transport.disconnect(False)
        elif step == "cut":
            for client in connected:
                client.transport.disconnect(False)
        elif step == "again":
            account.tell(account.filled)
        elif step == "old":
            account.tell(chance.randint(0, account.filled))
        elif step == "garbled":
            for client in account.listening:
                if client in connected:
                    client.send(*(frame[: len(frame) // 2] for frame in account.report(0)))
        await asyncio.sleep(chance.choice((0.0, 0.01, 0.05)))
    for client in server.clients:
        if client not in server.gone:
            client.transport.disconnect(False)


def only_forward(told: Told):
    """The states of the order, which must never go back."""
    orders = told.of(MyOrder)
    filled = [order.filled_volume for order in orders]
    assert filled == sorted(filled)
    ended = [order.status is OrderStatus.FILLED for order in orders]
    assert ended == sorted(ended)


@pytest.mark.parametrize("made", ACCOUNTS, ids=[one.exchange for one in ACCOUNTS])
@pytest.mark.parametrize("turn", range(3))
def test_each_fill_is_told_once_whatever_happens(made, turn):
    account, chance = made(), random.Random(f"{SEED} {made.exchange} {turn}")

    async def body(told, server):
        await until(lambda: account.listening)
        await trouble(account, server, chance)
        await until(lambda: sum(one.volume for one in told.of(MyTrade)) >= account.filled)
        await asyncio.sleep(0.05)
        fills = told.of(MyTrade)
        assert sum(one.volume for one in fills) == account.filled
        assert len({one.trade_id for one in fills}) == len(fills)
        if made.exchange != "coinbase":  # derived from the orders' states: two may become one
            assert len(fills) == account.filled

    run(account, body, "my_trade")


@pytest.mark.parametrize("made", ACCOUNTS, ids=[one.exchange for one in ACCOUNTS])
@pytest.mark.parametrize("turn", range(3))
def test_an_order_only_goes_forward_whatever_happens(made, turn):
    account, chance = made(), random.Random(f"{SEED} {made.exchange} {turn} order")

    async def body(told, server):
        await until(lambda: told.of(MyOrder))
        await trouble(account, server, chance)
        await until(lambda: told.of(MyOrder)[-1].status is OrderStatus.FILLED)
        only_forward(told)

    run(account, body, "my_order")
