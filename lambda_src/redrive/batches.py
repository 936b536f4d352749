"""A batch of a run: whether it may go now, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from redrive import breaker, clock
from redrive.control import CONTROL, control_of
from redrive.errors import BreakerOpen, DeadlineReached, RunStopped
from redrive.ledger_rules import SECONDS_PER_HOUR
from redrive.models import OutcomeKind
from redrive.runs import LEFT_OUT, STOPPED, Batch, Breaker, Result, Runs, Tally
from redrive.settings import RunSettings
from redrive.wording import reason

LONGEST_PROBE_SECONDS = 3600.0
"""A probe that nobody could close is not waited for longer."""

WAITS_PER_AGE = 20
"""A batch that waits for the one that probes its source waits longer the older the run is: each look is nine events."""

LONGEST_WAIT_SECONDS = 300
"""A paused batch looks again so often at least."""

SHORTEST_WAIT_SECONDS = 5

STOPS_ALL = frozenset({"CredentialsRefused", "ConfigurationError"})
"""Errors that every further communication would meet."""


class Opened(NamedTuple):
    """A batch of a run as the state machine has it.

    Attributes
    ----------
    request
        The lister's, whose batches these are.
    """

    run_id: str
    request: str
    batch: int
    listed_at: float
    force: bool = False


class Outcome(NamedTuple):
    """One outcome as the state machine collected it; ``attempt`` is null where the function did not answer."""

    primary_id: str
    source: str
    outcome: OutcomeKind
    attempt: int | None = None
    http_status: int | None = None
    error: str | None = None


class Stop(NamedTuple):
    """Why the Map ended before its items did: an error of Step Functions, or one that ends the batch."""

    error: str
    cause: str = ""


class Closed(NamedTuple):
    """A batch at its end: what was sent, and either ``outcomes`` or ``stopped``."""

    run_id: str
    request: str
    batch: int
    outcomes: tuple[Outcome, ...] = ()
    stopped: Stop | None = None


def open_batch(asked: Opened, runs: Runs, settings: RunSettings) -> dict[str, Any]:
    """Say whether a batch goes now, and what of it.

    Returns
    -------
    dict
        What was asked, ``go`` (``go``, ``wait`` for ``seconds``, or ``skip``), ``paced`` (whether each request takes a
        slot of a rate), and the ``communications`` to send.

    Raises
    ------
    BreakerOpen, RunStopped, DeadlineReached
        The run ends here.
    """
    batch, counts, found = runs.open_batch(asked.run_id, asked.batch, CONTROL)
    control, now = control_of(found.get(CONTROL)), clock.now()
    answer = {
        "runId": asked.run_id,
        "request": asked.request,
        "batch": asked.batch,
        "listedAt": asked.listed_at,
        "force": asked.force,
        "paced": control.rate is not None,
        "seconds": 0,
        "communications": [],
    }
    if batch is None or batch.request != asked.request:
        return answer | {"go": "skip"}  # another delivery of the same firing has written its own over it
    ending: RunStopped | DeadlineReached | None = None
    if control.stopped_run == asked.run_id or counts.ended:
        ending = RunStopped(counts.ended or STOPPED)
    elif settings.run_hours is not None and now > asked.listed_at + settings.run_hours * SECONDS_PER_HOUR:
        ending = DeadlineReached(f"it has taken run_hours ({settings.run_hours:g})")
    if ending:
        runs.note_end(asked.run_id, str(ending))
        raise ending
    if control.is_paused(now):
        # The longer it lasts, the less often it is looked for its end.
        return answer | _wait(min(control.paused_until - now, max(now - control.paused_since, 0) / 4))
    left_out = breaker.open_sources(counts.turned_away, settings.breaker_turned_away)
    left_out |= breaker.held_too_long(counts.held, now)
    if counts.refused or (counts.turned_away and left_out >= counts.turned_away.keys()):
        raise BreakerOpen(counts.refused or "the API turns everything away")
    sources = {each.source for each in batch.communications} - left_out
    if held := [until for source, until in counts.held.items() if source in sources and until > now]:
        return answer | _wait(max(held) - now)
    is_probed = any(counts.probed_by.get(source, asked.batch) != asked.batch for source in sources)
    if is_probed and now < asked.listed_at + LONGEST_PROBE_SECONDS:
        return answer | _wait((now - asked.listed_at) / WAITS_PER_AGE)
    goes = [each for each in batch.communications if each.source in sources]
    if not goes:
        runs.write_tally(asked.run_id, Tally(asked.batch, (Result(LEFT_OUT),) * len(batch.communications)))
        closed = {"closed": len(batch.communications)}
        runs.move_breaker(asked.run_id, {}, _probed(counts, asked.batch), progress=closed)
        return answer | {"go": "skip"}
    return answer | {"go": "go", "communications": [each.to_json() for each in goes]}


def close_batch(closed: Closed, runs: Runs) -> Tally | None:
    """Write down what became of a batch, and move the breaker; None where that was done before, or is not to be known.

    A batch that was stopped has no outcomes: the ledger has them, and ``conclude`` reads it.
    """
    batch, counts, _ = runs.open_batch(closed.run_id, closed.batch)
    if batch is None or batch.request != closed.request:
        return None
    probed = _probed(counts, closed.batch)
    if closed.stopped:
        refused = _in_words(closed.stopped) if closed.stopped.error in STOPS_ALL else ""
        gone_at_refusal = 0
        if closed.stopped.error == "CredentialsRefused" and counts.gone > counts.gone_at_refusal:
            # They were good for others since: perhaps it is about one communication, and only its batch ends.
            refused, gone_at_refusal = "", counts.gone
        runs.move_breaker(closed.run_id, {}, probed, refused, gone_at_refusal=gone_at_refusal)
        return None
    results = _results(batch, closed.outcomes)
    tally = Tally(closed.batch, results)
    if not runs.write_tally(closed.run_id, tally):
        # Whoever wrote it may have ended before the breaker was moved, and the other batches wait for a probe.
        runs.move_breaker(closed.run_id, {}, probed)
        return None
    gone = sum(result.what == OutcomeKind.REQUEUED for result in results)
    runs.move_breaker(closed.run_id, _moves(batch, results), probed, progress={"gone": gone, "closed": len(results)})
    return tally


def _probed(counts: Breaker, number: int) -> list[str]:
    """Name the sources whose probe a batch is."""
    return [source for source, prober in counts.probed_by.items() if prober == number]


def _results(batch: Batch, outcomes: Sequence[Outcome]) -> tuple[Result, ...]:
    """Give what became of each, in the batch's order."""
    by_id = {(outcome.source, outcome.primary_id): outcome for outcome in outcomes}
    found = [by_id.get((each.source, each.primary_id)) for each in batch.communications]
    return tuple(
        Result(each.outcome, each.attempt is not None, each.http_status, reason(each.error) if each.error else None)
        if each
        else Result(LEFT_OUT)
        for each in found
    )


def _moves(batch: Batch, results: Sequence[Result]) -> Mapping[str, breaker.Move]:
    by_source: dict[str, list[tuple[OutcomeKind, int | None, bool]]] = {}
    for communication, result in zip(batch.communications, results, strict=True):
        if result.what != LEFT_OUT:
            outcome = OutcomeKind(result.what), result.http_status, result.was_asked
            by_source.setdefault(communication.source, []).append(outcome)
    return {source: breaker.moved_by(outcomes) for source, outcomes in by_source.items()}


def _in_words(stop: Stop) -> str:
    return reason(stop.cause) if stop.cause else stop.error


def _wait(seconds: float) -> dict[str, Any]:
    return {"go": "wait", "seconds": round(min(max(seconds, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS))}
