"""One local stack for all of these tests in a process: the module applied once, then asked many things."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from local import browser, runs, verdict
from local.runs import Run
from local.sinks import Mail
from local.stack import DELIVERY_QUEUE, Stack, wait_until
from tests.e2e.scene import Scene
from tests.e2e.scripted_api import Answer, ScriptedApi

BATCH_SIZE = 20
MAX_ATTEMPTS = 3
MOST_DELETED = 25  # by one BatchWriteItem
QUICKER_RETRIES = {"backoff_rate": 1}
SETTLED_SECONDS = 0.7  # for a mail that should not come, to come

expect.set_options(timeout=30_000)  # of all pages: playwright keeps it once for the process


def pytest_collection_modifyitems(items):
    """Let the longest file begin first, then those of the main run, before others let the ledger forget it.

    Last come those that replace the seeded communications.
    """
    here = Path(__file__).parent

    def place(item):
        is_here, name = item.path.parent == here, item.path.name
        replaces = name.startswith("test_ledger") or name in ("test_limits.py", "test_cost_model.py")
        if not is_here:
            return 0
        return 3 if replaces else {"test_demo.py": 0, "test_main_run.py": 1}.get(name, 2)

    items.sort(key=place)


@dataclass
class MainRun:
    """The first run, when it has ended, with everything it led to."""

    answer: dict[str, Any]
    run: Run
    mails: list[Mail]
    checks: list[verdict.Check] = field(default_factory=list)


@pytest.fixture(scope="session")
def stack(request):
    with Stack(failed=47, name="tests") as stack:
        stack.keeps_folder = True  # for its logs, unless everything went well
        limit = {"max_attempts": MAX_ATTEMPTS}
        stack.apply(batch_size=BATCH_SIZE, redrive_limit=limit, retry=QUICKER_RETRIES, queue=DELIVERY_QUEUE)
        yield stack
        stack.keeps_folder = request.session.testsfailed > 0


@pytest.fixture(scope="session")
def console():
    """A stack whose functions nobody reconfigures for good: people look at it, and in the end it is destroyed."""
    with Stack(failed=4, name="console") as stack:
        stack.apply(batch_size=20, queue=DELIVERY_QUEUE)
        yield stack


@pytest.fixture(scope="session")
def main_run(stack) -> MainRun:
    """The schedule fires on the 47 failed communications of the seed."""
    fired = stack.fire("2026-11-24T02:15:00Z")
    answer = runs.wait_for_answer(stack, runs.run_id_of(fired["scheduledTime"]))
    run = runs.follow(stack, answer["execution"])
    wait_until(stack.mails.notifications, "the digest")
    settle()
    queued = "SELECT 1 FROM communication WHERE status = 'queued'"
    wait_until(lambda: not stack.store.query(queued), "the application's deliveries")
    checks = verdict.judge(stack, BATCH_SIZE, answer, run)
    return MainRun(answer, run, stack.mails.notifications(), checks)


@pytest.fixture(scope="module")
def chromium():
    program = browser.find()
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(browser.MISSING)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=browser.arguments())
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def scripted_api():
    with ScriptedApi() as api:
        yield api


@dataclass
class Deployed:
    """The deployed functions, and ways to configure and call them as an operator would, over AWS's API."""

    stack: Stack
    functions: dict[str, str]
    original: dict[str, dict[str, str]]

    def variables(self, function: str) -> dict[str, str]:
        """Give the environment variables of a function as they are now."""
        client, name = self.stack.client("lambda"), self.functions[function]
        return client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def configure(self, function: str, **changes: Any) -> None:
        """Change environment variables of a function; a value that is no text is written as JSON."""
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in changes.items()}
        self._set(function, self.variables(function) | texts)

    def change(self, variable: str, **fields: Any) -> None:
        """Change fields of a variable that holds JSON, in every function that has it; the others are as deployed."""
        for function, variables in self.original.items():
            if variable in variables:
                self.configure(function, **{variable: json.loads(variables[variable]) | fields})

    def use_api(self, url: str, **changes: Any) -> None:
        """Let the functions call another API; the rest of `api` is as deployed but for the changes."""
        self.change("REDRIVE_API", base_url=url, **changes)

    def restore(self, **variables: dict[str, Any]) -> None:
        """Give the functions the environment they were deployed with, and what is given here.

        Parameters
        ----------
        **variables
            For every function that has them, fields of variables that hold JSON, or other values.
        """
        for function, original in self.original.items():
            wanted = dict(original)
            for name, value in variables.items():
                if name in original:
                    whole = json.loads(original[name]) | value if isinstance(value, dict) else value
                    wanted[name] = json.dumps(whole)
            self._set(function, wanted)

    def _set(self, function: str, wanted: dict[str, str]) -> None:
        if wanted != self.variables(function):  # every change ends the warm sandboxes
            client, name = self.stack.client("lambda"), self.functions[function]
            client.update_function_configuration(FunctionName=name, Environment={"Variables": wanted})

    def run(self, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Invoke the lister and wait for its answer: what it returned, or `errorType` and `errorMessage`."""
        return self.stack.invoke("list_failed", event or {})

    def ended(self, answer: dict[str, Any]) -> Run:
        """Wait for the end of the run of an answer, and give it."""
        assert answer.get("execution"), answer
        return runs.follow(self.stack, answer["execution"])

    def forget(self) -> None:
        """Empty the table: no communication, no run, no digest, no order of an operator is known any more."""
        client, table = self.stack.client("dynamodb"), self.stack.outputs["ledger_table_name"]
        pages = client.get_paginator("scan").paginate(TableName=table, ProjectionExpression="pk, sk")
        keys = [key for page in pages for key in page["Items"]]
        for start in range(0, len(keys), MOST_DELETED):
            deletions = [{"DeleteRequest": {"Key": key}} for key in keys[start : start + MOST_DELETED]]
            client.batch_write_item(RequestItems={table: deletions})

    def mails_since(self, count: int, wanted: int, seconds: float = 60.0) -> list[Mail]:
        """Wait for so many more notifications, look whether more follow, and give them."""
        wait_until(lambda: len(self.stack.mails.notifications()) >= count + wanted, f"{wanted} mails", seconds)
        settle()
        return self.stack.mails.notifications()[count:]


def settle() -> None:
    """Give what should not happen the time to happen."""
    time.sleep(SETTLED_SECONDS)


@pytest.fixture(scope="session")
def deployment(stack, main_run) -> Deployed:
    """The deployed functions, with a clock that can be moved; after the main run, which wants them as deployed."""
    stack.move_clocks(0)
    functions = stack.outputs["function_names"]
    deployed = Deployed(stack, functions, {})
    deployed.original = {function: deployed.variables(function) for function in functions}
    return deployed


@pytest.fixture
def as_deployed(deployment, stack) -> Deployed:
    """The deployed functions, as they were deployed and with the time of this machine."""
    stack.move_clocks(-stack.clock)
    deployment.restore()
    return deployment


@pytest.fixture
def api(deployment, scripted_api) -> ScriptedApi:
    """The scripted API, which the functions call in this test; it lists nothing and takes whatever is requeued.

    The table is empty: tests may use the same ids.
    """
    scripted_api.reset()
    deployment.forget()
    for path in ("/emails", "/sms"):
        scripted_api.on("GET", path, Answer([]))
    scripted_api.on("POST", "/communications/requeue", Answer({}, 202))
    deployment.restore(REDRIVE_API={"base_url": scripted_api.url}, REDRIVE_SOURCES=sources())
    return scripted_api


@pytest.fixture(scope="session")
def scene(deployment) -> Iterator[Scene]:
    """The example application behind a wire that tests meddle with."""
    with ScriptedApi() as wire:
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
