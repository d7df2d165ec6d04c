"""What only the file can promise: it survives its process, and says why it cannot be used."""

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.orders.sample import BTC, VENUE, filled, order, report

from millstream.errors import StoreError
from millstream.model import Side
from millstream.orders import Happened, MemoryStore
from millstream.orders.sqlite import SqliteStore
from millstream.orders.sqlite_file import LOG_BYTES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "orders.db"


# Another program is another process: two SQLites in one process do not see each other's locks, and
# closing a file in one lets go of the locks of the other.
SHELL = """
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for line in sys.stdin:
    print(json.dumps(connection.execute(line).fetchall()), flush=True)
"""


class Shell:
    """What a person sees, and may do, who opens the file with another program."""

    def __init__(self, path):
        self.process = subprocess.Popen(
            [sys.executable, "-c", SHELL, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, sql):
        print(sql, file=self.process.stdin, flush=True)
        return [tuple(row) for row in json.loads(self.process.stdout.readline())]

    def close(self):
        self.process.communicate()


@pytest.fixture
def shell(path):
    program = Shell(path)
    yield program
    program.close()


# ---- it is all there after a restart ------------------------------------------------------------


def test_everything_is_there_after_reopening(path):
    store = SqliteStore(path)
    store.insert([order("a1"), order("a2", robot="other"), order("a3")])
    store.apply([report("a1"), filled("a1"), filled("a1", "t2", volume="0.6")], 5)
    before = (store.orders(), store.orders(open_only=True), store.trades(), store.changes(0))
    store.close()
    store = SqliteStore(path)
    after = (store.orders(), store.orders(open_only=True), store.trades(), store.changes(0))
    assert after == before
    assert store.revision == 8
    assert store.position("quoter", VENUE, BTC) == 1
    assert store.changes(7, "other") == []
    assert [one.revision for one in store.insert([order("a4")])] == [9]
    store.close()


def test_the_tables_are_readable_in_a_shell(path, shell):
    store = SqliteStore(path)
    store.insert([order("a1", price="0.00000001")])
    store.apply([filled("a1", price="0.00000001")], 5)
    store.close()
    columns = "robot, exchange, symbol, side, type, price, volume, status, filled_volume"
    assert shell(f"SELECT {columns} FROM orders") == [
        ("quoter", "binance", "BTC/USDT", "buy", "limit", "0.00000001", "1", "partial", "0.4")
    ]
    assert shell("SELECT trade_id, volume, fee, liquidity FROM trades") == [
        ("t1", "0.4", "0.01", "maker")
    ]
    assert shell("SELECT * FROM positions") == [("quoter", "binance", "BTC/USDT", "0.4")]
    assert shell("SELECT revision, kind, order_id, robot FROM changes") == [
        (1, "order", "a1", "quoter"),
        (2, "trade", "a1", "quoter"),
        (3, "order", "a1", "quoter"),
    ]


def test_a_commit_is_visible_to_others_and_asked_to_be_durable(path, shell):
    store = SqliteStore(path)
    store.insert([order("a1")])
    assert shell("SELECT order_id FROM orders") == [("a1",)]
    assert store._writer.pragma("synchronous") == 2
    assert store._writer.pragma("journal_mode") == "wal"
    store.close()


def test_the_log_stays_short_however_many_commits_there_are(path):
    store = SqliteStore(path)
    for i in range(1500):  # two pages of 4 KiB each: 12 MiB in all
        store.insert([order(f"a{i}")])
    log = path.with_name("orders.db-wal").stat().st_size
    store.close()
    assert LOG_BYTES <= log < 2 * LOG_BYTES


def test_a_follower_reads_while_another_thread_writes(path):
    store = SqliteStore(path)
    failed = []

    def read():
        try:
            after = 0
            while after < 400:
                store.wait(after, 5)
                for change in store.changes(after):
                    assert change.revision == after + 1
                    after = change.revision
        except BaseException as error:
            failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for i in range(200):
        store.insert([order(f"a{i}")])
        store.apply([report(f"a{i}")], i)
    for reader in readers:
        reader.join(30)
    store.close()
    assert failed == []


# ---- it says why it cannot be used --------------------------------------------------------------


def refuses(path, words):
    with pytest.raises(StoreError, match=words) as caught:
        SqliteStore(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_another_program_is_refused_and_left_as_it_was(path, shell):
    shell("CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    refuses(path, "belongs to another program")
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_as_it_was(path):
    path.write_text("Dear diary, " * 200)
    refuses(path, "not a sound SQLite file")
    assert path.read_text().startswith("Dear diary")


def test_a_file_of_another_version_is_refused(path, shell):
    SqliteStore(path).close()
    shell("PRAGMA user_version = 99")
    refuses(path, "its layout has version 99, this program knows 2")


def test_a_damaged_file_is_refused(path):
    store = SqliteStore(path)
    store.insert([order(f"a{i}") for i in range(500)])
    store.close()
    with path.open("r+b") as file:
        for page in range(2, 20):
            file.seek(page * 4096)
            file.write(b"\xff" * 64)
    refuses(path, "not a sound SQLite file")


def test_a_second_owner_is_refused_and_told_who_owns_it(path):
    first = SqliteStore(path)
    refuses(path, f"process {os.getpid()} owns it already")
    first.insert([order("a1")])
    first.close()
    SqliteStore(path).close()


def test_a_refused_file_can_be_opened_once_it_is_put_right(path):
    path.write_text("Dear diary, " * 200)
    refuses(path, "not a sound SQLite file")
    path.unlink()
    SqliteStore(path).close()


def test_a_file_locked_by_another_program_is_refused_and_opens_later(path, shell):
    SqliteStore(path).close()
    shell("PRAGMA locking_mode = EXCLUSIVE")
    shell("BEGIN EXCLUSIVE")
    refuses(path, "another program has locked the file")
    shell.close()
    SqliteStore(path).close()


def test_a_write_while_another_program_holds_the_lock_is_refused_and_can_be_repeated(path, shell):
    store = SqliteStore(path)
    shell("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another program has locked the file"):
        store.insert([order("a1")])
    shell("ROLLBACK")
    assert store.insert([order("a1")])[0].revision == 1
    store.close()


def test_a_missing_directory_is_named(tmp_path):
    refuses(tmp_path / "nowhere" / "orders.db", "directory exists and is writable")


@contextmanager
def an_ordinary_user():
    """Root may write anywhere: be nobody for a moment."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


@pytest.fixture
def open_directory():
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        yield Path(name)


def test_a_directory_that_cannot_be_written_is_refused(open_directory):
    open_directory.chmod(0o555)
    with an_ordinary_user():
        refuses(open_directory / "orders.db", "directory exists and is writable")


def test_a_read_only_file_is_refused(open_directory):
    path = open_directory / "orders.db"
    with an_ordinary_user():
        SqliteStore(path).close()
        path.chmod(0o444)
        refuses(path, "the file is read-only")


def test_a_full_disk_refuses_what_it_cannot_store_and_takes_more_when_there_is_room(path):
    store = SqliteStore(path)
    store.insert([order("a1")])
    store._writer.pragma("max_page_count", 12)  # SQLite's own word for a full disk
    with pytest.raises(StoreError, match="the disk is full"):
        store.insert([order(f"b{i}") for i in range(2000)])
    assert [one.order_id for one in store.orders()] == ["a1"]
    store._writer.pragma("max_page_count", 100_000)
    store.insert([order(f"b{i}") for i in range(2000)])
    assert store.revision == 2001
    store.close()


FAILING_DISK = """
import resource, sys
from millstream.errors import StoreError
from millstream.orders.sqlite import SqliteStore
from tests.orders.sample import order
store = SqliteStore(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 200_000))
stored = 0
try:
    while stored < 10_000:
        store.insert([order(f"a{stored}")])
        stored += 1
except StoreError as error:
    print(stored, error)
try:
    store.insert([order("z")])
except StoreError as error:
    print(error)
"""


def test_after_a_failed_write_every_order_is_refused_and_none_that_was_stored_is_lost(path):
    done = subprocess.run(
        [sys.executable, "-c", FAILING_DISK, path], cwd=ROOT, capture_output=True, text=True
    )
    first, second = done.stdout.splitlines()
    assert "reading or writing failed" in first
    assert "writing failed earlier" in second
    store = SqliteStore(path)
    stored = int(first.split()[0])
    assert stored > 0
    assert {f"a{i}" for i in range(stored)} <= {one.order_id for one in store.orders()}
    store.close()


# ---- kill -9 ------------------------------------------------------------------------------------

VICTIM = """
import sys
from millstream.orders.sqlite import SqliteStore
from tests.orders.sample import order, report, filled
path, run, hold = sys.argv[1], sys.argv[2], int(sys.argv[3])
store, held = SqliteStore(path), []
for i in range(100_000):
    held.append(order(f"{run}n{i}"))
    if len(held) > hold:
        store.insert(held)
        store.apply([report(o.order_id) for o in held], i)
        held = []
    print(f"{run}n{i}", flush=True)
"""


def kill_at_a_random_moment(path, seed, hold=0):
    """Start a writer, kill it, and tell which orders it said were stored."""
    chance = random.Random(seed)
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, path, f"r{seed}", str(hold)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    acked = [victim.stdout.readline() for _ in range(chance.randrange(200))]
    threading.Event().wait(chance.random() * 0.01)
    victim.kill()
    acked += victim.stdout.readlines()
    victim.stdout.close()
    victim.wait()
    return [line.decode().strip() for line in acked if line.endswith(b"\n")]


def test_kill_9_at_any_moment_loses_no_order_that_was_acknowledged(path):
    acked = 0
    for seed in range(20):
        named = kill_at_a_random_moment(path, seed)
        store = SqliteStore(path)
        stored = {one.order_id: one for one in store.orders()}
        lost = [order_id for order_id in named if order_id not in stored]
        unsent = [order_id for order_id in named if stored[order_id].status.name != "SENT"]
        revisions = [change.revision for change in store.changes(0, limit=10**6)]
        assert (lost, unsent, revisions) == ([], [], [*range(1, store.revision + 1)]), f"{seed=}"
        store.close()
        acked += len(named)
    assert acked > 500


def test_the_kill_harness_catches_a_writer_that_acknowledges_too_early(path):
    for seed in range(20):
        named = kill_at_a_random_moment(path, seed, hold=20)
        store = SqliteStore(path)
        stored = {one.order_id for one in store.orders()}
        store.close()
        if not stored.issuperset(named):
            return
    pytest.fail("a writer that holds back twenty orders was never caught")


# ---- the file against plain dicts ---------------------------------------------------------------

ids = st.sampled_from(["a", "b", "c", "d", "e", "f"])
happened = st.sampled_from([one for one in Happened if one is not Happened.FILLED])
fills = st.builds(
    lambda i, trade_id, price, volume: filled(i, trade_id, str(price), str(volume)),
    ids,
    st.sampled_from("123456"),
    st.integers(1, 9),
    st.sampled_from(["0.1", "0.3", "1"]),
)
plain_reports = st.builds(
    lambda i, what, venue_id: report(i, what, venue_id=venue_id),
    ids,
    happened,
    st.sampled_from(["", "v"]),
)
orders = st.builds(
    lambda i, side, robot: order(i, side, robot=robot),
    ids,
    st.sampled_from(Side),
    st.sampled_from(["quoter", "other"]),
)


class FileAgainstDicts(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "orders.db"
        self.file = SqliteStore(self.path)
        self.dicts = MemoryStore()
        self.now_ns = 0

    def teardown(self):
        self.file.close()
        self.directory.cleanup()

    def both(self, call):
        answers = []
        for store in (self.file, self.dicts):
            try:
                answers.append(call(store))
            except StoreError as error:
                answers.append((type(error), str(error)))
        assert answers[0] == answers[1]

    @rule(batch=st.lists(orders, min_size=1, max_size=3))
    def insert(self, batch):
        self.both(lambda store: store.insert(batch))

    @rule(reports=st.lists(st.one_of(plain_reports, fills), min_size=1, max_size=4))
    def apply(self, reports):
        self.now_ns += 1
        self.both(lambda store: store.apply(reports, self.now_ns))

    @rule()
    def reopen(self):
        self.file.close()
        self.file = SqliteStore(self.path)

    @rule(after=st.integers(0, 20), limit=st.integers(1, 5))
    def read_changes(self, after, limit):
        for robot in (None, "quoter"):
            self.both(lambda store, robot=robot: store.changes(after, robot, limit))

    @invariant()
    def both_say_the_same(self):
        assert self.file.revision == self.dicts.revision
        for robot in (None, "quoter"):
            assert self.file.orders(robot) == self.dicts.orders(robot)
            assert self.file.orders(robot, open_only=True) == self.dicts.orders(robot, True)
            assert self.file.trades(robot) == self.dicts.trades(robot)
            assert self.file.changes(0, robot) == self.dicts.changes(0, robot)
        held = [store.position("quoter", VENUE, BTC) for store in (self.file, self.dicts)]
        assert held[0] == held[1]

    @invariant()
    def fills_add_up_to_what_their_orders_say(self):
        for one in self.file.orders():
            fills = [t.volume for t in self.file.trades() if t.order_id == one.order_id]
            assert sum(fills, Decimal(0)) == one.filled_volume <= one.volume


FileAgainstDicts.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None
)
test_the_file_and_plain_dicts_are_one_store = FileAgainstDicts.TestCase


def test_what_a_follower_is_told_from_memory_is_what_the_file_holds(path):
    store = SqliteStore(path)
    for number in range(0, 1_400, 50):
        ids = [f"o{one}" for one in range(number, number + 50)]
        store.insert([order(one, robot="odd" if number % 100 else "even") for one in ids])
        store.apply([filled(one, trade_id=f"t{one}", volume="0.1") for one in ids], number + 1)
    last = store.revision
    asked = [
        (after, robot, limit)
        for after in (0, 1, last - 1_001, last - 1_000, last - 999, last - 60, last - 1, last)
        for robot in (None, "odd", "even", "nobody")
        for limit in (1, 70, 100_000)
    ]
    told = [store.changes(*one) for one in asked]
    store.close()
    again = SqliteStore(path)  # nothing in memory yet
    assert told == [again.changes(*one) for one in asked]
    again.close()
    with pytest.raises(StoreError, match="closed"):
        store.changes(0)
