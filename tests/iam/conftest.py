"""What was called on a stack of its own, and what plans of the same module grant."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import pytest

from local.stack import DELIVERY_QUEUE, Stack
from tests.apis.installing import NoRuntime, NotMade
from tests.iam import documented, judge, representative
from tests.iam.calls import ACCOUNT, REGION, Call, recorded
from tests.iam.granted import Document, Granted, granted
from tests.plan.configurations import KEY, call, configuration
from tests.plan.conftest import initialised
from tests.plan.planned import Plan

PREFIX = "communications-redrive-local"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/workload-boundary"
CONNECTED = ("list-failed", "requeue-communication", "worker")
"""Functions that call the API, and so are in its VPC."""

WAYS = ("plain", "guarded", "gateway", "function_url")
TERRAFORM = "Terraform"
"""As the embedded AWS calls whoever applies."""

API_ID = "a1b2c3d4e5"
GATEWAY = f"https://{API_ID}.execute-api.{REGION}.amazonaws.com/live"
FUNCTION_URL = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:api"


@dataclass(frozen=True)
class Asked:
    """What the roles of one way to use the module have, and what they ask."""

    granted: Granted
    calls: list[Call]


@pytest.fixture(scope="session", autouse=True)
def simulator() -> None:
    """Install the simulator first: where that cannot be, nothing is recorded for it."""
    try:
        judge.install()
    except NotMade as why:
        if os.environ.get("CI") and not isinstance(why, NoRuntime):
            pytest.fail(str(why))
        pytest.skip(str(why))


@pytest.fixture(scope="session")
def stack(simulator: None) -> Iterator[Stack]:
    """The module, applied without a key, a boundary or a VPC."""
    with Stack(0, "iam", delivery_queue=True) as stack:
        stack.apply(batch_size=5, redrive_limit={"max_attempts": 2}, retry={"backoff_rate": 1})
        yield stack


@pytest.fixture(scope="session")
def calls(stack: Stack) -> list[Call]:
    """Every call that was made when everything was done once, but for Terraform's."""
    return [each for each in recorded(representative.everything(stack)) if each.principal != TERRAFORM]


def configured(secret_arn: str) -> dict[str, Any]:
    """Give the module as it was applied, and with what makes its roles ask for more."""
    same = {
        "stage": "local",
        "api": {"base_url": "https://app.example.com/api", "auth": {"type": "bearer", "secret_arn": secret_arn}},
        "queue": DELIVERY_QUEUE,
        "dashboard": {"enabled": True},
    }
    guarded = {
        "kms_key_arn": KEY,
        "permissions_boundary_arn": BOUNDARY,
        "vpc": {"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]},
        "api": {**same["api"], "secrets_kms_key_arn": KEY},
    }
    signed = {"type": "aws_iam", "service": "lambda", "resource_arns": [FUNCTION_URL]}
    ways = {
        "plain": same,
        "guarded": same | guarded,
        "gateway": same | {"api": {"base_url": GATEWAY, "auth": {"type": "aws_iam"}}},
        "function_url": same | {"api": {"base_url": "https://x.example.com", "auth": signed}},
    }
    asked = configuration({way: call("communications-redrive", **inputs) for way, inputs in ways.items()})
    asked["output"] = {
        f"{way}_{output}": {"value": f"${{module.{way}.{output}}}"} for way in WAYS for output in ("dashboard", "queue")
    }
    return asked


@pytest.fixture(scope="session")
def plan(stack: Stack) -> Plan:
    """A plan of the module in every way."""
    with initialised(configured(stack.secret_arn), stack.endpoint) as runner:
        file = Path(runner.work_dir) / "plan"
        try:
            printed = runner.plan(str(file))
        except CalledProcessError as failed:
            pytest.fail(f"terraform plan failed:\n{failed.output.decode()}")
        runner.state_path = str(file)
        return Plan(runner.show(), printed)


def of(plan: Plan, way: str) -> Granted:
    """Give what one way to use the module grants."""
    dashboard, queue = plan.output(f"{way}_dashboard"), plan.output(f"{way}_queue")
    people = {
        representative.VIEWER: dashboard["viewer_policy"],
        representative.OPERATOR: dashboard["operator_policy"],
        representative.APPLICATION: queue["enqueue_policy"],
    }
    return granted(plan, way, people)


@pytest.fixture(scope="session")
def asked(plan: Plan, calls: list[Call], stack: Stack) -> dict[str, Asked]:
    """What is asked in each of the ways: what was recorded, and what AWS documents besides."""
    return {way: asked_in(way, plan, calls, stack.secret_arn) for way in WAYS}


def asked_in(way: str, plan: Plan, calls: list[Call], secret: str) -> Asked:
    """Give what is asked in one way to use the module."""
    may, secrets = of(plan, way), [secret] if way in ("plain", "guarded") else []
    kinds = ("aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm")
    alarms = [alarm.values["alarm_name"] for kind in kinds for alarm in plan.of(way, kind)]
    made = {each for each in calls if secrets or not each.action.startswith("secretsmanager:")}
    made |= {*documented.always(made, PREFIX, alarms), *documented.of_tracing(may, PREFIX)}
    connected = [f"{PREFIX}-{part}" for part in CONNECTED]
    match way:
        case "guarded":
            made |= {*documented.of_network(connected), *documented.of_key(made, may, KEY, PREFIX, secrets)}
            may.resource[KEY] = documented_policy("a key policy")
        case "gateway":
            resource = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API_ID}/live/GET/emails"
            made |= set(documented.of_signed_requests(connected, resource))
        case "function_url":
            made |= set(documented.of_signed_requests(connected, FUNCTION_URL))
    return Asked(may, sorted(made))


def documented_policy(name: str) -> Document:
    """Give a policy that docs/security.md proposes."""
    text = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
    block = text.split(f"<!-- {name} -->", 1)[1].split("```json\n", 1)[1].split("```", 1)[0]
    found: Document = json.loads(block)
    return found
