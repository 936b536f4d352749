"""The function batch: whether a batch of a run goes now, and what it writes down when it is over."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from batch import handler as batch
from redrive import clock
from redrive.control import Controls
from redrive.errors import BreakerOpen, ConfigurationError, DeadlineReached, LedgerUnavailable, RunStopped
from redrive.models import Communication
from redrive.runs import LEFT_OUT, Batch, Result, Runs, Tally
from redrive.table import Table
from tests.unit.support import Context, TableFront, Time, new_sandbox

RUN, REQUEST = "20261124T021500Z", "a lister's request"
EMAILS = tuple(Communication(str(number), "send.email", "email") for number in range(3))
SMS = Communication("7", "send.sms", "sms", "texts")
THRESHOLD = 5

Configure = Callable[..., None]


@pytest.fixture(autouse=True)
def configure(front: TableFront, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Set the function's environment, as a deployment would: the next invocation has a new sandbox."""

    def configure(**run: Any) -> None:
        monkeypatch.setenv("REDRIVE_RUN", json.dumps({"breaker_turned_away": THRESHOLD} | run))
        new_sandbox()

    configure()
    return configure


@pytest.fixture(autouse=True)
def _one_batch(runs: Runs) -> None:
    """A batch of three emails and an SMS, of a run of two sources."""
    runs.write_batches([Batch(RUN, 1, REQUEST, (*EMAILS, SMS))])
    begin(runs)


def begin(runs: Runs, email: int = 0, sms: int = 0, **more: dict[str, Any]) -> None:
    runs.begin_breaker(RUN, {"email": email, "sms": sms}, more.get("probed_by", {}), more.get("held", {}))


def open_it(context: Context, **changes: Any) -> dict[str, Any]:
    asked = {"runId": RUN, "request": REQUEST, "batch": 1, "listedAt": clock.now(), "force": False} | changes
    answer: dict[str, Any] = json.loads(json.dumps(batch.handler({"action": "open", "batch": asked}, context)))  # type: ignore[arg-type]
    return answer


def sends(answer: dict[str, Any]) -> list[str]:
    return [each["primaryId"] for each in answer["communications"]]


def outcome(each: Communication, what: str, status: int | None = None, error: str | None = None) -> dict[str, Any]:
    """An outcome as the state machine collected it; without a status the API was not asked."""
    attempt = None if status is None else 1
    return {**each.to_json(), "outcome": what, "attempt": attempt, "httpStatus": status, "error": error}


ALL_IS_WELL = [outcome(each, "requeued", 202) for each in (*EMAILS, SMS)]


def close_it(context: Context, outcomes: Sequence[dict[str, Any]] = (), **more: Any) -> None:
    data = {"runId": RUN, "request": REQUEST, "batch": 1, "listedAt": clock.now(), "force": False, "go": "go"}
    data |= {"outcomes": outcomes} if outcomes else {}
    assert batch.handler({"action": "close", "batch": data | more}, context) == {}  # type: ignore[arg-type]


def tally(runs: Runs) -> Tally | None:
    ((_, found),) = runs.batches(RUN, [1])
    return found


# Opening


def test_a_batch_goes_with_what_was_asked_and_what_it_sends(context: Context) -> None:
    answer = open_it(context, listedAt=5.5, force=True)
    assert answer == {
        "runId": RUN,
        "request": REQUEST,
        "batch": 1,
        "listedAt": 5.5,
        "force": True,
        "go": "go",
        "seconds": 0,
        "paced": False,
        "communications": [each.to_json() for each in (*EMAILS, SMS)],
    }


def test_it_is_opened_with_one_read(front: TableFront, context: Context) -> None:
    open_it(context)
    assert front.calls == ["BatchGetItem"]


def test_a_rate_that_a_person_has_set_makes_its_requests_take_slots(controls: Controls, context: Context) -> None:
    controls.slow_down(2)
    assert open_it(context)["paced"]


