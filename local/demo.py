"""The whole system on this machine: failed emails and SMS are found, sent back, and people are told.

Ends with 0 if everything is as promised, 1 if not, 130 when interrupted.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections import Counter
from typing import Any, NoReturn

from local import runs
from local.application import seed
from local.deploy import ROOT, DeploymentFailed
from local.processes import ProcessFailed
from local.runs import Execution
from local.sinks import Mail
from local.stack import CREDENTIALS, OPERATORS, Stack, wait_until
from local.terminal import Step, Steps, letter, paint, pairs, say, table
from local.verdict import Check, judge

INTRODUCTION = """
An application could not send some of its emails and SMS. A schedule fires, a Lambda lists them, a
state machine sends each one back through the application's API, batch by batch, and SNS mails how
it went. Terraform, the module, its Lambdas and the application are real; AWS itself is embedded.
"""
MOST_MAILS = 6
MOST_ROWS = 12
STATUSES = ("queued", "sent", "failed")
MEANINGS = {
    "requeued": "the application took it back into its queue",
    "skipped": "it was queued or sent already",
    "rejected": "the application refuses it for good: a person must look",
    "failed": "unavailable after every retry: the next run tries again",
}


def main() -> int:
    """Run the demo; give the exit code."""
    asked = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    started = time.monotonic()
    say(paint("Communications redrive, the whole of it on this machine", "bold"), indent="")
    say(INTRODUCTION, indent="")
    try:
        with Stack(asked.failed, name="demo") as stack:
            try:
                is_good = _demonstrate(stack, asked.batch_size, started)
            except (DeploymentFailed, TimeoutError) as error:
                is_good = False
                say(f"{paint('This did not work.', 'red')}\n{error}\n", indent="")
            if not is_good:
                stack.keeps_folder = True
                say(f"The logs of this run are in {stack.folder.relative_to(ROOT)}/", indent="")
            if asked.keep and stack.outputs:
                _stay(stack)
    except ProcessFailed as error:
        say(f"{paint('This did not work.', 'red')}\n{error}", indent="")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted; everything is stopped.", indent="")
        return 130
    return 0 if is_good else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--batch-size", type=int, default=20, metavar="1..100", help="communications a batch")
    parser.add_argument("--failed", type=int, default=47, help="failed communications at the beginning")
    parser.add_argument("--keep", action="store_true", help="stay up afterwards, to explore with the AWS CLI")
    asked = parser.parse_args()
    if not 1 <= asked.batch_size <= 100:
        parser.error("--batch-size must be from 1 to 100")
    if not 0 <= asked.failed <= 10_000:
        parser.error("--failed must be from 0 to 10000")
    return asked


def _interrupt(*_: object) -> NoReturn:
    """Begin to stop; a second Ctrl-C must not keep that from getting done."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _demonstrate(stack: Stack, batch_size: int, started: float) -> bool:
    """Run every step; tell whether everything is as promised."""
    steps = Steps(7)
    with steps.step("The application, with what it failed to send"):
        pairs([("application", stack.application_url), ("embedded AWS", stack.endpoint)])
        _show_counts(stack)
    with steps.step("Terraform applies the module") as step:
        _apply(stack, step, batch_size)
    with steps.step("The schedule fires") as step:
        answer = _fire(stack, step)
    with steps.step(f"A state machine execution for each batch of {batch_size}") as step:
        executions = _follow(stack, step, answer["executions"])
    with steps.step("Outcomes"):
        _show_outcomes(stack, executions)
    with steps.step(f"Mails to {OPERATORS}"):
        _show_mails(stack, executions)
    with steps.step("The application afterwards"):
        _wait_for_deliveries(stack)
        _show_counts(stack)
        _show_still_failed(stack, executions)
    return _show_verdict(judge(stack, batch_size, answer, executions), time.monotonic() - started)


