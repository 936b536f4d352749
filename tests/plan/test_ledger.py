"""The ledger: a table that keeps what it must, and for each role what it needs of it."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

from redrive.settings import LedgerSettings, ListSettings, RequeueCommunicationSettings, ledger_settings
from tests.plan.configurations import KEY
from tests.plan.conftest import ROOT
from tests.plan.planned import Plan, listed

TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/communications-redrive-production-ledger"
USERS = ("list_failed", "batch", "requeue_communication", "conclude", "ledger_admin")
OTHERS = ("workflow", "schedule")

CALLS = ["minimal", "complete", "own_topic", "largest", "weekly", 'twins["castor"]', "china"]

ACTIONS = {
    "self._table.get": "GetItem",
    "self._table.get_many": "BatchGetItem",
    "self._table.put_many": "BatchWriteItem",
    "self._table.query": "Query",
    "self._table.all_of": "Query",
    "self._table.count": "Query",
    "Update": "UpdateItem",
    "_difference": "UpdateItem",
    "Put": "PutItem",
    "Delete": "DeleteItem",
}
"""What a call of the package asks of DynamoDB. A transaction needs the permission for each of its writes:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html"""


class Code:
    """A function's code and the package, as far as it can get: by the names of what is called."""

    def __init__(self, function: str) -> None:
        self._functions: dict[str, list[tuple[str, ast.FunctionDef]]] = {}
        self._imports: dict[str, set[str]] = {}
        files = {f"redrive.{path.stem}": path for path in (ROOT / "lambda_src" / "redrive").glob("*.py")}
        files["handler"] = ROOT / "lambda_src" / function / "handler.py"
        for module, path in files.items():
            tree = ast.parse(path.read_text())
            imported = {
                name
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("redrive")
                for name in (node.module or "", *(f"redrive.{alias.name}" for alias in node.names))
            }
            self._imports[module] = (imported & files.keys()) | {module}
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    self._functions.setdefault(node.name, []).append((module, node))

    def actions(self) -> set[str]:
        """Give what it asks of DynamoDB."""
        found: set[str] = set()
        seen: set[ast.AST] = set()
        rest = [each for each in self._functions["handler"] if each[0] == "handler"]
        while rest:
            module, node = rest.pop()
            if node in seen or module == "redrive.table":
                continue
            seen.add(node)
            for part in ast.walk(node):
                if isinstance(part, ast.Call):
                    action = ACTIONS.get(ast.unparse(part.func))
                    found |= {action} if action else set()
            called = {part.func for part in ast.walk(node) if isinstance(part, ast.Call)}
            for part in ast.walk(node):
                if isinstance(part, ast.Name):
                    rest += [each for each in self._named(part.id, module) if each[1].col_offset == 0]
                elif isinstance(part, ast.Attribute):
                    rest += [each for each in self._named(part.attr, module) if part in called or _is_property(each[1])]
        return found

    def _named(self, name: str, module: str) -> list[tuple[str, ast.FunctionDef]]:
        return [each for each in self._functions.get(name, ()) if each[0] in self._imports[module]]


def _is_property(function: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator) == "property" for decorator in function.decorator_list)


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


def test_the_ledger_to_keep_is_where_the_document_says(plan: Plan):
    named = re.findall(r"terraform state rm 'module\.communications_redrive(.+)'", (ROOT / "UPGRADING.md").read_text())
    assert named == [plan.one("own_topic", "aws_dynamodb_table").address.removeprefix("module.own_topic")]


@pytest.mark.parametrize("function", USERS)
def test_each_function_may_do_with_the_ledger_what_its_code_does_and_no_more(plan: Plan, function: str):
    does = Code(function).actions()
    assert does
    assert _may(plan, "minimal", function) == {TABLE: does}


def test_who_never_asks_the_ledger_may_not(plan: Plan):
    for owner in OTHERS:
        assert _may(plan, "minimal", owner) == {}
        assert "UseTheLedgersKey" not in plan.policy("complete", owner)


@pytest.mark.parametrize("function", ["console_view", "console_operate"])
def test_the_console_may_do_with_the_ledger_what_its_code_does_and_no_more(plan: Plan, function: str):
    does = Code(function).actions()
    [may] = _may(plan, "complete", f"{function}[0]").values()
    assert may == does
    assert (function == "console_view") == (may <= {"GetItem", "BatchGetItem", "Query"})