@pytest.mark.parametrize("changes", [{"request": "another delivery's"}, {"batch": 2}])
def test_what_another_delivery_wrote_or_nobody_is_skipped(context: Context, changes: dict[str, Any]) -> None:
    answer = open_it(context, **changes)
    assert (answer["go"], sends(answer)) == ("skip", [])


def test_a_source_whose_breaker_is_open_is_left_out(runs: Runs, context: Context) -> None:
    begin(runs, email=THRESHOLD)
    answer = open_it(context)
    assert (answer["go"], sends(answer)) == ("go", ["7"])
    assert tally(runs) is None
    begin(runs, email=THRESHOLD - 1)
    assert sends(open_it(context)) == ["0", "1", "2", "7"]


def test_a_batch_of_which_all_are_left_out_is_skipped_and_written_down(runs: Runs, context: Context) -> None:
    runs.write_batches([Batch(RUN, 1, REQUEST, EMAILS)])
    begin(runs, email=THRESHOLD)
    assert open_it(context)["go"] == "skip"
    assert tally(runs) == Tally(1, (Result(LEFT_OUT),) * 3)
    assert open_it(context)["go"] == "skip", "a retry whose answer was lost"


def test_when_all_sources_are_open_the_run_ends(runs: Runs, context: Context) -> None:
    begin(runs, email=THRESHOLD, sms=THRESHOLD)
    with pytest.raises(BreakerOpen, match="turns everything away"):
        open_it(context)


def test_refused_credentials_end_the_run_in_their_own_words(runs: Runs, context: Context) -> None:
    runs.move_breaker(RUN, {}, [], "POST /requeue: HTTP 401 Unauthorized")
    with pytest.raises(BreakerOpen, match="HTTP 401 Unauthorized"):
        open_it(context)


def test_how_many_open_a_breaker_is_the_modules(configure: Configure, runs: Runs, context: Context) -> None:
    configure(breaker_turned_away=2)
    begin(runs, email=2)
    assert sends(open_it(context)) == ["7"]


def test_a_pause_is_waited_for_and_looked_at_less_often_the_longer_it_lasts(
    controls: Controls, context: Context, time: Time
) -> None:
    controls.pause(clock.now() + 3600, "ann", "maintenance")
    waits = []
    for _ in range(3):
        answer = open_it(context)
        assert (answer["go"], sends(answer)) == ("wait", [])
        waits.append(answer["seconds"])
        time.passes(400)
    assert waits[0] == 5
    assert waits == sorted(waits)
    time.passes(1200)
    assert open_it(context)["seconds"] == 300
    controls.resume()
    assert open_it(context)["go"] == "go"


def test_a_pause_that_is_nearly_over_is_not_waited_for_longer(controls: Controls, context: Context, time: Time) -> None:
    controls.pause(clock.now() + 1020, "ann", "maintenance")
    time.passes(1000)
    assert 15 <= open_it(context)["seconds"] <= 20
    time.passes(21)
    assert open_it(context)["go"] == "go"


def test_a_source_that_asked_to_wait_is_waited_for(runs: Runs, context: Context, time: Time) -> None:
    runs.hold(RUN, "email", clock.now() + 120)
    answer = open_it(context)
    assert (answer["go"], sends(answer)) == ("wait", [])
    assert 115 <= answer["seconds"] <= 120
    time.passes(121)
    assert sends(open_it(context)) == ["0", "1", "2", "7"]


def test_a_source_that_asked_for_longer_than_a_run_waits_is_left_out(runs: Runs, context: Context) -> None:
    runs.hold(RUN, "email", clock.now() + 3600)
    answer = open_it(context)
    assert (answer["go"], sends(answer)) == ("go", ["7"])


def test_a_hold_of_a_source_that_the_batch_does_not_have_is_none_of_its_business(runs: Runs, context: Context) -> None:
    runs.write_batches([Batch(RUN, 1, REQUEST, EMAILS)])
    runs.hold(RUN, "sms", clock.now() + 120)
    assert open_it(context)["go"] == "go"


