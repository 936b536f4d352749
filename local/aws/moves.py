"""Message move tasks: what lies in a dead-letter queue goes to a queue that is named.

Source: SQS API reference, StartMessageMoveTask and ListMessageMoveTasks, and SQS developer guide, "Learn how to
configure a dead-letter queue redrive". A moved message is a new one with the body and the attributes of the old. A task
moves at most as many messages as lay there when it was started. Tasks without a destination, and CancelMessageMoveTask,
are not known here.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from moto.sqs.exceptions import SQSException
from moto.sqs.models import Queue, sqs_backends

from local.aws.errors import Refusal
from local.aws.messages import invalid
from local.aws.queues import Queues, find

FASTEST = 500
MOST_LISTED = 10


@dataclass
class Task:
    """One task, as ListMessageMoveTasks tells it; ``rate`` is in messages per second."""

    source: str
    destination: str
    rate: int | None
    to_move: int
    moved: int = 0
    status: str = "RUNNING"
    failure: str | None = None
    started: int = field(default_factory=lambda: int(time.time() * 1000))
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def handle(self) -> str:
        """Name the task to a client."""
        return base64.b64encode(json.dumps({"taskId": self.id, "sourceArn": self.source}).encode()).decode()

    def to_json(self) -> dict[str, Any]:
        """Give the entry of a list, without what is not known or not said."""
        entry = {
            "TaskHandle": self.handle if self.status == "RUNNING" else None,
            "Status": self.status,
            "SourceArn": self.source,
            "DestinationArn": self.destination,
            "MaxNumberOfMessagesPerSecond": self.rate,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "FailureReason": self.failure,
            "StartedTimestamp": self.started,
        }
        return {name: value for name, value in entry.items() if value is not None}


class Moves:
    """Runs tasks, one for a source at a time."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self._tasks: list[Task] = []

    def start(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Answer StartMessageMoveTask."""
        source, rate = str(asked.get("SourceArn")), asked.get("MaxNumberOfMessagesPerSecond")
        with self._queues.changed:
            queue = _existing("SourceArn", source)
            if not sqs_backends[queue.account_id][queue.region].list_dead_letter_source_queues(queue.name):
                raise invalid("Source queue must be configured as a Dead Letter Queue.")
            destination = _existing("DestinationArn", str(asked.get("DestinationArn"))).queue_arn
            if rate is not None and not 1 <= rate <= FASTEST:
                raise invalid(f"Value for parameter MaxNumberOfMessagesPerSecond must be between 1 and {FASTEST}.")
            if any(task.source == source and task.status == "RUNNING" for task in self._tasks):
                only = "Only one active task is allowed for a source queue arn at a given time."
                raise invalid(f"There is already a task running. {only}")
            task = Task(source, destination, rate, len(queue.messages))
            self._tasks.append(task)
        threading.Thread(target=self._run, args=(task,), daemon=True).start()
        return {"TaskHandle": task.handle}

    def recent(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Answer ListMessageMoveTasks: the newest first."""
        source = str(asked.get("SourceArn"))
        with self._queues.changed:
            _existing("SourceArn", source)
            found = [task.to_json() for task in reversed(self._tasks) if task.source == source]
        return {"Results": found[: min(asked.get("MaxResults", 1), MOST_LISTED)]}

    def _run(self, task: Task) -> None:
        while self._move_one(task):
            if task.rate is not None:
                time.sleep(1 / task.rate)

    def _move_one(self, task: Task) -> bool:
        """Move the oldest message, or end the task."""
        with self._queues.changed:
            source = find(task.source)
            if source is None or find(task.destination) is None:
                task.status, task.failure = "FAILED", "AWS.SimpleQueueService.NonExistentQueue"
                return False
            if task.moved == task.to_move or not source.messages:
                task.status = "COMPLETED"
                return False
            message = source.messages[0]
            try:
                self._queues.send(task.destination, message.body, message_attributes=message.message_attributes)
            except SQSException as reason:
                task.status, task.failure = "FAILED", reason.code
                return False
            source._messages.remove(message)
            source.pending_messages.discard(message)
            task.moved += 1
            return True


def _existing(parameter: str, arn: str) -> Queue:
    queue = find(arn)
    if queue is None:
        text = f"The resource that you specified for the {parameter} parameter doesn't exist."
        raise Refusal(404, "ResourceNotFoundException", text)
    return queue
