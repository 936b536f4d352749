"""Requests that a client repeats because it did not get the answer: carried out once, answered as before.

On a busy machine a connection may break when the request is carried out already. AWS's answer to Terraform's second try
would be that the thing exists, and the apply would fail; that is rare there, and must be never here. What the functions
ask is not looked at: whether they bear a request that is carried out twice is for the tests to find out.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from http import HTTPStatus

from werkzeug.wrappers import Request, Response

from local.aws.permissions import TERRAFORM


class Repeated:
    """The answers to what Terraform asked, by the id that an SDK gives to a request and all its repetitions."""

    def __init__(self) -> None:
        self._answers: dict[str, Response] = {}
        self._at_once: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def answer(self, request: Request, carry_out: Callable[[], Response]) -> Response:
        """Carry a request out, or give the answer that it had; one that was refused is carried out again."""
        key = request.headers.get("amz-sdk-invocation-id", "")
        if not key or request.method == "GET" or TERRAFORM not in request.headers.get("User-Agent", ""):
            return carry_out()
        with self._at_once[key]:
            response = self._answers.get(key) or carry_out()
            if response.status_code < HTTPStatus.MULTIPLE_CHOICES:
                self._answers[key] = response
            return response
