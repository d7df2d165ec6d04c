"""One consumer among a hundred stops reading: what the others notice, and what it costs.

    python -m benchmarks.frames_one_stopped [--rounds N] [--wire text|fast] …

A producer, 99 consumers and one who subscribes and reads nothing, on one event loop of one process,
over real websockets on loopback. Rounds of bursts come in pairs, one with and one without the
stopped one, in an order that is drawn; in a round with it nothing is measured before its buffers
are full and its queue has begun to grow.

A latency is from the first table of a burst to a row at one of the 99, by two clocks: the wall's,
and the CPU time of the process. On the second one no other process shows, but for what it leaves
in the caches; on the wall of a shared machine 10 % cannot be told from noise. How much noise is
left is shown by two random halves of the bursts without anybody stopped.
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


class Burst(NamedTuple):
    """ms until each row was read."""

    wall: list[float]
    cpu: list[float]


class Queue(NamedTuple):
    """What became of updates to the stopped one in a round."""

    longest: float
    left_out: float


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

    async def round(self, one_stopped: bool) -> tuple[list[Burst], Queue]:
        """Bursts with or without somebody who does not read."""
        if one_stopped:
            await asyncio.to_thread(self.stopped.stop)
            await self._fill()
        first = await self.producer.figures()
        bursts, longest = [], 0.0
        for _ in range(self._bursts):
            bursts.append(await self.burst())
            longest = max(longest, (await self.producer.figures())["queued"])
        last = await self.producer.figures()
        if one_stopped:
            if last["followers"] != self._others + 1:
                raise SystemExit("the stopped one was left within the round: make it shorter")
            self.stopped.leave()
            await self._settle()
        return bursts, Queue(longest, last["conflated"] - first["conflated"])

    async def burst(self) -> Burst:
        """One candle of every pair."""
        await asyncio.sleep(self._every_s)
        wall_ns, cpu_ns = clocks()
        await self.producer.burst()
        seen = await self.others.seen(self.pairs * self._others)
        return Burst(
            [(wall - wall_ns) / 1e6 for wall, _ in seen], [(cpu - cpu_ns) / 1e6 for _, cpu in seen]
        )

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
    bursts: dict[bool, list[Burst]] = {False: [], True: []}
    queues: list[Queue] = []
    for _ in range(told.rounds):
        for one_stopped in chance.sample([False, True], 2):
            more, queue = await bots.round(one_stopped)
            bursts[one_stopped] += more
            queues += [queue] if one_stopped else []
    _tell(bursts[False], bursts[True], chance)
    print(
        f"longest queue {max(queue.longest for queue in queues):.0f} updates; left out for it "
        f"{sum(queue.left_out for queue in queues):.0f}; memory {first_mib:.0f} MiB at first, "
        f"{_peak_mib():.0f} at most"
    )


def _tell(without: list[Burst], stopped: list[Burst], chance: random.Random) -> None:
    """Each figure of both, and how far two random halves of the undisturbed bursts differ."""
    met = False
    halves = chance.sample(without, len(without))
    halves_of = halves[: len(halves) // 2], halves[len(halves) // 2 :]
    for clock in ("cpu", "wall"):
        for name, of in (
            ("a burst's p50, median of all", lambda every: median(map(median, every))),
            ("a burst's p99, median of all", lambda every: median(map(_p99, every))),
            ("p99 of all rows", lambda every: _p99([ms for one in every for ms in one])),
        ):
            none, one, half, other = (
                of([getattr(burst, clock) for burst in bursts])
                for bursts in (without, stopped, *halves_of)
            )
            noise = max(half, other) / min(half, other)
            print(
                f"{clock} ms, {name}: none stopped {none:.1f}, one stopped {one:.1f}: "
                f"x {one / none:.3f}; two halves without: x {noise:.3f}"
            )
            if clock == "cpu" and name.startswith("a burst's p99"):
                met = one / none <= 1.1
    print("promise, a burst's p99 by the CPU clock within 10 %:", "met" if met else "MISSED")


if __name__ == "__main__":
    main()
