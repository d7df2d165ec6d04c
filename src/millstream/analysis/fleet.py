"""Many journals on all cores: processes replay them and make rows, this one saves them."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import msgspec

from millstream.analysis.folders import last_event
from millstream.analysis.keeper import Keeper, Saved
from millstream.analysis.spool import Spool, read_spool
from millstream.analysis.study import Studied, study
from millstream.errors import JournalDamaged, JournalError, MillstreamError
from millstream.journal import Difference, Journal

__all__ = ["Analyzed", "Standing", "analyze_journals"]

_LOOK_S: Final = 0.1
_STOP: Final = "stop"


class Analyzed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one journal."""

    journal: str
    run_id: str = ""
    outcome: str  # "saved", "up to date", "repeated", "failed"
    error: str = ""  # why it failed: one sentence
    events: int = 0
    orders: int = 0
    fills: int = 0
    equal: bool = False
    first_difference: Difference | None = None
    damage: str = ""
    notes: list[str] = []
    rows: dict[str, int] = {}  # added or renewed, by table
    cpu_seconds: float = 0.0  # reading, replaying and making rows; saving not counted


class Standing(msgspec.Struct, frozen=True):
    """How far the work is."""

    done: int  # journals
    of: int
    sequence: int  # events replayed so far, of all journals
    events: int  # that there are


class _Job(msgspec.Struct, frozen=True):
    number: int
    journal: Path
    run_id: str
    after: int
    events: int
    store: str = ""  # the order store's address; "": the one in the journal's manifest


def analyze_journals(
    journals: Sequence[Path],
    keeper: Keeper,
    processes: int | None = None,
    progress: Callable[[Standing], None] | None = None,
    store: str = "",
) -> list[Analyzed]:
    """Analyze journals into a keeper; what is saved already is left alone.

    processes: None: as many as there are cores, or journals. store: the address of all their order
    stores, instead of the ones in their manifests. A journal that cannot be analyzed is
    in the answer as "failed", and stops no other.
    """
    found: dict[int, Analyzed] = {}
    jobs: list[_Job] = []
    runs: set[str] = set()
    for number, journal in enumerate(journals):
        looked = _look(number, journal, keeper, runs)
        if isinstance(looked, _Job):
            jobs.append(msgspec.structs.replace(looked, store=store))
        else:
            found[number] = looked
    workers = min(processes or os.cpu_count() or 1, len(jobs))
    with tempfile.TemporaryDirectory(prefix="millstream-analyze-") as folder:
        work = _here if workers <= 1 else _in_processes
        work(jobs, keeper, Path(folder), workers, found, progress)
    return [found[number] for number in sorted(found)]


def _look(number: int, journal: Path, keeper: Keeper, runs: set[str]) -> _Job | Analyzed:
    """What there is to do for a journal."""
    try:
        manifest = Journal.open(journal).manifest
        if manifest.run_id in runs:
            return Analyzed(journal=str(journal), run_id=manifest.run_id, outcome="repeated")
        runs.add(manifest.run_id)
        saved = keeper.saved(manifest.run_id)
    except MillstreamError as error:
        return Analyzed(journal=str(journal), outcome="failed", error=str(error))
    try:
        events, closed = last_event(journal)
    except JournalDamaged:  # what is before the damage can be studied
        return _Job(number, journal, manifest.run_id, 0, 0)
    except JournalError as error:
        return Analyzed(journal=str(journal), outcome="failed", error=str(error))
    if saved is not None and (saved.events, saved.closed) == (events, closed):
        return _up_to_date(journal, manifest.run_id, saved)
    after = min(saved.events, events) if saved else 0
    return _Job(number, journal, manifest.run_id, after, events)


def _up_to_date(journal: Path, run_id: str, saved: Saved) -> Analyzed:
    text = saved.difference
    return Analyzed(
        journal=str(journal),
        run_id=run_id,
        outcome="up to date",
        events=saved.events,
        equal=saved.equal,
        first_difference=msgspec.json.decode(text, type=Difference) if text else None,
        damage=saved.damage,
        notes=msgspec.json.decode(saved.notes, type=list[str]),
    )


