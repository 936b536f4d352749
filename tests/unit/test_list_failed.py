"""The function list_failed, from its event to the execution it starts and to what it learns of earlier runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from mypy_boto3_stepfunctions import SFNClient
from werkzeug.wrappers import Request, Response

from list_failed import handler as list_failed
from redrive import clock
from redrive.control import Controls
from redrive.errors import ConfigurationError, ExecutionNotStarted, LedgerUnavailable, RunInProgress, StartUnconfirmed
from redrive.execution import StateMachine, functions, step_functions
from redrive.ledger import Ledger
from redrive.mailing import Memory
from redrive.models import Communication, OutcomeKind
from redrive.runs import Batch, Lock, Result, Runs, Tally
from redrive.waiting import Group, Waiting
from tests.unit.support import (
    A_LEASE,
    LEDGER,
    LONGEST_COOLDOWN,
    ONE_COOLDOWN,
    Context,
    ScriptedApi,
    TableFront,
    Time,
    as_json,
    concluded,
    entry_of,
    made_manual,
    new_sandbox,
)

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:communications-redrive-test-run"
CONCLUDE = "arn:aws:lambda:eu-west-1:123456789012:function:communications-redrive-test-conclude"
SCHEDULED = {"trigger": "schedule", "scheduledTime": "2026-11-24T02:15:00Z"}
LATER = {"trigger": "schedule", "scheduledTime": "2026-11-24T03:15:00Z"}
RUN, LATER_RUN = "20261124T021500Z", "20261124T031500Z"
SOURCES: dict[str, Any] = {
    "email": {"path": "/emails", "operation": "send.email", "filters": {"status": "failed"}},
    "sms": {"path": "/sms", "operation": "send.sms", "pagination": {"style": "page", "size": 10}},
}
NOT_A_LIST = Response("<h1>Oops</h1>", content_type="text/html")

Lists = dict[str, Any]
Lines = Callable[[], list[dict[str, Any]]]


class Machine:
    """The state machine of runs, and what the functions ask of it."""

    def __init__(self) -> None:
        self.client: SFNClient = boto3.client("stepfunctions")
        self.client.create_state_machine(
            name=MACHINE.rpartition(":")[2],
            definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
            roleArn="arn:aws:iam::123456789012:role/run",
        )

    def runs(self) -> list[dict[str, Any]]:
        """What the executions were started with."""
        found = self.client.list_executions(stateMachineArn=MACHINE)["executions"]
        texts = [self.client.describe_execution(executionArn=each["executionArn"])["input"] for each in found]
        return sorted(map(json.loads, texts), key=lambda run: str(run["runId"]))

    def ends(self, run_id: str = RUN) -> None:
        """Stop a run's execution."""
        self.client.stop_execution(executionArn=f"{MACHINE.replace(':stateMachine:', ':execution:')}:{run_id}")


@pytest.fixture
def machine(aws: None) -> Machine:
    return Machine()


Configure = Callable[..., None]


@pytest.fixture
def configure(
    machine: Machine, front: TableFront, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Configure]:
    """Set the function's environment, as a deployment would: the next invocation has a new sandbox."""

    def configure(machine: str = MACHINE, **changes: object) -> None:
        settings: dict[str, object] = {
            "api": {"base_url": api.url, "connect_timeout_seconds": 10, "read_timeout_seconds": 10},
            "sources": SOURCES,
            "batch_size": 20,
            "max_per_run": 10000,
            "run": {"breaker_turned_away": 50},
        }
        for name, value in (settings | changes).items():
            monkeypatch.setenv(f"REDRIVE_{name.upper()}", json.dumps(value))
        monkeypatch.setenv("REDRIVE_STATE_MACHINE_ARN", machine)
        monkeypatch.setenv("REDRIVE_CONCLUDE_ARN", CONCLUDE)
        new_sandbox()

    configure()
    return configure


@pytest.fixture
def lists(configure: Configure, api: ScriptedApi) -> Lists:
    """What each path lists: ids, whole items, or an answer that is no list."""
    lists: Lists = {"/emails": [], "/sms": []}

    def answer(request: Request) -> Response:
        listed = lists[request.path]
        if isinstance(listed, Response):
            return listed
        size = int(request.args.get("limit", 10_000))
        start = (int(request.args.get("page", 1)) - 1) * size
        return as_json([item if isinstance(item, dict) else {"id": item} for item in listed[start : start + size]])

    api.answer = answer
    return lists


def invoke(event: dict[str, Any], context: Context) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(list_failed.handler(event, context)))  # type: ignore[arg-type]
    return answer


def sends(runs: Runs, run_id: str = RUN) -> list[list[str]]:
    """The ids in each batch of a run, sorted."""
    count = int(record(runs, run_id)["batches"])
    batches = sorted(runs.batches(run_id, range(1, count + 1)), key=lambda found: found[0].number)
    return [sorted((each.primary_id for each in batch.communications), key=int) for batch, _ in batches]


def sent(runs: Runs, run_id: str = RUN) -> list[str]:
    """The ids that a run sends, sorted."""
    return sorted((each for batch in sends(runs, run_id) for each in batch), key=int)


def record(runs: Runs, run_id: str = RUN) -> dict[str, Any]:
    found = runs.record(run_id)
    assert found is not None
    return found


def email(number: int) -> Communication:
    return Communication(str(number), "send.email", "email")


def sms(number: int) -> Communication:
    return Communication(str(number), "send.sms", "sms")


def metrics(lines: list[dict[str, Any]], name: str) -> dict[str, float]:
    """A metric's sum by source, where it is not nothing."""
    found = {line.get("source", ""): sum(line[name]) for line in lines if name in line and "_aws" in line}
    return {source: value for source, value in found.items() if value}


def texts(lines: list[dict[str, Any]]) -> list[str]:
    return [line["message"] for line in lines if "message" in line]


# One run


def test_47_failed_communications_are_one_execution_of_three_batches(
    lists: Lists, machine: Machine, runs: Runs, context: Context
) -> None:
    lists |= {"/emails": list(range(27)), "/sms": list(range(100, 120))}
    before = clock.now()
    answer = invoke(SCHEDULED, context)
    assert answer == {
        "runId": RUN,
        "listed": 47,
        "eligible": 47,
        "skipped": {},
        "batches": 3,
        "execution": f"{MACHINE.replace(':stateMachine:', ':execution:')}:{RUN}",
        "truncated": False,
        "dryRun": False,
    }
    (run,) = machine.runs()
    assert before - 1 <= run.pop("listedAt") <= clock.now()
    assert run == {
        "schemaVersion": 2,
        "runId": RUN,
        "request": context.aws_request_id,
        "force": False,
        "batches": [1, 2, 3],
    }
    assert [len(batch) for batch in sends(runs)] == [20, 20, 7]
    assert sent(runs) == [str(number) for number in [*range(27), *range(100, 120)]]


def test_batches_and_record_are_written_before_the_start(lists: Lists, runs: Runs, context: Context) -> None:
    lists["/emails"] = [1, 2]
    seen: list[Any] = []

    def look(**_: Any) -> None:
        seen.append((sends(runs), record(runs)["sends"], dict(runs.breaker(RUN).turned_away)))

    step_functions().meta.events.register("before-call.sfn.StartExecution", look)
    invoke(SCHEDULED, context)
    assert seen == [([["1", "2"]], 2, {"email": 0})]


def test_the_record_holds_what_the_end_of_the_run_needs(
    lists: Lists, ledger: Ledger, runs: Runs, context: Context
) -> None:
    lists |= {"/emails": [1, 2, 3], "/sms": []}
    made_manual(ledger, email(3))
    answer = invoke(SCHEDULED, context)
    found = record(runs)
    assert {name: found[name] for name in ("trigger", "listed", "skipped", "left", "problems", "truncated")} == {
        "trigger": "schedule",
        "listed": 3,
        "skipped": {"manual": 1},
        "left": 0,
        "problems": [],
        "truncated": None,
    } | {"truncated": found["truncated"]}
    assert not found["truncated"]
    assert (found["sources"], found["configured"], found["complete"]) == (["email"], ["email", "sms"], ["email", "sms"])
    assert (found["idle"], found["execution"], found["request"]) == (
        ["sms"],
        answer["execution"],
        context.aws_request_id,
    )


