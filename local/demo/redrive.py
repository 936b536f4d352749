"""The redrive alone: an application with a queue and workers of its own, and what they failed to send."""

from __future__ import annotations

from local.demo import steps
from local.stack import OPERATORS, Stack
from local.terminal import Steps, pairs
from local.verdict import Check, judge

INTRODUCTION = """
An application could not send some of its emails and SMS. A schedule fires, a Lambda lists them, a
state machine sends each one back through the application's API, and SNS mails how it went.
Terraform, the module, its Lambdas and the application are real; AWS itself is embedded.
"""


def demonstrate(stack: Stack, batch_size: int) -> list[Check]:
    """Run every step; give what was promised and what came."""
    numbered = Steps(7)
    with numbered.step("The application, with what it failed to send"):
        pairs([("application", stack.application_url), ("embedded AWS", stack.endpoint)])
        steps.show_counts(stack)
    with numbered.step("Terraform applies the module") as step:
        steps.apply(stack, step, batch_size)
    with numbered.step("The schedule fires") as step:
        answer = steps.fire(stack, step)
    with numbered.step(f"One execution of the state machine, with a child for each batch of {batch_size}") as step:
        run = steps.follow(stack, step, answer["execution"])
    with numbered.step("Outcomes"):
        steps.show_outcomes(stack, run)
    with numbered.step(f"The digest, to {OPERATORS}"):
        steps.show_digests(stack, wanted=1 if run else 0)
    with numbered.step("The application afterwards"):
        steps.wait_for_deliveries(stack)
    return judge(stack, batch_size, answer, run)
