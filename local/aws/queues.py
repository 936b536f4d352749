"""Queues: moto's, one request at a time.

moto looks for a message and then marks it: of two receivers at once both would get it, and a message sent while another
one is deleted would be lost. A long poll waits here, where it holds up nobody.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, TypeVar

from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends
from werkzeug.wrappers import Request, Response

from local.aws import protocol
from local.aws.errors import Refusal

Pass = Callable[[bytes], Response]
Found = TypeVar("Found")

LOOK_SECONDS = 0.2
"""How late a receiver notices a message that has become visible again, of which nothing tells."""

# SQS API reference, SendMessage: the characters a message may hold.
INVALID_CHARACTERS = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Queues:
    """Carries out requests, and what this AWS itself receives and deletes.

    Attributes
    ----------
    changed
        Held by whoever reads or changes queues, and told of every change: receivers wait for it.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()

    def carry_out(self, request: Request, operation: str, pass_on: Pass) -> Response:
        """Answer a request in JSON; ``pass_on`` has moto answer it with a body."""
        body = protocol.body(request)
        with self.changed:
            queue = find(_arn(request, body))
            if queue is not None and operation == "ReceiveMessage":
                return self._receive_for(queue, body, pass_on)
            if queue is not None and operation == "GetQueueAttributes":
                return _attributes(queue, body, pass_on)
            if operation == "SendMessage":
                _check(body)
            response = pass_on(protocol.data(request))
            self.changed.notify_all()
            return response

    def receive(self, arn: str, count: int, seconds: float, wanted: Callable[[], bool]) -> list[Message]:
        """Receive messages, or none where nothing came in time.

        Parameters
        ----------
        arn, count
            The queue, and how many messages at most.
        seconds
            How long to wait for the first one.
        wanted
            Nothing is received while this is false; it is asked again after every change.
        """

        def look() -> list[Message]:
            queue = find(arn)
            if queue is None or not wanted():
                return []
            hidden = int(queue.visibility_timeout)  # type: ignore[attr-defined]
            return _backend(arn).receive_message(queue.name, count, 0, hidden, ["All"])

        with self.changed:
            return self._wait_for(look, seconds)

    def delete(self, arn: str, message: Message) -> None:
        """Delete a message; nothing happens where it is gone."""
        with self.changed, suppress(ReceiptHandleIsInvalid):
            if (queue := find(arn)) is not None:
                queue.delete_message(str(message.receipt_handle))
                self.changed.notify_all()

    def _receive_for(self, queue: Queue, body: dict[str, Any], pass_on: Pass) -> Response:
        """Answer ReceiveMessage, after a long poll where one is asked for."""
        asked = json.dumps({**body, "WaitTimeSeconds": 0}).encode()

        def look() -> Response | None:
            response = pass_on(asked)
            is_empty = response.status_code == HTTPStatus.OK and not json.loads(response.get_data()).get("Messages")
            return None if is_empty else response

        seconds = body.get("WaitTimeSeconds", queue.receive_message_wait_time_seconds)  # type: ignore[attr-defined]
        return self._wait_for(look, float(seconds or 0)) or protocol.answer({})

    def _wait_for(self, look: Callable[[], Found], seconds: float) -> Found:
        """Look until there is something, or the time is up."""
        deadline = time.monotonic() + seconds
        while not (found := look()) and (left := deadline - time.monotonic()) > 0:
            self.changed.wait(min(left, LOOK_SECONDS))
        return found


def find(arn: str) -> Queue | None:
    """Find a queue by ARN."""
    return _backend(arn).queues.get(arn.rpartition(":")[2]) if arn.count(":") == 5 else None


def invalid(text: str) -> Refusal:
    """Refuse a parameter."""
    return Refusal(400, "InvalidParameterValue", text)


def _backend(arn: str) -> SQSBackend:
    _, _, _, region, account, _ = arn.split(":")
    return sqs_backends[account][region]


def _arn(request: Request, body: dict[str, Any]) -> str:
    name = str(body.get("QueueUrl", "")).rpartition("/")[2]
    return f"arn:aws:sqs:{protocol.region(request)}:{protocol.ACCOUNT}:{name}"


def _check(message: dict[str, Any]) -> None:
    """Refuse characters that SQS does not take, and moto does."""
    if INVALID_CHARACTERS.search(message["MessageBody"]):
        raise Refusal(400, "InvalidMessageContents", "Invalid characters found.")
    for name, attribute in message.get("MessageAttributes", {}).items():
        if not (value := attribute.get("StringValue")) or INVALID_CHARACTERS.search(value):
            raise invalid(f"Message (user) attribute '{name}' must contain a non-empty, valid value.")


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
