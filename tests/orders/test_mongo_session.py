"""A whole session with its orders on MongoDB, and an order that another program puts there."""

import pytest
from tests.test_app import config, orders, play
from tests.venue import simulated_exchange

from millstream.app import Session
from millstream.model import OrderStatus
from millstream.orders.mongo.address import parse_address
from millstream.session.proof import replay_session

ASKED = {
    "name": "somebody",
    "from": "somebody",
    "to": "binance",
    "symbol": "btc/usdt",
    "side": "buy",
    "type": "market",
    "volume": "0.001",
}


@pytest.fixture(scope="module")
def exchange():
    with simulated_exchange("--speed", 20) as ready:
        yield ready


def test_a_session_keeps_its_orders_on_mongodb_and_takes_those_of_others(
    exchange, replica_set, mongo_url, tmp_path
):
    database = parse_address(mongo_url).database
    session = Session(config(exchange, order_store=mongo_url), tmp_path / "out")
    with replica_set.client() as client:
        shown = client[database].orders
        asked = []

        def enough():
            if len(orders(session)) >= 5 and not asked:
                asked.append(shown.insert_one(dict(ASKED)).inserted_id)
            return asked and (shown.find_one({"_id": asked[0]}) or {}).get("status") == "filled"

        play(session, enough)
        assert session.failure() == ""
        assert enough(), shown.find_one({"_id": asked[0]}) if asked else "no orders"
        mine = [one for one in orders(session) if one.robot == "somebody"]
        assert [one.status for one in mine] == [OrderStatus.FILLED]
        session.close()
        assert client[database].trades.count_documents({"name": "somebody"}) >= 1
    proof = replay_session(tmp_path / "out")
    assert proof.equal, proof
