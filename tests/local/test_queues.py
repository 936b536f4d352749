"""Queues keep what SQS promises, however many clients there are at once."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from moto.sqs.models import sqs_backends
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from local.aws.queues import Queues
from tests.local.emulated import ACCOUNT, REGION, Aws, eventually, queue_arn, refusal

REASON = {
    "Reason": {"DataType": "String", "StringValue": "HTTP 422"},
    "Raw": {"DataType": "Binary", "BinaryValue": b"\0"},
}


def request(queue: str, **body: Any) -> Request:
    """Write a request about a queue as the front gets it."""
    content = json.dumps({"QueueUrl": f"http://localhost/{queue}", **body})
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential=key/20261124/{REGION}/sqs/aws4_request"}
    return Request(EnvironBuilder(method="POST", data=content, headers=headers).get_environ())


def test_messages_sent_received_and_deleted_at_once_come_exactly_once() -> None:
    queues, backend, sent = Queues(), sqs_backends[ACCOUNT][REGION], 400
    backend.create_queue("busy")
    received: list[int] = []

    def ask(operation: str, **body: Any) -> dict[str, Any]:
        """Make a request as the front has it carried out, by moto where it passes it on."""

        def pass_on(_: bytes) -> Response:
            if operation == "SendMessage":
                backend.send_message("busy", body["MessageBody"])
            else:
                backend.delete_message("busy", body["ReceiptHandle"])
            return Response("{}")

        return dict(json.loads(queues.carry_out(request("busy", **body), operation, pass_on).get_data()))

    def receive_all(_: int) -> None:
        while messages := ask("ReceiveMessage", WaitTimeSeconds=1).get("Messages"):
            received.append(int(messages[0]["Body"]))
            ask("DeleteMessage", ReceiptHandle=messages[0]["ReceiptHandle"])

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # the threads take turns as often as they can
    try:
        with ThreadPoolExecutor(8) as together:
            receivers = [together.submit(receive_all, number) for number in range(4)]
            list(together.map(lambda number: ask("SendMessage", MessageBody=str(number)), range(sent)))
            [receiver.result() for receiver in receivers]
    finally:
        sys.setswitchinterval(interval)
    assert sorted(received) == list(range(sent))
    assert backend.queues["busy"]._messages == []


def test_a_long_poll_gets_what_comes_and_holds_up_nobody(aws: Aws) -> None:
    queue, other = aws.queue("patient"), aws.queue("beside")
    with waiting_in_vain(aws) as beside:
        polling = beside.submit(aws.receive, queue, WaitTimeSeconds=20)
        time.sleep(0.1)  # it waits by now
        aws.sqs.send_message(QueueUrl=other, MessageBody="another's")
        assert aws.receive(other)[0]["Body"] == "another's"
        assert not polling.done()
        aws.sqs.send_message(QueueUrl=queue, MessageBody="its own")
        assert polling.result()[0]["Body"] == "its own"


def test_a_long_poll_gets_what_becomes_visible_and_ends_when_nothing_does(aws: Aws) -> None:
    queue = aws.queue("hidden")
    aws.sqs.send_message(QueueUrl=queue, MessageBody="again")
    began = time.monotonic()
    assert aws.receive(queue, VisibilityTimeout=1)
    with waiting_in_vain(aws):
        assert aws.receive(queue, WaitTimeSeconds=20, VisibilityTimeout=60)
    assert time.monotonic() - began >= 1
    assert aws.receive(queue, WaitTimeSeconds=1) == []


@contextmanager
def waiting_in_vain(aws: Aws) -> Iterator[ThreadPoolExecutor]:
    """See that a block is over before a long poll that began before it and gets nothing; give threads to use."""
    empty = aws.queue("empty")
    with ThreadPoolExecutor(2) as beside:
        polling = beside.submit(aws.receive, empty, WaitTimeSeconds=20)
        yield beside
        assert not polling.done()
        aws.sqs.send_message(QueueUrl=empty, MessageBody="it need not wait longer")


def test_a_dead_letter_keeps_id_attributes_and_count(aws: Aws) -> None:
    queue, dead_letters = aws.queue_with_dead_letters("redriven", 1)
    sent = aws.sqs.send_message(QueueUrl=queue, MessageBody="dead", MessageAttributes=REASON)
    assert aws.receive(queue, VisibilityTimeout=0)
    assert aws.receive(queue) == []
    (dead,) = aws.receive(dead_letters)
    assert dead["MessageId"] == sent["MessageId"]
    assert dead["MessageAttributes"] == REASON
    assert dead["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_visibility_timeout_ends_within_twelve_hours_of_the_receive(aws: Aws) -> None:
    queue = aws.queue("visible")
    aws.sqs.send_message(QueueUrl=queue, MessageBody="m")
    (message,) = aws.receive(queue)
    change, its = aws.sqs.change_message_visibility, {"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]}
    for seconds in (-1, 43_200, 43_201):
        assert refusal(change, **its, VisibilityTimeout=seconds)[0] == "InvalidParameterValue"
    change(**its, VisibilityTimeout=42_240)
    change(**its, VisibilityTimeout=0)
    assert refusal(change, **its, VisibilityTimeout=1)[0] == "MessageNotInflight"
    assert aws.receive(queue)
    aws.sqs.delete_message(**its)
    assert refusal(change, **its, VisibilityTimeout=1)[0] == "InvalidParameterValue"
    assert refusal(change, QueueUrl=queue, ReceiptHandle="nobody's", VisibilityTimeout=1)[0] == "ReceiptHandleIsInvalid"


def test_what_sqs_does_not_take_is_refused(aws: Aws) -> None:
    queue, send = aws.queue("strict", MaximumMessageSize=1024), aws.sqs.send_message
    text = {"DataType": "String", "StringValue": "x"}
    eleven = {str(number): text for number in range(11)}
    assert refusal(send, QueueUrl=queue, MessageBody="m", MessageAttributes=eleven)[0] == "InvalidParameterValue"
    assert refusal(send, QueueUrl=queue, MessageBody="a\0b")[0] == "InvalidMessageContents"
    bad = {"Reason": {"DataType": "String", "StringValue": "a\x1bb"}}
    assert refusal(send, QueueUrl=queue, MessageBody="m", MessageAttributes=bad)[0] == "InvalidParameterValue"
    send(QueueUrl=queue, MessageBody="x" * 1024)
    assert refusal(send, QueueUrl=queue, MessageBody="ü" * 513)[0] == "InvalidParameterValue"
    both = {"MessageBody": "x" * 1024, "MessageAttributes": {"a": text}}
    assert refusal(send, QueueUrl=queue, **both)[0] == "InvalidParameterValue"


def test_a_queue_tells_its_redrive_policies_as_they_were_given(aws: Aws) -> None:
    queue, dead_letters = aws.queue_with_dead_letters("telling", 3)
    allowing = {"RedriveAllowPolicy": '{"redrivePermission":"denyAll"}'}
    aws.sqs.set_queue_attributes(QueueUrl=dead_letters, Attributes=allowing)
    for names in (["All"], ["RedriveAllowPolicy"]):
        found = aws.sqs.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=names)["Attributes"]
        assert found["RedriveAllowPolicy"] == allowing["RedriveAllowPolicy"]
    found = aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])["Attributes"]
    given = {"deadLetterTargetArn": queue_arn(dead_letters), "maxReceiveCount": 3}
    assert found["RedrivePolicy"] == json.dumps(given, separators=(",", ":"))  # what Terraform's jsonencode gives


def test_a_message_that_becomes_visible_while_a_queue_is_counted_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = sqs_backends[ACCOUNT][REGION]
    queue = backend.create_queue("crossing")
    backend.send_message("crossing", "visible between one count of moto's and the next")
    seconds = itertools.count(time.time() + 10)
    queue._messages[0].visible_at = (time.time() + 10.5) * 1000
    monkeypatch.setattr("moto.sqs.models.unix_time_millis", lambda: next(seconds) * 1000)

    def pass_on(_: bytes) -> Response:
        counts = {name: str(count) for name, count in queue.attributes.items() if name.startswith("Approximate")}
        return Response(json.dumps({"Attributes": counts}))

    answer = json.loads(Queues().carry_out(request("crossing"), "GetQueueAttributes", pass_on).get_data())
    assert sum(map(int, answer["Attributes"].values())) == 1


def test_a_client_of_a_queue_is_throttled_and_delayed(aws: Aws) -> None:
    queue = aws.queue("throttled")
    fault: dict[str, Any] = {"service": "sqs", "operation": "SendMessage", "count": 1}
    faults = f"{aws.endpoint}/_local/faults"
    requests.post(faults, json={**fault, "fault": "throttle"}, timeout=10)
    requests.post(faults, json={**fault, "fault": "delay", "seconds": 0.3}, timeout=10)
    try:
        before = requests.get(faults, timeout=10).json()["requests"]["sqs.SendMessage"]
        assert refusal(aws.sqs.send_message, QueueUrl=queue, MessageBody="m")[0] == "RequestThrottled"
        began = time.monotonic()
        aws.sqs.send_message(QueueUrl=queue, MessageBody="m")
        assert time.monotonic() - began >= 0.3
    finally:
        told = requests.delete(faults, timeout=10).json()
    assert (told["met"], told["requests"]["sqs.SendMessage"]) == (2, before + 2)


class Redrive:
    """A queue, its dead letters, and the tasks that move them."""

    def __init__(self, aws: Aws, name: str) -> None:
        self.aws = aws
        self.queue, self.dead_letters = aws.queue_with_dead_letters(name, 1)
        self.source, self.target = queue_arn(self.dead_letters), queue_arn(self.queue)

    def die(self, *bodies: str) -> None:
        """Make dead letters by SQS's own redrive."""
        for body in bodies:
            self.aws.sqs.send_message(QueueUrl=self.queue, MessageBody=body, MessageAttributes=REASON)
        assert len(self.aws.receive(self.queue, VisibilityTimeout=0)) == len(bodies)
        assert self.aws.receive(self.queue) == []

    def start(self, **settings: Any) -> str:
        asked = {"SourceArn": self.source, "DestinationArn": self.target, **settings}
        return str(self.aws.sqs.start_message_move_task(**asked)["TaskHandle"])

    def task(self) -> dict[str, Any]:
        """Give the newest task."""
        (task,) = self.aws.sqs.list_message_move_tasks(SourceArn=self.source)["Results"]
        return dict(task)

    def ended(self) -> tuple[str, int, int]:
        """Wait for the newest task's end; give its status, what it moved and what it was to move."""
        task = eventually(lambda: None if "TaskHandle" in (found := self.task()) else found)
        return task["Status"], task["ApproximateNumberOfMessagesMoved"], task["ApproximateNumberOfMessagesToMove"]


