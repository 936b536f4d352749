"""Asynchronous invocations: the queue before a function, its retries, and the record for its destination, a function.

Source: Lambda developer guide, "Invoking a Lambda function asynchronously" and its pages on error handling and records.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import uuid
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


class Asynchronous:
    """Takes events and sees them through."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._closing = threading.Event()

    def submit(self, function: LambdaFunction, payload: bytes) -> str:
        """Accept an event and give its request id; what becomes of it shows in logs and at the destination."""
        request_id = str(uuid.uuid4())
        threading.Thread(target=self._see_through, args=(function, payload, request_id), daemon=True).start()
        return request_id

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

    def _see_through(self, function: LambdaFunction, payload: bytes, request_id: str) -> None:
        # moto appends every update; the newest is in force
        config = function.event_invoke_config[-1].config if function.event_invoke_config else {}
        ended = self._attempt_until_settled(function, payload, config)
        if ended is None:
            return
        condition, attempts, outcome = ended
        kind = "OnSuccess" if condition == "Success" else "OnFailure"
        destination = config.get("DestinationConfig", {}).get(kind, {}).get("Destination")
        if not destination:
            return
        if not permissions.allowed(str(function.role), "lambda:InvokeFunction", destination):
            print(f"Not delivered to {destination}: the policies of {function.role} do not allow it", file=sys.stderr)
            return
        context = {"requestId": request_id, "condition": condition, "approximateInvokeCount": attempts}
        self.send(destination, json.dumps(_record(function, payload, context, outcome)))

    def _attempt_until_settled(
        self, function: LambdaFunction, payload: bytes, config: dict[str, Any]
    ) -> tuple[str, int, Outcome | None] | None:
        """Give the record's condition, the number of attempts and what the last one gave.

        None where the function is deleted, or this AWS is shutting down.
        """
        retries = config.get("MaximumRetryAttempts", DEFAULT_RETRIES)
        too_old = time.monotonic() + config.get("MaximumEventAgeInSeconds", DEFAULT_EVENT_AGE_SECONDS)
        attempts, outcome, throttled_wait = 0, None, THROTTLED_FIRST_SECONDS
        while self._functions.is_deployed(function):
            try:
                outcome = self._functions.invoke(function, payload)
            except Refusal:  # throttled or no sandbox: tried again, without counting, as long as the event may live
                wait, throttled_wait = throttled_wait, min(throttled_wait * 2, THROTTLED_LONGEST_SECONDS)
            else:
                attempts += 1
                if not outcome.error:
                    return "Success", attempts, outcome
                if attempts > retries:
                    return "RetriesExhausted", attempts, outcome
                wait = RETRY_AFTER_SECONDS[attempts - 1]
            if time.monotonic() + wait > too_old:
                return "EventAgeExceeded", attempts, outcome
            if self._closing.wait(wait):
                return None
        return None


def _record(
    function: LambdaFunction, payload: bytes, context: dict[str, Any], outcome: Outcome | None
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {"functionArn": f"{function.function_arn}:{function.version}", **context},
        "requestPayload": json.loads(payload or b"null"),
    }
    if outcome is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": function.version}
        if outcome.error:
            record["responseContext"]["functionError"] = "Unhandled"
        record["responsePayload"] = json.loads(outcome.payload or b"null")
    return record
