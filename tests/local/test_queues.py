"""Queues keep what SQS promises, where moto's do not."""

from __future__ import annotations

import itertools
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from moto.sqs.models import sqs_backends
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from local.aws.queues import Queues
from tests.local.emulated import ACCOUNT, REGION, Aws, queue_arn, refusal

REASON = {"Reason": {"DataType": "String", "StringValue": "HTTP 422"}}


def test_a_long_poll_gets_what_comes_and_holds_up_nobody(aws: Aws) -> None:
    queue, other = aws.queue("patient"), aws.queue("beside")
    with ThreadPoolExecutor(1) as beside:
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
    assert aws.receive(queue, WaitTimeSeconds=20, VisibilityTimeout=60)
    assert 1 <= time.monotonic() - began < 20
    assert aws.receive(queue, WaitTimeSeconds=1) == []


def test_characters_that_sqs_does_not_take_are_refused(aws: Aws) -> None:
    queue, send = aws.queue("strict"), aws.sqs.send_message
    assert refusal(send, QueueUrl=queue, MessageBody="a\0b")[0] == "InvalidMessageContents"
    bad = {"Reason": {"DataType": "String", "StringValue": "a\x1bb"}}
    assert refusal(send, QueueUrl=queue, MessageBody="m", MessageAttributes=bad)[0] == "InvalidParameterValue"


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

    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential=key/20261124/{REGION}/sqs/aws4_request"}
    asked = EnvironBuilder(method="POST", json={"QueueUrl": "http://localhost/crossing"}, headers=headers)
    answer = Queues().carry_out(Request(asked.get_environ()), "GetQueueAttributes", pass_on)
    assert sum(map(int, json.loads(answer.get_data())["Attributes"].values())) == 1


def test_dead_letters_go_to_a_queue_as_new_messages(aws: Aws) -> None:
    queue, dead_letters = aws.queue_with_dead_letters("back", 1)
    sent = aws.sqs.send_message(QueueUrl=queue, MessageBody="dead", MessageAttributes=REASON)
    assert aws.receive(queue, VisibilityTimeout=0)
    assert aws.receive(queue) == []
    (dead,) = aws.receive(dead_letters, VisibilityTimeout=0)
    assert (dead["MessageId"], dead["MessageAttributes"]) == (sent["MessageId"], REASON)
    aws.sqs.start_message_move_task(SourceArn=queue_arn(dead_letters), DestinationArn=queue_arn(queue))
    (task,) = aws.sqs.list_message_move_tasks(SourceArn=queue_arn(dead_letters))["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    assert aws.receive(dead_letters) == []
    (moved,) = aws.receive(queue)
    assert moved["MessageId"] != sent["MessageId"]
    assert (moved["Body"], moved["MessageAttributes"]) == ("dead", REASON)
    assert moved["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_move_that_cannot_be_is_refused(aws: Aws) -> None:
    queue, dead_letters = map(queue_arn, aws.queue_with_dead_letters("refused", 1))
    start = aws.sqs.start_message_move_task
    assert refusal(start, SourceArn=queue, DestinationArn=dead_letters)[0] == "InvalidParameterValue"
    for source, destination in ((f"{dead_letters}-not", queue), (dead_letters, f"{queue}-not")):
        assert refusal(start, SourceArn=source, DestinationArn=destination)[0] == "ResourceNotFoundException"
