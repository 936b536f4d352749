"""The deployed lister, asked for a check: it reads a little of the application and leaves no trace."""

from __future__ import annotations

from tests.e2e.scripted_api import Answer


def traces(stack):
    """What a run would leave: items of the ledger, and executions."""
    items = stack.client("dynamodb").scan(TableName=stack.outputs["ledger_table_name"])["Items"]
    machine = stack.outputs["state_machine_arn"]
    return items, stack.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]


def test_a_check_finds_nothing_wrong_with_the_example_application_and_leaves_no_trace(as_deployed, stack):
    before = traces(stack)
    answer = as_deployed.run({"check": True})
    assert answer["traps"] == 0, answer
    assert set(answer["sources"]) == {"email", "sms"}
    assert all(source["tried"] for source in answer["sources"].values())
    [requeue] = answer["requeue"]
    assert (requeue["path"], requeue["reachable"]) == ("/communications/requeue", "yes")
    assert traces(stack) == before


def test_a_check_says_the_line_to_change_and_sends_nothing(api, deployment, stack):
    api.on(
        "GET", "/emails", Answer([{"id": number} for number in range(20)], headers={"Link": "</e?page=2>; rel=next"})
    )
    before = traces(stack)
    answer = deployment.run({"check": True, "sources": ["email"]})
    [trap] = answer["sources"]["email"]["traps"]
    assert trap["line"] == 'sources.email.pagination.style = "link_header"'
    assert api.asked("POST") == []
    assert traces(stack) == before
