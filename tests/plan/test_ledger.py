"""The ledger: a table that keeps what it must, and for each role what it needs of it."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.ledger_table import WAITING_INDEX
from redrive.settings import LedgerSettings, ListSettings, RequeueCommunicationSettings, ledger_settings
from tests.plan.configurations import KEY
from tests.plan.planned import Plan, listed

TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/communications-redrive-production-ledger"
INDEX = f"{TABLE}/index/{WAITING_INDEX}"
USERS = ("list_failed", "requeue_communication", "ledger_admin")

CALLS = ["minimal", "complete", "own_topic", "largest", "weekly", 'twins["castor"]', "china"]


def _table(plan: Plan, call: str) -> dict[str, Any]:
    return plan.one(call, "aws_dynamodb_table").values


def _settings(plan: Plan, call: str, function: str = "ledger_admin") -> LedgerSettings:
    return ledger_settings(plan.environment(call, function))


def _may(plan: Plan, call: str, owner: str) -> dict[str, set[str]]:
    """Give what a role may do with DynamoDB: actions by resource."""
    found: dict[str, set[str]] = {}
    for statement in plan.policy(call, owner).values():
        for action in listed(statement["Action"]):
            if action.startswith("dynamodb:"):
                for resource in listed(statement["Resource"]):
                    found.setdefault(resource, set()).add(action.removeprefix("dynamodb:"))
    return found


@pytest.mark.parametrize(
    ("owner", "may"),
    [
        ("list_failed", {TABLE: {"BatchGetItem", "DeleteItem", "UpdateItem"}, INDEX: {"Query"}}),
        ("requeue_communication", {TABLE: {"UpdateItem"}}),
        ("ledger_admin", {TABLE: {"GetItem", "UpdateItem"}, INDEX: {"Query"}}),
        ("summarise", {}),
        ("workflow", {}),
        ("schedule", {}),
    ],
)
def test_each_role_may_do_with_the_ledger_what_its_code_does_and_no_more(
    plan: Plan, owner: str, may: dict[str, set[str]]
):
    assert _may(plan, "minimal", owner) == may


def test_the_administrator_may_do_nothing_beyond_the_ledger_its_log_and_its_traces(plan: Plan):
    assert set(plan.policy("minimal", "ledger_admin")) == {"ShowAndChange", "ListWhatWaits", "WriteLogs", "WriteTraces"}


@pytest.mark.parametrize("owner", USERS)
def test_who_uses_a_ledger_with_a_key_may_decrypt_with_it_through_dynamodb_alone(plan: Plan, owner: str):
    statement = plan.policy("complete", owner)["UseTheLedgersKey"]
    assert (statement["Action"], statement["Resource"]) == ("kms:Decrypt", KEY)
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "dynamodb.eu-west-1.amazonaws.com"}}
    assert "UseTheLedgersKey" not in plan.policy("minimal", owner)


def test_who_does_not_use_the_ledger_may_not_use_its_key(plan: Plan):
    for owner in ("summarise", "workflow", "schedule"):
        assert "UseTheLedgersKey" not in plan.policy("complete", owner)


@pytest.mark.parametrize("call", CALLS)
def test_the_table_that_the_functions_are_told_is_the_one_they_may_use(plan: Plan, call: str):
    name = _table(plan, call)["name"]
    for function in USERS:
        assert _settings(plan, call, function).table == name
        resources = _may(plan, call, function)
        assert {resource.split("/")[1] for resource in resources} == {name}


def test_the_table_has_no_capacity_to_plan_and_forgets_by_itself(plan: Plan):
    table = _table(plan, "minimal")
    assert table["billing_mode"] == "PAY_PER_REQUEST"
    assert table["hash_key"] == "communication"
    [ttl] = table["ttl"]
    assert (ttl["attribute_name"], ttl["enabled"]) == ("expiry", True)


def test_what_was_lost_can_be_restored(plan: Plan):
    [recovery] = _table(plan, "minimal")["point_in_time_recovery"]
    assert recovery["enabled"] is True


def test_what_waits_is_found_by_an_index_that_holds_nothing_else(plan: Plan):
    """It is sparse because only what waits has these two attributes, and neither is of the table's own key."""
    table = _table(plan, "minimal")
    [index] = table["global_secondary_index"]
    assert (index["name"], index["hash_key"], index["range_key"]) == (WAITING_INDEX, "waitingFor", "waitingSince")
    assert index["projection_type"] == "ALL"
    assert {attribute["name"]: attribute["type"] for attribute in table["attribute"]} == {
        "communication": "S",
        "waitingFor": "S",
        "waitingSince": "N",
    }


def test_the_table_is_protected_from_deletion_unless_the_user_says_otherwise(plan: Plan):
    assert _table(plan, "minimal")["deletion_protection_enabled"] is True
    assert _table(plan, "weekly")["deletion_protection_enabled"] is False


def test_the_table_is_encrypted_with_the_users_key_where_there_is_one(plan: Plan):
    [encryption] = _table(plan, "complete")["server_side_encryption"]
    assert (encryption["enabled"], encryption["kms_key_arn"]) == (True, KEY)
    assert not _table(plan, "minimal").get("server_side_encryption")


@pytest.mark.parametrize("call", CALLS)
def test_every_user_of_the_ledger_is_told_the_same_of_it(plan: Plan, call: str):
    lister = ListSettings.from_environment(plan.environment(call, "list_failed")).ledger
    requeuer = RequeueCommunicationSettings.from_environment(plan.environment(call, "requeue_communication")).ledger
    assert lister == requeuer == _settings(plan, call)


def test_the_limit_is_what_the_inputs_say(plan: Plan):
    said = _settings(plan, "complete")
    assert (said.max_attempts, said.cooldown_seconds, said.backoff_rate) == (3, 1800, 3)
    assert (said.max_cooldown_seconds, said.retention_days) == (43200, 90)


def test_the_limit_where_nothing_is_said_is_what_the_package_has_for_it(plan: Plan):
    said = _settings(plan, "minimal")
    assert said == LedgerSettings(said.table, lease_seconds=said.lease_seconds)


@pytest.mark.parametrize("call", CALLS)
def test_a_lease_outlasts_the_slowest_try_and_the_longest_wait_for_the_next(plan: Plan, call: str):
    task = plan.definition(call)["States"]["RequeueEach"]["ItemProcessor"]["States"]["Requeue"]
    retry, _ = task["Retry"]
    longest = task["TimeoutSeconds"] + retry["MaxDelaySeconds"]
    # not by much: a batch that died holds back its communications until then
    assert longest < _settings(plan, call).lease_seconds <= longest + 60


def test_the_age_of_a_failure_is_asked_for_only_where_the_source_says_it(plan: Plan):
    sources = ListSettings.from_environment(plan.environment("complete", "list_failed")).sources
    assert (sources["email"].failed_at, sources["email"].min_age_seconds) == ("failure.at", 3600)
    assert (sources["sms"].failed_at, sources["sms"].min_age_seconds) == (None, 0)
    assert "min_age_seconds" not in plan.environment("minimal", "list_failed")["REDRIVE_SOURCES"]
