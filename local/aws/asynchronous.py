"""Asynchronous invocations: the queue before a function, its retries, and the record for its destination, a function.

Source: Lambda developer guide, "Invoking a Lambda function asynchronously" and its pages on error handling and records.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.awslambda.models import LambdaFunction

from local.aws import permissions
from local.aws.errors import Refusal, unknown_function
from local.aws.functions import Functions
from local.aws.sandbox import Outcome

RETRY_AFTER_SECONDS = (60.0, 120.0)  # before the second and the third attempt
DEFAULT_RETRIES = 2
DEFAULT_EVENT_AGE_SECONDS = 21_600
THROTTLED_FIRST_SECONDS, THROTTLED_LONGEST_SECONDS = 1.0, 300.0


@dataclass
class Invocation:
    """One event on its way through a function."""

    function: LambdaFunction
    payload: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempts: int = 0
    outcome: Outcome | None = None


class Asynchronous:
    """Takes events and sees them through."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._closing = threading.Event()

    def submit(self, function: LambdaFunction, payload: bytes) -> str:
        """Accept an event and give its request id; what becomes of it shows in logs and at the destination."""
        invocation = Invocation(function, payload)
        threading.Thread(target=self._see_through, args=(invocation,), daemon=True).start()
        return invocation.request_id

    def send(self, arn: str, text: str) -> None:
        """Accept an event for a function by ARN; what cannot be delivered is said on stderr, for nobody else asks."""
        _, _, service, region, account, _, *name = arn.split(":", 6)
        try:
            if service != "lambda":
                raise unknown_function(arn)
            self.submit(self._functions.find(account, region, *name), text.encode())
        except Refusal as refusal:
            print(f"Not delivered to {arn}: {refusal}", file=sys.stderr)

    def close(self) -> None:
        """Give up waiting retries."""
        self._closing.set()

    def _see_through(self, invocation: Invocation) -> None:
        config = _event_invoke_config(invocation.function)
        retries = config.get("MaximumRetryAttempts", DEFAULT_RETRIES)
        too_old = time.monotonic() + config.get("MaximumEventAgeInSeconds", DEFAULT_EVENT_AGE_SECONDS)
        condition = self._attempt_until_settled(invocation, retries, too_old)
        if condition is None:
            return
        kind = "OnSuccess" if condition == "Success" else "OnFailure"
        destination = config.get("DestinationConfig", {}).get(kind, {}).get("Destination")
        if destination:
            self._report(invocation, condition, destination)

    def _attempt_until_settled(self, invocation: Invocation, retries: int, too_old: float) -> str | None:
        """Give the record's condition, or None where the function is deleted, or this AWS is shutting down."""
        throttled_wait = THROTTLED_FIRST_SECONDS
        while self._functions.is_deployed(invocation.function):
            try:
                invocation.outcome = self._functions.invoke(invocation.function, invocation.payload)
            except Refusal:  # throttled or no sandbox: tried again, without counting, as long as the event may live
                wait, throttled_wait = throttled_wait, min(throttled_wait * 2, THROTTLED_LONGEST_SECONDS)
            else:
                invocation.attempts += 1
                if not invocation.outcome.error:
                    return "Success"
                if invocation.attempts > retries:
                    return "RetriesExhausted"
                wait = RETRY_AFTER_SECONDS[invocation.attempts - 1]
            if time.monotonic() + wait > too_old:
                return "EventAgeExceeded"
            if self._closing.wait(wait):
                return None
        return None

    def _report(self, invocation: Invocation, condition: str, destination: str) -> None:
        role = str(invocation.function.role)
        if permissions.allowed(role, "lambda:InvokeFunction", destination):
            self.send(destination, json.dumps(_record(invocation, condition)))
        else:
            print(f"Not delivered to {destination}: the policies of {role} do not allow it", file=sys.stderr)


def _event_invoke_config(function: LambdaFunction) -> dict[str, Any]:
    # moto appends every update; the newest is in force
    return function.event_invoke_config[-1].config if function.event_invoke_config else {}


def _record(invocation: Invocation, condition: str) -> dict[str, Any]:
    function = invocation.function
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": invocation.request_id,
            "functionArn": f"{function.function_arn}:{function.version}",
            "condition": condition,
            "approximateInvokeCount": invocation.attempts,
        },
        "requestPayload": json.loads(invocation.payload or b"null"),
    }
    outcome = invocation.outcome
    if outcome is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": function.version}
        if outcome.error:
            record["responseContext"]["functionError"] = "Unhandled"
        record["responsePayload"] = json.loads(outcome.payload or b"null")
    return record
