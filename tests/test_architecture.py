"""The floor plan, held: imports point down, and only the files named here touch the world."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "millstream"

# Rooms on one floor do not import each other; a room imports from the floors below it.
FLOORS = [
    {"errors"},
    {"model", "settings", "durations"},
    {"stream", "bus", "journal", "robot", "orders", "service", "frames"},
    {"exchange", "config", "ipc"},
    {"simulator", "strategy"},
    {"session"},
    {"app", "services", "analysis"},
    {"screen", "separate"},
    {"demo"},
    {"cli"},
]

# What asks the world for something: the time, chance, identity, files, sockets, other threads.
WORLD = {
    "asyncio", "datetime", "glob", "http", "multiprocessing", "os", "pathlib", "picows", "random",
    "secrets", "select", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "threading",
    "time", "urllib.request", "uuid", "zmq", "apsw", "uvicorn", "starlette", "ccxt",
    "pymongo",
}  # fmt: skip

# The files that do, and why. Whatever is not here decides, decodes or describes, and is pure.
TOUCH_THE_WORLD = {
    "__main__.py": "the command line",
    "analysis/duckdb.py": "a database file",
    "analysis/fleet.py": "processes",
    "analysis/folders.py": "reads folders and an order store's file",
    "analysis/foresight.py": "names a folder",
    "analysis/mongo.py": "a database on a server",
    "analysis/parquet.py": "files",
    "analysis/spool.py": "a file",
    "analysis/sqlite.py": "a database file",
    "analysis/stores.py": "names files, and the environment that has a password",
    "analysis/study.py": "reads a journal, measures how fast it went",
    "analysis/targets.py": "names files",
    "analysis/why.py": "reads a journal",
    "app.py": "starts threads",
    "session/control.py": "stamps commands",
    "config.py": "reads a file and the environment",
    "bus/addresses.py": "folders and locks of endpoints",
    "bus/command_zmq.py": "sockets",
    "bus/context.py": "sockets",
    "bus/door_zmq.py": "a socket",
    "bus/ipc_publisher.py": "sockets, and the time of what it makes",
    "bus/keys.py": "key files, and who may come in by sockets",
    "bus/publisher.py": "waits for its event loop's turn",
    "bus/pubsub.py": "sockets",
    "bus/readable.py": "sockets",
    "bus/zmq.py": "sockets",
    "exchange/credentials.py": "locks of an event loop",
    "exchange/binance/rest.py": "asks REST about an account",
    "exchange/binance_future/listen_key.py": "renews a key now and then",
    "exchange/binance_future/stream.py": "begins that renewal",
    "exchange/coinbase/stream.py": "tells the time and draws nonces for its tokens",
    "exchange/ib/session.py": "a live connection",
    "exchange/ib/link.py": "a live connection",
    "exchange/ib/times.py": "reads the system's time zones",
    "exchange/ended_orders.py": "timers of a live connection",
    "exchange/healing.py": "its Gap has the time at which REST failed",
    "exchange/resubscribe.py": "timers of a live connection",
    "exchange/kraken_future/stream.py": "the time of what REST says",
    "exchange/kraken/stream.py": "a live connection, and the time as a nonce",
    "exchange/live.py": "a live connection",
    "exchange/okx/rest.py": "asks REST about an account",
    "exchange/okx/stream.py": "a live connection, and the time in its logins",
    "session/in_step.py": "waits for other threads, and tells the time of a market that is played",
    "ipc.py": "sockets",
    "frames/client.py": "sockets, the time of what they bring, chance in what to wait",
    "frames/rest.py": "answers requests",
    "frames/server.py": "sockets, and secrets of a run",
    "frames/turns.py": "the event loop's turns",
    "session/gateways.py": "names files, and the clock of what a venue is waited for",
    "journal/directory.py": "files",
    "journal/reader.py": "files",
    "journal/replay.py": "measures how fast it went",
    "journal/seal.py": "files",
    "journal/segment.py": "files",
    "journal/writer.py": "files",
    "orders/best_file.py": "a file",
    "orders/lines/base.py": "a thread's loop",
    "orders/lines/binance/inquiry.py": "notes when a venue was asked",
    "orders/lines/binance/line.py": "asks a venue by REST, in threads",
    "orders/lines/binance/rest.py": "sockets, and signs with the time",
    "orders/lines/ccxt/client.py": "asks venues by REST",
    "orders/lines/ccxt/failures.py": "knows the library's errors",
    "orders/lines/ccxt/inquiry.py": "asks venues by REST",
    "orders/lines/ccxt/line.py": "asks venues by REST",
    "orders/lines/ib/inquiry.py": "notes when TWS was asked",
    "orders/lines/ib/line.py": "asks TWS, in a thread's loop",
    "orders/lines/ib/tws.py": "a connection to TWS",
    "orders/kill_http.py": "sockets",
    "orders/kill_switch.py": "a file, and the time of who asks",
    "orders/memory.py": "waits for changes of other threads",
    "orders/mongo/address.py": "knows how the driver reads a URL",
    "orders/mongo/commands.py": "a database server, from threads",
    "orders/mongo/commits.py": "a database server, and how long a primary is away",
    "orders/mongo/follow.py": "a database server, and waits for its changes",
    "orders/mongo/late.py": "a database server, from a thread",
    "orders/mongo/lease.py": "a database server, and who the process is",
    "orders/mongo/mailbox.py": "a database server, and how old an order is",
    "orders/mongo/of_run.py": "a database server",
    "orders/mongo/projection.py": "a database server, from a thread",
    "orders/mongo/pruning.py": "a database server, from a thread, and how old a change is",
    "orders/mongo/server.py": "a database server",
    "orders/mongo/store.py": "a database server",
    "orders/service.py": "a thread's loop",
    "orders/sqlite.py": "a database file",
    "orders/sqlite_follow.py": "a database file, and waits for its changes",
    "orders/sqlite_file.py": "a database file",
    "session/parts.py": "threads",
    "session/proof.py": "names a folder",
    "session/resuming.py": "names a folder",
    "session/returning.py": "looks into a folder",
    "robot/load.py": "imports users' files",
    "robot/loop.py": "a thread's loop",
    "session/roster.py": "draws the id of a run",
    "separate/follow.py": "waits for a store's file, and for hints",
    "separate/cursor.py": "a file, and how long ago it was written",
    "separate/orders.py": "threads of a process",
    "separate/resume.py": "names folders",
    "separate/robots.py": "threads of a process",
    "separate/setups.py": "waits for another thread",
    "separate/stream.py": "threads of a process",
    "separate/unsent.py": "names a folder",
    "service/base.py": "runs coroutines",
    "service/load.py": "imports users' files",
    "service/queues.py": "waits for events",
    "service/sources.py": "runs coroutines",
    "robot/kept.py": "names dates among what a state may hold; asks nobody for one",
    "screen/lines.py": "the clock",
    "screen/live.py": "a terminal",
    "screen/warnings.py": "the log",
    "services.py": "runs services",
    "settings.py": "reads a file",
    "simulator/__main__.py": "a process",
    "simulator/client_socket.py": "sockets",
    "simulator/http_server.py": "sockets",
    "simulator/recording.py": "reads a tape's file",
    "simulator/rest.py": "sockets",
    "simulator/running.py": "a thread",
    "simulator/server.py": "sockets",
    "simulator/simulation.py": "reads a tape's file, seeds a market",
    "simulator/trading.py": "sockets",
    "simulator/websocket.py": "sockets",
    "strategy/configuration.py": "looks for a strategy's file",
    "strategy/feed.py": "plays candles by the clock",
    "strategy/files.py": "files",
    "strategy/load.py": "imports users' files",
    "strategy/warm_up.py": "asks REST about the past",
    "stream/base.py": "runs connections",
    "stream/link.py": "runs a connection",
    "stream/metrics.py": "answers Prometheus",
    "stream/replacement.py": "waits for data",
    "stream/rest.py": "sockets",
    "stream/supervisor.py": "runs connections",
    "stream/talk.py": "waits for answers",
    "stream/tape.py": "files",
    "stream/websocket.py": "sockets",
    "testing/robots.py": "saves what it recorded",
}
WHOLE_ROOMS_THAT_DO = ("cli/", "demo/")


def modules():
    return sorted(SOURCE.rglob("*.py"))


def imports(path):
    """(module, name) of everything a file imports when it runs."""
    tree = ast.parse(path.read_text())
    typing_only = {
        node
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.dump(branch.test)
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from ((node.module, alias.name) for alias in node.names)


def room(name):
    return name.removeprefix("millstream.").split(".")[0]


def floor(name):
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path):
    here = path.relative_to(SOURCE).with_suffix("").parts[0]
    if here in ("__init__", "__main__", "testing"):
        return
    for module, _ in imports(path):
        if module.startswith("millstream.") and room(module) != here:
            assert floor(room(module)) < floor(here), f"{here} imports {module}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_what_decides_asks_the_world_nothing(path):
    name = str(path.relative_to(SOURCE))
    if name in TOUCH_THE_WORLD or name.startswith(WHOLE_ROOMS_THAT_DO):
        return
    for module, imported in imports(path):
        if (module, imported) == ("random", "Random"):
            continue  # a class to be seeded; the module's own functions draw from the world
        assert not WORLD & {module, module.split(".")[0]}, f"{name} imports {module}"


def test_the_list_of_files_that_touch_the_world_is_true():
    assert [name for name in TOUCH_THE_WORLD if not (SOURCE / name).exists()] == []


def test_the_robots_of_the_demo_are_pure_too():
    for name in ("quoter", "crosser", "indicators"):
        found = {module.split(".")[0] for module, _ in imports(SOURCE / "demo" / f"{name}.py")}
        assert not found & WORLD
