"""The power goes at a random moment: what was acknowledged is on the disk.

kill -9 says nothing of this: the system still has what a killed process wrote. Here the file system
itself is stopped without a flush, unmounted and mounted again, as after a power cut.
"""

from __future__ import annotations

import os
import random
import threading

import pytest
from tests.survival.disk import mounted, why_not
from tests.survival.harness import Lives, Tally, Venue, check, kill

REASON = why_not()
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON)

ORDERS = 400  # a session's, if the power stayed


@pytest.fixture(scope="module")
def lives():
    with Lives() as started:
        yield started


def cut(lives, disk, tally, seed, store="right"):
    """One session whose power is cut at a moment the seed decides, and one that recovers."""
    directory, venue = disk.path / str(seed), Venue()
    directory.mkdir()
    _sync(directory)
    wanted = random.Random(seed).randrange(1, 60)  # acknowledged orders before the cut
    cutting = threading.Event()

    def during(venue):
        if len(venue.acked) >= wanted and not cutting.is_set():
            cutting.set()
            disk.cut_power()
            kill(venue.pid)

    lives.run(venue, directory, 0, ORDERS, store=store, during=during)
    assert cutting.is_set()
    disk.unmount()
    disk.mount()
    lives.run(venue, directory, 1, 1, store=store)
    check(tally, venue, directory, 2, f"seed {seed}")


def cut_many(lives, place, seeds, store="right"):
    tally = Tally(f"power cuts on ext4, store {store}")
    with mounted(place, mib=512) as disk:
        for seed in seeds:
            cut(lives, disk, tally, seed, store)
    print(tally)
    return tally


def _sync(directory):
    place = os.open(directory.parent, os.O_RDONLY)
    os.fsync(place)
    os.close(place)


def test_no_power_cut_loses_an_acknowledged_order(lives, tmp_path):
    tally = cut_many(lives, tmp_path, range(20))
    assert tally.acked > 100
    assert tally.bad == (0, 0, 0), tally


@pytest.mark.soak
def test_two_thousand_power_cuts_lose_nothing(lives, tmp_path):
    for first in range(1_000, 3_000, 50):
        place = tmp_path / str(first)
        place.mkdir()
        tally = cut_many(lives, place, range(first, first + 50))
        assert tally.bad == (0, 0, 0), tally


def test_the_harness_catches_a_store_that_does_not_sync(lives, tmp_path):
    tally = cut_many(lives, tmp_path, range(3), "unsynced")
    assert sum(tally.bad) > 0
