"""An event source mapping hands a queue's messages to a function as Lambda's pollers do."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from local.aws.polling import failures
from tests.local.emulated import ACCOUNT, Aws, allow, eventually, queue_arn, refusal

# A message's body says what becomes of it; each invocation leaves a file with what it was given, and when.
FUNCTION = """
    import json, os, time, uuid

    def handler(event, context):
        began = time.time()
        asked = [json.loads(record["body"]) for record in event["Records"]]
        time.sleep(max(each.get("sleep", 0) for each in asked))
        path = os.path.join(os.environ["SEEN"], uuid.uuid4().hex)
        with open(path, "w") as file:
            json.dump({"began": began, "ended": time.time(), "records": event["Records"]}, file)
        os.rename(path, path + ".json")
        if any(each.get("raise") for each in asked):
            raise ValueError("told to")
        failed = [record for record, each in zip(event["Records"], asked) if each.get("fail")]
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}
"""


class Consumer:
    """A queue with a function behind it."""

    def __init__(self, aws: Aws, name: str, seen: Path, visibility_seconds: int = 60, **mapping: Any) -> None:
        self.aws, self._seen = aws, seen
        self.queue, self.dead_letters = aws.queue_with_dead_letters(name, 2, VisibilityTimeout=visibility_seconds)
        environment = {"Variables": {"SEEN": str(seen)}}
        aws.deploy(name, FUNCTION, Timeout=min(20, visibility_seconds), Environment=environment)
        asked = {"FunctionResponseTypes": ["ReportBatchItemFailures"], **mapping}
        answer = aws.lambda_.create_event_source_mapping(
            FunctionName=name, EventSourceArn=queue_arn(self.queue), **asked
        )
        self.uuid = answer["UUID"]

    def update(self, **settings: Any) -> dict[str, Any]:
        return dict(self.aws.lambda_.update_event_source_mapping(UUID=self.uuid, **settings))

    def send(self, *bodies: dict[str, Any], **settings: Any) -> None:
        for body in bodies:
            self.aws.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(body), **settings)

    def seen(self, count: int = 1) -> list[dict[str, Any]]:
        """Wait for so many invocations and give what they were given, the first one first."""
        files = eventually(lambda: found if len(found := list(self._seen.glob("*.json"))) >= count else [])
        return sorted((json.loads(file.read_text()) for file in files), key=lambda each: float(each["began"]))

    def records(self, count: int = 1) -> list[dict[str, Any]]:
        """Wait for so many invocations and give their records."""
        return [record for each in self.seen(count) for record in each["records"]]

    def left(self, visible: int, in_flight: int) -> None:
        """Wait until so many messages are left."""
        eventually(lambda: self.aws.counts(self.queue) == (visible, in_flight))

    def show(self, record: dict[str, Any]) -> None:
        """End a message's visibility timeout."""
        its = {"QueueUrl": self.queue, "ReceiptHandle": record["receiptHandle"]}
        self.aws.sqs.change_message_visibility(**its, VisibilityTimeout=0)


def test_a_message_is_handed_over_in_lambdas_shape_and_deleted(aws: Aws, tmp_path: Path) -> None:
    consumer = Consumer(aws, "shape", tmp_path)
    attributes = {
        "Reason": {"DataType": "String", "StringValue": "too ü"},
        "Receives": {"DataType": "Number", "StringValue": "5"},
        "Raw": {"DataType": "Binary", "BinaryValue": b"\0\1"},
    }
    began = int(time.time() * 1000)
    sent = aws.sqs.send_message(QueueUrl=consumer.queue, MessageBody='{"n": 1}', MessageAttributes=attributes)
    (record,) = consumer.records()
    lists: dict[str, list[str]] = {"stringListValues": [], "binaryListValues": []}
    assert record.pop("receiptHandle")
    times = {
        name: int(record["attributes"].pop(name)) for name in ("SentTimestamp", "ApproximateFirstReceiveTimestamp")
    }
    assert began <= times["SentTimestamp"] <= times["ApproximateFirstReceiveTimestamp"] <= time.time() * 1000
    assert isinstance(record["attributes"].pop("SenderId"), str)
    assert record == {
        "messageId": sent["MessageId"],
        "body": '{"n": 1}',
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {
            "Reason": {"dataType": "String", "stringValue": "too ü", **lists},
            "Receives": {"dataType": "Number", "stringValue": "5", **lists},
            "Raw": {"dataType": "Binary", "binaryValue": "AAE=", **lists},
        },
        "md5OfBody": sent["MD5OfMessageBody"],
        "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn(consumer.queue),
        "awsRegion": "eu-west-1",
    }
    consumer.left(0, 0)


def test_only_what_failed_comes_back_until_it_is_dead(aws: Aws, tmp_path: Path) -> None:
    consumer = Consumer(aws, "partial", tmp_path, Enabled=False)
    consumer.send({"n": 1}, {"n": 2, "fail": True}, {"n": 3})
    consumer.update(Enabled=True)
    first = consumer.records()
    assert len(first) == 3
    consumer.left(0, 1)
    consumer.show(first[1])
    (again,) = consumer.seen(2)[1]["records"]
    assert again["messageId"] == first[1]["messageId"]
    assert again["attributes"]["ApproximateReceiveCount"] == "2"
    consumer.left(0, 1)
    consumer.show(again)
    (dead,) = eventually(lambda: aws.receive(consumer.dead_letters))
    assert dead["MessageId"] == again["messageId"]
    assert len(consumer.seen(2)) == 2


