"""A strategy's journal: replayed equal, and its file is guarded and hashed as a robot's own."""

import pytest
from tests.strategy.market import FIVE, Run, drawn, write
from tests.strategy.test_robot import SIMPLE, frame_of

from millstream.errors import RobotError
from millstream.journal import JournalWriter
from millstream.model import PlaceOrder, SessionEnd
from millstream.model.codec import encode_events
from millstream.robot import seat
from millstream.session import roster
from millstream.session.proof import replay_session
from millstream.session.resuming import resume_robots
from millstream.session.roster import describe, seat_robots
from millstream.strategy.configuration import parse_strategy_config

VALUES = {
    "strategy": "S", "stake_currency": "BTC", "stake_amount": 10, "max_open_trades": 1,
    "exchange": {"name": "binance", "pair_whitelist": ["ETH/BTC"]},
    "external_message_consumer": {
        "enabled": True,
        "producers": [{"name": "default", "host": "127.0.0.1", "ws_token": "very-secret"}],
    },
}  # fmt: skip


def journaled(tmp_path, body=SIMPLE):
    """A session's folder: what a live run would have written, event by event."""
    file = write(tmp_path, body)
    manifest = describe(parse_strategy_config(VALUES, "c", tmp_path).config)
    run = Run(file)
    assert manifest.robots[0].name == run.robot.name
    candles = drawn(160)
    run.history(candles[:100])
    for number, candle in enumerate(candles[100:], 100):
        run.candle(candle)
        if not number % 10:
            run.give(frame_of(candles[:number]))
    run.events.append(SessionEnd(candles[-1].open_ns + FIVE, "over"))
    robots = seat_robots(manifest)
    journal = JournalWriter(tmp_path / "journal", manifest, 2**20, True)
    answers = []
    for event in run.events:
        sequence = journal.append_events(encode_events([event]), 1)
        outputs = robots.handle(sequence, event)
        answers += outputs
        journal.append_outputs(outputs)
    journal.close("over")
    assert [seat.error for seat in robots.seats] == [""]
    return file, answers


def test_a_strategys_journal_replays_equal(tmp_path):
    _, answers = journaled(tmp_path)
    assert any(isinstance(answer.body, PlaceOrder) for answer in answers)
    proof = replay_session(tmp_path)
    assert (proof.equal, proof.changed_robots, proof.damage) == (True, [], "")
    assert proof.states > 0
    assert b"very-secret" not in b"".join(p.read_bytes() for p in (tmp_path / "journal").iterdir())


def test_a_strategy_goes_on_from_the_last_checkpoint_of_its_journal(tmp_path, monkeypatch):
    monkeypatch.setattr(roster, "CHECKPOINT_EVERY_EVENTS", 32)
    monkeypatch.setattr(seat, "BYTES_AN_EVENT", 10**6)
    journaled(tmp_path)
    resumed = resume_robots(tmp_path / "journal", 2**20, compress=True)
    assert resumed.replayed < 64 < resumed.journal.next_sequence
    assert resumed.robots.seats[0].robot.strategy.dp.available_pairs() == [("ETH/BTC", "5m")]
    resumed.journal.close("enough")
    assert replay_session(tmp_path).equal


def test_a_changed_strategy_is_another_robot(tmp_path):
    file, _ = journaled(tmp_path)
    file.write_text(file.read_text().replace("< 45", "< 44"))
    assert replay_session(tmp_path).changed_robots == ["s"]


def test_a_strategy_that_asks_the_clock_is_refused(tmp_path):
    write(tmp_path, "import datetime\n" + SIMPLE + "        datetime.datetime.now()\n")
    with pytest.raises(RobotError, match=r"strategy_under_test\.py, line"):
        describe(parse_strategy_config(VALUES, "c", tmp_path).config)
    describe(parse_strategy_config(VALUES | {"unguarded": True}, "c", tmp_path).config)
