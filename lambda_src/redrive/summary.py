"""Counting a batch and putting it into words that a person reads on a phone."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from redrive.models import RUN_TIME_FORMAT, Communication, OutcomeKind

MAX_SUBJECT = 100
"""Characters in the subject of an SNS e-mail; one more, or one that is not ASCII, fails the publish (API reference)."""

MAX_NAMED = 20
"""Failed communications that a notification names; of the others it says how many there are."""

MAX_UNCONFIRMED = 5
"""Communications of a stopped batch that it names: what matters there is why it was stopped."""

MEANING = {
    OutcomeKind.REQUEUED: "the application took it back into its queue",
    OutcomeKind.SKIPPED: "already queued or sent",
    OutcomeKind.REJECTED: "refused for good: open it in the application",
    OutcomeKind.EXHAUSTED: "failed again after every attempt: open it in the application",
    OutcomeKind.FAILED: "unavailable after every retry: the next run tries again",
}


@dataclass(frozen=True)
class Result:
    """One outcome as the state machine collected it."""

    primary_id: str
    operation: str
    source: str
    outcome: OutcomeKind
    http_status: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class Stop:
    """Why the Map ended before its items did: an error of Step Functions, or one that ends the batch."""

    error: str
    cause: str = ""


@dataclass(frozen=True)
class Earlier:
    """Of what earlier runs requeued: how many left the application's list, and how many failed again."""

    delivered: int = 0
    came_back: int = 0


@dataclass(frozen=True)
class Batch:
    """A state machine's data at its end: its input, and either ``outcomes`` or ``stopped``."""

    run_id: str
    batch: int
    communications: tuple[Communication, ...]
    outcomes: tuple[Result, ...] = ()
    stopped: Stop | None = None
    earlier: Earlier | None = None


@dataclass(frozen=True)
class Notification:
    """A mail: a subject of one ASCII line, and a plain text."""

    subject: str
    message: str


def counts(batch: Batch) -> dict[OutcomeKind, int]:
    """Count the outcomes of a batch, in the order in which they are told."""
    found = Counter(result.outcome for result in batch.outcomes)
    return {kind: found[kind] for kind in OutcomeKind if found[kind]}


def failed(batch: Batch) -> int:
    """Count the communications that did not go out; all of them where the batch was stopped."""
    if batch.stopped:
        return len(batch.communications)
    return sum(result.outcome.is_failure for result in batch.outcomes)


def failed_by_source(batch: Batch) -> dict[str, int]:
    """Count the outcomes ``failed`` by source, all where the batch was stopped; others count as they arise."""
    if batch.stopped:
        return dict(Counter(communication.source for communication in batch.communications))
    return dict(Counter(result.source for result in batch.outcomes if result.outcome is OutcomeKind.FAILED))


def headline(batch: Batch) -> str:
    """Say in one sentence how the batch went."""
    total = len(batch.communications)
    if batch.stopped:
        return f"batch stopped, {total} {_communications(total)} not confirmed"
    if failed(batch):
        return f"{failed(batch)} of {total} {_communications(total)} not requeued"
    requeued = counts(batch).get(OutcomeKind.REQUEUED, 0)
    if requeued < total:
        return f"{requeued} of {total} {_communications(total)} requeued, {total - requeued} skipped"
    return f"{total} {_communications(total)} requeued"


def notification(batch: Batch, name: str, stage: str, execution_arn: str) -> Notification:
    """Write the mail about a batch.

    Parameters
    ----------
    name, stage
        As the module is called.
    execution_arn
        The execution that the link at the end leads to.
    """
    where = f"{name} {stage}"
    blocks = [
        f"{where}: {headline(batch)}",
        f"Run {batch.run_id}, batch {batch.batch}{_time_in_words(batch.run_id)}",
        _stop_in_words(batch.stopped) if batch.stopped else _counts_in_words(batch),
        _failures_in_words(batch),
        _earlier_in_words(batch.earlier),
        f"Execution:\n{console_url(execution_arn)}",
    ]
    subject = re.sub(r"[^ -~]", "?", f"{headline(batch)} - {where}")
    return Notification(subject[:MAX_SUBJECT], "\n\n".join(block for block in blocks if block) + "\n")


def console_url(execution_arn: str) -> str:
    """Give the page of an execution in the console of its partition."""
    _, partition, _, region, _ = execution_arn.split(":", 4)
    domain = {"aws-cn": "amazonaws.cn", "aws-us-gov": "amazonaws-us-gov.com"}.get(partition, "aws.amazon.com")
    return f"https://{region}.console.{domain}/states/home?region={region}#/v2/executions/details/{execution_arn}"


def _time_in_words(run_id: str) -> str:
    try:
        moment = datetime.strptime(run_id[:16], RUN_TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return ""
    return f"\n{moment:%A, %d %B %Y, %H:%M} UTC"


def _counts_in_words(batch: Batch) -> str:
    return "\n".join(f"{count} {kind} - {MEANING[kind]}" for kind, count in counts(batch).items())


def _stop_in_words(stop: Stop) -> str:
    rest = (
        "What was not requeued is still listed as failed, and the next run takes it.\n"
        "What was refused before that waits for a person: ask the function ledger-admin."
    )
    match stop.error:
        case "CredentialsRefused":
            return (
                f"The API refused the module's credentials: {reason(stop.cause)}.\n"
                f"Check the secret of api.auth. Nothing more was sent with them.\n{rest}"
            )
        case "ConfigurationError":
            return f"The module's settings are wrong: {reason(stop.cause)}.\nNothing more was sent with them.\n{rest}"
    return f"The batch ended early: {stop.error}.\n{rest}"


def _failures_in_words(batch: Batch) -> str:
    if batch.stopped:
        lines = [f"- {c.operation} {c.primary_id}" for c in batch.communications]
        return _capped("Not confirmed:", lines, MAX_UNCONFIRMED)
    failures = [result for result in batch.outcomes if result.outcome.is_failure]
    lines = [
        f"- {result.operation} {result.primary_id}: {result.outcome}, {reason(result.error or 'no reason given')}"
        for result in failures
    ]
    return _capped("Not requeued:", lines, MAX_NAMED)


def _capped(title: str, lines: list[str], most: int) -> str:
    if len(lines) > most:
        lines = [*lines[:most], f"- and {len(lines) - most} more: see the execution"]
    return "\n".join([title, *lines]) if lines else ""


def _earlier_in_words(earlier: Earlier | None) -> str:
    if earlier is None:
        return ""
    return f"Of those requeued earlier, {earlier.delivered} went out and {earlier.came_back} came back."


def reason(error: str) -> str:
    """Give the ``errorMessage`` in the cause of a Lambda error, or a text that is no such cause as it is."""
    try:
        cause = json.loads(error)
    except ValueError:
        return error
    return str(cause["errorMessage"]) if isinstance(cause, Mapping) and "errorMessage" in cause else error


def _communications(count: int) -> str:
    return "communication" if count == 1 else "communications"
