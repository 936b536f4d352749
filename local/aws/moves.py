"""Message move tasks: what lies in a dead-letter queue goes back, or to another queue.

Source: SQS API reference, StartMessageMoveTask, ListMessageMoveTasks and CancelMessageMoveTask, and SQS developer
guide, "Learn how to configure a dead-letter queue redrive" and "Troubleshoot Amazon SQS dead-letter queue and DLQ
redrive issues". A moved message is a new one with the body and the attributes of the old. Without a destination each
goes back to the queue it came from; one that was sent to the dead-letter queue itself came from none, and the task
fails there with CouldNotDetermineMessageSource. A task moves at most as many messages as lay there when it was started.
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
    destination: str | None
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


OPERATIONS = {"StartMessageMoveTask", "ListMessageMoveTasks", "CancelMessageMoveTask"}


class Moves:
    """Runs tasks, one for a source at a time."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self._tasks: list[Task] = []

    def carry_out(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Answer one of the three operations."""
        if operation == "StartMessageMoveTask":
            return self.start(asked)
        return self.cancel(asked) if operation == "CancelMessageMoveTask" else self.recent(asked)

    def start(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Answer StartMessageMoveTask."""
        source, destination = str(asked.get("SourceArn")), asked.get("DestinationArn")
        rate = asked.get("MaxNumberOfMessagesPerSecond")
        with self._queues.changed:
            queue = _existing("SourceArn", source)
            if not sqs_backends[queue.account_id][queue.region].list_dead_letter_source_queues(queue.name):
                raise invalid("Source queue must be configured as a Dead Letter Queue.")
            if destination is not None:
                _existing("DestinationArn", destination)
            if rate is not None and not 1 <= rate <= FASTEST:
                raise invalid(f"Value for parameter MaxNumberOfMessagesPerSecond must be between 1 and {FASTEST}.")
            if any(task.source == source and task.status in {"RUNNING", "CANCELLING"} for task in self._tasks):
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

    def cancel(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Answer CancelMessageMoveTask; what was moved stays moved."""
        source, identity = read_handle(str(asked.get("TaskHandle")))
        with self._queues.changed:
            _existing("SourceArn", source)
            task = next((each for each in self._tasks if each.id == identity), None)
            if task is None:
                raise Refusal(404, "ResourceNotFoundException", "Task does not exist.")
            if task.status != "RUNNING":
                raise Refusal(400, "UnsupportedOperation", "Only a running task can be cancelled.")
            task.status = "CANCELLING"
            self._queues.changed.notify_all()
            return {"ApproximateNumberOfMessagesMoved": task.moved}

    def _run(self, task: Task) -> None:
        with self._queues.changed:
            while task.status == "RUNNING" and self._move_one(task):
                if task.rate is not None:
                    self._pause(task, 1 / task.rate)
            task.status = {"RUNNING": "COMPLETED", "CANCELLING": "CANCELLED"}.get(task.status, task.status)

    def _move_one(self, task: Task) -> bool:
        """Move the oldest message; false where nothing is left, or it cannot be moved."""
        source = find(task.source)
        if source is not None and (task.moved == task.to_move or not source.messages):
            return False
        message = None if source is None else source.messages[0]
        destination = task.destination or (message and self._queues.source(message))
        if source is None or message is None or (destination and find(destination) is None):
            return _failed(task, "AWS.SimpleQueueService.NonExistentQueue")
        if not destination:
            return _failed(task, "CouldNotDetermineMessageSource")
        try:
            fifo = {"group_id": message.group_id, "deduplication_id": message.id} if source.fifo_queue else {}
            self._queues.send(destination, message.body, message_attributes=message.message_attributes, **fifo)
        except SQSException as reason:
            return _failed(task, reason.code)
        source._messages.remove(message)
        source.pending_messages.discard(message)
        task.moved += 1
        return True

    def _pause(self, task: Task, seconds: float) -> None:
        self._queues.changed.wait_for(lambda: task.status != "RUNNING", seconds)


def read_handle(handle: str) -> tuple[str, str]:
    """Give the source's ARN and the id of the task a handle names.

    Raises
    ------
    Refusal
        InvalidParameterValue: it is no handle.
    """
    try:
        found = json.loads(base64.b64decode(handle, validate=True))
        return str(found["sourceArn"]), str(found["taskId"])
    except (ValueError, KeyError, TypeError):
        raise invalid("Value for parameter TaskHandle is invalid.") from None


def _existing(parameter: str, arn: str) -> Queue:
    queue = find(arn)
    if queue is None:
        text = f"The resource that you specified for the {parameter} parameter doesn't exist."
        raise Refusal(404, "ResourceNotFoundException", text)
    return queue


def _failed(task: Task, reason: str) -> bool:
    task.status, task.failure = "FAILED", reason
    return False
