"""One of everything that the deployed module does, so that each kind of call it makes to AWS is made.

The calls are read from the embedded AWS, where the functions, the state machine, the schedule and people act with their
roles, as on AWS.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from html import unescape
from typing import Any

import boto3

from local import queues, runs
from local.application import seed
from local.stack import APPLICATION_ROLE, REGION, Stack, wait_until

ACCOUNT = "123456789012"
VIEWER, OPERATOR, APPLICATION = "viewer", "operator", APPLICATION_ROLE
"""Roles with the policies that the module gives as outputs."""

WHO = {"by": "a test", "why": "to see what it asks of AWS"}
EXPIRED_SECONDS = 40 * 86400
"""Longer than the ledger remembers what does not fail any more."""

ACTION = re.compile(r"\d{8}T\d{6}\.\d+Z-\w{8}")


def everything(stack: Stack) -> list[dict[str, Any]]:
    """Do everything on a stack with the dashboard and the delivery queue, and give the calls."""
    ok(stack.invoke("list_failed", {}))  # nothing has failed yet
    have_failed(stack, "email", 1, good=12, refused=3, down=1, undeliverable=1)
    have_failed(stack, "sms", 1001, good=9, refused=3)
    stack.mails.refusals.for_now(seed.compose("email", 1)["recipient"], times=1)
    run = a_run(stack)
    ok(stack.invoke("list_failed", {"check": True}))
    ok(stack.invoke("list_failed", {"dryRun": True}))
    at_the_desk(stack, run)
    a_run_that_waits_and_is_aborted(stack, run)
    at_the_console(stack)
    a_run_after_what_was_known_has_expired(stack)
    a_firing_that_fails(stack)
    what_the_queue_gives_up(stack)
    return calls(stack)


def calls(stack: Stack) -> list[dict[str, Any]]:
    """Give the calls so far."""
    with urllib.request.urlopen(f"{stack.endpoint}/_local/calls", timeout=30) as answer:
        found: list[dict[str, Any]] = json.load(answer)["calls"]
    return found


# Runs


def have_failed(stack: Stack, kind: str, first: int, good: int, **troubled: int) -> None:
    """Let so many emails or SMS have failed, with numbers from the first on."""
    troubles = [None] * good + [trouble for trouble, count in troubled.items() for _ in range(count)]
    named = {"refused": "refused:recipient has opted out"}
    stack.store.compose(
        [seed.compose(kind, first + n, named.get(trouble or "", trouble)) for n, trouble in enumerate(troubles)]
    )


def a_run(stack: Stack) -> str:
    """Let the schedule fire, and see its run through; give the run's id."""
    fired = stack.fire("2026-11-24T02:15:00Z")
    run = runs.run_id_of(fired["scheduledTime"])
    answer = runs.wait_for_answer(stack, run)
    assert runs.follow(stack, answer["execution"]).error == "RunIncomplete"
    wait_until(lambda: stack.mails.notifications(), "the digest")
    return run


def a_run_that_waits_and_is_aborted(stack: Stack, before: str) -> None:
    """Look at a run that waits, refuse another one, and stop it, so that an event tells ``conclude``."""
    have_failed(stack, "email", 100, good=2)
    ok(stack.invoke("ledger_admin", {"action": "pause", **WHO}))
    execution = ok(stack.invoke("list_failed", {}))["execution"]
    wait_until(lambda: runs.run(stack, execution).batches, "a batch")
    assert stack.invoke("list_failed", {})["errorType"] == "RunInProgress"
    ok(stack.invoke("ledger_admin", {"action": "now"}))
    people_look(stack, before)
    mails = len(stack.mails.notifications())
    stack.client("stepfunctions").stop_execution(executionArn=execution, error="Operator", cause="by hand")
    wait_until(lambda: len(stack.mails.notifications()) > mails, "the digest of the aborted run")
    ok(stack.invoke("ledger_admin", {"action": "resume", **WHO}))


def a_run_after_what_was_known_has_expired(stack: Stack) -> None:
    """Let a run meet items that have expired, and that DynamoDB has not deleted yet."""
    stack.move_clocks(EXPIRED_SECONDS)
    runs.follow(stack, ok(stack.invoke("list_failed", {}))["execution"])


def a_firing_that_fails(stack: Stack) -> None:
    """Let the lister raise, so that Lambda hands its event to ``conclude``."""
    client, name = stack.client("lambda"), stack.outputs["function_names"]["list_failed"]
    variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    broken = {**variables, "REDRIVE_SOURCES": "no JSON"}
    client.update_function_configuration(FunctionName=name, Environment={"Variables": broken})
    mails = len(stack.mails.notifications())
    stack.fire("2026-11-24T03:15:00Z")
    wait_until(lambda: len(stack.mails.notifications()) > mails, "the digest of a run that did not begin")
    client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


# People


