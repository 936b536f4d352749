"""Where events and records go: the resources that a rule's target or a destination can name."""

from __future__ import annotations

import sys
from collections.abc import Callable

from moto.core.exceptions import JsonRESTError, ServiceException
from moto.sns.models import sns_backends

Send = Callable[[str, str], None]


class Targets:
    """Hands a text to a resource by its ARN, as the service that is the sender would."""

    def __init__(self) -> None:
        self._senders: dict[str, Send] = {}

    def register(self, service: str, send: Send) -> None:
        """Let a service, as its ARNs name it, receive by ``send(arn, text)``."""
        self._senders[service] = send

    def send(self, arn: str, text: str) -> None:
        """Deliver; what cannot be delivered is said on stderr, for the sender has no one to tell either."""
        sender = self._senders.get(arn.split(":")[2])
        if sender is None:
            print(f"The embedded AWS does not deliver to {arn}", file=sys.stderr)
            return
        try:
            sender(arn, text)
        except (KeyError, JsonRESTError, ServiceException) as reason:
            print(f"Not delivered to {arn}: {reason!r}", file=sys.stderr)


def to_topic(arn: str, text: str) -> None:
    """Publish to a topic without a subject, as EventBridge does."""
    _, _, _, region, account, _ = arn.split(":")
    sns_backends[account][region].topics[arn].publish(text)
