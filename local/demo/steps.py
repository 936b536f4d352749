"""Steps of a demo: each does something with the stack and shows what came of it."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

from local import runs
from local.application import seed
from local.runs import Run
from local.stack import Stack, wait_until
from local.terminal import Step, letter, paint, pairs, say, table
from local.verdict import Check

MOST_ROWS = 12
STATUSES = ("queued", "sent", "failed")
MEANINGS = {
    "requeued": "the application took it back into its queue",
    "skipped": "it was queued or sent already",
    "refused": "the application refuses it for good: a person must look",
    "failed": "unavailable after every retry: a later run tries again",
}


def show_counts(stack: Stack) -> None:
    """Show how many communications the application has, by kind and status."""
    counts = stack.store.counts()
    rows = [[kind, *(counts.get(kind, {}).get(status, 0) for status in STATUSES)] for kind in ("email", "sms")]
    table(["", *STATUSES], rows)


def wait_for_deliveries(stack: Stack) -> None:
    """Wait until the application has sent what is in its own queue, and count again."""
    waiting = "SELECT 1 FROM communication WHERE status = 'queued' LIMIT 1"
    wait_until(lambda: not stack.store.query(waiting), "delivery of what is in the application's queue")
    show_counts(stack)


def apply(stack: Stack, step: Step, batch_size: int) -> None:
    """Apply the module, and show how far it is."""
    version, planned, done = "", 0, 0
    running: list[str] = []

    def watch(event: dict[str, Any]) -> None:
        nonlocal version, planned, done
        kind, hook = event["type"], event.get("hook", {})
        if kind == "version":
            version = event["terraform"]
        elif kind == "planned_change":
            planned += 1
        elif kind in ("apply_start", "apply_complete") and hook["action"] == "create":
            (running.append if kind == "apply_start" else running.remove)(hook["resource"]["resource_type"])
            done += kind == "apply_complete"
        waits = f", waiting for {running[0]}" if running else ""
        step.progress(f"{done} of {planned} resources{waits}" if planned else "planning")

    step.progress("initialising")
    stack.apply(watch, batch_size=batch_size)
    step.clear()
    rows = [("Terraform", f"{version}: {done} resources in {step.seconds:.0f} s")]
    if queue := stack.outputs.get("queue"):
        rows += [("queue", queue["name"]), ("dead letters", queue["dead_letter_name"])]
        rows += [("worker", stack.outputs["function_names"]["worker"])]
    rows += [("state machine", stack.outputs["state_machine_name"]), ("schedule", stack.outputs["schedule_name"])]
    pairs(rows)


def fire(stack: Stack, step: Step) -> dict[str, Any]:
    """Let the schedule fire, and give what the lister answered."""
    schedule = stack.client("scheduler").get_schedule(**stack.schedule())
    target = schedule["Target"]
    when = f"{schedule['ScheduleExpression']}, {schedule['ScheduleExpressionTimezone']}"
    pairs([("expression", when), ("target", target["Arn"].rpartition(":")[2]), ("input", target["Input"])])
    fired = stack.fire()
    step.progress("listing")
    asked = time.monotonic()
    answer = runs.wait_for_answer(stack, runs.run_id_of(fired["scheduledTime"]))
    took = time.monotonic() - asked
    step.clear()
    shown = answer | {"execution": (answer["execution"] or "").rpartition(":")[2] or None}
    pairs([("fired as of", fired["scheduledTime"]), ("it answered", f"after {took:.1f} s: {json.dumps(shown)}")])
    return answer


def follow(stack: Stack, step: Step, execution: str | None) -> Run | None:
    """Wait for a run's execution, show its batches, and give it; None where there is nothing to send."""
    if execution is None:
        say("none: there was nothing to send")
        return None
    run = runs.follow(stack, execution, lambda ended, total: step.progress(f"{ended} of {total} batches"))
    step.clear()
    for batch in run.batches[:MOST_ROWS]:
        counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(batch.counts().items(), reverse=True))
        say(f"batch {batch.number:<4} {len(batch.ids):>4} communications   {batch.seconds or 0:5.1f} s   {counts}")
    if len(run.batches) > MOST_ROWS:
        say(f"and {len(run.batches) - MOST_ROWS} more")
    ending = paint(run.status, "green" if run.status == "SUCCEEDED" else "red")
    say(f"{run.arn.rpartition(':')[2]} {ending} in {run.seconds or 0:.1f} s   {run.cause}")
    return run


def show_outcomes(stack: Stack, run: Run | None) -> None:
    """Show what came of the communications, beside what should have."""
    expected, got = seed.counted(stack.expected), run.counts() if run else Counter[str]()
    table(
        ["", "expected", "got", ""],
        [[outcome, expected.get(outcome, 0), got[outcome], f"   {MEANINGS[outcome]}"] for outcome in MEANINGS],
    )


def show_digests(stack: Stack, wanted: int, after: int = 0) -> None:
    """Wait for so many digests, see that no more come, and show them but for those `after` that were shown before."""
    wait_until(lambda: len(stack.mails.notifications()) >= wanted, f"{wanted} digests", seconds=15)
    time.sleep(0.5)  # one too many would come about now
    for number, mail in enumerate(stack.mails.notifications()[after:]):
        if number:
            say()
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
