"""docs/openapi.yaml is valid, and it describes what the module really sends and what it makes of the answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from werkzeug.wrappers import Request, Response

from redrive import clock
from redrive.api import Api
from redrive.errors import RedriveError
from redrive.listing import Listing
from redrive.models import MAX_ID_BYTES, Communication, primary_id
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, Pagination, PaginationStyle, RequeueSettings, Source
from redrive.transport import listing_retry, no_retry
from requeue_communication import handler as requeue_communication
from tests.unit.delivery_queue import Delivery, entry
from tests.unit.support import Context, ScriptedApi, TableFront, as_json, new_sandbox, second_attempt

DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docs" / "openapi.yaml").read_text("utf-8"))
OPERATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}

SOURCES = {
    "listEmails": Source(
        path="/emails",
        operation="send.email",
        filters={"status": "failed"},
        items="emails",
        pagination=Pagination(style=PaginationStyle.CURSOR, next="next_cursor"),
    ),
    "listSms": Source(
        path="/sms",
        operation="send.sms",
        filters={"status": "failed"},
        items="sms",
        pagination=Pagination(style=PaginationStyle.PAGE),
    ),
}

IDS = st.text(min_size=1, max_size=MAX_ID_BYTES).map(primary_id).filter(lambda id_: id_ is not None) | st.integers(
    -(10**20), 10**20
).map(str)


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference within the document."""
    while "$ref" in node:
        found: Any = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def wrong(schema: dict[str, Any], value: object) -> list[str]:
    """Say in what a value is not what a schema of the document describes."""
    validator = Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    return [error.message for error in validator.iter_errors(value)]


def undescribed(operation_id: str, request: Request) -> list[str]:
    """Say in what a request is not what the document describes."""
    method, path, operation = OPERATIONS[operation_id]
    found = [] if request.method == method else [f"method {request.method}"]
    parameters = {(each["in"], each["name"]): each for each in map(resolved, operation["parameters"])}
    given: dict[tuple[str, str], str] = {("query", name): value for name, value in request.args.items(multi=True)}
    given |= {("header", name): request.headers[name] for place, name in parameters if name in request.headers}
    for part, written in zip(path.split("/"), request.path.split("/"), strict=True):
        if part.startswith("{"):
            given["path", part.strip("{}")] = written
        elif part != written:
            found.append(f"path {request.path}")
    found += [f"{name}: not described" for place, name in given if (place, name) not in parameters]
    found += [f"{key}: missing" for key, each in parameters.items() if each.get("required") and key not in given]
    for key, value in given.items():
        schema = resolved(parameters.get(key, {}).get("schema", {}))
        found += wrong(schema, int(value) if schema.get("type") == "integer" else value)
    if "requestBody" in operation:
        (kind, content) = next(iter(operation["requestBody"]["content"].items()))
        found += [] if request.content_type == kind else [f"content type {request.content_type}"]
        found += wrong(content["schema"], json.loads(request.get_data()))
    elif request.get_data():
        found.append("a body")
    return found


def test_the_document_is_one_of_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def examples() -> Iterator[Any]:
    """Give each example of a body with the schema that it is an example of."""
    for name, (_, _, operation) in OPERATIONS.items():
        bodies = [("request", operation["requestBody"])] if "requestBody" in operation else []
        bodies += [(status, resolved(answer)) for status, answer in operation["responses"].items()]
        for what, body in bodies:
            for content in body["content"].values():
                values = [example["value"] for example in content.get("examples", {}).values()]
                values += [content["example"]] if "example" in content else []
                assert values, f"{name} {what}: no example"
                yield from (pytest.param(content["schema"], value, id=f"{name} {what}") for value in values)
        for parameter in map(resolved, operation["parameters"]):
            yield pytest.param(parameter["schema"], parameter["example"], id=f"{name} {parameter['name']}")


@pytest.mark.parametrize(("schema", "example"), list(examples()))
def test_its_examples_are_what_it_describes(schema: dict[str, Any], example: object) -> None:
    assert wrong(schema, example) == []


def listed(operation_id: str, api: ScriptedApi, settings: ApiSettings) -> list[str]:
    """Read the list that the API gives; give the ids."""
    listing = Listing({operation_id: SOURCES[operation_id]}, Api(settings, listing_retry, Secrets()), lambda: True)
    found = [communication.primary_id for communication in listing]
    assert not listing.problems
    assert listing.complete
    return found


