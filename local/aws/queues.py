"""Queues: SQS, one request at a time.

moto keeps the queues, but looks for a message and then marks it: of two receivers at once both would get it, and a
message sent while another one is deleted would be lost. Messages are received here and not by moto, whose receive takes
the longer the more there are, and keeps what is past its retention period. A visibility timeout ends within twelve
hours of the receive (SQS developer guide, "Amazon SQS visibility timeout"); moto counts them from when the message was
sent.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from weakref import WeakKeyDictionary

from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends
from werkzeug.wrappers import Request, Response

from local.aws import messages, protocol
from local.aws.errors import Refusal
from local.aws.messages import Received, invalid

Pass = Callable[[bytes], Response]

LONGEST_VISIBILITY_SECONDS = 43_200
LONGEST_WAIT_SECONDS = 20
MOST_IN_A_RECEIVE = 10


class Queues:
    """Carries out requests, and what this AWS itself sends, receives and deletes.

    Attributes
    ----------
    changed
        Held by whoever reads or changes queues, and told of every change: receivers wait for it, holding up nobody.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._received: WeakKeyDictionary[Message, float] = WeakKeyDictionary()

    def carry_out(self, request: Request, operation: str, pass_on: Pass) -> Response:
        """Answer a request in JSON; ``pass_on`` has moto answer it with a body."""
        body = protocol.body(request)
        with self.changed:
            queue = find(_arn(request, body))
            if queue is None:
                response = pass_on(protocol.data(request))
            elif operation == "ReceiveMessage":
                response = protocol.answer(self._receive_for(queue, body))
            elif operation == "ChangeMessageVisibility":
                self._change_visibility(queue, body)
                response = protocol.answer({})
            elif operation == "GetQueueAttributes":
                response = _attributes(queue, body, pass_on)
            else:
                if operation == "SendMessage":
                    messages.check(body, _setting(queue, "maximum_message_size"))
                response = pass_on(protocol.data(request))
            self.changed.notify_all()
            return response

    def send(self, arn: str, text: str, **more: Any) -> None:
        """Send to a queue; ``more`` is what moto's backend takes besides."""
        with self.changed:
            _backend(arn).send_message(_name(arn), text, **more)
            self.changed.notify_all()

    def receive(
        self,
        arn: str,
        count: int,
        seconds: float,
        *,
        visibility_seconds: int | None = None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> list[Received]:
        """Receive messages, or none where nothing came in time.

        Parameters
        ----------
        arn, count
            The queue, and how many messages at most.
        seconds
            How long to wait for the first one.
        visibility_seconds
            How long they are hidden from others; as the queue says, if None.
        wanted
            Nothing is received while this is false; it is asked again after every change.
        """
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                queue = find(arn)
                if queue is not None and wanted():
                    hidden = _setting(queue, "visibility_timeout") if visibility_seconds is None else visibility_seconds
                    if received := self._take(queue, count, hidden):
                        return received
                left = deadline - time.monotonic()
                if left <= 0:
                    return []
                self.changed.wait(min(left, _seconds_until_due(queue)))

    def delete(self, arn: str, receipt_handle: str) -> None:
        """Delete a message; nothing happens where it is gone."""
        with self.changed:
            queue = find(arn)
            if queue is not None:
                try:
                    queue.delete_message(receipt_handle)
                except ReceiptHandleIsInvalid:
                    return
                self.changed.notify_all()

    def _receive_for(self, queue: Queue, body: dict[str, Any]) -> dict[str, Any]:
        """Answer ReceiveMessage, after a long poll where one is asked for."""
        count = _in_range("MaxNumberOfMessages", body.get("MaxNumberOfMessages", 1), 1, MOST_IN_A_RECEIVE)
        wait = body.get("WaitTimeSeconds", _setting(queue, "receive_message_wait_time_seconds"))
        hidden = body.get("VisibilityTimeout", _setting(queue, "visibility_timeout"))
        received = self.receive(
            queue.queue_arn,
            count,
            _in_range("WaitTimeSeconds", wait, 0, LONGEST_WAIT_SECONDS),
            visibility_seconds=_in_range("VisibilityTimeout", hidden, 0, LONGEST_VISIBILITY_SECONDS),
        )
        system = {*body.get("AttributeNames", []), *body.get("MessageSystemAttributeNames", [])}
        told = [message.to_json(system, body.get("MessageAttributeNames", [])) for message in received]
        return {"Messages": told} if told else {}

    def _take(self, queue: Queue, count: int, visibility_seconds: int) -> list[Received]:
        """Mark up to so many messages as received, and make dead letters of those that were received too often."""
        oldest = (time.time() - _setting(queue, "message_retention_period")) * 1000
        queue._messages = [each for each in queue._messages if (each.sent_timestamp or 0) > oldest]
        dead_letters, most = queue.dead_letter_queue, (queue.redrive_policy or {}).get("maxReceiveCount", math.inf)
        taken: list[Received] = []
        for message in queue.messages:
            if len(taken) == count:
                break
            if dead_letters is not None and message.approximate_receive_count >= most:
                queue._messages.remove(message)
                dead_letters.add_message(message)
                self.changed.notify_all()
                continue
            message.mark_received(visibility_seconds)
            self._received[message] = time.time()
            taken.append(Received.of(message))
        return taken

    def _change_visibility(self, queue: Queue, entry: dict[str, Any]) -> None:
        handle = str(entry["ReceiptHandle"])
        timeout = _in_range("VisibilityTimeout", entry["VisibilityTimeout"], 0, LONGEST_VISIBILITY_SECONDS)
        message = next((each for each in queue._messages if each.had_receipt_handle(handle)), None)
        if message is None:
            if handle not in queue.deleted_messages:
                raise Refusal(400, "ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not valid.')
            reason = "Message does not exist or is not available for visibility timeout change."
            raise invalid(f"Value {handle} for parameter ReceiptHandle is invalid. Reason: {reason}")
        if message.visible:
            raise Refusal(400, "MessageNotInflight", "The specified message isn't in flight.")
        if time.time() - self._received[message] + timeout > LONGEST_VISIBILITY_SECONDS:
            reason = (
                f"Total VisibilityTimeout for the message is beyond the limit [{LONGEST_VISIBILITY_SECONDS} seconds]"
            )
            raise invalid(f"Value {timeout} for parameter VisibilityTimeout is invalid. Reason: {reason}")
        message.change_visibility(timeout)


def find(arn: str) -> Queue | None:
    """Find a queue by ARN."""
    return _backend(arn).queues.get(_name(arn)) if arn.count(":") == 5 else None


def _backend(arn: str) -> SQSBackend:
    _, _, _, region, account, _ = arn.split(":")
    return sqs_backends[account][region]


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]


def _arn(request: Request, body: dict[str, Any]) -> str:
    name = str(body.get("QueueUrl", "")).rpartition("/")[2]
    return f"arn:aws:sqs:{protocol.region(request)}:{protocol.ACCOUNT}:{name}"


def _seconds_until_due(queue: Queue | None) -> float:
    """Give the time until a message that is hidden or delayed now can be received."""
    now = time.time() * 1000
    due = (max(each.visible_at, each.delayed_until) for each in (queue._messages if queue is not None else []))
    return (min((moment for moment in due if moment >= now), default=math.inf) - now + 1) / 1000


def _attributes(queue: Queue, body: dict[str, Any], pass_on: Pass) -> Response:
    """Give a queue's attributes: with RedriveAllowPolicy, which moto takes and does not give, and policies compact."""
    names = body.get("AttributeNames", [])
    known = [name for name in names if name != "RedriveAllowPolicy"]
    response = pass_on(json.dumps({**body, "AttributeNames": known}).encode())
    if response.status_code != HTTPStatus.OK:
        return response
    found = json.loads(response.get_data() or b"{}").get("Attributes", {})
    if (policy := getattr(queue, "redrive_allow_policy", None)) and {"All", "RedriveAllowPolicy"} & set(names):
        found["RedriveAllowPolicy"] = policy
    found.update((name, count) for name, count in _counts(queue).items() if name in found)
    if "RedrivePolicy" in found:  # Terraform sees a difference in a space
        found["RedrivePolicy"] = json.dumps(json.loads(found["RedrivePolicy"]), separators=(",", ":"))
    return protocol.answer({"Attributes": found} if found else {})


def _counts(queue: Queue) -> dict[str, str]:
    """Count the messages, each once: moto misses one that becomes visible between its counts of both kinds."""
    now, kinds = time.time() * 1000, Counter[str]()
    for message in queue._messages:
        kinds["Delayed" if message.delayed_until > now else "NotVisible" if message.visible_at >= now else ""] += 1
    return {f"ApproximateNumberOfMessages{kind}": str(kinds[kind]) for kind in ("", "Delayed", "NotVisible")}


def _setting(queue: Queue, name: str) -> int:
    return int(getattr(queue, name))  # moto sets a queue's attributes so that no type checker knows them


def _in_range(parameter: str, value: Any, least: int, most: int) -> int:
    if not least <= int(value) <= most:
        reason = f"Must be between {least} and {most}, if provided."
        raise invalid(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")
    return int(value)