def at_the_desk(stack: Stack, run: str) -> None:
    """Ask and order everything of ``ledger_admin``."""

    def desk(action: str, **order: Any) -> Any:
        return ok(stack.invoke("ledger_admin", {"action": action, **order, **WHO}))

    for looked_at in ("groups", "runs", "now", "actions"):
        stack.invoke("ledger_admin", {"action": looked_at})
    waiting = stack.invoke("ledger_admin", {"action": "list"})["communications"]
    ids = [{name: each[name] for name in ("primaryId", "operation")} for each in waiting]
    stack.invoke("ledger_admin", {"action": "show", "runId": run})
    stack.invoke("ledger_admin", {"action": "show", "communications": ids[:1]})
    desk("slowDown", maxRequestsPerSecond=100)
    desk("discard", communications=ids[:1])
    desk("releaseAndSend", communications=ids[1:2])
    desk("pause")
    desk("resume")
    plan = ok(stack.invoke("ledger_admin", {"action": "plan", "what": "releaseAndSend", "source": "sms"}))
    desk("confirm", actionId=plan["actionId"], count=plan["count"])
    has_ended(stack, plan["actionId"])
    plan = ok(stack.invoke("ledger_admin", {"action": "plan", "what": "discard", "source": "email"}))
    desk("confirm", actionId=plan["actionId"], count=plan["count"])
    has_ended(stack, plan["actionId"])
    undo = ok(stack.invoke("ledger_admin", {"action": "plan", "undoes": plan["actionId"]}))
    desk("confirm", actionId=undo["actionId"], count=undo["count"])
    has_ended(stack, undo["actionId"])
    wait_until(lambda: "RUNNING" not in runs.statuses(stack).values(), "the end of what was sent at once")
    desk("slowDown", maxRequestsPerSecond=None)


def has_ended(stack: Stack, action: str) -> None:
    """Wait for the end of an action, which has changed something."""

    def shown() -> dict[str, Any]:
        found: dict[str, Any] = ok(stack.invoke("ledger_admin", {"action": "show", "actionId": action}))["action"]
        return found

    wait_until(lambda: shown()["state"] not in ("counting", "planned", "running"), f"the end of {action}")
    assert shown()["done"]


def people_look(stack: Stack, run: str) -> None:
    """Look at every page of the console, as a viewer and as an operator, who has both."""
    dashboard = stack.outputs["dashboard"]
    for role, functions in ((VIEWER, ["console_view"]), (OPERATOR, ["console_view", "console_operate"])):
        make_role(stack, role, dashboard[f"{role}_policy"])
        as_role(stack, role, "cloudwatch").get_dashboard(DashboardName=dashboard["name"])
        for function in functions:
            visit = visitor(stack, role, function)
            for page in ("", "list", "runs", "actions"):
                visit(page=page)
            visit(page="run", id=run)
            visit(page="communication", id="em-1")


def at_the_console(stack: Stack) -> None:
    """Press an operator's buttons, after a run that left something for a person."""
    for source, first in (("email", 50), ("sms", 1050)):
        have_failed(stack, source, first, good=20, refused=3)
    runs.follow(stack, ok(stack.invoke("list_failed", {}))["execution"])
    visit = visitor(stack, OPERATOR, "console_operate")
    for what, source in (("discard", "email"), ("releaseAndSend", "sms")):
        planned = ACTION.search(visit(do="plan", what=what, source=source))
        assert planned
        shown = ok(stack.invoke("ledger_admin", {"action": "show", "actionId": planned[0]}))["action"]
        visit(do="confirm", action=planned[0], count=shown["count"], **WHO)
        has_ended(stack, planned[0])
    wait_until(lambda: "RUNNING" not in runs.statuses(stack).values(), "the end of what was sent at once")


def visitor(stack: Stack, role: str, function: str) -> Callable[..., str]:
    """Give what calls a widget's function as somebody with a role, and gives the page."""
    client, name = as_role(stack, role, "lambda"), stack.outputs["function_names"][function]

    def visit(**said: Any) -> str:
        answer = client.invoke(FunctionName=name, Payload=json.dumps({**said, "widgetContext": {}}))
        page = json.load(answer["Payload"])
        assert "FunctionError" not in answer, page
        return unescape(str(page))

    return visit


def make_role(stack: Stack, role: str, policy: str) -> None:
    """Make a role that whoever is in the account may take."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    stack.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=document)
    stack.client("iam").put_role_policy(RoleName=role, PolicyName="work", PolicyDocument=policy)


def as_role(stack: Stack, role: str, service: str) -> Any:
    """Give a client of who has taken a role."""
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    given = stack.client("sts").assume_role(RoleArn=arn, RoleSessionName=role)["Credentials"]
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=stack.endpoint,
        region_name=REGION,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


# The delivery queue


def what_the_queue_gives_up(stack: Stack) -> None:
    """Wait until the queue, which the runs have filled, is empty; what nobody could send, the worker gave up."""
    queue = stack.outputs["queue"]
    queues.enqueue(as_role(stack, APPLICATION, "sqs"), queue["url"], ["no entry"])
    wait_until(lambda: not queues.waiting(stack.client("sqs"), queue["url"]), "the end of the queue")
    assert queues.count_dead_letters(stack) >= 2


def ok(answer: dict[str, Any]) -> dict[str, Any]:
    """Give an answer that is none of an error."""
    assert "errorType" not in answer, answer
    return answer
