"""The dead letters of the delivery queue, read and moved back as the runbook says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from local.queues import MOST, waiting
from local.stack import Stack

HIDDEN_SECONDS = 60
"""While they are read, so that none comes twice; afterwards they are shown again."""


@dataclass(frozen=True)
class DeadLetter:
    """An entry the delivery queue gave up, and why; what is not said is None."""

    body: str
    reason: str | None
    receives: int | None
    application_told: bool | None

    @property
    def primary_id(self) -> str:
        """Of its communication; "" where it is no entry."""
        try:
            return str(json.loads(self.body)["primaryId"])
        except (ValueError, KeyError, TypeError):
            return ""


def count(stack: Stack) -> int:
    """Count them."""
    return waiting(stack.client("sqs"), stack.outputs["queue"]["dead_letter_url"])


def read(stack: Stack) -> list[DeadLetter]:
    """Look at all of them, and let them lie."""
    sqs, url = stack.client("sqs"), stack.outputs["queue"]["dead_letter_url"]
    messages: list[dict[str, Any]] = []
    while received := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=MOST, MessageAttributeNames=["All"], VisibilityTimeout=HIDDEN_SECONDS
    ).get("Messages"):
        messages += received
    for message in messages:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    return [_dead_letter(message) for message in messages]


def move_back(stack: Stack) -> None:
    """Begin to move all of them to the queue they came from."""
    queue = stack.outputs["queue"]
    arns = {"SourceArn": queue["dead_letter_arn"], "DestinationArn": queue["arn"]}
    stack.client("sqs").start_message_move_task(**arns, MaxNumberOfMessagesPerSecond=500)


def are_moved(stack: Stack) -> bool:
    """Tell whether what was begun has ended, and the worker has had them all: some may be dead letters again."""
    sqs, queue = stack.client("sqs"), stack.outputs["queue"]
    tasks = sqs.list_message_move_tasks(SourceArn=queue["dead_letter_arn"])
    return all(task["Status"] == "COMPLETED" for task in tasks["Results"]) and not waiting(sqs, queue["url"])


def _dead_letter(message: dict[str, Any]) -> DeadLetter:
    said = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
    return DeadLetter(
        body=message["Body"],
        reason=said.get("Reason"),
        receives=int(said["Receives"]) if "Receives" in said else None,
        application_told={"true": True, "false": False}.get(said.get("ApplicationTold", "")),
    )
