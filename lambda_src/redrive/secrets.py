"""Secrets by reference: read from Secrets Manager on first use, kept for minutes, never logged."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, TypeGuard

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004 (botocore's own)

from redrive import aws
from redrive.answers import json_of
from redrive.errors import ApiUnavailable, ConfigurationError
from redrive.transport import Deadline

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

MAX_AGE_SECONDS = 300.0

STALE_SECONDS = 30.0
"""How long a value serves on, where Secrets Manager did not answer, before it is asked again."""

CONNECT_SECONDS, READ_SECONDS = 2.0, 3.0
"""How long Secrets Manager may take for one try."""

WAITS_SECONDS = (0.2, 0.4, 0.8)
"""Before each further try, at most: a random part of it is waited."""

PASSING = frozenset({"InternalServiceError", "RequestLimitExceeded", "ServiceUnavailable", "TooManyRequestsException"})
"""Errors that a later try may not meet, besides throttling and whatever else has a status of 5xx (API reference)."""


class Secrets:
    """Reads secrets by their ARN and keeps each for five minutes.

    Attributes
    ----------
    deadline
        Bounds the tries; that of the API whose secrets these are.
    """

    def __init__(self) -> None:
        self.deadline = Deadline()
        self._kept: dict[str, tuple[float, object]] = {}

    def text(self, arn: str, *, fresh: bool = False) -> str:
        """Read a secret's text.

        Parameters
        ----------
        arn
            The secret's ARN.
        fresh
            Ask Secrets Manager even when a kept value is young: the secret may have been rotated.

        Raises
        ------
        ConfigurationError
            Where there is no such secret, no permission to read it, or it is binary. Names the ARN, never the value.
        ApiUnavailable
            Where Secrets Manager does not answer at the moment, and no value was read before that might still do.
        """
        until, value = self._kept.get(arn, (0.0, None))
        if fresh or value is None or time.monotonic() > until:
            may_serve = value is not None and not fresh
            try:
                value, kept_seconds = self._read(arn, waits=() if may_serve else WAITS_SECONDS), MAX_AGE_SECONDS
            except ApiUnavailable:
                if not may_serve:
                    raise
                kept_seconds = STALE_SECONDS
            self._kept[arn] = time.monotonic() + kept_seconds, value
        if not isinstance(value, str) or not value.strip():
            raise ConfigurationError(f"{self.named(arn)}: must hold a text")
        return value.strip()

    def named(self, arn: str) -> str:
        """Give what a secret is called in errors."""
        return f"secret {arn}"

    def _read(self, arn: str, waits: Sequence[float]) -> object:
        """Ask Secrets Manager, again after each of these waits at most, as far as the deadline allows."""
        for longest in (*waits, None):
            try:
                return _client().get_secret_value(SecretId=arn).get("SecretString")
            except (ClientError, BotoCoreError) as error:
                if not _may_pass(error):
                    raise ConfigurationError(f"secret {arn}: cannot be read: {error}") from None
                trouble = _name(error)
            if longest is None or longest + CONNECT_SECONDS + READ_SECONDS > self.deadline.remaining():
                break
            time.sleep(random.uniform(0, longest))  # noqa: S311 (jitter)
        raise ApiUnavailable(f"Secrets Manager does not answer: {trouble}")

    def fields(self, arn: str, names: tuple[str, ...], *, fresh: bool = False) -> tuple[str, ...]:
        """Read named texts from a secret that is a JSON object; where one is wanted, the bare text will do as well.

        A single one stands in a header as it is, so it must be ASCII.

        Raises
        ------
        ConfigurationError
            Where the secret has another shape. Names what is missing, never what is there.
        """
        found = _fields_of(self.text(arn, fresh=fresh), names)
        if len(found) < len(names):
            shape = ", ".join(f'"{name}": "…"' for name in names)
            bare = " or the bare text, in printable ASCII" if len(names) == 1 else ", each a printable text"
            raise ConfigurationError(f"{self.named(arn)}: must be JSON such as {{{shape}}}{bare}")
        return found


@lru_cache(maxsize=2)  # every request asks for it: the one that is, and the one that was before a rotation
def _fields_of(text: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Give those of the named texts that a secret's text holds."""
    values = json_of(text.encode())
    if len(names) == 1 and not text.startswith("{") and not isinstance(values, list):
        values = {names[0]: values if isinstance(values, str) else text}
    fields = values if isinstance(values, dict) else {}
    read = _in_a_header if len(names) == 1 else _printable
    return tuple(value for name in names if (value := read(fields.get(name))))


@cache
def _client() -> SecretsManagerClient:
    """Give the sandbox's client; the retries are ours, for botocore's know no deadline."""
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 1})
    found: SecretsManagerClient = aws.client("secretsmanager", config)
    return found


def _may_pass(error: ClientError | BotoCoreError) -> bool:
    """Tell whether a later try may go well: throttling, Secrets Manager's own trouble, a connection that failed."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or "Throttl" in _name(error) or _name(error) in PASSING
    return isinstance(error, HTTPClientError | ConnectionError)


def _name(error: ClientError | BotoCoreError) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def is_header_safe(value: object) -> TypeGuard[str]:
    """Tell whether something is a text that can stand in a header: printable ASCII, and not empty."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def _in_a_header(value: object) -> str:
    """Give a text as a header can hold it, which has no blanks at its ends; empty for what cannot stand there."""
    text = value.strip() if isinstance(value, str) else None
    return text if is_header_safe(text) else ""


def _printable(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else ""