def test_an_operators_run_needs_no_event(lists: Lists, machine: Machine, context: Context) -> None:
    lists["/emails"] = [1]
    assert invoke({}, context)["runId"].endswith("Z-3f2a9c1d")
    assert len(machine.runs()) == 1


def test_batch_size_and_limit_are_the_modules_and_what_is_left_is_counted(
    configure: Configure, lists: Lists, runs: Runs, context: Context
) -> None:
    configure(batch_size=2, max_per_run=5)
    lists["/emails"] = list(range(9))
    answer = invoke(SCHEDULED, context)
    assert [len(batch) for batch in sends(runs)] == [2, 2, 1]
    assert (answer["eligible"], answer["truncated"]) == (5, True)
    assert (record(runs)["left"], record(runs)["listed"]) == (4, 9)


def test_log_and_metrics_say_how_the_run_went(lists: Lists, context: Context, logged: Lines) -> None:
    lists |= {"/emails": [1, 2], "/sms": [7]}
    invoke(SCHEDULED, context)
    lines = logged()
    assert metrics(lines, "Listed") == {"email": 2, "sms": 1}
    (done,) = [line for line in lines if line.get("message") == "run started"]
    assert (done["runId"], done["function_request_id"], done["batches"]) == (RUN, context.aws_request_id, 1)


# The lock


def test_the_lock_says_who_runs_and_lasts_longer_than_the_lister(lists: Lists, runs: Runs, context: Context) -> None:
    lists["/emails"] = [1]
    seen: list[Lock | None] = []
    step_functions().meta.events.register("before-call.sfn.StartExecution", lambda **_: seen.append(runs.lock()))
    invoke(SCHEDULED, context)
    (lock,) = seen
    assert lock is not None
    assert (lock.run_id, lock.request, lock.execution) == (RUN, context.aws_request_id, "")
    assert lock.until >= lock.taken + context.seconds
    kept = runs.lock()
    assert kept is not None
    assert kept.execution.endswith(RUN), "until conclude gives it back"


def test_a_scheduled_firing_that_finds_a_run_on_lists_nothing_and_says_so(
    lists: Lists, api: ScriptedApi, machine: Machine, context: Context, logged: Lines
) -> None:
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    api.requests.clear()
    logged()
    answer = invoke(LATER, context)
    assert (answer["runId"], answer["inProgress"]) == (LATER_RUN, f"run {RUN} is on; nothing was listed")
    assert (answer["listed"], answer["execution"]) == (0, None)
    assert not api.requests
    assert len(machine.runs()) == 1
    lines = logged()
    assert metrics(lines, "RunsSkipped") == {"": 1}
    assert "run skipped" in texts(lines)


def test_a_scheduled_firing_during_a_pause_starts_nothing_and_the_first_one_after_it_does(
    lists: Lists, api: ScriptedApi, machine: Machine, controls: Controls, context: Context, logged: Lines
) -> None:
    lists["/emails"] = [1]
    controls.pause(clock.now() + 600, "ann", "maintenance")
    answer = invoke(SCHEDULED, context)
    assert (answer["runId"], answer["execution"]) == (RUN, None)
    assert answer["inProgress"].startswith("ann has paused everything until ")
    assert answer["inProgress"].endswith(" (maintenance); nothing was listed")
    assert (api.requests, machine.runs()) == ([], [])
    assert metrics(logged(), "RunsSkipped") == {"": 1}
    assert invoke({"dryRun": True}, context)["eligible"] == 1, "a person may look"
    controls.resume()
    assert invoke(LATER, context)["execution"]


def test_a_firing_delivered_twice_starts_nothing_twice(lists: Lists, machine: Machine, context: Context) -> None:
    lists["/emails"] = list(range(25))
    invoke(SCHEDULED, context)
    assert "inProgress" in invoke(SCHEDULED, Context("another delivery"))
    assert len(machine.runs()) == 1


def test_an_operator_who_finds_a_run_on_is_refused_in_words(
    lists: Lists, api: ScriptedApi, machine: Machine, context: Context
) -> None:
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    api.requests.clear()
    with pytest.raises(RunInProgress, match=f"run {RUN} is on; nothing was listed"):
        invoke({}, Context("operator"))
    assert not api.requests


@pytest.mark.parametrize("event", [{"ids": ["2"]}, {"dryRun": True}])
def test_named_ids_and_a_dry_run_go_beside_another_run(
    lists: Lists, runs: Runs, machine: Machine, context: Context, event: dict[str, Any]
) -> None:
    lists["/emails"] = [1, 2]
    invoke(SCHEDULED, context)
    lock = runs.lock()
    answer = invoke(event, Context("operator"))
    assert answer["listed"] == 2
    assert runs.lock() == lock, "it neither takes nor gives back the lock"
    assert len(machine.runs()) == (2 if "ids" in event else 1)
    if "ids" in event:
        assert record(runs, answer["runId"])["hasLock"] is False


def test_a_lister_that_died_is_taken_over_after_its_time(
    lists: Lists, runs: Runs, machine: Machine, context: Context, time: Time
) -> None:
    lists["/emails"] = [1]
    assert runs.take_lock(RUN, "a lister that died", clock.now() + 900) is None
    assert "inProgress" in invoke(LATER, context)
    time.passes(901)
    assert invoke(LATER, context)["execution"]
    lock = runs.lock()
    assert lock is not None
    assert lock.run_id == LATER_RUN


class Concluder:
    """The function conclude as the lister invokes it: it remembers its events, and gives the lock back."""

    def __init__(self, runs: Runs, error: str = "") -> None:
        self.events: list[dict[str, Any]] = []
        self._runs, self._error = runs, error
        functions().meta.events.register("before-call.lambda.Invoke", self._answer)

    def _answer(self, params: dict[str, Any], **_: Any) -> Any:
        assert params["url_path"].endswith(f"{CONCLUDE.replace(':', '%3A')}/invocations")
        self.events.append(json.loads(params["body"]))
        if self._error:
            return SimpleNamespace(status_code=200), {"StatusCode": 200, "FunctionError": self._error}
        lock = self._runs.lock()
        assert lock is not None
        self._runs.unlock(lock.run_id, lock.request)
        return SimpleNamespace(status_code=200), {"StatusCode": 200}


def test_a_run_whose_end_no_event_reported_is_concluded_first(
    lists: Lists, runs: Runs, machine: Machine, context: Context
) -> None:
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    machine.ends()
    concluder = Concluder(runs)
    assert invoke(LATER, context)["execution"]
    assert concluder.events == [{"runId": RUN, "status": "ABORTED", "error": concluder.events[0]["error"]}]
    assert [run["runId"] for run in machine.runs()] == [RUN, LATER_RUN]


def test_a_run_that_could_not_be_concluded_keeps_its_lock_for_the_next_firing_to_try_again(
    lists: Lists, runs: Runs, machine: Machine, context: Context
) -> None:
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    machine.ends()
    Concluder(runs, error="Unhandled")
    assert "could not be concluded (Unhandled)" in invoke(LATER, context)["inProgress"]
    lock = runs.lock()
    assert lock is not None
    assert lock.run_id == RUN
    new_sandbox()
    Concluder(runs)
    assert invoke(LATER, context)["execution"]


def test_a_run_that_could_not_be_concluded_for_a_day_is_left_behind_and_the_next_digest_says_so(
    lists: Lists, runs: Runs, machine: Machine, context: Context, time: Time
) -> None:
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    machine.ends()
    Concluder(runs, error="Unhandled")
    time.passes(86_300)
    assert "could not be concluded" in invoke(LATER, context)["inProgress"]
    time.passes(200)
    assert invoke(LATER, context)["execution"]
    [problem] = record(runs, LATER_RUN)["problems"]
    assert problem.startswith(f"run {RUN} has ended, and could not be concluded (Unhandled)")
    assert problem.endswith("it is left behind, without digest and verdicts")


