"""Secrets by reference: read from Secrets Manager on first use, kept for minutes, never logged."""

from __future__ import annotations

import json
import time
from functools import cache
from typing import TYPE_CHECKING, TypeGuard

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from redrive import aws
from redrive.errors import ApiUnavailable, ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

MAX_AGE_SECONDS = 300


class Secrets:
    """Reads secrets by their ARN and keeps each for five minutes."""

    def __init__(self) -> None:
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
        read, value = self._kept.get(arn, (0.0, None))
        if fresh or value is None or time.monotonic() - read > MAX_AGE_SECONDS:
            try:
                value = _client().get_secret_value(SecretId=arn).get("SecretString")
            except (ClientError, BotoCoreError) as error:
                if not _may_pass(error):
                    raise ConfigurationError(f"secret {arn}: cannot be read: {error}") from None
                if fresh or value is None:
                    raise ApiUnavailable(f"Secrets Manager does not answer: {_name(error)}") from None
            else:
                self._kept[arn] = time.monotonic(), value
        if not isinstance(value, str) or not value.strip():
            raise ConfigurationError(f"secret {arn}: must hold a text")
        return value.strip()

    def fields(self, arn: str, names: tuple[str, ...], *, fresh: bool = False) -> tuple[str, ...]:
        """Read named texts from a secret that is a JSON object; where one is wanted, the bare text will do as well.

        A single one stands in a header as it is, so it must be ASCII.

        Raises
        ------
        ConfigurationError
            Where the secret has another shape. Names what is missing, never what is there.
        """
        text = self.text(arn, fresh=fresh)
        if len(names) == 1 and not text.startswith("{"):
            values = {names[0]: text}
        else:
            try:
                values = json.loads(text)
            except ValueError:
                values = None
        fields = values if isinstance(values, dict) else {}
        is_usable = is_header_safe if len(names) == 1 else _is_printable
        found = tuple(value for name in names if is_usable(value := fields.get(name)))
        if len(found) < len(names):
            shape = ", ".join(f'"{name}": "…"' for name in names)
            raise ConfigurationError(
                f"secret {arn}: must be JSON such as {{{shape}}}, each a printable text, ASCII where it stands alone"
            )
        return found


@cache
def _client() -> SecretsManagerClient:
    """Give the sandbox's client; it retries with backoff and jitter (botocore's standard mode)."""
    config = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 4})
    found: SecretsManagerClient = aws.client("secretsmanager", config)
    return found


def _may_pass(error: ClientError | BotoCoreError) -> bool:
    """Tell whether a later try may go well: throttling, Secrets Manager's own trouble, a connection that failed."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or "Throttl" in _name(error) or _name(error) == "RequestLimitExceeded"
    return isinstance(error, HTTPClientError)


def _name(error: ClientError | BotoCoreError) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def is_header_safe(value: object) -> TypeGuard[str]:
    """Tell whether something is a text that can stand in a header: printable ASCII, and not empty."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def _is_printable(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != "" and value.isprintable()
