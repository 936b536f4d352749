"""A queue of SQS, as those use it who fill it and wait for its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MOST = 10
"""Messages a request (API reference, SendMessageBatch)."""


def enqueue(sqs: Any, url: str, bodies: Sequence[str]) -> None:
    """Send bodies, ten with each request; raises ``RuntimeError`` where SQS did not take one of them."""
    for start in range(0, len(bodies), MOST):
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies[start : start + MOST])]
        if failed := sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed"):
            raise RuntimeError(f"SQS did not take {failed}")


def waiting(sqs: Any, url: str) -> int:
    """Count what is in a queue: visible, in flight or delayed."""
    names = [f"ApproximateNumberOfMessages{name}" for name in ("", "NotVisible", "Delayed")]
    return sum(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))