def test_the_administrator_may_do_nothing_beyond_the_ledger_runs_and_its_logs(plan: Plan):
    may = {"UseTheLedger", "SeeRuns", "CarryOnAndSend", "WriteLogs", "WriteTraces"}
    assert set(plan.policy("minimal", "ledger_admin")) == may


@pytest.mark.parametrize("owner", USERS)
def test_who_uses_a_ledger_with_a_key_may_decrypt_with_it_through_dynamodb_alone(plan: Plan, owner: str):
    statement = plan.policy("complete", owner)["UseTheLedgersKey"]
    assert (statement["Action"], statement["Resource"]) == ("kms:Decrypt", KEY)
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "dynamodb.eu-west-1.amazonaws.com"}}
    assert "UseTheLedgersKey" not in plan.policy("minimal", owner)


@pytest.mark.parametrize("call", CALLS)
def test_the_table_that_the_functions_are_given_is_the_one_they_may_use(plan: Plan, call: str):
    name = _table(plan, call)["name"]
    for function in USERS:
        assert _settings(plan, call, function).table == name
        [resource] = _may(plan, call, function)
        assert resource.endswith(f":table/{name}")


def test_the_table_has_no_capacity_to_plan_and_forgets_by_itself(plan: Plan):
    table = _table(plan, "minimal")
    assert table["billing_mode"] == "PAY_PER_REQUEST"
    [ttl] = table["ttl"]
    assert (ttl["attribute_name"], ttl["enabled"]) == ("expiry", True)


def test_the_table_has_the_key_that_the_package_writes_and_no_index(plan: Plan):
    table = _table(plan, "minimal")
    assert (table["hash_key"], table["range_key"]) == ("pk", "sk")
    assert {attribute["name"]: attribute["type"] for attribute in table["attribute"]} == {"pk": "S", "sk": "S"}
    assert not table.get("global_secondary_index")
    assert not table.get("local_secondary_index")


def test_what_was_lost_can_be_restored(plan: Plan):
    [recovery] = _table(plan, "minimal")["point_in_time_recovery"]
    assert recovery["enabled"] is True


def test_the_table_is_protected_from_deletion_unless_the_user_says_otherwise(plan: Plan):
    assert _table(plan, "minimal")["deletion_protection_enabled"] is True
    assert _table(plan, "weekly")["deletion_protection_enabled"] is False


def test_the_table_is_encrypted_with_the_users_key_where_there_is_one(plan: Plan):
    [encryption] = _table(plan, "complete")["server_side_encryption"]
    assert (encryption["enabled"], encryption["kms_key_arn"]) == (True, KEY)
    assert not _table(plan, "minimal").get("server_side_encryption")


@pytest.mark.parametrize("call", CALLS)
def test_every_user_of_the_ledger_has_the_same_settings_of_it(plan: Plan, call: str):
    lister = ListSettings.from_environment(plan.environment(call, "list_failed")).ledger
    requeuer = RequeueCommunicationSettings.from_environment(plan.environment(call, "requeue_communication")).ledger
    assert lister == requeuer
    assert {lister} == {_settings(plan, call, function) for function in USERS}


def test_the_limit_is_what_the_inputs_say(plan: Plan):
    said = _settings(plan, "complete")
    assert (said.max_attempts, said.cooldown_seconds, said.backoff_rate) == (3, 1800, 3)
    assert (said.max_cooldown_seconds, said.retention_days, said.open_hours) == (43200, 90, 48)


def test_the_limit_where_nothing_is_said_is_what_the_package_has_for_it(plan: Plan):
    said = _settings(plan, "minimal")
    assert said == LedgerSettings(said.table, lease_seconds=said.lease_seconds)


@pytest.mark.parametrize("call", CALLS)
def test_a_lease_outlasts_the_slowest_try_and_the_longest_wait_for_the_next(plan: Plan, call: str):
    task = plan.requeue(call)
    longest = task["TimeoutSeconds"] + max(retry["MaxDelaySeconds"] for retry in task["Retry"][:1])
    # not by much: a batch that died holds back its communications until then
    assert longest < _settings(plan, call).lease_seconds <= longest + 60


def test_the_age_of_a_failure_is_asked_for_only_where_the_source_says_it(plan: Plan):
    sources = ListSettings.from_environment(plan.environment("complete", "list_failed")).sources
    assert (sources["email"].failed_at, sources["email"].min_age_seconds) == ("failure.at", 3600)
    assert (sources["sms"].failed_at, sources["sms"].min_age_seconds) == (None, 0)
    assert "min_age_seconds" not in plan.environment("minimal", "list_failed")["REDRIVE_SOURCES"]
