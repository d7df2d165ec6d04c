"""Commands while the processes that take and keep them are killed: what was accepted, is so.

By hand, or with `-m soak`. Repeat a failure by its seed.
"""

from __future__ import annotations

import random
import time

import pytest
from tests.separate.running import ETH, QUOTER, Fleet, configuration, robot, until
from tests.venue import trading_venue

from millstream.bus.door_zmq import doors
from millstream.errors import ConfigError
from millstream.session.proof import replay_session

PARTS = ("robots", "orders", "stream")
NAMES = ("one", "two", "three")


def command(dice, fleet, kept):
    """One command at random. kept: what the order store has to have of each robot; None: unsure."""
    name = dice.choice(NAMES)
    word = dice.choice(("add", "save", "remove", "pause", "resume", "parameters"))
    more = ETH if word == "add" else {}
    given = QUOTER if word == "add" else {}
    if word == "parameters":
        given = {"volume": f"0.0{dice.randrange(1, 9)}"}
    try:
        answer = fleet.tell(word, name, given, **more)
    except ConfigError:  # killed before it answered: nobody knows
        kept[name] = None
        return "unanswered"
    if not answer.accepted:
        return "refused"
    if word in ("add", "save"):
        kept[name] = (answer.standing, answer.parameters)
    elif word == "remove":
        kept[name] = ()
    return "accepted"


def commanded(place, seconds, seed):
    dice, kept, told = random.Random(seed), dict.fromkeys(NAMES, ()), []
    with trading_venue("--exchange", "binance", "--speed", 5, "--seed", seed) as venue:
        fleet = Fleet(place, configuration(venue["ws"], robot("quoter")))
        try:
            fleet.start(*PARTS)
            until(lambda: fleet.orders("quoter"))
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                if dice.random() < 0.35:
                    victim = dice.choice(PARTS)
                    fleet.kill(victim)
                    if victim != "robots" and dice.random() < 0.5:
                        told.append(command(dice, fleet, kept))
                    fleet.start(victim)
                else:
                    told.append(command(dice, fleet, kept))
                time.sleep(dice.uniform(0, 0.8))
            until(lambda: doors(fleet.out))
            until(lambda: wrong(fleet, kept) == {}, f"seed {seed}: {kept}, {fleet.saved()}")
            fleet.stop("robots")
            fleet.start("robots")
            until(lambda: doors(fleet.out))
            fleet.stop(*PARTS)
        finally:
            fleet.close()
    return fleet, told


def wrong(fleet, kept):
    saved = {one.name: (one.standing, one.parameters) for one in fleet.saved().values()}
    sure = {name: value for name, value in kept.items() if value is not None}
    return {name: value for name, value in sure.items() if saved.get(name, ()) != value}


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_was_accepted_is_kept_and_replayed_whoever_was_killed(tmp_path, seed):
    fleet, told = commanded(tmp_path, 60, seed)
    print({what: told.count(what) for what in set(told)})
    assert told.count("accepted") > 10
    for folder in ("robots-1", "robots-2"):
        proof = replay_session(fleet.out / folder)
        assert proof.equal, f"seed {seed}: {proof.first_difference}"
