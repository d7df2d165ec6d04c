"""The recorded USD-M market's busiest minute, over loopback websockets to a robot, journaled.

    python -m benchmarks.busy_minute_end_to_end

Once at the recorded pace, then as fast as it is read. Three connections, a book by REST and its
updates, the journal: all threads of the client's process are counted. Nothing may be lost: no gap,
no conflated event, no frame that is not understood, and the robot sees every event.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.busy_minute import RECORDING
from benchmarks.measure import OURS, ROOT, Figure, main

CLIENT_S = 200.0


def measure(quick: bool) -> list[Figure]:
    """One minute at its pace (not when quick), and several as fast as may be."""
    if not RECORDING.exists():
        print("no busy minute: the recording is not at hand", file=sys.stderr)
        return []
    flooded = [_once("flood") for _ in range(3 if quick else 5)]
    paced = [] if quick else [_once("pace")]
    frames = int(flooded[0]["frames"])
    cpu, rate, lost = "µs CPU", "frames/s", "events"
    figures = [
        _figure("as fast as it is read, a frame", cpu, [one["cpu_us"] for one in flooded], frames),
        _figure(
            "as fast as it is read, connects included",
            rate,
            [frames / one["wall_s"] for one in flooded],
            frames,
        ),
        _figure("the recording's busiest second", rate, [flooded[0]["peak"]], frames),
    ]
    if paced:
        cpu_us = [one["cpu_us"] for one in paced]
        figures.append(_figure("at the recorded pace, a frame", cpu, cpu_us, frames))
    everything = [float(one["lost"]) for one in flooded + paced]
    return [*figures, _figure("lost, conflated or not understood", lost, everything, frames)]


def _figure(what: str, unit: str, runs: list[float], n: int) -> Figure:
    target = 0.0 if unit == "events" else None
    return Figure(what=f"busy minute: {what}", who=OURS, unit=unit, runs=runs, n=n, target=target)


def _once(way: str) -> dict[str, Any]:
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.busy_minute", way],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert server.stdout is not None
        port, frames, peak = map(int, server.stdout.readline().split())
        with tempfile.TemporaryDirectory() as folder:
            words = [f"ws://127.0.0.1:{port}", str(frames), str(Path(folder) / "journal")]
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.busy_minute_client", *words],
                stdout=subprocess.PIPE,
                timeout=CLIENT_S,
                check=True,
                cwd=ROOT,
            )
        found: dict[str, Any] = msgspec.json.decode(done.stdout)
        assert found["seen"] == found["told"] > 0.9 * frames, found
        return found | {"frames": frames, "peak": float(peak)}
    finally:
        server.kill()
        server.communicate()


if __name__ == "__main__":
    main("benchmarks.busy_minute_end_to_end", measure)