def _here(
    jobs: list[_Job],
    keeper: Keeper,
    folder: Path,
    workers: int,
    found: dict[int, Analyzed],
    progress: Callable[[Standing], None] | None,
) -> None:
    events, before = sum(job.events for job in jobs), 0
    for at, job in enumerate(jobs):

        def tell(sequence: int, done: int = at, so_far: int = before) -> None:
            if progress is not None:
                progress(Standing(done, len(jobs), so_far + sequence, events))

        tell(0)
        spool = _spool(folder, job)
        found[job.number] = _saved(job, keeper, spool, _study(job, spool, tell))
        before += job.events
        tell(job.events, at + 1, before - job.events)


def _in_processes(
    jobs: list[_Job],
    keeper: Keeper,
    folder: Path,
    workers: int,
    found: dict[int, Analyzed],
    progress: Callable[[Standing], None] | None,
) -> None:
    context = get_context("spawn")  # nothing of this process leaks into a robot's
    events = sum(job.events for job in jobs)
    pool = ProcessPoolExecutor(workers, context, _begin)
    try:
        # The largest first, so that none of them is left over at the end.
        order = sorted(range(len(jobs)), key=lambda at: -jobs[at].events)
        waiting: dict[Future[Studied | str], _Job] = {
            pool.submit(_work, jobs[at], folder): jobs[at] for at in order
        }
        while waiting:
            done, _ = wait(waiting, _LOOK_S, FIRST_COMPLETED)
            for future in done:
                job = waiting.pop(future)
                spool = _spool(folder, job)
                found[job.number] = _saved(job, keeper, spool, _answer(future))
            if progress is not None:
                reached = sum(_reached(folder, job) for job in jobs)
                progress(Standing(len(jobs) - len(waiting), len(jobs), reached, events))
    finally:
        (folder / _STOP).touch()
        pool.shutdown(cancel_futures=True)


def _answer(future: Future[Studied | str]) -> Studied | str:
    try:
        return future.result()
    except BrokenProcessPool:
        return "the process that replayed it died, perhaps for want of memory; use --processes 1"


def _saved(job: _Job, keeper: Keeper, spool: Path, studied: Studied | str) -> Analyzed:
    """Save what a study made, or say why there is nothing to save."""
    journal = str(job.journal)
    try:
        if isinstance(studied, str):
            return Analyzed(journal=journal, run_id=job.run_id, outcome="failed", error=studied)
        rows = keeper.save(job.run_id, job.after, read_spool(spool))
    except MillstreamError as error:
        return Analyzed(journal=journal, run_id=job.run_id, outcome="failed", error=str(error))
    finally:
        with suppress(OSError):
            spool.unlink(missing_ok=True)
    return Analyzed(
        journal=journal,
        run_id=job.run_id,
        outcome="saved",
        events=studied.events,
        orders=studied.orders,
        fills=studied.fills,
        equal=studied.equal,
        first_difference=studied.difference,
        damage=studied.damage,
        notes=studied.notes,
        rows=rows,
        cpu_seconds=studied.cpu_seconds,
    )


def _spool(folder: Path, job: _Job) -> Path:
    return folder / f"{job.number}.rows"


def _study(job: _Job, path: Path, progress: Callable[[int], None]) -> Studied | str:
    """A journal's rows in a spool; or why not, as one sentence."""
    try:
        spool = Spool(path)
        try:
            return study(job.journal, job.after, spool.put, progress, job.store)
        finally:
            spool.close()
    except MillstreamError as error:
        return str(error)
    except OSError as error:
        return f"{path}: its rows could not be written ({error.strerror}); make room there"


# ---- in a process of its own --------------------------------------------------------------------
# A file beside the spool says how far it is; another one tells all of them to stop.


class _Stopped(Exception):
    """Nobody waits for the answer any more."""


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that is watched


def _work(job: _Job, folder: Path) -> Studied | str:
    stop, at = folder / _STOP, _progress_file(folder, job)

    def tell(sequence: int) -> None:
        if stop.exists():
            raise _Stopped
        at.write_text(str(sequence))

    try:
        tell(0)
        studied = _study(job, _spool(folder, job), tell)
        tell(job.events)
    except _Stopped:
        return "it was interrupted"
    return studied


def _progress_file(folder: Path, job: _Job) -> Path:
    return folder / f"{job.number}.at"


def _reached(folder: Path, job: _Job) -> int:
    try:
        return int(_progress_file(folder, job).read_text() or 0)
    except FileNotFoundError:
        return 0
