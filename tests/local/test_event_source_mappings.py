"""An event source mapping hands a queue's messages to a function as Lambda's pollers do.

That what succeeded is deleted, and what failed comes back until it is dead, tests/e2e shows with the worker.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from local.aws.mappings import failures
from local.aws.sandbox import Outcome
from tests.local.emulated import ACCOUNT, Aws, allow, eventually, queue_arn, refusal

# Each invocation leaves a file with what it was given, and when.
FUNCTION = """
    import json, os, time, uuid

    def handler(event, context):
        began = time.time()
        time.sleep(max(json.loads(record["body"]).get("sleep", 0) for record in event["Records"]))
        path = os.path.join(os.environ["SEEN"], uuid.uuid4().hex)
        with open(path, "w") as file:
            json.dump({"began": began, "ended": time.time(), "records": event["Records"]}, file)
        os.rename(path, path + ".json")
        return {"batchItemFailures": []}
"""


class Consumer:
    """A queue with a function behind it."""

    def __init__(self, aws: Aws, name: str, seen: Path, visibility_seconds: int = 60, **mapping: Any) -> None:
        self.aws, self._seen = aws, seen
        self.queue, self.dead_letters = aws.queue_with_dead_letters(name, 2, VisibilityTimeout=visibility_seconds)
        environment = {"Variables": {"SEEN": str(seen)}}
        aws.deploy(name, FUNCTION, Timeout=min(20, visibility_seconds), Environment=environment)
        create = aws.lambda_.create_event_source_mapping
        self.uuid = create(FunctionName=name, EventSourceArn=queue_arn(self.queue), **mapping)["UUID"]

    def send(self, *bodies: dict[str, Any]) -> None:
        for body in bodies:
            self.aws.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(body))

    def seen(self, count: int = 1) -> list[dict[str, Any]]:
        """Wait for so many invocations and give what they were given."""
        files = eventually(lambda: found if len(found := list(self._seen.glob("*.json"))) >= count else [])
        return [json.loads(file.read_text()) for file in files]

    def left(self, visible: int, in_flight: int) -> None:
        """Wait until so many messages are left."""
        eventually(lambda: self.aws.counts(self.queue) == (visible, in_flight))


def test_a_message_is_handed_over_in_lambdas_shape_and_deleted(aws: Aws, tmp_path: Path) -> None:
    consumer = Consumer(aws, "shape", tmp_path)
    attributes = {"Receives": {"DataType": "Number", "StringValue": "5"}}
    sent = aws.sqs.send_message(QueueUrl=consumer.queue, MessageBody='{"n": 1}', MessageAttributes=attributes)
    [[record]] = [each["records"] for each in consumer.seen()]
    assert record.pop("receiptHandle")
    given = record.pop("attributes")
    assert given["ApproximateReceiveCount"] == "1"
    assert int(given["SentTimestamp"]) <= int(given["ApproximateFirstReceiveTimestamp"]) <= time.time() * 1000
    assert record == {
        "messageId": sent["MessageId"],
        "body": '{"n": 1}',
        "messageAttributes": {"Receives": {"dataType": "Number", "stringValue": "5"}},
        "md5OfBody": sent["MD5OfMessageBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn(consumer.queue),
        "awsRegion": "eu-west-1",
    }
    consumer.left(0, 0)


@pytest.mark.parametrize(
    ("report", "failed"),
    [
        (b'{"batchItemFailures": []}', set()),
        (b'{"batchItemFailures": [{"itemIdentifier": "a"}]}', {"a"}),
        (b'{"batchItemFailures": [{"itemIdentifier": "c"}]}', {"a", "b"}),
        (b'{"batchItemFailures": [{"id": "a"}]}', {"a", "b"}),
        (b'"done"', {"a", "b"}),
        (b"no JSON", {"a", "b"}),
    ],
)
def test_a_report_fails_what_it_names_and_everything_where_it_is_none(report: bytes, failed: set[str]) -> None:
    assert failures(Outcome(report, False, True, "id", []), {"a", "b"}) == failed


def test_a_throttled_batch_is_tried_again_without_another_receive(aws: Aws, tmp_path: Path) -> None:
    consumer = Consumer(aws, "held-back", tmp_path)
    aws.lambda_.put_function_concurrency(FunctionName="held-back", ReservedConcurrentExecutions=0)
    consumer.send({"n": 1})
    consumer.left(0, 1)
    time.sleep(0.3)
    assert not list(tmp_path.iterdir())
    aws.lambda_.delete_function_concurrency(FunctionName="held-back")
    [[record]] = [each["records"] for each in consumer.seen()]
    assert record["attributes"]["ApproximateReceiveCount"] == "1"


def test_a_batch_throttled_for_longer_than_its_visibility_timeout_comes_back_and_is_dead(
    aws: Aws, tmp_path: Path
) -> None:
    consumer = Consumer(aws, "never", tmp_path, visibility_seconds=1)
    aws.lambda_.put_function_concurrency(FunctionName="never", ReservedConcurrentExecutions=0)
    consumer.send({"n": 1})
    (dead,) = eventually(lambda: aws.receive(consumer.dead_letters))
    assert dead["Attributes"]["ApproximateReceiveCount"] == "3"  # twice here, and now
    assert not list(tmp_path.iterdir())


def test_batches_and_concurrency_are_bounded(aws: Aws, tmp_path: Path) -> None:
    consumer = Consumer(aws, "bounded", tmp_path, BatchSize=2, ScalingConfig={"MaximumConcurrency": 2}, Enabled=False)
    consumer.send(*[{"sleep": 0.2}] * 8)
    aws.lambda_.update_event_source_mapping(UUID=consumer.uuid, Enabled=True)
    invocations = consumer.seen(4)
    assert [len(each["records"]) for each in invocations] == [2, 2, 2, 2]
    together = [sum(other["began"] <= each["began"] < other["ended"] for other in invocations) for each in invocations]
    assert max(together) == 2


def test_what_lambda_does_not_accept_is_refused(aws: Aws) -> None:
    aws.deploy("checked", FUNCTION, Timeout=5)
    aws.iam.create_role(RoleName="sender", AssumeRolePolicyDocument="{}")
    policy = json.dumps(allow("sqs:SendMessage", "*"))
    aws.iam.put_role_policy(RoleName="sender", PolicyName="send", PolicyDocument=policy)
    aws.deploy("sending", FUNCTION, Timeout=5, Role=f"arn:aws:iam::{ACCOUNT}:role/sender")
    short, queue = queue_arn(aws.queue("short", VisibilityTimeout=4)), queue_arn(aws.queue("checked"))
    create = aws.lambda_.create_event_source_mapping
    too_short = "Queue visibility timeout: 4 seconds is less than Function timeout: 5 seconds"
    assert too_short in refusal(create, FunctionName="checked", EventSourceArn=short)[1]
    forbidden = "does not have permissions to call ReceiveMessage on SQS"
    assert forbidden in refusal(create, FunctionName="sending", EventSourceArn=queue)[1]
