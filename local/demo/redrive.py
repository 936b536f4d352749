"""The redrive alone: an application with a queue and workers of its own, and what they failed to send."""

from __future__ import annotations

from local.demo import steps
from local.stack import OPERATORS, Stack
from local.terminal import step
from local.verdict import Check, judge

INTRODUCTION = """
An application could not send some of its emails and SMS. A schedule fires, a Lambda lists them, a
state machine sends each one back through the application's API, and SNS mails how it went.
Terraform, the module, its Lambdas and the application are real; AWS itself is embedded.
"""


def demonstrate(stack: Stack, batch_size: int) -> list[Check]:
    """Run every step; give what was promised and what came."""
    with step("The application, with what it failed to send"):
        steps.show_counts(stack)
    with step("Terraform applies the module"):
        steps.apply(stack, batch_size)
    with step("The schedule fires"):
        answer = steps.fire(stack)
    with step(f"One execution of the state machine, with a child for each batch of {batch_size}"):
        run = steps.follow(stack, answer["execution"])
    with step(f"The digest, to {OPERATORS}"):
        steps.show_digests(stack, wanted=1 if run else 0)
    with step("The application afterwards"):
        steps.wait_for_deliveries(stack)
    return judge(stack, batch_size, answer, run)
