"""Steps of a demo: each does something with the stack and shows what came of it."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

from local import runs
from local.application import seed
from local.runs import Execution
from local.sinks import Mail
from local.stack import Stack, wait_until
from local.terminal import Step, letter, paint, pairs, say, table
from local.verdict import Check

MOST_MAILS = 6
MOST_ROWS = 12
STATUSES = ("queued", "sent", "failed")
MEANINGS = {
    "requeued": "the application took it back into its queue",
    "skipped": "it was queued or sent already",
    "rejected": "the application refuses it for good: a person must look",
    "failed": "unavailable after every retry: the next run tries again",
}


def show_counts(stack: Stack) -> None:
    """Show how many communications the application has, by kind and status."""
    counts = stack.store.counts()
    rows = [[kind, *(counts.get(kind, {}).get(status, 0) for status in STATUSES)] for kind in ("email", "sms")]
    table(["", *STATUSES], rows)


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
    shown = answer | {"executions": [arn.rpartition(":")[2] for arn in answer["executions"][:3]]}
    if len(answer["executions"]) > 3:
        shown["executions"].append(f"and {len(answer['executions']) - 3} more")
    pairs([("fired as of", fired["scheduledTime"]), ("it answered", f"after {took:.1f} s: {json.dumps(shown)}")])
    return answer


def follow(stack: Stack, step: Step, arns: list[str]) -> list[Execution]:
    """Wait for the executions, and give them, by batch."""
    ended: list[Execution] = []

    def waiting(running: int) -> None:
        step.progress(f"{running} of {len(arns)} executions running")

    for execution in runs.follow(stack, arns, waiting):
        ended.append(execution)
        step.clear()
        if len(ended) <= MOST_ROWS:
            _show_execution(execution)
    if rest := Counter(execution.status for execution in ended[MOST_ROWS:]):
        say(f"and {len(ended) - MOST_ROWS} more: {', '.join(f'{n} {status}' for status, n in rest.items())}")
    return sorted(ended, key=lambda execution: execution.batch)


def _show_execution(execution: Execution) -> None:
    colour = "green" if execution.status == "SUCCEEDED" else "red"
    counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(execution.counts().items(), reverse=True))
    say(
        f"batch {execution.batch:<4} {len(execution.ids):>4} communications   "
        f"{paint(f'{execution.status:<10}', colour)} {execution.seconds or 0:5.1f} s   {counts}"
    )


def show_outcomes(stack: Stack, executions: list[Execution]) -> None:
    """Show what came of the communications, beside what should have."""
    expected = seed.counted(stack.expected)
    got: Counter[str] = sum((execution.counts() for execution in executions), Counter())
    table(
        ["", "expected", "got", ""],
        [[outcome, expected.get(outcome, 0), got[outcome], f"   {MEANINGS[outcome]}"] for outcome in MEANINGS],
    )


def show_mails(stack: Stack, executions: list[Execution]) -> None:
    """Wait for the mail of each execution, and show some."""
    wait_until(
        lambda: len(stack.mails.notifications()) >= len(executions),
        f"a mail for each of {len(executions)} executions",
        seconds=15,
    )
    time.sleep(0.5)  # one too many would come about now
    mails = stack.mails.notifications()
    about = {mail: execution for execution in executions for mail in mails if execution.arn in mail.body}
    mails.sort(key=lambda mail: about[mail].batch if mail in about else 0)
    for number, mail in enumerate(_some_of_each(mails, about)):
        if number:
            say()
        letter([("From", mail.sender), ("To", mail.recipient), ("Subject", mail.subject)], mail.body)
    if not mails:
        say("none: there was nothing to tell")
    if len(mails) > MOST_MAILS:
        say(f"and {len(mails) - MOST_MAILS} more")


def _some_of_each(mails: list[Mail], about: dict[Mail, Execution]) -> list[Mail]:
    """Choose at most so many mails as a person reads, good news as well as bad."""
    good = [mail for mail in mails if mail in about and about[mail].status == "SUCCEEDED"]
    bad = [mail for mail in mails if mail not in good]
    bad_shown = bad[: max(MOST_MAILS // 2, MOST_MAILS - len(good))]
    shown = good[: MOST_MAILS - len(bad_shown)] + bad_shown
    return [mail for mail in mails if mail in shown]


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
