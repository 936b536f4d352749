"""Pollers: event source mappings hand a queue's messages to a function.

Source: Lambda developer guide, "Using Lambda with Amazon SQS" and its pages on configuring, error handling and scaling
behavior. Stands in for Lambda's pollers: a batch is what one receive gives, up to BatchSize; the function is invoked
and waited for; what succeeded is deleted, and the rest comes back when its visibility timeout is over. Left out:
batching windows, and so batches of more than ten, filter criteria, provisioned pollers, the growth beyond five
invocations at a time where MaximumConcurrency is not set, the slowing down after errors, and the 6 MB of a payload.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

from moto.awslambda.models import EventSourceMapping, lambda_backends

from local.aws.errors import Refusal
from local.aws.functions import SANDBOXES, Functions
from local.aws.messages import Received, base64_of, md5_of_attributes
from local.aws.queues import Queues
from local.aws.sandbox import Outcome

CONCURRENCY_AT_FIRST = 5
POLL_SECONDS = 20.0
THROTTLED = 429
THROTTLED_FIRST_SECONDS, THROTTLED_LONGEST_SECONDS = 0.1, 5.0


class Polling:
    """The pollers of all mappings."""

    def __init__(self, queues: Queues, functions: Functions) -> None:
        self._queues = queues
        self._functions = functions
        self._closing = threading.Event()

    def follow(self, mapping: EventSourceMapping) -> None:
        """Poll for a mapping, while it is enabled, until it is deleted."""
        Poller(mapping, self._queues, self._functions, self._closing).start()

    def close(self) -> None:
        """Receive nothing any more."""
        self._closing.set()
        with self._queues.changed:
            self._queues.changed.notify_all()


class Poller(threading.Thread):
    """Receives for one mapping and sees each batch through in a thread of its own."""

    def __init__(
        self, mapping: EventSourceMapping, queues: Queues, functions: Functions, closing: threading.Event
    ) -> None:
        super().__init__(daemon=True)
        self._mapping = mapping
        self._queues = queues
        self._functions = functions
        self._closing = closing
        self._in_flight = 0

    def run(self) -> None:
        """Poll until the mapping is deleted."""
        while self._is_there():
            batch = self._queues.receive(
                self._mapping.event_source_arn, self._mapping.batch_size, POLL_SECONDS, wanted=self._may_receive
            )
            if batch:
                with self._queues.changed:
                    self._in_flight += 1
                threading.Thread(target=self._see_through, args=(batch,), daemon=True).start()

    def _is_there(self) -> bool:
        backend = lambda_backends[self._mapping.account_id][self._mapping.region]
        return not self._closing.is_set() and backend.get_event_source_mapping(self._mapping.uuid) is self._mapping

    def _may_receive(self) -> bool:
        asked = (self._mapping.scaling_config or {}).get("MaximumConcurrency", CONCURRENCY_AT_FIRST)
        return self._mapping.enabled and self._is_there() and self._in_flight < min(asked, SANDBOXES)

    def _see_through(self, batch: list[Received]) -> None:
        """Invoke the function and delete what it has done."""
        try:
            outcome = self._invoke(batch)
            failed = {message.id for message in batch}
            if outcome is not None and not outcome.error:
                reports = "ReportBatchItemFailures" in (self._mapping.function_response_types or [])
                failed = failures(outcome.payload, failed) if reports else set()
            for message in batch:
                if message.id not in failed:
                    self._queues.delete(self._mapping.event_source_arn, message.receipt_handle)
        finally:
            with self._queues.changed:
                self._in_flight -= 1
                self._queues.changed.notify_all()

    def _invoke(self, batch: list[Received]) -> Outcome | None:
        """Invoke, again while the function is throttled and the messages are hidden; None where it did not run."""
        _, _, _, region, account, _, name, *qualifier = self._mapping.function_arn.split(":")
        payload = json.dumps({"Records": [self._record(message) for message in batch]}).encode()
        over = min(message.hidden_until for message in batch)
        wait = THROTTLED_FIRST_SECONDS
        while True:
            try:
                function = self._functions.find(account, region, name, *qualifier)
                return self._functions.invoke(function, payload)
            except Refusal as refusal:
                if refusal.status != THROTTLED:
                    if not self._closing.is_set():
                        print(f"Event source mapping {self._mapping.uuid}: {refusal}", file=sys.stderr)
                    return None
            if time.time() + wait > over or self._closing.wait(wait):
                return None
            wait = min(wait * 2, THROTTLED_LONGEST_SECONDS)

    def _record(self, message: Received) -> dict[str, Any]:
        """Give a message as the function sees it."""
        record: dict[str, Any] = {
            "messageId": message.id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": message.system,
            "messageAttributes": {name: _attribute(value) for name, value in message.attributes.items()},
            "md5OfBody": message.md5_of_body,
            "eventSource": "aws:sqs",
            "eventSourceARN": self._mapping.event_source_arn,
            "awsRegion": self._mapping.region,
        }
        if message.attributes:
            record["md5OfMessageAttributes"] = md5_of_attributes(message.attributes)
        return record


def failures(payload: bytes, ids: set[str]) -> set[str]:
    """Give the ids of the messages that a function reports as failed.

    All of them where the report is none (developer guide, "Implementing partial batch responses", "Success and failure
    conditions"): invalid JSON, an item without an identifier, or with one that is not in the batch.
    """
    try:
        report = json.loads(payload or b"null")
    except ValueError:
        return ids
    if report is None:
        return set()
    items = report.get("batchItemFailures") if isinstance(report, dict) else False
    if items is None:
        return set()
    if not isinstance(items, list):
        return ids
    failed = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in items]
    return {str(identifier) for identifier in failed} if all(identifier in [*ids] for identifier in failed) else ids


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    kind = "BinaryValue" if value.get("BinaryValue") else "StringValue"
    given = {f"{kind[0].lower()}{kind[1:]}": base64_of(value[kind]), "dataType": value["DataType"]}
    return {**given, "stringListValues": [], "binaryListValues": []}
