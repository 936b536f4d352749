"""After the demo: everything runs on, to be explored with a browser and the AWS CLI."""

from __future__ import annotations

import signal

from local import runs
from local.application import seed
from local.sinks import CUSTOMERS
from local.stack import CREDENTIALS, Stack
from local.terminal import say

GONE, BUSY = f"gone@{CUSTOMERS}", f"busy@{CUSTOMERS}"
TROUBLES = [*[None] * 7, f"refused:{seed.REFUSALS[1]}"]
"""A refusal is believed beside others that are accepted: it waits for a person."""


HOW_TO_RELEASE = """
Something waits for a person, and its cause is corrected by now. On the dashboard, in the widget for
operators: press "Release …" at its group, type your name and why, and press the button with the number.
The next run sends it (list-failed below starts one); then see it sent in the application.
"""


def stay(stack: Stack) -> None:
    """Leave everything running, and say how to explore it, until Ctrl-C."""
    say("\nOne more run, which finds something for a person to decide …", indent="")
    try:
        let_one_wait(stack)
    except TimeoutError as slow:
        say(f"It takes longer than usual: {slow}", indent="")
    say("\nStill running, until you press Ctrl-C. Look around in a browser:\n", indent="")
    say(f"{stack.application_url}/#token={stack.token}   the application", indent="  ")
    say(f"{stack.show_dashboard()}   the dashboard, with what waits for a person", indent="  ")
    stack.mails.refusals.for_good(GONE)
    stack.mails.refusals.for_now(BUSY)
    say(f"\nEmails to {GONE} are refused for good, those to {BUSY} for now.", indent="")
    say(HOW_TO_RELEASE, indent="")
    say("In another terminal:\n", indent="")
    for command in _commands(stack):
        say(command, indent="  ")
    try:
        signal.pause()
    except KeyboardInterrupt:
        say("\nStopping.", indent="")


def let_one_wait(stack: Stack) -> None:
    """See to it that something waits for a person, and correct its cause."""
    if not stack.invoke("ledger_admin", {"action": "groups"})["groups"]:
        [newest] = stack.store.query("SELECT coalesce(max(number), 0) AS number FROM communication")
        numbers = range(newest["number"] + 1, newest["number"] + 1 + len(TROUBLES))
        stack.store.compose([seed.compose("email", *each) for each in zip(numbers, TROUBLES, strict=True)])
        runs.follow(stack, stack.invoke("list_failed", {})["execution"])
    stack.store.let_all(None)


def _commands(stack: Stack) -> list[str]:
    settings = {"AWS_ENDPOINT_URL": stack.endpoint} | CREDENTIALS
    functions, queue = stack.outputs["function_names"], stack.outputs.get("queue")
    invoke = "AWS_MAX_ATTEMPTS=1 aws lambda invoke --cli-read-timeout 0"  # or the CLI starts another run after a minute
    commands = [
        f"export {' '.join(f'{name}={value}' for name, value in settings.items())}",
        f"aws stepfunctions list-executions --state-machine-arn {stack.outputs['state_machine_arn']}",
        f"{invoke} --function-name {functions['list_failed']} answer.json && cat answer.json",
        f"aws logs filter-log-events --log-group-name /aws/lambda/{functions['requeue_communication']} --output text",
        f"curl -X POST {stack.endpoint}/_local/schedules/{'/'.join(stack.schedule().values())}/fire",
        f"curl -H 'Authorization: Bearer {stack.token}' '{stack.application_url}/emails?status=failed'",
    ]
    if queue:
        sqs = "aws --endpoint-url $AWS_ENDPOINT_URL sqs"  # in the AWS CLI's version 1 the variable alone does not do
        look = "receive-message --visibility-timeout 30 --max-number-of-messages 10 --message-attribute-names All"
        arns = f"--source-arn {queue['dead_letter_arn']} --destination-arn {queue['arn']}"
        commands += [
            f"{sqs} get-queue-attributes --queue-url {queue['url']} --attribute-names All",
            f"{sqs} {look} --queue-url {queue['dead_letter_url']}",
            f"{sqs} start-message-move-task {arns} --max-number-of-messages-per-second 10",
            f"{sqs} list-message-move-tasks --source-arn {queue['dead_letter_arn']}",
        ]
    return commands
