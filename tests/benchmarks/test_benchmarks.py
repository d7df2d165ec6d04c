"""The benchmarks run: tiny sizes, no rivals, no judgement of speed."""

from __future__ import annotations

from benchmarks import frame_to_callback_in_process, import_time, journal_append, replay_a_journal
from benchmarks.__main__ import NAMES
from benchmarks.measure import OURS, ROOT, Figure, Report, host, table


def measured(figures):
    """The figures by what and who, each a positive number."""
    assert all(run > 0 for figure in figures for run in figure.runs)
    return {(figure.what, figure.who): figure for figure in figures}


def test_frames_of_every_channel_come_to_the_callback():
    found = measured(frame_to_callback_in_process.measure(True, rivals=False, seconds=2))
    for channel in ("ticker", "trade", "book"):
        what = f"a {channel} frame (generated) to event and callback"
        assert (what, OURS) in found
        assert (what, f"{OURS}, to an observer") in found


def test_a_written_journal_is_replayed_equal():
    found = measured(replay_a_journal.measure(True, count=6_400))
    assert found[replay_a_journal.WHAT, OURS].n == 6_401  # and the session's end


def test_tickers_are_appended_by_all_contestants():
    found = measured(journal_append.measure(True, tickers=2_000))
    sizes = {
        who: figure.p50 for (what, who), figure in found.items() if what.startswith("bytes a t")
    }
    assert sizes[f"{OURS}, 64 to a batch"] < sizes["JSON lines"]
    assert len({what for what, _ in found}) == 5


def test_every_benchmark_has_a_file_that_can_be_run_alone():
    for name in NAMES:
        text = (ROOT / "benchmarks" / f"{name}.py").read_text()
        assert f'main("benchmarks.{name}", measure)' in text


def test_a_start_is_timed():
    wall, cpu = import_time._start(import_time.GROUPS["import"]["nothing: python -c pass"])
    assert wall > 0
    assert cpu > 0


def figure(who, runs, **more):
    return Figure(what="a thing", who=who, unit="µs CPU", runs=runs, n=10, **more)


def test_a_figure_is_held_against_its_target_by_its_median():
    assert figure("us", [1.0, 2.0, 9.0], target=2.0).met is True
    assert figure("us", [1.0, 2.1, 2.2], target=2.0).met is False
    assert figure("us", [1.0, 2.1, 2.2], target=2.0, at_least=True).met is True
    assert figure("us", [1.0]).met is None


def test_the_table_says_how_far_the_rival_is_and_what_was_missed():
    figures = [figure("us", [2.0], target=1.0), figure("them", [5.0])]
    text = table([Report(benchmark="one", seconds=1.0, figures=figures)])
    assert "MISSED" in text
    assert "x 2.50" in text


def test_the_host_is_named_with_its_commit():
    found = host()
    assert found.cores > 0
    assert found.commit
    assert found.cpu in str(found)
