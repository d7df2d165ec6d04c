"""What goes wrong on purpose: each fault once, seen by a client and in the truth."""

import asyncio
import json
import time

import ccxt
import pytest
import websockets
from tests.simulator.clients import ccxt_client, get

from millstream.errors import ConfigError
from millstream.exchange.binance import auth
from millstream.simulator.faults import FaultPlan, Faults, RequestFault, parse_faults
from millstream.simulator.running import trading_exchange

PAIRS = {"binance": "BTC/USDT", "kraken": "BTC/USD"}
VENUES = pytest.mark.parametrize("venue", ["binance", "kraken"])


def place(exchange, venue, *, orders=1):
    """Rest some orders through ccxt; gives what each came to: an id, or the error."""

    async def story():
        async with ccxt_client(exchange, venue) as client:
            outcomes = []
            for number in range(orders):
                mine = {"clientOrderId": f"mine-{number}"}
                try:
                    order = await client.create_order(
                        PAIRS[venue], "limit", "buy", 0.01, 50_000, mine
                    )
                    outcomes.append(order["id"])
                except ccxt.BaseError as error:
                    outcomes.append(error)
            return outcomes

    return asyncio.run(story())


@VENUES
def test_a_rejected_order_was_never_there(venue):
    with trading_exchange(exchange=venue, faults=Faults(reject=1)) as exchange:
        (outcome,) = place(exchange, venue)
        assert isinstance(outcome, ccxt.ExchangeError)
        assert exchange.truth().orders == []


@VENUES
def test_an_order_whose_answer_is_lost_is_there_all_the_same(venue):
    with trading_exchange(exchange=venue, faults=Faults(lost=1)) as exchange:
        (outcome,) = place(exchange, venue)
        assert isinstance(outcome, ccxt.NetworkError)
        assert exchange.truth().order("mine-0").status == "working"


