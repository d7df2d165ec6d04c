"""One consumer among a hundred stops reading: what the other 99 notice, and what it costs.

    python -m benchmarks.frames_one_stopped [SECONDS]

A producer, 99 consumers in a process, and one in another that subscribes and reads nothing. Bursts
of 10 pairs x 100 columns on freqtrade's wire, with and without the stopped one in turn; the figures
are ms from the first table of a burst to each row at each of the 99.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from statistics import median, quantiles

from benchmarks.frames_between_bots import End, free_port
from benchmarks.measure import host

PAIRS, COLUMNS, OTHERS = 10, 100, 99
EVERY_S = 0.25


def main(seconds: float) -> None:
    """Four phases: without, with, without, with."""
    print(host())
    for phase in range(4):
        with ExitStack() as stack:
            port = free_port()
            producer = stack.enter_context(End(False, "producer", port, PAIRS, COLUMNS))
            producer.wait()
            others = stack.enter_context(End(False, "sink", port, PAIRS, OTHERS))
            others.wait()
            others.ask("ready")
            if phase % 2:
                stopped = stack.enter_context(End(False, "stopped", port, PAIRS))
                stopped.wait()
            _phase("one stopped" if phase % 2 else "none stopped", producer, others, seconds / 4)


def _phase(name: str, producer: End, others: End, seconds: float) -> None:
    until = time.monotonic() + seconds
    took: list[float] = []
    queued = bursts = 0
    first = producer.ask("figures")
    while time.monotonic() < until:
        time.sleep(EVERY_S)
        began_ns = producer.ask("burst")
        found = [(ns - began_ns) / 1e6 for ns in others.ask("seen", PAIRS * OTHERS)]
        bursts += 1
        took += found if bursts > 4 else []  # the first ones find everything cold
        queued = max(queued, producer.ask("figures")["queued"])
    last = producer.ask("figures")
    print(
        f"{name}: {bursts} bursts; p50 {median(took):.1f} ms, p99 {quantiles(took, n=100)[98]:.1f} "
        f"ms, max {max(took):.1f} ms; longest queue {queued:.0f}, {last['conflated']:.0f} updates "
        f"left out, {last['followers']:.0f} followers at the end; memory {first['mib']:.0f} to "
        f"{last['mib']:.0f} MiB",
        flush=True,
    )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 120.0)
