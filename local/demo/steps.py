"""Steps of a demo: each does something with the stack and shows what came of it."""

from __future__ import annotations

import json
import time
from typing import Any

from local import runs
from local.runs import Run
from local.stack import Stack, wait_until
from local.terminal import letter, paint, pairs, progress, say
from local.verdict import Check

MOST_ROWS = 12


def show_counts(stack: Stack) -> None:
    """Show how many communications the application has, by kind and status."""
    counts = stack.store.counts()
    for kind in ("email", "sms"):
        told = [f"{counts.get(kind, {}).get(status, 0)} {status}" for status in ("queued", "sent", "failed")]
        pairs([(kind, ", ".join(told))])


def wait_for_deliveries(stack: Stack) -> None:
    """Wait until the application has sent what is in its own queue, and count again."""
    waiting = "SELECT 1 FROM communication WHERE status = 'queued' LIMIT 1"
    wait_until(lambda: not stack.store.query(waiting), "delivery of what is in the application's queue")
    show_counts(stack)


def apply(stack: Stack, batch_size: int) -> None:
    """Apply the module, and show how far it is."""
    started = time.monotonic()
    stack.apply(progress, batch_size=batch_size)
    progress()
    pairs(
        [
            ("applied", f"in {time.monotonic() - started:.0f} s"),
            ("state machine", stack.outputs["state_machine_name"]),
            ("schedule", stack.outputs["schedule_name"]),
            ("application", stack.application_url),
            ("embedded AWS", stack.endpoint),
        ]
    )


def fire(stack: Stack) -> dict[str, Any]:
    """Let the schedule fire, and give what the lister answered."""
    fired = stack.fire()
    progress("listing")
    answer = runs.wait_for_answer(stack, runs.run_id_of(fired["scheduledTime"]))
    progress()
    shown = answer | {"execution": (answer["execution"] or "").rpartition(":")[2] or None}
    pairs([("fired as of", fired["scheduledTime"]), ("it answered", json.dumps(shown))])
    return answer


def follow(stack: Stack, execution: str | None) -> Run | None:
    """Wait for a run's execution, show its batches, and give it; None where there is nothing to send."""
    if execution is None:
        say("none: there was nothing to send")
        return None
    run = runs.follow(stack, execution, lambda ended, total: progress(f"{ended} of {total} batches"))
    progress()
    for batch in run.batches[:MOST_ROWS]:
        counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(batch.counts().items(), reverse=True))
        say(f"batch {batch.number:<4} {len(batch.ids):>4} communications   {batch.seconds or 0:5.1f} s   {counts}")
    if len(run.batches) > MOST_ROWS:
        say(f"and {len(run.batches) - MOST_ROWS} more")
    ending = paint(run.status, "green" if run.status == "SUCCEEDED" else "red")
    say(f"{run.arn.rpartition(':')[2]} {ending} in {run.seconds or 0:.1f} s   {run.cause}")
    return run


def show_digests(stack: Stack, wanted: int, after: int = 0) -> None:
    """Wait for so many digests, see that no more come, and show them but for those `after` that were shown before."""
    wait_until(lambda: len(stack.mails.notifications()) >= wanted, f"{wanted} digests", seconds=15)
    time.sleep(0.5)  # one too many would come about now
    for mail in stack.mails.notifications()[after:]:
        letter([("From", mail.sender), ("To", mail.recipient), ("Subject", mail.subject)], mail.body)
    if not stack.mails.notifications():
        say("none: there was nothing to say")


def show_verdict(checks: list[Check], seconds: float) -> bool:
    """Show what is as promised and what is not; tell whether everything is."""
    say(paint("As promised?", "bold"), indent="")
    for check in checks:
        mark = paint("no ", "red") if check.differences else paint("yes", "green")
        say(f"{mark}   {check.promise}")
        for difference in check.differences[:MOST_ROWS]:
            say(f"        {difference}")
    is_good = not any(check.differences for check in checks)
    verdict = paint("Everything is as promised", "green") if is_good else paint("Not as promised", "red")
    say(f"\n{verdict}, after {seconds:.0f} s.", indent="")
    return is_good
