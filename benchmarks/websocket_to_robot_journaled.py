"""A frame on a loopback websocket to a robot's callback, journaled: CPU when busy, delay when idle.

    python -m benchmarks.websocket_to_robot_journaled

Busy: the server floods, and the client's whole process is counted, connect included. Idle: 200
frames a second, each with the time it was sent at. The server is a process of its own, the same
for all; every run of a client is a process of its own too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles
from typing import Any

import msgspec

from benchmarks import frames as source
from benchmarks.measure import OURS, ROOT, Figure, main
from benchmarks.rivals.process import PYTHON, here
from millstream.model import Channel

CLIENT_S = 120.0


def measure(quick: bool, rivals: bool = True) -> list[Figure]:
    """Floods and pulses, all contestants in turn."""
    busy, idle, rounds = (60_000, 300, 3) if quick else (200_000, 600, 5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "frames"
        source.write(source.generated(40), Channel.TICKER, path)
        server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.frame_server", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        try:
            assert server.stdout is not None
            url = f"ws://127.0.0.1:{int(server.stdout.readline())}"
            return _all(url, folder, busy, idle, rounds, rivals and here())
        finally:
            server.kill()
            server.communicate()


def _all(url: str, folder: Path, busy: int, idle: int, rounds: int, rivals: bool) -> list[Figure]:
    clients: dict[str, Callable[[str, int], dict[str, Any]]] = {
        OURS: lambda way, count: _ours(f"{url}/{way}/{count}", count, folder)
    }
    if rivals:
        for library in ("aiohttp", "websockets"):
            clients[f"{library}, json.loads, Queue, JSON line"] = (
                lambda way, count, library=library: _rival(  # type: ignore[misc]
                    library, f"{url}/{way}/{count}", count, folder
                )
            )
    cpu: dict[str, list[float]] = {who: [] for who in clients}
    wall: dict[str, list[float]] = {who: [] for who in clients}
    p50: dict[str, list[float]] = {who: [] for who in clients}
    p99: dict[str, list[float]] = {who: [] for who in clients}
    sizes = {who: busy if who == OURS else busy // 4 for who in clients}
    for _ in range(rounds):
        for who, client in clients.items():
            found = client("flood", sizes[who])
            cpu[who].append(found["cpu_us"])
            wall[who].append(found["wall_us"])
        for who, client in clients.items():
            delays = client("pulse", idle)["delays_us"][20:]  # without the first, while it warms up
            assert len(delays) == idle - 20, (who, len(delays))
            cuts = quantiles(delays, n=100)
            p50[who].append(cuts[49])
            p99[who].append(cuts[98])
    return [
        *_figures("busy, per event of the whole process", "µs CPU", cpu, sizes, 3.0),
        *_figures("busy, time per event", "µs wall", wall, sizes, None),
        *_figures("idle, server's send to callback, p50", "µs wall", p50, idle, 100.0),
        *_figures("idle, server's send to callback, p99", "µs wall", p99, idle, None),
    ]


def _figures(
    what: str,
    unit: str,
    runs: dict[str, list[float]],
    n: dict[str, int] | int,
    target: float | None,
) -> list[Figure]:
    return [
        Figure(
            what=what,
            who=who,
            unit=unit,
            runs=times,
            n=n if isinstance(n, int) else n[who],
            target=target if who == OURS else None,
        )
        for who, times in runs.items()
    ]


def _ours(url: str, count: int, folder: Path) -> dict[str, Any]:
    journal = folder / "journal"
    command = [sys.executable, "-m", "benchmarks.millstream_client", url, count, journal]
    try:
        found = _run(command)
    finally:
        shutil.rmtree(journal, ignore_errors=True)
    assert found["seen"] == count, found["seen"]
    assert not found["conflated"]
    return found


def _rival(library: str, url: str, count: int, folder: Path) -> dict[str, Any]:
    script = ROOT / "benchmarks/rivals/asyncio_client.py"
    return _run([PYTHON, script, library, url, count, folder / "lines"])


def _run(command: list[object]) -> dict[str, Any]:
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        timeout=CLIENT_S,
        check=True,
        cwd=ROOT,
    )
    return msgspec.json.decode(done.stdout, type=dict[str, Any])


if __name__ == "__main__":
    main("benchmarks.websocket_to_robot_journaled", measure)
