"""Lambda ``conclude``: the end of a run, however it ended. It gives the verdicts, and writes the digest."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from redrive.concluding import Concluder, End, end_of
from redrive.execution import StateMachine, step_functions
from redrive.ledger import Ledger
from redrive.observability import observed
from redrive.runs import Runs
from redrive.settings import ConcludeSettings
from redrive.table import Table, dynamodb
from redrive.transport import Deadline
from redrive.waiting import Waiting

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SECONDS_TO_END = 15.0
"""Kept from the function's time, for what follows the verdicts."""


@cache
def _settings() -> ConcludeSettings:
    return ConcludeSettings.from_environment()


@cache
def _concluder() -> Concluder:
    settings = _settings()
    table = Table(dynamodb(), settings.ledger.table)
    runs = Runs(table, settings.ledger.retention_days)
    return Concluder(runs, Ledger(table, settings.ledger), Waiting(table), _has_execution, settings)


def _has_execution(run_id: str) -> bool:
    return StateMachine(step_functions(), _settings().state_machine_arn).status(run_id) is not None


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Conclude a run.

    Parameters
    ----------
    event
        ``{"execution": …, "run": …}`` from the state machine; the event of an execution that ended otherwise; the
        record of an invocation of the lister that failed; or ``{"runId": …}`` from a lister that found a run whose end
        nobody told.

    Returns
    -------
    dict
        ``{"subject", "message"}`` of the digest, ``failed`` (how many were not sent), ``notify`` (whether the state
        machine is to publish it), and ``cause`` (a sentence for the execution's failure).

    Raises
    ------
    ConcludeUnfinished, LedgerUnavailable
        Worth a retry, which goes on.
    """
    end: End = end_of(event)
    with observed(context, runId=end.run_id) as logger:
        deadline = Deadline()
        deadline.set(context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_END)
        answer = _concluder().conclude(end, lambda: deadline.remaining() > 0, context.aws_request_id)
        logger.info("run concluded", extra={key: answer[key] for key in ("failed", "notify", "cause")})
        return answer
