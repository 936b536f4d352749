"""Message move tasks: what lies in a dead-letter queue goes to a queue that is named.

Source: SQS API reference, StartMessageMoveTask and ListMessageMoveTasks, and SQS developer guide, "Learn how to
configure a dead-letter queue redrive". A moved message is a new one with the body and the attributes of the old. Here a
task has ended when it is answered for, whatever rate is asked for, and needs a destination.
"""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from moto.sqs.models import Queue, sqs_backends

from local.aws.errors import Refusal
from local.aws.queues import Queues, find, invalid


class Moves:
    """Runs tasks, and remembers the last one of each source."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self._last: dict[str, dict[str, Any]] = {}

    def start(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Answer StartMessageMoveTask."""
        with self._queues.changed:
            source, destination = _existing("SourceArn", asked), _existing("DestinationArn", asked)
            backend = sqs_backends[source.account_id][source.region]
            if not backend.list_dead_letter_source_queues(source.name):
                raise invalid("Source queue must be configured as a Dead Letter Queue.")
            messages = source.messages
            for message in messages:
                backend.send_message(destination.name, message.body, message_attributes=message.message_attributes)
                source._messages.remove(message)
            self._last[source.queue_arn] = {
                "Status": "COMPLETED",
                "SourceArn": source.queue_arn,
                "DestinationArn": destination.queue_arn,
                "ApproximateNumberOfMessagesMoved": len(messages),
                "ApproximateNumberOfMessagesToMove": len(messages),
                "StartedTimestamp": int(time.time() * 1000),
            }
            self._queues.changed.notify_all()
        handle = {"taskId": "local", "sourceArn": source.queue_arn}
        return {"TaskHandle": base64.b64encode(json.dumps(handle).encode()).decode()}

    def recent(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Answer ListMessageMoveTasks."""
        last = self._last.get(_existing("SourceArn", asked).queue_arn)
        return {"Results": [last] if last else []}


def _existing(parameter: str, asked: dict[str, Any]) -> Queue:
    queue = find(str(asked.get(parameter)))
    if queue is None:
        text = f"The resource that you specified for the {parameter} parameter doesn't exist."
        raise Refusal(404, "ResourceNotFoundException", text)
    return queue
