"""What a dead letter keeps of its message, whatever that was, and what SQS makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from redrive.queueing import Message, sqs
from tests.unit.delivery_queue import Delivery, entry
from tests.unit.support import Context, ScriptedApi, as_json
from worker import handler as worker

HANDED = {"messageId": "1", "receiptHandle": "r", "body": "b"}


def text(value: str, kind: str = "String") -> dict[str, Any]:
    return {"DataType": kind, "StringValue": value}


def dead_letter(delivery: Delivery, message: Message, reason: str = "because") -> dict[str, Any]:
    """Make a dead letter and give its attributes."""
    worker._queues().dead_letter(message, reason, None, None)
    sent = delivery.client.receive_message(QueueUrl=delivery.dead_url, MessageAttributeNames=["All"])["Messages"][0]
    delivery.client.delete_message(QueueUrl=delivery.dead_url, ReceiptHandle=sent["ReceiptHandle"])
    assert sent["Body"] == message.body
    attributes: dict[str, Any] = sent.get("MessageAttributes", {})
    return attributes


@pytest.fixture(autouse=True)
def _refusing(api: ScriptedApi, delivery: Delivery) -> None:
    delivery.configure(given_up_path=None)
    api.answers(as_json({}, status=410))


def test_a_dead_letter_keeps_its_own_attributes(delivery: Delivery, context: Context) -> None:
    binary = {"DataType": "Binary.image", "BinaryValue": b"\x00\xff"}
    delivery.enqueue(
        entry(), TraceId=text("abc"), Retries=text("2", "Number"), Kind=text("x", "String.kind"), Logo=binary
    )
    assert delivery.turn(context) == []
    (name, asked) = delivery.front.calls[0]
    assert name == "SendMessage"
    assert {name: asked["MessageAttributes"][name] for name in ("TraceId", "Retries", "Kind", "Logo")} == {
        "TraceId": text("abc"),
        "Retries": text("2", "Number"),
        "Kind": text("x", "String.kind"),
        "Logo": binary,
    }
    assert delivery.dead()[entry()] | {"Reason": "HTTP 410 Gone", "HttpStatus": 410} == delivery.dead()[entry()]


def test_of_more_attributes_than_sqs_takes_some_go(delivery: Delivery, context: Context) -> None:
    delivery.enqueue(entry(), **{f"Own{number}": text("x") for number in range(10)})
    assert delivery.turn(context) == []
    dead = delivery.dead()[entry()]
    assert len(dead) == 10
    assert {"Reason", "Receives", "HttpStatus"} <= dead.keys()


def test_one_that_was_moved_back_and_dies_again_says_why_now(delivery: Delivery, context: Context) -> None:
    earlier = {"Reason": text("HTTP 400"), "Receives": text("5", "Number"), "ApplicationTold": text("false")}
    delivery.enqueue(entry(), **earlier)
    assert delivery.turn(context) == []
    assert delivery.dead() == {entry(): {"Reason": "HTTP 410 Gone", "Receives": 1, "HttpStatus": 410}}


@pytest.mark.parametrize("name", ["AWS.Trace", "aws.trace", "Amazon.Kind", "AMAZON.kind"])
def test_a_name_that_only_aws_may_give_is_left_out(delivery: Delivery, context: Context, name: str) -> None:
    delivery.enqueue(entry())
    event = delivery.event()
    event["Records"][0]["messageAttributes"] = {name: {"dataType": "String", "stringValue": "x"}}
    message = Message.read(event["Records"][0])
    assert name in message.attributes
    assert dead_letter(delivery, message).keys() == {"Reason", "Receives"}


def size(asked: dict[str, Any]) -> int:
    """How SQS measures a message: its body, and of each attribute the name, the type and the value."""
    attributes = asked["MessageAttributes"].items()
    parts = [part for name, value in attributes for part in (name, value["DataType"], value["StringValue"])]
    return sum(len(part.encode()) for part in (asked["MessageBody"], *parts))


@pytest.mark.parametrize(
    ("limit", "kept", "reason"),
    [
        (1000, {"Own", "Reason", "Receives"}, 300),
        (400, {"Reason", "Receives"}, 300),
        (100, {"Reason"}, 60),
        (50, set(), 0),
    ],
)
def test_a_dead_letter_too_large_with_its_attributes_goes_with_fewer(
    delivery: Delivery, limit: int, kept: set[str], reason: int
) -> None:
    delivery.front.spoil = lambda name, asked: "InvalidParameterValue" if size(asked) > limit else None
    attributes = dead_letter(delivery, Message("1", "r", "body", 1, {"Own": text("y" * 300)}), "because " * 100)
    assert attributes.keys() == kept
    assert len(attributes.get("Reason", {}).get("StringValue", "")) == reason


def test_one_that_sqs_takes_in_no_form_comes_back(delivery: Delivery, context: Context) -> None:
    delivery.front.spoil = lambda name, _: "InvalidMessageContents" if name == "SendMessage" else None
    delivery.enqueue(entry())
    assert delivery.turn(context) == [entry()]
    assert delivery.front.names == ["SendMessage"] * 4 + ["ChangeMessageVisibility"]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=[]), min_size=1, max_size=400))
def test_any_reason_is_one_that_sqs_takes(delivery: Delivery, reason: str) -> None:
    sent = dead_letter(delivery, Message("1", "r", "b", 1, {}), reason)["Reason"]["StringValue"]
    assert len(sent) == min(len(reason), 300)
    assert sent.isprintable()


@given(
    st.dictionaries(
        st.text(),
        st.none()
        | st.text()
        | st.fixed_dictionaries(
            {},
            optional={
                "dataType": st.sampled_from(["String", "Binary", "Number", "", "Binary.x", None, 1]),
                "stringValue": st.text() | st.none() | st.integers(),
                "binaryValue": st.text() | st.none() | st.integers() | st.just("AP8="),
            },
        ),
        max_size=3,
    )
    | st.none()
)
def test_any_attributes_are_read_or_passed_over(attributes: Any) -> None:
    for value in Message.read(HANDED | {"messageAttributes": attributes}).attributes.values():
        assert isinstance(value.get("StringValue", ""), str)
        assert isinstance(value.get("BinaryValue", b""), bytes)


def test_the_client_gives_up_in_time(delivery: Delivery) -> None:
    config = sqs().meta.config
    assert config.connect_timeout + config.read_timeout <= 5
    assert config.retries == {"mode": "standard", "total_max_attempts": 2}
