"""Calling the application: what is sent, what an answer means, and how long it is waited for."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import urllib3
from urllib3.util.retry import Retry
from werkzeug.wrappers import Request, Response

from redrive.api import Answer, Api
from redrive.errors import ApiTrouble, ApiUnavailable, ConfigurationError, CredentialsRefused
from redrive.models import Communication
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, RequeueSettings
from redrive.transport import Deadline, no_retry
from tests.unit.support import ScriptedApi, Time, as_json, second_attempt

EMAIL = Communication("123455", "send.email", "email")
CLAIM = second_attempt(EMAIL)
REQUEUE = RequeueSettings(path="/requeue", created_by="redrive-test")


def client(settings: ApiSettings, seconds: float = 10, policy: Callable[[Deadline, float], Retry] = no_retry) -> Api:
    made = Api(settings, policy, Secrets())
    made.deadline.set(seconds)
    return made


def test_a_requeue_is_one_post_of_a_queue_entry_with_its_key(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json({"queued": True}, status=202))
    answer = client(settings).requeue(CLAIM, REQUEUE)
    (request,) = api.requests
    assert (request.method, request.path, request.content_type) == ("POST", "/requeue", "application/json")
    assert request.headers["Idempotency-Key"] == "send.email:123455:1795482900-2"
    assert request.json == {
        "primaryId": "123455",
        "operation": "send.email",
        "createdBy": "redrive-test",
        "created": "2026-11-24T02:15:00Z",
    }
    assert answer == Answer(202, accepted=True)


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
    ("status", "accepted"), [(200, True), (204, True), (409, False), (400, False), (404, False), (422, False)]
)
def test_an_answer_that_will_not_change_is_given_back(
    api: ScriptedApi, settings: ApiSettings, status: int, accepted: bool
) -> None:
    api.answers(as_json({}, status=status))
    answer = client(settings).requeue(CLAIM, REQUEUE)
    assert (answer.accepted, answer.status) == (accepted, status)
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


PAGES = [
    b"\n<!DOCTYPE html><h1>We are back soon</h1>",
    b"<html><body>Sign in</body></html>",
    b"\xef\xbb\xbf<!doctype html>",
    b"<!-- a cache --><html></html>",
    b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"></html>',
    b"<head><title>Sign in</title></head>",
    "<html>Sign in</html>".encode("utf-16"),
]


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/json", ""])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_no_requeue(api: ScriptedApi, settings: ApiSettings, page: bytes, content_type: str) -> None:
    api.answers(Response(page, content_type=content_type))
    with pytest.raises(ApiUnavailable, match="a page instead of an answer") as error:
        client(settings).requeue(CLAIM, REQUEUE)
    assert error.value.http_status == 200


def test_a_page_that_comes_in_pieces_or_packed_is_no_requeue(api: ScriptedApi, settings: ApiSettings) -> None:
    packed = Response(gzip.compress(b"<html>Sign in</html>"), headers={"Content-Encoding": "gzip"})
    for page in (Response(iter([b"\n", b"<!doc", b"type html>"])), packed):
        api.answers(page)
        with pytest.raises(ApiUnavailable, match="a page instead of an answer"):
            client(settings).requeue(CLAIM, REQUEUE)


def test_of_an_answer_without_end_only_the_beginning_is_read(api: ScriptedApi, settings: ApiSettings) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(3200):
            sent += 65536
            yield b"x" * 65536

    api.answer = lambda request: Response(endless())
    caller = client(settings)
    assert caller.requeue(CLAIM, REQUEUE).accepted
    assert sent < 3200 * 65536 / 2, "the rest is nobody's"
    api.answers(as_json({}))
    assert caller.requeue(CLAIM, REQUEUE).accepted


def test_a_long_answer_that_quotes_a_page_is_a_requeue(api: ScriptedApi, settings: ApiSettings) -> None:
    """As of an API that gives back the mail with its HTML."""
    api.answers(as_json({"id": 1, "html": "<!DOCTYPE html>" + "x" * 100_000}))
    assert client(settings).requeue(CLAIM, REQUEUE).accepted


def test_an_answer_that_breaks_off_is_no_requeue(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(Response(b"no gzip", headers={"Content-Encoding": "gzip"}))
    with pytest.raises(ApiUnavailable, match="POST /requeue: the answer is not packed as its Content-Encoding says"):
        client(settings).requeue(CLAIM, REQUEUE)


def test_an_answer_that_drips_in_is_left_when_the_time_is_over(api: ScriptedApi, settings: ApiSettings) -> None:
    came: list[int] = []

    def drips() -> Iterator[bytes]:
        for number in range(100):
            came.append(number)
            yield b"."
            time.sleep(0.1)

    api.answers(Response(drips(), status=202))
    caller = client(settings)
    caller.deadline.set(1.0)
    assert caller.requeue(CLAIM, REQUEUE).accepted
    assert len(came) < 100


@pytest.mark.parametrize(
    ("body", "content_type", "accepted"),
    [
        ("", "text/html", True),
        ("{}", "text/html", True),
        ("\ufeff[1]", "text/html", True),
        ("OK", "text/plain", True),
        ("queued", "", True),
        ("queued", "text/html; charset=utf-8", True),
        ('{"message": "<b>queued</b>"}', "text/html", True),
        ("1 < 2", "text/html", True),
        ("You are signed out. <a href=/login>Sign in</a>", "text/html; charset=utf-8", False),
    ],
)
def test_a_2xx_is_a_requeue_where_its_body_is_empty_json_or_plain(
    api: ScriptedApi, settings: ApiSettings, body: str, content_type: str, accepted: bool
) -> None:
    api.answers(Response(body.encode(), status=202, content_type=content_type))
    if accepted:
        assert client(settings).requeue(CLAIM, REQUEUE).accepted
    else:
        with pytest.raises(ApiUnavailable, match="a page instead of an answer"):
            client(settings).requeue(CLAIM, REQUEUE)


@pytest.mark.parametrize(
    ("expression", "body", "accepted"),
    [
        ("success", '{"success": true}', True),
        ("success", '{"success": false}', False),
        ("result == 'queued'", '{"result": "queued"}', True),
        ("result == 'queued'", "{}", False),
        ("success", "", False),
        ("success", "OK", False),
        ("success", '{"success": "false"}', False),
        ("success", '{"success": " No"}', False),
        ("success", '{"success": 0}', False),
        ("success", '{"success": "0"}', False),
        ("success", '{"success": "N"}', False),
        ("success", '{"success": 1}', True),
        ("queueId", '{"queueId": "00"}', True),
        ("length(@)", "[]", False),
        ("length(@)", "[1]", True),
        ("length(@)", "3", False),
        ("id == 'ü'", b'{"id": "\xfc"}', True),
        ("ceil(wait) < `1`", '{"wait": 1e999}', False),
        ("powertools_base64_gzip(packed)", '{"packed": "YWJj"}', False),
        ("success", json.dumps({"rows": ["<html>"] * 20_000, "success": True}), True),
    ],
)
def test_a_2xx_is_believed_where_requeue_accepted_holds(
    api: ScriptedApi, settings: ApiSettings, expression: str, body: str | bytes, accepted: bool
) -> None:
    api.answers(Response(body, status=200, content_type="application/json; charset=latin-1"))
    answer = client(settings).requeue(CLAIM, REQUEUE._replace(accepted=expression))
    assert (answer.accepted, answer.status) == (accepted, 200)
    assert answer.error == (None if accepted else "HTTP 200, but requeue.accepted does not hold")


def test_an_expression_that_is_none_is_said(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json({}))
    with pytest.raises(ConfigurationError, match=r"requeue\.accepted: 'a b' is not"):
        client(settings).requeue(CLAIM, REQUEUE._replace(accepted="a b"))


def test_refused_credentials_are_told_as_such(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json({}, status=401))
    with pytest.raises(CredentialsRefused, match="POST /requeue: HTTP 401"):
        client(settings).requeue(CLAIM, REQUEUE)
    assert len(api.requests) == 1


def test_forbidden_is_an_answer_about_one_communication(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json({}, status=403))
    assert client(settings).requeue(CLAIM, REQUEUE) == Answer(403, accepted=False, error="HTTP 403 Forbidden")


@pytest.mark.parametrize("status", [401, 503])
def test_trouble_knows_the_status_of_its_answer(api: ScriptedApi, settings: ApiSettings, status: int) -> None:
    api.answers(Response(status=status))
    with pytest.raises(ApiTrouble) as error:
        client(settings).requeue(CLAIM, REQUEUE)
    assert error.value.http_status == status


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1", 1), ("60", 60), ("Wed, 24 Nov 2066 02:15:00 GMT", 86400), ("Wed, 24 Nov 2021 02:15:00 GMT", 0)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_for_the_caller_to_wait_for(
    api: ScriptedApi, settings: ApiSettings, status: int, text: str, seconds: float
) -> None:
    api.answers(Response(status=status, headers={"Retry-After": text}))
    with pytest.raises(ApiUnavailable) as error:
        client(settings).requeue(CLAIM, REQUEUE)
    assert error.value.retry_after == seconds
    assert len(api.requests) == 1


@pytest.mark.parametrize("text", ["soon", "", "-1", "1e400"])
def test_a_retry_after_that_makes_no_sense_is_none(api: ScriptedApi, settings: ApiSettings, text: str) -> None:
    api.answers(Response(status=503, headers={"Retry-After": text}))
    with pytest.raises(ApiUnavailable) as error:
        client(settings).requeue(CLAIM, REQUEUE)
    assert error.value.retry_after is None


def test_every_request_waits_for_its_turn_also_the_one_with_fresh_credentials(
    api: ScriptedApi, settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.answers(as_json({}, status=401))
    caller, turns = client(settings), list[int]()
    caller.pace = lambda: turns.append(len(api.requests))
    monkeypatch.setattr(caller._auth, "renew", lambda: True)
    with pytest.raises(CredentialsRefused):
        caller.requeue(CLAIM, REQUEUE)
    assert turns == [0, 1]


def test_a_lost_answer_is_not_asked_for_again_here(api: ScriptedApi, settings: ApiSettings) -> None:
    def slow(request: Request) -> Response:
        time.sleep(1.5)
        return as_json({})

    api.answer = slow
    with pytest.raises(ApiUnavailable, match="POST /requeue: no answer in time"):
        client(settings._replace(read_timeout_seconds=1.0)).requeue(CLAIM, REQUEUE)
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
    with pytest.raises(ApiUnavailable, match="no answer in time"):
        client(settings, seconds=1).requeue(CLAIM, REQUEUE)


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


@pytest.mark.parametrize("trouble", [ConnectionRefusedError(), TimeoutError()])
def test_a_call_is_one_connection_also_where_there_is_none(
    api: ScriptedApi, settings: ApiSettings, monkeypatch: pytest.MonkeyPatch, trouble: OSError
) -> None:
    tries: list[object] = []

    def fails(address: object, *_: object, **__: object) -> socket.socket:
        tries.append(address)
        raise trouble

    monkeypatch.setattr(urllib3.util.connection, "create_connection", fails)
    with pytest.raises(ApiUnavailable, match="no connection"):
        client(settings).requeue(CLAIM, REQUEUE)
    assert len(tries) == 1


def test_an_api_may_want_another_type_of_json(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json({}))
    caller = client(settings._replace(headers={"accept": "application/vnd.api+json"}))
    caller.get(caller.url("/emails"), [])
    assert api.requests[0].headers["Accept"] == "application/vnd.api+json"


@pytest.mark.parametrize("expression", ["result ==", "[", "a..b"])
def test_without_jmespath_in_requeue_accepted_nothing_is_sent(
    api: ScriptedApi, settings: ApiSettings, expression: str
) -> None:
    api.answers(as_json({}))
    with pytest.raises(ConfigurationError, match=r"requeue\.accepted: '.+' is not a JMESPath expression"):
        client(settings).requeue(CLAIM, REQUEUE._replace(accepted=expression))
    assert not api.requests


@pytest.mark.parametrize("status", [401, 403, 404, 409, 422])
def test_what_must_hold_of_a_2xx_says_nothing_of_other_answers(
    api: ScriptedApi, settings: ApiSettings, status: int
) -> None:
    api.answers(as_json({"success": True}, status=status))
    with suppress(CredentialsRefused):
        assert not client(settings).requeue(CLAIM, REQUEUE._replace(accepted="success")).accepted