@pytest.mark.parametrize("operation_id", list(SOURCES))
def test_lists_are_asked_for_as_described(operation_id: str, api: ScriptedApi, settings: ApiSettings) -> None:
    """The examples are served: a page, one more, and the end."""
    source, (_, _, operation) = SOURCES[operation_id], OPERATIONS[operation_id]
    content = operation["responses"]["200"]["content"]["application/json"]
    first, end = (example["value"] for example in content["examples"].values())
    last = end | {source.items: [{"id": 7000 if operation_id == "listSms" else "em-7000"}]}
    assert wrong(content["schema"], last) == []
    answers = iter([first, last])
    api.answer = lambda request: as_json(next(answers, end))
    found = listed(operation_id, api, settings)
    assert found == [str(item["id"]) for item in (*first[source.items], *last[source.items])]
    assert len(api.requests) >= 2
    for request in api.requests:
        assert undescribed(operation_id, request) == []
        assert request.args["status"] == "failed"


@pytest.fixture
def caller(settings: ApiSettings) -> Api:
    """One for all examples, as a sandbox has one for all communications."""
    return Api(settings, no_retry, Secrets())


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(id_=IDS, operation=st.sampled_from(["send.email", "send.sms", "send.communications"]), space=st.booleans())
def test_a_requeue_is_what_is_described(api: ScriptedApi, caller: Api, id_: str, operation: str, space: bool) -> None:
    api.requests.clear()
    api.answers(as_json({}, status=202))
    claim = second_attempt(Communication(id_, operation, "email", "send.email@elsewhere" if space else ""))
    assert caller.requeue(claim, RequeueSettings(path=OPERATIONS["requeue"][1])).accepted
    (request,) = api.requests
    assert undescribed("requeue", request) == []


def test_the_longest_keys_are_as_described(api: ScriptedApi, caller: Api) -> None:
    """An operation and an id space as long as the module takes them, an id of which every byte is encoded."""
    operation, space = "a" * 64, f"{'a' * 64}@{'b' * 64}"
    api.answers(as_json({}, status=202))
    claim = second_attempt(Communication("ü" * (MAX_ID_BYTES // 2), operation, "email", space))
    assert caller.requeue(claim, RequeueSettings(path="/communications/requeue")).accepted
    (request,) = api.requests
    key = request.headers["Idempotency-Key"]
    assert len(key) > 500
    assert wrong(DOCUMENT["components"]["schemas"]["IdempotencyKey"], key) == []


def test_the_worker_asks_for_what_is_described(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    send, given_up = OPERATIONS["send"][1], OPERATIONS["giveUp"][1]
    delivery.configure(paths={"send.email": send}, given_up_path=given_up)
    api.answers(Response(status=503))
    delivery.enqueue(entry("a b"), entry(42))
    delivery.turn(context, receives=1)
    delivery.enqueue(entry("last"))
    delivery.turn(context, receives=3)
    asked = {operation_id: [] for operation_id in ("send", "giveUp")}
    for request in api.requests:
        asked["send" if request.path.endswith("/send") else "giveUp"].append(request)
    assert [len(requests) for requests in asked.values()] == [3, 1]
    for operation_id, requests in asked.items():
        for request in requests:
            assert undescribed(operation_id, request) == []


def outcomes(operation_id: str) -> list[Any]:
    """Give the statuses of an operation, each with what the document says that the module makes of it."""
    responses = OPERATIONS[operation_id][2]["responses"]
    return [pytest.param(int(status), answer["x-outcome"], id=status) for status, answer in responses.items()]


@pytest.mark.parametrize(("status", "outcome"), outcomes("requeue"))
def test_an_answer_to_a_requeue_means_what_is_described(
    front: TableFront, api: ScriptedApi, context: Context, monkeypatch: pytest.MonkeyPatch, status: int, outcome: str
) -> None:
    """An outcome, or the error with which the state machine comes back to it."""
    for name, value in {
        "api": {"base_url": api.url, "connect_timeout_seconds": 10, "read_timeout_seconds": 10},
        "requeue": {"path": "/communications/requeue", "created_by": "redrive"},
        "run": {"max_attempts_of_a_request": 3},
    }.items():
        monkeypatch.setenv(f"REDRIVE_{name.upper()}", json.dumps(value))
    new_sandbox()
    api.answers(Response(status=status))
    item = {"runId": "20261124T021500Z", "batch": 1, "force": False, "paced": False, "listedAt": clock.now()}
    communication = Communication("em-1001", "send.email", "email").to_json()
    try:
        answer = requeue_communication.handler(item | {"communication": communication}, context)  # type: ignore[arg-type]
        found = answer["outcome"]
    except RedriveError as error:
        found = type(error).__name__
    assert found == outcome


@pytest.mark.parametrize(("status", "outcome"), outcomes("send"))
def test_an_answer_to_the_worker_means_what_is_described(
    delivery: Delivery, api: ScriptedApi, context: Context, logged: Any, status: int, outcome: str
) -> None:
    delivery.configure(given_up_path=None)
    api.answers(Response(status=status))
    delivery.enqueue(entry())
    # A batch of which nothing is done for refused credentials raises; its messages come back by themselves.
    try:
        delivery.turn(context)
    except RedriveError:
        assert status == 401
    assert {line["outcome"] for line in logged() if line.get("message") == "entry done"} == {outcome}
