"""A run as its end finds it: written down by a lister, carried out by batches, with the real ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redrive import clock
from redrive.api import in_full
from redrive.batches import Closed, Outcome, close_batch
from redrive.ledger import Ledger
from redrive.ledger_rules import Claim
from redrive.models import Communication, OutcomeKind
from redrive.runs import Batch, Runs
from redrive.table import Table
from tests.unit.support import LEDGER

RUN, REQUEST = "20261124T021500Z", "a lister's request"
NO_ANSWER = None
NOT_ASKED = "the function failed"

Answers = Mapping[Communication, int | str | None]
"""By communication, the HTTP status that the API answers, ``NO_ANSWER``, or ``NOT_ASKED``."""


def emails(count: int, first: int = 0) -> list[Communication]:
    return [Communication(str(number), "send.email", "email") for number in range(first, first + count)]


def all_get(status: int | str | None, communications: Sequence[Communication]) -> dict[Communication, int | str | None]:
    return dict.fromkeys(communications, status)


@dataclass
class Running:
    """What a run does before its end."""

    table: Table
    ledger: Ledger
    run_id: str = RUN
    listed_at: float = 0.0
    batches: list[Batch] = field(default_factory=list)

    @property
    def runs(self) -> Runs:
        return Runs(self.table, LEDGER.retention_days)

    def begins(
        self,
        *batches: Sequence[Communication],
        run_id: str = RUN,
        request: str = REQUEST,
        exhausted: Sequence[Sequence[Communication]] = (),
        **record: Any,
    ) -> None:
        """Take the lock, write down the record, the batches and the breaker."""
        self.run_id, self.listed_at = run_id, clock.now()
        sends = sum(map(len, batches))
        sources = sorted({each.source for batch in batches for each in batch})
        values = {
            "trigger": "schedule",
            "listedAt": self.listed_at,
            "listed": sends + sum(map(len, exhausted)),
            "sources": sources,
            "configured": sources,
            "complete": sources,
            "sends": sends,
            "batches": len(batches),
            "exhaustedBatches": len(exhausted),
            "hasLock": True,
            "execution": f"arn:aws:states:eu-west-1:123456789012:execution:redrive-run:{run_id}",
        }
        assert self.runs.take_lock(run_id, request, clock.now() + 900) is None
        assert self.runs.begin(run_id, request, values | record)
        self.batches = [
            Batch(run_id, number, request, tuple(batch)) for number, batch in enumerate([*batches, *exhausted], start=1)
        ]
        self.runs.write_batches(self.batches)
        self.runs.begin_breaker(run_id, dict.fromkeys(sources, 0), {}, {})

    def goes(self, answers: Answers, **begun: Any) -> None:
        """Begin a run of one batch, of all that are answered, and send it."""
        self.begins(list(answers), **begun)
        self.sends(1, answers)

    def sends(self, number: int, answers: Answers, *, closes: bool = True) -> None:
        """Send what a batch has, as requeue_communication does, and close the batch unless it is aborted."""
        batch = self.batches[number - 1]
        outcomes = [self._send(each, number, answers[each]) for each in batch.communications if each in answers]
        if closes:
            close_batch(Closed(self.run_id, batch.request, number, tuple(outcomes)), self.runs)

    def claims(self, communication: Communication, number: int = 1) -> Claim:
        """Take the lease of a communication as a batch of the run."""
        claim = self.ledger.claim(communication, f"{self.run_id}/{number}", self.run_id, self.listed_at)
        assert isinstance(claim, Claim)
        return claim

    def _send(self, each: Communication, number: int, answer: int | str | None) -> Outcome:
        if isinstance(answer, str):
            return Outcome(each.primary_id, each.source, OutcomeKind.FAILED, error=answer)
        claim = self.ledger.claim(each, f"{self.run_id}/{number}", self.run_id, self.listed_at)
        if not isinstance(claim, Claim):
            return Outcome(each.primary_id, each.source, OutcomeKind.SKIPPED, error=str(claim.reason))
        error = None
        if answer is not None and answer < 300:
            kind = OutcomeKind.REQUEUED
            assert self.ledger.accept(claim, answer)
        elif answer == 409:
            kind, error = OutcomeKind.SKIPPED, "HTTP 409 Conflict"
            assert self.ledger.note_already_queued(claim)
        else:
            is_refusal = answer is not None and 400 <= answer < 500 and answer != 429
            kind = OutcomeKind.REFUSED if is_refusal else OutcomeKind.FAILED
            error = in_full(answer) if answer else "POST /requeue: no answer in time"
            assert self.ledger.note_turned_away(claim, answer, error)
        return Outcome(each.primary_id, each.source, kind, claim.attempt, answer, error)


def next_run(number: int) -> str:
    """Name a run, one day after the other."""
    return f"202611{24 + number:02}T021500Z"
