"""Messages of queues: what SQS takes, and what a receiver sees."""

from __future__ import annotations

import base64
import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from moto.sqs.models import Message

from local.aws.errors import Refusal

MOST_ATTRIBUTES = 10
# SQS API reference, SendMessage: the characters a message may hold.
INVALID_CHARACTERS = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Received:
    """A message as it was when it was received, whatever becomes of it.

    ``hidden_until`` is in seconds since the epoch; ``system`` are the attributes that SQS itself gives it.
    """

    id: str
    receipt_handle: str
    body: str
    md5_of_body: str
    hidden_until: float
    system: dict[str, str]
    attributes: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, message: Message) -> Received:
        """Read a message."""
        system = {
            "ApproximateFirstReceiveTimestamp": message.approximate_first_receive_timestamp,
            "ApproximateReceiveCount": message.approximate_receive_count,
            "AWSTraceHeader": message.system_attributes.get("AWSTraceHeader", {}).get("StringValue"),
            "SenderId": message.sender_id,
            "SentTimestamp": message.sent_timestamp,
        }
        return cls(
            id=message.id,
            receipt_handle=str(message.receipt_handle),
            body=message.body,
            md5_of_body=message.body_md5,
            hidden_until=message.visible_at / 1000,
            system={name: str(value) for name, value in system.items() if value is not None},
            attributes=message.message_attributes,
        )

    def to_json(self, system: Set[str], names: list[str]) -> dict[str, Any]:
        """Give what ReceiveMessage answers where so much is asked for (SQS API reference, ReceiveMessage)."""
        told: dict[str, Any] = {
            "MessageId": self.id,
            "ReceiptHandle": self.receipt_handle,
            "MD5OfBody": self.md5_of_body,
            "Body": self.body,
        }
        if chosen := {name: value for name, value in self.system.items() if system & {name, "All"}}:
            told["Attributes"] = chosen
        if attributes := {name: value for name, value in self.attributes.items() if {name, "All"} & {*names}}:
            told["MD5OfMessageAttributes"] = md5_of_attributes(attributes)
            told["MessageAttributes"] = {
                name: {kind: base64_of(part) for kind, part in value.items()} for name, value in attributes.items()
            }
        return told


def md5_of_attributes(attributes: dict[str, dict[str, Any]]) -> str:
    """Give the digest of message attributes (SQS developer guide, "Calculating the MD5 message digest ...")."""
    message = Message("", "")
    message.message_attributes = attributes
    return message.attribute_md5


def base64_of(value: Any) -> Any:
    """Give bytes as JSON has them, and anything else as it is."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def check(message: dict[str, Any], longest: int) -> None:
    """Refuse what SQS does not take (developer guide, "Amazon SQS message quotas" and "... message metadata").

    Parameters
    ----------
    message
        A SendMessage request.
    longest
        The queue's MaximumMessageSize in bytes; attributes count too.
    """
    text, attributes = str(message["MessageBody"]), message.get("MessageAttributes", {})
    if INVALID_CHARACTERS.search(text):
        raise Refusal(400, "InvalidMessageContents", "Invalid characters found.")
    if len(attributes) > MOST_ATTRIBUTES:
        raise invalid(f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [10].")
    size = len(text.encode())
    for name, attribute in attributes.items():
        value = attribute.get("StringValue") or attribute.get("BinaryValue")
        if not value or INVALID_CHARACTERS.search(value):
            raise invalid(f"Message (user) attribute '{name}' must contain a non-empty, valid value.")
        binary = base64.b64decode(value) if "BinaryValue" in attribute else value.encode()
        size += len(name.encode()) + len(attribute["DataType"].encode()) + len(binary)
    if size > longest:
        reason = f"Message must be shorter than {longest} bytes."
        raise invalid(f"One or more parameters are invalid. Reason: {reason}")


def invalid(text: str) -> Refusal:
    """Refuse a parameter."""
    return Refusal(400, "InvalidParameterValue", text)
