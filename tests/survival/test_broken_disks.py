"""A disk that fails, is full or read-only, a process without file handles: nothing is acknowledged
that is not stored, and when the disk is well again everything that was acknowledged is there."""

from __future__ import annotations

import shutil

import pytest
from tests.survival.disk import mounted
from tests.survival.disk import why_not as no_disk
from tests.survival.harness import Lives, Tally, Venue, check
from tests.survival.tracing import at, syscalls
from tests.survival.tracing import why_not as no_tracing

FAULTS = {
    "fsync fails": ("fdatasync", "EIO"),
    "the log cannot be written": ("pwrite64", "EIO"),
    "the disk is full": ("pwrite64", "ENOSPC"),
    "the journal's disk is full": ("write", "ENOSPC"),
    "the disk is read-only": ("pwrite64", "EROFS"),
    "no file handles": ("openat", "EMFILE"),
}
ORDERS = 3


@pytest.fixture(scope="module")
def lives():
    with Lives() as started:
        yield started


@pytest.mark.skipif(bool(no_tracing()), reason=no_tracing())
@pytest.mark.parametrize("fault", FAULTS)
def test_what_was_acknowledged_is_there_when_the_disk_is_well_again(lives, tmp_path, fault):
    name, error = FAULTS[fault]
    (tmp_path / "whole").mkdir()
    count = syscalls(lives, tmp_path / "whole")[name]
    tally = Tally(fault)
    for number in range(1, count + 1):
        directory = tmp_path / str(number)
        directory.mkdir()
        venue = Venue()
        failing = at(name, f"{number}+", f"error={error}")
        lives.run(venue, directory, 0, ORDERS, strace=failing)
        lives.run(venue, directory, 1, 1)
        check(tally, venue, directory, 2, f"{name}:{number}")
        shutil.rmtree(directory)
    print(tally)
    assert tally.bad == (0, 0, 0), tally


@pytest.mark.skipif(bool(no_disk()), reason=no_disk())
def test_a_full_disk_ends_the_session_and_loses_nothing(lives, tmp_path):
    tally, venue = Tally("a full disk"), Venue()
    with mounted(tmp_path, mib=16) as disk:
        ballast = disk.path / "ballast"
        ballast.write_bytes(b"\0" * (9 << 20))
        directory = disk.path / "session"
        directory.mkdir()
        lives.run(venue, directory, 0, 20_000)
        assert not venue.done
        ballast.unlink()
        lives.run(venue, directory, 1, 1)
        check(tally, venue, directory, 2, "full")
    print(tally)
    assert tally.acked > 0
    assert tally.bad == (0, 0, 0), tally
