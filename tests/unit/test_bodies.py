"""How long and how large an answer may be: what drips, floods or unpacks to gigabytes costs its own request alone."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from urllib3.util.retry import Retry
from werkzeug.wrappers import Response

from redrive import api as api_module
from redrive import auth as auth_module
from redrive.api import Api
from redrive.entries import QueueEntry
from redrive.errors import ApiUnavailable, ListingError
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, AuthSettings, AuthType
from redrive.transport import Deadline, listing_retry, no_retry
from tests.unit.support import ScriptedApi, as_json

ENTRY = QueueEntry("1", "send.email", "test", "2026-11-24T02:15:00Z")
HEAD = b"HTTP/1.1 200 OK\r\n"


class Wire:
    """A server that sends each connection what a test gives it, byte by byte."""

    def __init__(self, script: Callable[[], Iterator[bytes]], context: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                connection.recv(65536)
                for part in self._script():
                    connection.sendall(part)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):  # what was left unread would cut off what was sent
                    pass
        except OSError:
            return

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    made: list[Wire] = []

    def serve(script: Callable[[], Iterator[bytes]], context: ssl.SSLContext | None = None) -> Wire:
        made.append(Wire(script, context))
        return made[-1]

    yield serve
    for each in made:
        each.close()


def client(
    url: str, seconds: float = 30, policy: Callable[[Deadline, float], Retry] = no_retry, read: float = 1.0
) -> Api:
    made = Api(ApiSettings(base_url=url, connect_timeout_seconds=1.0, read_timeout_seconds=read), policy, Secrets())
    made.deadline.set(seconds)
    return made


def listed(caller: Api) -> Any:
    return json.loads(caller.get(caller.url("/emails"), []).body)


def drips(begin: bytes = b"", each: bytes = b" ", seconds: float = 20.0) -> Iterator[bytes]:
    yield begin
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield each
        time.sleep(0.1)


def test_a_list_that_drips_in_ends_with_the_invocations_time(wire: Callable[..., Wire]) -> None:
    server = wire(lambda: drips(HEAD + b"Content-Length: 10000\r\n\r\n["))
    with pytest.raises(ApiUnavailable, match="GET /emails: HTTP 200 did not finish in time"):
        listed(client(f"http://127.0.0.1:{server.port}", seconds=1.5))


def test_a_list_that_drips_in_leaves_time_for_the_others(
    wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "BODY_SECONDS", 1.0)

    fine = HEAD + b"Content-Length: 3\r\n\r\n[1]"
    server = wire(lambda: drips(HEAD + b"\r\n") if server.connections == 1 else iter([fine]))
    caller = client(f"http://127.0.0.1:{server.port}", seconds=600)
    with pytest.raises(ApiUnavailable, match="did not finish in time"):
        listed(caller)
    assert listed(caller) == [1]
    assert server.connections == 2, "what still drips in belongs to nobody"


@pytest.mark.parametrize("policy", [no_retry, listing_retry])
def test_headers_that_drip_in_are_no_answer_in_time(wire: Callable[..., Wire], policy: Any) -> None:
    server = wire(lambda: drips(HEAD, b"X-More: 1\r\n"))
    with pytest.raises(ApiUnavailable, match="GET /emails: no answer in time"):
        listed(client(f"http://127.0.0.1:{server.port}", seconds=2.5, policy=policy))


def test_a_status_line_that_drips_in_is_no_answer_in_time_over_tls(wire: Callable[..., Wire]) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = wire(lambda: drips(b"HTTP/1.1 200 ", b"O"), context)
    caller = client(f"https://127.0.0.1:{server.port}", seconds=30)
    with authority.cert_pem.tempfile() as bundle:
        caller._verify = bundle
        with pytest.raises(ApiUnavailable, match="no answer in time"):
            caller.call("POST", "/requeue", ENTRY, "a key")


@pytest.mark.parametrize(
    "flood",
    [
        HEAD + b"X-Flood: 1\r\n" * 10_000 + b"\r\n",
        HEAD + b"X-Flood: " + b"x" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * 1_000_000 + b"\r\n\r\n",
        b"no HTTP at all\r\n\r\n",
        b"",
    ],
)
def test_a_flood_of_headers_and_an_answer_that_is_none_cost_their_own_request(
    wire: Callable[..., Wire], flood: bytes
) -> None:
    fine = HEAD + b"Content-Length: 3\r\nConnection: close\r\n\r\n[1]"
    server = wire(lambda: iter([flood if server.connections == 1 else fine]))
    caller = client(f"http://127.0.0.1:{server.port}")
    with pytest.raises(ApiUnavailable, match="GET /emails: "):
        listed(caller)
    assert listed(caller) == [1]


@pytest.mark.parametrize(
    "before", [b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n", b"HTTP/1.1 102 P\r\n\r\n"]
)
@pytest.mark.parametrize("times", [1, 3])
def test_what_comes_before_an_answer_is_passed_over(wire: Callable[..., Wire], before: bytes, times: int) -> None:
    fine = b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 3\r\n\r\n[1]"
    server = wire(lambda: iter([before * times + fine]))
    listing, requeueing = (client(f"http://127.0.0.1:{server.port}") for _ in range(2))  # the server hangs up each time
    assert listed(listing) == [1]
    assert requeueing.call("POST", "/requeue", ENTRY, "a key").accepted


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"<h1>Hello</h1>", "the answer cannot be read as HTTP"),
        (b"HTTP/2 200\r\n\r\n", "the answer cannot be read as HTTP"),
        (b"HTTP/1.1 2OO OK\r\n\r\n", "the answer cannot be read as HTTP"),
        (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n[1]", "the answer cannot be read as HTTP"),
        (b"", "connection failed"),
    ],
)
def test_an_answer_that_is_none_is_said_to_be_so(wire: Callable[..., Wire], answer: bytes, words: str) -> None:
    server = wire(lambda: iter([answer]))
    with pytest.raises(ApiUnavailable, match=f"POST /requeue: {words}"):
        client(f"http://127.0.0.1:{server.port}").call("POST", "/requeue", ENTRY, "a key")


def test_a_change_of_protocols_is_no_answer(wire: Callable[..., Wire]) -> None:
    server = wire(lambda: iter([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"]))
    for ask in (listed, lambda caller: caller.call("POST", "/requeue", ENTRY, "a key")):
        with pytest.raises(ApiUnavailable, match="HTTP 101 Switching Protocols"):
            ask(client(f"http://127.0.0.1:{server.port}"))


def test_what_comes_before_an_answer_and_never_ends_is_no_answer_in_time(wire: Callable[..., Wire]) -> None:
    server = wire(lambda: drips(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"))
    with pytest.raises(ApiUnavailable, match="no answer in time"):  # to its end it would be a connection that failed
        listed(client(f"http://127.0.0.1:{server.port}"))


@pytest.mark.parametrize(
    "cut",
    [
        HEAD + b"Content-Length: 100\r\n\r\n[1]",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\n[1",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n[1]",
    ],
)
def test_a_list_that_broke_off_is_asked_for_once_more(wire: Callable[..., Wire], cut: bytes) -> None:
    fine = HEAD + b"Content-Length: 3\r\nConnection: close\r\n\r\n[2]"
    server = wire(lambda: iter([cut if server.connections == 1 else fine]))
    assert listed(client(f"http://127.0.0.1:{server.port}")) == [2]
    again = wire(lambda: iter([cut]))
    with pytest.raises(ApiUnavailable, match="GET /emails: the answer broke off"):
        listed(client(f"http://127.0.0.1:{again.port}"))
    assert again.connections == 2


def test_a_requeue_whose_answer_broke_off_is_not_made_again_here(wire: Callable[..., Wire]) -> None:
    server = wire(lambda: iter([HEAD + b"Content-Length: 100\r\n\r\n{"]))
    caller = client(f"http://127.0.0.1:{server.port}")
    with pytest.raises(ApiUnavailable, match="POST /requeue: the answer broke off"):
        caller.call("POST", "/requeue", ENTRY, "a key")
    assert server.connections == 1


def test_an_answer_that_is_not_packed_as_it_says_is_said_to_be_so(api: ScriptedApi) -> None:
    api.answer = lambda request: Response("[1]", headers={"Content-Encoding": "gzip"})
    with pytest.raises(ApiUnavailable, match="is not packed as its Content-Encoding says"):
        listed(client(api.url))


@pytest.mark.parametrize("pack", [zlib.compress, lambda body: zlib.compress(body)[2:-4], gzip.compress])
def test_an_answer_is_unpacked_in_every_form_of_deflate(api: ScriptedApi, pack: Callable[[bytes], bytes]) -> None:
    encoding = "gzip" if pack is gzip.compress else "deflate"
    api.answer = lambda request: Response(pack(b"[1]"), headers={"Content-Encoding": encoding})
    assert listed(client(api.url)) == [1]


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({"Retry-After": "600"}, 1),
        ({"Retry-After": "600, 600"}, 1),
        ({"Retry-After": "600.5"}, 1),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "600"}, 1),
        ({"Retry-After": "0"}, 4),
    ],
)
def test_a_list_whose_api_wants_to_be_left_alone_for_long_costs_the_others_no_time(
    api: ScriptedApi, headers: dict[str, str], asked: int
) -> None:
    api.answers(Response(status=429, headers=headers))
    with pytest.raises(ApiUnavailable, match="HTTP 429"):
        listed(client(api.url, seconds=900, policy=listing_retry))
    assert len(api.requests) == asked


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(api_module, "MAX_LIST_BYTES", 1_000_000)
    return 1_000_000


def test_a_list_may_be_as_large_as_its_limit_and_no_larger(api: ScriptedApi, limit: int) -> None:
    api.answers(Response(b" " * (limit - 2) + b"[]"), Response(b" " * (limit - 1) + b"[]"), as_json([1]))
    caller = client(api.url)
    assert listed(caller) == []
    with pytest.raises(ListingError, match="GET /emails: the answer is larger than 1,000,000 bytes; ask for smaller"):
        listed(caller)
    assert listed(caller) == [1]


def packed(times: int, size: int) -> bytes:
    body = b" " * size
    for _ in range(times):
        body = gzip.compress(body)
    return body


@pytest.mark.parametrize("times", [1, 2])
def test_what_unpacks_to_more_than_the_limit_is_not_unpacked(api: ScriptedApi, limit: int, times: int) -> None:
    bomb = packed(times, 200 * limit)
    encoding = ", ".join(["gzip"] * times)
    api.answer = lambda request: Response(bomb, headers={"Content-Encoding": encoding})
    caller = client(api.url)
    tracemalloc.start()
    try:
        with pytest.raises(ListingError, match="larger than"):
            listed(caller)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10 * limit


@pytest.mark.parametrize("accepted", [None, "success"])
def test_a_requeue_reads_no_more_of_an_answer_than_it_needs(api: ScriptedApi, accepted: str | None) -> None:
    bomb = packed(1, 100_000_000)
    api.answer = lambda request: Response(bomb, headers={"Content-Encoding": "gzip"})
    tracemalloc.start()
    try:
        answer = client(api.url, read=10).call("POST", "/requeue", ENTRY, "a key", accepted=accepted)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.accepted is (accepted is None)
    assert most < 5_000_000


def test_json_that_is_nested_deeply_is_an_answer_but_fulfils_nothing(api: ScriptedApi) -> None:
    api.answer = lambda request: Response(b"[" * 30_000 + b"]" * 30_000, content_type="application/json")
    caller = client(api.url)
    assert caller.call("POST", "/requeue", ENTRY, "a key").accepted
    answer = caller.call("POST", "/requeue", ENTRY, "a key", accepted="success")
    assert (answer.accepted, answer.error) == (False, "HTTP 200, but requeue.accepted does not hold")


def test_an_answer_that_is_cut_short_says_nothing_of_what_must_hold(wire: Callable[..., Wire]) -> None:
    server = wire(lambda: drips(HEAD + b'Content-Length: 10000\r\n\r\n{"success": true, '))
    caller = client(f"http://127.0.0.1:{server.port}", seconds=1.5)
    with pytest.raises(ApiUnavailable, match="POST /requeue: HTTP 200 did not finish in time"):
        caller.call("POST", "/requeue", ENTRY, "a key", accepted="success")


class KnownSecrets(Secrets):
    """Secrets that are there already."""

    def text(self, arn: str, *, fresh: bool = False) -> str:
        return '{"client_id": "redrive", "client_secret": "s3cret"}'


def with_token(token_url: str, api: ScriptedApi) -> Api:
    auth = AuthSettings(type=AuthType.OAUTH2_CLIENT_CREDENTIALS, secret_arn="client", token_url=token_url)
    made = Api(ApiSettings(base_url=api.url, auth=auth), no_retry, KnownSecrets())
    made.deadline.set(600)
    return made


@pytest.mark.parametrize(
    ("begin", "each"), [(HEAD + b"\r\n", b" "), (HEAD, b"X-More: 1\r\n"), (HEAD + b"Content-Length: 999\r\n\r\n", b" ")]
)
def test_a_token_that_drips_in_is_given_up(
    wire: Callable[..., Wire], api: ScriptedApi, monkeypatch: pytest.MonkeyPatch, begin: bytes, each: bytes
) -> None:
    monkeypatch.setattr(auth_module, "TOKEN_SECONDS", 1.0)
    server = wire(lambda: drips(begin, each))
    with pytest.raises(ApiUnavailable, match=r"token endpoint: (the answer did not finish|no answer in time)"):
        listed(with_token(f"http://127.0.0.1:{server.port}/token", api))
    assert not api.requests


def test_a_token_is_no_megabyte(api: ScriptedApi) -> None:
    api.answer = lambda request: as_json({"access_token": "x" * 1_000_000})
    with pytest.raises(ApiUnavailable, match="token endpoint: the answer is larger than 65,536 bytes"):
        listed(with_token(f"{api.url}/token", api))


def test_an_unknown_host_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ApiUnavailable, match=r"GET /emails: no connection: unknown host$"):
        listed(client("http://api.test"))


def test_a_closed_port_is_said_to_be_one() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ApiUnavailable, match=r"GET /emails: no connection: refused, nothing listens there$"):
            listed(client(url))


@pytest.mark.parametrize(
    ("identity", "days", "words"),
    [
        ("127.0.0.1", -1, "no TLS connection: the certificate has expired"),
        ("127.0.0.2", 9, "no TLS connection: the certificate is another"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(
    wire: Callable[..., Wire], identity: str, days: int, words: str
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ends = datetime.now(UTC) + timedelta(days=days)
    authority.issue_cert(identity, not_after=ends).configure_cert(context)
    server = wire(lambda: iter([HEAD + b"Content-Length: 2\r\n\r\n[]"]), context)
    caller = client(f"https://127.0.0.1:{server.port}")
    with authority.cert_pem.tempfile() as bundle:
        caller._verify = bundle
        with pytest.raises(ApiUnavailable, match=words):
            listed(caller)


def test_a_port_without_tls_is_said_to_have_none(wire: Callable[..., Wire]) -> None:
    server = wire(lambda: iter([b"HTTP/1.1 400 Bad Request\r\n\r\n"]))
    with pytest.raises(ApiUnavailable, match="no TLS connection: the other side speaks no TLS"):
        listed(client(f"https://127.0.0.1:{server.port}"))
