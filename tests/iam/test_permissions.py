"""Every call is allowed, and nothing is allowed that no call needs: a published simulator judges what was recorded."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from local.stack import Stack
from tests.iam import representative
from tests.iam.calls import ACCOUNT, REGION, Call, call
from tests.iam.conftest import BOUNDARY, CONNECTED, PREFIX, TERRAFORM, WAYS, Asked, documented_policy
from tests.iam.granted import Grant, arn_of_role
from tests.iam.judge import UNJUDGED_ACTIONS, UNJUDGED_KEYS, denied, linted
from tests.plan.configurations import KEY
from tests.plan.planned import listed

KEPT = {
    ("conclude", "SeeRuns"): "asks for a run whose lister died between its start and writing that down",
    ("conclude", "DecryptRuns"): "the same, where runs are encrypted",
}
"""What is granted and no call here used, by role and statement, with its reason."""

EXECUTION = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{PREFIX}-run:r"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{PREFIX}"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:{PREFIX}-notifications"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{PREFIX}-ledger"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{PREFIX}"
OTHER = "999999999999"


@pytest.mark.parametrize("way", WAYS)
def test_everything_that_is_asked_is_allowed(asked: dict[str, Asked], way: str):
    boundary = documented_policy("a permissions boundary")
    assert denied(asked[way].calls, asked[way].granted, {BOUNDARY: boundary}) == {}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_granted_that_no_call_needs_but_for_what_has_a_reason(asked: dict[str, Asked], way: str):
    unused = [grant for grant in asked[way].granted.grants() if not any(map(grant.is_used_by, asked[way].calls))]
    assert [grant for grant in unused if _key(grant) not in KEPT] == []


def test_each_reason_is_for_something_that_is_granted_and_not_used(asked: dict[str, Asked]):
    calls = asked["guarded"].calls
    unused = {_key(grant) for grant in asked["guarded"].granted.grants() if not any(map(grant.is_used_by, calls))}
    assert unused == set(KEPT)


def test_the_recording_has_every_role_and_every_service(calls: list[Call], asked: dict[str, Asked]):
    acting = {each.principal for each in calls}
    assert acting > set(asked["plain"].granted.trust)
    assert {each for each in acting if each.endswith(".amazonaws.com")} == {
        f"{service}.amazonaws.com" for service in ("events", "lambda", "scheduler", "states")
    }
    assert acting > {arn_of_role(name) for name in (representative.VIEWER, representative.APPLICATION)}


def _role(part: str) -> str:
    return arn_of_role(f"{PREFIX}-{part}")


FORBIDDEN = {
    "a function starts no run but the lister": call(
        _role("batch"), "states:StartExecution", EXECUTION.replace("execution", "stateMachine")[:-2]
    ),
    "the ledger is not scanned": call(_role("list-failed"), "dynamodb:Scan", TABLE),
    "another table is not read": call(_role("batch"), "dynamodb:GetItem", TABLE.replace("ledger", "other")),
    "whoever looks changes nothing": call(_role("console-view"), "dynamodb:UpdateItem", TABLE),
    "a viewer has no buttons": call(arn_of_role("viewer"), "lambda:InvokeFunction", f"{FUNCTION}-console-operate"),
    "the application reads no queue": call(
        arn_of_role("application"), "sqs:ReceiveMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{PREFIX}-queue"
    ),
    "a queue takes nothing without TLS": call(
        arn_of_role("application"),
        "sqs:SendMessage",
        f"arn:aws:sqs:{REGION}:{ACCOUNT}:{PREFIX}-queue",
        aws__SecureTransport="false",
    ),
    "another account's machine does not take the role": call(
        "states.amazonaws.com",
        "sts:AssumeRole",
        _role("run"),
        aws__SourceAccount=OTHER,
        aws__SourceArn=f"arn:aws:states:{REGION}:{OTHER}:stateMachine:{PREFIX}-run",
    ),
    "another machine does not take the role": call(
        "states.amazonaws.com",
        "sts:AssumeRole",
        _role("run"),
        aws__SourceAccount=ACCOUNT,
        aws__SourceArn=f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:other",
    ),
    "another group's schedule does not take the role": call(
        "scheduler.amazonaws.com",
        "sts:AssumeRole",
        _role("schedule"),
        aws__SourceAccount=ACCOUNT,
        aws__SourceArn=f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/default",
    ),
    "Lambda does not take the state machine's role": call("lambda.amazonaws.com", "sts:AssumeRole", _role("run")),
    "another rule does not conclude": call(
        "events.amazonaws.com", "lambda:InvokeFunction", f"{FUNCTION}-conclude", aws__SourceArn=f"{RULE}-other"
    ),
    "another alarm does not publish": call(
        "cloudwatch.amazonaws.com",
        "sns:Publish",
        TOPIC,
        aws__SourceAccount=ACCOUNT,
        aws__SourceArn=f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:other",
    ),
    "the code of a function stays out of the network": call(
        _role("list-failed"),
        "ec2:DeleteNetworkInterface",
        f"arn:aws:ec2:{REGION}:{ACCOUNT}:network-interface/eni-1",
        lambda__SourceFunctionArn=f"{FUNCTION}-list-failed",
    ),
    "a key is not used for another function": Call(
        _role("batch"), "kms:Decrypt", KEY, (("kms:EncryptionContext:aws:lambda:FunctionArn", f"{FUNCTION}-worker"),)
    ),
    "a key is not used through another service": call(
        _role("batch"), "kms:Decrypt", KEY, kms__ViaService=f"s3.{REGION}.amazonaws.com"
    ),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_what_must_not_be_is_refused(asked: dict[str, Asked], what: str):
    boundary = documented_policy("a permissions boundary")
    refused = denied([FORBIDDEN[what]], asked["guarded"].granted, {BOUNDARY: boundary})
    assert list(refused.values()) in (["ImplicitlyDenied"], ["ExplicitlyDenied"])


def test_a_boundary_that_leaves_something_out_is_felt(asked: dict[str, Asked]):
    narrow = copy.deepcopy(documented_policy("a permissions boundary"))
    narrow["Statement"][0]["Action"].remove("sns:Publish")
    refused = denied(asked["guarded"].calls, asked["guarded"].granted, {BOUNDARY: narrow})
    assert {(each.principal, each.action) for each in refused} == {
        (_role(part), "sns:Publish") for part in ("run", "conclude")
    }


def test_what_a_function_in_a_vpc_must_not_do_lambda_does_for_it(asked: dict[str, Asked]):
    by_lambda = [each for each in asked["guarded"].calls if each.action.startswith("ec2:")]
    assert {each.principal for each in by_lambda} == {_role(part) for part in CONNECTED}
    function = (("lambda:SourceFunctionArn", ""),)
    by_code = [
        replace(each, context=((function[0][0], f"{FUNCTION}-{each.principal.partition(f'{PREFIX}-')[2]}"),))
        for each in by_lambda
    ]
    boundary = documented_policy("a permissions boundary")
    refused = denied(by_code, asked["guarded"].granted, {BOUNDARY: boundary})
    assert set(refused) == set(by_code)
    assert set(refused.values()) == {"ExplicitlyDenied"}


def test_what_the_simulator_cannot_judge_is_all_that_is_judged_here(asked: dict[str, Asked]):
    keys, actions = set(), set()
    for _, kind, document in asked["guarded"].granted.documents():
        for statement in document["Statement"]:
            for operator, condition in statement.get("Condition", {}).items():
                ours = [key for key in condition if key.startswith(UNJUDGED_KEYS)]
                assert not ours or (operator, statement["Effect"]) == ("StringEquals", "Allow")
                keys.update(ours)
            if kind == "identity":
                actions.update(action for action in listed(statement["Action"]) if action in UNJUDGED_ACTIONS)
    assert keys == {
        f"kms:EncryptionContext:{name}"
        for name in (
            "SecretARN",
            "SourceArn",
            "aws:lambda:FunctionArn",
            "aws:sns:topicArn",
            "aws:states:stateMachineArn",
        )
    }
    assert actions == set(UNJUDGED_ACTIONS)


PASSED = {
    "RESOURCE_STAR: ['cloudwatch:DescribeAlarms']": "CloudWatch's console lists alarms before it shows a widget's",
    "RESOURCE_STAR: ['logs:GetQueryResults']": "it is asked for a query's id, not for a log group",
    "RESOURCE_STAR: ['ec2:": "before there is anything to name; as AWS's managed policy has them",
    "UNKNOWN_CONDITION_FOR_ACTION: Unknown condition lambda:SourceFunctionArn ": "what a function's code asks has it",
    "UNKNOWN_CONDITION_FOR_ACTION: Unknown condition lambda:InvokedViaFunctionUrl ": "newer than its definitions",
    "RESOURCE_MISMATCH: [{'action': 'states:DescribeExecution', ": "it wants express executions, too; there are none",
}
"""How findings of parliament begin that stand, each with the reason."""


def test_a_linter_of_policies_finds_nothing_but_what_has_a_reason(asked: dict[str, Asked]):
    documents = [document for way in WAYS for _, kind, document in asked[way].granted.documents() if kind == "identity"]
    found = {finding for findings in linted(documents) for finding in findings}
    passed = {finding: [each for each in PASSED if finding.startswith(each)] for finding in found}
    assert [finding for finding, reasons in passed.items() if not reasons] == []
    assert {reason for reasons in passed.values() for reason in reasons} == set(PASSED)


def test_whoever_applies_needs_nothing_that_the_document_leaves_out(stack: Stack, calls: list[Call]):
    """What Terraform asked to create everything and, at last, to delete it; to update, it asks more."""
    stack.deployment.destroy(lambda _event: None)
    terraform = {each["action"] for each in representative.calls(stack) if each["principal"] == TERRAFORM}
    policy = documented_policy("whoever applies")
    named = {action for statement in policy["Statement"] for action in listed(statement["Action"])}
    assert terraform - named == {"iam:GetUser"}  # to learn the account; where it is refused, STS is asked
    assert linted([policy]) == [[]]


def _key(grant: Grant) -> tuple[str, str]:
    return grant.role.removeprefix(arn_of_role(f"{PREFIX}-")), grant.sid
