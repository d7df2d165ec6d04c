"""One consumer among a hundred stops reading: what the others notice, and what it costs.

    python -m benchmarks.frames_one_stopped [--rounds N] [--wire text|fast] …

A producer, 99 consumers and one who subscribes and reads nothing, on one event loop of one process,
over real websockets on loopback. Rounds of bursts come in pairs, one with and one without the
stopped one, in an order that is drawn; in a round with it nothing is measured before its buffers
are full and its queue has begun to grow.

A latency is from the first table of a burst to a row at one of the 99, by two clocks: the wall's,
and the CPU time of the process. On the second one no other process shows, so that 10 % can be told
from noise; on the wall of a shared machine it cannot. How much noise is left is shown by the rounds
without anybody stopped, the first of two beside the second.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import time
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from benchmarks.frames_between_bots import free_port
from benchmarks.frames_end import Consumer, Producer, Sink, Stopped
from benchmarks.measure import host

SEED = 1
FILLS_S = 25.0  # how long it may take until the stopped one's buffers are full


def clocks() -> tuple[int, int]:
    """ns of the wall, and of this process's CPU."""
    return time.time_ns(), time.process_time_ns()


class Round(NamedTuple):
    """Some bursts."""

    wall_p50_ms: float
    wall_p99_ms: float
    cpu_p50_ms: float
    cpu_p99_ms: float
    queued: float  # the longest queue
    conflated: float
    mib: float  # of the process, at the end


class Bots:
    """A producer, those who read, and one who does not."""

    def __init__(self, told: argparse.Namespace) -> None:
        port, others = str(free_port()), told.consumers - 1
        self.pairs, self._others = told.pairs, others
        self._every_s, self._bursts = told.every, told.bursts
        self.producer = Producer(port, str(told.pairs), str(told.columns))
        self.others: Sink | Consumer = Sink(port, str(told.pairs), str(others), clocks)
        if told.wire == "fast":
            self.others = Consumer(port, str(told.pairs), "fast", str(others), clocks)
        self.stopped = Stopped(port, told.wire)

    async def start(self) -> None:
        """Everybody is connected; the first bursts, which find everything cold, are over."""
        await self.producer.start()
        await self.others.start()
        await self.others.ready()
        for _ in range(5):
            await self.burst()

    async def round(self, one_stopped: bool) -> Round:
        """Bursts with or without somebody who does not read."""
        if one_stopped:
            await asyncio.to_thread(self.stopped.stop)
            await self._fill()
        first = await self.producer.figures()
        took: list[tuple[float, float]] = []
        queued = 0.0
        for _ in range(self._bursts):
            took += await self.burst()
            queued = max(queued, (await self.producer.figures())["queued"])
        last = await self.producer.figures()
        if one_stopped:
            if last["followers"] != self._others + 1:
                raise SystemExit("the stopped one was left within the round: make it shorter")
            self.stopped.leave()
            await self._settle()
        wall, cpu = ([each[which] for each in took] for which in (0, 1))
        conflated = last["conflated"] - first["conflated"]
        return Round(
            median(wall), _p99(wall), median(cpu), _p99(cpu), queued, conflated, _peak_mib()
        )

    async def burst(self) -> list[tuple[float, float]]:
        """ms until each row of a burst was read, by both clocks."""
        await asyncio.sleep(self._every_s)
        wall_ns, cpu_ns = clocks()
        await self.producer.burst()
        seen = await self.others.seen(self.pairs * self._others)
        return [((wall - wall_ns) / 1e6, (cpu - cpu_ns) / 1e6) for wall, cpu in seen]

    async def _fill(self) -> None:
        """Until what is sent to the stopped one stays in the producer's queue."""
        until = time.monotonic() + FILLS_S
        while (await self.producer.figures())["queued"] < 2 * self.pairs:
            if time.monotonic() > until:
                raise SystemExit("the buffers of the stopped one do not fill: nothing is measured")
            await self.burst()

    async def _settle(self) -> None:
        """Until it is gone."""
        until = time.monotonic() + FILLS_S
        while (await self.producer.figures())["followers"] > self._others:
            if time.monotonic() > until:
                raise SystemExit("the producer keeps one who has left")
            await asyncio.sleep(0.05)


def _p99(took: list[float]) -> float:
    return quantiles(took, n=100, method="inclusive")[98]


def _peak_mib() -> float:
    """The most memory that the process has had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    """Pairs of rounds, then what they say."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frames_one_stopped")
    parser.add_argument("--rounds", type=int, default=12, help="pairs of rounds")
    parser.add_argument("--bursts", type=int, default=12, help="in a round")
    parser.add_argument("--consumers", type=int, default=100, help="the stopped one included")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--wire", choices=["text", "fast"], default="text")
    parser.add_argument("--every", type=float, default=0.1, help="seconds between bursts")
    told = parser.parse_args()
    logging.disable(logging.CRITICAL)  # of connections that an end cuts off
    print(host())
    print(
        f"{told.pairs} pairs x {told.columns} columns to {told.consumers - 1} consumers, "
        f"{told.wire} wire; {told.rounds} pairs of rounds of {told.bursts} bursts"
    )
    asyncio.run(measure(told))


async def measure(told: argparse.Namespace) -> None:
    """The rounds."""
    bots = Bots(told)
    await bots.start()
    first_mib = _peak_mib()
    chance = random.Random(SEED)
    rounds: dict[bool, list[Round]] = {False: [], True: []}
    for _ in range(told.rounds):
        for one_stopped in chance.sample([False, True], 2):
            rounds[one_stopped].append(await bots.round(one_stopped))
    _tell(rounds[False], rounds[True], first_mib)


def _tell(without: list[Round], stopped: list[Round], first_mib: float) -> None:
    for clock in ("cpu", "wall"):
        for which in ("p50", "p99"):
            none, one = (
                [getattr(each, f"{clock}_{which}_ms") for each in rounds]
                for rounds in (without, stopped)
            )
            ratios = [after / before for before, after in zip(none, one, strict=True)]
            noise = [after / before for before, after in zip(none[::2], none[1::2], strict=False)]
            print(
                f"{clock} {which}: none stopped {median(none):.1f} ms ({min(none):.1f} to "
                f"{max(none):.1f}), one stopped {median(one):.1f} ms ({min(one):.1f} to "
                f"{max(one):.1f}); ratio in a pair: x {median(ratios):.3f} ({min(ratios):.2f} to "
                f"{max(ratios):.2f}); noise: {min(noise, default=1):.2f} to "
                f"{max(noise, default=1):.2f}"
            )
    ratios = [one.cpu_p99_ms / none.cpu_p99_ms for none, one in zip(without, stopped, strict=True)]
    print(
        "promise, p99 by the CPU clock within 10 %:", "met" if median(ratios) <= 1.1 else "MISSED"
    )
    print(
        f"longest queue {max(each.queued for each in stopped):.0f} updates; left out for it "
        f"{sum(each.conflated for each in stopped):.0f}; memory {first_mib:.0f} MiB at first, "
        f"{max(each.mib for each in (*without, *stopped)):.0f} at most"
    )


if __name__ == "__main__":
    main()
