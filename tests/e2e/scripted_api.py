"""An HTTP API that answers as a test says and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import Request, urlopen


@dataclass(frozen=True)
class Call:
    """A request that came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Answer:
    """What is answered; a body that is no text is sent as JSON."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Rule = Callable[[Call], Answer | None]
"""None hangs up without an answer."""


class ScriptedApi:
    """Serves on a free port of 127.0.0.1; what no rule is for gets 404."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._rules: dict[tuple[str, str], Rule] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": self}))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ScriptedApi:
        threading.Thread(target=self._server.serve_forever, args=[0.1], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reset(self) -> None:
        """Forget every rule and call."""
        self._rules.clear()
        self.calls.clear()

    def on(self, method: str, path: str, answer: Answer | Rule) -> None:
        """Answer requests of this method and path, always alike or as a function of the request."""
        self._rules[method, path] = answer if callable(answer) else lambda _: answer

    def asked(self, method: str, path: str | None = None) -> list[Call]:
        """Give the requests of this method, and path."""
        return [call for call in self.calls if call.method == method and path in (None, call.path)]

    def answer(self, call: Call) -> Answer | None:
        rule = self._rules.get((call.method, call.path), lambda _: Answer({"error": "no such page"}, 404))
        with self._lock:
            self.calls.append(call)
        return rule(call)


def pass_on(to: str) -> Rule:
    """Make a rule that asks another API, at this URL, and gives its answer."""

    def ask(call: Call) -> Answer:
        names = ("Authorization", "Idempotency-Key", "Content-Type")
        headers = {name: call.headers[name] for name in names if name in call.headers}
        body = None if call.body is None else json.dumps(call.body).encode()
        url = f"{to}{call.path}?{urlencode(call.query)}"
        try:
            with urlopen(Request(url, body, headers, method=call.method), timeout=30) as answer:
                return Answer(json.load(answer), answer.status)
        except HTTPError as error:
            return Answer(json.load(error), error.code)

    return ask


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that were killed; a rule that fails shows as an answer that does not come."""


class _Handler(BaseHTTPRequestHandler):
    api: ScriptedApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        url = urlsplit(self.path)
        call = Call(self.command, url.path, dict(parse_qsl(url.query)), dict(self.headers.items()), body)
        answer = self.api.answer(call)
        if answer is None:
            self.close_connection = True
            return
        is_text = isinstance(answer.body, str)
        content = answer.body if is_text else json.dumps(answer.body)
        headers = {"Content-Type": "text/html" if is_text else "application/json"} | answer.headers
        self.send_response(answer.status)
        for name, value in (headers | {"Content-Length": str(len(content.encode()))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *_: object) -> None:
        pass
