"""One contract, several keepers: the same tests over each."""

from __future__ import annotations

import itertools
from importlib.util import find_spec

import pytest
from tests import mongod

from millstream.analysis.keeper import Saved
from millstream.analysis.mongo import MongoKeeper
from millstream.analysis.tables import TABLES
from millstream.analysis.targets import open_keeper
from millstream.errors import ConfigError, MillstreamError, StoreError

NAMES = {"sqlite": "out.sqlite", "duckdb": "out.duckdb", "parquet": "out/"}
needed = {"duckdb": ("duckdb", "pyarrow"), "parquet": ("pyarrow",)}


def have(name):
    return all(find_spec(package) for package in needed.get(name, ()))


def only_with(name):
    return pytest.mark.skipif(not have(name), reason=f"{name} needs an extra package")


FILES = [pytest.param(name, marks=only_with(name)) for name in NAMES]
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def replica_set():
    """One member, started when the first test asks for it."""
    if reason := mongod.why_not():
        pytest.skip(reason)
    started = mongod.ReplicaSet()
    yield started
    started.stop()


@pytest.fixture(params=[*FILES, "mongodb"])
def place(request, tmp_path):
    if request.param == "mongodb":
        servers = request.getfixturevalue("replica_set")
        return request.param, servers.url(f"analysis{next(NUMBERS)}")
    return request.param, str(tmp_path / NAMES[request.param]) + "/" * (request.param == "parquet")


@pytest.fixture
def keeper(place):
    opened = open_keeper(place[1])
    yield opened
    opened.close()


def read(place, table):
    """All rows of a table, by somebody who has nothing to do with us."""
    kind, target = place
    order = f"ORDER BY {', '.join(TABLES[table].key)}"
    if kind == "sqlite":
        import sqlite3

        file = sqlite3.connect(target)
        try:
            return file.execute(f"SELECT * FROM {table} {order}").fetchall()
        finally:
            file.close()
    if kind == "duckdb":
        import duckdb

        with duckdb.connect(target, read_only=True) as file:
            return file.execute(f"SELECT * FROM {table} {order}").fetchall()
    if kind == "mongodb":
        from pymongo import MongoClient

        with MongoClient(target) as client:
            found = client.get_default_database()[table].find({}, {"_id": 0})
            return [tuple(one.values()) for one in found.sort(list(TABLES[table].key))]
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(f"{target}{table}").to_pylist()
    rows.sort(key=lambda row: [row[name] for name in TABLES[table].key])
    return [tuple(row.values()) for row in rows]


def row(table, **known):
    """A row of a table with these values, and something in every other column."""
    made = {"text": "x", "integer": 7, "real": 1.5, "truth": True, "json": '{"a":1}'}
    return tuple(known.get(c.name, made[c.kind]) for c in TABLES[table].columns)


def session(run_id, events, **more):
    return (TABLES["sessions"], [row("sessions", run_id=run_id, events=events, **more)])


def event(run_id, sequence, price=1.0):
    return row("events", run_id=run_id, sequence=sequence, price=price)


def test_what_is_saved_is_there_for_a_stranger_to_read(place, keeper):
    every = {name: row(name, run_id="a") for name in TABLES}
    counts = keeper.save("a", 0, [(TABLES[name], [one]) for name, one in every.items()])
    keeper.close()
    assert counts == dict.fromkeys(TABLES, 1)
    assert {name: read(place, name) for name in TABLES} == {n: [r] for n, r in every.items()}


def test_a_hole_stays_a_hole(place, keeper):
    lone = ("a", 1, *[None] * (len(TABLES["events"].columns) - 2))
    keeper.save("a", 0, [(TABLES["events"], [lone]), session("a", 1)])
    keeper.close()
    assert read(place, "events") == [lone]


def test_an_unknown_session_is_not_saved(keeper):
    assert keeper.saved("a") is None


def test_what_is_saved_of_a_session_is_known(keeper):
    more = {"closed": False, "equal": True, "difference": None, "damage": ""}
    keeper.save("a", 0, [session("a", 9, **more, notes='["cut"]')])
    assert keeper.saved("a") == Saved(9, False, True, None, "", '["cut"]')


def test_a_session_that_grew_keeps_its_rows_and_gets_the_new_ones(place, keeper):
    events, orders = TABLES["events"], TABLES["orders"]
    first = row("orders", run_id="a", order_id="o1", status="sent")
    keeper.save("a", 0, [(events, [event("a", 1), event("a", 2)]), (orders, [first]),
                         session("a", 2)])  # fmt: skip
    later = row("orders", run_id="a", order_id="o1", status="filled")
    keeper.save("a", 2, [(events, [event("a", 3)]), (orders, [later]), session("a", 3)])
    assert keeper.saved("a").events == 3
    keeper.close()
    assert [found[1] for found in read(place, "events")] == [1, 2, 3]
    assert read(place, "orders") == [later]


@pytest.mark.parametrize("after", [0, 2])
def test_saving_again_changes_nothing(place, keeper, after):
    events = TABLES["events"]
    keeper.save("a", 0, [(events, [event("a", n) for n in (1, 2)]), session("a", 2)])
    keeper.save("a", 2, [(events, [event("a", n) for n in (3, 4)]), session("a", 4)])
    again = [event("a", n) for n in range(after + 1, 5)]
    keeper.save("a", after, [(events, again), session("a", 4)])
    keeper.close()
    assert [found[1] for found in read(place, "events")] == [1, 2, 3, 4]
    assert len(read(place, "sessions")) == 1


def test_many_portions_are_one_session(place, keeper):
    chunks = [(TABLES["events"], [event("a", n)]) for n in range(1, 6)]
    assert keeper.save("a", 0, [*chunks, session("a", 5)])["events"] == 5
    keeper.close()
    assert len(read(place, "events")) == 5


