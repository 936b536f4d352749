"""One redrive: claim, send, write down. Whatever ends it in between, the next claim goes on with the same attempt."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeVar

from redrive import clock
from redrive.api import Answer, Api
from redrive.control import Pace
from redrive.errors import ApiUnavailable, ConfigurationError, CredentialsRefused, LedgerUnavailable, RunHeld
from redrive.ledger import Ledger
from redrive.ledger_rules import Claim, Refusal, Refused
from redrive.models import Communication, Outcome, OutcomeKind
from redrive.runs import Runs
from redrive.settings import RequeueSettings, RunSettings
from redrive.verdicts import ALREADY_QUEUED, TOO_MANY_REQUESTS

T = TypeVar("T")

AGREE_TO_WAIT = 3
"""So many in a row are asked to wait before a sandbox leaves their source alone: one may be about its recipient."""

TOO_MANY_HELD_SECONDS = 60.0
"""How long a source is left alone that answers 429 without saying for how long."""

LONGEST_WAIT_SECONDS = 30.0
"""A ``Retry-After`` is waited for in the function up to so long."""

SECONDS_PER_WRITE = 2.0
"""With less time left a write that failed is not tried again."""


class Errand(NamedTuple):
    """What the state machine asks of ``requeue_communication``.

    Attributes
    ----------
    batch
        Its number; with the run it is the owner of the lease.
    listed_at
        When the application listed the communication as failed, in seconds since 1970.
    force
        Ignore the cooldown, never a live lease.
    paced
        Whether a person has set a request rate.
    """

    run_id: str
    batch: int
    communication: Communication
    listed_at: float
    force: bool = False
    paced: bool = False

    @property
    def owner(self) -> str:
        """Name whose lease it is: every retry of this batch finds its own, or its own conclusion."""
        return f"{self.run_id}/{self.batch}"


@dataclass(frozen=True)
class Redriving:
    """What a redrive is done with.

    Attributes
    ----------
    remaining
        Gives the seconds that the function still has.
    held
        Until when each source is left alone by this sandbox, because the API asked for it.
    asked_to_wait
        By source, what the last answers were about that asked this sandbox to wait, one after the other.
    """

    api: Api
    ledger: Ledger
    runs: Runs
    pace: Pace
    requeue: RequeueSettings
    run: RunSettings
    remaining: Callable[[], float]
    held: dict[str, float] = field(default_factory=dict)
    asked_to_wait: dict[str, set[str]] = field(default_factory=dict)

    def redrive(self, errand: Errand) -> Outcome:
        """Send a communication back once, if nobody else does and its limits allow it.

        Raises
        ------
        ApiUnavailable
            The API gave no answer, or one that asks to come back; the attempt stays open and the lease is kept.
        CredentialsRefused, ConfigurationError
            Every further communication would meet the same; the lease is given back.
        LedgerUnavailable
            Before sending, nothing was sent; after it, the same request is made again, under the same key.
        RateLimited
            It is not its turn yet; the lease is kept.
        """
        communication = errand.communication
        claim = self.ledger.claim(
            communication,
            errand.owner,
            errand.run_id,
            errand.listed_at,
            created_by=self.requeue.created_by,
            force=errand.force,
        )
        if isinstance(claim, Refused):
            return _refused(claim, errand)
        if self.pace.has_rate or errand.paced:
            longest = self.remaining() - self.api.try_seconds
            self.api.pace = lambda: self.pace.wait(errand.run_id, longest)
        else:
            self.api.pace = _at_once
        try:
            answer = self._ask(claim)
        except RunHeld as held:
            self._insist(lambda: self.ledger.give_back(claim))
            return Outcome(communication, OutcomeKind.SKIPPED, None, None, str(held))
        except (CredentialsRefused, ConfigurationError) as error:
            was_refused = isinstance(error, CredentialsRefused)
            self._insist(lambda: self.ledger.give_back(claim, was_refused=was_refused))
            raise
        except ApiUnavailable as error:
            return self._unavailable(claim, errand, error)
        return self._answered(claim, errand, answer)

    def _ask(self, claim: Claim) -> Answer:
        """Ask the API, unless it wants to be left alone and told this sandbox so; others hear of it by the batch."""
        if self.held.get(claim.communication.source, 0) > clock.now():
            raise RunHeld("asked_to_wait")
        return self.api.requeue(claim, self.requeue)

    def _answered(self, claim: Claim, errand: Errand, answer: Answer) -> Outcome:
        status, communication = answer.status, claim.communication
        if answer.accepted:
            self.asked_to_wait.pop(communication.source, None)
            self._insist(lambda: self.ledger.accept(claim, status))
            return Outcome(communication, OutcomeKind.REQUEUED, claim.attempt, status)
        if status == ALREADY_QUEUED:
            self._insist(lambda: self.ledger.note_already_queued(claim, answer.retry_after))
            return Outcome(communication, OutcomeKind.SKIPPED, claim.attempt, status, answer.error)
        error = answer.error or f"HTTP {status}"
        self._turned_away(claim, errand, status, error, answer.retry_after, says_no=answer.says_no)
        kind = OutcomeKind.REFUSED if 400 <= status < 500 else OutcomeKind.FAILED
        return Outcome(communication, kind, claim.attempt, status, error)

    def _unavailable(self, claim: Claim, errand: Errand, error: ApiUnavailable) -> Outcome:
        """Note that the API did not take it, and let it be tried again, but not before its ``Retry-After``.

        One that is longer than this function may wait ends the tries of this run, and holds the source. Tries are
        counted in the ledger: the state machine's count has those in which the API was not asked.
        """
        is_last = claim.entry.tries >= self.run.max_attempts_of_a_request
        wait = error.retry_after or 0
        fits = wait <= max(0.0, min(LONGEST_WAIT_SECONDS, self.remaining() - SECONDS_PER_WRITE))
        if fits and not is_last:
            self._insist(lambda: self.ledger.note_turned_away(claim, error.http_status, str(error), comes_back=True))
            time.sleep(wait)
            raise error
        if not wait and error.http_status == TOO_MANY_REQUESTS:
            wait = TOO_MANY_HELD_SECONDS
        self._turned_away(claim, errand, error.http_status, str(error), wait)
        return Outcome(claim.communication, OutcomeKind.FAILED, claim.attempt, error.http_status, str(error))

    def _turned_away(
        self,
        claim: Claim,
        errand: Errand,
        status: int | None,
        error: str,
        retry_after: float | None,
        *,
        says_no: bool = False,
    ) -> None:
        note = partial(self.ledger.note_turned_away, claim, status, error, retry_after=retry_after, says_no=says_no)
        self._insist(note)
        source = claim.communication.source
        is_about_the_source = status is None or status in (403, TOO_MANY_REQUESTS) or status >= 500
        if not (retry_after and is_about_the_source):
            self.asked_to_wait.pop(source, None)
            return
        asked = self.asked_to_wait.setdefault(source, set())
        asked.add(claim.communication.key)
        if len(asked) >= AGREE_TO_WAIT:
            until = clock.now() + retry_after
            self.held[source] = until
            self._insist(lambda: self.runs.hold(errand.run_id, source, until))

    def _insist(self, write: Callable[[], T]) -> T:
        """Make a write, again where the table does not answer: what the API has done must not be forgotten."""
        wait = 0.2
        while True:
            try:
                return write()
            except LedgerUnavailable:
                if self.remaining() < wait + SECONDS_PER_WRITE:
                    raise
                time.sleep(random.uniform(wait / 2, wait))  # noqa: S311 (jitter)
                wait = min(2 * wait, 5.0)


def _refused(refused: Refused, errand: Errand) -> Outcome:
    entry = refused.entry
    if refused.reason is Refusal.CONCLUDED and entry.run_id == errand.run_id and entry.outcome:
        # This batch's own doing, whose answer was lost.
        attempt = entry.attempts if entry.outcome is OutcomeKind.REQUEUED else entry.attempts + 1
        return Outcome(entry.communication, entry.outcome, attempt, entry.http_status, entry.error)
    return Outcome(errand.communication, OutcomeKind.SKIPPED, None, None, str(refused.reason))


def _at_once() -> None:
    """Let a request go without waiting."""
