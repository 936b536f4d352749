"""What IAM is asked, whether it was recorded or is documented."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

ACCOUNT, REGION = "123456789012", "eu-west-1"


@dataclass(frozen=True, order=True)
class Call:
    """May a principal, a role or a service, do this?

    Attributes
    ----------
    context
        Condition keys that AWS sends with it.
    """

    principal: str
    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        of = ", ".join(f"{key}={value}" for key, value in self.context)
        return f"{self.principal} {self.action} {self.resource}" + (f" ({of})" if of else "")


def call(principal: str, action: str, resource: str, **context: str) -> Call:
    """Give a call; ``aws__SourceArn`` stands for ``aws:SourceArn``."""
    given = {name.replace("__", ":"): value for name, value in context.items()}
    return Call(principal, action, resource, tuple(sorted(given.items())))


def recorded(told: Iterable[dict[str, Any]]) -> list[Call]:
    """Read what the embedded AWS tells."""
    return [
        Call(each["principal"], each["action"], each["resource"], tuple(sorted(each["context"].items())))
        for each in told
    ]