def test_of_a_source_that_was_open_one_batch_goes_and_the_others_wait_for_its_tally(
    runs: Runs, context: Context
) -> None:
    runs.write_batches([Batch(RUN, 2, REQUEST, EMAILS)])
    begin(runs, email=THRESHOLD - 1, probed_by={"email": 1})
    answer = open_it(context, batch=2)
    assert (answer["go"], answer["seconds"], sends(answer)) == ("wait", 5, [])
    assert sends(open_it(context)) == ["0", "1", "2", "7"]
    close_it(context, ALL_IS_WELL)
    assert sends(open_it(context, batch=2)) == ["0", "1", "2"]


def test_a_probe_that_is_turned_away_opens_its_source_again(runs: Runs, context: Context) -> None:
    runs.write_batches([Batch(RUN, 2, REQUEST, EMAILS)])
    begin(runs, email=THRESHOLD - 1, probed_by={"email": 1})
    close_it(context, [*(outcome(each, "failed", 503) for each in EMAILS), outcome(SMS, "requeued", 202)])
    assert open_it(context, batch=2)["go"] == "skip"


def test_a_run_that_an_operator_stopped_opens_nothing_more_and_says_why(
    runs: Runs, controls: Controls, context: Context
) -> None:
    controls.stop(RUN)
    with pytest.raises(RunStopped):
        open_it(context)
    assert runs.breaker(RUN).ended == "an operator stopped it"
    controls.stop("another run")
    with pytest.raises(RunStopped):
        open_it(context)


def test_after_run_hours_nothing_more_is_opened(configure: Configure, runs: Runs, context: Context, time: Time) -> None:
    configure(run_hours=2)
    listed_at = clock.now()
    time.passes(2 * 3600 - 60)
    assert open_it(context, listedAt=listed_at)["go"] == "go"
    time.passes(61)
    with pytest.raises(DeadlineReached, match=r"run_hours \(2\)"):
        open_it(context, listedAt=listed_at)
    assert "run_hours" in runs.breaker(RUN).ended
    configure()
    with pytest.raises(RunStopped, match="run_hours"):
        open_it(context, listedAt=listed_at)


def test_a_stop_goes_before_a_pause(controls: Controls, context: Context) -> None:
    controls.pause(clock.now() + 3600, "ann", "maintenance")
    controls.stop(RUN)
    with pytest.raises(RunStopped):
        open_it(context)


def test_a_source_without_a_number_yet_is_not_taken_for_an_open_one(table: Table, runs: Runs, context: Context) -> None:
    runs.begin_breaker(RUN, {}, {}, {})
    assert open_it(context)["go"] == "go"


@pytest.mark.parametrize("trouble", ["throttled", "answer lost"])
def test_a_table_that_does_not_answer_is_worth_a_retry(front: TableFront, context: Context, trouble: Any) -> None:
    front.goes(trouble)
    with pytest.raises(LedgerUnavailable):
        open_it(context)
    assert open_it(context)["go"] == "go"


# Closing


def test_a_tally_is_in_the_order_of_the_batch_whatever_that_of_the_outcomes(runs: Runs, context: Context) -> None:
    cause = json.dumps({"errorMessage": "POST /requeue: no answer in time", "errorType": "ApiUnavailable"})
    outcomes = [
        outcome(SMS, "skipped", None, "cooling_down"),
        outcome(EMAILS[2], "refused", 422, "HTTP 422 Unprocessable Content"),
        outcome(EMAILS[0], "requeued", 202),
        outcome(EMAILS[1], "failed", None, cause),
    ]
    close_it(context, outcomes)
    assert tally(runs) == Tally(
        1,
        (
            Result("requeued", True, 202),
            Result("failed", False, None, "POST /requeue: no answer in time"),
            Result("refused", True, 422, "HTTP 422 Unprocessable Content"),
            Result("skipped", False, None, "cooling_down"),
        ),
    )