def test_dead_letters_go_to_a_queue_as_new_messages(aws: Aws) -> None:
    redrive = Redrive(aws, "back")
    redrive.die("first", "second")
    aws.sqs.send_message(QueueUrl=redrive.dead_letters, MessageBody="sent here")
    ids = {message["MessageId"] for message in aws.receive(redrive.dead_letters, VisibilityTimeout=0)}
    redrive.start()
    assert redrive.ended() == ("COMPLETED", 3, 3)
    assert redrive.task()["DestinationArn"] == redrive.target
    moved = aws.receive(redrive.queue)
    assert [message["Body"] for message in moved] == ["first", "second", "sent here"]
    assert not ids & {message["MessageId"] for message in moved}
    assert moved[0]["MessageAttributes"] == REASON
    assert moved[0]["Attributes"]["ApproximateReceiveCount"] == "1"
    assert aws.counts(redrive.dead_letters) == (0, 0)


def test_a_slow_move_goes_one_at_a_time_beside_no_other(aws: Aws) -> None:
    redrive = Redrive(aws, "slow")
    redrive.die("1", "2")
    handle = redrive.start(MaxNumberOfMessagesPerSecond=1)
    assert refusal(redrive.start)[0] == "InvalidParameterValue"
    under_way = eventually(lambda: task if (task := redrive.task())["ApproximateNumberOfMessagesMoved"] else None)
    assert (under_way["TaskHandle"], under_way["ApproximateNumberOfMessagesMoved"]) == (handle, 1)
    assert redrive.ended() == ("COMPLETED", 2, 2)


def test_a_move_that_cannot_be_is_refused(aws: Aws) -> None:
    redrive = Redrive(aws, "refused")
    assert refusal(redrive.start, SourceArn=redrive.target)[0] == "InvalidParameterValue"
    assert refusal(redrive.start, SourceArn=redrive.source + "-not")[0] == "ResourceNotFoundException"
    assert refusal(redrive.start, DestinationArn=redrive.target + "-not")[0] == "ResourceNotFoundException"
    assert refusal(redrive.start, MaxNumberOfMessagesPerSecond=501)[0] == "InvalidParameterValue"