def test_without_partial_responses_a_report_of_failures_counts_as_success(aws: Aws, tmp_path: Path) -> None:
    consumer = Consumer(aws, "whole", tmp_path, FunctionResponseTypes=[])
    consumer.send({"fail": True})
    consumer.seen()
    consumer.left(0, 0)


def test_an_error_of_the_function_leaves_the_whole_batch(aws: Aws, tmp_path: Path) -> None:
    consumer = Consumer(aws, "raising", tmp_path, Enabled=False)
    consumer.send({"n": 1}, {"raise": True})
    consumer.update(Enabled=True)
    records = consumer.records()
    consumer.left(0, 2)
    consumer.show(records[0])  # its own turn, without the one that raises
    assert [record["messageId"] for record in consumer.seen(2)[1]["records"]] == [records[0]["messageId"]]
    consumer.left(0, 1)


@pytest.mark.parametrize(
    ("report", "failed"),
    [
        (b"", set()),
        (b"null", set()),
        (b"{}", set()),
        (b'{"batchItemFailures": null}', set()),
        (b'{"batchItemFailures": []}', set()),
        (b'{"batchItemFailures": [{"itemIdentifier": "a"}]}', {"a"}),
        (b'{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": ""}]}', {"a", "b"}),
        (b'{"batchItemFailures": [{"itemIdentifier": null}]}', {"a", "b"}),
        (b'{"batchItemFailures": [{"itemIdentifier": "c"}]}', {"a", "b"}),
        (b'{"batchItemFailures": [{"itemIdentifier": ["a"]}]}', {"a", "b"}),
        (b'{"batchItemFailures": [{"id": "a"}]}', {"a", "b"}),
        (b'{"batchItemFailures": ["a"]}', {"a", "b"}),
        (b'{"batchItemFailures": {}}', {"a", "b"}),
        (b'"done"', {"a", "b"}),
        (b"no JSON", {"a", "b"}),
    ],
)
def test_a_report_fails_what_it_names_and_everything_where_it_is_none(report: bytes, failed: set[str]) -> None:
    assert failures(report, {"a", "b"}) == failed


def test_a_throttled_batch_is_tried_again_without_another_receive(aws: Aws, tmp_path: Path) -> None:
    consumer = Consumer(aws, "held-back", tmp_path)
    aws.lambda_.put_function_concurrency(FunctionName="held-back", ReservedConcurrentExecutions=0)
    consumer.send({"n": 1})
    consumer.left(0, 1)
    time.sleep(0.3)
    assert not list(tmp_path.iterdir())
    aws.lambda_.delete_function_concurrency(FunctionName="held-back")
    (record,) = consumer.records()
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    consumer.left(0, 0)


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
    consumer.update(Enabled=True)
    invocations = consumer.seen(4)
    assert [len(each["records"]) for each in invocations] == [2, 2, 2, 2]
    together = [sum(other["began"] <= each["began"] < other["ended"] for other in invocations) for each in invocations]
    assert max(together) == 2


def test_what_is_in_flight_ends_when_a_mapping_is_disabled_or_deleted(aws: Aws, tmp_path: Path) -> None:
    consumer = Consumer(aws, "ending", tmp_path, BatchSize=1)
    consumer.send({"sleep": 2})
    consumer.left(0, 1)
    assert consumer.update(Enabled=False)["State"] == "Disabled"
    consumer.send({"sleep": 2})
    consumer.left(1, 0)
    consumer.update(Enabled=True)
    consumer.left(0, 1)
    aws.lambda_.delete_event_source_mapping(UUID=consumer.uuid)
    consumer.send({"n": 3})
    consumer.left(1, 0)
    assert len(consumer.seen(2)) == 2


def test_what_lambda_does_not_accept_is_refused(aws: Aws) -> None:
    aws.deploy("checked", FUNCTION, Timeout=5)
    aws.iam.create_role(RoleName="sender", AssumeRolePolicyDocument="{}")
    policy = json.dumps(allow("sqs:SendMessage", "*"))
    aws.iam.put_role_policy(RoleName="sender", PolicyName="send", PolicyDocument=policy)
    aws.deploy("sending", FUNCTION, Timeout=5, Role=f"arn:aws:iam::{ACCOUNT}:role/sender")
    short, queue = queue_arn(aws.queue("short", VisibilityTimeout=4)), queue_arn(aws.queue("checked"))

    create, its = aws.lambda_.create_event_source_mapping, {"FunctionName": "checked", "EventSourceArn": queue}
    assert (
        "Queue visibility timeout: 4 seconds is less than Function timeout: 5 seconds"
        in refusal(create, **{**its, "EventSourceArn": short})[1]
    )
    assert (
        "does not have permissions to call ReceiveMessage on SQS"
        in refusal(create, **{**its, "FunctionName": "sending"})[1]
    )
    assert "batch window" in refusal(create, **its, BatchSize=11)[1]
    made = create(**its, ScalingConfig={"MaximumConcurrency": 2}, Tags={"a": "b"}, Enabled=False)
    assert refusal(create, **its)[0] == "ResourceConflictException"
    update = aws.lambda_.update_event_source_mapping
    assert "batch window" in refusal(update, UUID=made["UUID"], BatchSize=11)[1]
    assert refusal(update, UUID="0" * 36, BatchSize=1)[0] == "ResourceNotFoundException"
    update(UUID=made["UUID"], ScalingConfig={})
    found = aws.lambda_.get_event_source_mapping(UUID=made["UUID"])
    assert (found["State"], found.get("ScalingConfig")) == ("Disabled", None)
    assert aws.lambda_.list_tags(Resource=made["EventSourceMappingArn"])["Tags"] == {"a": "b"}
