"""An application with hundreds of failed communications, the module at work on them, and somebody who meddles.

What the functions call passes every request on to the real application, unless a test has something else done with it.
How often each communication was queued and delivered is counted there, and at its providers.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer

from local import runs
from local.application import seed
from local.runs import Run
from local.sinks import Mail
from local.stack import Stack, wait_until
from tests.e2e.scripted_api import Answer, Call, Rule, ScriptedApi, pass_on

if TYPE_CHECKING:
    from tests.e2e.conftest import Deployed

REQUEUE = "/communications/requeue"
SLOW = "slow:3600"
"""Lies in the application's queue, and in its list of what failed, until a test lets the workers go on."""

LEASE_SECONDS = 300
"""Longer than any lease of this deployment."""

HOUR = 3600
"""Longer than the first cooldown."""

MOST_SECONDS = 900
"""For a run, on a machine that does other things besides."""

AT_A_TIME = 2
"""Batches of a run that go on side by side, with `max_concurrency` 10."""

COMMUNICATION = "communication"
"""The sort key of a communication's item."""

_numbers = itertools.count(1_000_001)
_minutes = itertools.count(1)


class Scene:
    """One application, with ids that no other test uses, in front of a ledger that knows of nothing.

    Attributes
    ----------
    wire
        What the functions call; `through` says what becomes of a request to requeue.
    ids
        Of the failed communications, an SMS and an email in turn.
    """

    def __init__(self, deployed: Deployed, wire: ScriptedApi) -> None:
        self.deployed, self.wire, self.stack = deployed, wire, deployed.stack
        self.ids: list[str] = []
        self.application = pass_on(self.stack.application_url)
        self._known: set[str] = set()
        self._mails = self._mails_before = 0

    def begins(
        self,
        failed: int = 200,
        trouble: str | None = SLOW,
        settings: dict[str, Any] | None = None,
        **troubled: int,
    ) -> Scene:
        """Let so many communications have failed, half of them emails.

        Parameters
        ----------
        trouble
            What goes wrong with them: see `local/application/trouble.py`.
        settings
            Environment variables of the functions that are not as deployed, see `Deployed.restore`.
        **troubled
            How many of them have another trouble instead.
        """
        wait_until(lambda: "RUNNING" not in runs.statuses(self.stack).values(), "the end of what others began")
        self.deployed.restore(REDRIVE_API={"base_url": self.wire.url}, **(settings or {}))
        self.wire.reset()
        for path in ("/emails", "/sms"):
            self.wire.on("GET", path, self.application)
        self.wire.on("POST", REQUEUE, self.application)
        troubles = [kind for kind, count in troubled.items() for _ in range(count)]
        troubles = [{"refused": "refused:recipient has opted out"}.get(kind, kind) for kind in troubles]
        rows = [
            seed.compose("email" if index % 2 else "sms", next(_numbers), kind)
            for index, kind in enumerate(troubles + [trouble] * (failed - len(troubles)))
        ]
        with self.stack.store.transaction() as database:
            for table in ("queue", "answer", "communication"):
                database.execute(f"DELETE FROM {table}")
        self.stack.store.compose(rows)
        self.ids = [row["id"] for row in rows]
        self.deployed.forget()
        self._known = set(runs.statuses(self.stack))
        self._mails = self._mails_before = len(self.stack.mails.notifications())
        return self

    def those(self, trouble: str) -> list[str]:
        """Give the ids of the communications with a trouble."""
        rows = self.stack.store.query("SELECT id FROM communication WHERE trouble LIKE ? ORDER BY id", f"{trouble}%")
        return [row["id"] for row in rows]

    # What starts runs

    def run(self, **event: Any) -> Ended:
        """Let an operator invoke the lister, and see the run through."""
        answer = self.deployed.run(event)
        assert "errorType" not in answer, answer
        return self.ended(answer)

    def ended(self, answer: dict[str, Any]) -> Ended:
        """See a run through that the lister has answered for."""
        return Ended(
            answer, runs.follow(self.stack, answer["execution"], seconds=MOST_SECONDS) if answer["execution"] else None
        )

    def fires(self, scheduled_time: str | None = None) -> str:
        """Let the schedule fire; give the run's id."""
        return runs.run_id_of(self.stack.fire(scheduled_time or next_hour())["scheduledTime"])

    def answered(self, run_id: str, times: int = 1) -> dict[str, Any]:
        """Wait until the lister has answered so often for a run that it was not hindered; give its last answer."""
        return runs.wait_for_answer(self.stack, run_id, times=times)

    def skipped(self, run_id: str) -> list[dict[str, Any]]:
        """Give the lines of the log that say that a firing found another run on."""
        lines = runs.log(self.stack, "list_failed")
        return [line for line in lines if (line.get("message"), line.get("runId")) == ("run skipped", run_id)]

    def opened(self, run_id: str, go: str, times: int = 1) -> None:
        """Wait until so many batches of a run were answered in this way: `go`, `wait` or `skip`."""

        def count() -> int:
            lines = runs.log(self.stack, "batch")
            return sum((line.get("runId"), line.get("go")) == (run_id, go) for line in lines)

        wait_until(lambda: count() >= times, f"{times} batches that {go}")

    def later(self, seconds: float) -> None:
        """Move the clock of every function."""
        self.stack.move_clocks(seconds)

    def an_hour_later(self, *, but: Collection[str] = ()) -> None:
        """Let what was queued be sent, but for these, and the first cooldowns pass."""
        self.workers_go_on(but=but)
        self.later(HOUR)

    @contextmanager
    def machine(self, **changes: Any) -> Iterator[None]:
        """Have runs use another definition: keys of the deployed one changed, or states, by functions of them."""
        client, arn = self.stack.client("stepfunctions"), self.stack.outputs["state_machine_arn"]
        deployed = client.describe_state_machine(stateMachineArn=arn)["definition"]
        changed = json.loads(deployed)
        for name, value in changes.items():
            where = changed["States"] if callable(value) else changed
            where[name] = value(where[name]) if callable(value) else value
        client.update_state_machine(stateMachineArn=arn, definition=json.dumps(changed))
        try:
            yield
        finally:
            client.update_state_machine(stateMachineArn=arn, definition=deployed)

    def admin(self, action: str, *ids: str, **order: Any) -> dict[str, Any]:
        """Invoke `ledger_admin`."""
        if ids:
            order["communications"] = [{"primaryId": key, "operation": operation(key)} for key in ids]
        answer = self.stack.invoke("ledger_admin", {"action": action} | order)
        assert "errorType" not in answer, answer
        return answer

    def waiting(self) -> list[dict[str, Any]]:
        """Give all that waits for a person, page after page."""
        answer = self.admin("list")
        found: list[dict[str, Any]] = answer["communications"]
        while answer["next"]:
            answer = self.admin("list", next=answer["next"])
            found += answer["communications"]
        return found

    # What meddles

    def through(self, rule: Rule) -> None:
        """Let the requests to requeue go this way; `application` passes them on."""
        self.wire.on("POST", REQUEUE, rule)

    @contextmanager
    def held(self, after: int) -> Iterator[None]:
        """Let the API keep every request to requeue waiting, from so many on, until the block ends."""
        go_on = threading.Event()

        def hold(call: Call) -> Answer | None:
            if len(self.posts()) > after:
                go_on.wait(120)
            return self.application(call)

        self.through(hold)
        try:
            yield
        finally:
            go_on.set()

    def fault(self, operation: str, fault: str, count: int, **more: Any) -> None:
        """Let so many of DynamoDB's next requests for an operation be throttled, or delayed."""
        asked = {"service": "dynamodb", "operation": operation, "fault": fault, "count": count} | more
        self._faults("POST", asked)

    def faults_met(self) -> int:
        """Tell how many requests have met a fault."""
        return int(self._faults("GET")["met"])

    def faults_end(self) -> int:
        """Let DynamoDB be well again; tell how many requests had met a fault."""
        return int(self._faults("DELETE")["met"])

    def requests(self) -> Counter[str]:
        """Count DynamoDB's requests so far, by operation."""
        counted = self._faults("GET")["requests"]
        return Counter({key.removeprefix("dynamodb."): n for key, n in counted.items() if key.startswith("dynamodb.")})

    def _faults(self, method: str, asked: dict[str, Any] | None = None) -> dict[str, Any]:
        body = json.dumps(asked).encode() if asked else None
        request = urllib.request.Request(f"{self.stack.endpoint}/_local/faults", body, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return dict(json.load(answer))

    def kill(self, function: str = "requeue_communication") -> int:
        """Kill every runtime of a function; tell how many there were."""
        return kill(self.stack, function)

    def stop(self, execution: str) -> None:
        """Stop an execution as an operator does in the console."""
        client = self.stack.client("stepfunctions")
        client.stop_execution(executionArn=execution, error="Operator", cause="stopped by hand")

    # How it went

    def workers_go_on(self, *, but: Collection[str] = ()) -> None:
        """Let the application's workers send everything that is in its queue but these, and wait until they have."""
        others = f"WHERE id NOT IN ({', '.join('?' * len(but))})"

        def are_done() -> bool:
            with self.stack.store.transaction() as database:  # each time: a request may be under way still
                database.execute(f"UPDATE queue SET due = 0 {others} AND due > 0", list(but))
            return not self.stack.store.query(f"SELECT 1 FROM queue {others} LIMIT 1", *but)

        wait_until(are_done, "the application's deliveries")

    def enqueued(self, *ids: str) -> dict[str, int]:
        """Tell how often the application put communications in its queue; all of them where none is named."""
        return self._counted("enqueued", ids)

    def delivered(self, *ids: str) -> dict[str, int]:
        """Tell how often the application's providers took communications; all of them where none is named."""
        return self._counted("delivered", ids)

    def _counted(self, column: str, ids: tuple[str, ...]) -> dict[str, int]:
        rows = self.stack.store.query(f"SELECT id, {column} AS n FROM communication")
        return {row["id"]: row["n"] for row in rows if not ids or row["id"] in ids}

    def lost(self) -> list[str]:
        """Give what nobody got, when the workers have sent everything."""
        self.workers_go_on()
        counts = [self.delivered(), self._arrived()]
        return [key for key in self.ids if min(count[key] for count in counts) == 0]

    def duplicates(self) -> list[str]:
        """Give what was queued or delivered twice, when the workers have sent everything."""
        self.workers_go_on()
        counts = [self.enqueued(), self.delivered(), self._arrived()]
        return [key for key in self.ids if max(count[key] for count in counts) > 1]

    def _arrived(self) -> Counter[str]:
        return Counter(self.stack.mails.references() + self.stack.gateway.references())

    def keys(self) -> dict[str, list[str]]:
        """Give the idempotency keys with which each communication was sent, in order."""
        sent: dict[str, list[str]] = {}
        for call in self.posts():
            sent.setdefault(call.body["primaryId"], []).append(call.headers["Idempotency-Key"])
        return sent

    def sent_again(self) -> list[str]:
        """Give what was sent more than once, each time under the same key."""
        keys = self.keys()
        assert {len(set(sent)) for sent in keys.values()} == {1}, "another key"
        return sorted(key for key, sent in keys.items() if len(sent) > 1)

    def posts(self) -> list[Call]:
        """Give the requests to requeue."""
        return self.wire.asked("POST")

    def items(self) -> list[dict[str, Any]]:
        """Give everything in the table."""
        read = TypeDeserializer().deserialize
        return [{name: read(value) for name, value in item.items()} for item in self.raw_items()]

    def raw_items(self) -> list[dict[str, Any]]:
        """Give everything in the table, as DynamoDB writes it."""
        client, table = self.stack.client("dynamodb"), self.stack.outputs["ledger_table_name"]
        return [item for page in client.get_paginator("scan").paginate(TableName=table) for item in page["Items"]]

    def ledger(self) -> dict[str, dict[str, Any]]:
        """Give what the ledger has of each communication, by primary id."""
        return {item["pk"].partition(":")[2]: item for item in self.items() if item["sk"] == COMMUNICATION}

    def attempts(self, *ids: str) -> set[tuple[str, int]]:
        """Give states and attempts, as the ledger has them; of all where none is named."""
        known = self.ledger()
        return {(known[key]["state"], int(known[key]["attempts"])) for key in ids or known}

    def manual(self) -> list[str]:
        """Give what waits for a person."""
        return sorted(key for key, item in self.ledger().items() if item["state"] == "manual")

    def mails(self, wanted: int | None = None) -> list[Mail]:
        """Give the notifications since the last call: wait for so many, and look whether more come.

        Where none is said, it waits for those that the runs have decided to send.
        """
        if wanted is None:
            records = [item for item in self.items() if item["pk"] == "runs" and "digest" in item]
            wanted = self._mails_before + sum(item["digest"]["notify"] for item in records) - self._mails
        wait_until(lambda: len(self.stack.mails.notifications()) >= self._mails + wanted, f"{wanted} mails")
        time.sleep(0.7)
        everything = self.stack.mails.notifications()
        new, self._mails = everything[self._mails :], len(everything)
        return new

    def new_executions(self) -> list[str]:
        """Give the executions started since the last call."""
        now = set(runs.statuses(self.stack))
        new, self._known = now - self._known, now
        return sorted(new)


class Ended:
    """A run that has ended; `run` is None where nothing was started."""

    def __init__(self, answer: dict[str, Any], run: Run | None) -> None:
        self.answer, self.run = answer, run
        self.run_id: str = answer["runId"]
        self.outcomes = run.outcomes if run else {}
        self.status = run.status if run else ""

    @property
    def counts(self) -> Counter[str]:
        """Count its outcomes."""
        return Counter(self.outcomes.values())

    @property
    def skipped(self) -> dict[str, int]:
        """What the lister left out, and why."""
        return dict(self.answer["skipped"])


def operation(primary_id: str) -> str:
    """Give the operation of a communication of the example application."""
    return "send.email" if primary_id.startswith("em-") else "send.sms"


def kill(stack: Stack, function: str) -> int:
    """Kill every runtime of a function, as when a machine goes; tell how many there were."""
    name = stack.outputs["function_names"][function]
    wanted = {f"AWS_ENDPOINT_URL={stack.endpoint}", f"AWS_LAMBDA_FUNCTION_NAME={name}"}
    killed = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if not (process / "exe").readlink().name.startswith("python"):
                continue  # the emulator around it stays, as Lambda does
            if wanted <= set((process / "environ").read_text().split("\0")):
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
    return killed


def headline(mail: Mail) -> str:
    """Give the first line of a digest."""
    return mail.body.splitlines()[0]


def lines(mail: Mail) -> Counter[str]:
    """Add up the counts of a digest by the words that follow, up to a colon or a comma; some lines share them."""
    counted = mail.body.partition("listed as failed:")[2].partition("\n\n")[0]
    found = re.findall(r"^- ([\d,]+) ([^:,(]+)", counted, re.MULTILINE)
    total: Counter[str] = Counter()
    for number, words in found:
        total[words.strip()] += int(number.replace(",", ""))
    return total


def named(mails: list[Mail]) -> list[str]:
    """Give the ids that digests name, each as often as it is named."""
    rows = [row for mail in mails for row in re.findall(r"^- [\d,]+ x .*?: ([^:\n]*)$", mail.body, re.MULTILINE)]
    return sorted(key for row in rows for key in re.findall(r"em-\d+|\d{6,}", row))


def next_hour() -> str:
    """Give a scheduled time that no other firing has."""
    return (datetime(2026, 12, 1, tzinfo=UTC) + timedelta(minutes=next(_minutes))).strftime("%Y-%m-%dT%H:%M:%SZ")


def every(nth: int, *, otherwise: Rule, then: Rule) -> Rule:
    """Make a rule that treats the first request of every nth communication in another way."""
    seen: dict[str, int] = {}
    at_once = threading.Lock()

    def rule(call: Call) -> Answer | None:
        with at_once:
            is_first = call.body["primaryId"] not in seen
            number = seen.setdefault(call.body["primaryId"], len(seen))
        return then(call) if is_first and number % nth == 0 else otherwise(call)

    return rule
