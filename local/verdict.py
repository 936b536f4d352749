"""What was promised and what came: the demo's judgement of itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from local import runs
from local.queues import DeadLetter
from local.runs import Run
from local.stack import MAX_RECEIVES, Stack

SENT = {"sent": 1, "status": "sent", "delivered": 1}
NEVER = {"sent": 0, "status": "failed", "delivered": 0, "enqueued": 0}
"""Columns of a communication that was delivered once, and of one that nobody took."""


@dataclass(frozen=True)
class Check:
    """A promise, and what is not as promised: nothing, where all is well."""

    promise: str
    differences: tuple[str, ...] = ()


def equal(promise: str, wanted: object, got: object) -> Check:
    """Compare what was promised with what came."""
    return Check(promise, () if wanted == got else (f"expected {wanted}", f"got      {got}"))


def judge(stack: Stack, batch_size: int, answer: dict[str, Any], run: Run | None) -> list[Check]:
    """Check everything that a run over the seeded communications promises."""
    requeued = {key for key, outcome in stack.expected.items() if outcome == "requeued"}
    wanted = {key: SENT | {"enqueued": 1} if key in requeued else NEVER for key in stack.expected}
    return [
        *judge_run(stack, batch_size, answer, run),
        Check(
            f"{len(requeued)} requeued ones: each enqueued once, delivered once, sent = 1; the others never",
            _otherwise(stack, wanted),
        ),
        *at_the_customers(stack, requeued, "the requeued ones"),
        secrecy(stack, run),
    ]


def judge_circle(
    stack: Stack, batch_size: int, answer: dict[str, Any], run: Run | None, letters: list[DeadLetter]
) -> list[Check]:
    """Check everything that the circle promises."""
    failed = sorted(stack.expected)
    ids = [row["id"] for row in stack.store.query("SELECT id FROM communication")]
    wanted = {key: SENT | {"enqueued": int(key in stack.expected)} for key in ids}
    met = stack.mails.refusals.met + stack.gateway.refusals.met
    too_often = [
        f"{one.primary_id}: {one.receives}" for one in letters if one.receives not in range(1, MAX_RECEIVES + 1)
    ]
    too_often += [f"{recipient}: {times}" for recipient, times in met.items() if times > MAX_RECEIVES]
    return [
        equal(
            f"{len(failed)} dead letters, one for each that failed", failed, sorted(one.primary_id for one in letters)
        ),
        Check(
            "each with a reason, and the application was told",
            tuple(f"{one.primary_id}: {one}" for one in letters if not (one.reason and one.application_told)),
        ),
        Check(f"none was received more than {MAX_RECEIVES} times, and no provider asked more often", tuple(too_often)),
        *judge_run(stack, batch_size, answer, run),
        Check(
            f"{len(ids)} composed ones: each delivered once, sent = 1; {len(failed)} requeued, once",
            _otherwise(stack, wanted),
        ),
        *at_the_customers(stack, ids, "the composed ones"),
        equal(
            f"{len(failed)} dead letters moved back: sent already, says the application",
            len(failed),
            already_sent(stack),
        ),
        secrecy(stack, run, **{"the dead letters": "\n".join(map(repr, letters))}),
    ]


def already_sent(stack: Stack) -> int:
    """Count the entries that the application answered as sent before."""
    return len(stack.store.query("SELECT key FROM answer WHERE status = 409"))


def judge_run(stack: Stack, batch_size: int, answer: dict[str, Any], run: Run | None) -> list[Check]:
    """Check the run itself: its execution, batches, outcomes and digest."""
    expected = stack.expected
    total = len(expected)
    listed = equal(f"{total} failed communications listed", total, answer["listed"])
    mails = stack.mails.notifications()
    if run is None:
        return [listed, equal("nothing to send: no execution, no digest", (0, 0), (answer["batches"], len(mails)))]
    sizes = [min(batch_size, total - start) for start in range(0, total, batch_size)]
    # what is refused for good is a person's, and said
    ending = ("FAILED", "RunIncomplete") if "failed" in expected.values() else ("SUCCEEDED", "")
    return [
        listed,
        equal(f"dealt into batches: {in_words(sizes)}", sizes, [len(batch.ids) for batch in run.batches]),
        equal(f"one execution with {len(sizes)} children", ["SUCCEEDED"] * len(sizes), [b.status for b in run.batches]),
        equal("each communication in one batch, once", Counter(expected.keys()), Counter(run.ids)),
        Check("each with the outcome it was seeded for", differences(expected, run.outcomes)),
        equal(f"the execution ends {' with '.join(filter(None, ending))}", ending, (run.status, run.error)),
        equal("one digest for the run", 1, len(mails)),
    ]


def differences(expected: Mapping[str, object], got: Mapping[str, object]) -> tuple[str, ...]:
    """Say of each communication with which something is otherwise what was expected and what came."""
    return tuple(
        f"{key}: expected {expected.get(key, 'nothing')}, got {got.get(key, 'nothing')}"
        for key in sorted(expected.keys() | got.keys())
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


def _otherwise(stack: Stack, wanted: Mapping[str, object]) -> tuple[str, ...]:
    """Say which communications are otherwise in the application's database than they should be."""
    rows = stack.store.query("SELECT id, sent, status, enqueued, delivered FROM communication")
    return differences(wanted, {key: row for row in rows if (key := row.pop("id")) in wanted})


def at_the_customers(stack: Stack, wanted: Collection[str], named: str) -> list[Check]:
    """Check what arrived: these, and nothing twice."""
    arrived = Counter(stack.mails.references() + stack.gateway.references())
    twice = tuple(f"{key}: arrived {number} times" for key, number in arrived.items() if number > 1)
    return [
        Check("nothing arrived at a customer twice", twice),
        equal(f"exactly {named} arrived at the customers", sorted(wanted), sorted(arrived)),
    ]


def secrecy(stack: Stack, run: Run | None, **more: str) -> Check:
    """Look for addresses and texts in everything that AWS and the operators got to see; `more` of it by its name."""
    contents = stack.store.query("SELECT id, recipient, body FROM communication")
    arns = [run.arn, *(batch.arn for batch in run.batches)] if run else []
    histories = {f"execution {arn}": runs.history(stack, arn) for arn in arns}
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
