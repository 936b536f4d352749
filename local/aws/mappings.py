"""Event source mappings: pollers hand a queue's messages to a function.

moto keeps the mappings. Its own hand-over, message by message and within SendMessage, is taken away, and what it does
not refuse is refused (Lambda developer guide, "Using Lambda with Amazon SQS" and its pages on configuring, error
handling and scaling behavior). A batch is what one receive gives, up to BatchSize; the function is invoked and waited
for; what succeeded is deleted, and the rest comes back when its visibility timeout is over. A mapping is Enabled or
Disabled at once, and gone at once when it is deleted.

Left out: batching windows, and so batches of more than ten, filter criteria, provisioned pollers, functions that do not
report batch item failures, the growth beyond five invocations at a time where MaximumConcurrency is not set, and the
slowing down after errors.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from moto.awslambda.models import EventSourceMapping, lambda_backends
from moto.sqs.models import Message
from werkzeug.wrappers import Request, Response

from local.aws import permissions, protocol
from local.aws.errors import Refusal
from local.aws.functions import SANDBOXES, Functions
from local.aws.queues import Queues, find
from local.aws.sandbox import Outcome

NEEDED = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
CONCURRENCY_AT_FIRST = 5
POLL_SECONDS = 20.0
THROTTLED_SECONDS = 0.2


class Mappings:
    """Follows what moto is told of mappings, and polls for each."""

    def __init__(self, queues: Queues, functions: Functions) -> None:
        self._queues = queues
        self._functions = functions
        self._in_flight: Counter[str] = Counter()
        self._closing = threading.Event()

    def change(self, request: Request, uuid: str | None, pass_on: Callable[[], Response]) -> Response:
        """Have moto create (without a UUID), update or delete a mapping."""
        backend = lambda_backends[protocol.ACCOUNT][protocol.region(request)]
        with self._queues.changed:
            if uuid is None:
                self._check(protocol.body(request), protocol.region(request))
            response = pass_on()
            if response.status_code == HTTPStatus.CREATED:
                mapping: Any = backend.get_event_source_mapping(json.loads(response.get_data())["UUID"])
                if (queue := find(mapping.event_source_arn)) is not None:
                    queue.lambda_event_source_mappings.clear()
                    threading.Thread(target=self._poll, args=(mapping,), daemon=True).start()
            self._queues.changed.notify_all()
            return response

    def close(self) -> None:
        """Receive nothing any more."""
        self._closing.set()

    def _check(self, asked: dict[str, Any], region: str) -> None:
        """Refuse what Lambda does not accept."""
        source = str(asked.get("EventSourceArn"))
        if (queue := find(source)) is None:
            return  # moto's to refuse
        function = self._functions.find(protocol.ACCOUNT, region, asked["FunctionName"])
        timeout, visibility = int(function.timeout), int(queue.visibility_timeout)  # type: ignore[attr-defined]
        if timeout > visibility:
            text = f"Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds"
            raise _invalid(text)
        for action in NEEDED:
            if not permissions.allowed(function.role, f"sqs:{action}", source):
                raise _invalid(f"The provided execution role does not have permissions to call {action} on SQS")

    def _poll(self, mapping: EventSourceMapping) -> None:
        """Receive until the mapping is deleted, and see each batch through in a thread of its own."""
        backend = lambda_backends[mapping.account_id][mapping.region]

        def is_there() -> bool:
            return not self._closing.is_set() and backend.get_event_source_mapping(mapping.uuid) is mapping

        def may_receive() -> bool:
            most = (mapping.scaling_config or {}).get("MaximumConcurrency", CONCURRENCY_AT_FIRST)
            return mapping.enabled and is_there() and self._in_flight[mapping.uuid] < min(most, SANDBOXES)

        while is_there():
            batch = self._queues.receive(mapping.event_source_arn, mapping.batch_size, POLL_SECONDS, may_receive)
            if batch:
                with self._queues.changed:
                    self._in_flight[mapping.uuid] += 1
                threading.Thread(target=self._see_through, args=(mapping, batch), daemon=True).start()

    def _see_through(self, mapping: EventSourceMapping, batch: list[Message]) -> None:
        """Invoke the function and delete what it has done."""
        try:
            outcome = self._invoke(mapping, batch)
            failed = failures(outcome, {message.id for message in batch})
            for message in batch:
                if message.id not in failed:
                    self._queues.delete(mapping.event_source_arn, message)
        finally:
            with self._queues.changed:
                self._in_flight[mapping.uuid] -= 1
                self._queues.changed.notify_all()

    def _invoke(self, mapping: EventSourceMapping, batch: list[Message]) -> Outcome | None:
        """Invoke, again while the function is throttled and the messages are hidden; None where it did not run."""
        _, _, _, region, account, _, name, *_ = mapping.function_arn.split(":")
        payload = json.dumps({"Records": [_record(mapping, message) for message in batch]}).encode()
        over = min(message.visible_at for message in batch) / 1000
        while time.time() < over and not self._closing.is_set():
            try:
                return self._functions.invoke(self._functions.find(account, region, name), payload)
            except Refusal as refusal:
                if refusal.status != HTTPStatus.TOO_MANY_REQUESTS:
                    print(f"Event source mapping {mapping.uuid}: {refusal}", file=sys.stderr)
                    return None
            self._closing.wait(THROTTLED_SECONDS)
        return None


def failures(outcome: Outcome | None, ids: set[str]) -> set[str]:
    """Give the ids of the messages that a function reports as failed.

    All of them where it failed, or the report is none (developer guide, "Implementing partial batch responses").
    """
    if outcome is None or outcome.error:
        return ids
    try:
        failed = {item["itemIdentifier"] for item in json.loads(outcome.payload)["batchItemFailures"]}
    except (ValueError, KeyError, TypeError):
        return ids
    return failed if ids.issuperset(failed) else ids


def _record(mapping: EventSourceMapping, message: Message) -> dict[str, Any]:
    """Give a message as the function sees it; its attributes are texts."""
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.approximate_receive_count),
            "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
            "SenderId": message.sender_id,
            "SentTimestamp": str(message.sent_timestamp),
        },
        "messageAttributes": {
            name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
            for name, value in message.message_attributes.items()
        },
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": mapping.event_source_arn,
        "awsRegion": mapping.region,
    }


def _invalid(text: str) -> Refusal:
    return Refusal(400, "InvalidParameterValueException", text)
