"""Sets a desk up for one sandbox: with the table, and with what only Lambda and Step Functions do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from redrive.actions import Actions
from redrive.administration import Desk
from redrive.carrying_out import Carrier
from redrive.control import Controls
from redrive.errors import ExecutionNotStarted, NotCarriedOn
from redrive.execution import StateMachine, functions, step_functions
from redrive.ledger import Ledger
from redrive.looking import Look
from redrive.models import Communication
from redrive.run import MAX_IDS
from redrive.runs import Runs
from redrive.settings import DeskSettings
from redrive.table import Table, dynamodb
from redrive.transport import Deadline
from redrive.waiting import Waiting

SECONDS_TO_END = 10.0
"""Kept from the function's time: a page of what waits is changed in less."""


class Hours:
    """The time of one invocation; at least one page is done in it, or a short one would go on forever."""

    def __init__(self) -> None:
        self._deadline, self._is_new = Deadline(), True

    def begin(self, seconds: float) -> None:
        """Begin an invocation that has so many seconds."""
        self._deadline.set(seconds - SECONDS_TO_END)
        self._is_new = True

    def has_time(self) -> bool:
        """Tell whether there is time for another page."""
        is_new, self._is_new = self._is_new, False
        return is_new or self._deadline.remaining() > 0


def look(settings: DeskSettings) -> Look:
    """Set up what only looks."""
    table = Table(dynamodb(), settings.ledger.table)

    def status(run_id: str) -> str | None:
        try:
            found = StateMachine(step_functions(), settings.state_machine_arn).status(run_id)
        except ExecutionNotStarted:
            return "UNKNOWN"
        return found.status if found else None

    return Look(
        ledger=Ledger(table, settings.ledger),
        waiting=Waiting(table),
        runs=Runs(table, settings.ledger.retention_days),
        controls=Controls(table),
        actions=Actions(table, settings.ledger.retention_days),
        status=status,
        spaces=settings.spaces,
        max_attempts=settings.ledger.max_attempts,
    )


def set_up(settings: DeskSettings, has_time: Callable[[], bool]) -> Desk:
    """Set a desk up.

    It carries on what it has begun by another invocation of the same function. Lambda ends a chain of sixteen or so
    (developer guide, "recursive loop detection"): in 300 seconds each that is a million communications, and what stands
    still can be carried on.
    """
    found = look(settings)

    def send(communications: list[Communication]) -> str:
        ids = list(dict.fromkeys(each.primary_id for each in communications))
        if len(ids) > MAX_IDS and found.runs.lock():
            return "a run is on: the next run sends them"
        event: dict[str, Any] = {"ids": ids} if len(ids) <= MAX_IDS else {}
        event = event or {"sources": sorted({each.source for each in communications})}
        try:
            return f"the lister was asked to send at once (request {_invoke(settings.lister, event)})"
        except (ClientError, BotoCoreError) as error:
            return f"the lister could not be asked, so the next run sends them: {type(error).__name__}"

    def later(action_id: str) -> None:
        try:
            _invoke(settings.own_arn, {"action": "carryOut", "actionId": action_id})
        except (ClientError, BotoCoreError) as error:
            raise NotCarriedOn(f"action {action_id} stands still, carryOut goes on: {type(error).__name__}") from None

    return Desk(found, Carrier(found.actions, found.ledger, found.waiting, has_time, send), later)


def _invoke(function: str, event: dict[str, Any]) -> str:
    """Have a function invoked soon; give the id of the request."""
    answer = functions().invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode())
    return str(answer["ResponseMetadata"].get("RequestId", ""))
