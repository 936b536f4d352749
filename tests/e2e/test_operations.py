"""What the runbook says is true of what is deployed: its commands, in order, and the metrics that alarms watch."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local import runs
from local.stack import Stack, wait_until
from tests.e2e.conftest import settle
from tests.e2e.scripted_api import Answer, Call
from tests.runbook import NAME, commands

DEPLOYED = "communications-redrive-local"
GROUP = "email/422/unprocessable-content"
EXAMPLE_RUN = "20261124T021500Z"
"""The run that the runbook takes as an example."""

EXAMPLE_ACTION, EXAMPLE_COUNT = "20261126T184105.123456Z-3f2a9c1d", '"count": 31'
"""The plan, and its number."""

WHO = {"by": "a test", "why": "it is over"}


def _options(words: list[str]) -> dict[str, str]:
    """Read `--name value` pairs; what has no name is the file of the answer."""
    found, rest = {}, iter(words)
    for word in rest:
        if word.startswith("--"):
            found[word.removeprefix("--")] = next(rest)
    return found


def _carry_out(stack: Stack, words: list[str], examples: dict[str, str]) -> tuple[dict[str, Any], Any]:
    """Do what a command says, as the AWS CLI would; give the payload, if there is one, and the answer."""
    for example, real in {NAME: DEPLOYED, **examples}.items():
        words = [word.replace(example, real) for word in words]
    _, service, operation, *rest = words
    options = _options(rest)
    if (service, operation) == ("lambda", "invoke"):
        wanted = options.pop("function-name")
        [function] = [key for key, name in stack.outputs["function_names"].items() if name == wanted]
        payload = json.loads(options.pop("payload"))
        assert options == {"cli-binary-format": "raw-in-base64-out", "cli-read-timeout": "0"}
        return payload, stack.invoke(function, payload)
    client = stack.client(service)
    members = client.meta.service_model.operation_model(
        client.meta.method_to_api_mapping[operation.replace("-", "_")]
    ).input_shape.members
    named = {member.lower(): member for member in members}
    parameters = {named[name.replace("-", "")]: value for name, value in options.items()}
    return {}, getattr(client, operation.replace("-", "_"))(**parameters)


@pytest.fixture(scope="module")
def night(stack, deployment, scripted_api):
    """A run in which one email was refused for good, and what every command of the runbook said to it, in order."""

    def requeue(call: Call) -> Answer:
        return Answer({}, 422 if call.body["primaryId"] == "104" else 202)

    stack.move_clocks(-stack.clock)
    scripted_api.reset()
    deployment.forget()
    scripted_api.on("GET", "/emails", Answer([{"id": str(number)} for number in range(104, 110)]))
    scripted_api.on("GET", "/sms", Answer([]))
    scripted_api.on("POST", "/communications/requeue", requeue)
    plain = {
        kind: {"path": f"/{path}", "operation": f"send.{kind}"} for kind, path in (("email", "emails"), ("sms", "sms"))
    }
    deployment.restore(REDRIVE_API={"base_url": scripted_api.url}, REDRIVE_SOURCES=plain)
    run = deployment.run()
    deployment.ended(run)
    said: list[tuple[list[str], dict[str, Any], Any]] = []
    try:
        for words in commands():
            wait_until(lambda: "RUNNING" not in runs.statuses(stack).values(), "the run that a command began")
            plan = next((answer for _, payload, answer in reversed(said) if payload.get("action") == "plan"), {})
            examples = {EXAMPLE_RUN: run["runId"]}
            if plan:
                examples |= {EXAMPLE_ACTION: plan["actionId"], EXAMPLE_COUNT: f'"count": {plan["count"]}'}
            said.append((words, *_carry_out(stack, words, examples)))
        wait_until(lambda: "RUNNING" not in runs.statuses(stack).values(), "the run that the last command began")
        settle()  # its mail is not another test's
    finally:
        stack.invoke("ledger_admin", {"action": "resume", **WHO})
        stack.invoke("ledger_admin", {"action": "slowDown", "maxRequestsPerSecond": None, **WHO})
    return said


def test_every_command_of_the_runbook_is_one_that_works(night):
    assert len(night) > 30
    for words, payload, answer in night:
        if payload.get("action") == "stop":
            assert "has ended; now says which run is on" in answer["errorMessage"], "the example is over by then"
        else:
            assert "errorType" not in answer, (words, answer)


def test_the_first_command_stops_everything_and_the_second_lets_it_go_on(night):
    (_, pause, paused), (_, resume, resumed) = night[:2]
    assert (pause["action"], resume["action"]) == ("pause", "resume")
    assert paused["pausedUntil"]
    assert paused["by"] == pause["by"]
    assert resumed["pausedUntil"] is None


def test_what_waits_for_a_person_is_seen_counted_and_released_as_the_runbook_says(night):
    of = {json.dumps(payload, sort_keys=True): answer for _, payload, answer in reversed(night)}
    names = ("list", "plan", "confirm")
    answers = [(payload, answer) for _, payload, answer in night if payload.get("action") in names]
    assert of['{"action": "groups"}']["groups"][0]["group"] == GROUP
    (listing, listed), (_, counted), (release, released), *discard = answers
    assert (listing["group"], [each["primaryId"] for each in listed["communications"]]) == (GROUP, ["104"])
    assert (counted["count"], released["count"], released["state"]) == (1, 1, "running")
    assert release["why"]
    assert [answer["count"] for _, answer in discard] == [0, 0], "nothing is that old"


def test_every_alarm_that_the_runbook_lists_is_of_this_module_and_every_metric_of_ours_that_it_watches_is_published(
    night, stack
):
    alarms = [alarm for _, _, answer in night for alarm in answer.get("MetricAlarms", ())]
    ours = {
        (alarm["Namespace"], alarm["MetricName"], json.dumps(_dimensions(alarm), sort_keys=True))
        for alarm in alarms
        if not alarm.get("Namespace", "AWS/").startswith("AWS/")
    }
    assert len(ours) == 5
    assert ours <= _published(stack)


def test_every_alarm_on_a_metric_of_aws_watches_something_that_is_there(stack):
    names = {
        "FunctionName": set(stack.outputs["function_names"].values()),
        "TableName": {stack.outputs["ledger_table_name"]},
    }
    names["QueueName"] = {stack.outputs["queue"]["name"], stack.outputs["queue"]["dead_letter_name"]}
    alarms = stack.client("cloudwatch").describe_alarms()["MetricAlarms"]
    watched = [alarm for alarm in alarms if alarm.get("Namespace", "").startswith("AWS/")]
    watched += [
        query["MetricStat"]["Metric"] for alarm in alarms for query in alarm.get("Metrics", ()) if "MetricStat" in query
    ]
    assert len(watched) >= 10
    for each in watched:
        [(dimension, name)] = _dimensions(each).items()
        assert name in names[dimension]


def _dimensions(metric: dict[str, Any]) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in metric["Dimensions"]}


def _published(stack: Stack) -> set[tuple[str, str, str]]:
    """Every metric that a function has written into its log, with its dimensions."""
    found = set()
    for function in ("list_failed", "conclude"):
        for line in runs.log(stack, function):
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
                for dimensions in directive["Dimensions"]:
                    values = json.dumps({name: line[name] for name in dimensions}, sort_keys=True)
                    found |= {(directive["Namespace"], metric["Name"], values) for metric in directive["Metrics"]}
    return found


def test_a_schedule_that_only_reports_sends_nothing_mails_what_it_would_send_and_a_person_starts_it(
    stack, deployment, api, mail_count
):
    api.on("GET", "/emails", Answer([{"id": "1"}, {"id": "2"}]))
    deployment.configure("list_failed", REDRIVE_MODE="report")
    fired = stack.fire("2026-11-25T02:15:00Z")
    [mail] = deployment.mails_since(mail_count, 1)
    assert mail.subject.strip().startswith("report: 2 of 2 communications would be sent - ")
    assert api.asked("POST") == []
    run_id = runs.run_id_of(fired["scheduledTime"])
    shown = stack.invoke("ledger_admin", {"action": "show", "runId": run_id})["run"]
    assert (shown["endedAs"], shown["execution"]) == ("REPORT", None)
    command = next(line for line in mail.body.splitlines() if '{"limit": 10}' in line)
    assert deployment.functions["list_failed"] in command
    run = deployment.ended(deployment.run({"limit": 10}))
    assert run.counts() == {"requeued": 2}
    assert len(api.asked("POST")) == 2
