"""Executions of state machines: their start, made safe, and the events of their status."""

from __future__ import annotations

import json
import re
import threading
import uuid
from datetime import datetime
from typing import Any, cast

from moto.core.base_backend import AccountSpecificBackend
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from local.aws.errors import Refusal
from local.aws.events import Events
from local.aws.language import parse
from local.aws.machines import Backend, Execution
from local.aws.protocol import ACCOUNT

# Step Functions API reference, StartExecution: what a name may not hold.
INVALID_IN_NAMES = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")
LONGEST_NAME = 80
MIN_COLONS = 5


class Executions:
    """Starts executions one at a time and reports each one's status to the default event bus."""

    def __init__(self, events: Events) -> None:
        self._events = events
        stepfunctions_parser_backends[ACCOUNT] = AccountSpecificBackend("stepfunctions", ACCOUNT, Backend, True, None)
        self.starting = threading.Lock()  # moto looks for the name and then adds it: two starts at once would both pass
        self._watched: set[str] = set()

    def watch(self, execution_arn: str) -> None:
        """Report an execution, now running, and again when it has ended; a second call for it does nothing."""
        with self.starting:
            if execution_arn in self._watched:
                return
            self._watched.add(execution_arn)
        threading.Thread(target=self._report_to_the_end, args=(execution_arn,), daemon=True).start()

    def stop(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer StopExecution."""
        execution_arn = str(request.get("executionArn"))
        stopped = backend(execution_arn).stop_execution(execution_arn, request.get("error"), request.get("cause"))
        return {"stopDate": stopped.stop_date.timestamp()}

    def _report_to_the_end(self, execution_arn: str) -> None:
        execution = backend(execution_arn).describe_execution(execution_arn)
        self._report(execution, "RUNNING")
        execution.ended.wait()
        self._report(execution, execution.status)

    def _report(self, execution: Execution, status: str) -> None:
        """Put the event as in the Step Functions developer guide, "Automating ... event delivery with EventBridge"."""
        ended = status != "RUNNING"
        succeeded = status == "SUCCEEDED"
        detail: dict[str, Any] = {
            "executionArn": execution.execution_arn,
            "stateMachineArn": execution.state_machine_arn,
            "name": execution.name,
            "status": status,
            "startDate": _milliseconds(execution.start_date),
            "stopDate": _milliseconds(execution.stop_date) if ended else None,
            "input": execution.execution_input,
            "inputDetails": {"included": True},
            "output": json.dumps(execution.output) if succeeded else None,
            "outputDetails": {"included": True} if succeeded else None,
            "error": execution.error if ended else None,
            "cause": execution.cause if ended else None,
        }
        self._events.put(execution.execution_arn, "aws.states", "Step Functions Execution Status Change", detail)


def describe(execution_arn: str) -> dict[str, Any]:
    """Answer DescribeExecution."""
    described: dict[str, Any] = backend(execution_arn).describe_execution(execution_arn).describe()
    return described


def backend(arn: str) -> Backend:
    """Find the backend of a machine, an execution or a Map Run; raises ``Refusal``: InvalidArn."""
    if arn.count(":") < MIN_COLONS:
        raise Refusal(400, "InvalidArn", f"Invalid Arn: '{arn}'")
    _, _, _, region, account, *_ = arn.split(":")
    return cast(Backend, stepfunctions_parser_backends[account][region])


def named(request: dict[str, Any]) -> dict[str, Any]:
    """Give a StartExecution request with a valid name: its own, or a random one as AWS gives it.

    Raises ``Refusal``: InvalidName, by the rules of the Step Functions API reference, StartExecution; moto takes
    any.
    """
    name = request.get("name")
    if name is None:
        return {**request, "name": str(uuid.uuid4())}
    if not 1 <= len(name) <= LONGEST_NAME or INVALID_IN_NAMES.search(name):
        raise Refusal(400, "InvalidName", f"Invalid Name: '{name}'")
    return request


def validation_of(definition: str) -> dict[str, Any]:
    """Answer ValidateStateMachineDefinition: moto's parser judges, for what it cannot parse cannot run here."""
    try:
        parse(definition)
    except Exception as reason:  # noqa: BLE001 - the parser raises whatever its grammar runs into
        diagnostic = {"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": str(reason), "location": "/"}
        return {"result": "FAIL", "diagnostics": [diagnostic], "truncated": False}
    return {"result": "OK", "diagnostics": [], "truncated": False}


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