def test_other_sessions_are_left_alone(place, keeper):
    keeper.save("a", 0, [(TABLES["events"], [event("a", 1)]), session("a", 1)])
    keeper.save("b", 0, [(TABLES["events"], [event("b", 1)]), session("b", 1)])
    keeper.save("b", 0, [session("b", 0)])
    assert keeper.saved("a").events == 1
    keeper.close()
    assert [found[:2] for found in read(place, "events")] == [("a", 1)]


def test_a_save_that_fails_leaves_what_was_there(place, keeper):
    keeper.save("a", 0, [(TABLES["events"], [event("a", 1)]), session("a", 1)])

    def broken():
        yield TABLES["events"], [event("a", 2)]
        yield session("a", 2)
        raise StoreError("the spool broke")

    with pytest.raises(StoreError, match="the spool broke"):
        keeper.save("a", 1, broken())
    assert keeper.saved("a").events == 1
    keeper.close()
    assert [found[1] for found in read(place, "events")] == [1]
    assert len(read(place, "sessions")) == 1


def test_what_was_saved_is_there_after_it_was_opened_again(place, keeper):
    keeper.save("a", 0, [session("a", 4)])
    keeper.close()
    again = open_keeper(place[1])
    assert again.saved("a").events == 4
    again.close()


# ---- wrong targets: one sentence each -----------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("out.csv", '"out.csv" does not say what to write'),
        ("", "does not say what to write"),
        ("mongodb://ann:secret@host:port/db", "not an address of MongoDB"),
        ("postgres://ann:secret@host/db", '"postgres://" is not known'),
    ],
)
def test_a_target_that_is_none_is_refused(target, says):
    with pytest.raises(ConfigError, match=says) as refused:
        open_keeper(target)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", [param for param in FILES if param.values != ("parquet",)])
def test_a_file_that_is_something_else_is_refused_and_left_as_it_is(tmp_path, name):
    path = tmp_path / f"notes.{name}"
    path.write_text("not a database at all, only notes " * 200)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=f"notes.{name}") as refused:
        open_keeper(str(path))
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused(tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "theirs.sqlite") as file:
        file.execute("CREATE TABLE things (a)")
    file.close()
    with pytest.raises(StoreError, match="something else than an analysis"):
        open_keeper(str(tmp_path / "theirs.sqlite"))


def test_an_order_stores_database_is_refused_and_left_as_it_is(replica_set):
    with replica_set.client() as client:
        client["theirs"]["orders"].insert_one({"name": "robo"})
        with pytest.raises(StoreError, match="something else than an analysis") as refused:
            open_keeper(replica_set.url("theirs"))
        assert client["theirs"].list_collection_names() == ["orders"]
    assert "\n" not in str(refused.value)


def test_a_server_that_does_not_answer_is_one_sentence_without_the_password():
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1/db: no primary answers") as refused:
        open_keeper("mongodb://ann:secret@127.0.0.1:1/db?serverSelectionTimeoutMS=200")
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_who_reads_meanwhile_sees_the_session_as_it_was(replica_set):
    place = "mongodb", replica_set.url(f"analysis{next(NUMBERS)}")
    keeper = open_keeper(place[1])
    keeper.save("a", 0, [(TABLES["events"], [event("a", 1)]), session("a", 1)])
    seen = []

    def slowly():
        yield TABLES["events"], [event("a", 2)]
        seen.extend(read(place, "events"))
        yield session("a", 2)

    keeper.save("a", 1, slowly())
    keeper.close()
    assert [found[1] for found in seen] == [1]
    assert [found[1] for found in read(place, "events")] == [1, 2]


@pytest.mark.parametrize("fails", [False, True])
def test_a_session_in_portions_is_whole_or_as_it_was(replica_set, fails):
    place = "mongodb", replica_set.url(f"analysis{next(NUMBERS)}")
    keeper = MongoKeeper(place[1], portion_rows=3)
    fill = TABLES["fills"], [row("fills", run_id="a")]
    keeper.save("a", 0, [(TABLES["events"], [event("a", 1), event("a", 2)]), session("a", 2)])

    def more():
        for number in range(3, 20):
            yield TABLES["events"], [event("a", number)]
        yield fill
        yield session("a", 19)
        if fails:
            raise StoreError("the spool broke")

    if fails:
        with pytest.raises(StoreError, match="the spool broke"):
            keeper.save("a", 2, more())
    else:
        assert keeper.save("a", 2, more()) == {"events": 17, "fills": 1, "sessions": 1}
    last = 2 if fails else 19
    assert keeper.saved("a").events == last
    keeper.close()
    assert [found[1] for found in read(place, "events")] == list(range(1, last + 1))
    assert len(read(place, "fills")) == (not fails)


@only_with("parquet")
def test_a_folder_with_something_else_in_it_is_refused(tmp_path):
    (tmp_path / "journal").mkdir()
    with pytest.raises(StoreError, match="something else than an analysis"):
        open_keeper(str(tmp_path))


@pytest.mark.parametrize("name", FILES)
def test_a_place_that_is_not_there_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(MillstreamError) as refused:
        open_keeper(f"{name}:{tmp_path}/file/inner")
    assert "\n" not in str(refused.value)


def test_a_missing_package_is_named_with_the_way_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(ConfigError, match=r'pip install "millstream\[analysis\]"'):
        open_keeper(str(tmp_path / "out.duckdb"))


def test_a_scheme_says_what_a_name_does_not(tmp_path):
    open_keeper(f"sqlite:{tmp_path}/odd.name").close()
    assert (tmp_path / "odd.name").read_bytes().startswith(b"SQLite format 3")
