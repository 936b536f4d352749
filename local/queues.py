"""The delivery queue, as those use it who fill it and wait for its end; its dead letters, as the runbook says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.stack import Stack

MOST = 10
"""Messages a request (API reference, SendMessageBatch)."""

HIDDEN_SECONDS = 60
"""While they are read, so that none comes twice; afterwards they are shown again."""


def enqueue(sqs: Any, url: str, bodies: Sequence[str]) -> None:
    """Send bodies, ten with each request; raises ``RuntimeError`` where SQS did not take one of them."""
    for start in range(0, len(bodies), MOST):
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies[start : start + MOST])]
        if failed := sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed"):
            raise RuntimeError(f"SQS did not take {failed}")


def waiting(sqs: Any, url: str) -> int:
    """Count what is in a queue: visible, in flight or delayed."""
    names = [f"ApproximateNumberOfMessages{name}" for name in ("", "NotVisible", "Delayed")]
    return sum(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


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


def count_dead_letters(stack: Stack) -> int:
    """Count the dead letters."""
    return waiting(stack.client("sqs"), stack.outputs["queue"]["dead_letter_url"])


def read_dead_letters(stack: Stack) -> list[DeadLetter]:
    """Look at all dead letters, and let them lie."""
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
    """Begin to move all dead letters to the queue they came from."""
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
