"""Calling the application: what is sent, what an answer means, and how long it is waited for."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3
from werkzeug.wrappers import Request, Response

from redrive.api import Api
from redrive.errors import ApiTrouble, ApiUnavailable, CredentialsRefused, ListingError
from redrive.models import Communication, OutcomeKind
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, RequeueSettings
from redrive.transport import Deadline, PatientRetry, requeue_retry, worker_retry
from tests.unit.support import ScriptedApi, Time, as_json, second_attempt

EMAIL = Communication("123455", "send.email", "email")
CLAIM = second_attempt(EMAIL)
REQUEUE = RequeueSettings(path="/requeue", created_by="redrive-test")


def client(
    settings: ApiSettings, seconds: float = 10, policy: Callable[[Deadline, float], PatientRetry] = requeue_retry
) -> Api:
    made = Api(settings, policy, Secrets())
    made.deadline.set(seconds)
    return made


def test_a_requeue_is_one_post_of_a_queue_entry_with_its_key(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json({"queued": True}, status=202))
    outcome = client(settings).requeue(CLAIM, REQUEUE)
    (request,) = api.requests
    assert (request.method, request.path, request.content_type) == ("POST", "/requeue", "application/json")
    assert request.headers["Idempotency-Key"] == "send.email:123455:1795482900-2"
    assert request.json == {
        "primaryId": "123455",
        "operation": "send.email",
        "createdBy": "redrive-test",
        "created": "2026-11-24T02:15:00Z",
    }
    assert outcome.to_json() == {
        "primaryId": "123455",
        "operation": "send.email",
        "source": "email",
        "outcome": "requeued",
        "attempt": 2,
        "httpStatus": 202,
        "error": None,
    }


@pytest.mark.parametrize(
    ("requeue", "method", "path"),
    [
        ({"method": "PUT"}, "PUT", "/requeue"),
        ({"source_paths": {"sms": "/sms/requeue"}}, "POST", "/requeue"),
        ({"source_paths": {"email": "/emails/requeue"}}, "POST", "/emails/requeue"),
        ({"path": "/c/{primaryId}/{operation}/requeue"}, "POST", "/c/a%2Fb/send.email/requeue"),
    ],
)
def test_method_and_path_are_the_applications(
    api: ScriptedApi, settings: ApiSettings, requeue: dict[str, Any], method: str, path: str
) -> None:
    api.answers(as_json({}))
    entry = Communication("a/b", "send.email", "email")
    client(settings).requeue(second_attempt(entry), RequeueSettings(**({"path": "/requeue"} | requeue)))
    assert (api.requests[0].method, api.requests[0].environ["REQUEST_URI"]) == (method, path)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, "requeued"), (204, "requeued"), (409, "skipped"), (400, "rejected"), (404, "rejected"), (422, "rejected")],
)
def test_an_answer_that_will_not_change_is_an_outcome(
    api: ScriptedApi, settings: ApiSettings, status: int, kind: str
) -> None:
    api.answers(as_json({}, status=status))
    outcome = client(settings).requeue(CLAIM, REQUEUE)
    assert (outcome.kind, outcome.http_status) == (OutcomeKind(kind), status)
    assert len(api.requests) == 1


def test_an_outcome_never_quotes_the_application(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json({"error": "ann@example.com has opted out"}, status=422))
    assert client(settings).requeue(CLAIM, REQUEUE).error == "HTTP 422 Unprocessable Content"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 302, 308])
def test_an_answer_that_may_change_is_left_to_the_state_machine(
    api: ScriptedApi, settings: ApiSettings, status: int
) -> None:
    api.answers(Response(status=status, headers={"Location": "https://elsewhere.example/"}))
    with pytest.raises(ApiUnavailable, match=f"POST /requeue: HTTP {status}"):
        client(settings).requeue(CLAIM, REQUEUE)
    assert len(api.requests) == 1


@pytest.mark.parametrize("page", ["\n<!DOCTYPE html><h1>We are back soon</h1>", "<html><body>Sign in</body></html>"])
def test_a_page_of_html_is_no_requeue(api: ScriptedApi, settings: ApiSettings, page: str) -> None:
    api.answers(Response(page, content_type="text/html; charset=utf-8"))
    with pytest.raises(ApiUnavailable, match="HTML page"):
        client(settings).requeue(CLAIM, REQUEUE)


def test_a_page_of_html_that_comes_in_pieces_or_packed_is_no_requeue(api: ScriptedApi, settings: ApiSettings) -> None:
    packed = Response(gzip.compress(b"<html>Sign in</html>"), headers={"Content-Encoding": "gzip"})
    for page in (Response(iter([b"\n", b"<!doc", b"type html>"])), packed):
        api.answers(page)
        with pytest.raises(ApiUnavailable, match="HTML page") as error:
            client(settings).requeue(CLAIM, REQUEUE)
        assert error.value.http_status == 200


def test_of_an_answer_without_end_only_the_beginning_is_read(api: ScriptedApi, settings: ApiSettings) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(3200):
            sent += 65536
            yield b"x" * 65536

    api.answer = lambda request: Response(endless())
    caller = client(settings)
    assert caller.requeue(CLAIM, REQUEUE).kind is OutcomeKind.REQUEUED
    assert sent < 3200 * 65536 / 2, "the rest is nobody's"
    api.answers(as_json({}))
    assert caller.requeue(CLAIM, REQUEUE).kind is OutcomeKind.REQUEUED


def test_an_answer_that_breaks_off_is_no_requeue(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(Response(b"no gzip", headers={"Content-Encoding": "gzip"}))
    with pytest.raises(ApiUnavailable, match="POST /requeue: ContentDecodingError"):
        client(settings).requeue(CLAIM, REQUEUE)


def test_an_answer_that_drips_in_is_left_when_the_time_is_over(api: ScriptedApi, settings: ApiSettings) -> None:
    def drips() -> Iterator[bytes]:
        for _ in range(100):
            yield b"."
            time.sleep(0.1)

    api.answers(Response(drips(), status=202))
    caller, started = client(settings), time.monotonic()
    caller.deadline.set(1.0)
    assert caller.requeue(CLAIM, REQUEUE).kind is OutcomeKind.REQUEUED
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("body", ["", "OK", "queued"])
def test_a_2xx_is_a_requeue_whatever_type_a_framework_gives_its_body(
    api: ScriptedApi, settings: ApiSettings, body: str
) -> None:
    api.answers(Response(body, status=202, content_type="text/html; charset=utf-8"))
    assert client(settings).requeue(CLAIM, REQUEUE).kind is OutcomeKind.REQUEUED


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_told_as_such(api: ScriptedApi, settings: ApiSettings, status: int) -> None:
    api.answers(as_json({}, status=status))
    with pytest.raises(CredentialsRefused, match=f"POST /requeue: HTTP {status}"):
        client(settings).requeue(CLAIM, REQUEUE)
    assert len(api.requests) == 1


@pytest.mark.parametrize("status", [403, 503])
def test_trouble_knows_the_status_of_its_answer(api: ScriptedApi, settings: ApiSettings, status: int) -> None:
    api.answers(Response(status=status))
    with pytest.raises(ApiTrouble) as error:
        client(settings).requeue(CLAIM, REQUEUE)
    assert error.value.http_status == status


def test_retry_after_is_waited_for_with_the_same_key(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(Response(status=429, headers={"Retry-After": "1"}), as_json({}))
    before = time.monotonic()
    assert client(settings).requeue(CLAIM, REQUEUE).kind is OutcomeKind.REQUEUED
    assert time.monotonic() - before >= 1
    assert len({request.headers["Idempotency-Key"] for request in api.requests}) == 1
    assert len({request.get_data() for request in api.requests}) == 1


def test_there_is_no_second_try_that_could_outlast_the_remaining_time(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(Response(status=429, headers={"Retry-After": "1"}))
    with pytest.raises(ApiUnavailable, match="HTTP 429"):
        client(settings, seconds=2.5).requeue(CLAIM, REQUEUE)  # a second, and a try of two
    assert len(api.requests) == 1


@pytest.mark.parametrize("retry_after", ["60", "Wed, 24 Nov 2066 02:15:00 GMT"])
def test_retry_after_beyond_the_remaining_time_is_not_waited_for(
    api: ScriptedApi, settings: ApiSettings, retry_after: str
) -> None:
    api.answers(Response(status=503, headers={"Retry-After": retry_after}))
    before = time.monotonic()
    with pytest.raises(ApiUnavailable, match="HTTP 503"):
        client(settings, seconds=10).requeue(CLAIM, REQUEUE)
    assert time.monotonic() - before < 5
    assert len(api.requests) == 1


def test_a_retry_after_that_makes_no_sense_is_none(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(Response(status=503, headers={"Retry-After": "soon"}), as_json({}))
    assert client(settings).requeue(CLAIM, REQUEUE).kind is OutcomeKind.REQUEUED


def test_a_lost_answer_is_not_asked_for_again_here(api: ScriptedApi, settings: ApiSettings) -> None:
    def slow(request: Request) -> Response:
        time.sleep(1.5)
        return as_json({})

    api.answer = slow
    with pytest.raises(ApiUnavailable, match="POST /requeue: no answer in time"):
        client(settings).requeue(CLAIM, REQUEUE)
    assert len(api.requests) == 1


def test_nobody_listening_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ApiUnavailable, match="no connection"):
            client(ApiSettings(base_url=url)).requeue(CLAIM, REQUEUE)


def test_without_time_nothing_is_sent(api: ScriptedApi, settings: ApiSettings) -> None:
    caller = client(settings, seconds=0.2)
    with pytest.raises(ApiUnavailable, match="no time left"):
        caller.requeue(CLAIM, REQUEUE)
    assert not api.requests
    assert caller.milliseconds == 0


def test_a_read_ends_with_the_remaining_time(api: ScriptedApi) -> None:
    def slow(request: Request) -> Response:
        time.sleep(2)
        return as_json({})

    api.answer = slow
    settings = ApiSettings(base_url=api.url, read_timeout_seconds=60.0)
    before = time.monotonic()
    with pytest.raises(ApiUnavailable):
        client(settings, seconds=1).requeue(CLAIM, REQUEUE)
    assert time.monotonic() - before < 1.8


def test_extra_headers_and_a_base_path_go_with_every_call(api: ScriptedApi) -> None:
    api.answers(as_json({}))
    settings = ApiSettings(base_url=f"{api.url}/v2/", headers={"X-Tenant": "blue"})
    client(settings).requeue(CLAIM, REQUEUE)
    assert api.requests[0].path == "/v2/requeue"
    assert api.requests[0].headers["X-Tenant"] == "blue"
    assert api.requests[0].headers["User-Agent"] == "communications-redrive"


def test_one_connection_serves_a_sandboxs_calls(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json({}))
    caller = client(settings)
    for number in range(3):
        caller.requeue(second_attempt(Communication(str(number), "send.email", "email")), REQUEUE)
    assert len({request.environ["REMOTE_PORT"] for request in api.requests}) == 1


def test_a_connection_that_may_have_ended_while_the_sandbox_slept_is_not_used(
    api: ScriptedApi, settings: ApiSettings, time: Time
) -> None:
    api.answers(as_json({}))
    caller = client(settings)
    for _ in range(2):
        caller.requeue(CLAIM, REQUEUE)
        time.passes(60)
    assert len({request.environ["REMOTE_PORT"] for request in api.requests}) == 2


def test_the_worker_waits_for_no_retry_after(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(Response(status=429, headers={"Retry-After": "1"}), as_json({}))
    before = time.monotonic()
    with pytest.raises(ApiUnavailable, match="HTTP 429"):
        client(settings, policy=worker_retry).requeue(CLAIM, REQUEUE)
    assert time.monotonic() - before < 1
    assert len(api.requests) == 1


@pytest.mark.parametrize(("failures", "is_sent"), [(1, True), (2, False)])
def test_the_worker_tries_once_more_where_there_was_no_connection(
    api: ScriptedApi, settings: ApiSettings, monkeypatch: pytest.MonkeyPatch, failures: int, is_sent: bool
) -> None:
    connect, left = urllib3.util.connection.create_connection, [ConnectionRefusedError()] * failures

    def flaky(*arguments: Any, **more: Any) -> socket.socket:
        if left:
            raise left.pop()
        return connect(*arguments, **more)

    monkeypatch.setattr(urllib3.util.connection, "create_connection", flaky)
    api.answers(as_json({}))
    caller = client(settings, policy=worker_retry)
    if is_sent:
        assert caller.requeue(CLAIM, REQUEUE).kind is OutcomeKind.REQUEUED
    else:
        with pytest.raises(ApiUnavailable, match="no connection"):
            caller.requeue(CLAIM, REQUEUE)
    assert not left


def test_an_origin_is_scheme_host_and_port() -> None:
    caller = client(ApiSettings(base_url="https://api.example.com/v1"))
    assert caller.same_origin_url("/other", "https://API.example.com:443/v1") == "https://API.example.com:443/other"
    for url in ("https://api.example.com:8443/", "https://api.example.com.evil.example/"):
        with pytest.raises(ListingError, match="another origin"):
            caller.same_origin_url(url, "https://api.example.com/v1")
