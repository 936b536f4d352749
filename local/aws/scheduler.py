"""Firing a deployed schedule, as EventBridge Scheduler does when its time has come."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from moto.scheduler.models import Schedule, scheduler_backends

from local.aws import permissions
from local.aws.errors import Refusal
from local.aws.protocol import ACCOUNT


def fire(group: str, name: str, scheduled_time: str | None, send: Callable[[str, str], None]) -> dict[str, str]:
    """Invoke a schedule's target once with its deployed input; one that cannot be reached is not tried again.

    The context attributes are those of the Scheduler user guide, "Adding context attributes in a schedule target".

    Parameters
    ----------
    group, name
        Of the schedule, in whatever region it is.
    scheduled_time
        When it was due, such as ``2026-11-24T02:15:00Z``; now, if None.
    send
        Delivers a text to a target's ARN.

    Returns
    -------
    dict
        ``scheduledTime`` and ``executionId``, the id of this firing.

    Raises
    ------
    Refusal
        There is no such schedule, it is DISABLED, or its role does not let it invoke the target.
    """
    schedule = _find(group, name)
    if schedule.state == "DISABLED":
        raise Refusal(409, "ConflictException", f"Schedule {group}/{name} is DISABLED: it does not fire.")
    _check_role(schedule)
    due, identity = scheduled_time or f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", str(uuid.uuid4())
    attributes = {
        "schedule-arn": schedule.arn,
        "scheduled-time": due,
        "execution-id": identity,
        "attempt-number": "1",
    }
    text = schedule.target.get("Input", "{}")
    for attribute, value in attributes.items():
        text = text.replace(f"<aws.scheduler.{attribute}>", value)
    send(schedule.target["Arn"], text)
    return {"scheduledTime": due, "executionId": identity}


def _check_role(schedule: Schedule) -> None:
    """Refuse what Scheduler would not get done (user guide, "Setting up the execution role" and "Confused deputy")."""
    target, role = schedule.target["Arn"], schedule.target["RoleArn"]
    group = schedule.arn.replace(":schedule/", ":schedule-group/").rpartition("/")[0]
    source = {"aws__SourceAccount": ACCOUNT, "aws__SourceArn": group}
    permissions.note("scheduler.amazonaws.com", "sts:AssumeRole", role, **source)
    if ":lambda:" in target and not permissions.allowed(role, "lambda:InvokeFunction", target):
        raise Refusal(403, "AccessDeniedException", f"The policies of {role} do not let the schedule invoke {target}.")


def _find(group: str, name: str) -> Schedule:
    for backend in list(scheduler_backends[ACCOUNT].values()):
        found = backend.schedule_groups.get(group)
        if found is not None and name in found.schedules:
            return found.schedules[name]
    raise Refusal(404, "ResourceNotFoundException", f"Schedule {group}/{name} does not exist.")
