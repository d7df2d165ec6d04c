"""The machine: Python, packages, SQLite, the disk, file handles, the clock."""

from __future__ import annotations

import os
import platform
import re
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from time import perf_counter, time
from typing import Final

from millstream import __file__ as our_file
from millstream.cli.doctor_words import Finding, note, ok, problem

_OLDEST_PYTHON: Final = (3, 11)
_LEAST_HANDLES: Final = 1_024
_LEAST_FREE_BYTES: Final = 1 << 30
_SYNCS: Final = 20
_SYNC_BYTES: Final = 4_096
_LONGEST_S: Final = 2.0  # however slow the disk is
_SLOW_MS: Final = 20.0
_NO_DISK_MS: Final = 0.01  # nothing that outlives a power cut answers so fast
_REQUIREMENT: Final = re.compile(r"([\w.-]+)>=([\d.]+)(?:\s*;\s*extra == ['\"]([\w-]+)['\"])?")


def machine_findings(out: Path) -> Iterator[Finding]:
    """Everything to be said without a configuration. Writes, and removes, one file beside `out`."""
    yield _python()
    yield from _packages()
    yield _sqlite()
    yield from _disk(out)
    yield _handles()
    yield _clock()


def _python() -> Finding:
    found = f"{platform.python_version()} on {platform.platform()}"
    if sys.version_info < _OLDEST_PYTHON:
        return problem("python", found, "install Python 3.11 or newer")
    return ok("python", found)


def _packages() -> Iterator[Finding]:
    """What is required, and each extra: whole, in part or not there."""
    try:
        required = metadata.requires("millstream") or []
    except metadata.PackageNotFoundError:
        yield problem("packages", "millstream is not installed", "pip install millstream")
        return
    lacking: dict[str, list[str]] = {}  # by extra; "": what is always needed
    counts: dict[str, int] = {}
    for requirement in required:
        if not (match := _REQUIREMENT.fullmatch(requirement)):
            continue
        name, least, extra = match[1], match[2], match[3] or ""
        counts[extra] = counts.get(extra, 0) + 1
        lacking.setdefault(extra, [])
        present = _version(name)
        if present is None:
            lacking[extra].append(f"{name} is not there")
        elif _parts(present) < _parts(least):
            lacking[extra].append(f"{name} is {present}, {least} is needed")
    for extra, missing in lacking.items():
        install = f"millstream[{extra}]" if extra else "millstream"
        advice = f'pip install --upgrade "{install}"'
        about = f"extra {extra}" if extra else "packages"
        if not missing:
            yield ok(about, "it is there" if extra else f"all {counts['']} are there")
        elif not extra:
            yield problem(about, ", ".join(missing), advice)
        else:
            yield note(about, ", ".join(missing), f"if you want it: {advice}")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _parts(version: str) -> tuple[int, ...]:
    """Of "3.54.1.0": (3, 54, 1)."""
    numbers = [int(part) for part in re.findall(r"\d+", version)]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _sqlite() -> Finding:
    try:
        import apsw
    except ImportError as error:
        return problem("sqlite", str(error), "pip install --upgrade millstream")
    return ok("sqlite", f"{apsw.sqlite_lib_version()}, of the package apsw")


def _disk(out: Path) -> Iterator[Finding]:
    place = out.absolute()
    try:
        while not place.exists() and place != place.parent:
            place = place.parent
    except OSError as error:  # a name too long, a folder that is not ours to look into
        yield problem("disk", f"{place}: {error.strerror}", "name another one: --out")
        return
    if not place.is_dir():
        yield problem("disk", f"{place} is no folder", "name another one: --out")
        return
    free = shutil.disk_usage(place).free
    found = f"{free / (1 << 30):,.1f} GiB are free at {place}"
    if free < _LEAST_FREE_BYTES:
        yield problem("disk", found, "make room: a session refuses orders when the disk is full")
    else:
        yield ok("disk", found)
    try:
        milliseconds = _sync_ms(place)
    except OSError as error:
        yield problem("fdatasync", f"{place}: {error.strerror}", "name another folder: --out")
        return
    found = f"{milliseconds:.2f} ms, the median of at most {_SYNCS} at {place}"
    if milliseconds < _NO_DISK_MS:
        yield note("fdatasync", found, "a file system in memory forgets all in a power cut")
    elif milliseconds > _SLOW_MS:
        yield note("fdatasync", found, "each order waits for several before it leaves")
    else:
        yield ok("fdatasync", found)


def _sync_ms(place: Path) -> float:
    sync = getattr(os, "fdatasync", os.fsync)
    took = list[float]()
    with tempfile.NamedTemporaryFile(dir=place, prefix=".millstream-doctor-") as file:
        began = perf_counter()
        while len(took) < _SYNCS and perf_counter() - began < _LONGEST_S:
            file.write(bytes(_SYNC_BYTES))
            file.flush()
            before = perf_counter()
            sync(file.fileno())
            took.append((perf_counter() - before) * 1_000)
    return median(took)


def _handles() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = "no limit" if soft == resource.RLIM_INFINITY else f"{soft:,} at once"
    if soft != resource.RLIM_INFINITY and soft < _LEAST_HANDLES:
        most = "" if hard == resource.RLIM_INFINITY else f", at most {hard:,}"
        return problem("file handles", found, f"run: ulimit -n 4096{most}")
    return ok("file handles", found)


def _clock() -> Finding:
    now = time()
    found = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S} UTC, compared with nothing"
    if now < Path(our_file).stat().st_mtime - 86_400:
        return problem(
            "clock", f"{found}: Millstream was installed later", "set it, and keep NTP on"
        )
    return ok("clock", found)
