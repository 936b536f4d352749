"""Secrets by reference: read from Secrets Manager on first use, kept for minutes, never logged."""

from __future__ import annotations

import json
import time
from functools import cache
from typing import TYPE_CHECKING, TypeGuard

from botocore.exceptions import BotoCoreError, ClientError

from redrive import aws
from redrive.errors import ConfigurationError

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
        """
        read, value = self._kept.get(arn, (0.0, None))
        if fresh or value is None or time.monotonic() - read > MAX_AGE_SECONDS:
            try:
                value = _client().get_secret_value(SecretId=arn).get("SecretString")
            except (ClientError, BotoCoreError) as error:
                raise ConfigurationError(f"secret {arn}: cannot be read: {error}") from None
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
    found: SecretsManagerClient = aws.client("secretsmanager")
    return found


def is_header_safe(value: object) -> TypeGuard[str]:
    """Tell whether something is a text that can stand in a header: printable ASCII, and not empty."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def _is_printable(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != "" and value.isprintable()
