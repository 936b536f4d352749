"""What was promised and what came: the demo's judgement of itself."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from local import runs
from local.runs import Execution
from local.sinks import Mail
from local.stack import Stack

FAILURES = ("rejected", "failed")
MOST_NAMED = 20
"""Of the communications that failed, a mail names so many."""


@dataclass(frozen=True)
class Check:
    """A promise, and what is not as promised: nothing, where all is well."""

    promise: str
    differences: tuple[str, ...] = ()


def equal(promise: str, wanted: object, got: object) -> Check:
    """Compare what was promised with what came."""
    return Check(promise, () if wanted == got else (f"expected {wanted}", f"got      {got}"))


def judge(stack: Stack, batch_size: int, answer: dict[str, Any], executions: list[Execution]) -> list[Check]:
    """Check everything that a run over the seeded communications promises."""
    return [
        *judge_run(stack, batch_size, answer, executions),
        *_at_the_application(stack),
        secrecy(stack, executions),
    ]


def judge_run(stack: Stack, batch_size: int, answer: dict[str, Any], executions: list[Execution]) -> list[Check]:
    """Check the run itself: batches, outcomes and mails."""
    expected = stack.expected
    total = len(expected)
    sizes = [min(batch_size, total - start) for start in range(0, total, batch_size)]
    batched = Counter(key for execution in executions for key in execution.ids)
    outcomes = {key: outcome for execution in executions for key, outcome in execution.outcomes.items()}
    statuses = [execution.status for execution in executions]
    right = ["FAILED" if failures(one.ids, expected) else "SUCCEEDED" for one in executions]
    mails = stack.mails.notifications()
    return [
        equal(f"{total} failed communications listed", total, answer["listed"]),
        equal(f"cut into batches: {in_words(sizes)}", sizes, [len(execution.ids) for execution in executions]),
        equal(f"{len(sizes)} executions started", len(sizes), len(set(answer["executions"]))),
        equal("each communication in one batch, once", Counter(expected.keys()), batched),
        Check("each with the outcome it was seeded for", differences(expected, outcomes)),
        equal("executions red where something failed, green elsewhere", right, statuses),
        equal(f"{len(sizes)} mails, one for each batch", len(sizes), len(mails)),
        Check(
            "each mail says how its batch went and names what failed",
            tuple(fault for one in executions for fault in _mail_faults(one, expected, mails)),
        ),
    ]


def failures(ids: tuple[str, ...], expected: dict[str, str]) -> set[str]:
    """Give those that should fail."""
    return {key for key in ids if expected.get(key) in FAILURES}


def differences(expected: dict[str, str], got: dict[str, str]) -> tuple[str, ...]:
    """Say of each communication whose outcome differs what was expected and what came."""
    keys = sorted(expected.keys() | got.keys())
    return tuple(
        f"{key}: expected {expected.get(key, 'nothing')}, got {got.get(key, 'nothing')}"
        for key in keys
        if expected.get(key) != got.get(key)
    )


def in_words(sizes: list[int]) -> str:
    """Tell sizes of batches: 20, 20 and 7; many equal ones as 40 of 5."""
    if not sizes:
        return "none"
    if len(sizes) > 4:
        kinds = Counter(sizes)
        return " and ".join(f"{number} of {size}" for size, number in kinds.items())
    return " and ".join(filter(None, [", ".join(map(str, sizes[:-1])), str(sizes[-1])]))


def _mail_faults(execution: Execution, expected: dict[str, str], mails: list[Mail]) -> list[str]:
    about = [mail for mail in mails if execution.arn in mail.body]
    if len(about) != 1:
        return [f"batch {execution.batch}: {len(about)} mails, expected 1"]
    mail, failed = about[0], failures(execution.ids, expected)
    named = set(re.findall(r"^- \S+ (\S+): ", mail.body, re.MULTILINE))
    total = len(execution.ids)
    told = f"{len(failed)} of {total}" if failed else f"{total} communication"
    faults = [] if told in mail.subject else [f"batch {execution.batch}: subject is {mail.subject!r}"]
    if not named <= failed or len(named) != min(len(failed), MOST_NAMED):
        faults.append(f"batch {execution.batch}: mail names {sorted(named)}, failed {sorted(failed)}")
    return faults


def _at_the_application(stack: Stack) -> list[Check]:
    requeued = {key for key, outcome in stack.expected.items() if outcome == "requeued"}
    others = stack.expected.keys() - requeued
    rows = stack.store.query("SELECT id, sent, status, enqueued, delivered FROM communication")
    found = {row.pop("id"): row for row in rows}
    once = {"sent": 1, "status": "sent", "enqueued": 1, "delivered": 1}
    never = {"sent": 0, "status": "failed", "enqueued": 0, "delivered": 0}
    return [
        Check(
            f"{len(requeued)} requeued ones: each enqueued once, delivered once, sent = 1",
            tuple(f"{key}: {found[key]}" for key in sorted(requeued) if found[key] != once),
        ),
        Check(
            f"{len(others)} others: never enqueued, never delivered, still failed",
            tuple(f"{key}: {found[key]}" for key in sorted(others) if found[key] != never),
        ),
        *at_the_customers(stack, requeued, "the requeued ones"),
    ]


def at_the_customers(stack: Stack, wanted: Collection[str], named: str) -> list[Check]:
    """Check what arrived: these, and nothing twice."""
    arrived = Counter(stack.mails.references() + stack.gateway.references())
    twice = tuple(f"{key}: arrived {number} times" for key, number in arrived.items() if number > 1)
    return [
        Check("nothing arrived at a customer twice", twice),
        equal(f"exactly {named} arrived at the customers", sorted(wanted), sorted(arrived)),
    ]


def secrecy(stack: Stack, executions: list[Execution], **more: str) -> Check:
    """Look for addresses and texts in everything that AWS and the operators got to see; `more` of it by its name."""
    contents = stack.store.query("SELECT id, recipient, body FROM communication")
    histories = {f"execution {one.arn}": runs.history(stack, one.arn) for one in executions}
    logs = {f"log of {name}": runs.log(stack, name) for name in stack.outputs["function_names"]}
    seen = {where: json.dumps(what, default=str) for where, what in (histories | logs).items()} | more
    seen["the mails"] = "\n".join(mail.subject + mail.body for mail in stack.mails.notifications())
    leaks = tuple(
        f"{row['id']} in {where}"
        for where, text in seen.items()
        for row in contents
        if row["recipient"] in text or row["body"] in text
    )
    return Check("no address and no text of a communication left the application", leaks)
