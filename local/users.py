"""The application's users, who compose emails and SMS over its HTTP API."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from local.application import seed

CLIENTS = 4  # that compose at a time


def messages(first: int, count: int) -> list[dict[str, Any]]:
    """Write so many emails and SMS, each with a recipient of its own."""
    return [seed.compose("email" if number % 7 < 4 else "sms", number) for number in range(first, first + count)]


def compose(url: str, token: str, written: list[dict[str, Any]]) -> list[str]:
    """Compose messages at the application with this URL; give their ids, in this order."""

    def post(message: dict[str, Any]) -> str:
        path = {"email": "/emails", "sms": "/sms"}[message["kind"]]
        given = {name: message[name] for name in ("recipient", "subject", "body") if message[name]}
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.post(f"{url}{path}", json=given, headers=headers, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["id"])

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(post, written))
