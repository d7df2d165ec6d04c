"""The benchmark of the analysis runs: a tiny size, no judgement of speed."""

from __future__ import annotations

from benchmarks import analyze_a_journal


def test_a_written_journal_is_analyzed_equal():
    found = {figure.who: figure for figure in analyze_a_journal.measure(True, 1_280, rounds=1)}
    assert {"millstream, rows only", "millstream, SQLite", "JSON lines into SQLite"} <= set(found)
    assert found["millstream, SQLite"].n == 1_281  # and the session's end
    assert all(run > 0 for figure in found.values() for run in figure.runs)