def test_what_was_left_out_when_the_batch_opened_is_left_out_in_its_tally(runs: Runs, context: Context) -> None:
    close_it(context, [outcome(SMS, "requeued", 202)])
    found = tally(runs)
    assert found is not None
    assert [result.what for result in found.results] == [LEFT_OUT] * 3 + ["requeued"]
    assert runs.breaker(RUN).turned_away == {"email": 0, "sms": 0}


def test_alike_ids_of_two_sources_are_told_apart(runs: Runs, context: Context) -> None:
    other = Communication("0", "send.sms", "sms")
    runs.write_batches([Batch(RUN, 1, REQUEST, (EMAILS[0], other))])
    close_it(context, [outcome(other, "requeued", 202), outcome(EMAILS[0], "refused", 422)])
    found = tally(runs)
    assert found is not None
    assert [result.what for result in found.results] == ["refused", "requeued"]


def test_a_batch_moves_the_number_of_each_source(runs: Runs, context: Context) -> None:
    begin(runs, email=1, sms=3)
    close_it(context, [*(outcome(each, "failed", 503) for each in EMAILS), outcome(SMS, "requeued", 202)])
    assert runs.breaker(RUN).turned_away == {"email": 4, "sms": 0}


def test_closed_twice_it_is_counted_once(runs: Runs, context: Context) -> None:
    outcomes = [outcome(each, "failed", 503) for each in EMAILS]
    for _ in range(2):
        close_it(context, outcomes)
    assert runs.breaker(RUN).turned_away["email"] == 3
    first = tally(runs)
    close_it(context, ALL_IS_WELL)
    assert tally(runs) == first


def test_a_batch_is_closed_with_one_read_and_two_writes(front: TableFront, context: Context) -> None:
    close_it(context, ALL_IS_WELL)
    assert front.calls == ["BatchGetItem", "PutItem", "UpdateItem"]


@pytest.mark.parametrize(
    ("error", "cause", "why"),
    [
        ("CredentialsRefused", "POST /requeue: HTTP 401 Unauthorized", "POST /requeue: HTTP 401 Unauthorized"),
        ("ConfigurationError", "secret arn:x: must hold a text", "secret arn:x: must hold a text"),
        ("CredentialsRefused", "", "CredentialsRefused"),
    ],
)
def test_a_batch_that_was_stopped_for_what_all_would_meet_opens_everything(
    runs: Runs, context: Context, error: str, cause: str, why: str
) -> None:
    text = json.dumps({"errorType": error, "errorMessage": cause}) if cause else ""
    close_it(context, stopped={"Error": error, "Cause": text})
    assert tally(runs) is None, "the ledger knows what became of it"
    assert runs.breaker(RUN).refused == why
    with pytest.raises(BreakerOpen, match=why):
        open_it(context, batch=1)


def test_refused_credentials_that_were_good_for_others_end_their_batch_alone_unless_it_goes_on_so(
    runs: Runs, context: Context
) -> None:
    refused = {"Error": "CredentialsRefused", "Cause": json.dumps({"errorMessage": "HTTP 401", "errorType": "x"})}
    runs.write_batches([Batch(RUN, number, REQUEST, EMAILS) for number in (2, 3, 4)])
    close_it(context, ALL_IS_WELL, batch=1)
    close_it(context, stopped=refused, batch=2)
    assert runs.breaker(RUN).refused == ""
    assert open_it(context, batch=3)["go"] == "go"
    close_it(context, stopped=refused, batch=3)  # and nothing was accepted in between
    assert runs.breaker(RUN).refused == "HTTP 401"
    with pytest.raises(BreakerOpen, match="HTTP 401"):
        open_it(context, batch=4)


def test_a_batch_whose_map_ended_otherwise_opens_nothing(runs: Runs, context: Context) -> None:
    close_it(context, stopped={"Error": "States.DataLimitExceeded", "Cause": "too large"})
    assert tally(runs) is None
    assert runs.breaker(RUN).refused == ""
    assert open_it(context)["go"] == "go"


