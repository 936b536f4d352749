"""The run's verdict: what a communication that was turned away is charged with, decided when the run has ended.

One answer accuses nobody. A list of failed communications is a biased sample: good ones leave it, poisonous ones stay,
so that in a quiet system nothing at all being accepted is normal, and says little about who is to blame. What an answer
is worth shows only beside those that the other communications of the same source got in the same run.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

ABOUT_THE_ENTITY = frozenset({400, 410, 413, 414, 415, 422, 451})
"""Answers that are about the communication itself (RFC 9110, 15.5; RFC 7725), unless everything gets them."""

ENOUGH_TRIED = 5
"""So many tried ones without a single accepted one say that the API takes nothing at all."""

LONGEST_IN_LIMITS = 3
"""To be told to wait is charged after so many times ``open_hours`` in any case, or it could go on forever."""

ALREADY_QUEUED = 409
TOO_MANY_REQUESTS = 429


class Verdict(StrEnum):
    """What follows for a communication."""

    MANUAL = "manual"
    CHARGED = "charged"
    OPEN = "open"


class Tried(NamedTuple):
    """Of one source in one run: how many got an answer that counts or none at all, and how many were accepted.

    409 and 429 are in neither: they say nothing of whether the API takes what it is given.
    """

    tried: int = 0
    accepted: int = 0

    @property
    def mostly_accepted(self) -> bool:
        """Whether at least three in four were accepted, so that whoever was turned away is to blame himself.

        Half is not enough: in a week of an API that fails for four in five requests, it condemned one in a thousand.
        """
        return self.tried > 0 and 4 * self.accepted >= 3 * self.tried

    @property
    def turned_everything_away(self) -> bool:
        """Whether enough were tried, and none was accepted."""
        return self.tried >= ENOUGH_TRIED and self.accepted == 0


def verdict(
    status: int | None,
    tried: Tried,
    open_seconds: float,
    limit_seconds: float,
    *,
    is_first_time: bool = True,
    was_asked_to_wait: bool = False,
    ended_open: bool = False,
) -> Verdict:
    """Decide what a communication that was turned away is charged with.

    Parameters
    ----------
    status
        Of its last answer; None where there was none.
    tried
        How its source fared in this run.
    open_seconds
        How long the attempt has been turned away.
    limit_seconds
        ``redrive_limit.open_hours``: after that it is charged, whoever is to blame, so that nothing is endless.
    is_first_time
        Whether no earlier run had it turned away with the same answer.
    was_asked_to_wait
        Whether the API asked to come back later than could be waited for.
    ended_open
        Whether its source's circuit breaker was open when the run ended: perhaps the API began to refuse everything in
        the middle of the run.
    """
    is_overdue = open_seconds >= limit_seconds
    if status in ABOUT_THE_ENTITY and _is_its_own(tried, is_overdue, is_first_time, ended_open):
        return Verdict.MANUAL
    if status == ALREADY_QUEUED:
        is_charged = is_overdue
    elif status == TOO_MANY_REQUESTS or was_asked_to_wait:
        # To be told to wait is no failure; only one that is told so for a day while the others pass is charged.
        is_endless = open_seconds >= LONGEST_IN_LIMITS * limit_seconds
        is_charged = is_overdue and (tried.mostly_accepted or is_endless)
    elif status in ABOUT_THE_ENTITY:
        is_charged = is_overdue
    else:
        is_charged = is_overdue or tried.mostly_accepted
    return Verdict.CHARGED if is_charged else Verdict.OPEN


def _is_its_own(tried: Tried, is_overdue: bool, is_first_time: bool, ended_open: bool) -> bool:
    """Tell whether an answer about a communication is to be believed, or may be what a broken API says to everything.

    Beside others that were accepted, at once; where many were not, after a day; alone, at the second time.
    """
    if tried.mostly_accepted:
        return not (ended_open and is_first_time)
    if tried.accepted:
        return is_overdue
    return tried.tried == 1 and not is_first_time
