"""The worker's side of SQS: what a message holds, how it is put back for later, and how it becomes a dead letter."""

from __future__ import annotations

import base64
import itertools
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from redrive.errors import QueueUnavailable
from redrive.settings import QueueSettings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef as Attribute

MAX_WAIT_SECONDS = 43200 - 960
"""SQS counts its twelve hours from the receive (ChangeMessageVisibility), and an invocation takes up to 15 minutes."""

MAX_ATTRIBUTES = 10
"""Of a message (quotas for messages)."""

MAX_REASON, SHORT_REASON = 300, 60
"""Characters."""

OURS = frozenset({"Reason", "Receives", "HttpStatus", "ApplicationTold"})


@cache
def sqs() -> SQSClient:
    """Give the sandbox's client: one retry with backoff and jitter, all of it in less than eight seconds.

    What SQS was not told comes back by itself; a function that is cut off redoes its whole batch.
    """
    # Here, because it brings botocore: where everything goes well, the worker does without.
    from botocore.config import Config

    from redrive import aws

    config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
    made: SQSClient = aws.client("sqs", config)
    return made


class Message(NamedTuple):
    """A message of the queue, as one receive handed it out.

    Attributes
    ----------
    receives
        How often it was received, this time included.
    attributes
        What its sender said beside the body, as SQS takes it.
    """

    id: str
    receipt_handle: str
    body: str
    receives: int
    attributes: Mapping[str, Attribute]

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Message:
        """Read a record of the event; what is odd about its attributes is passed over, as the body matters."""
        attributes = {name: _attribute(value) for name, value in (record.get("messageAttributes") or {}).items()}
        return cls(
            id=record["messageId"],
            receipt_handle=record["receiptHandle"],
            body=record["body"],
            receives=_count((record.get("attributes") or {}).get("ApproximateReceiveCount")),
            attributes={name: value for name, value in attributes.items() if value},
        )


class MessageRefused(QueueUnavailable):
    """SQS does not take a message as it is."""


class Queues:
    """The queue and its dead-letter queue."""

    def __init__(self, settings: QueueSettings) -> None:
        self._settings = settings

    def put_back(self, message: Message, at_least: float = 0) -> int:
        """Keep a message hidden for some time, counted from now, and give that time in seconds.

        It grows by ``backoff_rate`` from ``ttl_seconds``, and up to a quarter more, drawn at random, so that what
        failed together does not come back together.

        Parameters
        ----------
        at_least
            Seconds that the application asked to be left alone (``Retry-After``).

        Raises
        ------
        QueueUnavailable
            It comes back when its visibility timeout is over, or has come back already.
        """
        grown = self._settings.ttl_seconds * self._settings.backoff_rate ** min(message.receives - 1, 100)
        wait = max(grown, at_least) * random.uniform(1, 1.25)  # noqa: S311 (spreads load, guards nothing)
        seconds = int(min(wait, MAX_WAIT_SECONDS))
        with _errors_in_words("the queue"):
            sqs().change_message_visibility(
                QueueUrl=self._settings.queue_url, ReceiptHandle=message.receipt_handle, VisibilityTimeout=seconds
            )
        return seconds

    def dead_letter(self, message: Message, reason: str, http_status: int | None, told: bool | None) -> None:
        """Send a message to the dead-letter queue, its body as it was, with what became of it in attributes.

        Its own attributes stay, as far as there is room for them; where SQS does not take the message so, it goes
        with fewer.

        Parameters
        ----------
        told
            Whether the application was told; None where it was not to be.

        Raises
        ------
        QueueUnavailable
            It is not there, as far as is known.
        """
        ours = {"Reason": _text(reason, MAX_REASON), "Receives": _number(message.receives)}
        if http_status is not None:
            ours["HttpStatus"] = _number(http_status)
        if told is not None:
            ours["ApplicationTold"] = _text("true" if told else "false", MAX_REASON)
        own = ((name, value) for name, value in message.attributes.items() if not _is_reserved(name))
        kept = dict(itertools.islice(own, MAX_ATTRIBUTES - len(ours)))
        self._send(message.body, kept | ours, ours, {"Reason": _text(reason, SHORT_REASON)}, {})

    def _send(self, body: str, attributes: Mapping[str, Attribute], *fewer: Mapping[str, Attribute]) -> None:
        try:
            with _errors_in_words("the dead-letter queue"):
                sqs().send_message(
                    QueueUrl=self._settings.dead_letter_queue_url, MessageBody=body, MessageAttributes=attributes
                )
        except MessageRefused:
            # Most likely too large: the limit is the queue's own, and counts the attributes.
            if not fewer:
                raise
            self._send(body, *fewer)


@contextmanager
def _errors_in_words(what: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except BotoCoreError as error:
        raise QueueUnavailable(f"{what}: {type(error).__name__}") from None
    except ClientError as error:
        code = error.response["Error"]["Code"]
        kind = MessageRefused if code.startswith("Invalid") else QueueUnavailable
        raise kind(f"{what}: {code}") from None


def _count(text: object) -> int:
    """Read how often a message was received; what is no number is taken for the first time: nothing is lost by it."""
    try:
        return max(1, int(str(text)))
    except ValueError:
        return 1


def _attribute(value: Any) -> Attribute | None:
    """Turn an attribute of an event into one that SQS takes; None where it is of no known kind."""
    try:
        kind: str = value["dataType"]
        if kind.startswith("Binary"):
            return {"DataType": kind, "BinaryValue": base64.b64decode(value["binaryValue"], validate=True)}
        text: str = value["stringValue"]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return {"DataType": kind, "StringValue": text} if isinstance(text, str) else None


def _is_reserved(name: str) -> bool:
    """Tell whether a name is one of ours, of an earlier dead letter, or one that only AWS may give."""
    return name in OURS or name.lower().startswith(("aws.", "amazon."))


def _text(text: str, most: int) -> Attribute:
    """Make a text of characters that SQS takes: every printable one."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return {"DataType": "String", "StringValue": printable[:most]}


def _number(number: int) -> Attribute:
    return {"DataType": "Number", "StringValue": str(number)}
