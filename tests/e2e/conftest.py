"""One local stack for all of these tests: the module applied once, then asked many things."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local import runs, verdict
from local.runs import Execution
from local.sinks import Mail
from local.stack import FIRST_LOOP, Stack, wait_until
from tests.e2e.scene import Scene
from tests.e2e.scripted_api import Answer, ScriptedApi

BATCH_SIZE = 20
MAX_ATTEMPTS = 3
MOST_DELETED = 25  # by one BatchWriteItem


def pytest_collection_modifyitems(items):
    """Let those come last that replace the seeded communications, and then the one that destroys the stack."""
    here = Path(__file__).parent

    def place(item):
        is_here, name = item.path.parent == here, item.path.name
        replaces = name.startswith("test_ledger") or name == "test_cost_model.py"
        return (is_here and name == "test_destroy.py", is_here and replaces)

    items.sort(key=place)


@dataclass
class Run:
    """A run that has ended, with everything it led to."""

    run_id: str
    answer: dict[str, Any]
    executions: list[Execution]
    mails: list[Mail]
    checks: list[verdict.Check] = field(default_factory=list)


@pytest.fixture(scope="session")
def stack(request):
    with Stack(failed=47, name="tests") as stack:
        stack.keeps_folder = True  # for its logs, unless everything went well
        stack.apply(batch_size=BATCH_SIZE, redrive_limit={"max_attempts": MAX_ATTEMPTS}, queue=FIRST_LOOP)
        yield stack
        stack.keeps_folder = request.session.testsfailed > 0


@pytest.fixture(scope="session")
def main_run(stack) -> Run:
    """The schedule fires on the 47 failed communications of the seed."""
    fired = stack.fire("2026-11-24T02:15:00Z")
    run_id = runs.run_id_of(fired["scheduledTime"])
    answer = runs.wait_for_answer(stack, run_id)
    executions = sorted(runs.follow(stack, answer["executions"]), key=lambda one: one.batch)
    wait_until(lambda: len(stack.mails.notifications()) >= len(executions), "the mails")
    settle()
    queued = "SELECT 1 FROM communication WHERE status = 'queued'"
    wait_until(lambda: not stack.store.query(queued), "the application's deliveries")
    checks = verdict.judge(stack, BATCH_SIZE, answer, executions)
    return Run(run_id, answer, executions, stack.mails.notifications(), checks)


@pytest.fixture(scope="session")
def scripted_api():
    with ScriptedApi() as api:
        yield api


@dataclass
class Deployed:
    """The deployed functions, and ways to configure and call them as an operator would, over AWS's API."""

    stack: Stack
    functions: dict[str, str]
    original: dict[str, dict[str, str]] = field(default_factory=dict)

    def configure(self, function: str, **changes: Any) -> None:
        """Change environment variables of a function; a value that is no text is written as JSON."""
        now = self.variables(function)
        self.original.setdefault(function, now)
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in changes.items()}
        self._set(function, now | texts)

    def _set(self, function: str, wanted: dict[str, str]) -> None:
        if wanted != self.variables(function):  # every change ends the warm sandboxes
            client, name = self.stack.client("lambda"), self.functions[function]
            client.update_function_configuration(FunctionName=name, Environment={"Variables": wanted})

    def variables(self, function: str) -> dict[str, str]:
        """Give the environment variables of a function as they are now."""
        client, name = self.stack.client("lambda"), self.functions[function]
        return client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def use_api(self, url: str, **changes: Any) -> None:
        """Let the functions call another API; the rest of `api` is as deployed but for the changes."""
        for function in ("list_failed", "requeue_communication", "worker"):
            self.configure(function)
            api = json.loads(self.original[function]["REDRIVE_API"]) | {"base_url": url} | changes
            self.configure(function, REDRIVE_API=api)

    def restore(self, *functions: str) -> None:
        """Give functions the environment they were deployed with: these, or every one."""
        for function, variables in self.original.items():
            if not functions or function in functions:
                self._set(function, variables)

    def run(self, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Invoke the lister and wait for its answer: what it returned, or `errorType` and `errorMessage`."""
        return self.invoke("list_failed", event or {})

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke a function and wait for its answer."""
        client = self.stack.client("lambda")
        answer = client.invoke(FunctionName=self.functions[function], Payload=json.dumps(event))
        return json.load(answer["Payload"])

    def ended(self, answer: dict[str, Any]) -> list[Execution]:
        """Wait for the executions of an answer, also of a run that failed, and give them."""
        run_id = answer.get("runId") or answer["errorMessage"].split()[1].rstrip(":")
        arns = runs.answers(self.stack)[run_id]["executions"]
        return sorted(runs.follow(self.stack, arns), key=lambda one: one.batch)

    def forget(self) -> None:
        """Let the ledger know of no communication."""
        client, table = self.stack.client("dynamodb"), self.stack.outputs["ledger_table_name"]
        keys = [
            key
            for page in client.get_paginator("scan").paginate(TableName=table, ProjectionExpression="communication")
            for key in page["Items"]
        ]
        for start in range(0, len(keys), MOST_DELETED):
            deletions = [{"DeleteRequest": {"Key": key}} for key in keys[start : start + MOST_DELETED]]
            client.batch_write_item(RequestItems={table: deletions})

    def mails_since(self, count: int, wanted: int, seconds: float = 15.0) -> list[Mail]:
        """Wait for so many more notifications, look whether more follow, and give them."""
        wait_until(lambda: len(self.stack.mails.notifications()) >= count + wanted, f"{wanted} mails", seconds)
        settle()
        return self.stack.mails.notifications()[count:]


def settle(seconds: float = 1.0) -> None:
    """Give what should not happen the time to happen."""
    time.sleep(seconds)


@pytest.fixture(scope="session")
def deployment(stack, main_run) -> Deployed:
    """The deployed functions; after the main run, which wants them as they were deployed."""
    return Deployed(stack, stack.outputs["function_names"])


@pytest.fixture
def as_deployed(deployment) -> Deployed:
    """The deployed functions, calling the example application."""
    deployment.restore()
    return deployment


@pytest.fixture
def api(deployment, scripted_api) -> ScriptedApi:
    """The scripted API, which the functions call in this test; it lists nothing and takes whatever is requeued.

    The ledger knows of nothing: tests may use the same ids.
    """
    scripted_api.reset()
    deployment.forget()
    for path in ("/emails", "/sms"):
        scripted_api.on("GET", path, Answer([]))
    scripted_api.on("POST", "/communications/requeue", Answer({}, 202))
    deployment.use_api(scripted_api.url)
    deployment.configure("list_failed", REDRIVE_SOURCES=sources())
    return scripted_api


@pytest.fixture(scope="module")
def scene(deployment) -> Iterator[Scene]:
    """The example application behind a wire that tests meddle with; batches of 100, not to wait for many."""
    with ScriptedApi() as wire:
        for function in ("list_failed", "requeue_communication", "ledger_admin"):
            deployment.configure(function)
            variables = deployment.original[function]
            changes: dict[str, Any] = {}
            if "REDRIVE_API" in variables:
                changes["REDRIVE_API"] = json.loads(variables["REDRIVE_API"]) | {"base_url": wire.url}
            if "REDRIVE_BATCH_SIZE" in variables:
                changes["REDRIVE_BATCH_SIZE"] = 100
            deployment.configure(function, **variables | changes)
        yield Scene(deployment, wire)


def sources(**email: Any) -> dict[str, Any]:
    """The sources of the scripted API: plain lists, with changes to the one for emails."""
    return {
        "email": {"path": "/emails", "operation": "send.email"} | email,
        "sms": {"path": "/sms", "operation": "send.sms"},
    }


@pytest.fixture
def mail_count(stack) -> int:
    """How many notifications there were before."""
    return len(stack.mails.notifications())
