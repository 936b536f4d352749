"""The delivery queue around the worker, as unit tests have it: a real API of SQS by moto, and what a mapping does."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.queues import waiting
from redrive.queueing import sqs
from tests.unit.support import Context, new_sandbox
from worker import handler as worker

MAX_RECEIVES = 3
ENTRY: dict[str, Any] = {
    "primaryId": "123455",
    "operation": "send.email",
    "createdBy": "shop",
    "created": "2026-11-24T02:15:00Z",
}
KEY = "send.email:123455:2026-11-24T02:15:00Z"


def entry(primary_id: str | int = "123455", **changes: Any) -> str:
    """Give the body of a message with an entry."""
    return json.dumps(ENTRY | {"primaryId": primary_id} | changes)


@dataclass
class SqsFront:
    """What stands between the worker and SQS: it remembers the calls, and an error code spoils one."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    spoil: Callable[[str, dict[str, Any]], str | None] = lambda name, asked: None

    def before(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        self.calls.append((model.name, params))
        if code := self.spoil(model.name, params):
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, model.name)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    @property
    def waits(self) -> list[int]:
        """The seconds for which messages were put back."""
        return [asked["VisibilityTimeout"] for name, asked in self.calls if name == "ChangeMessageVisibility"]


class Delivery:
    """A queue, its dead-letter queue, and a mapping that a test turns by hand."""

    def __init__(self, api_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._api_url = api_url
        self._monkeypatch = monkeypatch
        self.client = boto3.client("sqs", region_name="eu-west-1")
        self.queue_url = self.client.create_queue(QueueName="queue")["QueueUrl"]
        self.dead_url = self.client.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.front = SqsFront()

    def configure(self, api: dict[str, Any] | None = None, **queue: Any) -> None:
        """Set the worker's environment, as a new sandbox finds it; what is None is left out."""
        settings = {
            "paths": {"send.email": "/communications/{primaryId}/send", "send.sms": "/sms/{primaryId}"},
            "given_up_path": "/communications/{primaryId}/given-up",
            "ttl_seconds": 900,
            "backoff_rate": 2,
            "max_receives": MAX_RECEIVES,
            "queue_url": self.queue_url,
            "dead_letter_queue_url": self.dead_url,
        } | queue
        given = {name: value for name, value in settings.items() if value is not None}
        base = {"base_url": self._api_url, "connect_timeout_seconds": 10, "read_timeout_seconds": 10}
        self._monkeypatch.setenv("REDRIVE_WORKER", json.dumps(given))
        self._monkeypatch.setenv("REDRIVE_API", json.dumps(base | (api or {})))
        new_sandbox()
        sqs().meta.events.register("before-parameter-build.sqs", self.front.before)

    def enqueue(self, *bodies: str, **attributes: Any) -> None:
        for body in bodies:
            self.client.send_message(QueueUrl=self.queue_url, MessageBody=body, MessageAttributes=attributes)

    def event(self, receives: int | object = 1) -> dict[str, Any]:
        """Receive what is there, as a mapping hands it to the function; say that it is received so often."""
        records: list[dict[str, Any]] = []
        while True:
            found = self.client.receive_message(
                QueueUrl=self.queue_url,
                MaxNumberOfMessages=10,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
                VisibilityTimeout=300,
            )
            if "Messages" not in found:
                return {"Records": records}
            records += [_record(message, receives) for message in found["Messages"]]

    def turn(self, context: Context, receives: int | object = 1) -> list[str]:
        """Let the worker have what is there, delete what it is done with, and give the bodies of what comes back."""
        event = self.event(receives)
        failed = [failure["itemIdentifier"] for failure in invoke(event, context)["batchItemFailures"]]
        for record in event["Records"]:
            if record["messageId"] not in failed:
                self.client.delete_message(QueueUrl=self.queue_url, ReceiptHandle=record["receiptHandle"])
        return [record["body"] for record in event["Records"] if record["messageId"] in failed]

    def left(self) -> int:
        """Count what is in the queue, hidden or not."""
        return waiting(self.client, self.queue_url)

    def dead(self) -> dict[str, dict[str, Any]]:
        """Give the dead letters, the attributes of each by its body."""
        found = self.client.receive_message(
            QueueUrl=self.dead_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=0
        ).get("Messages", [])
        return {message["Body"]: values(message.get("MessageAttributes", {})) for message in found}


def values(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Give the values of attributes, a number as one."""
    return {
        name: int(value["StringValue"])
        if value["DataType"] == "Number"
        else value.get("StringValue", value.get("BinaryValue"))
        for name, value in attributes.items()
    }


def invoke(event: dict[str, Any], context: Context) -> dict[str, Any]:
    answer = worker.handler(event, context)  # type: ignore[arg-type]
    as_lambda_sees_it: dict[str, Any] = json.loads(json.dumps(answer))
    return as_lambda_sees_it


def _record(message: Any, receives: int | object) -> dict[str, Any]:
    """Write a message as an event has it (developer guide, using Lambda with SQS)."""
    attributes = message["Attributes"] | {"ApproximateReceiveCount": str(receives)}
    if receives is None:
        del attributes["ApproximateReceiveCount"]
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": attributes,
        "messageAttributes": {
            name: {
                "dataType": value["DataType"],
                "stringListValues": [],
                "binaryListValues": [],
                **({"stringValue": value["StringValue"]} if "StringValue" in value else {}),
                **({"binaryValue": base64.b64encode(value["BinaryValue"]).decode()} if "BinaryValue" in value else {}),
            }
            for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:queue",
        "awsRegion": "eu-west-1",
    }
