"""The benchmark's table."""

from __future__ import annotations

from bench.table import Row, markdown


def test_a_row_that_misses_its_limit_says_so_and_why_below():
    rows = [
        Row("fast", "1 ms", "slow 2 ms", "0.50", "at most 1", met=True, why="never told"),
        Row("slow", "3 ms", "fast 2 ms", "1.50", "at most 1", met=False, why="it does more."),
        Row("counted", "3", "none", ""),
    ]
    table, _, below = markdown(rows).partition("\n\n")
    assert [line.startswith("| slow |") for line in table.splitlines() if "**no**" in line] == [True]
    assert below == "- slow: it does more.\n"


def test_nothing_stands_below_where_every_row_is_as_it_must_be():
    assert markdown(iter([Row("fast", "1 ms", "slow 2 ms", "0.50", "at most 1", met=True)])).endswith("| yes |\n")
