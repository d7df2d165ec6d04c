"""Two bots in two processes: one computes, the other trades on what it computed.

    python examples/producer_consumer/run.py

The producer plays made candles and serves its dataframes; the consumer computes nothing. When the
consumer has closed a few trades the producer is ended, then the consumer; and then the consumer's
journal is replayed, with the producer gone.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from make_candles import make_candles

HERE = Path(__file__).parent
MILLSTREAM = [sys.executable, "-m", "millstream"]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def end(process: subprocess.Popen[str]) -> None:
    """As Ctrl-C does: in good order."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> int:
    """Exit code 0: the consumer has traded, and its journal replays equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="where the sessions go; default: a new folder")
    parser.add_argument("--trades", type=int, default=3, help="how many the consumer closes")
    parser.add_argument("--candle-every", type=float, default=0.1, help="seconds")
    parser.add_argument("--seconds", type=float, default=120.0, help="at most")
    asked = parser.parse_args()
    out = asked.out or Path(tempfile.mkdtemp(prefix="producer_consumer_"))
    make_candles(out / "candles")
    # The two files say 8080, as freqtrade's pages do; any key may come from the environment.
    port = str(free_port())
    environment = os.environ | {
        "MILLSTREAM__API_SERVER__LISTEN_PORT": port,
    }
    producer = subprocess.Popen(
        [
            *MILLSTREAM, "run", HERE / "producer.json", "--out", out / "producer", "--json",
            "--data", out / "candles", "--from", "2026-01-01T05:00",
            "--candle-every", str(asked.candle_every),
        ],
        env=environment, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    environment = os.environ | {
        "MILLSTREAM__EXTERNAL_MESSAGE_CONSUMER__PRODUCERS__0__PORT": port,
    }
    consumer = subprocess.Popen(
        [*MILLSTREAM, "run", HERE / "consumer.json", "--out", out / "consumer", "--json"],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    closed = 0
    try:
        until = time.monotonic() + asked.seconds
        assert consumer.stdout is not None
        for line in consumer.stdout:
            told = json.loads(line)
            closed = told["closed_trades"]
            followed = told["producers"][0]
            print(
                f"consumer: candle {told['pairs'][0]['last_candle'] or '-'}, "
                f"{told['open_trades']} open and {closed} closed trades, "
                f"{told['profit']:+.2f} USDT; producer {followed['state']}, "
                f"{followed['rows']} rows",
                flush=True,
            )
            if closed >= asked.trades or time.monotonic() > until:
                break
    finally:
        end(producer)
        print("the producer is gone")
        end(consumer)
    for line in (out / "consumer" / "log.txt").read_text().splitlines():
        if "enters" in line or "left with" in line:
            print(line.partition("loop: ")[2])
    replayed = subprocess.run([*MILLSTREAM, "replay", out / "consumer"], check=False)
    print(f"the sessions: {out}")
    return 0 if closed >= asked.trades and replayed.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
