"""EventBridge Scheduler: firing a deployed schedule when its time has come, and creating one once."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from moto.scheduler.models import Schedule, scheduler_backends
from werkzeug.wrappers import Request, Response

from local.aws.errors import Refusal
from local.aws.protocol import body

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Firing:
    """When the schedule was due, as ``2026-11-24T02:15:00Z``, and the id of this firing."""

    scheduled_time: str
    execution_id: str


class Creation:
    """Answers a request to create that a client repeats as it answered it before; moto ignores the token.

    Scheduler API reference, CreateSchedule: ``ClientToken`` ensures the idempotency of the request. SDKs set it, and
    repeat a request whose answer they did not get.
    """

    def __init__(self) -> None:
        self._answers: dict[str, Response] = {}
        self._lock = threading.Lock()

    def carry_out(self, request: Request, pass_on: Callable[[Request], Response]) -> Response:
        """Give moto's answer, or the one that the same token got."""
        token = str(body(request).get("ClientToken") or uuid.uuid4())
        with self._lock:
            response = self._answers.get(token) or pass_on(request)
            if response.status_code == HTTPStatus.OK:
                self._answers[token] = response
        return response


def fire(group: str, name: str, scheduled_time: str | None, send: Callable[[str, str], None]) -> Firing:
    """Invoke a schedule's target once with its deployed input.

    The context attributes are those of the Scheduler user guide, "Adding context attributes in a schedule target".
    A target that cannot be reached is not tried again, unlike on AWS.

    Parameters
    ----------
    group, name
        Of the schedule, in whatever region it is.
    scheduled_time
        When it was due; now, to the second, if None.
    send
        Delivers a text to a target's ARN.

    Raises
    ------
    Refusal
        There is no such schedule, it is DISABLED, or the time is not one.
    """
    schedule = _find(group, name)
    if schedule.state == "DISABLED":
        raise Refusal(409, "ConflictException", f"Schedule {group}/{name} is DISABLED: it does not fire.")
    firing = Firing(_utc(scheduled_time), str(uuid.uuid4()))
    attributes = {
        "schedule-arn": schedule.arn,
        "scheduled-time": firing.scheduled_time,
        "execution-id": firing.execution_id,
        "attempt-number": "1",
    }
    text = schedule.target.get("Input", "{}")
    for attribute, value in attributes.items():
        text = text.replace(f"<aws.scheduler.{attribute}>", value)
    send(schedule.target["Arn"], text)
    return firing


def _find(group: str, name: str) -> Schedule:
    for backend in list(scheduler_backends[ACCOUNT].values()):
        found = backend.schedule_groups.get(group)
        if found is not None and name in found.schedules:
            return found.schedules[name]
    raise Refusal(404, "ResourceNotFoundException", f"Schedule {group}/{name} does not exist.")


def _utc(moment: str | None) -> str:
    try:
        parsed = datetime.now(UTC) if moment is None else datetime.fromisoformat(moment)
    except ValueError as reason:
        raise Refusal(400, "ValidationException", f"scheduledTime: {reason}") from reason
    if parsed.tzinfo is None:
        raise Refusal(400, "ValidationException", f"scheduledTime {moment} has no time zone; end it with Z.")
    return f"{parsed.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
