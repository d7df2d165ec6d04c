"""Commands while the processes that take and keep them are killed: what was accepted, is so.

By hand, or with `-m soak`. Repeat a failure by its seed.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress

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


@pytest.mark.soak
def test_a_command_that_is_under_way_when_its_robots_are_killed_is_obeyed_whole_or_not(tmp_path):
    dice, answered = random.Random(5), []

    def add(name):
        with suppress(ConfigError):  # nobody is left who could answer
            answered.append(fleet.tell("add", name, QUOTER, patience_s=5, **ETH).accepted)

    with trading_venue("--exchange", "binance", "--speed", 5) as venue:
        fleet = Fleet(tmp_path, configuration(venue["ws"], robot("quoter")))
        try:
            fleet.start(*PARTS)
            until(lambda: fleet.orders("quoter"))
            for number in range(12):
                until(lambda: doors(fleet.out))
                asker = threading.Thread(target=add, args=[f"r{number}"])
                asker.start()
                time.sleep(dice.uniform(0, 0.12))
                fleet.kill("robots")
                asker.join()
                fleet.start("robots")
            there = fleet.tell("pause", "nobody").reason.partition("there are: ")[2].split(", ")
            until(lambda: {"quoter", *fleet.saved()} == set(there), f"{there}, {fleet.saved()}")
            fleet.stop("robots", "orders", "stream")
        finally:
            fleet.close()
    print(f"{len(there) - 1} of 12 are there, {len(answered)} were answered")
    assert len(answered) < 12
    proof = replay_session(fleet.out / "robots-1")
    assert proof.equal, proof.first_difference
