"""kill -9 at every syscall of one order's life, by strace; then a restart, and the truth.

make test tries every write, sync and message; `make soak` every syscall.
"""

from __future__ import annotations

import shutil

import pytest
from tests.survival.harness import Lives, Tally, Venue, check
from tests.survival.tracing import at, syscalls, why_not

REASON = why_not()
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON)

DECISIVE = {"pwrite64", "write", "fdatasync", "fsync", "sendto", "recvfrom", "ftruncate", "pwritev"}


@pytest.fixture(scope="module")
def lives():
    with Lives() as started:
        yield started


def kill_at_each(lives, place, wanted, gateway="right"):
    (place / "whole").mkdir()
    tally = Tally("kill at each syscall of one order's life")
    for name, count in syscalls(lives, place / "whole").items():
        if wanted is not None and name not in wanted:
            continue
        for number in range(1, count + 1):
            directory = place / f"{name}-{number}"
            directory.mkdir()
            venue, killing = Venue(), at(name, number, "signal=KILL")
            lives.run(venue, directory, 0, 1, gateway=gateway, strace=killing)
            lives.run(venue, directory, 1, 1, gateway=gateway)
            check(tally, venue, directory, 2, f"{name}:{number}")
            shutil.rmtree(directory)
    print(tally)
    return tally


def test_no_kill_at_a_write_a_sync_or_a_message_loses_or_doubles_an_order(lives, tmp_path):
    tally = kill_at_each(lives, tmp_path, DECISIVE)
    assert tally.runs > 10
    assert tally.bad == (0, 0, 0), tally


@pytest.mark.soak
def test_no_kill_at_any_syscall_loses_or_doubles_an_order(lives, tmp_path):
    tally = kill_at_each(lives, tmp_path, None)
    assert tally.bad == (0, 0, 0), tally


@pytest.mark.parametrize(
    ("gateway", "caught"),
    [
        ("blind-resend", "duplicated"),
        ("sends-first", "duplicated"),
        ("ignores-the-venue", "wrong_state"),
    ],
)
def test_the_harness_catches_a_gateway_that_is_wrong(lives, tmp_path, gateway, caught):
    tally = kill_at_each(lives, tmp_path, {"sendto", "recvfrom"}, gateway)
    assert getattr(tally, caught) > 0
