"""What unit tests are written with: an HTTP server that a test scripts, and a Lambda context."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request, Response

Answer = Callable[[Request], Response]


@dataclass
class ScriptedApi:
    """An HTTP server on the loopback: ``answer`` decides, ``requests`` remembers."""

    url: str = ""
    answer: Answer = lambda request: Response(status=404)
    requests: list[Request] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        request.get_data()
        self.requests.append(request)
        return self.answer(request)(environ, start_response)

    def answers(self, *responses: Response) -> None:
        """Give these answers in turn, and the last one from then on."""
        sequence = itertools.chain(responses, itertools.repeat(responses[-1]))
        self.answer = lambda request: next(sequence)


@dataclass
class Context:
    """A Lambda context as far as the handlers use it."""

    aws_request_id: str = "3f2a9c1d-7f33-4a5e-9a65-0c2a1f0f2b11"
    seconds: float = 30.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def as_json(value: object, status: int = 200, **headers: str) -> Response:
    return Response(
        json.dumps(value),
        status=status,
        headers={name.replace("_", "-"): text for name, text in headers.items()},
        content_type="application/json",
    )
