"""Runs the benchmarks one after the other, each in a process of its own, and prints one table.

python -m benchmarks [NAME ...] [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import msgspec

from benchmarks.measure import ROOT, Host, Report, host, table

NAMES = (
    "frame_to_callback_in_process",
    "frame_to_callback_per_venue",
    "websocket_to_robot_journaled",
    "busy_minute_end_to_end",
    "replay_a_journal",
    "analyze_a_journal",
    "journal_append",
    "frames_between_bots",
    "order_intent_to_gateway",
    "order_intent_killed",
    "order_store_mongo",
    "import_time",
)


class Run(msgspec.Struct, frozen=True):
    """What `--json` writes."""

    host: Host
    reports: list[Report]


def run(names: list[str], quick: bool) -> list[Report]:
    """The reports of these benchmarks, in their order."""
    reports = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json"]
        done = subprocess.run(
            command + ["--quick"] * quick, stdout=subprocess.PIPE, check=True, cwd=ROOT
        )
        reports.append(msgspec.json.decode(done.stdout, type=Report))
    return reports


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run there, too")
    options = parser.parse_args()
    for name in options.names:
        if name not in NAMES:
            parser.error(f'"{name}" is no benchmark; there are: {", ".join(NAMES)}')
    began = perf_counter()
    reports = run(options.names or list(NAMES), options.quick)
    print(host(), table(reports), sep="\n\n")
    figures = [figure for report in reports for figure in report.figures]
    missed = [figure for figure in figures if figure.met is False]
    met = sum(figure.met is True for figure in figures)
    print(f"\n{met} targets met, {len(missed)} missed; {perf_counter() - began:.0f} s in all")
    for figure in missed:
        print(f"  missed: {figure.what}: {figure.who}")
    if options.json:
        options.json.write_bytes(
            msgspec.json.format(msgspec.json.encode(Run(host(), reports)), indent=1)
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
