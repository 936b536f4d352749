"""What the whole circle promises, judged from what the application, its providers and AWS have."""

from __future__ import annotations

from typing import Any

from local.dead_letters import DeadLetter
from local.runs import Run
from local.stack import MAX_RECEIVES, Stack
from local.verdict import Check, at_the_customers, equal, judge_run, secrecy


def judge_circle(
    stack: Stack, batch_size: int, answer: dict[str, Any], run: Run | None, letters: list[DeadLetter]
) -> list[Check]:
    """Check everything that the circle promises."""
    failed = sorted(stack.expected)
    rows = {
        row.pop("id"): row
        for row in stack.store.query("SELECT id, sent, status, enqueued, delivered FROM communication")
    }
    once = {"sent": 1, "status": "sent", "delivered": 1}
    met = stack.mails.refusals.met + stack.gateway.refusals.met
    repeated = stack.store.query("SELECT key FROM answer WHERE status = 409")
    wrong = tuple(
        f"{key}: {row}" for key, row in rows.items() if row != once | {"enqueued": int(key in stack.expected)}
    )
    return [
        equal(
            f"{len(failed)} dead letters, one for each that failed", failed, sorted(one.primary_id for one in letters)
        ),
        Check(
            "each with a reason, and the application was told",
            tuple(f"{one.primary_id}: {one}" for one in letters if not (one.reason and one.application_told)),
        ),
        Check(
            f"none was received more than {MAX_RECEIVES} times, and no provider asked more often",
            tuple(
                f"{one.primary_id}: {one.receives}" for one in letters if not 1 <= (one.receives or 0) <= MAX_RECEIVES
            )
            + tuple(f"{recipient}: {times}" for recipient, times in met.items() if times > MAX_RECEIVES),
        ),
        *judge_run(stack, batch_size, answer, run),
        Check(f"{len(rows)} composed ones: each delivered once, sent = 1; {len(failed)} requeued, once", wrong),
        *at_the_customers(stack, rows.keys(), "the composed ones"),
        equal(f"{len(failed)} dead letters moved back: sent already, says the application", len(failed), len(repeated)),
        secrecy(stack, run, **{"the dead letters": "\n".join(map(repr, letters))}),
    ]
