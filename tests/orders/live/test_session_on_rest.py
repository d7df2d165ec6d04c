"""A whole session whose orders go over REST to an exchange, and its journal replayed."""

import time
from decimal import Decimal

import msgspec
import pytest
from tests.orders.lines.rest_venue import KEY, rest_venue
from tests.orders.sample import BTC
from tests.test_app import config, events, play
from tests.venue import simulated_exchange

from millstream.app import Session
from millstream.config import GatewaySection, KillSection, LimitsSection, RiskSection
from millstream.errors import ConfigError, LoginRefused
from millstream.model import MyOrderBatch, Side
from millstream.session.proof import replay_session


@pytest.fixture(scope="module")
def market():
    with simulated_exchange("--speed", 5) as ready:
        yield ready


@pytest.fixture(scope="module")
def served():
    with rest_venue() as venue:
        for side, price in ((Side.BUY, "50000"), (Side.SELL, "70000")):  # around the played market
            venue.venue.set_level(BTC, side, Decimal(price), Decimal(500), 2)
        venue.venue.set_level(BTC, Side.SELL, Decimal(101), Decimal(0), 3)
        venue.venue.set_level(BTC, Side.BUY, Decimal(99), Decimal(0), 3)
        venue.venue.balances["main"].all["USDT"].free += Decimal(10_000_000)
        yield venue


def gateway(served, **changes):
    section = GatewaySection(
        kind="simulator", exchange="binance", api_key=KEY.key, api_secret=KEY.secret,
        url=served.url, reconcile_s=1,
    )  # fmt: skip
    return msgspec.structs.replace(section, **changes)


def test_a_session_trades_by_rest_leaves_nothing_open_and_replays(market, served, tmp_path):
    session = Session(config(market, gateway=gateway(served)), tmp_path / "out")
    play(session, lambda: sum(one.venue_id != "" for one in session.store.orders()) >= 4)
    assert session.failure() == ""
    assert session.store.orders(open_only=True) == []
    stored = session.store.orders()
    session.close()
    there = {one.wish.client_id: one for one in served.venue.orders.values()}
    for one in stored:
        if one.venue_id:
            assert there[one.order_id].filled == one.filled_volume
    assert len([one for one in stored if one.venue_id]) >= 4
    assert served.venue.open_orders("main") == []
    assert any(isinstance(event, MyOrderBatch) for event in events(tmp_path / "out"))
    assert replay_session(tmp_path / "out").equal


def test_the_kill_switch_cancels_at_the_venue_and_holds(market, served, tmp_path):
    session = Session(config(market, gateway=gateway(served)), tmp_path / "out")

    session.start()
    deadline = time.monotonic() + 60
    while not served.venue.open_orders("main"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (tmp_path / "out" / "orders.sqlite.halt").touch()
    while served.venue.open_orders("main") or session.store.orders(open_only=True):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    sent = len(served.venue.orders)
    before = len(session.store.orders())
    while len(session.store.orders()) < before + 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(served.venue.orders) == sent
    assert session.store.orders()[-1].reason == "risk: trading is halted"
    session.stop("the test is over")
    session.close()


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"api_key": "wrong"}, LoginRefused, "does not take the key"),
        ({"api_key": ""}, ConfigError, "are needed to send orders"),
        ({"exchange": ""}, ConfigError, "needs one"),
        ({"exchange": "binanec"}, ConfigError, 'Did you mean "binance"'),
        ({"exchange": "ib"}, ConfigError, "gateway.url .* of ib is not an address"),
        ({"url": ""}, ConfigError, "a simulator needs one"),
    ],
)
def test_what_is_wrong_with_a_gateway_is_said_at_the_start(
    market, served, tmp_path, changes, kind, words
):
    with pytest.raises(kind, match=words) as caught:
        Session(config(market, gateway=gateway(served, **changes)), tmp_path / "out")
    assert KEY.secret not in str(caught.value)


def test_limits_of_the_configuration_reach_single_robots_and_the_account(market, tmp_path):
    risk = RiskSection(
        robots={"quoter": LimitsSection(max_order_notional=Decimal(1))},
        account=LimitsSection(max_open_orders=1),
    )
    session = Session(config(market, risk=risk), tmp_path / "out")

    def judged():  # a sell that comes before the first price is refused for that
        reasons = {one.reason for one in session.store.orders()}
        return {one for one in reasons if "no price of BTC/USDT is known" not in one}

    play(session, lambda: bool(judged()))
    reasons = judged()
    session.close()
    assert reasons
    assert all("the limit is 1" in reason for reason in reasons), reasons


def test_keys_and_tokens_stay_out_of_the_journal_and_the_log(market, served, tmp_path):
    kill = KillSection(port=0, token="sesame-secret")
    session = Session(config(market, gateway=gateway(served), kill=kill), tmp_path / "out")
    play(session, lambda: bool(session.store.orders()))
    session.close()
    text = b"".join(file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file())
    for secret in (KEY.key, KEY.secret, "sesame-secret"):
        assert secret.encode() not in text
    assert KEY.secret not in repr(gateway(served)) + repr(kill)
