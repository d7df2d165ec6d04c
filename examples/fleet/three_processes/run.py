"""The same session in three processes: streams, orders and robots, on a simulated exchange.

    python examples/fleet/three_processes/run.py

A robot is added on a market that no stream carries yet. Then the robots are killed, and started
again; at the end their journal is replayed, with the command in it.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from millstream.errors import StoreError
from millstream.orders.sqlite_follow import SqliteFollower

CONFIG = Path(__file__).parent / "config.json"
MILLSTREAM = [sys.executable, "-m", "millstream"]
PATIENCE_S = 90.0
SECOND = "add second --type quoter --market binance@eth/usdt --set volume=0.02 --set tick=0.01"


def start(part: str, out: Path, host: str) -> subprocess.Popen[bytes]:
    """One part. The configuration says the exchange's own host; the environment another one."""
    environment = os.environ | {"MILLSTREAM__STREAMS__0__API_HOST": host}
    command = [*MILLSTREAM, "run", str(CONFIG), "--part", part, "--out", "session"]
    return subprocess.Popen(command, cwd=out, env=environment)


def tell(out: Path, words: str) -> bool:
    """A command to the robots that run; whether they accepted it."""
    return not subprocess.run(
        [*MILLSTREAM, "control", "session", *words.split()], cwd=out
    ).returncode


def fills(out: Path, robot: str | None = None) -> int:
    """How many the order store has, read beside the process that owns it."""
    try:
        with closing(SqliteFollower(out / "session" / "orders.sqlite")) as record:
            return len(record.trades(robot))
    except StoreError:
        return 0  # nobody has made it yet


def wait_for(count: int, out: Path, robot: str | None = None) -> bool:
    """Until there are so many fills."""
    until = time.monotonic() + PATIENCE_S
    while fills(out, robot) < count and time.monotonic() < until:
        time.sleep(0.1)
    return fills(out, robot) >= count


def end(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C does: in good order."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> int:
    """Exit code 0: it traded before and after the kill, and the journal replays equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="where the session goes; default: a new folder")
    out = parser.parse_args().out or Path(tempfile.mkdtemp(prefix="three_"))
    exchange = subprocess.Popen([*MILLSTREAM, "simulate", "--json"], stdout=subprocess.PIPE)
    assert exchange.stdout is not None
    host = json.loads(exchange.stdout.readline())["ws"]
    running = {part: start(part, out, host) for part in ("orders", "stream", "robots")}
    try:
        traded = wait_for(2, out)
        traded = tell(out, f"{SECOND} --set most_position=1 --set away_bps=0.2") and traded
        traded = wait_for(1, out, "second") and traded
        print("the robots are killed, and started again", flush=True)
        running["robots"].kill()
        running["robots"].wait()
        before = fills(out)
        running["robots"] = start("robots", out, host)
        traded = wait_for(before + 2, out) and traded
    finally:
        for part in ("robots", "orders", "stream"):
            end(running[part])
        end(exchange)
    print(f"{fills(out)} fills; the session: {out}/session", flush=True)
    replayed = subprocess.run([*MILLSTREAM, "replay", out / "session" / "robots-1"], check=False)
    return 0 if traded and replayed.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