def test_a_run_that_is_on_is_not_concluded_however_old_its_lock(
    lists: Lists, runs: Runs, context: Context, time: Time
) -> None:
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    concluder = Concluder(runs)
    time.passes(7 * 86400)
    assert "inProgress" in invoke(LATER, context)
    assert concluder.events == []


@pytest.mark.parametrize("listed", [[], NOT_A_LIST])
def test_the_lock_is_given_back_when_nothing_starts(
    configure: Configure, lists: Lists, runs: Runs, context: Context, listed: Any
) -> None:
    lists["/emails"] = listed
    if listed:
        configure(machine=MACHINE + "-gone")
        with pytest.raises(ExecutionNotStarted, match="could not be started"):
            invoke(SCHEDULED, context)
    else:
        assert invoke(SCHEDULED, context)["execution"] is None
    assert runs.lock() is None


def test_the_lock_is_given_back_when_an_error_ends_the_lister(
    lists: Lists, front: TableFront, runs: Runs, context: Context
) -> None:
    lists["/emails"] = [1]
    front.goes("fine", "throttled")
    with pytest.raises(LedgerUnavailable):
        invoke(SCHEDULED, context)
    assert runs.lock() is None


# The start


@pytest.fixture
def throttled(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Let Step Functions answer the first starts with throttling; gives what comes to be asked."""

    def script(times: int) -> list[int]:
        asked: list[int] = []

        def answer(request: Any, **_: Any) -> Any:
            asked.append(1)
            if len(asked) > times:
                return None
            body = json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}).encode()
            raw = SimpleNamespace(stream=lambda **_: iter([body]))
            return AWSResponse(request.url, 400, {"Content-Type": "application/x-amz-json-1.0"}, raw)

        monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
        step_functions().meta.events.register_first("before-send.sfn.StartExecution", answer)
        return asked

    return script


def test_a_throttled_start_is_tried_again(
    lists: Lists, machine: Machine, context: Context, throttled: Callable[[int], list[int]]
) -> None:
    lists["/emails"] = [1]
    asked = throttled(9)
    assert invoke(SCHEDULED, context)["execution"]
    assert (len(asked), len(machine.runs())) == (10, 1)


def test_a_start_that_stays_throttled_is_said_and_frees_the_lock(
    lists: Lists, runs: Runs, context: Context, throttled: Callable[[int], list[int]]
) -> None:
    lists["/emails"] = [1]
    throttled(100)
    with pytest.raises(ExecutionNotStarted, match=r"could not be started: .*Throttling"):
        invoke(SCHEDULED, context)
    assert runs.lock() is None


def test_a_run_that_was_carried_out_before_is_said(lists: Lists, machine: Machine, context: Context) -> None:
    lists["/emails"] = [1]
    machine.client.start_execution(stateMachineArn=MACHINE, name=RUN, input="{}")
    machine.ends()
    with pytest.raises(ExecutionNotStarted, match=f"run {RUN} was carried out before, by another delivery"):
        invoke(SCHEDULED, context)


def test_another_delivery_after_the_run_starts_and_changes_nothing(
    lists: Lists, machine: Machine, runs: Runs, context: Context
) -> None:
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    runs.unlock(RUN, context.aws_request_id)
    machine.ends()
    before, batches = record(runs), sends(runs)
    lists["/emails"] = [1, 2]
    answer = invoke(SCHEDULED, Context("another delivery"))
    assert (answer["eligible"], answer["batches"], answer["execution"]) == (0, 0, None)
    assert (record(runs), sends(runs)) == (before, batches)
    assert runs.lock() is None
    assert len(machine.runs()) == 1


@pytest.mark.parametrize("delivery", ["the same", "another"])
@pytest.mark.parametrize("is_over", [True, False])
def test_a_delivery_after_a_lister_that_died_right_after_the_start_changes_nothing(
    delivery: str, is_over: bool, lists: Lists, machine: Machine, runs: Runs, context: Context
) -> None:
    def dies(**_: Any) -> None:
        raise SystemExit

    lists["/emails"] = [1]
    events = step_functions().meta.events
    events.register("after-call.sfn.StartExecution", dies)
    with pytest.raises(SystemExit):
        invoke(SCHEDULED, context)
    events.unregister("after-call.sfn.StartExecution", dies)
    request = context.aws_request_id if delivery == "the same" else delivery
    runs.unlock(RUN, context.aws_request_id)
    if is_over:
        machine.ends()
    elif delivery == "the same":
        assert runs.take_lock(RUN, request, clock.now() + 900) is None
    before, batches = record(runs), sends(runs)
    lists["/emails"] = [1, 2]
    answer = invoke(SCHEDULED, Context(request))
    assert (answer["eligible"], answer["batches"], answer["execution"]) == (0, 0, None)
    assert (record(runs) | before, sends(runs)) == (record(runs), batches)
    assert len(machine.runs()) == 1
    assert (runs.lock() is None) is is_over, "the execution that is on needs it"


def test_without_the_ledger_nothing_is_started(
    lists: Lists, front: TableFront, machine: Machine, context: Context
) -> None:
    lists["/emails"] = [1]
    front.goes("throttled")
    with pytest.raises(LedgerUnavailable):
        invoke(SCHEDULED, context)
    assert not machine.runs()


def test_nothing_after_the_start_fails_the_lister(
    lists: Lists,
    ledger: Ledger,
    time: Time,
    front: TableFront,
    machine: Machine,
    context: Context,
    logged: Lines,
) -> None:
    lists["/emails"] = [1]
    concluded(ledger, email(1))
    time.passes(ONE_COOLDOWN)  # it has come back, which is news for the next digest
    step_functions().meta.events.register("after-call.sfn.StartExecution", lambda **_: front.goes(*["throttled"] * 100))
    answer = invoke(SCHEDULED, context)
    assert answer["execution"]
    assert len(machine.runs()) == 1
    (done,) = [line for line in logged() if line.get("message") == "run started"]
    assert any("the run's record: the ledger's table" in problem for problem in done["problems"])
    assert any("earlier runs: the ledger's table" in problem for problem in done["problems"])


def test_a_look_back_that_fails_is_a_problem_of_the_record(
    lists: Lists, runs: Runs, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists["/emails"] = [1]

    def refuse(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(Runs, "add_news", refuse)
    assert invoke(SCHEDULED, context)["execution"]
    assert record(runs)["problems"] == ["earlier runs: unforeseen ZeroDivisionError"]


# Runs with nothing to send


def test_nothing_failed_is_a_success_that_starts_nothing(
    lists: Lists, machine: Machine, runs: Runs, context: Context
) -> None:
    assert invoke(SCHEDULED, context)["execution"] is None
    assert not machine.runs()
    assert runs.record(RUN) is None


def test_when_the_ledger_leaves_nothing_nothing_is_started(
    lists: Lists, ledger: Ledger, machine: Machine, context: Context
) -> None:
    lists["/emails"] = [1, 2]
    concluded(ledger, email(1))
    made_manual(ledger, email(2))
    answer = invoke(SCHEDULED, context)
    assert (answer["eligible"], answer["batches"], answer["execution"]) == (0, 0, None)
    assert answer["skipped"] == {"cooling_down": 1, "manual": 1}
    assert not machine.runs()


def test_problems_alone_start_an_empty_execution(lists: Lists, machine: Machine, runs: Runs, context: Context) -> None:
    lists["/emails"] = NOT_A_LIST
    answer = invoke(SCHEDULED, context)
    assert (answer["batches"], answer["execution"] is None) == (0, False)
    assert [run["batches"] for run in machine.runs()] == [[]]
    (problem,) = record(runs)["problems"]
    assert problem.startswith("source email: ")
    assert "not JSON" in problem


def test_a_source_that_fails_is_a_problem_beside_what_the_others_list(
    lists: Lists, runs: Runs, context: Context
) -> None:
    lists |= {"/emails": NOT_A_LIST, "/sms": [7]}
    invoke(SCHEDULED, context)
    assert sent(runs) == ["7"]
    assert len(record(runs)["problems"]) == 1
    assert record(runs)["complete"] == ["sms"]


def test_exhausted_ones_start_an_execution_without_batches_that_retires_them(
    lists: Lists, ledger: Ledger, machine: Machine, runs: Runs, context: Context, time: Time
) -> None:
    for _ in range(LEDGER.max_attempts):
        concluded(ledger, email(1))
        time.passes(LONGEST_COOLDOWN)
    lists["/emails"] = [1]
    answer = invoke(SCHEDULED, context)
    assert (answer["eligible"], answer["batches"]) == (0, 0)
    assert [run["batches"] for run in machine.runs()] == [[]]
    found = record(runs)
    assert (found["batches"], found["exhaustedBatches"], found["listed"]) == (0, 1, 1)
    ((batch, _),) = runs.batches(RUN, [1])
    assert batch.communications == (email(1),)


def remember(runs: Runs, **memory: Any) -> None:
    runs.write("earlier", {"listedAt": 1})
    assert runs.keep_digest("earlier", {"digest": {}}, Memory(**memory), 0, keeps_news=True)


@pytest.mark.parametrize(
    ("bad", "listed", "starts"),
    [
        ({"email"}, [], True),
        ({"*"}, [], True),
        ({"email", "sms"}, [], True),
        ({"email"}, "cooling", False),
        ({"email"}, NOT_A_LIST, True),
        (set(), [], False),
    ],
)
def test_bad_news_that_is_over_starts_an_empty_execution(
    lists: Lists,
    ledger: Ledger,
    machine: Machine,
    runs: Runs,
    context: Context,
    bad: set[str],
    listed: Any,
    starts: bool,
) -> None:
    remember(runs, bad=frozenset(bad))
    if listed == "cooling":
        concluded(ledger, email(1))
        listed = [1]
    lists["/emails"] = listed
    invoke(SCHEDULED, context)
    assert [run["batches"] for run in machine.runs()] == [[]] * starts


@pytest.mark.parametrize(("seconds", "starts"), [(-1, True), (60, False)])
def test_a_digest_that_is_due_starts_an_empty_execution(
    lists: Lists, machine: Machine, runs: Runs, context: Context, seconds: float, starts: bool
) -> None:
    remember(runs, due=clock.now() + seconds)
    invoke(SCHEDULED, context)
    assert len(machine.runs()) == starts


# The breaker of the run before


def ended(runs: Runs, run_id: str, **record: Any) -> None:
    runs.write(run_id, {"concludedAt": clock.now(), "hasLock": True, "sources": []} | record)


def test_a_source_that_was_open_begins_with_one_batch(
    configure: Configure, lists: Lists, runs: Runs, context: Context
) -> None:
    configure(batch_size=2)
    held = clock.now() + 3600
    ended(runs, "20261123T021500Z", open=["email", "fax"], held={"sms": held, "fax": held})
    ended(runs, "20261124T001500Z-operator", open=["sms"], hasLock=False)
    lists |= {"/emails": [1, 2, 3], "/sms": [7]}
    invoke(SCHEDULED, context)
    found = runs.breaker(RUN)
    assert dict(found.turned_away) == {"email": 49, "sms": 0}
    assert dict(found.probed_by) == {"email": 1}
    assert found.held.keys() == {"sms"}


def test_what_was_open_before_the_last_run_is_open_no_more(lists: Lists, runs: Runs, context: Context) -> None:
    ended(runs, "20261123T011500Z", open=["email"])
    ended(runs, "20261123T021500Z", open=[])
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    assert dict(runs.breaker(RUN).turned_away) == {"email": 0}
    assert not runs.breaker(RUN).probed_by


# Time


def short_tries(api: ScriptedApi) -> dict[str, object]:
    """Configure tries that take no more than two seconds each."""
    return {"base_url": api.url, "connect_timeout_seconds": 1, "read_timeout_seconds": 1}


def give_little_time(configure: Configure, api: ScriptedApi, context: Context) -> None:
    """Leave time for two or three pages: five seconds are kept to end in, and a try may take two."""
    configure(api=short_tries(api))
    answer_quickly = api.answer

    def answer(request: Request) -> Response:
        time.sleep(0.5)
        return answer_quickly(request)

    api.answer = answer
    context.seconds = 9


def test_with_little_time_left_it_ends_in_good_order(
    configure: Configure, lists: Lists, runs: Runs, context: Context, api: ScriptedApi
) -> None:
    lists |= {"/emails": [1, 2], "/sms": list(range(100, 300))}
    give_little_time(configure, api, context)
    answered = invoke(SCHEDULED, context)
    assert answered["truncated"]
    assert 2 < answered["listed"] < 202
    assert len(sent(runs)) == answered["listed"]
    assert record(runs)["truncated"]


def test_what_writing_the_batches_down_takes_is_kept_from_the_time_to_list(
    configure: Configure, lists: Lists, api: ScriptedApi, context: Context
) -> None:
    source = SOURCES["sms"] | {"pagination": {"style": "page", "size": 700}}
    configure(api=short_tries(api), sources={"sms": source}, batch_size=1)
    lists["/sms"] = list(range(1400))
    # 5 s are kept to end in, a try may take 2 s, and 700 batches take 2.8 s.
    context.seconds = 5 + 2 + 2.5
    answer = invoke({"dryRun": True}, context)
    assert (answer["listed"], answer["truncated"]) == (700, True)


def test_a_source_that_hangs_leaves_time_to_start_what_the_others_listed(
    configure: Configure, lists: Lists, runs: Runs, context: Context, api: ScriptedApi
) -> None:
    configure(api=short_tries(api))
    lists["/emails"] = [1, 2]
    answer_quickly = api.answer

    def answer(request: Request) -> Response:
        if request.path == "/sms":
            time.sleep(2)
        return answer_quickly(request)

    api.answer = answer
    context.seconds = 9
    invoke(SCHEDULED, context)
    assert sent(runs) == ["1", "2"]
    assert "source sms: GET /sms: no answer in time" in record(runs)["problems"][0]


def test_a_function_too_short_to_read_a_page_says_so(
    lists: Lists, api: ScriptedApi, runs: Runs, context: Context
) -> None:
    context.seconds = 6
    invoke(SCHEDULED, context)
    assert not api.requests
    assert "lambda.timeout_seconds.list_failed is too short" in record(runs)["problems"][0]


# Events


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"trigger": "schedule"}, "event.scheduledTime: missing"),
        ({"trigger": "cron"}, "event.trigger: must be one of schedule, operator"),
        ({"trigger": "schedule", "scheduledTime": "now"}, "scheduledTime: must be a time"),
        ({"dry_run": True}, "event.dry_run: unknown"),
        ({"force": True}, "event.force: goes with event.ids only"),
        ({"limit": 0}, "event.limit: must be at least 1"),
        ({"limit": -1}, "event.limit: must be at least 1"),
        ({"ids": ["1"] * 101}, "event.ids: at most 100; there are 101"),
        ({"limit": "5"}, "event.limit: must be a whole number"),
        ({"ids": [1]}, r"event.ids\[0\]: must be a text"),
        ({"sources": ["emial"]}, "event.sources: no enabled source 'emial'; there are email, sms"),
        ({"filters": {"emial": {}}}, "event.filters: no enabled source 'emial'; there are email, sms"),
        ({"filters": {"email": {"since": 5}}}, "event.filters.email.since: must be a text"),
        ({"ids": []}, "event.ids: empty, which would mean all; leave it out for that"),
        ({"ids": [], "dryRun": True}, "event.ids: empty"),
        ({"sources": []}, "event.sources: empty, which would mean all; leave it out for that"),
        ({"check": True, "sources": []}, "event.sources: empty"),
        ({"filters": {"email": {"status": []}}}, "event.filters.email.status: has no value, or an empty one"),
        ({"filters": {"email": {"status": ""}}}, "event.filters.email.status: has no value, or an empty one"),
        ({"filters": {"email": {"status": " "}}}, "event.filters.email.status: has no value, or an empty one"),
        ({"filters": {"email": {"status": ["failed", ""]}}}, "event.filters.email.status: has no value, or an empty"),
        ({"filters": {}}, "event.filters: empty, which would mean all; leave it out for that"),
        ({"filters": {"email": {}}}, "event.filters.email: empty, which would mean all; leave it out for that"),
        ({"filters": {"email": {" ": "failed"}}}, "event.filters.email: has a value without the name of its"),
        ({"filters": {"sms": {"page": "3"}}}, "event.filters.sms.page: is set by sources.sms.pagination, and would"),
        ({"filters": {"sms": {"limit": "5", "to": "x"}}}, "event.filters.sms.limit: is set by sources.sms.pagination"),
        ({"filters": {"sms": {"to": "x"}}, "sources": ["email"]}, "event.filters: of no source in event.sources"),
        ({"trigger": "schedule", "scheduledTime": "2099-01-01T00:00:00Z"}, "scheduledTime: must be from 2020 on"),
        ({"trigger": "schedule", "scheduledTime": "0001-01-01T00:00:00+05:00"}, "scheduledTime: must be a time"),
        ([], "event: must be an object"),
    ],
)
def test_an_event_that_is_wrong_starts_nothing(
    lists: Lists, machine: Machine, front: TableFront, context: Context, event: Any, message: str
) -> None:
    lists["/emails"] = [1]
    with pytest.raises(ConfigurationError, match=message):
        invoke(event, context)
    assert not machine.runs()
    assert not front.calls


# What the ledger refuses


@pytest.fixture
def every_state(lists: Lists, ledger: Ledger, time: Time) -> None:
    """Emails in every state that a listed one can be in, and two that the ledger does not know."""
    for _ in range(LEDGER.max_attempts):
        concluded(ledger, email(7))
        time.passes(LONGEST_COOLDOWN)
    concluded(ledger, email(2))
    concluded(ledger, email(3), OutcomeKind.SKIPPED)
    ledger.claim(email(4), "a crashed batch", "run", clock.now())
    time.passes(ONE_COOLDOWN)
    concluded(ledger, email(5))
    ledger.claim(email(6), "another/1", "another", clock.now())
    made_manual(ledger, email(8))
    ledger.discard(made_manual(ledger, email(9)), "ann", "customer left")
    lists["/emails"] = list(range(11))


@pytest.mark.usefixtures("every_state")
def test_what_the_ledger_would_refuse_is_dropped_and_counted_by_reason(runs: Runs, context: Context) -> None:
    answer = invoke(SCHEDULED, context)
    assert answer["skipped"] == {"cooling_down": 1, "leased": 1, "manual": 1, "discarded": 1}
    assert (answer["listed"], answer["eligible"]) == (11, 6)
    assert sent(runs) == ["0", "1", "2", "3", "4", "10"]
    assert record(runs)["listed"] == 11
    assert record(runs)["exhaustedBatches"] == 1


def test_what_is_manual_does_not_starve_the_rest(
    configure: Configure, lists: Lists, ledger: Ledger, runs: Runs, context: Context
) -> None:
    configure(max_per_run=4)
    for number in range(4):
        made_manual(ledger, email(number))
    lists["/emails"] = list(range(8))
    answer = invoke(SCHEDULED, context)
    assert sent(runs) == ["4", "5", "6", "7"]
    assert (answer["skipped"], answer["truncated"]) == ({"manual": 4}, False)


def test_a_hundred_are_judged_with_one_read(lists: Lists, front: TableFront, runs: Runs, context: Context) -> None:
    lists |= {"/emails": list(range(150)), "/sms": list(range(200, 300))}
    invoke(SCHEDULED, context)
    assert front.calls.count("BatchGetItem") == 3
    assert len(sent(runs)) == 250


AGED = {"email": SOURCES["email"] | {"failed_at": "at", "min_age_seconds": 3600}}


def test_what_failed_too_recently_is_left_to_the_application_and_counted(
    configure: Configure, lists: Lists, runs: Runs, context: Context, time: Time
) -> None:
    configure(sources=AGED)
    lists["/emails"] = [{"id": 1, "at": clock.now()}, {"id": 2, "at": clock.now() - 3700}]
    answer = invoke(SCHEDULED, context)
    assert (answer["listed"], answer["skipped"]) == (2, {"too_young": 1})
    assert sent(runs) == ["2"]
    assert record(runs)["idle"] == []


def test_items_without_a_usable_time_are_sent_and_are_a_problem(
    configure: Configure, lists: Lists, runs: Runs, context: Context
) -> None:
    configure(sources=AGED)
    lists["/emails"] = [{"id": 1}, {"id": 2, "at": "yesterday"}, {"id": 3, "at": 10**9}]
    invoke(SCHEDULED, context)
    assert record(runs)["problems"][0].startswith("source email: 2 items without a usable failed_at")
    assert sent(runs) == ["1", "2", "3"]


# What an operator may ask for


@pytest.mark.usefixtures("every_state")
def test_a_dry_run_says_of_each_communication_what_would_happen_and_why(
    configure: Configure, lists: Lists, context: Context
) -> None:
    configure(sources=AGED)
    lists["/emails"] = [{"id": id_, "at": 10**9} for id_ in range(1, 10)] + [{"id": 10, "at": clock.now()}]
    answer = invoke({"dryRun": True}, context)
    assert answer["communications"][0] == email(1).to_json() | {"would": "send", "why": "never sent before"}
    assert {c["primaryId"]: (c["would"], c["why"]) for c in answer["communications"]} == {
        "1": ("send", "never sent before"),
        "2": ("send", "attempt 2, last requeued"),
        "3": ("send", "attempt 1, last skipped"),
        "4": ("send", "attempt 1, last unfinished"),
        "5": ("skip", "cooling_down"),
        "6": ("skip", "leased"),
        "7": ("become manual", "exhausted"),
        "8": ("skip", "manual"),
        "9": ("skip", "discarded"),
    }
    assert answer["skipped"]["too_young"] == 1


@pytest.mark.usefixtures("every_state")
def test_a_dry_run_starts_nothing_and_writes_nothing(
    lists: Lists, ledger: Ledger, runs: Runs, front: TableFront, machine: Machine, context: Context, logged: Lines
) -> None:
    lists["/emails"] = [1, 3]
    before = [entry_of(ledger, email(number)) for number in range(2, 10)]
    answer = invoke({"dryRun": True}, context)
    assert (answer["dryRun"], answer["eligible"], answer["execution"]) == (True, 2, None)
    assert front.calls == ["BatchGetItem"]
    assert [entry_of(ledger, email(number)) for number in range(2, 10)] == before
    assert not machine.runs()
    lines = logged()
    assert metrics(lines, "Listed") == {"email": 2}
    assert metrics(lines, "CameBack") == {}


def test_a_run_that_is_not_dry_does_not_list_its_communications(lists: Lists, context: Context) -> None:
    lists["/emails"] = [1]
    assert "communications" not in invoke({"dryRun": False}, context)


def test_a_dry_run_says_what_went_wrong_beside_what_would_happen(lists: Lists, context: Context) -> None:
    lists |= {"/emails": NOT_A_LIST, "/sms": [7]}
    answer = invoke({"dryRun": True}, context)
    assert [each["primaryId"] for each in answer["communications"]] == ["7"]
    assert "source email: sources.email: HTTP 200, but the body is not JSON" in answer["problems"][0]


def test_only_the_sources_asked_for_are_listed(lists: Lists, api: ScriptedApi, runs: Runs, context: Context) -> None:
    lists |= {"/emails": [1], "/sms": [7]}
    answer = invoke({"sources": ["sms"]}, context)
    assert answer["listed"] == 1
    assert sent(runs, answer["runId"]) == ["7"]
    assert {request.path for request in api.requests} == {"/sms"}


def test_filters_go_over_the_configured_ones(lists: Lists, api: ScriptedApi, context: Context) -> None:
    invoke({"filters": {"email": {"since": "2026-11-23"}, "sms": {"page": "x"}}, "sources": ["email"]}, context)
    invoke({"filters": {"email": {"status": "dead"}}, "sources": ["email"]}, context)
    asked = [request.args.to_dict() for request in api.requests]
    assert {"status": "failed", "since": "2026-11-23"} in asked
    assert {"status": "dead"} in asked


def test_of_what_is_listed_only_the_ids_asked_for_are_sent(
    lists: Lists, front: TableFront, runs: Runs, context: Context
) -> None:
    lists |= {"/emails": list(range(150)), "/sms": [7]}
    answer = invoke({"ids": ["7", "149", "1000", "2000"]}, context)
    ((batch, _),) = runs.batches(answer["runId"], [1])
    assert sorted((each.primary_id, each.source) for each in batch.communications) == [
        ("149", "email"),
        ("7", "email"),
        ("7", "sms"),
    ]
    assert (answer["listed"], answer["eligible"], answer["skipped"]) == (151, 3, {"not_listed": 2})
    assert record(runs, answer["runId"])["listed"] == 3
    assert front.calls.count("BatchGetItem") == 1


def test_an_id_that_was_not_reached_is_not_said_to_be_missing(
    configure: Configure, lists: Lists, context: Context, api: ScriptedApi
) -> None:
    lists |= {"/emails": [1], "/sms": list(range(10, 300))}
    give_little_time(configure, api, context)
    answer = invoke({"ids": ["299"]}, context)
    assert (answer["truncated"], answer["skipped"]) == (True, {})


def test_of_the_ids_asked_for_those_too_young_are_counted_and_no_others(
    configure: Configure, lists: Lists, context: Context
) -> None:
    configure(sources=AGED)
    lists["/emails"] = [{"id": id_, "at": clock.now()} for id_ in range(5)]
    assert invoke({"ids": ["1", "3"]}, context)["skipped"] == {"too_young": 2}


def test_a_limit_is_for_what_is_sent_and_never_above_the_modules(
    configure: Configure, lists: Lists, runs: Runs, context: Context
) -> None:
    lists["/emails"] = list(range(9))
    answer = invoke({"limit": 3}, context)
    assert (answer["eligible"], answer["truncated"], len(sent(runs, answer["runId"]))) == (3, True, 3)
    assert record(runs, answer["runId"])["left"] == 6
    configure(max_per_run=2)
    assert invoke({"limit": 3, "dryRun": True}, context)["eligible"] == 2


def test_force_ignores_the_cooldown_of_the_ids_asked_for_and_nothing_else(
    lists: Lists, ledger: Ledger, runs: Runs, machine: Machine, context: Context
) -> None:
    lists["/emails"] = [1, 2, 3, 4]
    concluded(ledger, email(1))
    concluded(ledger, email(2))
    ledger.claim(email(3), "another/1", "another", clock.now())
    made_manual(ledger, email(4))
    answer = invoke({"ids": ["1", "3", "4"], "force": True}, context)
    assert answer["skipped"] == {"leased": 1, "manual": 1}
    (run,) = machine.runs()
    assert (run["force"], sent(runs, answer["runId"])) == (True, ["1"])


# What became of earlier runs


def a_run_of(runs: Runs, *communications: Communication, run_id: str = "20261120T021500Z", **more: Any) -> None:
    """A run that requeued these, and was concluded just now."""
    values = {
        "listedAt": clock.now(),
        "sources": sorted({each.source for each in communications}),
        "batches": 1,
    }
    runs.begin(run_id, "earlier", values)
    runs.write(run_id, {"concludedAt": clock.now()} | more)
    runs.write_batches([Batch(run_id, 1, "earlier", communications)])
    runs.write_tally(run_id, Tally(1, tuple(Result("requeued", True, 202) for _ in communications)))


def news(runs: Runs) -> dict[str, int]:
    return dict(runs.memory()[1])


@pytest.fixture
def requeued(runs: Runs, ledger: Ledger, time: Time) -> None:
    """Two emails and an SMS whose cooldown is over."""
    for communication in (email(1), email(2), sms(7)):
        concluded(ledger, communication)
    a_run_of(runs, email(1), email(2), sms(7))
    time.passes(ONE_COOLDOWN)


@pytest.mark.usefixtures("requeued")
def test_what_left_a_list_that_was_read_to_its_end_was_delivered_and_is_counted_once(
    lists: Lists, runs: Runs, context: Context, logged: Lines
) -> None:
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    lines = logged()
    assert metrics(lines, "Delivered") == {"email": 1, "sms": 1}
    assert metrics(lines, "CameBack") == {"email": 1}
    assert news(runs) == {"delivered": 2, "cameBack": 1}
    runs.unlock(RUN, context.aws_request_id)
    lists["/emails"] = []
    invoke(LATER, context)
    assert metrics(logged(), "Delivered") == {}


@pytest.mark.usefixtures("requeued")
@pytest.mark.parametrize(
    "event",
    [
        {"filters": {"email": {"since": "2026-11-23"}}},
        {"filters": {"sms": {"x": "y"}}},
        {"dryRun": True},
        {"sources": ["email"]},
    ],
)
def test_a_run_that_does_not_list_all_counts_nothing(
    lists: Lists, runs: Runs, context: Context, event: dict[str, Any]
) -> None:
    invoke(event, context)
    assert news(runs) == {}
    invoke(SCHEDULED, context)
    assert news(runs)["delivered"] == 3


@pytest.mark.usefixtures("requeued")
@pytest.mark.parametrize("event", [{"ids": ["1"]}, {"limit": 5}, {}])
def test_a_narrowed_run_that_lists_all_counts_as_well(
    lists: Lists, runs: Runs, context: Context, event: dict[str, Any]
) -> None:
    lists["/emails"] = [1]
    invoke(event, context)
    assert news(runs)["delivered"] == 2


@pytest.mark.usefixtures("requeued")
@pytest.mark.parametrize("trouble", ["fails", "time"])
def test_a_source_that_was_not_read_to_its_end_keeps_its_runs_uncounted(
    configure: Configure, lists: Lists, runs: Runs, context: Context, api: ScriptedApi, trouble: str
) -> None:
    lists["/sms"] = list(range(10, 300))
    if trouble == "time":
        give_little_time(configure, api, context)
    else:
        lists["/emails"] = NOT_A_LIST
    invoke(SCHEDULED, context)
    assert "delivered" not in news(runs)


def test_nothing_is_counted_before_the_cooldown(lists: Lists, runs: Runs, context: Context, time: Time) -> None:
    a_run_of(runs, email(1))
    time.passes(LEDGER.cooldown_seconds)
    invoke(SCHEDULED, context)
    assert news(runs) == {}
    time.passes(LEDGER.cooldown_seconds)
    invoke(LATER, context)
    assert news(runs) == {"delivered": 1}


def test_what_is_requeued_while_the_list_is_read_is_not_delivered(
    lists: Lists, runs: Runs, api: ScriptedApi, context: Context, time: Time
) -> None:
    a_run_of(runs, email(1))
    time.passes(LEDGER.cooldown_seconds / 2)

    def answer(request: Request) -> Response:
        time.passes(ONE_COOLDOWN / 2)  # its cooldown ends in the meantime
        return as_json([])

    api.answer = answer
    invoke(SCHEDULED, context)
    assert news(runs) == {}


def test_a_run_that_is_not_concluded_is_not_counted(lists: Lists, runs: Runs, context: Context, time: Time) -> None:
    a_run_of(runs, email(1), concludedAt=None)
    time.passes(ONE_COOLDOWN)
    invoke(SCHEDULED, context)
    assert news(runs) == {}


def test_of_a_source_that_was_removed_or_renamed_nothing_is_said(
    lists: Lists, runs: Runs, context: Context, time: Time
) -> None:
    fax, renamed = Communication("1", "send.fax", "fax"), Communication("2", "send.text", "sms")
    a_run_of(runs, fax, renamed, email(3))
    time.passes(ONE_COOLDOWN)
    invoke(SCHEDULED, context)
    assert news(runs) == {"delivered": 1}


def test_an_sms_is_delivered_though_an_email_of_the_same_id_is_still_listed(
    lists: Lists, runs: Runs, context: Context, time: Time
) -> None:
    a_run_of(runs, email(7), sms(7))
    time.passes(ONE_COOLDOWN)
    lists["/emails"] = [7]
    invoke(SCHEDULED, context)
    assert news(runs) == {"delivered": 1}


def test_what_has_moved_to_another_source_of_its_ids_was_not_delivered(
    configure: Configure, lists: Lists, runs: Runs, context: Context, time: Time
) -> None:
    configure(sources={"email": SOURCES["email"], "old": {"path": "/sms", "operation": "send.email"}})
    a_run_of(runs, email(1), email(2))
    time.passes(ONE_COOLDOWN)
    lists["/sms"] = [1]
    invoke(SCHEDULED, context)
    assert news(runs) == {"delivered": 1}


def test_what_is_listed_but_too_young_was_not_delivered(
    configure: Configure, lists: Lists, runs: Runs, context: Context, time: Time
) -> None:
    configure(sources=AGED)
    a_run_of(runs, email(1))
    time.passes(ONE_COOLDOWN)
    lists["/emails"] = [{"id": 1, "at": clock.now()}]
    invoke(SCHEDULED, context)
    assert news(runs) == {}


def test_what_was_not_requeued_is_not_delivered(lists: Lists, runs: Runs, context: Context, time: Time) -> None:
    a_run_of(runs, email(1), run_id="20261120T011500Z")
    time.passes(ONE_COOLDOWN)
    runs.begin("20261120T021500Z", "x", {"sources": ["email"], "batches": 1})
    runs.write("20261120T021500Z", {"concludedAt": 1})
    invoke(SCHEDULED, context)
    assert news(runs) == {"delivered": 1}


def test_without_time_the_look_back_is_left_to_the_next_run(
    configure: Configure, lists: Lists, runs: Runs, context: Context, api: ScriptedApi, time: Time
) -> None:
    configure(api=short_tries(api))
    a_run_of(runs, email(1))
    time.passes(ONE_COOLDOWN)
    context.seconds = 9  # of which 5 s are kept to end in, and 4 s are not more than that
    invoke(SCHEDULED, context)
    assert news(runs) == {}
    context.seconds = 30
    invoke(LATER, context)
    assert news(runs) == {"delivered": 1}


def test_what_came_back_and_was_claimed_is_counted_by_the_run_that_found_it(
    lists: Lists, ledger: Ledger, runs: Runs, context: Context, time: Time
) -> None:
    concluded(ledger, email(1))
    time.passes(ONE_COOLDOWN)
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    assert news(runs) == {"cameBack": 1}
    ledger.claim(email(1), f"{RUN}/1", RUN, clock.now())
    time.passes(A_LEASE)
    runs.unlock(RUN, context.aws_request_id)
    invoke(LATER, context)
    assert news(runs) == {"cameBack": 1}


def test_what_is_forced_before_its_cooldown_is_over_has_not_come_back_for_good(
    lists: Lists, ledger: Ledger, runs: Runs, context: Context
) -> None:
    concluded(ledger, email(1))
    lists["/emails"] = [1]
    assert invoke({"ids": ["1"], "force": True}, context)["eligible"] == 1


def test_a_start_whose_answer_was_lost_keeps_the_lock(
    lists: Lists, runs: Runs, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists["/emails"] = [1]

    def lost(*_: Any, **__: Any) -> None:
        raise StartUnconfirmed("the execution may not have started")

    monkeypatch.setattr(StateMachine, "start", lost)
    with pytest.raises(StartUnconfirmed):
        invoke(SCHEDULED, context)
    assert runs.lock() is not None


def test_a_list_without_usable_ids_vouches_for_nothing(lists: Lists, runs: Runs, context: Context) -> None:
    lists["/emails"] = [None]
    invoke(SCHEDULED, context)
    record = runs.newest(1)[0][0]
    assert "email" not in record["complete"]
    assert "email" not in record["idle"]


def test_the_time_of_a_firing_is_the_schedules_alone(context: Context) -> None:
    with pytest.raises(ConfigurationError, match="goes with the schedule's own events only"):
        invoke({"scheduledTime": "2026-11-24T03:15:00Z", "ids": ["1"]}, context)


# How it stands


def gauge(lines: list[dict[str, Any]], name: str) -> dict[str, float]:
    """The values of a gauge by source, 0 included; all together under no name."""
    return {line.get("source", ""): line[name][0] for line in lines if name in line and "_aws" in line}


@pytest.mark.usefixtures("lists")
def test_a_run_with_nothing_to_do_publishes_that_nothing_is_wrong(context: Context, logged: Lines) -> None:
    assert invoke(SCHEDULED, context)["execution"] is None
    lines = logged()
    everywhere = {"email": 0, "sms": 0, "": 0}
    for name in ("WaitingForPerson", "OldestWaitingAge", "OldestFailedAge", "BreakerOpen"):
        assert gauge(lines, name) == everywhere, name
    for name in ("Truncated", "RunsSkipped"):
        assert gauge(lines, name) == {"": 0}, name


def test_a_firing_that_found_another_run_on_says_what_waits_and_that_it_was_skipped(
    lists: Lists, ledger: Ledger, context: Context, logged: Lines
) -> None:
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    entry = made_manual(ledger, email(2))
    group = Group.of(entry)
    group.add(entry, 3)
    Waiting(list_failed._table()).add(group, "earlier")
    logged()
    invoke(LATER, context)
    lines = logged()
    assert gauge(lines, "RunsSkipped") == {"": 1}
    assert gauge(lines, "WaitingForPerson") == {"email": 1, "sms": 0, "": 1}
    assert gauge(lines, "OldestFailedAge") == gauge(lines, "BreakerOpen") == {}


def test_the_oldest_failed_one_is_as_old_as_the_ledger_knows_it(
    lists: Lists, ledger: Ledger, context: Context, time: Time, logged: Lines
) -> None:
    lists["/emails"] = [1, 2]
    concluded(ledger, email(1), OutcomeKind.FAILED)
    time.passes(5000)
    concluded(ledger, email(2))
    invoke(SCHEDULED, context)
    ages = gauge(logged(), "OldestFailedAge")
    assert ages["email"] == ages[""] == pytest.approx(5000, abs=60)
    assert ages["sms"] == 0


def test_a_source_that_says_when_its_items_failed_is_believed_and_what_people_have_is_left_out(
    configure: Configure, lists: Lists, ledger: Ledger, context: Context, logged: Lines
) -> None:
    configure(sources=SOURCES | {"email": SOURCES["email"] | {"failed_at": "at", "max_age_seconds": 9000}})
    made_manual(ledger, email(1))
    lists["/emails"] = [{"id": id_, "at": clock.now() - age} for id_, age in ((1, 8000), (2, 7000), (3, 10), (4, 9999))]
    invoke(SCHEDULED, context)
    assert gauge(logged(), "OldestFailedAge")["email"] == pytest.approx(7000, abs=60)


def test_the_age_of_a_list_that_was_not_read_to_its_end_is_not_known(
    lists: Lists, context: Context, logged: Lines
) -> None:
    lists["/emails"] = NOT_A_LIST
    invoke(SCHEDULED, context)
    assert gauge(logged(), "OldestFailedAge") == {"sms": 0}


def test_a_run_without_time_for_a_list_is_truncated(lists: Lists, context: Context, logged: Lines) -> None:
    lists["/emails"] = [1]
    context.seconds = 6.0
    invoke(SCHEDULED, context)
    assert gauge(logged(), "Truncated") == {"": 1}


@pytest.mark.parametrize("left", [[1], []])
def test_a_breaker_stays_open_while_something_cools_down_and_is_closed_when_nothing_is_left(
    lists: Lists, ledger: Ledger, runs: Runs, left: list[int], context: Context, logged: Lines
) -> None:
    runs.write("20261123T021500Z", {"concludedAt": 1.0, "hasLock": True, "open": ["email"]})
    concluded(ledger, email(1))
    lists["/emails"] = left
    assert invoke(SCHEDULED, context)["execution"] is None
    open_ones = float(bool(left))
    assert gauge(logged(), "BreakerOpen") == {"email": open_ones, "sms": 0, "": open_ones}


@pytest.mark.parametrize("event", [{"ids": ["1"]}, {"filters": {"email": {"a": "b"}}}])
def test_a_run_of_a_part_says_nothing_of_the_whole(
    lists: Lists, event: dict[str, Any], context: Context, logged: Lines
) -> None:
    lists["/emails"] = [1]
    invoke(event, context)
    lines = logged()
    assert gauge(lines, "OldestFailedAge") == gauge(lines, "Truncated") == {}
    assert gauge(lines, "WaitingForPerson")[""] == 0


def test_a_dry_run_changes_no_gauge(lists: Lists, context: Context, logged: Lines) -> None:
    lists["/emails"] = [1]
    invoke({"dryRun": True}, context)
    lines = logged()
    assert gauge(lines, "Listed") == {"email": 1, "sms": 0}
    assert gauge(lines, "WaitingForPerson") == gauge(lines, "OldestFailedAge") == {}


# Report-only mode


@pytest.fixture
def reports(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What conclude is asked for, where the mode is report."""
    monkeypatch.setenv("REDRIVE_MODE", "report")
    configure()
    asked: list[dict[str, Any]] = []

    def invoked(request: Any, **_: Any) -> AWSResponse:
        assert request.headers["X-Amz-Invocation-Type"] == b"Event"
        asked.append(json.loads(request.body))
        return AWSResponse(request.url, 202, {}, SimpleNamespace(stream=lambda: iter([b""]), read=lambda: b""))

    functions().meta.events.register_first("before-send.lambda.Invoke", invoked)
    return asked


def test_a_report_sends_nothing_takes_no_lock_and_has_it_mailed(
    lists: Lists, reports: list[dict[str, Any]], machine: Machine, runs: Runs, front: TableFront, context: Context
) -> None:
    lists["/emails"], lists["/sms"] = [1, 2], [3]
    answer = invoke(SCHEDULED, context)
    assert (answer["eligible"], answer["execution"], answer["mode"]) == (3, None, "report")
    assert machine.runs() == []
    assert reports == [{"runId": RUN, "status": "REPORT"}]
    assert record(runs)["report"] == {"email": {"would_send_new": 2}, "sms": {"would_send_new": 1}}
    assert front.writes() == {"runs": 1}
    assert runs.lock() is None


def test_a_report_says_why_the_rest_would_not_be_sent(
    lists: Lists, reports: list[dict[str, Any]], runs: Runs, ledger: Ledger, context: Context, time: Time
) -> None:
    made_manual(ledger, email(1))
    concluded(ledger, email(2))
    for _ in range(LEDGER.max_attempts):
        concluded(ledger, sms(3))
        time.passes(LONGEST_COOLDOWN)
    concluded(ledger, email(4))
    lists["/emails"], lists["/sms"] = [1, 2, 4, 5], [3]
    invoke(SCHEDULED, context)
    assert reports
    assert record(runs)["report"] == {
        "email": {"manual": 1, "would_send_again": 1, "cooling_down": 1, "would_send_new": 1},
        "sms": {"would_become_manual": 1},
    }
    invoke(LATER, context)
    assert runs.memory()[1] == {}, "what comes back is news once, when it is sent again"


def test_an_operators_run_sends_in_report_mode_too(
    lists: Lists, reports: list[dict[str, Any]], machine: Machine, context: Context
) -> None:
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    answer = invoke({"limit": 10}, context)
    assert answer["execution"]
    assert "mode" not in answer
    assert len(machine.runs()) == 1
    assert len(reports) == 1


def test_a_report_of_nothing_is_none(lists: Lists, reports: list[dict[str, Any]], runs: Runs, context: Context) -> None:
    assert lists
    answer = invoke(SCHEDULED, context)
    assert answer["mode"] == "report"
    assert (reports, runs.record(RUN)) == ([], None)


def test_a_report_publishes_the_gauges(
    lists: Lists, reports: list[dict[str, Any]], context: Context, logged: Lines
) -> None:
    lists["/emails"] = [1]
    invoke(SCHEDULED, context)
    assert reports
    lines = logged()
    for name in ("WaitingForPerson", "OldestFailedAge", "BreakerOpen", "Truncated", "RunsSkipped"):
        assert gauge(lines, name)[""] == 0, name


def test_a_mode_that_is_none_is_refused(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, context: Context
) -> None:
    monkeypatch.setenv("REDRIVE_MODE", "simulate")
    configure()
    with pytest.raises(ConfigurationError, match="mode"):
        invoke(SCHEDULED, context)


# A check


@pytest.fixture
def requeue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell the function where communications are requeued, as a deployment does."""
    monkeypatch.setenv("REDRIVE_REQUEUE", json.dumps({"path": "/communications/requeue"}))


def test_a_check_tries_every_source_and_starts_and_writes_nothing(
    lists: Lists,
    api: ScriptedApi,
    machine: Machine,
    front: TableFront,
    runs: Runs,
    context: Context,
    requeue: None,
    logged: Lines,
) -> None:
    lists |= {"/emails": list(range(5)), "/sms": list(range(25)), "/communications/requeue": Response(status=404)}
    runs.take_lock("another", "another", clock.now() + 600)  # a run that is on does not matter
    before = len(front.calls)
    answer = invoke({"check": True}, context)
    assert {name: (found["items"], found["ids"]) for name, found in answer["sources"].items()} == {
        "email": (5, ["0", "1", "2"]),
        "sms": (25, ["0", "1", "2"]),
    }
    assert answer["traps"] == sum(len(found["traps"]) for found in answer["sources"].values())
    assert "not checked" in answer["requeue"][0]["reachable"]
    assert front.calls[before:] == []
    assert machine.runs() == []
    assert {request.method for request in api.requests} == {"GET", "OPTIONS"}
    assert [line for line in logged() if "_aws" in line] == []


def test_a_check_of_some_sources_with_filters_of_its_own(
    lists: Lists, api: ScriptedApi, context: Context, requeue: None
) -> None:
    lists |= {"/emails": [1], "/communications/requeue": Response(status=404)}
    answer = invoke({"check": True, "sources": ["email"], "filters": {"email": {"since": "2026-11-24"}}}, context)
    assert list(answer["sources"]) == ["email"]
    assert answer["sources"]["email"]["requests"][0]["query"] == "status=failed&since=2026-11-24"
    assert "/sms" not in {request.path for request in api.requests}


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"ids": ["1"]}, "ids"),
        ({"limit": 1}, "limit"),
        ({"dryRun": True}, "dryRun"),
        ({"force": True}, "force"),
        ({"trigger": "schedule"}, "trigger"),
        ({"scheduledTime": "2026-11-24T02:15:00Z"}, "scheduledTime"),
    ],
)
def test_a_check_goes_with_sources_and_filters_only(
    lists: Lists, api: ScriptedApi, context: Context, requeue: None, more: dict[str, Any], name: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"event\.{name}: does not go with event\.check"):
        invoke({"check": True, **more}, context)
    assert api.requests == []


def test_a_check_names_a_source_that_is_not_there(lists: Lists, context: Context, requeue: None) -> None:
    with pytest.raises(ConfigurationError, match="no enabled source 'fax'"):
        invoke({"check": True, "sources": ["fax"]}, context)


def test_a_check_without_time_says_so(lists: Lists, api: ScriptedApi, context: Context, requeue: None) -> None:
    context.seconds = 5.5
    answer = invoke({"check": True}, context)
    assert {found["end"] for found in answer["sources"].values()} == {"could not be tried: no time left"}
    assert api.requests == []
