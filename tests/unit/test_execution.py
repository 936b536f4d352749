"""Batches and executions: each batch of a run is started once."""

from __future__ import annotations

import json
import re
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st
from mypy_boto3_stepfunctions import SFNClient

from redrive.execution import batches, execution_name, start_executions
from redrive.models import Communication

RUN = "20261124T021500Z"
LISTED_AT = 1795486500.5
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:communications-redrive-test-batch"
SEVEN = [Communication(str(number), "send.email", "email") for number in range(7)]


@pytest.fixture
def client(aws: None) -> SFNClient:
    client = boto3.client("stepfunctions")
    client.create_state_machine(
        name="communications-redrive-test-batch",
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/batch",
    )
    return client


@given(st.integers(0, 300), st.integers(1, 50))
def test_batches_hold_everything_once_in_order(number: int, size: int) -> None:
    cut = list(batches([Communication(str(n), "send.sms", "sms") for n in range(number)], size))
    assert [communication.primary_id for batch in cut for communication in batch] == [str(n) for n in range(number)]
    assert all(len(batch) == size for batch in cut[:-1])


@given(st.sampled_from([RUN, f"{RUN}-3f2a9c1d"]), st.text(min_size=1, max_size=128))
def test_a_name_is_one_that_step_functions_takes(run_id: str, primary_id: str) -> None:
    name = execution_name(run_id, (Communication(primary_id, "send.email", "email"),))
    assert re.fullmatch(r"[0-9A-Za-z_-]{1,80}", name)


def test_a_name_is_of_the_run_and_the_content() -> None:
    one, other = tuple(SEVEN[:3]), tuple(SEVEN[3:6])
    assert execution_name(RUN, one) == execution_name(RUN, one)
    assert len({execution_name(RUN, one), execution_name(RUN, other), execution_name("20261124T031500Z", one)}) == 3


def test_each_batch_starts_an_execution_with_ids_only(client: SFNClient) -> None:
    started = start_executions(client, MACHINE, RUN, batches(SEVEN, 3), lambda: True, listed_at=LISTED_AT)
    described = [client.describe_execution(executionArn=arn) for arn in started.executions]
    inputs = [json.loads(execution["input"]) for execution in described]
    assert [len(data["communications"]) for data in inputs] == [3, 3, 1]
    assert [data["batch"] for data in inputs] == [1, 2, 3]
    assert inputs[2] == {
        "schemaVersion": 1,
        "runId": RUN,
        "batch": 3,
        "listedAt": LISTED_AT,
        "force": False,
        "communications": [{"primaryId": "6", "operation": "send.email", "source": "email"}],
    }
    assert not started.problems


def test_force_goes_with_every_batch_and_what_became_of_earlier_ones_with_the_first(client: SFNClient) -> None:
    news = {"delivered": 5}
    started = start_executions(
        client, MACHINE, RUN, batches(SEVEN, 4), lambda: True, listed_at=LISTED_AT, force=True, earlier=news
    )
    inputs = [json.loads(client.describe_execution(executionArn=arn)["input"]) for arn in started.executions]
    assert [(data["force"], data.get("earlier")) for data in inputs] == [(True, news), (True, None)]


def test_what_became_of_earlier_ones_goes_with_the_first_batch_that_starts(client: SFNClient) -> None:
    given: list[dict[str, Any]] = []
    client.meta.events.register("provide-client-params.sfn.StartExecution", lambda params, **_: given.append(params))
    with Stubber(client) as stub:
        stub.add_client_error("start_execution", "ServiceQuotaExceeded", "too many open executions")
        for _ in range(2):
            stub.add_response("start_execution", {"executionArn": f"{MACHINE}:x", "startDate": 0})
        start_executions(
            client, MACHINE, RUN, batches(SEVEN, 3), lambda: True, listed_at=LISTED_AT, earlier={"delivered": 5}
        )
    assert ["earlier" in json.loads(params["input"]) for params in given] == [True, True, False]


def test_starting_a_run_twice_starts_it_once(client: SFNClient) -> None:
    first = start_executions(client, MACHINE, RUN, batches(SEVEN, 3), lambda: True, listed_at=LISTED_AT)
    second = start_executions(client, MACHINE, RUN, batches(SEVEN, 3), lambda: True, listed_at=LISTED_AT)
    assert first.executions == second.executions
    assert not second.problems
    assert len(client.list_executions(stateMachineArn=MACHINE)["executions"]) == 3


def test_a_batch_that_cannot_be_started_does_not_keep_back_the_others(client: SFNClient) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("start_execution", "ServiceQuotaExceeded", "too many open executions")
        stub.add_response("start_execution", {"executionArn": f"{MACHINE}:x", "startDate": 0})
        started = start_executions(client, MACHINE, RUN, batches(SEVEN, 4), lambda: True, listed_at=LISTED_AT)
    assert len(started.executions) == 1
    assert len(started.problems) == 1
    assert started.problems[0].startswith("1 batches not started: ")
    assert "too many open executions" in started.problems[0]


def test_a_thousand_refused_starts_are_one_problem(client: SFNClient) -> None:
    with Stubber(client) as stub:
        for _ in range(1000):
            stub.add_client_error("start_execution", "AccessDeniedException", "not allowed")
        many = [Communication(str(number), "send.email", "email") for number in range(1000)]
        started = start_executions(client, MACHINE, RUN, batches(many, 1), lambda: True, listed_at=LISTED_AT)
    assert len(started.problems) == 1
    assert started.problems[0].startswith("1000 batches not started: ")


def test_without_time_the_rest_waits_for_the_next_run(client: SFNClient) -> None:
    time_left = iter([True, True, False])
    started = start_executions(client, MACHINE, RUN, batches(SEVEN, 3), lambda: next(time_left), listed_at=LISTED_AT)
    assert len(started.executions) == 2
    assert started.truncated