def test_a_stopped_batch_that_was_a_probe_lets_the_others_go_on(runs: Runs, context: Context) -> None:
    runs.write_batches([Batch(RUN, 2, REQUEST, EMAILS)])
    begin(runs, email=THRESHOLD - 1, probed_by={"email": 1})
    close_it(context, stopped={"Error": "States.DataLimitExceeded"})
    assert open_it(context, batch=2)["go"] == "go"


def test_another_deliverys_batch_is_not_closed(runs: Runs, context: Context) -> None:
    close_it(context, ALL_IS_WELL, request="another delivery's")
    assert tally(runs) is None


@pytest.mark.parametrize("broken", [1, 2, 3])
def test_a_close_that_broke_anywhere_and_is_tried_again_ends_its_probe_and_counts_at_most_once(
    runs: Runs, front: TableFront, context: Context, broken: int
) -> None:
    begin(runs, email=1, probed_by={"email": 1})
    outcomes = [outcome(each, "failed", 503) for each in EMAILS]
    front.goes(*["fine"] * (broken - 1), "throttled")
    with pytest.raises(LedgerUnavailable):
        close_it(context, outcomes)
    close_it(context, outcomes)
    found = runs.breaker(RUN)
    # A number that is lost opens the breaker a batch later; a probe that never ends would hold up the run.
    assert (found.turned_away["email"], dict(found.probed_by)) == (4 if broken < 3 else 1, {})
    assert tally(runs) is not None


def test_a_probe_that_is_left_out_itself_lets_the_others_go_on(runs: Runs, context: Context, time: Time) -> None:
    runs.write_batches([Batch(RUN, number, REQUEST, EMAILS) for number in (1, 2)])
    begin(runs, email=THRESHOLD - 1, probed_by={"email": 1}, held={"email": clock.now() + 400})
    assert open_it(context)["go"] == "skip"
    time.passes(401)
    assert open_it(context, batch=2)["go"] == "go"


def test_a_probe_that_nobody_could_close_is_not_waited_for_longer_than_an_hour(
    runs: Runs, context: Context, time: Time
) -> None:
    runs.write_batches([Batch(RUN, 2, REQUEST, EMAILS)])
    begin(runs, email=THRESHOLD - 1, probed_by={"email": 1})
    listed_at = clock.now()
    time.passes(3500)
    assert open_it(context, batch=2, listedAt=listed_at)["go"] == "wait"
    time.passes(200)
    assert open_it(context, batch=2, listedAt=listed_at)["go"] == "go"


def test_of_two_sources_that_asked_to_wait_the_longer_one_counts(runs: Runs, context: Context, time: Time) -> None:
    begin(runs, held={"email": clock.now() + 60, "sms": clock.now() + 200})
    assert open_it(context)["seconds"] == 200


# Events


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "event.action: missing"),
        ({"action": "shut"}, "event.action: must be one of open, close"),
        ({"action": "open"}, "event.batch: must be an object"),
        ({"action": "close", "batch": {"runId": RUN}}, "event.batch.request: missing"),
        (
            {"action": "close", "batch": {"runId": RUN, "request": "x", "batch": 1, "outcomes": [{"primaryId": "1"}]}},
            r"event.batch.outcomes\[0\].source: missing",
        ),
    ],
)
def test_an_event_that_is_wrong_is_named(front: TableFront, context: Context, event: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        batch.handler(event, context)  # type: ignore[arg-type]
    assert not front.calls


def test_log_lines_say_which_batch(context: Context, logged: Callable[[], list[dict[str, Any]]]) -> None:
    open_it(context)
    close_it(context, ALL_IS_WELL)
    opened, closed = logged()
    assert (opened["message"], opened["go"], opened["sends"], opened["runId"]) == ("batch opened", "go", 4, RUN)
    assert (closed["message"], closed["batch"], closed["first"]) == ("batch closed", 1, True)
