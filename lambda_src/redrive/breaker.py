"""The circuit breaker of a run: a source whose API turns away one communication after the other is left out.

The run keeps one number for each source: how many were turned away since the last one that was accepted or already
queued. It is moved by whole batches, when they close, so it costs one write a batch.

To be told to slow down (429) is no failure, so all of those in a batch count as one: an API that takes a hundred a
minute never opens the breaker, and one that says nothing else is not asked through a list of ten thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from redrive.models import OutcomeKind
from redrive.verdicts import ALREADY_QUEUED, TOO_MANY_REQUESTS

LONGEST_HOLD_SECONDS = 300.0
"""A source that asks for longer is left out rather than waited for: a run that waits lets neither the other sources'
communications go, nor the next run begin."""


class Move(NamedTuple):
    """What a batch does to a source's number: it starts again at ``turned_away``, or that is added to it."""

    turned_away: int
    resets: bool


def moved_by(outcomes: Iterable[tuple[OutcomeKind, int | None, bool]]) -> Move:
    """Say what a batch's outcomes of one source do to its number.

    Parameters
    ----------
    outcomes
        In the order of the batch: the outcome, its HTTP status, and whether the API was asked at all.
    """
    turned_away, resets, is_throttled = 0, False, False
    for kind, status, was_asked in outcomes:
        if kind is OutcomeKind.REQUEUED or (was_asked and status == ALREADY_QUEUED):
            turned_away, resets = 0, True
        elif was_asked and status == TOO_MANY_REQUESTS:
            is_throttled = True
        elif was_asked and kind.is_failure:
            turned_away += 1
    return Move(turned_away + (is_throttled and not resets), resets)


def open_sources(numbers: Mapping[str, int], threshold: int) -> frozenset[str]:
    """Name the sources that are left out: so many turned away in a row."""
    return frozenset(source for source, number in numbers.items() if number >= threshold)


def held_too_long(held: Mapping[str, float], now: float) -> frozenset[str]:
    """Name the sources that are left out because their API asked not to be asked before a time that is too far away.

    Parameters
    ----------
    held
        By source, that time.
    """
    return frozenset(source for source, until in held.items() if until > now + LONGEST_HOLD_SECONDS)


def half_open(sources: Iterable[str], threshold: int) -> dict[str, int]:
    """Give the numbers with which a run begins for sources that were open when the last one ended.

    One more that is turned away, without one that is accepted, opens them again.
    """
    return dict.fromkeys(sources, threshold - 1)