def _show_counts(stack: Stack) -> None:
    counts = stack.store.counts()
    rows = [[kind, *(counts.get(kind, {}).get(status, 0) for status in STATUSES)] for kind in ("email", "sms")]
    table(["", *STATUSES], rows)


def _apply(stack: Stack, step: Step, batch_size: int) -> None:
    totals: Counter[str] = Counter()

    def watch(event: dict[str, Any]) -> None:
        if event["type"] == "version":
            totals["version"] = event["terraform"]
        elif event["type"] == "planned_change":
            totals["planned"] += 1
        elif event["type"] == "apply_complete" and event["hook"]["action"] == "create":
            totals["done"] += 1
        step.progress(f"{totals['done']} of {totals['planned']} resources" if totals["planned"] else "planning")

    step.progress("initialising")
    stack.apply(watch, batch_size=batch_size)
    step.clear()
    rows = [("Terraform", f"{totals['version']}: {totals['done']} resources in {step.seconds:.0f} s")]
    rows += [("state machine", stack.outputs["state_machine_name"]), ("schedule", stack.outputs["schedule_name"])]
    pairs(rows)


def _fire(stack: Stack, step: Step) -> dict[str, Any]:
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


def _follow(stack: Stack, step: Step, arns: list[str]) -> list[Execution]:
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


def _show_outcomes(stack: Stack, executions: list[Execution]) -> None:
    expected = seed.counted(stack.expected)
    got: Counter[str] = sum((execution.counts() for execution in executions), Counter())
    table(
        ["", "expected", "got", ""],
        [[outcome, expected.get(outcome, 0), got[outcome], f"   {MEANINGS[outcome]}"] for outcome in MEANINGS],
    )


def _show_mails(stack: Stack, executions: list[Execution]) -> None:
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


def _wait_for_deliveries(stack: Stack) -> None:
    waiting = "SELECT 1 FROM communication WHERE status = 'queued' LIMIT 1"
    wait_until(lambda: not stack.store.query(waiting), "delivery of what is in the application's queue")


def _show_still_failed(stack: Stack, executions: list[Execution]) -> None:
    why = {key: outcome for execution in executions for key, outcome in execution.outcomes.items()}
    rows = stack.store.query("SELECT id, kind, trouble FROM communication WHERE status = 'failed' ORDER BY number")
    if rows:
        say()
        say("still failed:")
    for row in rows[:MOST_ROWS]:
        reason = (row["trouble"] or "").partition(":")[2] or "no answer but 503"
        say(f"  {row['kind']:<6} {row['id']:<8} {why.get(row['id'], 'not tried'):<10} {reason}")
    if len(rows) > MOST_ROWS:
        say(f"  and {len(rows) - MOST_ROWS} more")


def _show_verdict(checks: list[Check], seconds: float) -> bool:
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


def _stay(stack: Stack) -> None:
    """Leave everything running, and say how to explore it, until Ctrl-C."""
    names = stack.outputs["function_names"]
    settings = {"AWS_ENDPOINT_URL": stack.endpoint} | CREDENTIALS
    commands = [
        f"export {' '.join(f'{name}={value}' for name, value in settings.items())}",
        f"aws stepfunctions list-executions --state-machine-arn {stack.outputs['state_machine_arn']}",
        f"aws lambda invoke --function-name {names['list_failed']} answer.json && cat answer.json",
        f"aws logs filter-log-events --log-group-name /aws/lambda/{names['requeue_communication']} --output text",
        f"curl -X POST {stack.endpoint}/_local/schedules/{'/'.join(stack.schedule().values())}/fire",
        f"curl -H 'Authorization: Bearer {stack.token}' '{stack.application_url}/emails?status=failed'",
    ]
    say("\nStill running, until you press Ctrl-C. Look around in another terminal:\n", indent="")
    for command in commands:
        say(command, indent="  ")
    try:
        signal.pause()
    except KeyboardInterrupt:
        say("\nStopping.", indent="")


if __name__ == "__main__":
    sys.exit(main())
