"""A whole session whose files fail, one call after the other: it ends with a sentence, what it has
told its robots is stored, its journal replays to its end, and on a sound disk it goes on.

Only calls that touch the session's files are broken; each is counted in the thread that makes it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections import Counter

import pytest
from tests.survival.harness import PATIENCE_S, ROOT, Tally
from tests.survival.tracing import why_not

from millstream.errors import JournalError, MillstreamError
from millstream.journal import Journal, Kind
from millstream.model import MyOrder
from millstream.model.codec import decode_events
from millstream.orders.sqlite import SqliteStore
from millstream.robot.moment import RUN_ID_LETTERS
from millstream.session.proof import replay_session

REASON = why_not()
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON)

FILES = (
    "", "orders.sqlite", "orders.sqlite-wal", "orders.sqlite-shm", "orders.sqlite.lock",
    "orders.sqlite.best", "journal", "journal/000001.journal.part", "journal/000001.journal",
)  # fmt: skip
FAULTS = {
    "EIO": "fdatasync fsync pwrite64 write ftruncate openat mkdir rename unlink pread64",
    "ENOSPC": "fdatasync fsync pwrite64 write ftruncate openat mkdir rename",
    "EROFS": "pwrite64 write ftruncate openat mkdir rename unlink",
    "EMFILE": "openat",
}


class Sessions:
    """Sessions that can be started quickly: a server forks them."""

    def __init__(self):
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.survival.whole"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.stdin.close()
        self._server.wait(PATIENCE_S)
        self._server.stdout.close()

    def run(self, place, *strace, store="right"):
        """One session in `place`/session; what it said at its end. strace: what is traced."""
        for name in ("go", "said"):
            (place / name).unlink(missing_ok=True)
        self._server.stdin.write(f"{place} {store}\n")
        self._server.stdin.flush()
        pid, tracer = int(self._server.stdout.readline()), None
        if strace:
            files = [option for name in FILES for option in ("-P", f"{place}/session/{name}")]
            tracer = subprocess.Popen(
                ["strace", "-f", *files, *strace, "-p", str(pid)],
                stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
            )  # fmt: skip
            line = tracer.stderr.readline()
            assert "attached" in line, line
        (place / "go").touch()
        said, deadline = place / "said", time.monotonic() + 3 * PATIENCE_S
        while not said.exists():
            assert time.monotonic() < deadline, "a session does not end"
            time.sleep(0.005)
        if tracer is not None:
            tracer.communicate(timeout=PATIENCE_S)
        return said.read_text()


@pytest.fixture(scope="module")
def sessions():
    with Sessions() as started:
        yield started


def calls(sessions, place):
    """How often a session makes which call on its files, in the thread that makes it most often."""
    place.mkdir()
    log = place / "strace.log"
    assert sessions.run(place, "-o", str(log)) == ""
    found = Counter(re.findall(r"^((?:\d+ +)?)(\w+)\(", log.read_text(), re.MULTILINE))
    return {
        name: max(count for (_, other), count in found.items() if other == name)
        for _, name in found
    }


def break_each(sessions, place, tally, name, error, until, count):
    for number in range(1, count + 1):
        where, folder = f"{name}:{error}:{number}{until}", place / f"{name}-{error}-{number}"
        folder.mkdir()
        before = tally.bad
        injected = f"inject={name}:error={error}:when={number}{until}"
        said = sessions.run(folder, "-o", "/dev/null", "-e", f"trace={name}", "-e", injected)
        after = sessions.run(folder)  # the disk is well again
        check(tally, folder / "session", said, after)
        if tally.bad != before:
            tally.failures.append(f"{where}: {said!r}, then {after!r}")
        shutil.rmtree(folder)


def check(tally, directory, said, after):
    tally.runs += 1
    tally.wrong_state += not _is_a_sentence(said)
    tally.wrong_state += after != ""
    told = _told(directory)
    store = SqliteStore(directory / "orders.sqlite")
    orders, trades = store.orders(), store.trades()
    store.close()
    tally.acked += len(orders)
    tally.lost += len(told - {order.order_id for order in orders})
    try:
        proof = replay_session(directory)
    except MillstreamError:
        tally.wrong_state += 1
        return
    tally.wrong_state += not proof.equal
    tally.lost += sum(int(one.order_id[RUN_ID_LETTERS:-3], 36) > proof.events for one in orders)
    filled = Counter()
    for trade in trades:
        filled[trade.order_id] += trade.volume
    tally.wrong_state += sum(one.filled_volume != filled[one.order_id] for one in orders)


def _is_a_sentence(said):
    """Nothing, or what somebody can do something about: no exception's name, no traceback."""
    return not re.search(r"HANGS|TRACEBACK|\b\w*(Error|Exception)\b", said)


def _told(directory):
    """The ids of the orders that robots heard of, by the journal."""
    try:
        blocks = list(Journal.open(directory / "journal").blocks())
    except JournalError:
        return set()
    return {
        event.order_id
        for block in blocks
        if block.kind is Kind.EVENTS
        for event in decode_events(block.body)
        if isinstance(event, MyOrder)
    }


@pytest.mark.parametrize(("name", "error"), [("fdatasync", "EIO"), ("write", "ENOSPC")])
def test_a_session_on_a_failing_disk_says_so_and_goes_on_when_it_is_well(
    sessions, tmp_path, name, error
):
    tally = Tally(f"{name} fails with {error} from the fourth call on")
    folder = tmp_path / "broken"
    folder.mkdir()
    injected = f"inject={name}:error={error}:when=4+"
    said = sessions.run(folder, "-o", "/dev/null", "-e", f"trace={name}", "-e", injected)
    assert said
    check(tally, folder / "session", said, sessions.run(folder))
    assert tally.bad == (0, 0, 0), (tally, said)


def test_the_harness_catches_a_store_that_says_stored_when_it_is_not(sessions, tmp_path):
    tally = Tally("hasty")
    injected = "inject=pwrite64:error=EIO:when=40+"
    said = sessions.run(
        tmp_path, "-o", "/dev/null", "-e", "trace=pwrite64", "-e", injected, store="hasty"
    )
    check(tally, tmp_path / "session", said, "")
    assert tally.lost > 0


@pytest.mark.soak
@pytest.mark.parametrize("error", FAULTS)
def test_no_call_of_a_session_that_fails_loses_or_changes_what_robots_heard(
    sessions, tmp_path, error
):
    tally, counts = Tally(f"{error} at each call of a session"), calls(sessions, tmp_path / "whole")
    for name in FAULTS[error].split():
        for until in ("", "+"):
            break_each(sessions, tmp_path, tally, name, error, until, counts.get(name, 0))
    print(tally)
    assert tally.bad == (0, 0, 0), "\n".join(tally.failures)
