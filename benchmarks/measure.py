"""What a benchmark measures and how it is told: figures, the machine, one table.

CPU time is `time.process_time` of the measured process, all its threads together. Ours and the
rival's runs alternate, so that a noisy neighbour disturbs both; medians and ratios are what counts.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import msgspec

ROOT = Path(__file__).parent.parent
OURS = "millstream"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity of one contestant, measured several times."""

    what: str  # the path and the unit it is counted in: the same for us and our rivals
    who: str
    unit: str  # "µs CPU", "events/CPU-s", "bytes", "s"
    runs: list[float]
    n: int  # units in each run
    target: float | None = None
    at_least: bool = False  # more is better

    @property
    def p50(self) -> float:
        return median(self.runs)

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.p50 >= self.target if self.at_least else self.p50 <= self.target


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one benchmark found."""

    benchmark: str
    seconds: float
    figures: list[Figure]


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """What it ran on. Figures of another host are other figures."""

    cpu: str
    cores: int
    system: str
    python: str
    commit: str
    versions: dict[str, str]

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return (
            f"{self.cpu}, {self.cores} cores, {self.system}, Python {self.python}\n"
            f"commit {self.commit}; {versions}"
        )


def host() -> Host:
    """This machine, this commit, these versions."""
    return Host(
        cpu=_cpu(),
        cores=_cores(),
        system=f"{platform.system()} {platform.release().split('-')[0]}",
        python=platform.python_version(),
        commit=_commit(),
        versions={name: version(name) for name in ("millstream", "msgspec", "picows", "pyzmq")},
    )


def cpu_us(work: Callable[[], object], n: int) -> float:
    """Microseconds of CPU for each of the n units of some work."""
    began = process_time()
    work()
    return (process_time() - began) / n * 1e6


def main(name: str, measure: Callable[[bool], list[Figure]]) -> None:
    """Run one benchmark from its own command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer rounds")
    parser.add_argument("--json", action="store_true", help="one object instead of a table")
    options = parser.parse_args()
    began = perf_counter()
    figures = measure(options.quick)
    report = Report(
        benchmark=name.rpartition(".")[2], seconds=perf_counter() - began, figures=figures
    )
    if options.json:
        print(msgspec.json.encode(report).decode())
    else:
        print(host(), table([report]), sep="\n\n")


# ---- the table ----------------------------------------------------------------------------------

_HEAD = ("", "n", "p50", "min - max", "", "beside ours", "target", "")


def table(reports: list[Report]) -> str:
    """Figures in columns, ours first in each group."""
    rows: list[tuple[str, ...]] = [_HEAD]
    for report in reports:
        rows.append((f"== {report.benchmark} ({report.seconds:.0f} s)",))
        ours: dict[str, Figure] = {}
        for figure in report.figures:
            if figure.what not in ours:
                ours[figure.what] = figure
                rows.append((figure.what,))
            rows.append(_row(figure, ours[figure.what]))
    widths = [max(len(row[at]) for row in rows if len(row) > 1) for at in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    )


def _row(figure: Figure, ours: Figure) -> tuple[str, ...]:
    best, worst = min(figure.runs), max(figure.runs)
    ratio = figure.p50 / ours.p50 if ours.p50 else 1.0
    target = ""
    if figure.target is not None:
        target = ("≥ " if figure.at_least else "≤ ") + number(figure.target)
    return (
        f"  {figure.who}",
        f"{figure.n:,}",
        number(figure.p50),
        f"{number(best)} - {number(worst)}",
        figure.unit,
        "" if figure is ours else f"x {ratio:.2f}" if ratio < 10 else f"x {ratio:.0f}",
        target,
        {None: "", True: "met", False: "MISSED"}[figure.met],
    )


def number(value: float) -> str:
    """A number with about three significant digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


# ---- the machine --------------------------------------------------------------------------------


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "src")
        return git("rev-parse", "--short", "HEAD") + (" with changes in src" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