def test_an_order_over_the_websocket_is_lost_slow_or_answered_with_an_error_as_well():
    async def send(exchange):
        sign = auth.signer(exchange.secret)
        async with websockets.connect(f"{exchange.ws}/ws-api/v3") as socket:
            given = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
            given |= {"quantity": "0.01", "price": "50000", "apiKey": exchange.key}
            given["timestamp"] = str(time.time_ns() // 10**6)
            text = "&".join(f"{name}={value}" for name, value in sorted(given.items()))
            given["signature"] = sign(text)
            request = {"id": "1", "method": "order.place", "params": given}
            await socket.send(json.dumps(request))
            return json.loads(await asyncio.wait_for(socket.recv(), 10))

    with trading_exchange(faults=Faults(lost=1)) as exchange:
        with pytest.raises(websockets.ConnectionClosed):
            asyncio.run(send(exchange))
        exchange.set_faults(Faults(error_after=1))
        assert asyncio.run(send(exchange))["error"]["code"] == -1007
        exchange.set_faults(Faults(slow=1, slow_s=0.2))
        assert asyncio.run(send(exchange))["status"] == 200
        exchange.set_faults(Faults(reject=1))
        assert asyncio.run(send(exchange))["error"]["code"] == -2010
        assert len(exchange.truth().orders) == 3


@VENUES
def test_an_order_answered_with_a_5xx_is_there_all_the_same(venue):
    with trading_exchange(exchange=venue, faults=Faults(error_after=1)) as exchange:
        (outcome,) = place(exchange, venue)
        assert isinstance(outcome, ccxt.BaseError)
        assert exchange.truth().order("mine-0").status == "working"


@VENUES
def test_a_slow_order_is_there_before_its_answer(venue):
    with trading_exchange(exchange=venue, faults=Faults(slow=1, slow_s=0.5)) as exchange:
        began = time.monotonic()
        (outcome,) = place(exchange, venue)
        assert time.monotonic() - began >= 0.5  # what was promised, not how fast we are
        assert isinstance(outcome, str)
        assert exchange.truth().order("mine-0").status == "working"


@VENUES
def test_a_new_order_is_not_found_for_a_while(venue):
    async def story(exchange):
        async with ccxt_client(exchange, venue) as client:
            order = await client.create_order(PAIRS[venue], "limit", "buy", 0.01, 50_000)
            with pytest.raises(ccxt.BaseError, match=r"not exist|Unknown order"):
                await client.fetch_order(order["id"], PAIRS[venue])
            assert await client.fetch_open_orders(PAIRS[venue]) == []
            exchange.set_faults(Faults())
            assert (await client.fetch_order(order["id"], PAIRS[venue]))["status"] == "open"

    with trading_exchange(exchange=venue, faults=Faults(not_found_s=600)) as exchange:
        asyncio.run(story(exchange))
        assert exchange.truth().orders[0].status == "working"


def test_a_clock_that_is_ahead_refuses_a_request_of_our_time():
    with trading_exchange(faults=Faults(clock_skew_ms=60_000)) as exchange:
        _, told = get(f"{exchange.rest}/api/v3/time")
        assert told["serverTime"] - time.time_ns() // 10**6 > 50_000
        query = auth.signed_query({}, time.time_ns() // 10**6, auth.signer(exchange.secret))
        status, answer = get(
            f"{exchange.rest}/api/v3/account?{query}", headers={"X-MBX-APIKEY": exchange.key}
        )
        assert (status, answer["code"]) == (400, -1021)


def private_frames(exchange, *, orders=6):
    """The account's frames of some orders that trade at once, as Binance's stream tells them."""

    async def story():
        sign = auth.signer(exchange.secret)
        async with websockets.connect(f"{exchange.ws}/ws-api/v3") as socket:
            now_ms = time.time_ns() // 10**6
            await socket.send(auth.signed_subscribe_request(exchange.key, now_ms, sign, 5_000))
            await socket.recv()
            async with ccxt_client(exchange, "binance") as client:
                for _ in range(orders):
                    await client.create_order("BTC/USDT", "market", "buy", 0.001)
            frames = []
            try:
                while True:
                    frames.append(await asyncio.wait_for(socket.recv(), 0.5))
            except TimeoutError:
                return frames, None
            except websockets.ConnectionClosed as closed:
                return frames, closed

    return asyncio.run(story())


def reports(frames):
    events = [json.loads(frame)["event"] for frame in frames]
    return [one for one in events if one["e"] == "executionReport"]


def test_a_connection_ends_in_the_middle_of_a_frame():
    with trading_exchange(faults=Faults(cut=1)) as exchange:
        frames, closed = private_frames(exchange, orders=1)
        assert frames == []
        assert closed.rcvd is None  # no farewell: the socket was cut
        assert [one.status for one in exchange.truth().orders] == ["filled"]


def test_fills_come_twice():
    with trading_exchange(faults=Faults(duplicate=1)) as exchange:
        frames, _ = private_frames(exchange)
        trades = [one["t"] for one in reports(frames) if one["x"] == "TRADE"]
        true = [one.trade_id for one in exchange.truth().fills]
        assert sorted(trades) == sorted(true * 2)


def test_fills_come_late_and_none_is_lost():
    with trading_exchange(faults=Faults(reorder=0.5, seed=4)) as exchange:
        frames, _ = private_frames(exchange)
        kinds = [json.loads(frame)["event"]["e"] for frame in frames]
        balances = "outboundAccountPosition"  # of the order, then of the fill that is late
        assert [balances, balances, "executionReport"] in [
            kinds[place : place + 3] for place in range(len(kinds))
        ]
        trades = [one["t"] for one in reports(frames) if one["x"] == "TRADE"]
        assert sorted(trades) == [one.trade_id for one in exchange.truth().fills]


def test_a_late_fill_comes_after_the_frame_that_followed_it():
    plan = FaultPlan(Faults(reorder=1))
    assert plan.arrange(["fill", "other", "last"], lambda one: one == "fill") == [
        "other",
        "fill",
        "last",
    ]


def test_the_same_seed_goes_wrong_in_the_same_way():
    def drawn(seed):
        plan = FaultPlan(Faults(reject=0.2, slow=0.2, lost=0.2, error_after=0.2, seed=seed))
        return [plan.request() for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert set(drawn(1)) == set(RequestFault)


def test_faults_can_be_changed_while_it_runs():
    with trading_exchange() as exchange:
        status, told = get(f"{exchange.rest}/_faults", "POST", b"lost=0.5,seed=9")
        assert (status, told["lost"], told["seed"]) == (200, 0.5, 9)
        status, told = get(f"{exchange.rest}/_faults", "POST", b"lots=1")
        assert status == 400
        assert 'Did you mean "lost"?' in told["error"]


@pytest.mark.parametrize(
    "text", ["lost", "lost=x", "lost=2", "lost=0.6,reject=0.6", "slow_s=-1", "nonsense=1"]
)
def test_a_wrong_fault_is_one_sentence(text):
    with pytest.raises(ConfigError) as error:
        parse_faults(text)
    assert "\n" not in str(error.value)
