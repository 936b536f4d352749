"""One redrive: claim, send, conclude. Whatever ends it in between, the next claim goes on with the same attempt."""

from __future__ import annotations

from redrive.api import Api
from redrive.errors import ApiUnavailable, ConfigurationError, CredentialsRefused
from redrive.ledger import Ledger
from redrive.ledger_rules import Refusal, Refused, State
from redrive.models import Communication, Outcome, OutcomeKind
from redrive.settings import RequeueSettings


def redrive(
    communication: Communication,
    owner: str,
    run_id: str,
    api: Api,
    ledger: Ledger,
    settings: RequeueSettings,
    *,
    listed_at: float,
    force: bool = False,
) -> Outcome:
    """Send a communication back once, if nobody else does and its limits allow it.

    Parameters
    ----------
    owner
        The execution: every retry of it finds its own lease, or its own conclusion.
    listed_at
        When the application listed it as failed, in seconds since 1970.
    force
        Ignore the cooldown, never a live lease.

    Raises
    ------
    ApiUnavailable, CredentialsRefused
        The attempt stays open and does not count.
    LedgerUnavailable
        Before sending nothing was sent; after it the same attempt is sent again, under the same key.
    """
    claim = ledger.claim(communication, owner, run_id, listed_at, force=force)
    if isinstance(claim, Refused):
        return _refused(claim, owner, run_id, ledger)
    try:
        outcome = api.requeue(claim, settings)
    except (ApiUnavailable, CredentialsRefused, ConfigurationError) as error:
        ledger.note_trouble(claim, str(error), gives_up=not isinstance(error, ApiUnavailable))
        raise
    ledger.conclude(claim, outcome.kind, outcome.http_status, outcome.error)
    return outcome


def _refused(refused: Refused, owner: str, run_id: str, ledger: Ledger) -> Outcome:
    entry = refused.entry
    if refused.reason is Refusal.EXHAUSTED:
        entry = ledger.exhaust(entry, owner, run_id)
    if entry.lease_owner == owner and entry.outcome and entry.state is not State.DISCARDED:
        # This execution's doing, just now or before its answer was lost.
        return Outcome(entry.communication, entry.outcome, entry.concluded, entry.http_status, entry.error)
    return Outcome(entry.communication, OutcomeKind.SKIPPED, None, None, refused.reason)
