"""Requests that a client repeats because it did not get the answer: carried out once, answered as before.

On a busy machine a connection may break when the request is carried out already. AWS's answer to Terraform's second try
would be that the thing exists, and the apply would fail; that is rare there, and must be never here. What the functions
ask is not looked at: whether they bear a request that is carried out twice is for the tests to find out.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from http import HTTPStatus

from werkzeug.wrappers import Request, Response

from local.aws.protocol import credential

MAX_REMEMBERED = 500
LONGEST_SECONDS = 300.0
TERRAFORM = "local"
"""The access key with which the local deployment signs."""


class Repeated:
    """The answers to what Terraform asked last, by the id that an SDK gives to a request and all its repetitions."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, Future[Response]] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, request: Request, carry_out: Callable[[], Response]) -> Response:
        """Carry a request out, or give the answer that it had; one that was refused is carried out again."""
        key = request.headers.get("amz-sdk-invocation-id", "")
        if not key or request.method == "GET" or credential(request, 0) != TERRAFORM:
            return carry_out()
        with self._lock:
            earlier = self._answers.get(key)
            mine = self._answers.setdefault(key, Future())
            while len(self._answers) > MAX_REMEMBERED:
                self._answers.popitem(last=False)
        if earlier:
            return earlier.result(LONGEST_SECONDS)
        try:
            response = carry_out()
        except BaseException as error:
            self._forget(key)
            mine.set_exception(error)
            raise
        if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            self._forget(key)
        mine.set_result(response)
        return response

    def _forget(self, key: str) -> None:
        with self._lock:
            self._answers.pop(key, None)
