"""A disk that fails, is full or read-only, a process without file handles: nothing is acknowledged
that is not stored, the session says in a sentence what it is, and when the disk is well again
everything that was acknowledged is there.

make test breaks what a session does once its files are open; `make soak` each of its calls, from
before the first file is opened until the last is closed, once and from then on.
"""

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
}
CALLS = ("fdatasync", "fsync", "pwrite64", "write", "ftruncate", "fallocate", "openat", "mkdir",
         "unlink", "pread64", "flock", "newfstatat")  # fmt: skip
ERRORS = {
    "EIO": CALLS,
    "ENOSPC": ("fdatasync", "fsync", "pwrite64", "write", "ftruncate", "fallocate", "openat",
               "mkdir"),
    "EROFS": ("pwrite64", "write", "ftruncate", "fallocate", "openat", "mkdir", "unlink"),
    "EMFILE": ("openat",),
}  # fmt: skip
ORDERS = 3

needs_strace = pytest.mark.skipif(bool(no_tracing()), reason=no_tracing())


@pytest.fixture(scope="module")
def lives():
    with Lives() as started:
        yield started


def break_each(lives, place, tally, name, error, until="+", **life):
    """Let each call of a name fail in turn, in a session of its own; then comes a healthy one.

    until: "+": every call from that one on fails; "": that one alone.
    """
    whole = place / f"{name}-{error}-{life.get('story')}"
    whole.mkdir()
    for number in range(1, syscalls(lives, whole, **life).get(name, 0) + 1):
        where = f"{name}:{error}:{number}{until}"
        directory, venue = whole / str(number), Venue()
        directory.mkdir()
        failing = at(name, f"{number}{until}", f"error={error}")
        lives.run(venue, directory, 0, ORDERS, strace=failing, **life)
        if not (venue.done or venue.ended):
            tally.wrong_state += 1  # it went without a word
            tally.failures.append(f"{where} says nothing")
        lives.run(venue, directory, 1, 1, **life)
        check(tally, venue, directory, 2, where)
        shutil.rmtree(directory)
    shutil.rmtree(whole)


@needs_strace
@pytest.mark.parametrize("fault", FAULTS)
def test_what_was_acknowledged_is_there_when_the_disk_is_well_again(lives, tmp_path, fault):
    tally = Tally(fault)
    break_each(lives, tmp_path, tally, *FAULTS[fault])
    print(tally)
    assert tally.runs > 0
    assert tally.bad == (0, 0, 0), tally


@needs_strace
@pytest.mark.parametrize(
    ("name", "error"), [("openat", "EMFILE"), ("fsync", "EIO"), ("ftruncate", "EIO")]
)
def test_a_session_that_cannot_open_or_close_its_files_says_so(lives, tmp_path, name, error):
    tally = Tally(f"{name} fails with {error}")
    break_each(lives, tmp_path, tally, name, error, early=True)
    print(tally)
    assert tally.runs > 2
    assert tally.bad == (0, 0, 0), tally


@pytest.mark.soak
@needs_strace
@pytest.mark.parametrize("story", ["filled", "canceled", "in part"])
@pytest.mark.parametrize("error", ERRORS)
def test_no_call_that_fails_loses_doubles_or_changes_what_was_acknowledged(
    lives, tmp_path, error, story
):
    tally = Tally(f'{error} at each call, story "{story}"')
    for name in ERRORS[error]:
        for until in ("", "+"):
            break_each(lives, tmp_path, tally, name, error, until, story=story, early=True)
    print(tally)
    assert tally.runs > 5
    assert tally.bad == (0, 0, 0), tally


@needs_strace
@pytest.mark.parametrize(("store", "caught"), [("hasty", "lost"), ("speechless", "wrong_state")])
def test_the_harness_catches_a_store_that_is_wrong(lives, tmp_path, store, caught):
    tally = Tally(store)
    break_each(lives, tmp_path, tally, "fdatasync", "EIO", store=store)
    print(tally)
    assert getattr(tally, caught) > 0
    assert tally.failures


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
