"""The worker, from a batch of messages to what becomes of each: none is lost, none holds back another."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from werkzeug.wrappers import Request, Response

from redrive.api import Api
from redrive.errors import ConfigurationError, CredentialsRefused
from redrive.observability import observed
from redrive.queueing import sqs
from tests.unit.delivery_queue import ENTRY, KEY, MAX_RECEIVES, Delivery, entry, invoke
from tests.unit.support import Context, ScriptedApi, as_json

Lines = Callable[[], list[dict[str, Any]]]

NO_ENTRY = '{"to": "ann@example.com"}'


def asked(api: ScriptedApi) -> list[str]:
    """What the application was asked."""
    return [f"{request.method} {request.path}" for request in api.requests]


def by_path(answers: dict[str, Response]) -> Callable[[Request], Response]:
    """Answer by the end of a path, and with 200 else."""
    return lambda request: next(
        (answer for end, answer in answers.items() if request.path.endswith(end)), as_json({"sent": True})
    )


def test_an_entry_is_sent_with_its_key_and_deleted(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    delivery.enqueue(entry())
    api.answers(as_json({}))
    assert delivery.turn(context) == []
    (request,) = api.requests
    assert asked(api) == ["POST /communications/123455/send"]
    assert (request.json, request.headers["Idempotency-Key"]) == (ENTRY, KEY)
    assert (delivery.left(), delivery.dead()) == (0, {})


def test_a_number_stays_a_number(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    delivery.enqueue(entry(123455))
    api.answers(as_json({}))
    assert delivery.turn(context) == []
    (request,) = api.requests
    assert request.json == ENTRY | {"primaryId": 123455}
    assert request.headers["Idempotency-Key"] == KEY


def test_method_and_path_are_the_operations(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    delivery.configure(method="PUT")
    delivery.enqueue(entry("a/b", operation="send.sms"))
    api.answers(as_json({}))
    assert delivery.turn(context) == []
    assert api.requests[0].method == "PUT"
    assert api.requests[0].environ["REQUEST_URI"] == "/sms/a%2Fb"


def test_while_all_goes_well_there_is_no_call_of_aws(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    delivery.enqueue(entry())
    event = delivery.event()
    sqs.cache_clear()
    api.answers(as_json({}))
    assert invoke(event, context) == {"batchItemFailures": []}
    assert sqs.cache_info().currsize == 0


def test_what_was_sent_before_is_deleted(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    delivery.enqueue(entry())
    api.answers(as_json({}, status=409))
    assert delivery.turn(context) == []
    assert (delivery.left(), delivery.dead()) == (0, {})
    assert len(api.requests) == 1


def test_what_is_no_entry_is_a_dead_letter_at_once_and_the_application_hears_nothing(
    delivery: Delivery, api: ScriptedApi, context: Context, logged: Lines
) -> None:
    delivery.enqueue(NO_ENTRY)
    assert delivery.turn(context) == []
    assert delivery.dead() == {NO_ENTRY: {"Reason": "not an entry: primaryId: missing", "Receives": 1}}
    assert (delivery.left(), api.requests) == (0, [])
    lines = logged()
    (done,) = [line for line in lines if line.get("message") == "entry done"]
    assert (done["outcome"], done["reason"]) == ("dead_lettered", "not an entry: primaryId: missing")
    assert done["messageId"]
    assert "ann@example.com" not in json.dumps(lines)


def test_an_operation_without_a_path_is_refused(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    body = entry(operation="send.fax")
    delivery.enqueue(body)
    api.answers(as_json({}))
    assert delivery.turn(context) == []
    reason = "no path for operation send.fax"
    assert delivery.dead() == {body: {"Reason": reason, "Receives": 1, "ApplicationTold": "true"}}
    assert asked(api) == ["POST /communications/123455/given-up"]
    assert api.requests[0].json["reason"] == reason


@pytest.mark.parametrize("status", [403, 404, 407, 421, 423, 424, 499])
def test_a_refusal_that_may_pass_comes_back_and_stops_no_other(
    delivery: Delivery, api: ScriptedApi, context: Context, status: int
) -> None:
    delivery.enqueue(entry("1"), entry("2"))
    api.answer = by_path({"1/send": as_json({}, status=status), "/given-up": as_json({})})
    assert delivery.turn(context) == [entry("1")]
    assert asked(api) == ["POST /communications/1/send", "POST /communications/2/send"]
    assert delivery.dead() == {}


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_that_might_have_passed_is_final_at_the_last_receive(
    delivery: Delivery, api: ScriptedApi, context: Context, status: int
) -> None:
    delivery.enqueue(entry("1"))
    api.answer = by_path({"1/send": as_json({}, status=status), "/given-up": as_json({})})
    assert delivery.turn(context, MAX_RECEIVES) == []
    assert [dead["HttpStatus"] for dead in delivery.dead().values()] == [status]


@pytest.mark.parametrize("status", [400, 410, 418, 422])
def test_what_the_application_refuses_is_told_and_a_dead_letter_at_once(
    delivery: Delivery, api: ScriptedApi, context: Context, status: int
) -> None:
    delivery.enqueue(entry())
    api.answer = by_path({"/send": as_json({"to": "ann@example.com"}, status=status)})
    assert delivery.turn(context) == []
    assert asked(api) == ["POST /communications/123455/send", "POST /communications/123455/given-up"]
    (dead,) = delivery.dead().values()
    assert dead["Reason"].startswith(f"HTTP {status} ")
    assert dead == {"Reason": dead["Reason"], "Receives": 1, "HttpStatus": status, "ApplicationTold": "true"}
    told = api.requests[1]
    assert told.json == ENTRY | {"reason": dead["Reason"], "receives": 1}
    assert told.headers["Idempotency-Key"] == f"{KEY}:given-up"
    assert delivery.left() == 0


@pytest.mark.parametrize(
    "answer",
    [
        *(Response(status=status) for status in (408, 425, 429, 500, 503)),
        Response(status=302, headers={"Location": "https://elsewhere.example/"}),
        Response("<!DOCTYPE html><h1>Sign in</h1>", content_type="text/html"),
    ],
)
@pytest.mark.parametrize(("receives", "least"), [(1, 900), (2, 1800)])
def test_what_may_go_better_later_is_put_back_for_longer_each_time(
    delivery: Delivery, api: ScriptedApi, context: Context, answer: Response, receives: int, least: int
) -> None:
    delivery.enqueue(entry())
    api.answers(answer)
    assert delivery.turn(context, receives) == [entry()]
    (seconds,) = delivery.front.waits
    assert least <= seconds <= least * 1.25
    assert (delivery.left(), delivery.dead()) == (1, {})
    assert len(api.requests) == 1, "nothing is told, and nothing is tried again here"


@pytest.mark.parametrize("status", [403, 429, 503])
def test_nothing_comes_back_before_its_retry_after(
    delivery: Delivery, api: ScriptedApi, context: Context, status: int
) -> None:
    delivery.enqueue(entry())
    api.answers(Response(status=status, headers={"Retry-After": "7200"}))
    assert delivery.turn(context) == [entry()]
    (seconds,) = delivery.front.waits
    assert 7200 <= seconds <= 7200 * 1.25
    assert len(api.requests) == 1


def test_a_row_that_is_not_committed_yet_is_sent_at_the_next_receive(
    delivery: Delivery, api: ScriptedApi, context: Context
) -> None:
    delivery.configure(ttl_seconds=1, backoff_rate=1)
    delivery.enqueue(entry())
    api.answers(as_json({}, status=404), as_json({}))
    assert delivery.turn(context) == [entry()]
    time.sleep(1.3)
    assert delivery.turn(context, 2) == []
    assert (delivery.left(), delivery.dead(), len(api.requests)) == (0, {}, 2)


def test_no_answer_is_put_back(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    def slow(request: Request) -> Response:
        time.sleep(1.5)
        return as_json({})

    delivery.configure(api={"read_timeout_seconds": 1})
    delivery.enqueue(entry())
    api.answer = slow
    assert delivery.turn(context) == [entry()]
    assert len(delivery.front.waits) == 1


def test_what_comes_back_has_the_same_key_and_payload(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    delivery.configure(ttl_seconds=1, backoff_rate=1)
    delivery.enqueue(entry())
    api.answers(Response(status=503), as_json({}))
    assert delivery.turn(context) == [entry()]
    time.sleep(1.3)
    assert delivery.turn(context, 2) == []
    first, second = [(request.headers["Idempotency-Key"], request.get_data()) for request in api.requests]
    assert first == second


@pytest.mark.parametrize(("ttl", "rate", "receives"), [(40_000, 1, 1), (900, 10, 3), (1, 10, 999)])
def test_no_wait_is_longer_than_sqs_allows(
    delivery: Delivery, api: ScriptedApi, context: Context, ttl: int, rate: float, receives: int
) -> None:
    delivery.configure(ttl_seconds=ttl, backoff_rate=rate, max_receives=1000)
    delivery.enqueue(*[entry(number) for number in range(5)])
    api.answers(Response(status=503))
    assert len(delivery.turn(context, receives)) == 5
    assert len(delivery.front.waits) == 5
    assert all(40_000 <= seconds <= 43200 - 960 for seconds in delivery.front.waits)


def test_what_failed_together_does_not_come_back_together(
    delivery: Delivery, api: ScriptedApi, context: Context
) -> None:
    delivery.enqueue(*[entry(number) for number in range(10)])
    api.answers(Response(status=503))
    delivery.turn(context)
    assert len(set(delivery.front.waits)) > 5


@pytest.mark.parametrize("receives", [MAX_RECEIVES, MAX_RECEIVES + 1])
def test_the_last_receive_is_told_and_a_dead_letter(
    delivery: Delivery, api: ScriptedApi, context: Context, receives: int
) -> None:
    delivery.enqueue(entry())
    api.answer = by_path({"/send": Response(status=503)})
    assert delivery.turn(context, receives) == []
    reason = "POST /communications/{primaryId}/send: HTTP 503 Service Unavailable"
    assert delivery.dead() == {
        entry(): {"Reason": reason, "Receives": receives, "HttpStatus": 503, "ApplicationTold": "true"}
    }
    assert api.requests[1].json == ENTRY | {"reason": reason, "receives": receives}
    assert (delivery.left(), delivery.front.waits) == (0, [])


def test_the_last_receive_is_a_try_like_any_other(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    delivery.enqueue(entry())
    api.answers(as_json({}))
    assert delivery.turn(context, MAX_RECEIVES) == []
    assert (delivery.dead(), len(api.requests)) == ({}, 1)


def test_without_an_answer_a_dead_letter_has_no_status(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    delivery.configure(api={"base_url": "http://127.0.0.1:9"})
    delivery.enqueue(entry())
    assert delivery.turn(context, MAX_RECEIVES) == []
    assert delivery.dead() == {
        entry(): {
            "Reason": "POST /communications/{primaryId}/send: no connection: refused, nothing listens there",
            "Receives": MAX_RECEIVES,
            "ApplicationTold": "false",
        }
    }


@pytest.mark.parametrize(
    "answer",
    [
        Response(status=503),
        Response(status=401),
        Response(status=404),
        Response("<html>Sign in</html>", content_type="text/html"),
    ],
)
def test_an_application_that_cannot_be_told_stops_no_dead_letter(
    delivery: Delivery, api: ScriptedApi, context: Context, answer: Response
) -> None:
    delivery.enqueue(entry("1"), entry("2"))
    api.answer = by_path({"1/send": as_json({}, status=410), "/given-up": answer})
    assert delivery.turn(context) == []
    assert {body: dead["ApplicationTold"] for body, dead in delivery.dead().items()} == {entry("1"): "false"}
    assert "POST /communications/2/send" in asked(api)


def test_an_application_that_knows_already_is_told(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    delivery.enqueue(entry())
    api.answer = by_path({"/send": as_json({}, status=410), "/given-up": as_json({}, status=409)})
    assert delivery.turn(context) == []
    assert delivery.dead()[entry()]["ApplicationTold"] == "true"


def test_an_application_that_does_not_want_to_be_told_is_not(
    delivery: Delivery, api: ScriptedApi, context: Context
) -> None:
    delivery.configure(given_up_path=None)
    delivery.enqueue(entry())
    api.answers(as_json({}, status=410))
    assert delivery.turn(context) == []
    assert asked(api) == ["POST /communications/123455/send"]
    assert delivery.dead() == {entry(): {"Reason": "HTTP 410 Gone", "Receives": 1, "HttpStatus": 410}}


@pytest.mark.parametrize("code", ["RequestThrottled", "AWS.SimpleQueueService.NonExistentQueue", "AccessDenied"])
@pytest.mark.parametrize("body", [entry(), NO_ENTRY])
def test_what_cannot_be_made_a_dead_letter_comes_back(
    delivery: Delivery, api: ScriptedApi, context: Context, code: str, body: str
) -> None:
    delivery.front.spoil = lambda name, _: code if name == "SendMessage" else None
    delivery.enqueue(body)
    api.answers(as_json({}, status=410))
    assert delivery.turn(context) == [body]
    assert delivery.left() == 1
    assert delivery.front.names == ["SendMessage", "ChangeMessageVisibility"]


@pytest.mark.parametrize("code", ["InvalidParameterValue", "ReceiptHandleIsInvalid", "RequestThrottled"])
def test_what_cannot_be_put_back_comes_back_all_the_same(
    delivery: Delivery, api: ScriptedApi, context: Context, logged: Lines, code: str
) -> None:
    delivery.front.spoil = lambda name, _: code
    delivery.enqueue(entry("1"), entry("2"))
    api.answer = by_path({"1/send": Response(status=503)})
    assert delivery.turn(context) == [entry("1")]
    (warning,) = [line for line in logged() if line.get("message") == "not put back"]
    assert (warning["error"], warning["primaryId"]) == (f"the queue: {code}", "1")


def test_a_receipt_that_has_expired_is_no_trouble(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    delivery.enqueue(entry())
    event = delivery.event()
    (record,) = event["Records"]
    boto3.client("sqs").delete_message(QueueUrl=delivery.queue_url, ReceiptHandle=record["receiptHandle"])
    api.answers(Response(status=503))
    assert invoke(event, context)["batchItemFailures"] == [{"itemIdentifier": record["messageId"]}]


def test_refused_credentials_stop_the_batch_and_fail_the_invocation(
    delivery: Delivery, api: ScriptedApi, context: Context
) -> None:
    delivery.enqueue(entry("1"), entry("2"), entry("3", operation="send.fax"))
    api.answers(as_json({}, status=401))
    with pytest.raises(CredentialsRefused, match="HTTP 401"):
        delivery.turn(context)
    assert asked(api) == ["POST /communications/1/send"]
    assert len(delivery.front.waits) == 3
    assert (delivery.left(), delivery.dead()) == (3, {})


def test_what_was_done_before_the_batch_stopped_is_not_done_again(
    delivery: Delivery, api: ScriptedApi, context: Context
) -> None:
    delivery.enqueue(entry("1"), entry("2"), entry("3"))
    api.answer = by_path({f"{number}/send": Response(status=401) for number in (2, 3)})
    assert delivery.turn(context) == [entry("2"), entry("3")]
    assert asked(api) == [f"POST /communications/{number}/send" for number in (1, 2, 3)]
    assert len(delivery.front.waits) == 2


def test_credentials_that_were_good_for_another_are_not_to_blame(
    delivery: Delivery, api: ScriptedApi, context: Context
) -> None:
    delivery.enqueue(entry("1"), entry("2"), entry("3"))
    api.answer = by_path({"2/send": Response(status=401)})
    assert delivery.turn(context) == [entry("2")]
    assert asked(api) == [f"POST /communications/{number}/send" for number in (1, 2, 3)]
    assert delivery.dead() == {}


def test_the_next_batch_is_tried_again(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    delivery.enqueue(entry("1"))
    api.answers(as_json({}, status=401), as_json({}))
    with pytest.raises(CredentialsRefused):
        delivery.turn(context)
    delivery.enqueue(entry("2"))
    assert delivery.turn(context) == []


def test_a_stopped_batch_makes_dead_letters_at_the_last_receive_and_asks_nothing(
    delivery: Delivery, api: ScriptedApi, context: Context
) -> None:
    delivery.enqueue(entry("1"), entry("2"))
    api.answers(as_json({}, status=401))
    assert delivery.turn(context, MAX_RECEIVES) == []
    refused = "POST /communications/{primaryId}/send: HTTP 401 Unauthorized"
    common = {"Receives": MAX_RECEIVES, "ApplicationTold": "false"}
    assert delivery.dead() == {
        entry("1"): common | {"Reason": refused, "HttpStatus": 401},
        entry("2"): common | {"Reason": f"not tried: {refused}"},
    }
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "bearer"},
        {"type": "bearer", "secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:none"},
    ],
)
def test_wrong_settings_of_the_api_stop_the_batch(
    delivery: Delivery, api: ScriptedApi, context: Context, auth: dict[str, str]
) -> None:
    delivery.configure(api={"auth": auth})
    delivery.enqueue(entry("1"), entry("2"))
    with pytest.raises(ConfigurationError, match="secret"):
        delivery.turn(context)
    assert (len(delivery.front.waits), delivery.left(), api.requests) == (2, 2, [])


def test_one_bad_entry_never_holds_back_its_batch(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    bodies = {
        "sent": entry("1"),
        "no entry": NO_ENTRY,
        "nested": "[" * 100_000,
        "unknown": entry("2", operation="send.fax"),
        "refused": entry("3"),
        "unavailable": entry("4"),
        "sent before": entry("5"),
        "a page": entry("6"),
        "sent too": entry("7", operation="send.sms"),
    }
    delivery.enqueue(*bodies.values())
    api.answer = by_path(
        {
            "3/send": as_json({}, status=422),
            "4/send": Response(status=500),
            "5/send": as_json({}, status=409),
            "6/send": Response("<html>", content_type="text/html"),
        }
    )
    assert delivery.turn(context) == [bodies["unavailable"], bodies["a page"]]
    assert delivery.dead().keys() == {bodies["no entry"], bodies["nested"], bodies["unknown"], bodies["refused"]}
    assert delivery.left() == 2
    assert {"POST /communications/1/send", "POST /sms/7"} <= set(asked(api))


def test_what_nobody_foresaw_is_put_back_and_not_quoted(
    delivery: Delivery, api: ScriptedApi, context: Context, logged: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Api.call

    def breaks(self: Api, method: str, template: str, sent: Any, *more: Any) -> int:
        if sent.primary_id == "1":
            raise ZeroDivisionError("ann@example.com")
        return call(self, method, template, sent, *more)

    monkeypatch.setattr(Api, "call", breaks)
    delivery.enqueue(entry("1"), entry("2"))
    api.answers(as_json({}))
    assert delivery.turn(context) == [entry("1")]
    assert len(delivery.front.waits) == 1
    lines = logged()
    (warning,) = [line for line in lines if line.get("message") == "entry failed"]
    assert warning["error"] == "ZeroDivisionError"
    assert any("test_worker.py" in place for place in warning["places"])
    assert "ann@example.com" not in json.dumps(lines)
    delivery.enqueue(entry("1", createdBy="another"))
    assert delivery.turn(context, MAX_RECEIVES) == []
    assert next(iter(delivery.dead().values()))["Reason"] == "unforeseen ZeroDivisionError"


def test_with_the_time_nearly_over_what_is_left_is_put_back(
    delivery: Delivery, api: ScriptedApi, context: Context
) -> None:
    context.seconds = 10.3
    delivery.enqueue(entry("1"), entry("2"))
    assert delivery.turn(context) == [entry("1"), entry("2")]
    assert (len(delivery.front.waits), api.requests) == (2, [])


def test_with_the_time_over_sqs_is_not_asked_either(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    context.seconds = 2
    delivery.enqueue(entry(), NO_ENTRY)
    assert delivery.turn(context) == [entry(), NO_ENTRY]
    assert (delivery.front.names, api.requests) == ([], [])


def test_telling_takes_no_time_that_the_rest_of_the_batch_needs(
    delivery: Delivery, api: ScriptedApi, context: Context
) -> None:
    context.seconds = 12  # two to send both, of which each may take as much
    delivery.enqueue(entry("1"), entry("2"))
    api.answer = by_path({"/send": as_json({}, status=410)})
    assert delivery.turn(context) == []
    told = {body: dead["ApplicationTold"] for body, dead in delivery.dead().items()}
    assert told == {entry("1"): "false", entry("2"): "true"}


@pytest.mark.parametrize("receives", [None, "", "many", "-1", "0", "1" * 5000])
def test_a_message_received_who_knows_how_often_is_received_for_the_first_time(
    delivery: Delivery, api: ScriptedApi, context: Context, receives: object
) -> None:
    delivery.enqueue(entry())
    api.answers(Response(status=503))
    assert delivery.turn(context, receives) == [entry()]
    assert 900 <= delivery.front.waits[0] <= 1125


def test_a_message_without_any_attributes_is_worked(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    delivery.enqueue(entry())
    event = delivery.event()
    for name in ("attributes", "messageAttributes", "eventSourceARN"):
        del event["Records"][0][name]
    api.answers(as_json({}, status=410))
    assert invoke(event, context) == {"batchItemFailures": []}
    assert delivery.dead()[entry()]["Receives"] == 1


def test_the_same_message_twice_in_a_batch_is_sent_under_one_key(
    delivery: Delivery, api: ScriptedApi, context: Context
) -> None:
    delivery.enqueue(entry())
    event = delivery.event()
    event["Records"] *= 2
    api.answers(as_json({}), as_json({}, status=409))
    assert invoke(event, context) == {"batchItemFailures": []}
    assert {request.headers["Idempotency-Key"] for request in api.requests} == {KEY}


RECORD = {"messageId": "1", "receiptHandle": "r", "body": "{}", "eventSource": "aws:sqs"}


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "event.records: missing"),
        ([], "event: must be an object"),
        ({"Records": RECORD}, "event.Records: must be a list"),
        ({"Records": [RECORD, RECORD | {"body": None}]}, r"event.Records\[1\].body: must be a text"),
        ({"Records": [RECORD | {"eventSource": "aws:kinesis"}]}, r"event.Records\[0\].eventSource: must be one of aws"),
        ({"Records": [{"messageId": "1"}]}, r"event.Records\[0\].receiptHandle: missing"),
        ({"detail-type": "Scheduled Event", "detail": {}}, "event.records: missing"),
    ],
)
def test_an_event_that_is_no_batch_of_sqs_does_nothing(
    delivery: Delivery, api: ScriptedApi, context: Context, event: Any, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        invoke(event, context)
    assert (delivery.front.names, api.requests) == ([], [])


def test_a_fifo_queue_is_refused(delivery: Delivery, api: ScriptedApi, context: Context) -> None:
    delivery.enqueue(entry())
    delivery.configure(queue_url=f"{delivery.queue_url}.fifo")
    with pytest.raises(ConfigurationError, match="FIFO"):
        invoke(delivery.event(), context)
    assert not api.requests


@pytest.mark.parametrize("missing", ["paths", "queue_url", "dead_letter_queue_url"])
def test_a_setting_that_is_missing_is_named(delivery: Delivery, context: Context, missing: str) -> None:
    delivery.configure(**{missing: None})
    name = "".join(word.title() if number else word for number, word in enumerate(missing.split("_")))
    with pytest.raises(ConfigurationError, match=f"queue.{name}: missing"):
        invoke({"Records": []}, context)


def test_an_id_that_is_an_address_stays_out_of_the_log(
    delivery: Delivery, api: ScriptedApi, context: Context, logged: Lines
) -> None:
    delivery.enqueue(entry("ann@example.com"))
    delivery.turn(context)
    with observed(context, primaryId="ben@example.com") as logger:  # type: ignore[arg-type]
        logger.info("communication done")
    lines = logged()
    assert [line["primaryId"] for line in lines if "primaryId" in line] == ["a…", "a…", "b…"]
    assert "@example.com" not in json.dumps(lines)


def test_an_outcome_is_a_line_with_ids_and_a_metric_of_its_operation(
    delivery: Delivery, api: ScriptedApi, context: Context, logged: Lines
) -> None:
    bodies = [entry("1"), entry("2"), entry("3"), entry("4"), entry("5", operation="send.sms"), NO_ENTRY]
    delivery.enqueue(*bodies, entry("6", operation="made.up"))
    api.answer = by_path(
        {
            "2/send": as_json({"to": "ann@example.com"}, status=409),
            "3/send": as_json({"to": "ann@example.com"}, status=422),
            "4/send": Response("ann@example.com", status=503),
        }
    )
    delivery.turn(context)
    lines = logged()
    done = {line.get("primaryId"): line for line in lines if line.get("message") == "entry done"}
    assert {identity: line["outcome"] for identity, line in done.items()} == {
        "1": "sent",
        "2": "already_sent",
        "3": "dead_lettered",
        "4": "comes_back",
        "5": "sent",
        "6": "dead_lettered",
        None: "dead_lettered",
    }
    assert all(line["messageId"] and line["receives"] == 1 for line in done.values())
    assert (done["1"]["operation"], done["1"]["level"], done["1"]["httpStatus"]) == ("send.email", "INFO", 200)
    assert (done["4"]["level"], done["4"]["seconds"]) == ("WARNING", delivery.front.waits[0])
    metrics = {line["operation"]: line for line in lines if "_aws" in line}
    counts = {
        operation: {
            name: sum(line[name]) for name in ("Sent", "AlreadySent", "ComesBack", "DeadLettered") if name in line
        }
        for operation, line in metrics.items()
    }
    assert counts == {
        "send.email": {"Sent": 1, "AlreadySent": 1, "ComesBack": 1, "DeadLettered": 1},
        "send.sms": {"Sent": 1},
        "unknown": {"DeadLettered": 2},
    }
    assert len(metrics["send.email"]["ApiLatency"]) == 4, "what was told is not what was sent"
    assert all("source" not in line for line in metrics.values())
    assert "ann@example.com" not in json.dumps(lines)


def test_a_failed_invocation_says_why_and_is_measured(
    delivery: Delivery, api: ScriptedApi, context: Context, logged: Lines
) -> None:
    delivery.enqueue(entry("1"), entry("2"))
    api.answers(as_json({}, status=401))
    with pytest.raises(CredentialsRefused):
        delivery.turn(context)
    lines = logged()
    assert [line for line in lines if line.get("error") == "CredentialsRefused"]
    (metrics,) = [line for line in lines if "_aws" in line]
    assert (len(metrics["ComesBack"]), len(metrics["ApiLatency"])) == (2, 1)
